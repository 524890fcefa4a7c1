// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/node"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

var update = flag.Bool("update", false, "write what the commands print now into testdata")

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// now is when the tests look; what the agent knows is older.
var now = time.Date(2026, 1, 2, 10, 0, 0, 0, time.Local)

const ruleText = `ignore:
  - system: "bmc-*"
networks:
  - name: green
    match: [{system: sw-green, vlan: 100}]
`

// agentState is a node with a named, a coloured and a silent port.
func agentState(t *testing.T) *node.State {
	t.Helper()
	set, _, err := rules.Parse("/etc/colvin/rules.yaml", []byte(ruleText))
	if err != nil {
		t.Fatal(err)
	}
	nic := func(index int, name string, carrier bool) discovery.Interface {
		return discovery.Interface{
			Index: index, Name: name, MAC: discovery.MAC{2, 0, 0, 0, 0, byte(index)}, MTU: 1500, Bus: "pci",
			Ethernet: true, Up: true, Carrier: carrier, CarrierChanges: 2,
		}
	}
	heard := func(system, chassis string, pvid uint16, age time.Duration) []discovery.Neighbor {
		return []discovery.Neighbor{{
			Protocol: discovery.ProtocolLLDP, MSAP: discovery.MSAP{Chassis: discovery.ID("mac:" + chassis), Port: "ifname:Ethernet1/7"},
			TTL: 120, SystemName: system, SystemDescription: "NOS 1.0", PortDescription: "to node1", PVID: pvid,
			Capabilities:        discovery.Capabilities{Available: discovery.CapabilityBridge | discovery.CapabilityRouter, Enabled: discovery.CapabilityBridge},
			ManagementAddresses: []string{"192.0.2.1"}, FirstHeard: now.Add(-time.Hour), LastHeard: now.Add(-age),
			VLANs: []discovery.VLANName{{ID: 300, Name: "storage"}},
		}}
	}
	snap := &discovery.Snapshot{
		Time:       now.Add(-time.Hour),
		Interfaces: []discovery.Interface{nic(2, "eth1", true), nic(3, "eth2", true), nic(4, "eth3", false), {Index: 5, Name: "docker0", Kind: "bridge", Ethernet: true, Up: true}},
		Ports: []discovery.Port{
			{Index: 2, Name: "eth1", Epoch: 2, Neighbors: heard("sw-green", "00:00:5e:00:53:01", 100, 12*time.Second), Counters: discovery.PortCounters{FramesIn: 120}},
			{Index: 3, Name: "eth2", Epoch: 2, Neighbors: heard("", "00:00:5e:00:53:02", 200, 3*time.Second), Counters: discovery.PortCounters{FramesIn: 80, FramesDiscarded: 1}},
			{Index: 4, Name: "eth3", Epoch: 3},
		},
	}
	world := mapping.World{Node: "node1", BootID: "boot-1", Rules: set}
	memory := mapping.Memory{}.Advance(world, snap)
	view := mapping.Resolve(mapping.Input{World: world, Snapshot: snap, Memory: memory, Colours: mapping.Colours{
		Attach: true, Book: []mapping.Colour{{Name: "teal-heron", Identity: mapping.Identity{Switch: "mac:00:00:5e:00:53:02", VLAN: 200}}},
	}})
	return &node.State{
		Version: "v0.1.0", Node: "node1", BootID: "boot-1", Started: now.Add(-26 * time.Hour),
		Rules:    node.Rules{File: "/etc/colvin/rules.yaml", Loaded: now.Add(-2 * time.Hour)},
		Snapshot: snap, Memory: memory, View: view,
	}
}

// serve answers as an agent until the test ends.
func serve(t *testing.T, dir string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := agentState(t)
	server := node.NewServer(filepath.Join(dir, nodefile.SocketName), func() (*node.State, error) { return s, nil }, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for tick := time.Tick(time.Millisecond); ; <-tick {
		if _, err := node.Query(ctx, filepath.Join(dir, nodefile.SocketName)); err == nil {
			return
		}
	}
}

// run runs colvin and returns what it printed, and its error as main prints it.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	var out strings.Builder
	cmd := newCommand("v0.1.0", &out, func() time.Time { return now })
	cmd.SetArgs(append([]string{"--run-directory", dir}, args...))
	if err := cmd.ExecuteContext(t.Context()); err != nil && !errors.Is(err, ErrSilent) {
		out.WriteString("error: " + err.Error() + "\n")
	}
	return strings.ReplaceAll(out.String(), dir, "RUN")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestWithAgent(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir)
	for name, args := range map[string][]string{
		"neighbors":       {"neighbors"},
		"neighbors-wide":  {"neighbors", "-o", "wide"},
		"neighbors-json":  {"neighbors", "eth1", "-o", "json"},
		"interfaces":      {"interfaces"},
		"interfaces-wide": {"interfaces", "-o", "wide"},
		"networks":        {"networks"},
		"networks-wide":   {"networks", "-o", "wide"},
		"networks-json":   {"networks", "-o", "json"},
		"explain-eth1":    {"explain", "eth1"},
		"explain-eth2":    {"explain", "eth2", "-o", "json"},
		"explain-eth3":    {"explain", "eth3"},
		"explain-docker0": {"explain", "docker0"},
		"explain-unknown": {"explain", "eth9"},
		"status":          {"status"},
		"version":         {"version"},
		"format":          {"status", "-o", "xml"},
		"complete":        {"__complete", "explain", ""},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, run(t, dir, args...)) })
	}
}

func TestWithoutAgent(t *testing.T) {
	dir := t.TempDir()
	golden(t, "no-agent-no-file", run(t, dir, "networks"))
	file := &nodefile.File{
		Version: nodefile.Version, Node: "node1", BootID: "boot-1", Written: now.Add(-time.Hour).UTC(),
		Networks: []nodefile.Network{{Name: "green", Attachments: []nodefile.Attachment{{
			Identity: "chassis mac:00:00:5e:00:53:01 VLAN 100", Certainty: nodefile.Fresh, Usable: true,
			Device: nodefile.Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:02"}, Port: nodefile.Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:02"},
			Neighbor: "sw-green mac:00:00:5e:00:53:01 port ifname:Ethernet1/7", Rule: "/etc/colvin/rules.yaml:5",
		}}}},
	}
	if err := nodefile.Write(filepath.Join(dir, nodefile.FileName), file); err != nil {
		t.Fatal(err)
	}
	golden(t, "no-agent-networks", run(t, dir, "networks"))
	golden(t, "no-agent-resolve", run(t, dir, "resolve", "green"))
	golden(t, "no-agent-resolve-json", run(t, dir, "resolve", "green", "-o", "json"))
	golden(t, "no-agent-resolve-unknown", run(t, dir, "resolve", "gren"))
	golden(t, "no-agent-neighbors", run(t, dir, "neighbors"))
}

func TestRulesCheck(t *testing.T) {
	t.Chdir("testdata")
	for name, args := range map[string][]string{
		"check-good":     {"rules", "check", "good.yaml"},
		"check-bad":      {"rules", "check", "bad.yaml"},
		"check-bad-json": {"rules", "check", "bad.yaml", "-o", "json"},
		"check-missing":  {"rules", "check", "missing.yaml"},
	} {
		got := run(t, t.TempDir(), args...)
		t.Chdir("..")
		golden(t, name, got)
		t.Chdir("testdata")
	}
}
