// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

const (
	waitForAgent = "; try again when colvind has heard the switch, which usually takes 30 seconds at most"
	startAgent   = "; colvind does not run on this node: start it"
)

// The error table: every way in which a name does not resolve.
func TestResolveErrors(t *testing.T) {
	green := func(b *bench) *nodefile.Uplink { return &b.node.Networks[1].Uplinks[0] }
	also := func(b *bench, a nodefile.Uplink) {
		b.node.Networks[1].Uplinks = append(b.node.Networks[1].Uplinks, a)
	}
	for _, tt := range []struct {
		name string
		set  func(*bench)
		code uint
		want string
	}{
		{
			"unknown", func(b *bench) { b.conf["network"] = "gren" },
			7, `node1: network "gren" is not known: no rule or colour has that name; known here: blue, green; did you mean "green"? If not, add a rule`,
		},
		{
			"unknown and rules broken", func(b *bench) {
				b.conf["network"] = "red"
				b.node.Networks, b.node.RulesProblem = nil, "rules.yaml:3:5: unknown key \"nmae\""
			},
			7, `node1: network "red" is not known: no rule or colour has that name; known here: none; check the spelling or add a rule; ` +
				`the latest rules are not in force: rules.yaml:3:5: unknown key "nmae"`,
		},
		{
			"hostile name", func(b *bench) { b.conf["network"] = "a\n\x1b[31m[" },
			7, `node1: network "a\n\x1b[31m[": "network" is "a\n\x1b[31m[", which no network can be called: want lower-case letters, digits and hyphens, the first and last no hyphen`,
		},
		{
			"not converged", func(b *bench) {
				b.conf["network"] = "red"
				b.node.Converged, b.node.Pending = false, []string{"eth3"}
			},
			11, `node1: network "red" is not known yet: no switch heard yet on eth3; here so far: blue, green` + waitForAgent,
		},
		{
			"just started", func(b *bench) { b.node.Converged, b.node.Networks = false, nil },
			11, `node1: network "green" is not known yet: colvind has just started; here so far: none` + waitForAgent,
		},
		{
			"known name elsewhere", func(b *bench) { b.conf["network"] = "storage" },
			100, `node1: network "storage" is not on this node: the rules know it, but no port here leads to it; here: blue, green; ` +
				`place the container on another node, or check the cables with "colvin networks"`,
		},
		{
			"known pattern elsewhere", func(b *bench) {
				b.conf["network"], b.node.KnownPatterns = "rail-7", []string{"[", "rail-*"}
				for i := range 30 {
					n := b.node.Networks[0]
					n.Name = fmt.Sprintf("n%d", i)
					b.node.Networks = append(b.node.Networks, n)
				}
			},
			100, `node1: network "rail-7" is not on this node: the rules know it, but no port here leads to it; here: blue, green, n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, ` +
				`n10, n11, n12, n13, n14, n15, n16, n17, 12 more; place the container on another node, or check the cables with "colvin networks"`,
		},
		{
			"no device", func(b *bench) {
				a := green(b)
				a.Device, a.Reason = nodefile.Link{}, "no VLAN device for VID 300 on eth1"
				tagVID(a, 300)
			},
			100, `node1: network "green" cannot be used now: eth1 with VLAN 300 (leaf-1 Ethernet4, chassis mac:00:1b:21:aa:bb:cc VLAN 100, rules.yaml:3) is fresh since 2026-05-01T12:00:00Z (5 min ago): ` +
				`no VLAN device for VID 300 on eth1; change that on the node, or place the container on another; "colvin explain eth1" tells more`,
		},
		{
			"unverified", func(b *bench) {
				a := green(b)
				a.Usable, a.Certainty, a.Reason, a.Rule = false, nodefile.Unverified, "the carrier was lost since the switch was last heard; "+nodefile.WaitsForLLDP, ""
			},
			11, `node1: network "green" cannot be used now: eth1 (leaf-1 Ethernet4, chassis mac:00:1b:21:aa:bb:cc VLAN 100) is unverified since 2026-05-01T12:00:00Z (5 min ago): ` +
				`the carrier was lost since the switch was last heard; waiting for its LLDP` + waitForAgent,
		},
		{
			"contradicted", func(b *bench) {
				a := green(b)
				a.Usable, a.Certainty, a.Reason, a.Rule = false, nodefile.Unverified, "leaf-2, from 02:00:00:00:00:02, contradicts it; believed is who is heard alone for a while", ""
			},
			11, `node1: network "green" cannot be used now: eth1 (leaf-1 Ethernet4, chassis mac:00:1b:21:aa:bb:cc VLAN 100) is unverified since 2026-05-01T12:00:00Z (5 min ago): ` +
				`leaf-2, from 02:00:00:00:00:02, contradicts it; believed is who is heard alone for a while; "colvin explain eth1" tells what ends that`,
		},
		{
			"down", func(b *bench) { a := green(b); a.Usable, a.Certainty = false, nodefile.Down },
			11, `node1: network "green" cannot be used now: eth1 (leaf-1 Ethernet4, chassis mac:00:1b:21:aa:bb:cc VLAN 100, rules.yaml:3) is down since 2026-05-01T12:00:00Z (5 min ago)` + waitForAgent,
		},
		{
			"pinned, and a switch leads elsewhere", func(b *bench) {
				a := green(b)
				pin(a)
				a.Usable, a.Certainty, a.Reason = false, nodefile.Unverified, "a rule pins it, but leaf-2 speaks there and leads elsewhere"
			},
			11, `node1: network "green" cannot be used now: eth1 (pinned by ruleset/site spec.networks[0].match[1]: nobody on the wire confirms it) is unverified since 2026-05-01T12:00:00Z (5 min ago): ` +
				`a rule pins it, but leaf-2 speaks there and leads elsewhere; "colvin explain eth1" tells what ends that`,
		},
		{
			"ambiguous with a pin", func(b *bench) {
				other := attached(eth(5, "eth2"), 100)
				pin(&other)
				also(b, other)
				b.conf["select"] = "first"
			},
			101, `node1: network "green" is ambiguous: eth1 (leaf-1 Ethernet4, chassis mac:00:1b:21:aa:bb:cc VLAN 100, rules.yaml:3) and ` +
				`eth2 (pinned by ruleset/site spec.networks[0].match[1]: nobody on the wire confirms it) lead to it; they are different networks, so "select" does not decide: ` +
				`give them different names in the rules, or accept them as one there with spans: true`,
		},
		{
			"ambiguous", func(b *bench) { also(b, attached(eth(5, "eth2"), 100)) },
			101, `node1: network "green" is ambiguous: eth1 (leaf-1 Ethernet4, chassis mac:00:1b:21:aa:bb:cc VLAN 100, rules.yaml:3) and ` +
				`eth2 (leaf-1 Ethernet5, chassis mac:00:1b:21:aa:bb:cc VLAN 100, rules.yaml:3) lead to it; set "select": "first" to take the first`,
		},
		{
			"ambiguous between networks", func(b *bench) {
				also(b, attached(eth(5, "eth2"), 200))
				b.conf["select"] = "first"
			},
			101, `node1: network "green" is ambiguous: eth1 (leaf-1 Ethernet4, chassis mac:00:1b:21:aa:bb:cc VLAN 100, rules.yaml:3) and ` +
				`eth2 (leaf-1 Ethernet5, chassis mac:00:1b:21:aa:bb:cc VLAN 200, rules.yaml:3) lead to it; they are different networks, so "select" does not decide: ` +
				`give them different names in the rules, or accept them as one there with spans: true`,
		},
		{
			"ambiguous, and the rules join the first only", func(b *bench) {
				green(b).Spans = true
				also(b, attached(eth(5, "eth2"), 200))
				b.conf["select"] = "first"
			},
			101, `node1: network "green" is ambiguous: eth1 (leaf-1 Ethernet4, chassis mac:00:1b:21:aa:bb:cc VLAN 100, rules.yaml:3) and ` +
				`eth2 (leaf-1 Ethernet5, chassis mac:00:1b:21:aa:bb:cc VLAN 200, rules.yaml:3) lead to it; they are different networks, so "select" does not decide: ` +
				`give them different names in the rules, or accept them as one there with spans: true`,
		},
		{
			"ambiguous, and the rules join the second only", func(b *bench) {
				other := attached(eth(5, "eth2"), 200)
				other.Spans = true
				also(b, other)
				b.conf["select"] = "first"
			},
			101, `node1: network "green" is ambiguous: eth1 (leaf-1 Ethernet4, chassis mac:00:1b:21:aa:bb:cc VLAN 100, rules.yaml:3) and ` +
				`eth2 (leaf-1 Ethernet5, chassis mac:00:1b:21:aa:bb:cc VLAN 200, rules.yaml:3) lead to it; they are different networks, so "select" does not decide: ` +
				`give them different names in the rules, or accept them as one there with spans: true`,
		},
		{
			"boot", func(b *bench) { b.kernel.Boot = "boot2" },
			11, `node1: network "green": DIR/run/networks.json is from before the last reboot, and a cable can have moved since` + waitForAgent,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			tt.set(b)
			b.writeNode()
			b.agent()
			b.wantError(b.do(b.plugin.Add), tt.code, tt.want)
			b.wantVerbs()
			b.wantRecords(0)
			b.must(b.do(b.plugin.Del)) // as runtimes do after a failed ADD
			b.wantRecords(0)
		})
	}
}

// What the kernel knows to be down waits for no agent: the message says what helps.
func TestDownIsHelped(t *testing.T) {
	const down = `node1: network "green" cannot be used now: eth1 (leaf-1 Ethernet4, chassis mac:00:1b:21:aa:bb:cc VLAN 100, rules.yaml:3) is down since 2026-05-01T12:00:00Z (5 min ago)`
	for name, tt := range map[string]struct {
		change func(*discovery.Interface)
		helps  string
	}{
		"administratively": {func(i *discovery.Interface) { i.Name, i.Up = "lan0", false }, "; ip link set dev lan0 up"},
		"no carrier":       {func(i *discovery.Interface) { i.Carrier = false }, "; check its cable and the switch port at the other end"},
		"up by now":        {func(*discovery.Interface) {}, startAgent},
		"gone":             {func(i *discovery.Interface) { i.Index = 40 }, startAgent},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			a := &b.node.Networks[1].Uplinks[0]
			a.Usable, a.Certainty = false, nodefile.Down
			b.writeNode()
			tt.change(&b.kernel.Now[0])
			b.wantError(b.do(b.plugin.Add), 11, down+tt.helps)
		})
	}
}

// A plugin that is nearly there is told from one that is not installed.
func TestMissingNearly(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.conf["delegate"], b.conf["deviceKey"] = map[string]any{"type": "macvln"}, "master"
	b.wantError(b.do(b.plugin.Add), 50, `node1: network "green" on eth1: the delegate plugin macvln is not in CNI_PATH (DIR/none:DIR/bin): install it there, or did you mean "macvlan"?`)
	delete(b.conf, "deviceKey")
	b.conf["delegate"], b.conf["ipam"] = map[string]any{"type": "macvlan"}, map[string]any{"type": "host-locl"}
	b.wantError(b.do(b.plugin.Add), 50, `node1: network "green" on eth1: the IPAM plugin host-locl is not in CNI_PATH (DIR/none:DIR/bin): install it there, or did you mean "host-local"?`)
}

// The kernel knows better than the file, also when nobody is there to write it.
func TestKernelErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*discovery.Interface)
		want   string
		helps  string // instead of the agent
	}{
		{"cable moved", func(i *discovery.Interface) { i.CarrierChanges = 4 }, "eth1 lost its link since the switch was heard there (carrier changes 4, known at 2), and a cable can have moved", ""},
		{"no carrier", func(i *discovery.Interface) { i.Carrier, i.CarrierChanges = false, 3 }, "eth1 has no link", "; check its cable and the switch port at the other end"},
		{"down", func(i *discovery.Interface) { i.Up = false }, "eth1 is administratively down", "; ip link set dev eth1 up"},
		{"gone", func(i *discovery.Interface) { i.Index = 40 }, "eth1 (ifindex 4) is gone", ""},
		{"another", func(i *discovery.Interface) { i.MAC[0], i.Name = 6, "tap0" }, "tap0 (ifindex 4) has MAC address 06:00:00:00:00:04, which was 02:00:00:00:00:04", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.writeNode()
			tt.change(&b.kernel.Now[0])
			want := tt.want + orAgent(tt.helps)
			b.wantError(b.do(b.plugin.Add), 11, `node1: network "green" cannot be used now: `+want)
			b.wantVerbs()
			b.wantRecords(0)
		})
	}
}

func TestNodeFileErrors(t *testing.T) {
	earlier := readFile(t, "../mapping/nodefile/testdata/networks.v1.json")
	const restart = "; restart colvind: it writes this file anew when it starts"
	for _, tt := range []struct {
		name, content, want string
	}{
		{"missing", "", "no such file; check that colvind runs on this node: it writes this file when it starts"},
		{"truncated", `{"version":4,"node":"no`, "damaged: unexpected end of JSON input" + restart},
		{"garbage", "\x7fELF", `damaged: invalid character '\x7f' looking for beginning of value` + restart},
		{"other version", `{"version":7}`, "format version 7, want 4; install colvind, colvin and the CNI plugin of one release, then restart colvind"},
		{
			"what a colvind of version 1 wrote", earlier,
			"format version 1, want 4; install colvind, colvin and the CNI plugin of one release, then restart colvind",
		},
		{"huge", strings.Repeat("[", nodefile.MaxSize+1), "damaged: it is larger than 33554432 bytes" + restart},
		{"FIFO", "fifo", "damaged: it is not a regular file" + restart},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			switch tt.content {
			case "":
			case "fifo":
				b.must(syscall.Mkfifo(b.nodeFile(), 0o600))
			default:
				b.must(os.WriteFile(b.nodeFile(), []byte(tt.content), 0o600))
			}
			b.wantError(b.do(b.plugin.Add), 11, `this node: network "green": read DIR/run/networks.json: `+tt.want)
			b.wantError(b.do(b.plugin.Status), 50, `this node: network "green": read DIR/run/networks.json: `+tt.want)
			b.wantVerbs()
			b.wantRecords(0)
		})
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestMissingDelegate(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.agent()
	path := b.args.Path
	b.args.Path = "/opt/cni/bin"
	b.wantError(b.do(b.plugin.Add), 50, `node1: network "green" on eth1: the delegate plugin macvlan is not in CNI_PATH (/opt/cni/bin): install it there`)
	b.wantError(b.do(b.plugin.Status), 50, `node1: network "green": the delegate plugin macvlan is not in CNI_PATH (/opt/cni/bin): install it there`)
	b.must(b.do(b.plugin.Del))
	b.wantRecords(0)

	b.args.Path = path
	b.must(b.do(b.plugin.Add))
	b.args.Path = "/opt/cni/bin"
	b.must(b.do(b.plugin.Del)) // the interface is gone, and there is no address
	b.wantRecords(0)

	b.args.Path = path
	b.conf["ipam"] = map[string]any{"type": "host-local"}
	b.must(b.do(b.plugin.Add))
	b.args.Path = "/opt/cni/bin"
	b.wantError(b.do(b.plugin.Del), 50, `node1: network "green": detach net1 of container c1: the IPAM plugin host-local is not in CNI_PATH (/opt/cni/bin): install it there`)
	b.wantRecords(1) // nothing is forgotten
}

func TestConfErrors(t *testing.T) {
	for _, tt := range []struct{ name, conf, want string }{
		{"null", `null`, `configuration is null, want an object`},
		{"no JSON", `{`, `parse configuration: unexpected end of JSON input`},
		{"folded type", `{"network":"green","Type":"own"}`, `"Type" is spelt "type"`},
		{"empty", `{}`, `"network" is missing: the name of the network to attach to`},
		{"misspelt", `{"netwrok":"green"}`, `"network" is missing: the name of the network to attach to; "netwrok" is nearly that key`},
		{
			"several", `{"network":7,"select":"any","runDirectory":"/run","delegate":{}}`,
			`"network" is not a string; ` +
				`"select" is "any", want "only" or "first"; delegate: "type" is missing: the plugin to delegate to, such as macvlan; ` +
				`"runDirectory" is set, but the directories are the node's to say; remove it, or set COLVIN_RUN_DIRECTORY in the environment of the container runtime`,
		},
		{
			"node's directories", `{"network":"green","recordDirectory":7,"runDirectory":"/run/colvin"}`,
			`"runDirectory" is set, but the directories are the node's to say; remove it, or set COLVIN_RUN_DIRECTORY in the environment of the container runtime; ` +
				`"recordDirectory" is set, but the directories are the node's to say; remove it, or set COLVIN_RECORD_DIRECTORY in the environment of the container runtime`,
		},
		{"folded network", `{"Network":"green"}`, `"network" is missing: the name of the network to attach to; "Network" is spelt "network"`},
		{"folded keys", `{"network":"green","Network":"blue","Isolation":"strict","DELEGATE":{}}`, `"DELEGATE" is spelt "delegate"; "Isolation" is spelt "isolation"; "Network" is spelt "network"`},
		{"long name", `{"network":"` + strings.Repeat("x", 64) + `"}`, `"network" has 64 characters, want at most 63`},
		{"master", `{"network":"green","master":"eth0"}`, `"master" is set, but the device comes from "network"; remove it`},
		{"master in delegate", `{"network":"green","delegate":{"type":"macvlan","master":"eth0"}}`, `"master" is set, but the device comes from "network"; remove it`},
		{"folded master", `{"network":"green","delegate":{"type":"macvlan","ma\u017fter":"eth0"}}`, `"maſter" is set, but the device comes from "network"; remove it`},
		{"container device", `{"network":"green","linkincontainer":true}`, `"linkincontainer" is set, and would attach the container to something else than the network; remove it`},
		{"delegate no object", `{"network":"green","delegate":"macvlan"}`, `"delegate" is not an object; write {"type": "macvlan"}`},
		{"type no string", `{"network":"green","delegate":{"type":1}}`, `delegate: "type" is not a string; delegate: "type" is missing: the plugin to delegate to, such as macvlan`},
		{"path", `{"network":"green","delegate":{"type":"../sh"},"deviceKey":"d"}`, `delegate: "type" is "../sh", want the name of a plugin without a path`},
		{"itself", `{"network":"green","delegate":{"type":"colvin"}}`, `delegate: "colvin" cannot delegate to itself`},
		{"itself renamed", `{"type":"my-colvin","network":"green","delegate":{"type":"my-colvin"}}`, `delegate: "my-colvin" cannot delegate to itself`},
		{"host-device", `{"network":"green","delegate":{"type":"host-device","kernelpath":"/sys/x"}}`, `"kernelpath" is set, and would attach the container to something else than the network; remove it`},
		{"vlan", `{"network":"green","delegate":{"type":"vlan","vlanid":5},"ipam":{"type":"static"}}`, `"vlanid" is set, but the VLAN comes from "network"; remove it`},
		{"bridge", `{"network":"green","delegate":{"type":"bridge","vlanTrunk":[{"id":5}]}}`, `"vlanTrunk" is set, and would attach the container to something else than the network; remove it`},
		{"sriov", `{"network":"green","delegate":{"type":"sriov","vlan":5,"DeviceID":"0000:03:00.1"}}`, `"DeviceID" is spelt "deviceID"; "vlan" is set, but the VLAN comes from "network"; remove it`},
		{
			"chosen twice", `{"network":"green","deviceID":"0000:03:00.1","runtimeConfig":{"deviceID":"0000:03:00.2"},"delegate":{"type":"host-device"}}`,
			`the device is chosen more than once: 0000:03:00.1, 0000:03:00.2`,
		},
		{"chosen no string", `{"network":"green","pciBusID":3,"delegate":{"type":"own"},"deviceKey":"d"}`, `"pciBusID" is not a string`},
		{"InfiniBand", `{"network":"green","delegate":{"type":"ib-sriov"}}`, `delegate: "ib-sriov" cannot be used: InfiniBand has no LLDP, so nothing tells where its ports lead`},
		{"no device key", `{"network":"green","delegate":{"type":"own"}}`, `delegate: "own" is no plugin that Colvin knows, so "deviceKey" is missing: the key in which it expects the device`},
		{"typing error", `{"network":"green","delegate":{"type":"macvaln"}}`, `delegate: "macvaln" is no plugin that Colvin knows, so "deviceKey" is missing: the key in which it expects the device; did you mean "macvlan"?`},
		{"no name of a network", `{"network":"Green"}`, `"network" is "Green", which no network can be called: want lower-case letters, digits and hyphens, the first and last no hyphen; did you mean "green"?`},
		{"nearly a name", `{"network":" rail_1 "}`, `"network" is " rail_1 ", which no network can be called: want lower-case letters, digits and hyphens, the first and last no hyphen; did you mean "rail-1"?`},
		{"hyphen", `{"network":"-green"}`, `"network" is "-green", which no network can be called: want lower-case letters, digits and hyphens, the first and last no hyphen`},
		{"IPAM no object", `{"network":"green","ipam":"dhcp"}`, `"ipam" is not an object; write {"type": "dhcp"}`},
		{"vlan without IPAM", `{"network":"green","delegate":{"type":"vlan"}}`, `"ipam" is missing: vlan does nothing without one; give it {"type": "static", "addresses": [...]} or another`},
		{"vlan with IPAM of nobody", `{"network":"green","ipam":{},"delegate":{"type":"vlan"}}`, `"ipam" is missing: vlan does nothing without one; give it {"type": "static", "addresses": [...]} or another`},
		{"vlan beside macvlan", `{"network":"green","vlan":100}`, `"vlan" is set, and macvlan passes over it: the VLAN comes from "network"; remove it`},
		{"vlanId beside ipvlan", `{"network":"green","delegate":{"type":"ipvlan","VlanID":100}}`, `"VlanID" is set, and ipvlan passes over it: the VLAN comes from "network"; remove it`},
		{"vid beside host-device", `{"network":"green","vid":"7","delegate":{"type":"host-device"}}`, `"vid" is set, and host-device passes over it: the VLAN comes from "network"; remove it`},
		{"mode", `{"network":"green","mode":"brigde"}`, `"mode" is "brigde", want bridge, private, vepa, passthru`},
		{"mode of ipvlan", `{"network":"green","delegate":{"type":"ipvlan","mode":4}}`, `"mode" is 4, want l2, l3, l3s`},
		{"MTU", `{"network":"green","mtu":-1}`, `"mtu" is -1, want a number of octets, at least 0`},
		{"MTU in quotes", `{"network":"green","delegate":{"type":"vlan","mtu":"9000"},"ipam":{"type":"static"}}`, `"mtu" is "9000", want a number of octets, at least 0`},
		{"useless device key", `{"network":"green","deviceKey":"dev"}`, `"deviceKey" is "dev", but macvlan takes the device as "master"; remove "deviceKey"`},
		{"wrong device key", `{"network":"green","deviceKey":"dev","delegate":{"type":"ipvlan"}}`, `"deviceKey" is "dev", but ipvlan takes the device as "master"; remove "deviceKey"`},
		{"device key type", `{"network":"green","deviceKey":"type","delegate":{"type":"own"}}`, `"deviceKey" is "type", which has another meaning`},
		{"device key ipam", `{"network":"green","deviceKey":"ipam","delegate":{"type":"own"}}`, `"deviceKey" is "ipam", which has another meaning`},
		{"device key taken", `{"network":"green","deviceKey":"name","delegate":{"type":"own"}}`, `"deviceKey" is "name", which has another meaning`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parseConf([]byte(tt.conf))
			if err = c.refused(err); err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
	b := newBench(t)
	delete(b.conf, "network")
	for name, verb := range map[string]func(*skel.CmdArgs) error{"ADD": b.plugin.Add, "CHECK": b.plugin.Check, "STATUS": b.plugin.Status, "GC": b.plugin.GC} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			b.wantError(b.do(verb), 7, `this node: "network" is missing: the name of the network to attach to`)
		})
	}
	b.t = t
	b.must(b.do(b.plugin.Del))
}

func TestWithError(t *testing.T) {
	b := newBench(t)
	b.wantError(withError(fail(11, "busy"), "undoing it", errors.New("gone")), 11, "busy; undoing it: gone")
	b.wantError(withError(errors.New("busy"), "undoing it", errors.New("gone")), 999, "busy; undoing it: gone")
	if got := atMost(make([]string, maxListed)); len(got) != maxListed || got[maxListed-1] != "" {
		t.Errorf("of %d the last is %q", maxListed, got[len(got)-1])
	}
}

// What says nothing is accepted.
func TestConfAccepted(t *testing.T) {
	for _, conf := range []string{
		`{"network":"green","deviceKey":"master"}`,
		`{"network":"green","linkInContainer":false}`,
		`{"network":"green","delegate":{"type":"host-device","hwaddr":"","kernelpath":null}}`,
		`{"network":"green","delegate":{"type":"bridge","vlan":0}}`,
		`{"network":"green","mtu":0}`,
		`{"network":"green","mtu":null,"mode":""}`,
	} {
		c, err := parseConf([]byte(conf))
		if err = c.refused(err); err != nil {
			t.Errorf("%s: %v", conf, err)
		}
	}
}

// Whatever the configuration says, what the delegate gets has the device and
// only that, under whichever key a reader without regard to case would take.
func FuzzConf(f *testing.F) {
	f.Add([]byte(`{"name":"n","network":"green","delegate":{"type":"macvlan","Master":"eth0"}}`))
	f.Add([]byte(`{"network":"green","master":null,"deviceKey":"x","delegate":{"type":"own","linkInContainer":1}}`))
	f.Add([]byte(`{"network":"green","select":"first","prevResult":{},"ipam":{"type":"host-local"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConf(data)
		if err != nil {
			return
		}
		out, err := c.configure("eth1", 7)
		if err != nil {
			t.Fatalf("encode %s: %v", data, err)
		}
		again := object{}
		if err := json.Unmarshal(out, &again); err != nil {
			t.Fatalf("decode %s: %v", out, err)
		}
		want := map[string]string{c.profile.deviceKey: `"eth1"`, c.profile.vidKey: "7"}
		if c.chosen != "" && c.profile.use != over {
			chosen, err := json.Marshal(c.chosen)
			if err != nil {
				t.Fatal(err)
			}
			want = map[string]string{"deviceID": string(chosen), "pciBusID": string(chosen), c.profile.vidKey: "7"}
		}
		for key, value := range again {
			for k, v := range want {
				if k != "" && strings.EqualFold(key, k) && string(value) != v {
					t.Errorf("delegate gets %q: %s, want %s", key, value, v)
				}
			}
		}
		if c.network == "" || c.delegateType == "" || c.delegateType == "colvin" || c.profile.deviceKey == "" {
			t.Errorf("accepted %s as %+v", data, c)
		}
	})
}

// orAgent is what helps, or else the agent.
func orAgent(helps string) string {
	if helps == "" {
		return startAgent
	}
	return helps
}
