// SPDX-License-Identifier: Apache-2.0

package cdp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
)

// join puts octets (int), strings and byte slices behind one another.
func join(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

// tlv builds one TLV from its type and the parts of its value.
func tlv(typ uint16, parts ...any) []byte {
	value := join(parts...)
	b := binary.BigEndian.AppendUint16(nil, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(value)))
	return append(b, value...)
}

const (
	cisco = "\x01\x00\x0c\xcc\xcc\xcc"
	mac1  = "\x02\x00\x00\x00\x01\x01"
)

var (
	llc       = "\xaa\xaa\x03\x00\x00\x0c\x20\x00"
	header    = "\x02\xb4\x00\x00" // version 2, 180 seconds
	deviceTLV = tlv(1, "sw-red")
	portTLV   = tlv(3, "Ethernet1")
	ids       = discovery.MSAP{Chassis: "cdp:sw-red", Port: "ifname:Ethernet1"}
)

// ieee8023 puts an 802.3 header in front of what its length counts.
func ieee8023(parts ...any) []byte {
	b := join(parts...)
	return join(cisco, mac1, len(b)>>8, len(b), b)
}

// frame builds a frame of the two IDs and these TLVs.
func frame(tlvs ...any) []byte {
	return ieee8023(llc, header, deviceTLV, portTLV, join(tlvs...))
}

// neighbor is what the frame above says, with a change applied.
func neighbor(change func(*discovery.Neighbor)) discovery.Neighbor {
	n := discovery.Neighbor{
		Protocol: discovery.ProtocolCDP, Source: discovery.MAC([]byte(mac1)), Destination: discovery.CDPGroup,
		MSAP: ids, TTL: 180, SystemName: "sw-red",
	}
	if change != nil {
		change(&n)
	}
	return n
}

func check(t *testing.T, frame []byte, want discovery.Neighbor, wantReason Reason) {
	t.Helper()
	got, reason := Decode(frame)
	if reason != wantReason {
		t.Errorf("reason %v, want %v", reason, wantReason)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("neighbor (-want +got):\n%s", diff)
	}
}

func TestDecodeAccepted(t *testing.T) {
	whole := frame()
	tests := map[string]struct {
		frame []byte
		want  func(*discovery.Neighbor)
	}{
		"plain":              {whole, nil},
		"version 1":          {ieee8023(llc, "\x01\xb4\xff\xff", deviceTLV, portTLV), nil},
		"IDs swapped":        {ieee8023(llc, header, portTLV, deviceTLV), nil},
		"802.1Q tag":         {join(whole[:12], 0x81, 0, 0, 9, whole[12:]), nil},
		"802.1ad and Q tags": {join(whole[:12], 0x88, 0xa8, 0, 9, 0x81, 0, 0, 1, whole[12:]), nil},
		"padding":            {join(whole, make([]byte, 30)), nil},
		"other destination": {join("\x01\xe0\x52\xcc\xcc\xcc", whole[6:]), func(n *discovery.Neighbor) {
			n.Destination = discovery.MAC{0x01, 0xe0, 0x52, 0xcc, 0xcc, 0xcc}
		}},
		"length too long":         {join(whole[:12], 0x05, 0xdc, whole[14:]), nil},
		"length within last TLV":  {join(whole[:12], int(whole[12]), int(whole[13])-2, whole[14:]), nil},
		"goodbye":                 {ieee8023(llc, "\x02\x00\x00\x00", deviceTLV, portTLV), func(n *discovery.Neighbor) { n.TTL = 0 }},
		"longest time to live":    {ieee8023(llc, "\x02\xff\x00\x00", deviceTLV, portTLV), func(n *discovery.Neighbor) { n.TTL = 255 }},
		"no port ID":              {ieee8023(llc, header, deviceTLV), func(n *discovery.Neighbor) { n.Port = "mac:02:00:00:00:01:01" }},
		"device ID padded":        {ieee8023(llc, header, tlv(1, "sw-red\x00\x00"), portTLV), nil},
		"system name told":        {frame(tlv(0x14, "red")), func(n *discovery.Neighbor) { n.SystemName = "red" }},
		"system name first":       {ieee8023(llc, header, tlv(0x14, "red"), deviceTLV, portTLV), func(n *discovery.Neighbor) { n.SystemName = "red" }},
		"system name empty":       {frame(tlv(0x14)), nil},
		"platform only":           {frame(tlv(6, "cisco 1601")), func(n *discovery.Neighbor) { n.SystemDescription = "cisco 1601" }},
		"software only":           {frame(tlv(5, "IOS\n11")), func(n *discovery.Neighbor) { n.SystemDescription = `IOS\x0a11` }},
		"software and platform":   {frame(tlv(5, "IOS"), tlv(6, "C1")), func(n *discovery.Neighbor) { n.SystemDescription = "C1, IOS" }},
		"native VLAN":             {frame(tlv(0x0a, 1, 0x85)), func(n *discovery.Neighbor) { n.PVID = 389 }},
		"native VLAN 0":           {frame(tlv(0x0a, 0, 0)), nil},
		"native VLAN 4095":        {frame(tlv(0x0a, 0x0f, 0xff)), nil},
		"MTU":                     {frame(tlv(0x11, 0, 0, 0x05, 0xdc)), func(n *discovery.Neighbor) { n.MaxFrameSize = 1518 }},
		"largest MTU":             {frame(tlv(0x11, 0, 0, 0xff, 0xed)), func(n *discovery.Neighbor) { n.MaxFrameSize = 65535 }},
		"type beyond one octet":   {frame(tlv(0x1003, "x")), nil},
		"capabilities":            {frame(tlv(4, 0, 0, 0, 0x29)), capable("bridge", "router")},
		"source-route bridge":     {frame(tlv(4, 0, 0, 0, 0x04)), capable("bridge")},
		"transparent bridge":      {frame(tlv(4, 0, 0, 0, 0x02)), capable("bridge")},
		"capabilities of a phone": {frame(tlv(4, 0, 0, 4, 0x90)), capable("telephone", "station", "tpmr")},
		"repeater":                {frame(tlv(4, 0, 0, 0, 0x40)), capable("repeater")},
		"no capability of LLDP's": {frame(tlv(4, 0xff, 0xff, 0xfb, 0x20)), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { check(t, test.frame, neighbor(test.want), Accepted) })
	}
}

// capable says that a neighbour has these capabilities and no other.
func capable(names ...string) func(*discovery.Neighbor) {
	return func(n *discovery.Neighbor) {
		for i := range 16 {
			if c := discovery.CapabilitySet(1 << i); len(c.Names()) > 0 && slices.Contains(names, c.String()) {
				n.Capabilities.Available |= c
			}
		}
		n.Capabilities.Enabled = n.Capabilities.Available
	}
}

func TestDecodeID(t *testing.T) {
	long := strings.Repeat("x", 255)
	tests := map[string]struct {
		device string
		want   discovery.ID
		name   string
	}{
		"serial and name":    {"TBA03170172(sw-red)", "cdp:TBA03170172(sw-red)", "TBA03170172(sw-red)"},
		"MAC in binary":      {"\x00\x0b\xbe\x18\x9a\x41", `cdp:\x00\x0b\xbe\x18\x9aA`, ""},
		"NUL in the middle":  {"sw\x00red", `cdp:sw\x00red`, ""},
		"only NULs":          {"\x00\x00", `cdp:\x00\x00`, ""},
		"terminal sequences": {"sw\x1b[2J", `cdp:sw\x1b[2J`, ""},
		"not ASCII":          {"Büro", `cdp:B\xc3\xbcro`, "Büro"},
		"backslash":          {`sw\red`, `cdp:sw\x5cred`, `sw\red`},
		"longest":            {long, discovery.ID("cdp:" + long), long},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			check(t, ieee8023(llc, header, tlv(1, test.device), portTLV), neighbor(func(n *discovery.Neighbor) {
				n.Chassis, n.SystemName = test.want, test.name
			}), Accepted)
		})
	}
}

const (
	ipv4 = "\x01\x01\xcc\x00\x04"
	ipv6 = "\x02\x08\xaa\xaa\x03\x00\x00\x00\x86\xdd\x00\x10"
	v6a  = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
)

func TestDecodeAddresses(t *testing.T) {
	tests := map[string]struct {
		tlvs []byte
		want []string
	}{
		"both families":        {tlv(2, 0, 0, 0, 2, ipv4, 192, 0, 2, 1, ipv6, v6a), []string{"192.0.2.1", "2001:db8::1"}},
		"two TLVs":             {join(tlv(2, 0, 0, 0, 1, ipv4, 192, 0, 2, 1), tlv(0x16, 0, 0, 0, 1, ipv4, 192, 0, 2, 2)), []string{"192.0.2.1", "192.0.2.2"}},
		"told twice":           {join(tlv(2, 0, 0, 0, 1, ipv4, 192, 0, 2, 1), tlv(0x16, 0, 0, 0, 1, ipv4, 192, 0, 2, 1)), []string{"192.0.2.1"}},
		"unconfigured":         {tlv(2, 0, 0, 0, 2, ipv4, 0, 0, 0, 0, ipv6, make([]byte, 16)), nil},
		"none":                 {tlv(2, 0, 0, 0, 0), nil},
		"more than counted":    {tlv(2, 0, 0, 0, 0, ipv4, 192, 0, 2, 1), nil},
		"other protocol":       {tlv(2, 0, 0, 0, 2, 1, 1, 0x81, 0, 3, "abc", ipv4, 192, 0, 2, 1), []string{"192.0.2.1"}},
		"IPv4 of wrong length": {tlv(2, 0, 0, 0, 1, 1, 1, 0xcc, 0, 5, 192, 0, 2, 1, 0), nil},
		"IPv6 as IPv4":         {tlv(2, 0, 0, 0, 1, 1, 1, 0xcc, 0, 16, v6a), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			check(t, frame(test.tlvs), neighbor(func(n *discovery.Neighbor) { n.ManagementAddresses = test.want }), Accepted)
		})
	}
}

// TestExtraOctets holds that what is behind the fields of a TLV changes nothing, and
// that one which ends before its fields do is kept as it is.
func TestExtraOctets(t *testing.T) {
	for name, test := range map[string]struct {
		typ   uint16
		value []byte
	}{
		"addresses":            {2, join(0, 0, 0, 1, ipv4, 192, 0, 2, 1)},
		"capabilities":         {4, join(0, 0, 0, 0x29)},
		"native VLAN":          {0x0a, join(1, 0x85)},
		"MTU":                  {0x11, join(0, 0, 0x05, 0xdc)},
		"management addresses": {0x16, join(0, 0, 0, 2, ipv4, 192, 0, 2, 1, ipv6, v6a)},
	} {
		t.Run(name, func(t *testing.T) {
			want, _ := Decode(frame(tlv(test.typ, test.value)))
			if cmp.Equal(want, neighbor(nil)) || want.UnknownTLVs != nil {
				t.Fatalf("without extra octets it says nothing: %+v", want)
			}
			for _, extra := range []string{"\x00", "\xff", "\x00\x00", strings.Repeat("\x5a", 200)} {
				check(t, frame(tlv(test.typ, test.value, extra)), want, Accepted)
			}
			for n := range test.value {
				check(t, frame(tlv(test.typ, test.value[:n])), neighbor(func(n2 *discovery.Neighbor) {
					n2.UnknownTLVs = []discovery.TLV{{Type: uint8(test.typ), Value: append(discovery.Octets{}, test.value[:n]...)}}
				}), Accepted)
			}
		})
	}
}

// TestDecodeUnknown has TLVs that are kept as they are.
func TestDecodeUnknown(t *testing.T) {
	address := join(0, 0, 0, 1, ipv4, 192, 0, 2, 1)
	tests := map[string][]discovery.TLV{
		"duplex":                  {{Type: 0x0b, Value: discovery.Octets{1}}},
		"two unknown ones":        {{Type: 0x1a, Value: discovery.Octets{0, 0}}, {Type: 0x09, Value: discovery.Octets{}}},
		"type 0":                  {{Type: 0, Value: discovery.Octets{1}}},
		"type 255":                {{Type: 255, Value: discovery.Octets{1}}},
		"capabilities too short":  {{Type: 4, Value: discovery.Octets{0, 0, 1}}},
		"native VLAN too short":   {{Type: 0x0a, Value: discovery.Octets{1}}},
		"MTU too short":           {{Type: 0x11, Value: discovery.Octets{5, 0xdc}}},
		"MTU 0":                   {{Type: 0x11, Value: discovery.Octets{0, 0, 0, 0}}},
		"MTU too large":           {{Type: 0x11, Value: discovery.Octets{0, 0, 0xff, 0xee}}},
		"addresses without count": {{Type: 2, Value: discovery.Octets{0, 0, 0}}},
		"addresses too many":      {{Type: 2, Value: append(discovery.Octets{0xff, 0xff, 0xff, 0xff}, address[4:]...)}},
		"no protocol length":      {{Type: 2, Value: discovery.Octets{0, 0, 0, 1, 1}}},
		"protocol too long":       {{Type: 2, Value: discovery.Octets{0, 0, 0, 1, 1, 9, 0xcc, 0, 4, 192, 0, 2, 1}}},
		"address too long":        {{Type: 0x16, Value: address[:len(address)-1]}},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			var tlvs []byte
			for _, u := range want {
				tlvs = append(tlvs, tlv(uint16(u.Type), []byte(u.Value))...)
			}
			check(t, frame(tlvs), neighbor(func(n *discovery.Neighbor) { n.UnknownTLVs = want }), Accepted)
		})
	}
	// Of what is told twice, the first counts.
	check(t, frame(tlv(0x0a, 0, 5), tlv(0x0a, 0, 6)), neighbor(func(n *discovery.Neighbor) {
		n.PVID, n.UnknownTLVs = 5, []discovery.TLV{{Type: 0x0a, Value: discovery.Octets{0, 6}}}
	}), Accepted)
	// What was malformed does not count.
	check(t, frame(tlv(0x0a, 5), tlv(0x0a, 0, 6)), neighbor(func(n *discovery.Neighbor) {
		n.PVID, n.UnknownTLVs = 6, []discovery.TLV{{Type: 0x0a, Value: discovery.Octets{5}}}
	}), Accepted)
}

func TestDecodeDiscarded(t *testing.T) {
	long := strings.Repeat("x", 256)
	whole := frame()
	tests := map[string]struct {
		frame []byte
		want  Reason
	}{
		"empty":                  {nil, FrameTooShort},
		"addresses only":         {whole[:12], FrameTooShort},
		"half a length":          {whole[:13], FrameTooShort},
		"half a tag":             {join(whole[:12], 0x81, 0, 0), FrameTooShort},
		"tag only":               {join(whole[:12], 0x81, 0, 0, 9), FrameTooShort},
		"no LLC":                 {whole[:14], FrameTooShort},
		"half a SNAP header":     {whole[:21], FrameTooShort},
		"no CDP header":          {whole[:22], FrameTooShort},
		"half a CDP header":      {whole[:25], FrameTooShort},
		"length without header":  {join(whole[:12], 0, 11, whole[14:]), FrameTooShort},
		"length without SNAP":    {join(whole[:12], 0, 3, whole[14:]), FrameTooShort},
		"LLDP":                   {join(cisco, mac1, 0x88, 0xcc, whole[14:]), NotCDP},
		"no 802.3 length":        {join(whole[:12], 0x05, 0xdd, whole[14:]), NotCDP},
		"spanning tree":          {ieee8023("\x42\x42\x03", make([]byte, 35)), NotCDP},
		"VTP":                    {ieee8023("\xaa\xaa\x03\x00\x00\x0c\x20\x03", header, deviceTLV, portTLV), NotCDP},
		"FDP":                    {ieee8023("\xaa\xaa\x03\x00\xe0\x52\x20\x00", header, deviceTLV, portTLV), NotCDP},
		"version 0":              {ieee8023(llc, "\x00\xb4\x00\x00", deviceTLV, portTLV), BadVersion},
		"version 3":              {ieee8023(llc, "\x03\xb4\x00\x00", deviceTLV, portTLV), BadVersion},
		"no TLV":                 {ieee8023(llc, header), DeviceIDMissing},
		"no device ID":           {ieee8023(llc, header, portTLV), DeviceIDMissing},
		"device ID empty":        {ieee8023(llc, header, tlv(1), portTLV), DeviceIDLength},
		"device ID too long":     {ieee8023(llc, header, tlv(1, long), portTLV), DeviceIDLength},
		"port ID empty":          {ieee8023(llc, header, deviceTLV, tlv(3)), PortIDLength},
		"port ID too long":       {ieee8023(llc, header, deviceTLV, tlv(3, long)), PortIDLength},
		"device ID twice":        {frame(deviceTLV), DuplicateID},
		"port ID twice":          {frame(tlv(5, "IOS"), portTLV), DuplicateID},
		"half a TLV header":      {frame(0, 5, 0), TruncatedTLV},
		"value cut short":        {frame(0, 5, 0, 9, "IOS"), TruncatedTLV},
		"cut within the IDs":     {whole[:len(whole)-1], TruncatedTLV},
		"TLV of length 0":        {frame(0, 5, 0, 0), TLVLength},
		"TLV of length 3":        {frame(0, 5, 0, 3), TLVLength},
		"zeros behind the TLVs":  {frame(make([]byte, 8)), TLVLength},
		"device ID beyond frame": {ieee8023(llc, header, 0, 1, 0xff, 6, "R1"), TruncatedTLV},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { check(t, test.frame, discovery.Neighbor{}, test.want) })
	}
}

// labFrames are frames captured from real speakers, by file name.
func labFrames(tb testing.TB) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		tb.Fatalf("list testdata: %d files, %v", len(files), err)
	}
	frames := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		_, line, _ := bytes.Cut(text, []byte("\n")) // a comment says what speaks
		frame, err := hex.DecodeString(string(bytes.TrimSpace(line)))
		if err != nil {
			tb.Fatalf("read %s: %v", file, err)
		}
		frames[filepath.Base(file)] = frame
	}
	return frames
}

func TestLabFrames(t *testing.T) {
	frames := labFrames(t)
	ofLLDPD := neighbor(func(n *discovery.Neighbor) {
		n.TTL = 8
		n.ManagementAddresses = []string{"192.0.2.1"}
		n.SystemDescription = "Test, A switch made for a test"
		capable("station")(n)
	})
	want := map[string]discovery.Neighbor{
		"lldpd-v1.txt": ofLLDPD,
		"lldpd-v2.txt": ofLLDPD,
		"ladvd.txt": neighbor(func(n *discovery.Neighbor) {
			n.ManagementAddresses = []string{"192.0.2.1", "2001:db8::1"}
			n.MaxFrameSize = 1518
			n.SystemDescription = "Debian GNU/Linux 12 (bookworm) Linux x86_64, Debian GNU/Linux 12 (bookworm) Linux 6.12.43 #1 SMP x86_64"
			capable("bridge")(n)
		}),
	}
	got := map[string]discovery.Neighbor{}
	for name, frame := range frames {
		n, reason := Decode(frame)
		if reason != Accepted {
			t.Errorf("%s: %v", name, reason)
		}
		got[name] = n
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("neighbours (-want +got):\n%s", diff)
	}
}

// TestOwnMemory changes a frame after it was decoded.
func TestOwnMemory(t *testing.T) {
	b := frame(tlv(9, "domain"), tlv(5, "IOS"))
	got, _ := Decode(b)
	want, _ := Decode(bytes.Clone(b))
	clear(b)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("neighbor (-before +after):\n%s", diff)
	}
}

func TestReasonNames(t *testing.T) {
	seen := map[string]bool{}
	for r := Accepted; r <= DuplicateID; r++ {
		if name := r.String(); name == "" || name == "unknown" || seen[name] {
			t.Errorf("reason %d is named %q", r, name)
		} else {
			seen[name] = true
		}
	}
	if got := (DuplicateID + 1).String(); got != "unknown" {
		t.Errorf("a reason that is none is named %q", got)
	}
}
