// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

// tlv builds one TLV from its type and the parts of its value.
func tlv(typ lldp.TLVType, parts ...any) []byte {
	value := join(parts...)
	return append([]byte{byte(typ)<<1 | byte(len(value)>>8), byte(len(value))}, value...)
}

// org builds an organizationally specific TLV.
func org(oui string, subtype byte, parts ...any) []byte {
	return tlv(lldp.TLVTypeOrganizationSpecific, oui, subtype, join(parts...))
}

// join puts octets (int or byte), strings and byte slices behind one another.
func join(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case byte:
			b = append(b, p)
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

const (
	dot1OUI = "\x00\x80\xc2"
	dot3OUI = "\x00\x12\x0f"
	tiaOUI  = "\x00\x12\xbb"
	mac1    = "\x02\x00\x00\x00\x01\x01"
	mac2    = "\x02\x00\x00\x00\x02\x02"
	group   = "\x01\x80\xc2\x00\x00\x0e"
)

var (
	chassisTLV = tlv(1, 4, mac1)
	portTLV    = tlv(2, 5, "Ethernet1")
	ttlTLV     = tlv(3, 0, 120)
	endTLV     = tlv(0)
	ids        = discovery.MSAP{Chassis: "mac:02:00:00:00:01:01", Port: "ifname:Ethernet1"}
)

// neighbor is what the mandatory TLVs above say, with a change applied.
func neighbor(change func(*discovery.Neighbor)) discovery.Neighbor {
	n := discovery.Neighbor{Protocol: discovery.ProtocolLLDP, MSAP: ids, TTL: 120}
	if change != nil {
		change(&n)
	}
	return n
}

// pdu builds an LLDPDU from the mandatory TLVs and these optional ones.
func pdu(optional ...any) []byte {
	return join(chassisTLV, portTLV, ttlTLV, join(optional...), endTLV)
}

func TestDecodeHeader(t *testing.T) {
	tests := map[string]struct {
		header []byte
		want   Reason
	}{
		"untagged":           {join(group, mac1, 0x88, 0xcc), Accepted},
		"unicast":            {join(mac2, mac1, 0x88, 0xcc), Accepted},
		"802.1Q tag":         {join(group, mac1, 0x81, 0, 0, 9, 0x88, 0xcc), Accepted},
		"802.1ad and Q tags": {join(group, mac1, 0x88, 0xa8, 0, 9, 0x81, 0, 0, 1, 0x88, 0xcc), Accepted},
		"IPv4":               {join(group, mac1, 0x08, 0), NotLLDP},
		"802.3 length":       {join(group, mac1, 0, 0x80), NotLLDP},
		"tagged IPv6":        {join(group, mac1, 0x81, 0, 0, 9, 0x86, 0xdd), NotLLDP},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, reason := Decode(join(test.header, pdu()))
			var want Frame
			if test.want == Accepted {
				want.Neighbor = neighbor(func(n *discovery.Neighbor) {
					n.Destination, n.Source = discovery.MAC(test.header), discovery.MAC(test.header[6:])
				})
			}
			checkFrame(t, f, reason, want, test.want)
		})
	}
	for _, header := range []string{"", group, group + mac1, group + mac1 + "\x88", group + mac1 + "\x81\x00\x00", group + mac1 + "\x81\x00\x00\x09\x88"} {
		f, reason := Decode([]byte(header))
		checkFrame(t, f, reason, Frame{}, FrameTooShort)
	}
}

func checkFrame(t *testing.T, got Frame, reason Reason, want Frame, wantReason Reason) {
	t.Helper()
	if reason != wantReason {
		t.Errorf("reason %v, want %v", reason, wantReason)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("frame (-want +got):\n%s", diff)
	}
}

func TestDecodeMandatory(t *testing.T) {
	long := strings.Repeat("x", 256)
	tests := map[string]struct {
		pdu  []byte
		want Reason
	}{
		"empty":                     {nil, ChassisIDMissing},
		"end only":                  {endTLV, ChassisIDMissing},
		"half a TLV header":         {[]byte{2}, TruncatedTLV},
		"port ID first":             {join(portTLV, chassisTLV, ttlTLV, endTLV), ChassisIDMissing},
		"optional TLV first":        {join(tlv(5, "sw"), chassisTLV, portTLV, ttlTLV, endTLV), ChassisIDMissing},
		"chassis ID empty":          {join(tlv(1), portTLV, ttlTLV, endTLV), ChassisIDLength},
		"chassis ID subtype only":   {join(tlv(1, 7), portTLV, ttlTLV, endTLV), ChassisIDLength},
		"chassis ID too long":       {join(tlv(1, 7, long), portTLV, ttlTLV, endTLV), ChassisIDLength},
		"chassis ID truncated":      {chassisTLV[:5], TruncatedTLV},
		"chassis ID twice at first": {join(chassisTLV, chassisTLV, portTLV, ttlTLV, endTLV), PortIDMissing},
		"no port ID":                {join(chassisTLV, ttlTLV, endTLV), PortIDMissing},
		"nothing after chassis ID":  {chassisTLV, PortIDMissing},
		"port ID subtype only":      {join(chassisTLV, tlv(2, 5), ttlTLV, endTLV), PortIDLength},
		"port ID too long":          {join(chassisTLV, tlv(2, 5, long), ttlTLV, endTLV), PortIDLength},
		"no TTL":                    {join(chassisTLV, portTLV, endTLV), TTLMissing},
		"TTL of one octet":          {join(chassisTLV, portTLV, tlv(3, 9), endTLV), TTLLength},
		"TTL truncated":             {join(chassisTLV, portTLV, ttlTLV[:3]), TruncatedTLV},
		"chassis ID twice":          {pdu(chassisTLV), DuplicateMandatory},
		"port ID twice":             {pdu(tlv(5, "sw"), portTLV), DuplicateMandatory},
		"TTL twice":                 {pdu(ttlTLV), DuplicateMandatory},
		"no End":                    {join(chassisTLV, portTLV, ttlTLV), NoEnd},
		"no End after options":      {join(chassisTLV, portTLV, ttlTLV, tlv(5, "sw")), NoEnd},
		"half an End":               {join(chassisTLV, portTLV, ttlTLV, 0), TruncatedTLV},
		"End with a value":          {join(chassisTLV, portTLV, ttlTLV, tlv(0, "x")), EndLength},
		"optional TLV truncated":    {join(chassisTLV, portTLV, ttlTLV, 5<<1, 9, "sw", endTLV), TruncatedTLV},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, reason := DecodePDU(test.pdu)
			checkFrame(t, f, reason, Frame{}, test.want)
		})
	}
}

// TestDecodeLongestIDs has chassis and port ID of as many octets as they may have.
func TestDecodeLongestIDs(t *testing.T) {
	long := strings.Repeat("x", 255)
	f, reason := DecodePDU(join(tlv(1, 7, long), tlv(2, 7, long), ttlTLV, endTLV))
	want := neighbor(func(n *discovery.Neighbor) {
		n.Chassis, n.Port = discovery.ID("local:"+long), discovery.ID("local:"+long)
	})
	checkFrame(t, f, reason, Frame{Neighbor: want}, Accepted)
}

// optionalTests: optional TLVs behind the mandatory ones, none of which makes a
// frame be discarded.
var optionalTests = map[string]struct {
	tlvs      []byte
	want      func(*discovery.Neighbor)
	discarded int
}{
	"none": {},
	"texts": {
		tlvs: join(tlv(4, "uplink"), tlv(5, "sw-green"), tlv(6, "a\nb")),
		want: func(n *discovery.Neighbor) {
			n.PortDescription, n.SystemName, n.SystemDescription = "uplink", "sw-green", `a\x0ab`
		},
	},
	"texts of the greatest length and none": {
		tlvs: join(tlv(4, strings.Repeat("x", 255)), tlv(5)),
		want: func(n *discovery.Neighbor) { n.PortDescription = strings.Repeat("x", 255) },
	},
	"text too long": {tlvs: tlv(5, strings.Repeat("x", 256)), discarded: 1},
	"text padded with NUL": {
		tlvs: tlv(5, "sw\x00\x00junk"),
		want: func(n *discovery.Neighbor) { n.SystemName = "sw" },
	},
	"texts twice": {
		tlvs: join(tlv(4, "1"), tlv(4, "2"), tlv(5, "1"), tlv(5, "2"), tlv(6, "1"), tlv(6, "2")),
		want: func(n *discovery.Neighbor) {
			n.PortDescription, n.SystemName, n.SystemDescription = "1", "1", "1"
		},
		discarded: 3,
	},
	"a bad one does not count as the first": {
		tlvs:      join(tlv(5, strings.Repeat("x", 256)), tlv(5, "sw")),
		want:      func(n *discovery.Neighbor) { n.SystemName = "sw" },
		discarded: 1,
	},
	"capabilities": {
		tlvs: tlv(7, 0xff, 0xff, 0, 0x14),
		want: func(n *discovery.Neighbor) {
			n.Capabilities = discovery.Capabilities{
				Available: discovery.KnownCapabilities,
				Enabled:   discovery.CapabilityBridge | discovery.CapabilityRouter,
			}
		},
	},
	"capability enabled but not there": {tlvs: tlv(7, 0, 0x04, 0, 0x14), discarded: 1},
	"reserved capability enabled":      {tlvs: tlv(7, 0, 0, 0x80, 0)},
	"capabilities too short":           {tlvs: tlv(7, 0, 0x14, 0), discarded: 1},
	"management addresses": {
		tlvs: join(
			tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0),
			tlv(8, 17, 2, "\x20\x01\x0d\xb8", make([]byte, 11), 1, 1, 0, 0, 0, 0, 2, 0x2b, 6),
			tlv(8, 7, 6, mac2, 1, 0, 0, 0, 0, 0),
			tlv(8, 4, 16, "sw1", 1, 0, 0, 0, 0, 0),
		),
		want: func(n *discovery.Neighbor) {
			n.ManagementAddresses = []string{"192.0.2.1", "2001:db8::1", "mac:02:00:00:00:02:02", "family16:737731"}
		},
	},
	"management addresses of the greatest length, with the longest OID": {
		tlvs: tlv(8, 32, 16, strings.Repeat("x", 31), 1, 0, 0, 0, 0, 128, string(zero[:128])),
		want: func(n *discovery.Neighbor) {
			n.ManagementAddresses = []string{"family16:" + strings.Repeat("78", 31)}
		},
	},
	"bad management addresses": {
		tlvs: join(
			tlv(8),
			tlv(8, 5, 1, 192, 0, 2), // ends in the address
			tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7),                          // no OID length
			tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 1),                       // ends before the OID
			tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 129, string(zero[:129])), // OID too long
			tlv(8, 1, 1, 2, 0, 0, 0, 7, 0),                                     // no address
			tlv(8, 33, 16, string(zero[:32]), 2, 0, 0, 0, 7, 0),                // address too long
			tlv(8, 5, 2, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0),                       // IPv6 of 4 octets
			tlv(8, 17, 1, string(zero[:16]), 2, 0, 0, 0, 7, 0),                 // IPv4 of 16 octets
			tlv(8, 5, 6, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0),                       // MAC of 4 octets
			tlv(8, 5, 0, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0),                       // reserved family
		),
		discarded: 11,
	},
	"management address twice": {
		tlvs: join(
			tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0),
			tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 8, 0)),
		want:      func(n *discovery.Neighbor) { n.ManagementAddresses = []string{"192.0.2.1"} },
		discarded: 1,
	},
	"PVID":                {tlvs: org(dot1OUI, 1, 0, 100), want: func(n *discovery.Neighbor) { n.PVID = 100 }},
	"PVID, the greatest":  {tlvs: org(dot1OUI, 1, 0x0f, 0xfe), want: func(n *discovery.Neighbor) { n.PVID = 4094 }},
	"PVID 0":              {tlvs: org(dot1OUI, 1, 0, 0)},
	"PVID reserved":       {tlvs: org(dot1OUI, 1, 0x0f, 0xff)},
	"PVID out of range":   {tlvs: org(dot1OUI, 1, 0x10, 0x64)},
	"PVID too short":      {tlvs: org(dot1OUI, 1, 100), discarded: 1},
	"PVID twice":          {tlvs: join(org(dot1OUI, 1, 0, 100), org(dot1OUI, 1, 0, 200)), want: func(n *discovery.Neighbor) { n.PVID = 100 }, discarded: 1},
	"PVID 0, then a PVID": {tlvs: join(org(dot1OUI, 1, 0, 0), org(dot1OUI, 1, 0, 200)), discarded: 1},
	"VLAN names, sorted, no name twice": {
		tlvs: join(org(dot1OUI, 3, 0, 200, 4, "blue"), org(dot1OUI, 3, 0, 100, 5, "green"), org(dot1OUI, 3, 0, 150, 0), org(dot1OUI, 3, 0, 200, 3, "red")),
		want: func(n *discovery.Neighbor) {
			n.VLANs = []discovery.VLANName{{ID: 100, Name: "green"}, {ID: 150}, {ID: 200, Name: "blue"}}
		},
		discarded: 1,
	},
	"VLAN name of the greatest length, with a control character": {
		tlvs: org(dot1OUI, 3, 0, 1, 32, strings.Repeat("x", 31), 7),
		want: func(n *discovery.Neighbor) {
			n.VLANs = []discovery.VLANName{{ID: 1, Name: strings.Repeat("x", 31) + `\x07`}}
		},
	},
	"bad VLAN names": {
		tlvs: join(
			org(dot1OUI, 3),
			org(dot1OUI, 3, 0, 100),                 // no length
			org(dot1OUI, 3, 0, 100, 6, "green"),     // length past the end
			org(dot1OUI, 3, 0, 0, 5, "green"),       // no VLAN
			org(dot1OUI, 3, 0x0f, 0xff, 5, "green"), // reserved
		),
		discarded: 5,
	},
	"VLAN name longer than allowed": {
		tlvs: join(org(dot1OUI, 3, 0, 100, 33, strings.Repeat("x", 33)), org(dot1OUI, 3, 0, 200, 255, strings.Repeat("y", 255), "more")),
		want: func(n *discovery.Neighbor) {
			n.VLANs = []discovery.VLANName{{ID: 100, Name: strings.Repeat("x", 33)}, {ID: 200, Name: strings.Repeat("y", 255)}}
		},
	},
	"management VID":               {tlvs: org(dot1OUI, 6, 0, 10), want: func(n *discovery.Neighbor) { n.ManagementVID = 10 }},
	"management VID 0":             {tlvs: org(dot1OUI, 6, 0, 0)},
	"management VID out of range":  {tlvs: org(dot1OUI, 6, 0x1f, 0xff)},
	"management VID too short":     {tlvs: org(dot1OUI, 6, 10), discarded: 1},
	"management VID twice":         {tlvs: join(org(dot1OUI, 6, 0, 10), org(dot1OUI, 6, 0, 20)), want: func(n *discovery.Neighbor) { n.ManagementVID = 10 }, discarded: 1},
	"link aggregation":             {tlvs: org(dot1OUI, 7, 3, 0, 1, 0, 5), want: aggregation(true, true, 0x10005)},
	"link aggregation, port type":  {tlvs: org(dot1OUI, 7, 0x0d, 0, 0, 0, 0), want: aggregation(true, false, 0)},
	"link aggregation, not there":  {tlvs: org(dot1OUI, 7, 0, 0, 0, 0, 0), want: aggregation(false, false, 0)},
	"link aggregation, old":        {tlvs: org(dot3OUI, 3, 1, 0, 0, 0, 9), want: aggregation(true, false, 9)},
	"link aggregation, old first":  {tlvs: join(org(dot3OUI, 3, 1, 0, 0, 0, 9), org(dot1OUI, 7, 3, 0, 0, 0, 5)), want: aggregation(true, true, 5)},
	"link aggregation, old second": {tlvs: join(org(dot1OUI, 7, 3, 0, 0, 0, 5), org(dot3OUI, 3, 1, 0, 0, 0, 9)), want: aggregation(true, true, 5)},
	"link aggregation, old where the new one is bad": {
		tlvs:      join(org(dot1OUI, 7, 3, 0, 0, 0), org(dot3OUI, 3, 1, 0, 0, 0, 9)),
		want:      aggregation(true, false, 9),
		discarded: 1,
	},
	"link aggregation twice": {
		tlvs: join(
			org(dot1OUI, 7, 3, 0, 0, 0, 5), org(dot1OUI, 7, 1, 0, 0, 0, 6),
			org(dot3OUI, 3, 3, 0, 0, 0, 7), org(dot3OUI, 3, 1, 0, 0, 0, 8)),
		want:      aggregation(true, true, 5),
		discarded: 2,
	},
	"bad link aggregation": {
		tlvs: join(
			org(dot1OUI, 7), org(dot1OUI, 7, 3, 0, 0, 0), org(dot3OUI, 3, 3, 0, 0, 0)),
		discarded: 3,
	},
	"bad old link aggregation behind a new one": {
		tlvs:      join(org(dot1OUI, 7, 3, 0, 0, 0, 5), org(dot3OUI, 3, 3, 0, 0, 0)),
		want:      aggregation(true, true, 5),
		discarded: 1,
	},
	"MAC/PHY": {
		tlvs: org(dot3OUI, 1, 3, 0x6c, 0x01, 0, 30),
		want: func(n *discovery.Neighbor) {
			n.MACPHY = &discovery.MACPHY{AutoNegotiationSupported: true, AutoNegotiationEnabled: true, Advertised: 0x6c01, MAUType: 30}
		},
	},
	"MAC/PHY without auto-negotiation": {
		tlvs: org(dot3OUI, 1, 1, 0, 0, 0, 16),
		want: func(n *discovery.Neighbor) {
			n.MACPHY = &discovery.MACPHY{AutoNegotiationSupported: true, MAUType: 16}
		},
	},
	"bad MAC/PHY": {tlvs: org(dot3OUI, 1, 3, 0x6c, 0x01, 0), discarded: 1},
	"MAC/PHY twice": {
		tlvs:      join(org(dot3OUI, 1, 0, 0, 0, 0, 30), org(dot3OUI, 1, 1, 0, 0, 0, 30)),
		want:      func(n *discovery.Neighbor) { n.MACPHY = &discovery.MACPHY{MAUType: 30} },
		discarded: 1,
	},
	"maximum frame size":       {tlvs: org(dot3OUI, 4, 0x24, 0x14), want: func(n *discovery.Neighbor) { n.MaxFrameSize = 9236 }},
	"maximum frame size twice": {tlvs: join(org(dot3OUI, 4, 5, 0xee), org(dot3OUI, 4, 0, 1)), want: func(n *discovery.Neighbor) { n.MaxFrameSize = 1518 }, discarded: 1},
	"bad maximum frame size":   {tlvs: org(dot3OUI, 4, 9), discarded: 1},
	"network policies, one for an application": {
		tlvs: join(
			org(tiaOUI, 2, 1, 0x40, 0x65, 0xae),
			org(tiaOUI, 2, 2, 0x80, 0, 0),
			org(tiaOUI, 2, 1, 0, 0, 0),
			org(tiaOUI, 2, 8, 0x5f, 0xff, 0xff),
			org(tiaOUI, 2, 0, 0, 0, 0)),
		want: func(n *discovery.Neighbor) {
			n.MED = &discovery.MED{NetworkPolicies: []discovery.NetworkPolicy{
				{Application: 1, Tagged: true, VID: 50, Priority: 6, DSCP: 46},
				{Application: 2, Unknown: true},
				{Application: 8, Tagged: true, VID: 4095, Priority: 7, DSCP: 63},
				{},
			}}
		},
		discarded: 1,
	},
	"bad network policies": {tlvs: org(tiaOUI, 2, 1, 0x40, 0x65), discarded: 1},
	"DCBX": {
		tlvs: join(
			org(dot1OUI, 9, 0xc3, "\x01\x23\x45\x6f", 10, 20, 30, 40, 0, 0, 0, 100, 2, 2, 2, 0, 1, 255, 3, 254),
			org(dot1OUI, 10, 0xff, "\x00\x01\x00\x00", 60, 40, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0),
			org(dot1OUI, 11, 0xf8, 0x88),
			org(dot1OUI, 12, 0xff, 0x61, 0x89, 0x06, 0x83, 0x12, 0xb7, 0x7d, 0, 26)),
		want: func(n *discovery.Neighbor) {
			n.DCBX = &discovery.DCBX{
				ETSConfiguration: &discovery.ETSConfiguration{
					Willing: true, CreditBasedShaper: true, MaxTrafficClasses: 3,
					ETS: discovery.ETS{
						TrafficClasses: [8]uint8{0, 1, 2, 3, 4, 5, 6, 15},
						Bandwidths:     [8]uint8{10, 20, 30, 40, 0, 0, 0, 100},
						Algorithms:     [8]discovery.TransmissionChoice{2, 2, 2, 0, 1, 255, 3, 254},
					},
				},
				ETSRecommendation: &discovery.ETS{
					TrafficClasses: [8]uint8{3: 1}, Bandwidths: [8]uint8{60, 40}, Algorithms: [8]discovery.TransmissionChoice{2, 2},
				},
				PFC: &discovery.PFC{Willing: true, MBC: true, MaxTrafficClasses: 8, Enabled: 1<<3 | 1<<7},
				ApplicationPriorities: []discovery.ApplicationPriority{
					{Priority: 3, Selector: discovery.SelectEtherType, Protocol: 0x8906},
					{Priority: 4, Selector: discovery.SelectUDP, Protocol: 4791},
					{Priority: 3, Selector: discovery.SelectDSCP, Protocol: 26},
				},
			}
		},
	},
	"DCBX that says nothing": {
		tlvs: join(org(dot1OUI, 9, make([]byte, 21)), org(dot1OUI, 11, 0, 0), org(dot1OUI, 12, 0)),
		want: func(n *discovery.Neighbor) {
			n.DCBX = &discovery.DCBX{ETSConfiguration: &discovery.ETSConfiguration{MaxTrafficClasses: 8}, PFC: &discovery.PFC{}}
		},
	},
	"DCBX twice": {
		tlvs: join(
			org(dot1OUI, 9, 1, make([]byte, 20)), org(dot1OUI, 9, 2, make([]byte, 20)),
			org(dot1OUI, 10, make([]byte, 21)), org(dot1OUI, 10, 1, 1, make([]byte, 19)),
			org(dot1OUI, 11, 1, 1), org(dot1OUI, 11, 2, 2),
			org(dot1OUI, 12, 0, 0x21, 0, 1), org(dot1OUI, 12, 0, 0x41, 0, 2)),
		want: func(n *discovery.Neighbor) {
			n.DCBX = &discovery.DCBX{
				ETSConfiguration: &discovery.ETSConfiguration{MaxTrafficClasses: 1}, ETSRecommendation: &discovery.ETS{},
				PFC:                   &discovery.PFC{MaxTrafficClasses: 1, Enabled: 1},
				ApplicationPriorities: []discovery.ApplicationPriority{{Priority: 1, Selector: 1, Protocol: 1}},
			}
		},
		discarded: 4,
	},
	"bad DCBX": {
		tlvs:      join(org(dot1OUI, 9, make([]byte, 20)), org(dot1OUI, 10, make([]byte, 20)), org(dot1OUI, 11, 1), org(dot1OUI, 12)),
		want:      func(n *discovery.Neighbor) { n.DCBX = &discovery.DCBX{} },
		discarded: 4,
	},
	"unknown": {
		tlvs: join(
			tlv(9), tlv(15, "a"), tlv(16, "b"), tlv(17, "c"), tlv(126, "x"),
			org(dot1OUI, 2, 1), org(dot1OUI, 2, 2), org(dot1OUI, 0), org(dot1OUI, 16), org(dot1OUI, 17, "d"), org(dot1OUI, 193),
			org(dot3OUI, 2, 1), org(dot3OUI, 19, 1, 2), org(tiaOUI, 1, 0, 0x27, 4), org(tiaOUI, 18, "e"), org(dot3OUI, 5),
			org("\x00\x00\x00", 5, "no system name"), org("\x00\x1b\x21", 2, "yz")),
		want: func(n *discovery.Neighbor) {
			raw := func(typ, subtype uint8, oui, value string) discovery.TLV {
				t := discovery.TLV{Type: typ, Subtype: subtype, Value: discovery.Octets(value)}
				copy(t.OUI[:], oui)
				return t
			}
			n.UnknownTLVs = []discovery.TLV{
				raw(9, 0, "", ""), raw(15, 0, "", "a"), raw(16, 0, "", "b"), raw(17, 0, "", "c"), raw(126, 0, "", "x"),
				raw(127, 2, dot1OUI, "\x01"), raw(127, 2, dot1OUI, "\x02"), raw(127, 0, dot1OUI, ""), raw(127, 16, dot1OUI, ""),
				raw(127, 17, dot1OUI, "d"), raw(127, 193, dot1OUI, ""),
				raw(127, 2, dot3OUI, "\x01"), raw(127, 19, dot3OUI, "\x01\x02"), raw(127, 1, tiaOUI, "\x00\x27\x04"), raw(127, 18, tiaOUI, "e"),
				raw(127, 5, dot3OUI, ""),
				raw(127, 5, "", "no system name"), raw(127, 2, "\x00\x1b\x21", "yz"),
			}
		},
	},
	"organizationally specific, too short": {tlvs: join(tlv(127), tlv(127, dot1OUI)), discarded: 2},
}

func aggregation(capable, enabled bool, portID uint32) func(*discovery.Neighbor) {
	return func(n *discovery.Neighbor) {
		n.LinkAggregation = &discovery.LinkAggregation{Capable: capable, Enabled: enabled, PortID: portID}
	}
}

var zero = make([]byte, 256)

func TestDecodeOptional(t *testing.T) {
	for name, test := range optionalTests {
		t.Run(name, func(t *testing.T) {
			want := Frame{Neighbor: neighbor(test.want), Discarded: test.discarded}
			f, reason := DecodePDU(pdu(test.tlvs))
			checkFrame(t, f, reason, want, Accepted)
		})
	}
}

// fixedTests: values of TLVs whose length follows from their fields.
var fixedTests = map[string]struct {
	typ   lldp.TLVType
	value []byte
}{
	"capabilities":         {7, join(0, 0x14, 0, 0x14)},
	"management address":   {8, join(5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0)},
	"the same with an OID": {8, join(5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 2, 0x2b, 6)},
	"PVID":                 {127, join(dot1OUI, 1, 0, 100)},
	"VLAN name":            {127, join(dot1OUI, 3, 1, 0x2c, 7, "storage")},
	"VLAN name, empty":     {127, join(dot1OUI, 3, 1, 0x2c, 0)},
	"VLAN name, long":      {127, join(dot1OUI, 3, 1, 0x2c, 33, strings.Repeat("x", 33))},
	"management VID":       {127, join(dot1OUI, 6, 0, 100)},
	"link aggregation":     {127, join(dot1OUI, 7, 3, 0, 1, 0, 5)},
	"MAC/PHY":              {127, join(dot3OUI, 1, 3, 0x6c, 0x01, 0, 30)},
	"old link aggregation": {127, join(dot3OUI, 3, 1, 0, 0, 0, 9)},
	"maximum frame size":   {127, join(dot3OUI, 4, 0x24, 0x14)},
	"network policy":       {127, join(tiaOUI, 2, 1, 0x40, 0x65, 0xae)},
	"ETS configuration":    {127, join(dot1OUI, 9, 0x83, "\x01\x23\x45\x67", 50, 50, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0)},
	"ETS recommendation":   {127, join(dot1OUI, 10, 0, "\x01\x23\x45\x67", 50, 50, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0)},
	"PFC":                  {127, join(dot1OUI, 11, 0x88, 0x08)},
}

// TestExtraOctets holds that what is behind the fields of a TLV changes nothing, and
// that a TLV which ends before its fields do is not believed.
func TestExtraOctets(t *testing.T) {
	for name, test := range fixedTests {
		t.Run(name, func(t *testing.T) {
			want, reason := DecodePDU(pdu(tlv(test.typ, test.value)))
			if cmp.Equal(want, Frame{Neighbor: neighbor(nil)}) || want.Discarded != 0 {
				t.Fatalf("without extra octets it says nothing: %v %+v", reason, want)
			}
			for _, extra := range []string{"\x00", "\xff", "\x00\x00", "\x81\x00\x05more", strings.Repeat("\x5a", 200)} {
				f, reason := DecodePDU(pdu(tlv(test.typ, test.value, extra)))
				checkFrame(t, f, reason, want, Accepted)
				f, reason = DecodePDU(pdu(tlv(test.typ, test.value, extra), tlv(5, "sw")))
				wantNext := want
				wantNext.Neighbor.SystemName = "sw"
				checkFrame(t, f, reason, wantNext, Accepted)
			}
			for n := range test.value {
				f, reason := DecodePDU(pdu(tlv(test.typ, test.value[:n])))
				torn := Frame{Neighbor: neighbor(nil), Discarded: 1}
				if n >= originLen && want.Neighbor.DCBX != nil {
					torn.Neighbor.DCBX = &discovery.DCBX{} // it takes part all the same
				}
				checkFrame(t, f, reason, torn, Accepted)
			}
		})
	}
}

func TestDecodeStopsAtEnd(t *testing.T) {
	for name, trailer := range map[string][]byte{
		"padding":             make([]byte, 20),
		"another PVID":        org(dot1OUI, 1, 0, 100),
		"another chassis ID":  chassisTLV,
		"part of a TLV":       {0xff, 0xff, 1},
		"one octet of no use": {0xff},
	} {
		t.Run(name, func(t *testing.T) {
			f, reason := DecodePDU(join(pdu(), trailer))
			checkFrame(t, f, reason, Frame{Neighbor: neighbor(nil)}, Accepted)
		})
	}
}

func TestDecodeTTL(t *testing.T) {
	tests := map[string]struct {
		ttl      []byte
		want     uint16
		shutdown bool
	}{
		"shutdown":        {tlv(3, 0, 0), 0, true},
		"one second":      {tlv(3, 0, 1), 1, false},
		"the greatest":    {tlv(3, 0xff, 0xff), 65535, false},
		"with more to it": {tlv(3, 0, 120, "more"), 120, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, reason := DecodePDU(join(chassisTLV, portTLV, test.ttl, tlv(5, "sw"), endTLV))
			want := neighbor(func(n *discovery.Neighbor) { n.TTL, n.SystemName = test.want, "sw" })
			checkFrame(t, f, reason, Frame{Neighbor: want}, Accepted)
			if f.Shutdown() != test.shutdown {
				t.Errorf("Shutdown() = %t, want %t", f.Shutdown(), test.shutdown)
			}
		})
	}
}

func TestIDs(t *testing.T) {
	tests := []struct {
		value   []byte
		chassis discovery.ID
		port    discovery.ID
	}{
		{join(0, "x"), "subtype0:78", "subtype0:78"},
		{join(1, "x"), "component:x", "ifalias:x"},
		{join(2, "x"), "ifalias:x", "component:x"},
		{join(3, mac1), `portcomponent:\x02\x00\x00\x00\x01\x01`, "mac:02:00:00:00:01:01"},
		{join(4, mac1), "mac:02:00:00:00:01:01", "subtype4:020000000101"},
		{join(4, mac1[:5]), "subtype4:0200000001", "subtype4:0200000001"},
		{join(3, mac1, 0), `portcomponent:\x02\x00\x00\x00\x01\x01\x00`, "subtype3:02000000010100"},
		{join(4, 1, 192, 0, 2, 1), "subtype4:01c0000201", "ip:192.0.2.1"},
		{join(5, 1, 192, 0, 2, 1), "ip:192.0.2.1", `ifname:\x01\xc0\x00\x02\x01`},
		{join(5, 2, "\x20\x01\x0d\xb8", make([]byte, 11), 1), "ip:2001:db8::1", `ifname:\x02 \x01\x0d\xb8` + discovery.ID(strings.Repeat(`\x00`, 11)) + `\x01`},
		{join(5, 2, make([]byte, 10), 255, 255, 192, 0, 2, 1), "ip:::ffff:192.0.2.1", `ifname:\x02` + discovery.ID(strings.Repeat(`\x00`, 10)) + `\xff\xff\xc0\x00\x02\x01`},
		{join(5, 2, 192, 0, 2, 1), "subtype5:02c0000201", `ifname:\x02\xc0\x00\x02\x01`},
		{join(5, 1), "subtype5:01", `ifname:\x01`},
		{join(6, "Gi1/0/1"), "ifname:Gi1/0/1", "circuit:Gi1/0/1"},
		{join(7, "x y"), "local:x y", "local:x y"},
		{join(8, "x"), "subtype8:78", "subtype8:78"},
		{join(255, "x"), "subtype255:78", "subtype255:78"},

		// Padding goes, every other NUL counts.
		{join(7, "23\x00\x00"), "local:23", "local:23"},
		{join(7, 0, 0, 0, 5), `local:\x00\x00\x00\x05`, `local:\x00\x00\x00\x05`},
		{join(7, 5, 0, 0, 0), `local:\x05\x00\x00\x00`, `local:\x05\x00\x00\x00`},
		{join(7, 0), `local:\x00`, `local:\x00`},
		{join(7, "a\x00b"), `local:a\x00b`, `local:a\x00b`},

		// What is escaped cannot be mistaken for what looks like it.
		{join(7, "a\x0a"), `local:a\x0a`, `local:a\x0a`},
		{join(7, `a\x0a`), `local:a\x5cx0a`, `local:a\x5cx0a`},
		{join(7, "ü\x1b["), `local:\xc3\xbc\x1b[`, `local:\xc3\xbc\x1b[`},
	}
	for _, test := range tests {
		if got := new(decoder).chassisID(test.value); got != test.chassis {
			t.Errorf("chassis ID %x: %s, want %s", test.value, got, test.chassis)
		}
		if got := new(decoder).portID(test.value); got != test.port {
			t.Errorf("port ID %x: %s, want %s", test.value, got, test.port)
		}
	}
}

// systemNameOf returns the system name that is decoded from these octets.
func systemNameOf(octets string) string {
	f, _ := DecodePDU(pdu(tlv(5, octets)))
	return f.Neighbor.SystemName
}

// TestASCII tries every octet at every place, in texts of every length up to
// several words, with other octets behind them and with none.
func TestASCII(t *testing.T) {
	const longest = 20
	for length := range longest {
		for place := range longest {
			for octet := range 256 {
				b := bytes.Repeat([]byte("~"), longest)
				b[place] = byte(octet)
				want := length
				if place < length && (octet < ' ' || octet > '~') {
					want = place
				}
				text := b[:length]
				if got, alone := ascii(text), ascii(slices.Clip(text)); got != want || alone != want {
					t.Fatalf("ascii(%q) = %d, where nothing is behind it %d, want %d", text, got, alone, want)
				}
			}
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"\x00x":                "",
		"Port 1":               "Port 1",
		`C:\x`:                 `C:\x`,
		"Größe ☃ 漢":            "Größe ☃ 漢",
		"\ufffd":               "\ufffd",
		"a\x1b[2Jb\x7f":        `a\x1b[2Jb\x7f`,
		"a\r\n\tb":             `a\x0d\x0a\x09b`,
		"\xff\xc3":             `\xff\xc3`,
		"\u202egnp.exe":        `\xe2\x80\xaegnp.exe`,     // right-to-left override
		"sw1\u3164":            `sw1\xe3\x85\xa4`,         // Hangul filler: it shows as nothing
		"a\u200bb\u00a0c":      `a\xe2\x80\x8bb\xc2\xa0c`, // zero width and no-break space
		"\u0085\u2028":         `\xc2\x85\xe2\x80\xa8`,    // next line, line separator
		"\xed\xa0\x80\xc0\x80": `\xed\xa0\x80\xc0\x80`,    // surrogate, overlong NUL
	} {
		if got := systemNameOf(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestAppendIPv6 compares with netip, over every pattern of zero groups.
func TestAppendIPv6(t *testing.T) {
	for pattern := range 1 << 8 {
		for _, group := range []uint16{0x1, 0xf0, 0xabc, 0x2001, 0xffff} {
			var a [16]byte
			for i := range 8 {
				if pattern&(1<<i) != 0 {
					binary.BigEndian.PutUint16(a[2*i:], group)
				}
			}
			want := netip.AddrFrom16(a)
			if got := string(appendIPv6(nil, a)); got != want.String() && !want.Is4In6() {
				t.Errorf("appendIPv6(%x) = %s, want %s", a, got, want)
			}
		}
	}
}

func TestReasonString(t *testing.T) {
	names := map[string]Reason{}
	for r := Accepted; r <= NoEnd; r++ {
		s := r.String()
		if other, taken := names[s]; taken || s == "" || s == "unknown" {
			t.Errorf("reason %d is named %q, as is %d", r, s, other)
		}
		names[s] = r
	}
	if got := Reason(255).String(); got != "unknown" {
		t.Errorf("Reason(255) is named %q", got)
	}
}

func TestDCBX(t *testing.T) {
	const ieee, intel = dot1OUI, "\x00\x1b\x21"
	for name, test := range map[string]struct {
		tlvs []byte
		want bool
	}{
		"nothing":                 {nil, false},
		"congestion notification": {org(ieee, 0x08, 0, 0), true},
		"ETS configuration":       {org(ieee, 0x09, 0), true},
		"ETS recommendation":      {org(ieee, 0x0a, 0), true},
		"PFC":                     {join(org(ieee, 2, 0, 0, 0), org(ieee, 0x0b, 1, 16)), true},
		"application priority":    {org(ieee, 0x0c, 0), true},
		"application VLAN":        {org(ieee, 0x10, 0), true},
		"VID usage digest":        {org(ieee, 0x05, 0, 0, 0, 0), false},
		"EVB":                     {org(ieee, 0x0d, 0), false},
		"congestion isolation":    {org(ieee, 0x13, 0), false},
		"CIN":                     {org(intel, 1, 2, 10), true},
		"CEE":                     {org(intel, 2, 2, 10), true},
		"another TLV of Intel":    {org(intel, 3), false},
		"no organization":         {tlv(12, ieee), false},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := DecodePDU(pdu(test.tlvs))
			if got := DCBX(&f.Neighbor); got != test.want {
				t.Errorf("DCBX(%+v) = %t, want %t", f.Neighbor, got, test.want)
			}
		})
	}
}

// TestDCBXRoundTrip writes what is decoded again.
func TestDCBXRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	octets := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.UintN(256))
		}
		return b
	}
	for range 1000 {
		tlvs := []discovery.TLV{
			{Subtype: 9, Value: octets(21)}, {Subtype: 10, Value: octets(21)}, {Subtype: 11, Value: octets(2)}, {Subtype: 12, Value: octets(1 + 3*random.IntN(20))},
		}
		var b []byte
		for i := range tlvs {
			tlvs[i].Type, tlvs[i].OUI = 127, discovery.OUI([]byte(dot1OUI))
			b = append(b, org(dot1OUI, tlvs[i].Subtype, []byte(tlvs[i].Value))...)
		}
		// Reserved bits say nothing.
		tlvs[0].Value[0] &^= 0x38
		tlvs[1].Value[0] = 0
		tlvs[2].Value[0] &^= 0x30
		for i := range tlvs[3].Value {
			if tlvs[3].Value[0] = 0; i%3 == 1 {
				tlvs[3].Value[i] &^= 0x18
			}
		}
		if len(tlvs[3].Value) == 1 {
			tlvs = tlvs[:3]
		}
		f, reason := DecodePDU(pdu(b))
		if diff := cmp.Diff(tlvs, dcbxTLVs(f.Neighbor.DCBX)); diff != "" || reason != Accepted || f.Discarded != 0 {
			t.Fatalf("%v, %d discarded (-sent +written again):\n%s", reason, f.Discarded, diff)
		}
		text, err := json.Marshal(f.Neighbor.DCBX)
		if err != nil {
			t.Fatal(err)
		}
		again := new(discovery.DCBX)
		if err := json.Unmarshal(text, again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(f.Neighbor.DCBX, again); diff != "" {
			t.Fatalf("through JSON %s (-before +after):\n%s", text, diff)
		}
	}
}

// dcbxTLVs writes what was decoded as TLVs, in the order of their subtypes.
func dcbxTLVs(d *discovery.DCBX) (tlvs []discovery.TLV) {
	if d == nil {
		return nil
	}
	add := func(subtype uint8, value ...byte) {
		tlvs = append(tlvs, discovery.TLV{Type: 127, OUI: discovery.OUI([]byte(dot1OUI)), Subtype: subtype, Value: value})
	}
	flags := func(high, next bool) (b byte) {
		if high {
			b |= 0x80
		}
		if next {
			b |= 0x40
		}
		return b
	}
	ets := func(first byte, e *discovery.ETS) []byte {
		b := []byte{first}
		for i := 0; i < 8; i += 2 {
			b = append(b, e.TrafficClasses[i]<<4|e.TrafficClasses[i+1])
		}
		b = append(b, e.Bandwidths[:]...)
		for _, a := range e.Algorithms {
			b = append(b, byte(a))
		}
		return b
	}
	if c := d.ETSConfiguration; c != nil {
		add(9, ets(flags(c.Willing, c.CreditBasedShaper)|c.MaxTrafficClasses&7, &c.ETS)...)
	}
	if e := d.ETSRecommendation; e != nil {
		add(10, ets(0, e)...)
	}
	if p := d.PFC; p != nil {
		add(11, flags(p.Willing, p.MBC)|p.MaxTrafficClasses, byte(p.Enabled))
	}
	if len(d.ApplicationPriorities) > 0 {
		b := []byte{0}
		for _, a := range d.ApplicationPriorities {
			b = append(b, a.Priority<<5|byte(a.Selector), byte(a.Protocol>>8), byte(a.Protocol))
		}
		add(12, b...)
	}
	return tlvs
}

// A reader uses its buffer again for the next frame.
func TestDecodeKeepsNothingOfItsInput(t *testing.T) {
	b := join(group, mac1, 0x88, 0xcc, pdu(tlv(5, "sw"), org(dot1OUI, 3, 0, 1, 1, "x"), tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0), org(dot3OUI, 4, 1, 2), tlv(9, "raw")))
	want, _ := Decode(bytes.Clone(b))
	got, _ := Decode(b)
	clear(b)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("frame after its buffer was cleared (-want +got):\n%s", diff)
	}
}

// TestDecodeLLDPD decodes what lldpd sent in a lab.
func TestDecodeLLDPD(t *testing.T) {
	lab := func(change func(*discovery.Neighbor)) discovery.Neighbor {
		n := discovery.Neighbor{
			Protocol:    discovery.ProtocolLLDP,
			Source:      discovery.MAC([]byte(mac1)),
			Destination: discovery.MAC([]byte(group)),
			MSAP:        ids,
			TTL:         240,

			PortDescription:   "Ethernet1",
			SystemName:        "sw-green",
			SystemDescription: "Colvin lab switch",
			Capabilities: discovery.Capabilities{
				Available: 0x9c, // bridge, wlan-ap, router, station
				Enabled:   discovery.CapabilityStation,
			},
			ManagementAddresses: []string{"192.0.2.1", "2001:db8::1"},
			PVID:                100,
			VLANs:               []discovery.VLANName{{ID: 100, Name: "green"}, {ID: 200, Name: "blue"}},
			LinkAggregation:     &discovery.LinkAggregation{Capable: true},
			MACPHY:              &discovery.MACPHY{Advertised: 0x8000, MAUType: 0x36},
		}
		change(&n)
		return n
	}
	want := map[string]Frame{
		"lldpd-vlans.txt": {Neighbor: lab(func(*discovery.Neighbor) {})},
		"lldpd-plain.txt": {Neighbor: lab(func(n *discovery.Neighbor) {
			n.Port, n.TTL, n.PVID, n.VLANs = "mac:02:00:00:00:01:01", 120, 0, nil
		})},
		"lldpd-local.txt": {Neighbor: lab(func(n *discovery.Neighbor) {
			n.Port, n.PortDescription = "local:green-1", `uplink "green"`
		})},
		"lldpd-fabric.txt": {Neighbor: lab(func(n *discovery.Neighbor) {
			n.Port, n.TTL, n.VLANs = "mac:02:00:00:00:01:01", 120, nil
			n.ManagementAddresses[1] = "fe80::ff:fe00:101"
			n.ManagementVID, n.MaxFrameSize = 10, 9236
			n.LinkAggregation = &discovery.LinkAggregation{Capable: true, Enabled: true, PortID: 17}
			n.MED = &discovery.MED{NetworkPolicies: []discovery.NetworkPolicy{
				{Application: 1, Tagged: true, VID: 300, Priority: 5, DSCP: 46},
				{Application: 6, Unknown: true, Priority: 4, DSCP: 34},
			}}
			n.DCBX = &discovery.DCBX{PFC: &discovery.PFC{MaxTrafficClasses: 8, Enabled: 1 << 3}}
			n.UnknownTLVs = []discovery.TLV{
				{Type: 127, OUI: discovery.OUI{0x00, 0x12, 0xbb}, Subtype: 1, Value: discovery.Octets{0, 0x3f, 4}},
			}
		})},
		"lldpd-dcbx.txt": {Neighbor: discovery.Neighbor{
			Protocol:    discovery.ProtocolLLDP,
			Source:      discovery.MAC{0x0a, 0x6a, 0x03, 0xb0, 0x40, 0x14},
			Destination: discovery.NearestBridge,
			MSAP:        discovery.MSAP{Chassis: "mac:b2:46:3b:7a:d2:37", Port: "ifname:p1"},
			TTL:         1,

			PortDescription: "p1", SystemName: "leaf-1", SystemDescription: "A switch made for a test",
			Capabilities:    discovery.Capabilities{Available: 0x9c, Enabled: discovery.CapabilityBridge},
			PVID:            100,
			VLANs:           []discovery.VLANName{{ID: 200, Name: "blue"}, {ID: 300, Name: "back up"}},
			ManagementVID:   5,
			LinkAggregation: &discovery.LinkAggregation{Capable: true, Enabled: true, PortID: 100},
			MaxFrameSize:    9216,
			MACPHY:          &discovery.MACPHY{Advertised: 0x8000, MAUType: 0x36},
			MED:             &discovery.MED{NetworkPolicies: []discovery.NetworkPolicy{{Application: 1, Tagged: true, VID: 10, Priority: 5, DSCP: 46}}},
			DCBX: &discovery.DCBX{
				ETSConfiguration: &discovery.ETSConfiguration{MaxTrafficClasses: 3, ETS: discovery.ETS{
					TrafficClasses: [8]uint8{3: 1, 6: 2, 7: 2}, Bandwidths: [8]uint8{50, 50}, Algorithms: [8]discovery.TransmissionChoice{2, 2},
				}},
				ETSRecommendation: &discovery.ETS{
					TrafficClasses: [8]uint8{3: 1, 6: 2, 7: 2}, Bandwidths: [8]uint8{60, 40}, Algorithms: [8]discovery.TransmissionChoice{2, 2},
				},
				PFC: &discovery.PFC{MaxTrafficClasses: 8, Enabled: 1 << 3},
				ApplicationPriorities: []discovery.ApplicationPriority{
					{Priority: 3, Selector: discovery.SelectUDP, Protocol: 4791}, {Priority: 3, Selector: discovery.SelectEtherType, Protocol: 0x8906},
				},
			},
			UnknownTLVs: []discovery.TLV{
				{Type: 127, OUI: discovery.OUI{0x00, 0x1b, 0x21}, Subtype: 2, Value: discovery.Octets{2, 10, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}},
				{Type: 127, OUI: discovery.OUI{0x00, 0x00, 0x5e}, Subtype: 9, Value: discovery.Octets{1, 2, 3}},
			},
		}},
		"lldpd-shutdown.txt": {Neighbor: discovery.Neighbor{
			Protocol:    discovery.ProtocolLLDP,
			Source:      discovery.MAC([]byte(mac1)),
			Destination: discovery.MAC([]byte(group)),
			MSAP:        discovery.MSAP{Chassis: ids.Chassis, Port: "local:green-1"},
		}},
	}
	got := map[string]Frame{}
	for name, frame := range labFrames(t) {
		f, reason := Decode(frame)
		if reason != Accepted {
			t.Errorf("%s: %v", name, reason)
		}
		got[name] = f
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
}

// labFrames reads testdata: files of comment lines and one frame in hex.
func labFrames(tb testing.TB) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		tb.Fatalf("list testdata/*.txt: %d files, %v", len(files), err)
	}
	frames := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(text)), "\n"), func(line string) bool {
			return strings.HasPrefix(line, "#")
		})
		frame, err := hex.DecodeString(strings.Join(lines, ""))
		if err != nil {
			tb.Fatalf("read %s: %v", file, err)
		}
		frames[filepath.Base(file)] = frame
	}
	return frames
}

// benchmarks are frames of the sizes that switches send.
func benchmarks(tb testing.TB) map[string][]byte {
	tb.Helper()
	frames := labFrames(tb)
	named := func(vid byte, name string) []byte { return org(dot1OUI, 3, 0, vid, len(name), name) }
	frames["ex4550"] = join(group, mac1, 0x88, 0xcc, pdu(
		tlv(4, "xe-0/0/12.0"),
		tlv(5, "leaf-12.dc1.example.net"),
		tlv(6, "Juniper Networks, Inc. ex4550-32f , version 12.3R9.4 Build date: 2015-02-12 11:25:30 UTC "),
		tlv(7, 0, 0x14, 0, 0x14),
		tlv(8, 5, 1, 192, 0, 2, 12, 2, 0, 0, 0, 34, 12, 1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1, 34),
		org(dot3OUI, 1, 3, 0x6c, 0x11, 0, 16),
		org(dot3OUI, 3, 1, 0, 0, 0, 0),
		org(dot3OUI, 4, 0x05, 0xea),
		org(dot1OUI, 1, 0, 100),
		org(dot1OUI, 2, 6, 0, 0),
		named(100, "green"), named(101, "blue"), named(102, "storage"), named(103, "backup"),
		named(104, "mgmt"), named(105, "voice"), named(106, "cameras"), named(107, "guests"),
		org("\x00\x90\x69", 1, "PE3715120347"),
	))
	frames["ios"] = join(group, mac1, 0x88, 0xcc, pdu(
		tlv(5, "core-1.example.net"),
		tlv(6, "Cisco IOS Software [Gibraltar], Catalyst L3 Switch Software (CAT9K_IOSXE), Version 16.12.1, RELEASE SOFTWARE (fc4)\n"+
			"Technical Support: http://www.example.net/techsupport\nCopyright (c) 1986-2019 by others\nCompiled Tue 30-Jul-19 19:26"),
		tlv(4, "GigabitEthernet1/0/2"),
		tlv(7, 0, 0x14, 0, 0x04),
		tlv(8, 5, 1, 192, 0, 2, 1, 3, 0, 0, 0, 53, 0),
		org(dot1OUI, 1, 0, 1),
		org(dot3OUI, 1, 3, 0x80, 0, 0, 30),
	))
	frames["minimal"] = join(group, mac1, 0x88, 0xcc, pdu(), make([]byte, 22))
	return frames
}

// TestDecodeAllocates holds that what a frame costs the garbage collector does not
// grow with the number of its TLVs.
func TestDecodeAllocates(t *testing.T) {
	var vlans []byte
	for vid := range 20 {
		vlans = append(vlans, org(dot1OUI, 3, 0, 1+vid, 7, "storage")...)
	}
	for name, test := range map[string]struct {
		tlvs []byte
		want float64
	}{
		"nothing optional": {nil, 1}, // the texts
		"VLANs":            {vlans, 2},
		"unknown":          {bytes.Repeat(tlv(20, "some octets of theirs"), 4), 3}, // their octets and the list of them
		"network policies": {join(org(tiaOUI, 2, 1, 0, 0, 0), org(tiaOUI, 2, 2, 0, 0, 0)), 2},
		"applications":     {org(dot1OUI, 12, 0, bytes.Repeat([]byte{0x61, 0x89, 0x06}, 20)), 3}, // DCBX and the list of them
	} {
		b := pdu(test.tlvs)
		if got := testing.AllocsPerRun(10, func() { DecodePDU(b) }); got != test.want {
			t.Errorf("%s: %v allocations, want %v", name, got, test.want)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, frame := range benchmarks(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, reason := Decode(frame); reason != Accepted {
					b.Fatal(reason)
				}
			}
		})
	}
}
