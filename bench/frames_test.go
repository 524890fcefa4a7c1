// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	ml "github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

// A sample is a frame that every codec decodes.
type sample struct {
	name  string
	frame []byte
}

// samples are the frames of a real lldpd that the decoder is tested with, and
// built ones of the sizes that switches send.
func samples(tb testing.TB) []sample {
	tb.Helper()
	return append(recorded(tb), built(tb)...)
}

// recorded reads frames: lines of hex under comments that begin with #.
func recorded(tb testing.TB) []sample {
	tb.Helper()
	files, err := filepath.Glob("../discovery/lldp/testdata/lldpd-*.txt")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no frames in discovery/lldp/testdata (%v)", err)
	}
	var out []sample
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			frame, err := hex.DecodeString(strings.TrimSpace(line))
			if err != nil {
				tb.Fatalf("%s: %v", file, err)
			}
			out = append(out, sample{strings.TrimSuffix(filepath.Base(file), ".txt"), frame})
		}
	}
	// A shutdown frame is over too soon to tell decoders apart.
	return slices.DeleteFunc(out, func(s sample) bool { return s.name == "lldpd-shutdown" })
}

// Organizations of TLVs.
var (
	oui8021 = [3]byte{0x00, 0x80, 0xc2}
	oui8023 = [3]byte{0x00, 0x12, 0x0f}
	ouiTIA  = [3]byte{0x00, 0x12, 0xbb}
)

func built(tb testing.TB) []sample {
	tb.Helper()
	leaf := base("leaf-12.dc1.example.net", "Ethernet1/17",
		"Example Networks EOS-like operating system, version 4.31.2F, running on a 7050-class switch with 48 ports")
	leaf.Extra = []ml.TLV{
		speaker.OrgTLV(oui8021, 7, []byte{3, 0, 0, 0, 17}),               // link aggregation
		speaker.OrgTLV(oui8023, 1, []byte{0x03, 0x6c, 0x01, 0x00, 0x1e}), // MAC/PHY
		speaker.OrgTLV(oui8023, 4, []byte{0x24, 0x14}),                   // maximum frame size 9236
	}
	trunk := leaf
	for vid := range uint16(20) {
		trunk.VLANs = append(trunk.VLANs, discovery.VLANName{ID: 200 + vid, Name: "tenant-" + strconv.Itoa(int(vid))})
	}
	access := base("access-3.example.net", "GigabitEthernet1/0/24", "Example access switch, release 16.12.4, compiled on a Tuesday by somebody who was in a hurry")
	access.Extra = []ml.TLV{
		speaker.OrgTLV(oui8023, 1, []byte{0x03, 0x6c, 0x01, 0x00, 0x1e}),
		speaker.OrgTLV(oui8023, 2, []byte{0x07, 0x01, 0x00}),             // power via MDI
		speaker.OrgTLV(ouiTIA, 1, []byte{0x00, 0x3f, 0x04}),              // MED capabilities
		speaker.OrgTLV(ouiTIA, 2, []byte{0x01, 0x40, 0xc8, 0x2e}),        // MED network policy
		speaker.OrgTLV([3]byte{0x00, 0x01, 0x42}, 1, []byte{0x01, 0x01}), // a vendor's
	}
	var out []sample
	for _, s := range []struct {
		name  string
		frame speaker.Frame
	}{{"leaf", leaf}, {"trunk of 20 VLANs", trunk}, {"access", access}} {
		frame, err := s.frame.Marshal()
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, sample{s.name, frame})
	}
	return out
}

func base(system, port, description string) speaker.Frame {
	mac := discovery.MAC{0x02, 0x1b, 0x21, 0xaa, 0xbb, 0xcc}
	return speaker.Frame{
		Source: mac, Chassis: speaker.MACChassis(mac), Port: speaker.NamedPort(port), TTL: 120,
		PortDescription:     "node 7, rack 12, second NIC",
		SystemName:          system,
		SystemDescription:   description,
		ManagementAddresses: []netip.Addr{netip.MustParseAddr("192.0.2.17")},
		PVID:                100,
	}
}
