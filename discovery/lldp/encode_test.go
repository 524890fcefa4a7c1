// SPDX-License-Identifier: Apache-2.0

package lldp_test

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/lldp"
)

func announcement() lldp.Announcement {
	a := lldp.Announcement{
		Source: discovery.MAC{0x02, 0, 0, 0, 0, 0x01}, Chassis: discovery.MAC{0x02, 0, 0, 0, 0, 0x10}, Port: "eth1", TTL: 121,
		PortDescription: "eth1", SystemName: "node1", SystemDescription: "Colvin",
		Capabilities: discovery.Capabilities{Available: discovery.CapabilityStation, Enabled: discovery.CapabilityStation},
	}
	a.ManagementAddresses[0] = lldp.ManagementAddress{Address: netip.MustParseAddr("192.0.2.1"), Interface: 2}
	a.ManagementAddresses[1] = lldp.ManagementAddress{Address: netip.MustParseAddr("2001:db8::1"), Interface: 2}
	return a
}

func TestEncode(t *testing.T) {
	goodbye := announcement()
	goodbye.TTL = 0
	const header = "0180c200000e" + "020000000001" + "88cc"
	for _, tt := range []struct {
		name  string
		a     lldp.Announcement
		limit int
		want  []string // hexadecimal, concatenated
		drops int
	}{
		{"full", announcement(), lldp.MaxPDU, []string{
			header,
			"0207" + "04" + "020000000010",
			"0405" + "05" + "65746831",
			"0602" + "0079",
			"0804" + "65746831",
			"0a05" + "6e6f646531",
			"0c06" + "436f6c76696e",
			"0e04" + "0080" + "0080",
			"100c" + "0501c0000201" + "0200000002" + "00",
			"1018" + "110220010db8000000000000000000000001" + "0200000002" + "00",
			"0000",
		}, 0},
		{"shutdown, padded", goodbye, lldp.MaxPDU, []string{
			header,
			"0207" + "04" + "020000000010",
			"0405" + "05" + "65746831",
			"0602" + "0000",
			"0000", strings.Repeat("00", 24),
		}, 0},
		{"no room behind the system name, and none for what would fit", announcement(), 42, []string{
			header,
			"0207" + "04" + "020000000010",
			"0405" + "05" + "65746831",
			"0602" + "0079",
			"0804" + "65746831",
			"0a05" + "6e6f646531",
			"0000", strings.Repeat("00", 11),
		}, 4},
		{"room for exactly the system name", announcement(), 35, []string{
			header,
			"0207" + "04" + "020000000010",
			"0405" + "05" + "65746831",
			"0602" + "0079",
			"0804" + "65746831",
			"0a05" + "6e6f646531",
			"0000", strings.Repeat("00", 11),
		}, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, drops := lldp.Encode(&tt.a, tt.limit)
			if diff := cmp.Diff(strings.Join(tt.want, ""), hex.EncodeToString(b)); diff != "" {
				t.Errorf("frame (-want +got):\n%s", diff)
			}
			if drops != tt.drops {
				t.Errorf("%d TLVs dropped, want %d", drops, tt.drops)
			}
		})
	}
}

// TestEncodeDecode reads back what was said.
func TestEncodeDecode(t *testing.T) {
	a := announcement()
	a.PortDescription = strings.Repeat("é", 200) // cut to 254 octets, not within a letter
	b, _ := lldp.Encode(&a, lldp.MaxPDU)
	got, reason := lldp.Decode(b)
	if reason != lldp.Accepted || got.Discarded != 0 {
		t.Fatalf("%s, %d TLVs discarded", reason, got.Discarded)
	}
	want := discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, Source: a.Source, Destination: discovery.MAC{0x01, 0x80, 0xc2, 0, 0, 0x0e},
		MSAP: discovery.MSAP{Chassis: "mac:02:00:00:00:00:10", Port: "ifname:eth1"}, TTL: 121,
		PortDescription: strings.Repeat("é", 127), SystemName: "node1", SystemDescription: "Colvin", Capabilities: a.Capabilities,
		ManagementAddresses: []string{"192.0.2.1", "2001:db8::1"},
	}
	if diff := cmp.Diff(want, got.Neighbor); diff != "" {
		t.Errorf("neighbour (-said +heard):\n%s", diff)
	}
}

// TestEncodeText holds where texts are cut: between two characters, if there are any.
func TestEncodeText(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{strings.Repeat("x", 255), strings.Repeat("x", 255)},
		{strings.Repeat("x", 256), strings.Repeat("x", 255)},
		{strings.Repeat("x", 254) + "é", strings.Repeat("x", 254)},
		{strings.Repeat("x", 252) + "🦊", strings.Repeat("x", 252)},
		{strings.Repeat("x", 251) + "🦊x", strings.Repeat("x", 251) + "🦊"},
		{strings.Repeat("\x80", 256), strings.Repeat(`\x80`, 251)},
	} {
		a := lldp.Announcement{Port: "eth1", TTL: 121, SystemName: tt.in}
		b, _ := lldp.Encode(&a, lldp.MaxPDU)
		f, _ := lldp.Decode(b)
		if diff := cmp.Diff(tt.want, f.Neighbor.SystemName); diff != "" {
			t.Errorf("%.9q of %d octets (-want +heard):\n%s", tt.in[len(tt.in)-5:], len(tt.in), diff)
		}
	}
}

// TestEncodeLimit holds that no limit makes a frame that is too long or broken.
func TestEncodeLimit(t *testing.T) {
	a := announcement()
	long := strings.Repeat("x", 1000)
	a.PortDescription, a.SystemName, a.SystemDescription = long, long, long
	before := 0
	for limit := 34; limit < 1600; limit++ { // 34: the mandatory TLVs
		b, _ := lldp.Encode(&a, limit)
		if len(b) > 14+max(46, min(limit, lldp.MaxPDU)) || len(b) < before {
			t.Fatalf("limit %d: %d octets, %d before", limit, len(b), before)
		}
		if f, reason := lldp.Decode(b); reason != lldp.Accepted || f.Discarded != 0 {
			t.Fatalf("limit %d: %s, %d TLVs discarded", limit, reason, f.Discarded)
		}
		before = len(b)
	}
}

func TestSameMSAP(t *testing.T) {
	a, b := announcement(), announcement()
	b.SystemName, b.TTL = "node2", 0
	if !a.SameMSAP(&b) {
		t.Error("another system name is another MSAP")
	}
	b.Port = "eth2"
	if a.SameMSAP(&b) {
		t.Error("another port is the same MSAP")
	}
}
