// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// errTooLarge is a frame that is none.
var errTooLarge = fmt.Errorf("the frame is larger than %d octets", maxFrame)

// A packetReader returns the next packet, which is valid until the one after
// it, and how it begins. The error is io.EOF at the end of the file.
type packetReader func() ([]byte, layers.LinkType, error)

// openPcap reads a pcap file.
func openPcap(r io.Reader) (packetReader, error) {
	file, err := pcapgo.NewReader(r)
	if err != nil {
		return nil, err
	}
	file.SetSnaplen(maxFrame) // whatever the file says it is
	return func() ([]byte, layers.LinkType, error) {
		data, info, err := file.ZeroCopyReadPacketData()
		if errors.Is(err, io.EOF) && info.CaptureLength > 0 {
			err = io.ErrUnexpectedEOF // it ends behind the header of a packet
		}
		return data, file.LinkType(), err
	}, nil
}

// openPcapng reads a pcapng file.
func openPcapng(r io.Reader) (packetReader, error) {
	bounded := &allowance{r: r, left: maxOverhead}
	file, err := pcapgo.NewNgReader(bounded, pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		return nil, err
	}
	return func() ([]byte, layers.LinkType, error) {
		data, info, err := file.ZeroCopyReadPacketData()
		if err != nil {
			return nil, 0, err
		}
		if len(data) > maxFrame {
			return nil, 0, errTooLarge
		}
		bounded.left += len(data) + packetOverhead
		link, _ := info.AncillaryData[0].(layers.LinkType)
		return data, link, nil
	}, nil
}

// An allowance bounds what a pcapng file holds beside packets, since pcapgo keeps
// that (interfaces, names of addresses) in up to some twenty times the memory,
// and how large a packet is that it begins to read.
type allowance struct {
	r    io.Reader
	left int
}

const (
	maxOverhead    = 4 << 20
	packetOverhead = 64 // headers and options of a packet, about
)

var errOverhead = fmt.Errorf("more than %d octets of the file are in no packet, or in this one", maxOverhead)

// Read implements io.Reader.
func (a *allowance) Read(b []byte) (int, error) {
	if a.left <= 0 {
		return 0, errOverhead
	}
	n, err := a.r.Read(b[:min(len(b), a.left)])
	a.left -= n
	return n, err
}

// packets yields the packets of a pcap or pcapng file.
func packets(name string, open func(io.Reader) (packetReader, error), r io.Reader, yield func(Frame, error) bool) {
	next, err := open(r)
	if err != nil {
		yield(Frame{}, fmt.Errorf("read %s: %w", name, cutShort(err)))
		return
	}
	refused := map[layers.LinkType]bool{} // said once
	for n := 1; ; n++ {
		data, link, err := next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(Frame{}, fmt.Errorf("read %s: packet %d: %w", name, n, cutShort(err)))
			return
		}
		f := Frame{ID: strconv.Itoa(n)}
		if f.Bytes, err = ethernetFrame(link, data); err != nil {
			if refused[link] {
				continue
			}
			refused[link] = true
			f, err = Frame{}, fmt.Errorf("read %s: packet %d: %w", name, n, err)
		}
		if !yield(f, err) {
			return
		}
	}
}

// ethernetFrame returns the Ethernet frame that a packet holds.
func ethernetFrame(link layers.LinkType, data []byte) ([]byte, error) {
	switch link {
	case layers.LinkTypeEthernet:
		return data, nil
	case layers.LinkTypeLinuxSLL:
		return fromCooked(data), nil
	case layers.LinkTypeLinuxSLL2:
		return fromCooked2(data), nil
	default:
		return nil, fmt.Errorf("it begins with no Ethernet header (link type %d, %v): capture on an Ethernet interface", link, link)
	}
}

// cutShort says what it means that a file ends too early.
func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file is cut short here; what is before is whole")
	}
	return err
}
