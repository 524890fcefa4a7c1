// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"bytes"
	"encoding/hex"
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
	dot1  = "\x00\x80\xc2"
	mac1  = "\x02\x00\x00\x00\x01\x01"
	mac2  = "\x02\x00\x00\x00\x02\x02"
	group = "\x01\x80\xc2\x00\x00\x0e"
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

// optionalTests: optional TLVs behind the mandatory ones, none of which makes a
// frame be discarded.
var optionalTests = map[string]struct {
	tlvs         []byte
	want         func(*discovery.Neighbor)
	discarded    int
	unrecognized []TLV
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
	"capabilities too long":            {tlvs: tlv(7, 0, 0x14, 0, 0x14, 0), discarded: 1},
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
	"bad management addresses": {
		tlvs: join(
			tlv(8),
			tlv(8, 5, 1, 192, 0, 2), // ends in the address
			tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7),                          // no OID length
			tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 1),                       // ends before the OID
			tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0, 0),                    // goes on behind it
			tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 129, string(zero[:129])), // OID too long
			tlv(8, 1, 1, 2, 0, 0, 0, 7, 0),                                     // no address
			tlv(8, 33, 16, string(zero[:32]), 2, 0, 0, 0, 7, 0),                // address too long
			tlv(8, 5, 2, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0),                       // IPv6 of 4 octets
			tlv(8, 17, 1, string(zero[:16]), 2, 0, 0, 0, 7, 0),                 // IPv4 of 16 octets
			tlv(8, 5, 6, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0),                       // MAC of 4 octets
			tlv(8, 5, 0, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0),                       // reserved family
		),
		discarded: 12,
	},
	"management address twice": {
		tlvs: join(
			tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0),
			tlv(8, 5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 8, 0)),
		want:      func(n *discovery.Neighbor) { n.ManagementAddresses = []string{"192.0.2.1"} },
		discarded: 1,
	},
	"PVID":                {tlvs: org(dot1, 1, 0, 100), want: func(n *discovery.Neighbor) { n.PVID = 100 }},
	"PVID, the greatest":  {tlvs: org(dot1, 1, 0x0f, 0xfe), want: func(n *discovery.Neighbor) { n.PVID = 4094 }},
	"PVID 0":              {tlvs: org(dot1, 1, 0, 0)},
	"PVID reserved":       {tlvs: org(dot1, 1, 0x0f, 0xff)},
	"PVID out of range":   {tlvs: org(dot1, 1, 0x10, 0x64)},
	"PVID too short":      {tlvs: org(dot1, 1, 100), discarded: 1},
	"PVID too long":       {tlvs: org(dot1, 1, 0, 100, 0), discarded: 1},
	"PVID twice":          {tlvs: join(org(dot1, 1, 0, 100), org(dot1, 1, 0, 200)), want: func(n *discovery.Neighbor) { n.PVID = 100 }, discarded: 1},
	"PVID 0, then a PVID": {tlvs: join(org(dot1, 1, 0, 0), org(dot1, 1, 0, 200)), discarded: 1},
	"VLAN names, sorted, no name twice": {
		tlvs: join(org(dot1, 3, 0, 200, 4, "blue"), org(dot1, 3, 0, 100, 5, "green"), org(dot1, 3, 0, 150, 0), org(dot1, 3, 0, 200, 3, "red")),
		want: func(n *discovery.Neighbor) {
			n.VLANs = []discovery.VLANName{{ID: 100, Name: "green"}, {ID: 150}, {ID: 200, Name: "blue"}}
		},
		discarded: 1,
	},
	"VLAN name of the greatest length, with a control character": {
		tlvs: org(dot1, 3, 0, 1, 32, strings.Repeat("x", 31), 7),
		want: func(n *discovery.Neighbor) {
			n.VLANs = []discovery.VLANName{{ID: 1, Name: strings.Repeat("x", 31) + `\x07`}}
		},
	},
	"bad VLAN names": {
		tlvs: join(
			org(dot1, 3),
			org(dot1, 3, 0, 100),                              // no length
			org(dot1, 3, 0, 100, 6, "green"),                  // length past the end
			org(dot1, 3, 0, 100, 4, "green"),                  // length before it
			org(dot1, 3, 0, 100, 33, strings.Repeat("x", 33)), // too long
			org(dot1, 3, 0, 0, 5, "green"),                    // no VLAN
			org(dot1, 3, 0x0f, 0xff, 5, "green"),              // reserved
		),
		discarded: 7,
	},
	"unknown": {
		tlvs: join(tlv(9), tlv(126, "x"), org(dot1, 2, 1), org("\x00\x12\x0f", 1, "yz")),
		unrecognized: []TLV{
			{Kind{Type: 9}, []byte{}},
			{Kind{Type: 126}, []byte("x")},
			{Kind{127, [3]byte{0, 0x80, 0xc2}, 2}, []byte{1}},
			{Kind{127, [3]byte{0, 0x12, 0x0f}, 1}, []byte("yz")},
		},
	},
	"organizationally specific, too short": {tlvs: join(tlv(127), tlv(127, dot1)), discarded: 2},
}

var zero = make([]byte, 256)

func TestDecodeOptional(t *testing.T) {
	for name, test := range optionalTests {
		t.Run(name, func(t *testing.T) {
			want := Frame{Neighbor: neighbor(test.want), Discarded: test.discarded, Unrecognized: test.unrecognized}
			f, reason := DecodePDU(pdu(test.tlvs))
			checkFrame(t, f, reason, want, Accepted)
		})
	}
}

func TestDecodeStopsAtEnd(t *testing.T) {
	for name, trailer := range map[string][]byte{
		"padding":             make([]byte, 20),
		"another PVID":        org(dot1, 1, 0, 100),
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
		if got := chassisID(test.value); got != test.chassis {
			t.Errorf("chassis ID %x: %s, want %s", test.value, got, test.chassis)
		}
		if got := portID(test.value); got != test.port {
			t.Errorf("port ID %x: %s, want %s", test.value, got, test.port)
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
		"a\u200bb\u00a0c":      `a\xe2\x80\x8bb\xc2\xa0c`, // zero width and no-break space
		"\u0085\u2028":         `\xc2\x85\xe2\x80\xa8`,    // next line, line separator
		"\xed\xa0\x80\xc0\x80": `\xed\xa0\x80\xc0\x80`,    // surrogate, overlong NUL
	} {
		if got := printable([]byte(in)); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
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

// A reader uses its buffer again for the next frame.
func TestDecodeKeepsNothingOfItsInput(t *testing.T) {
	b := join(group, mac1, 0x88, 0xcc, pdu(tlv(5, "sw"), org(dot1, 3, 0, 1, 1, "x"), tlv(9, "raw")))
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
				Available: discovery.CapabilityBridge | 1<<3 | discovery.CapabilityRouter | discovery.CapabilityStation, // 3: wlan-ap
				Enabled:   discovery.CapabilityStation,
			},
			ManagementAddresses: []string{"192.0.2.1", "2001:db8::1"},
			PVID:                100,
			VLANs:               []discovery.VLANName{{ID: 100, Name: "green"}, {ID: 200, Name: "blue"}},
		}
		change(&n)
		return n
	}
	dot3 := []TLV{
		{Kind{127, [3]byte{0, 0x12, 0x0f}, 3}, []byte{1, 0, 0, 0, 0}},
		{Kind{127, [3]byte{0, 0x12, 0x0f}, 1}, []byte{0, 0x80, 0, 0, 0x36}},
	}
	want := map[string]Frame{
		"lldpd-vlans.txt": {Neighbor: lab(func(*discovery.Neighbor) {}), Unrecognized: dot3},
		"lldpd-plain.txt": {Neighbor: lab(func(n *discovery.Neighbor) {
			n.Port, n.TTL, n.PVID, n.VLANs = "mac:02:00:00:00:01:01", 120, 0, nil
		}), Unrecognized: dot3},
		"lldpd-local.txt": {Neighbor: lab(func(n *discovery.Neighbor) {
			n.Port, n.PortDescription = "local:green-1", `uplink "green"`
		}), Unrecognized: dot3},
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

func BenchmarkDecode(b *testing.B) {
	frame := labFrames(b)["lldpd-vlans.txt"]
	b.ReportAllocs()
	for b.Loop() {
		if _, reason := Decode(frame); reason != Accepted {
			b.Fatal(reason)
		}
	}
}
