// SPDX-License-Identifier: Apache-2.0

package cdp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/lldp"
)

// TestSameText tells the same octets in CDP and in LLDP: IDs and names have to
// come out the same, since mapping compares them across protocols.
func TestSameText(t *testing.T) {
	values := []string{
		"Ethernet1", "23\x00\x00", "\x00", "a\x00b\x00", `a\b`, "Büro", "\x1b[2J", "\xff\xfe", "\u202e", "\ufffd", "~\x7f",
		strings.Repeat("x", 254), strings.Repeat("Büro", 40),
	}
	for c := range 256 {
		values = append(values, string([]byte{byte(c)}), string([]byte{'a', byte(c), 'b'}))
	}
	for _, v := range values {
		frame, lldpReason := lldp.DecodePDU(join(
			2, 7, 4, "\x02\x00\x00\x00\x01\x01", // chassis ID, a MAC address
			4, len(v)+1, 5, v, // port ID, an interface name
			6, 2, 0, 120, // time to live
			10, len(v), v, // system name
			0, 0,
		))
		got, reason := Decode(ieee8023(llc, header, deviceTLV, tlv(3, v), tlv(0x14, v)))
		if reason != Accepted || lldpReason != lldp.Accepted {
			t.Errorf("%q: %v by CDP, %v by LLDP", v, reason, lldpReason)
			continue
		}
		if diff := cmp.Diff(frame.Neighbor.Port, got.Port); diff != "" {
			t.Errorf("port ID %q (-LLDP +CDP):\n%s", v, diff)
		}
		if name := frame.Neighbor.SystemName; name != "" && name != got.SystemName {
			t.Errorf("system name %q: %q by LLDP, %q by CDP", v, name, got.SystemName)
		}
	}
}

func TestID(t *testing.T) {
	for value, want := range map[string]discovery.ID{
		"Ethernet1":        "p:Ethernet1",
		"23\x00\x00":       "p:23",
		"\x00\x00":         `p:\x00\x00`,
		"a\x00b\x00":       `p:a\x00b\x00`,
		"\x01\x00":         `p:\x01\x00`,
		`a\x00`:            `p:a\x5cx00`,
		"B\xc3\xbcro\x1b[": `p:B\xc3\xbcro\x1b[`,
		"":                 "p:",
	} {
		if got := textID("p", []byte(value)); got != want {
			t.Errorf("ID of %q: %s, want %s", value, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for value, want := range map[string]string{
		"sw-red":          "sw-red",
		"sw\x00red":       "sw",
		`a\b`:             `a\b`,
		"Büro":            "Büro",
		"a\nb\x1b[31m":    `a\x0ab\x1b[31m`,
		"\xff\xfe":        `\xff\xfe`,
		"\ufffd":          "\ufffd",
		"right\u202eleft": `right\xe2\x80\xaeleft`,
		"sw1\u3164":       `sw1\xe3\x85\xa4`,
		"":                "",
	} {
		if got := printable([]byte(value)); got != want {
			t.Errorf("text of %q: %s, want %s", value, got, want)
		}
	}
}
