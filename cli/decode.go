// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/mdlayher/ethernet"
	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/capture"
	"github.com/colvin-net/colvin/discovery/cdp"
	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/discovery/ra"
)

func (a *app) decode() *cobra.Command {
	return &cobra.Command{
		Use:   "decode [FILE|-]",
		Short: "Show what the LLDP and CDP frames and router advertisements of a capture say",
		Long: `decode reads a pcap or pcapng file, or text with frames in hex, and shows what
each LLDP and CDP frame and each IPv6 router advertisement in it says. Without a
FILE, or with "-", it reads standard input. The text may be pasted as it is, from a
terminal, from Wireshark or from a program:

  lines of hex   a frame each, the octets with or without blanks, colons, dashes,
                 commas or 0x; rows of one length are put together (xxd -p)
  dumps          tcpdump -xx and -XX, tshark -x, Wireshark's "Copy as Hex Dump",
                 xxd, hexdump -C, od -t x1, Format-Hex, captures of IOS, Junos and
                 FortiGate; headings around them are passed over
  strings        "\x01\x80...", "\n" among them, as C and Python write them
  arrays         {0x01, 0x80, ...} or [0x01, 0x80, ...]

A frame begins with its Ethernet header. An LLDPDU or a CDP packet alone, as tcpdump -x
and -X print it, is read as well: it has no From and To. "#" begins a comment, and the
comment "# id: X" names the next frame, which has a number otherwise.

Frames of other protocols are only counted; -o wide and -o json list them too.
What cannot be read is reported after the frames that can, with line and column.`,
		Example: `  tcpdump -U -w - -i eth1 ether proto 0x88cc | colvin decode
  tcpdump -xx -n -c 1 -i eth1 ether proto 0x88cc | colvin decode
  colvin decode capture.pcapng -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "-" {
				return a.decodeFile("standard input", cmd.InOrStdin())
			}
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("read frames: %w", err)
			}
			defer func() { _ = f.Close() }() // only read
			return a.decodeFile(args[0], f)
		},
	}
}

// decodeFile prints each frame as it is read, and returns what could not be. Of a text in
// which there is none, a few lines show that.
func (a *app) decodeFile(name string, r io.Reader) error {
	const mostErrors, mostOfNothing = 100, 5
	show := a.frameList()
	var failures []error
	count, good := 0, 0
	for f, err := range capture.Frames(name, r) {
		if err == nil {
			if err := show.add(decodeFrame(f)); err != nil {
				return err // nobody sees more
			}
			good++
			continue
		}
		if count++; count <= mostErrors {
			failures = append(failures, err)
		}
	}
	if err := show.end(); err != nil {
		return err
	}
	most := mostErrors
	_, isText := errors.AsType[*capture.TextError](errors.Join(failures...))
	if isText && good == 0 {
		most = mostOfNothing
	}
	if count > most {
		failures = append(failures[:most], fmt.Errorf("%d more of %s cannot be read", count-most, name))
	}
	if isText && good == 0 {
		failures = append(failures, fmt.Errorf("there is no frame in %s; \"colvin decode --help\" lists the forms that are read", name))
	}
	return errors.Join(failures...)
}

// The verdicts on a frame.
const (
	verdictAccepted  = "accepted"
	verdictDiscarded = "discarded"
	verdictShutdown  = "shutdown" // accepted, and its sender goes away
)

// A decodedFrame is one object of "colvin decode -o json". What is not said is
// absent, and an array is always one.
type decodedFrame struct {
	ID                  string                     `json:"id"`
	Verdict             string                     `json:"verdict"`
	Reason              string                     `json:"reason,omitempty"` // why it is discarded
	Protocol            discovery.Protocol         `json:"protocol,omitempty"`
	SourceMAC           discovery.MAC              `json:"sourceMAC,omitzero"`
	DestinationMAC      discovery.MAC              `json:"destinationMAC,omitzero"`
	Chassis             discovery.ID               `json:"chassis,omitempty"`
	Port                discovery.ID               `json:"port,omitempty"`
	TTL                 *uint16                    `json:"ttl,omitempty"` // seconds
	PortDescription     string                     `json:"portDescription,omitempty"`
	SystemName          string                     `json:"systemName,omitempty"`
	SystemDescription   string                     `json:"systemDescription,omitempty"`
	Capabilities        discovery.Capabilities     `json:"capabilities,omitzero"`
	ManagementAddresses []string                   `json:"managementAddresses"`
	PVID                uint16                     `json:"pvid,omitempty"`
	VLANs               []discovery.VLANName       `json:"vlans"`
	ManagementVID       uint16                     `json:"managementVID,omitempty"`
	LinkAggregation     *discovery.LinkAggregation `json:"linkAggregation,omitempty"`
	MaxFrameSize        uint16                     `json:"maxFrameSize,omitempty"`
	MACPHY              *discovery.MACPHY          `json:"macPhy,omitempty"`
	MED                 *discovery.MED             `json:"med,omitempty"`
	DCBX                *discovery.DCBX            `json:"dcbx,omitempty"`
	UnknownTLVs         []discovery.TLV            `json:"unknownTLVs"`
	DiscardedTLVs       int                        `json:"discardedTLVs"`
	Router              *discovery.Router          `json:"router,omitempty"`            // of view.ProtocolRA
	DiscardedPrefixes   int                        `json:"discardedPrefixes,omitempty"` // of view.ProtocolRA

	neighbor *discovery.Neighbor // all of it; nil where discarded, or a router says it
	noHeader bool                // nobody printed the link header
}

func decodeFrame(f capture.Frame) *decodedFrame {
	const addressesLen = 12
	d := &decodedFrame{
		ID: f.ID, Verdict: verdictDiscarded, noHeader: f.NoHeader,
		ManagementAddresses: []string{}, VLANs: []discovery.VLANName{}, UnknownTLVs: []discovery.TLV{},
	}
	if len(f.Bytes) >= addressesLen {
		d.DestinationMAC, d.SourceMAC = discovery.MAC(f.Bytes), discovery.MAC(f.Bytes[len(discovery.MAC{}):])
	}
	switch l, reason := lldp.Decode(f.Bytes); reason {
	case lldp.Accepted:
		d.DiscardedTLVs = l.Discarded
		d.say(&l.Neighbor)
	case lldp.NotLLDP:
		d.decodeCDP(f.Bytes)
	case lldp.FrameTooShort:
		d.Reason = reason.String()
	default:
		d.Protocol, d.Reason = discovery.ProtocolLLDP, reason.String()
	}
	return d
}

// decodeCDP decodes a frame that is not LLDP.
func (d *decodedFrame) decodeCDP(b []byte) {
	n, reason := cdp.Decode(b)
	switch {
	case reason == cdp.Accepted:
		d.say(&n)
	case reason == cdp.NotCDP, reason == cdp.FrameTooShort && d.DestinationMAC != discovery.CDPGroup:
		d.decodeRA(b)
	default:
		d.Protocol, d.Reason = discovery.ProtocolCDP, reason.String()
	}
}

// decodeRA decodes a frame that is neither LLDP nor CDP.
func (d *decodedFrame) decodeRA(b []byte) {
	b, tag := untagged(b)
	said, reason := ra.Decode(b)
	switch reason {
	case ra.Accepted:
		d.Protocol, d.Verdict = view.ProtocolRA, verdictAccepted
		d.Router, d.DiscardedPrefixes = &said.Router, said.Discarded
		d.Router.Tag = tag
	case ra.NotRA, ra.FrameTooShort:
		d.Reason = lldp.NotLLDP.String()
	default:
		d.Protocol, d.Reason = view.ProtocolRA, reason.String()
	}
}

// untagged is a frame without its VLAN tags, and the VID of the first; 0 where it has none,
// or one that is only a priority.
func untagged(frame []byte) (b []byte, vid uint16) {
	const addressesLen, tagLen = 12, 4
	b = frame
	for len(b) >= addressesLen+tagLen {
		switch ethernet.EtherType(binary.BigEndian.Uint16(b[addressesLen:])) {
		case ethernet.EtherTypeVLAN, ethernet.EtherTypeServiceVLAN:
		default:
			return b, vid
		}
		vid = cmp.Or(vid, binary.BigEndian.Uint16(b[addressesLen+2:])&discovery.TagUnknown)
		b = slices.Concat(b[:addressesLen], b[addressesLen+tagLen:])
	}
	return b, vid
}

// say takes over what a neighbour says.
func (d *decodedFrame) say(n *discovery.Neighbor) {
	d.Verdict, d.neighbor = verdictAccepted, n
	if n.TTL == 0 {
		d.Verdict = verdictShutdown
	}
	d.Protocol, d.Chassis, d.Port, d.TTL = n.Protocol, n.Chassis, n.Port, &n.TTL
	d.PortDescription, d.SystemName, d.SystemDescription = n.PortDescription, n.SystemName, n.SystemDescription
	d.Capabilities = n.Capabilities
	d.PVID, d.ManagementVID = n.PVID, n.ManagementVID
	d.LinkAggregation, d.MaxFrameSize, d.MACPHY, d.MED, d.DCBX = n.LinkAggregation, n.MaxFrameSize, n.MACPHY, n.MED, n.DCBX
	d.ManagementAddresses = append(d.ManagementAddresses, n.ManagementAddresses...)
	d.VLANs = append(d.VLANs, n.VLANs...)
	d.UnknownTLVs = append(d.UnknownTLVs, n.UnknownTLVs...)
}
