// SPDX-License-Identifier: Apache-2.0

//go:build linux

package difftest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/capture"
	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/netnstest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// TestScapy compares frames that scapy made of random TLVs.
func TestScapy(t *testing.T) {
	netnstest.Require(t, netnstest.TShark, netnstest.Scapy)
	const seed, count = 1, 2000
	python, err := netnstest.ScapyPython()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "frames.pcap")
	script := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "frames.py"), fmt.Sprint(seed), fmt.Sprint(count), file)
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	frames := compare(t, file)
	if len(frames) != count {
		t.Errorf("compared %d frames, want %d", len(frames), count)
	}
	const least = 10
	seen := map[string]int{}
	for i := range frames {
		for _, f := range features(&frames[i].Neighbor) {
			seen[f]++
		}
	}
	for _, f := range expected {
		if seen[f] < least {
			t.Errorf("%d frames with %s, want %d at least", seen[f], f, least)
		}
	}
}

// expected is what frames at random have between them.
var expected = []string{
	"chassis component", "chassis ifalias", "chassis portcomponent", "chassis mac", "chassis ip", "chassis ifname", "chassis local",
	"port ifalias", "port component", "port mac", "port ip", "port ifname", "port circuit", "port local",
	"to 01:80:c2:00:00:0e", "to 01:80:c2:00:00:03", "to 01:80:c2:00:00:00",
	"shutdown", "port description", "system name", "system description", "capabilities", "management addresses",
	"PVID", "VLAN names", "management VID", "link aggregation", "maximum frame size", "MAC/PHY", "network policies",
	"ETS configuration", "ETS recommendation", "PFC", "application priorities", "unknown TLVs",
}

// features names what a frame has.
func features(n *discovery.Neighbor) []string {
	chassis, _, _ := strings.Cut(string(n.Chassis), ":")
	port, _, _ := strings.Cut(string(n.Port), ":")
	has := []string{"chassis " + chassis, "port " + port, "to " + n.Destination.String()}
	for name, there := range map[string]bool{
		"shutdown": n.TTL == 0, "port description": n.PortDescription != "", "system name": n.SystemName != "",
		"system description": n.SystemDescription != "", "capabilities": n.Capabilities != discovery.Capabilities{},
		"management addresses": len(n.ManagementAddresses) > 1, "PVID": n.PVID != 0, "VLAN names": len(n.VLANs) > 1,
		"management VID": n.ManagementVID != 0, "link aggregation": n.LinkAggregation != nil, "maximum frame size": n.MaxFrameSize != 0,
		"MAC/PHY": n.MACPHY != nil, "network policies": n.MED != nil, "unknown TLVs": len(n.UnknownTLVs) > 0,
		"ETS configuration": n.DCBX != nil && n.DCBX.ETSConfiguration != nil, "ETS recommendation": n.DCBX != nil && n.DCBX.ETSRecommendation != nil,
		"PFC": n.DCBX != nil && n.DCBX.PFC != nil, "application priorities": n.DCBX != nil && n.DCBX.ApplicationPriorities != nil,
	} {
		if there {
			has = append(has, name)
		}
	}
	return has
}

// compare compares what tshark and package lldp say of each frame in a pcap
// file, and returns what the latter says.
func compare(t *testing.T, file string) []lldp.Frame {
	t.Helper()
	packets := dissect(t, file)
	frames := readFrames(t, file)
	if len(packets) != len(frames) {
		t.Fatalf("tshark sees %d packets, we see %d", len(packets), len(frames))
	}
	const most = 5 // what is wrong is wrong in many frames
	different := 0
	decoded := make([]lldp.Frame, len(frames))
	for i := range frames {
		var diff string
		if decoded[i], diff = difference(&packets[i], frames[i]); diff != "" {
			if different++; different <= most {
				t.Errorf("frame %d %x: %s", i+1, frames[i], diff)
			}
		}
	}
	if different > 0 {
		t.Errorf("%d of %d frames differ", different, len(frames))
	}
	return decoded
}

// difference decodes a frame and says where tshark differs.
func difference(p *dissection, frame []byte) (got lldp.Frame, diff string) {
	got, reason := lldp.Decode(frame)
	want, err := neighbor(p)
	_, malformed := find(p.Protocols, "_ws.malformed")
	switch {
	case reason != lldp.Accepted:
		return got, reason.String()
	case err != nil:
		return got, err.Error()
	case malformed:
		return got, "tshark takes it for malformed"
	}
	return got, cmp.Diff(lldp.Frame{Neighbor: want}, got)
}

func readFrames(t *testing.T, file string) [][]byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	var frames [][]byte
	for frame, err := range capture.Frames(file, f) {
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, bytes.Clone(frame.Bytes))
	}
	return frames
}
