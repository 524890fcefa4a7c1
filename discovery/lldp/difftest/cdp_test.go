// SPDX-License-Identifier: Apache-2.0

//go:build linux

package difftest

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/cdp"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// TestCDP compares CDP frames of random TLVs, of which some go on behind their fields.
func TestCDP(t *testing.T) {
	netnstest.Require(t, netnstest.TShark)
	const seed, count = 1, 500
	random := rand.New(rand.NewPCG(seed, 0))
	frames := make([][]byte, count)
	for i := range frames {
		frames[i] = cdpFrame(random)
	}
	packets := dissect(t, pcapFile(t, frames))
	if len(packets) != len(frames) {
		t.Fatalf("tshark sees %d packets, want %d", len(packets), len(frames))
	}
	for i, frame := range frames {
		got, reason := cdp.Decode(frame)
		want, err := cdpNeighbor(&packets[i])
		if diff := cmp.Diff(want, got); diff != "" || err != nil || reason != cdp.Accepted {
			t.Errorf("frame %x: %v, %v (-tshark +decoded):\n%s", frame, reason, err, diff)
		}
	}
}

const (
	cdpAddressIPv4 = "\x01\x01\xcc\x00\x04"
	cdpAddressIPv6 = "\x02\x08\xaa\xaa\x03\x00\x00\x00\x86\xdd\x00\x10"
)

// cdpFrame returns a frame of both IDs and, each with even chances, of the TLVs that
// are decoded.
func cdpFrame(random *rand.Rand) []byte {
	octets := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.UintN(256))
		}
		return string(b)
	}
	optional := []struct {
		typ   uint16
		value string
	}{
		{0x02, "\x00\x00\x00\x01" + cdpAddressIPv4 + octets(4)},
		{0x04, octets(4)},
		{0x05, "IOS 15"},
		{0x06, "C1"},
		{0x0a, octets(2)},
		{0x11, "\x00\x00" + octets(2)},
		{0x14, "red"},
		{0x16, "\x00\x00\x00\x02" + cdpAddressIPv4 + octets(4) + cdpAddressIPv6 + octets(16)},
	}
	texts := []uint16{0x05, 0x06, 0x14}
	b := append([]byte("\xaa\xaa\x03\x00\x00\x0c\x20\x00\x02"), byte(random.UintN(256)), 0, 0)
	b = appendCDP(b, 0x01, "sw-red")
	b = appendCDP(b, 0x03, "Ethernet1")
	random.Shuffle(len(optional), func(i, j int) { optional[i], optional[j] = optional[j], optional[i] })
	for _, tlv := range optional[:random.IntN(len(optional)+1)] {
		if !slices.Contains(texts, tlv.typ) {
			tlv.value += octets(random.IntN(2) * random.IntN(9))
		}
		b = appendCDP(b, tlv.typ, tlv.value)
	}
	frame := []byte("\x01\x00\x0c\xcc\xcc\xcc\x02\x00\x00\x00\x01\x01")
	return append(binary.BigEndian.AppendUint16(frame, uint16(len(b))), b...)
}

func appendCDP(b []byte, typ uint16, value string) []byte {
	const headerLen = 4
	b = binary.BigEndian.AppendUint16(b, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(headerLen+len(value)))
	return append(b, value...)
}

// cdpNeighbor puts what tshark dissected into the form that package cdp decodes to. A
// native VLAN that is none, an MTU that no frame size can hold and an unspecified
// address say nothing there.
func cdpNeighbor(p *dissection) (discovery.Neighbor, error) {
	pdu, ok := find(p.Protocols, "cdp")
	if !ok {
		return discovery.Neighbor{}, errors.New("tshark finds no CDP")
	}
	eth, header := tlv{field: field{Fields: p.Protocols}}, tlv{field: pdu}
	n := discovery.Neighbor{
		Protocol: discovery.ProtocolCDP, Source: discovery.MAC(eth.octets("eth.src")), Destination: discovery.MAC(eth.octets("eth.dst")),
		TTL: uint16(header.number("cdp.ttl", 8)),
	}
	err := errors.Join(eth.err, header.err)
	var platform, software []string
	for _, f := range pdu.Fields {
		if f.Name != "" {
			continue // of the header
		}
		v := &tlv{field: f}
		switch kind := v.number("cdp.tlv.type", 16); kind {
		case 0x01:
			n.Chassis = discovery.ID("cdp:" + v.show("cdp.deviceid"))
			if n.SystemName == "" {
				n.SystemName = v.show("cdp.deviceid")
			}
		case 0x02, 0x16:
			addCDPAddresses(&n, v)
		case 0x03:
			n.Port = discovery.ID("ifname:" + v.show("cdp.portid"))
		case 0x04:
			n.Capabilities = cdpCapabilities(v)
		case 0x05:
			software = []string{v.show("cdp.software_version")}
		case 0x06:
			platform = []string{v.show("cdp.platform")}
		case 0x0a:
			n.PVID = vlan(v.number("cdp.native_vlan", 16))
		case 0x11:
			if mtu := v.number("cdp.mtu", 32); 0 < mtu && mtu <= 65535-18 {
				n.MaxFrameSize = uint16(mtu + 18)
			} else {
				n.UnknownTLVs = append(n.UnknownTLVs, discovery.TLV{Type: uint8(kind), Value: v.whole()[2:]})
			}
		case 0x14:
			n.SystemName = v.show("cdp.system_name")
		}
		err = errors.Join(err, v.err)
	}
	n.SystemDescription = strings.Join(append(platform, software...), ", ")
	return n, err
}

func addCDPAddresses(n *discovery.Neighbor, v *tlv) {
	for _, f := range v.Fields {
		_, text, _ := strings.Cut(f.Show, "address: ")
		if a, err := netip.ParseAddr(text); f.Name == "" && err == nil && !a.IsUnspecified() && !slices.Contains(n.ManagementAddresses, a.String()) {
			n.ManagementAddresses = append(n.ManagementAddresses, a.String())
		}
	}
}

func cdpCapabilities(v *tlv) discovery.Capabilities {
	var set discovery.CapabilitySet
	for name, c := range map[string]discovery.CapabilitySet{
		"router": discovery.CapabilityRouter, "trans_bridge": discovery.CapabilityBridge, "src_bridge": discovery.CapabilityBridge,
		"switch": discovery.CapabilityBridge, "host": discovery.CapabilityStation, "repeater": 1 << 1, "voip_phone": 1 << 5, "mac_relay": 1 << 10,
	} {
		if v.bool("cdp.capabilities." + name) {
			set |= c
		}
	}
	return discovery.Capabilities{Available: set, Enabled: set}
}
