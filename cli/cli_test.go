// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/colvin-net/colvin/agent"
	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// now is when the tests look; what the agent knows is older.
var now = time.Date(2026, 1, 2, 10, 0, 0, 0, time.Local)

const ruleText = `ignore:
  - system: "bmc-*"
networks:
  - name: green
    match: [{system: "sw-green*", vlan: 100}]
  - name: storage
    match: [{system: "sw-green*", vlan: 300}]
  - name: office
    match: [{node: node1, interface: eth6, silent: now}]
`

// sayings is a neighbour that says everything that Colvin understands.
func sayings() discovery.Neighbor {
	return discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, Source: discovery.MAC{0, 0, 0x5e, 0, 0x53, 7}, Destination: discovery.MAC{1, 0x80, 0xc2, 0, 0, 0xe},
		MSAP: discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: "ifname:Ethernet1/7"},
		TTL:  120, SystemName: "sw-green-row4-rack12.fra2.datacentre.example.net", SystemDescription: "Example NOS 9.3(5), NX-93180YC-FX", PortDescription: "to node1 eth1",
		Capabilities:        discovery.Capabilities{Available: discovery.CapabilityBridge | discovery.CapabilityRouter, Enabled: discovery.CapabilityBridge},
		ManagementAddresses: []string{"192.0.2.1", "2001:db8::1"}, PVID: 100, ManagementVID: 99,
		VLANs:           []discovery.VLANName{{ID: 100, Name: "green"}, {ID: 300, Name: "storage"}, {ID: 301, Name: "backup"}, {ID: 302, Name: "migration"}, {ID: 303}},
		LinkAggregation: &discovery.LinkAggregation{Capable: true}, MaxFrameSize: 9216,
		MACPHY: &discovery.MACPHY{AutoNegotiationSupported: true, AutoNegotiationEnabled: true, Advertised: 0x0001, MAUType: 54},
		MED: &discovery.MED{NetworkPolicies: []discovery.NetworkPolicy{
			{Application: 1, Tagged: true, VID: 20, Priority: 5, DSCP: 46}, {Application: 7, Unknown: true},
		}},
		UnknownTLVs: []discovery.TLV{
			{Type: 127, OUI: discovery.OUI{0, 1, 0x42}, Subtype: 1, Value: discovery.Octets{1}},
			{Type: 127, OUI: discovery.OUI{0, 0x12, 0xf}, Subtype: 2, Value: discovery.Octets{7, 1, 0}},
		},
		FirstHeard: now.Add(-time.Hour), LastHeard: now.Add(-12 * time.Second), Before: now.Add(-42 * time.Second),
	}
}

// heardOn is a neighbour that says little.
func heardOn(protocol discovery.Protocol, chassis, port discovery.ID, system string, pvid uint16) discovery.Neighbor {
	return discovery.Neighbor{
		Protocol: protocol, Source: discovery.MAC{0, 0, 0x5e, 0, 0x53, 9}, Destination: discovery.MAC{1, 0x80, 0xc2, 0, 0, 0xe},
		MSAP: discovery.MSAP{Chassis: chassis, Port: port}, TTL: 120, SystemName: system, PVID: pvid,
		FirstHeard: now.Add(-time.Hour), LastHeard: now.Add(-3 * time.Second), Before: now.Add(-33 * time.Second),
	}
}

// routersHeard are two routers, one of them in a VLAN.
func routersHeard() []discovery.Router {
	prefix := func(text string, valid, preferred uint32) discovery.AdvertisedPrefix {
		return discovery.AdvertisedPrefix{
			Prefix: netip.MustParsePrefix(text), OnLink: true, Autonomous: true, Valid: valid, Preferred: preferred, LastHeard: now.Add(-100 * time.Second),
		}
	}
	local := prefix("fd00:1::/48", discovery.Infinite, discovery.Infinite)
	local.Autonomous = false
	return []discovery.Router{
		{
			Source: discovery.MAC{0, 0, 0x5e, 0, 2, 1}, Address: netip.MustParseAddr("fe80::200:5eff:fe00:201"), Preference: discovery.PreferenceHigh, Lifetime: 1800, Managed: true,
			Prefixes:   []discovery.AdvertisedPrefix{prefix("2001:db8:1::/64", 0, 0), prefix("2001:db8:2::/64", 86400, 14400), local},
			FirstHeard: now.Add(-time.Hour), LastHeard: now.Add(-100 * time.Second),
		},
		{
			Tag: 300, Source: discovery.MAC{0, 0, 0x5e, 0, 2, 2}, Address: netip.MustParseAddr("fe80::2"), Preference: discovery.PreferenceMedium, Other: true,
			Prefixes:   []discovery.AdvertisedPrefix{prefix("2001:db8:300::/64", 3600, 0)},
			FirstHeard: now.Add(-2 * time.Hour), LastHeard: now.Add(-100 * time.Second),
		},
	}
}

// ownAddressesHad are addresses of every sort.
func ownAddressesHad() []discovery.Address {
	return []discovery.Address{
		{Prefix: netip.MustParsePrefix("192.0.2.7/24"), Updated: now.Add(-26 * time.Hour)},
		{
			Prefix: netip.MustParsePrefix("2001:db8:2::7/64"), Dynamic: true, Updated: now.Add(-100 * time.Second),
			ValidUntil: now.Add(24*time.Hour - 100*time.Second), PreferredUntil: now.Add(4*time.Hour - 100*time.Second),
		},
		{Prefix: netip.MustParsePrefix("fe80::7/64"), Scope: discovery.ScopeLink, Updated: now.Add(-26 * time.Hour)},
	}
}

// snapshot is a node with ports of every sort.
func snapshot() *discovery.Snapshot {
	s := &discovery.Snapshot{Time: now.Add(-time.Minute)}
	nic := func(name, driver string, transmit discovery.Transmit, neighbors ...discovery.Neighbor) (*discovery.Interface, *discovery.Port) {
		index := len(s.Ports) + 2
		s.Interfaces = append(s.Interfaces, discovery.Interface{
			Index: index, Name: name, MAC: discovery.MAC{2, 0, 0, 0, 0, byte(index)}, MTU: 1500, Bus: "pci",
			Ethernet: true, Up: true, Carrier: true, CarrierChanges: 2,
		})
		s.Ports = append(s.Ports, discovery.Port{
			Index: index, Name: name, Epoch: 2, Since: now.Add(-26 * time.Hour), NIC: discovery.NIC{Driver: driver}, Transmit: transmit, Neighbors: neighbors,
			Counters: discovery.PortCounters{FramesIn: 120 * uint64(len(neighbors)), FramesOut: 118},
		})
		return &s.Interfaces[len(s.Interfaces)-1], &s.Ports[len(s.Ports)-1]
	}
	send := discovery.Transmit{State: discovery.Sending}

	ifi, port := nic("eth1", "mlx5_core", send, sayings())
	ifi.AltNames, ifi.MTU = []string{"enp65s0f0np0"}, 9000
	port.Counters.FramesDiscarded, port.Counters.FramesInErrors, port.Counters.TLVsUnrecognized = 3, 3, 240
	port.Counters.Discards = discovery.Discards{"noEnd": 1, "ttlMissing": 2}
	port.Routers, ifi.Addresses = routersHeard(), ownAddressesHad()
	_, port = nic("eth2", "mlx5_core", discovery.Transmit{State: discovery.Silent, Reason: "another agent on this node speaks LLDP here"},
		heardOn(discovery.ProtocolLLDP, "mac:00:00:5e:00:53:02", "ifname:Ethernet1/8", "", 200))
	port.Counters.FramesOut, port.Counters.Ageouts = 0, 1
	attic := heardOn(discovery.ProtocolCDP, "cdp:attic-3560.example.net", "ifname:GigabitEthernet0/13", "attic-3560.example.net", 1)
	attic.FirstHeard, attic.Before = now.Add(-200*time.Second), now.Add(-63*time.Second)
	nic("eth3", "e1000e", send, attic)
	ifi, port = nic("eth4", "e1000e", discovery.Transmit{State: discovery.Off, Reason: "the port is down"})
	ifi.Carrier, port.Counters.FramesOut = false, 0
	_, port = nic("eth5", "i40e", send)
	port.NIC.FirmwareLLDP, port.NIC.Remedy = true, "ethtool --set-priv-flags eth5 disable-fw-lldp on"
	nic("eth6", "igb", send)
	nic("eth7", "igb", send, heardOn(discovery.ProtocolLLDP, "mac:00:00:5e:00:53:77", "mac:00:00:5e:00:53:77", "bmc-node1", 0))
	for i, name := range []string{"ens8f0", "ens8f1"} {
		chassis := discovery.ID(fmt.Sprintf("mac:00:00:5e:00:53:a%d", i))
		ifi, _ = nic(name, "ice", send, heardOn(discovery.ProtocolLLDP, chassis, "ifname:Ethernet3/1", fmt.Sprintf("mlag-%d", i+1), 400))
		ifi.Master, ifi.BondMember = 20, &discovery.BondMember{Active: true, Up: true, Aggregator: 1}
	}
	s.Interfaces = append(s.Interfaces,
		discovery.Interface{Index: 12, Name: "eth8", MAC: discovery.MAC{2, 0, 0, 0, 0, 12}, MTU: 1500, Bus: "pci", Ethernet: true},
		discovery.Interface{Index: 20, Name: "bond0", MAC: discovery.MAC{2, 0, 0, 0, 0, 20}, MTU: 1500, Kind: "bond", Ethernet: true, Up: true, Carrier: true, Bond: &discovery.Bond{Mode: "802.3ad", Aggregator: 1}},
		discovery.Interface{Index: 21, Name: "eth1.300", MAC: discovery.MAC{2, 0, 0, 0, 0, 2}, MTU: 9000, Kind: "vlan", Ethernet: true, Up: true, Carrier: true, Parent: 2, VLAN: 300},
		discovery.Interface{Index: 22, Name: "eth1v0", MAC: discovery.MAC{2, 0, 0, 0, 0, 22}, MTU: 1500, Bus: "pci", Ethernet: true, Up: true, Carrier: true, VF: true, PF: 2},
		discovery.Interface{Index: 23, Name: "docker0", MAC: discovery.MAC{2, 0, 0, 0, 0, 23}, MTU: 1500, Kind: "bridge", Ethernet: true, Up: true},
		discovery.Interface{Index: 24, Name: "veth4f1", MAC: discovery.MAC{2, 0, 0, 0, 0, 24}, MTU: 1500, Kind: "veth", Ethernet: true, Up: true, Carrier: true, Master: 23},
	)
	return s
}

// agentState is what an agent on that node says.
func agentState(t *testing.T) *agentapi.State {
	t.Helper()
	set, _, err := rules.Parse("/etc/colvin/rules.yaml", []byte(ruleText))
	if err != nil {
		t.Fatal(err)
	}
	snap := snapshot()
	world := mapping.World{Node: "node1", BootID: "boot-1", Rules: set}
	memory := mapping.Memory{}.Advance(world, snap)
	view := mapping.Resolve(mapping.Input{World: world, Snapshot: snap, Memory: memory, Colours: mapping.Colours{
		Attach: true, Book: []mapping.Colour{{Name: "teal-heron", Identity: mapping.Identity{Switch: "mac:00:00:5e:00:53:02", VLAN: 200}}},
	}})
	return &agentapi.State{
		Version: "v0.1.0", Node: "node1", BootID: "boot-1", Started: now.Add(-26 * time.Hour),
		Rules:    agentapi.Rules{File: "/etc/colvin/rules.yaml", Loaded: now.Add(-2 * time.Hour)},
		Snapshot: snap, Memory: memory, View: view, Attachments: attachedContainers(),
	}
}

// serve answers as an agent until the test ends.
func serve(t *testing.T, dir string) {
	t.Helper()
	s := agentState(t)
	serveState(t, dir, func() (*agentapi.State, error) { return s, nil }, changesSince)
}

func serveState(t *testing.T, dir string, state func() (*agentapi.State, error), changes func(time.Time) (agentapi.Changes, error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	server := agent.NewServer(filepath.Join(dir, agentapi.SocketName), state, changes, slog.New(slog.DiscardHandler))
	server.OnForget(func(_ context.Context, ifname string) (agentapi.Forgotten, error) {
		switch ifname {
		case "eth1":
			return agentapi.Forgotten{}, agentapi.Refusal{Why: "eth1: leaf-1 is heard there, so that is not over"}
		case "eth6":
			return agentapi.Forgotten{Interface: ifname, Neighbor: "leaf-1, chassis mac:00:00:5e:00:53:01 port ifname:p1 (VLAN 200)"}, nil
		default:
			return agentapi.Forgotten{Interface: ifname}, nil
		}
	})
	server.OnProbe(func(context.Context) error { return nil }, func() error { return agentapi.ErrNotReady })
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for tick := time.Tick(time.Millisecond); ; <-tick {
		if _, err := agentapi.Query(ctx, filepath.Join(dir, agentapi.SocketName)); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
	}
}

// run runs colvin and returns what it printed, and its error as main prints it.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	var out strings.Builder
	cmd := newCommand("v0.1.0", &out, func() time.Time { return now })
	cmd.SetErr(io.Discard) // where completion says what it did
	cmd.SetArgs(append([]string{"--run-directory", dir}, args...))
	if err := cmd.ExecuteContext(t.Context()); err != nil && !errors.Is(err, ErrSilent) {
		out.WriteString("error: " + err.Error() + "\n")
	}
	return strings.ReplaceAll(out.String(), dir, "RUN")
}

func expect(t *testing.T, name, got string) {
	t.Helper()
	golden.Compare(t, filepath.Join("testdata", name+".txt"), got)
}

func TestWithAgent(t *testing.T) {
	dir := t.TempDir()
	records := filepath.Join(dir, "attachments")
	serve(t, dir)
	for name, args := range map[string][]string{
		"neighbors":            {"neighbors"},
		"neighbors-wide":       {"neighbors", "-o", "wide"},
		"neighbors-json":       {"neighbors", "eth1", "-o", "json"},
		"neighbors-none":       {"neighbors", "eth4"},
		"neighbors-no-port":    {"neighbors", "docker0"},
		"interfaces":           {"interfaces"},
		"interfaces-wide":      {"interfaces", "-o", "wide"},
		"interfaces-json":      {"interfaces", "-o", "json"},
		"networks":             {"networks"},
		"networks-wide":        {"networks", "-o", "wide"},
		"networks-json":        {"networks", "-o", "json"},
		"topology":             {"topology"},
		"topology-json":        {"topology", "-o", "json"},
		"topology-svg":         {"topology", "-o", "svg"},
		"topology-drawio":      {"topology", "-o", "drawio"},
		"topology-dot":         {"topology", "-o", "dot"},
		"topology-mermaid":     {"topology", "-o", "mermaid"},
		"explain-eth1":         {"explain", "eth1"},
		"explain-eth2":         {"explain", "eth2", "-o", "json"},
		"forget":               {"forget", "eth6"},
		"forget-json":          {"forget", "eth6", "-o", "json"},
		"forget-nobody":        {"forget", "eth4"},
		"forget-heard":         {"forget", "eth1"},
		"forget-complete":      {"__complete", "forget", "ens"},
		"explain-eth6":         {"explain", "eth6"},
		"explain-eth4":         {"explain", "eth4"},
		"explain-eth5-json":    {"explain", "eth5", "-o", "json"},
		"explain-bond0":        {"explain", "bond0"},
		"explain-docker0":      {"explain", "docker0"},
		"explain-unknown":      {"explain", "eth9"},
		"attachments":          {"attachments", "--record-directory", records},
		"attachments-wide":     {"attachments", "--record-directory", records, "-o", "wide"},
		"attachments-json":     {"attachments", "--record-directory", records, "-o", "json"},
		"changes":              {"changes", "--since", "2d"},
		"changes-wide":         {"changes", "-o", "wide"},
		"changes-json":         {"changes", "--since", "2026-01-02T00:00:00Z", "-o", "json"},
		"changes-none":         {"changes", "--since", "1m"},
		"changes-bad":          {"changes", "--since", "yesterday"},
		"probe-live":           {"probe", "live"},
		"probe-not-ready":      {"probe", "ready"},
		"help-probe":           {"probe", "--help"},
		"status":               {"status"},
		"status-wide":          {"status", "-o", "wide"},
		"status-json":          {"status", "-o", "json"},
		"version":              {"version"},
		"format":               {"status", "-o", "xml"},
		"format-first":         {"-o", "svg", "rules", "check", "x"},
		"help-topology":        {"topology", "--help"},
		"complete":             {"__complete", "explain", ""},
		"complete-port":        {"__complete", "neighbors", ""},
		"complete-format":      {"__complete", "topology", "-o", ""},
		"complete-rules-check": {"__complete", "rules", "check", "-o", ""},
	} {
		t.Run(name, func(t *testing.T) { expect(t, name, run(t, dir, args...)) })
	}
}

func TestWithoutAgent(t *testing.T) {
	dir := t.TempDir()
	expect(t, "no-agent-no-file", run(t, dir, "networks"))
	expect(t, "no-agent-probe", run(t, dir, "probe", "live"))
	file := &nodefile.File{
		Version: nodefile.Version, Node: "node1", BootID: "boot-1", Written: now.Add(-time.Hour).UTC(),
		Networks: []nodefile.Network{{Name: "green", Uplinks: []nodefile.Uplink{{
			Identity: "mac:00:00:5e:00:53:01 vlan 100", Certainty: nodefile.Fresh, Usable: true, Until: time.Hour,
			Device: nodefile.Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:02"}, Ports: []nodefile.Port{{Link: nodefile.Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:02"}}},
			Neighbor: "sw-green mac:00:00:5e:00:53:01 port ifname:Ethernet1/7", Rule: "/etc/colvin/rules.yaml:5",
		}}}},
	}
	if err := nodefile.Write(filepath.Join(dir, nodefile.FileName), file); err != nil {
		t.Fatal(err)
	}
	expect(t, "no-agent-networks", run(t, dir, "networks"))
	expect(t, "no-agent-resolve", run(t, dir, "resolve", "green"))
	expect(t, "no-agent-resolve-json", run(t, dir, "resolve", "green", "-o", "json"))
	expect(t, "no-agent-resolve-unknown", run(t, dir, "resolve", "gren"))
	expect(t, "no-agent-neighbors", run(t, dir, "neighbors"))
	expect(t, "no-agent-forget", run(t, dir, "forget", "eth1"))
	expect(t, "no-agent-attachments", run(t, dir, "attachments", "--record-directory", filepath.Join(dir, "attachments")))
	expect(t, "no-agent-attachments-json", run(t, dir, "attachments", "-o", "json"))
	expect(t, "no-agent-changes-none", run(t, dir, "changes", "--state-directory", dir))
	if err := os.WriteFile(filepath.Join(dir, "changes.jsonl"), []byte(recorded), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, "no-agent-changes", run(t, dir, "changes", "--state-directory", dir))
	expect(t, "no-agent-changes-json", run(t, dir, "changes", "--state-directory", dir, "-o", "json"))
}
