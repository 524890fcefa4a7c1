// SPDX-License-Identifier: Apache-2.0

//go:build linux

package difftest

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	codec "github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/internal/netnstest"
)

const (
	oui8021 = "\x00\x80\xc2"
	oui8023 = "\x00\x12\x0f"
	ouiTIA  = "\x00\x12\xbb"
)

// fixed are the values of TLVs whose length follows from their fields, each behind
// its type.
var fixed = map[string]string{
	"capabilities":              "\x07\x00\x14\x00\x14",
	"management address":        "\x08\x05\x01\xc0\x00\x02\x01\x02\x00\x00\x00\x07\x00",
	"management address, OID":   "\x08\x05\x01\xc0\x00\x02\x01\x02\x00\x00\x00\x07\x02\x2b\x06",
	"PVID":                      "\x7f" + oui8021 + "\x01\x00\x64",
	"VLAN name":                 "\x7f" + oui8021 + "\x03\x01\x2c\x07storage",
	"VLAN name, none":           "\x7f" + oui8021 + "\x03\x01\x2c\x00",
	"VLAN name of 33 octets":    "\x7f" + oui8021 + "\x03\x01\x2c\x21" + strings.Repeat("x", 33),
	"management VID":            "\x7f" + oui8021 + "\x06\x00\x64",
	"link aggregation":          "\x7f" + oui8021 + "\x07\x03\x00\x01\x00\x05",
	"MAC/PHY":                   "\x7f" + oui8023 + "\x01\x03\x6c\x01\x00\x1e",
	"link aggregation of 802.3": "\x7f" + oui8023 + "\x03\x01\x00\x00\x00\x09",
	"maximum frame size":        "\x7f" + oui8023 + "\x04\x24\x14",
	"network policy":            "\x7f" + ouiTIA + "\x02\x01\x40\x65\xae",
	"ETS configuration":         "\x7f" + oui8021 + "\x09\x83\x01\x23\x45\x67\x32\x32\x00\x00\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x00\x00",
	"ETS recommendation":        "\x7f" + oui8021 + "\x0a\x00\x01\x23\x45\x67\x32\x32\x00\x00\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x00\x00",
	"PFC":                       "\x7f" + oui8021 + "\x0b\x88\x08",
}

// TestExtraOctets compares each TLV of a fixed length that goes on behind its fields.
// Behind such a basic one tshark reads no more of the frame, so it stands last.
func TestExtraOctets(t *testing.T) {
	netnstest.Require(t, netnstest.TShark)
	names, extras := slices.Sorted(maps.Keys(fixed)), []string{"", "\x00", "\xff\xff", "\x00\x00\xfe\x06"}
	var frames [][]byte
	for _, name := range names {
		for _, extra := range extras {
			frames = append(frames, frameWith(fixed[name]+extra))
		}
	}
	packets := dissect(t, pcapFile(t, frames))
	if len(packets) != len(frames) {
		t.Fatalf("tshark sees %d packets, want %d", len(packets), len(frames))
	}
	bare, _ := lldp.Decode(frameWith(""))
	for i, frame := range frames {
		name := names[i/len(extras)]
		got, _ := lldp.Decode(frame)
		want, err := neighbor(&packets[i])
		if diff := cmp.Diff(lldp.Frame{Neighbor: want}, got); diff != "" || err != nil {
			t.Errorf("%s, frame %x: %v (-tshark +decoded):\n%s", name, frame, err, diff)
		}
		if cmp.Equal(bare, got) {
			t.Errorf("%s, frame %x: it says nothing", name, frame)
		}
	}
}

// frameWith returns a frame with one optional TLV, given as its type and its value, or
// with none.
func frameWith(tlv string) []byte {
	const header = "\x01\x80\xc2\x00\x00\x0e\x02\x00\x00\x00\x01\x01\x88\xcc"
	b := []byte(header + "\x02\x07\x04\x02\x00\x00\x00\x01\x01" + "\x04\x03\x05p1" + "\x06\x02\x00\x78")
	if tlv != "" {
		b = binary.BigEndian.AppendUint16(b, uint16(codec.TLVType(tlv[0]))<<9|uint16(len(tlv)-1))
		b = append(b, tlv[1:]...)
	}
	return append(b, 0, 0) // End
}
