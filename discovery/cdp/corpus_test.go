// SPDX-License-Identifier: Apache-2.0

package cdp

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/corpus"
)

// TestCorpus decodes the frame corpus whose folder COLVIN_FRAMES names: every
// frame of CDP says what the corpus' independent decode and its source say of
// it, and every other one is no CDP.
func TestCorpus(t *testing.T) {
	frames := readCorpus(t)
	decoded := 0
	for _, f := range frames {
		t.Run(f.id, func(t *testing.T) {
			got, reason := Decode(f.bytes)
			if f.protocol != "cdp" {
				if reason != NotCDP && reason != FrameTooShort {
					t.Errorf("%s frame: %v", f.protocol, reason)
				}
				return
			}
			decoded++
			if reason != Accepted {
				t.Fatalf("%s frame: %v", f.kind, reason)
			}
			checkInvariants(t, &got, f.bytes)
			checkDecoded(t, &f, &got)
			checkStates(t, &f, &got)
		})
	}
	if decoded == 0 {
		t.Errorf("no CDP among %d frames", len(frames))
	}
}

// checkDecoded compares every field with the corpus' independent decode.
func checkDecoded(t *testing.T, f *corpusFrame, n *discovery.Neighbor) {
	t.Helper()
	want := discovery.Neighbor{
		Protocol: discovery.ProtocolCDP, Source: n.Source, Destination: discovery.CDPGroup,
		MSAP: discovery.MSAP{Port: discovery.ID("mac:" + n.Source.String())}, // told below, but by one
	}
	var platform, software string
	for _, field := range f.decoded {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "cdp": // "v2 ttl 180"
			_, ttl, _ := strings.Cut(value, " ttl ")
			want.TTL = uint16(number(t, ttl, 16))
		case "device-id":
			want.Chassis, want.SystemName = discovery.ID("cdp:"+value), value
		case "port-id":
			want.Port = discovery.ID("ifname:" + value)
		case "addr", "mgmt":
			for a := range strings.SplitSeq(value, ",") {
				if a != "0.0.0.0" && !slices.Contains(want.ManagementAddresses, a) {
					want.ManagementAddresses = append(want.ManagementAddresses, a)
				}
			}
		case "caps":
			capable(capabilityNames(number(t, value, 32))...)(&want)
		case "version":
			software = strings.ReplaceAll(value, `\n`, `\x0a`)
		case "platform":
			platform = value
		case "native-vlan":
			want.PVID = uint16(number(t, value, 16))
		case "ERR":
			if value != "tlv 6 len 14" { // reaches two octets beyond the 802.3 length
				t.Errorf("the independent decode says %s", field)
			}
			platform = "cisco 1601"
		default:
			want.UnknownTLVs = append(want.UnknownTLVs, unknownTLV(t, name, value))
		}
	}
	want.SystemDescription = describe(platform, software)
	got := *n
	if short, cut := strings.CutSuffix(want.SystemDescription, "..."); cut && strings.HasPrefix(got.SystemDescription, short) {
		want.SystemDescription = got.SystemDescription
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("neighbor (-independent +decoded):\n%s", diff)
	}
}

// number reads a number as the corpus writes it.
func number(t *testing.T, s string, bits int) uint64 {
	t.Helper()
	v, err := strconv.ParseUint(s, 0, bits)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// capabilityNames are LLDP's names of what CDP calls its capabilities.
func capabilityNames(told uint64) []string {
	var names []string
	for bit, name := range map[uint64]string{
		0x01: "router", 0x02: "bridge", 0x04: "bridge", 0x08: "bridge", 0x10: "station",
		0x40: "repeater", 0x80: "telephone", 0x400: "tpmr",
	} {
		if told&bit != 0 {
			names = append(names, name)
		}
	}
	return names
}

// unknownTLV makes a TLV that is not decoded of what the independent decode says
// of it: "vtp-domain=BIT", "duplex=full", "cdp-tlv0x12=00".
func unknownTLV(t *testing.T, name, value string) discovery.TLV {
	t.Helper()
	switch name {
	case "vtp-domain":
		return discovery.TLV{Type: 0x09, Value: discovery.Octets(value)}
	case "duplex":
		return discovery.TLV{Type: 0x0b, Value: map[string]discovery.Octets{"half": {0}, "full": {1}}[value]}
	}
	octets, err := hex.DecodeString(value)
	typ, isTLV := strings.CutPrefix(name, "cdp-tlv")
	if err != nil || !isTLV {
		t.Fatalf("field %s=%s of the independent decode", name, value)
	}
	return discovery.TLV{Type: uint8(number(t, typ, 8)), Value: octets}
}

// checkStates compares with what the source says of its frame in words: "device
// R1, 192.168.10.1, port Ethernet0, router, platform cisco 1601".
func checkStates(t *testing.T, f *corpusFrame, n *discovery.Neighbor) {
	t.Helper()
	for _, said := range f.states {
		_, last, _ := strings.Cut(said, " ")
		var ok bool
		switch _, err := netip.ParseAddr(said); {
		case err == nil:
			ok = slices.Contains(n.ManagementAddresses, said)
		case strings.HasPrefix(said, "device "):
			ok = n.Chassis == discovery.ID("cdp:"+last)
		case strings.HasPrefix(said, "port "):
			ok = n.Port == discovery.ID("ifname:"+last)
		case strings.HasPrefix(said, "FastEthernet"):
			ok = n.Port == discovery.ID("ifname:"+said)
		case strings.HasPrefix(said, "platform "):
			ok = strings.HasPrefix(n.SystemDescription, last+", ")
		case strings.HasPrefix(said, "native VLAN "):
			ok = said == fmt.Sprint("native VLAN ", n.PVID)
		case strings.HasPrefix(said, "VTP "):
			ok = slices.ContainsFunc(n.UnknownTLVs, func(u discovery.TLV) bool { return u.Type == 0x09 && string(u.Value) == last })
		case strings.Contains(said, "duplex"):
			full := strings.HasPrefix(said, "full")
			ok = slices.ContainsFunc(n.UnknownTLVs, func(u discovery.TLV) bool { return u.Type == 0x0b && (u.Value[0] == 1) == full })
		case said == "router":
			ok = n.Capabilities.Enabled&discovery.CapabilityRouter != 0
		}
		if !ok {
			t.Errorf("the source says %q, decoded %+v", said, n)
		}
	}
}

// A corpusFrame is one frame of the corpus with what its comments say.
type corpusFrame struct {
	id       string
	kind     string   // "valid", "malformed"
	protocol string   // "cdp", "lldp" or another
	decoded  []string // "name=value"
	states   []string
	bytes    []byte
}

// readCorpus reads the frames that have an Ethernet header.
func readCorpus(t *testing.T) []corpusFrame {
	t.Helper()
	root, files := corpus.Open(t)
	var frames []corpusFrame
	for _, file := range files {
		text, err := fs.ReadFile(root, file)
		if err != nil {
			t.Fatal(err)
		}
		for paragraph := range strings.SplitSeq(string(text), "\n\n") {
			if f := readCorpusFrame(t, paragraph); f.bytes != nil && f.protocol != "lldpdu" {
				frames = append(frames, f)
			}
		}
	}
	return frames
}

// readCorpusFrame reads one frame, the last line, behind its comments.
func readCorpusFrame(t *testing.T, paragraph string) corpusFrame {
	t.Helper()
	said := map[string]string{}
	var f corpusFrame
	for line := range strings.Lines(paragraph) {
		line = strings.TrimSuffix(line, "\n")
		if comment, isComment := strings.CutPrefix(line, "# "); isComment {
			key, value, _ := strings.Cut(comment, ": ")
			said[key] = value
		} else if b, err := hex.DecodeString(line); err != nil {
			t.Fatalf("read frame %q: %v", said["id"], err)
		} else if len(b) > 0 {
			f.bytes = b
		}
	}
	f.id = said["id"]
	f.kind, f.protocol, _ = strings.Cut(said["kind"], " ")
	f.decoded = strings.Split(said["decoded"], "; ")
	if states := said["source-states"]; states != "" {
		f.states = strings.Split(states, ", ")
	}
	return f
}
