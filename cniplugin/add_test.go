// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

func TestAdd(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.conf["ipam"] = map[string]any{"type": "host-local"}
	b.conf["delegate"] = map[string]any{"type": "macvlan", "mode": "private", "name": "not this", "mtu": 1400}
	b.conf["mtu"] = 1500
	b.conf["deviceID"] = "0000:03:00.1"
	b.conf["pciBusID"] = "0000:03:00.1"
	b.conf["runtimeConfig"] = map[string]any{"mac": "02:00:00:00:00:77"}
	b.conf["args"] = map[string]any{"cni": map[string]any{"ips": []any{"10.10.0.7"}}}
	b.conf["prevResult"] = map[string]any{"cniVersion": "1.1.0"}
	b.must(b.do(b.plugin.Add))

	want := []call{{
		Verb: "ADD", ContainerID: "c1", Netns: "DIR/netns", IfName: "net1", Args: b.args.Args, Locked: true,
		Conf: map[string]any{
			"cniVersion": "1.1.0", "name": "net", "type": "macvlan", "master": "eth1", "mode": "private", "mtu": 1400.,
			"ipam": b.conf["ipam"], "runtimeConfig": b.conf["runtimeConfig"], "args": b.conf["args"], "prevResult": b.conf["prevResult"],
		},
	}}
	if diff := cmp.Diff(want, b.calls()); diff != "" {
		t.Errorf("delegate (-want +got):\n%s", diff)
	}
	wantResult := `{
    "cniVersion": "1.1.0",
    "interfaces": [
        {
            "mac": "02:00:00:00:00:99",
            "name": "net1",
            "sandbox": "DIR/netns"
        },
        {
            "mac": "02:00:00:00:00:04",
            "name": "eth1"
        }
    ],
    "ips": [
        {
            "address": "10.10.0.2/24",
            "interface": 0
        }
    ]
}`
	if diff := cmp.Diff(wantResult, b.text(b.stdout.String())); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	b.wantRecords(1)
	b.wantRecord(record.Added)
}

func (b *bench) wantRecord(phase record.Phase) {
	b.t.Helper()
	store, err := record.Open(b.records())
	b.must(err)
	got, err := store.List()
	b.must(err)
	eth1 := record.Link{Name: "eth1", Index: 4, MAC: "02:00:00:00:00:04"}
	want := []record.Record{{
		Key: record.Key{Name: "net", ContainerID: "c1", IfName: "net1"}, Phase: phase, BootID: "boot1",
		Netns: record.Netns{Path: b.args.Netns}, Args: b.args.Args, Pod: record.Pod{Namespace: "default", Name: "web-0", UID: "u1"},
		Network: "green", Identity: "mac:00:1b:21:aa:bb:cc vlan 100",
		Device: eth1, Port: eth1, CarrierChanges: 2, DelegateType: "macvlan",
	}}
	ignore := cmpopts.IgnoreFields(record.Record{}, "Time", "Path", "Netns.Inode", "Netns.Mount", "DelegateConf", "Result")
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		b.t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestAddDefaultDelegate(t *testing.T) {
	b := newBench(t)
	b.node.Networks[1].Name = "teal-heron" // a colour
	b.writeNode()
	b.conf["network"] = "teal-heron"
	b.must(b.do(b.plugin.Add))
	want := map[string]any{"cniVersion": "1.1.0", "name": "net", "type": "macvlan", "mode": "bridge", "master": "eth1"}
	if diff := cmp.Diff(want, b.calls()[0].Conf); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestAddOtherDelegate(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.conf["delegate"] = map[string]any{"type": "own", "network": "for the delegate"}
	b.conf["deviceKey"] = "uplink"
	b.must(b.do(b.plugin.Add))
	want := map[string]any{
		"cniVersion": "1.1.0", "name": "net", "type": "own", "uplink": "eth1", "network": "for the delegate",
	}
	if diff := cmp.Diff(want, b.calls()[0].Conf); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

// Without its IPAM plugin a delegate could neither finish nor be undone.
func TestAddMissingIPAM(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.conf["ipam"] = map[string]any{"type": "nope"}
	err := b.do(b.plugin.Add)
	if err == nil || !strings.Contains(err.Error(), "the IPAM plugin nope is not in CNI_PATH") {
		t.Errorf("ADD = %v, want an error that names the IPAM plugin", err)
	}
	if len(b.calls()) != 0 {
		t.Errorf("the delegate was called")
	}
	b.must(b.do(b.plugin.Del)) // no ADD can have come past this, so there is nothing to do
	b.wantVerbs()
	b.conf["ipam"] = map[string]any{"type": "host-local"}
	b.must(b.do(b.plugin.Add))
}

// A device that a device plugin chose may lead anywhere.
func TestAddChosenDevice(t *testing.T) {
	for _, delegate := range []string{"own", "sriov", "ib-sriov"} {
		b := newBench(t)
		b.writeNode()
		b.conf["delegate"] = map[string]any{"type": delegate}
		b.conf["deviceKey"] = "uplink"
		b.conf["deviceID"] = "0000:03:00.1"
		if err := b.do(b.plugin.Add); err == nil {
			t.Errorf("%s takes the device 0000:03:00.1", delegate)
		}
		if len(b.calls()) != 0 {
			t.Errorf("%s was called", delegate)
		}
	}
}

// Every version is answered in that version, whatever the delegate speaks.
func TestAddVersions(t *testing.T) {
	for _, asked := range []string{"", "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		t.Run("version "+asked, func(t *testing.T) {
			b := newBench(t)
			b.writeNode()
			if b.conf["cniVersion"] = asked; asked == "" {
				delete(b.conf, "cniVersion")
				asked = "0.1.0"
			}
			b.must(b.do(b.plugin.Add))
			var got struct {
				CNIVersion string
				Interfaces []struct{ Name string }
				IP4        struct{ IP string }
			}
			b.must(json.Unmarshal(b.stdout.Bytes(), &got))
			if got.CNIVersion != asked {
				t.Errorf("result has version %s", got.CNIVersion)
			}
			if asked >= "0.3.0" && (len(got.Interfaces) != 2 || got.Interfaces[1].Name != "eth1") {
				t.Errorf("interfaces %v, want eth1 last", got.Interfaces)
			}
			if asked < "0.3.0" && got.IP4.IP != "10.10.0.2/24" {
				t.Errorf("address %q", got.IP4.IP)
			}
		})
	}
}

func TestAddResultWithoutVersion(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.script.Result = `{"interfaces":[{"name":"eth1"}]}`
	b.must(b.do(b.plugin.Add))
	want := `{
    "cniVersion": "1.1.0",
    "interfaces": [
        {
            "name": "eth1"
        }
    ]
}`
	if diff := cmp.Diff(want, b.stdout.String()); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

// The name is what the kernel says now: names can be exchanged.
func TestAddRenamed(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.kernel.Now[0].Name, b.kernel.Now[1].Name = "eth2", "eth1"
	b.must(b.do(b.plugin.Add))
	if got := b.calls()[0].Conf["master"]; got != "eth2" {
		t.Errorf("attached to %v, want eth2", got)
	}
}

func TestAddDelegateErrors(t *testing.T) {
	const noDEL = `{"cniVersion":"1.1.0","code":999,"msg":"cannot undo"}`
	for _, tt := range []struct {
		name   string
		fail   map[string]string
		result string
		asked  string // version
		code   uint
		want   string
	}{
		{
			name: "CNI error", fail: map[string]string{"ADD": `{"code":120,"msg":"no\naddress left"}`},
			code: 120, want: `node1: network "green" on eth1: macvlan ADD: no address left`,
		},
		{
			name: "no CNI error", fail: map[string]string{"ADD": ""},
			code: 999, want: `node1: network "green" on eth1: macvlan ADD: exit status 1: told to fail`,
		},
		{
			name: "not undone", fail: map[string]string{"ADD": `{"code":120,"msg":"no address left"}`, "DEL": noDEL},
			code: 120, want: `node1: network "green" on eth1: macvlan ADD: no address left`,
		},
		{
			name: "not undone, though it said nothing", result: "hello", fail: map[string]string{"DEL": noDEL},
			code: 999, want: `node1: network "green" on eth1: macvlan ADD: parse result: invalid character 'h' looking for beginning of value`,
		},
		{
			name: "garbage", result: "hello",
			code: 999, want: `node1: network "green" on eth1: macvlan ADD: parse result: invalid character 'h' looking for beginning of value`,
		},
		{
			name: "null", result: "null",
			code: 999, want: `node1: network "green" on eth1: macvlan ADD: parse result: it is null`,
		},
		{
			name: "null interface", result: `{"cniVersion":"0.4.0","interfaces":[null]}`,
			code: 999, want: `node1: network "green" on eth1: macvlan ADD: parse result: an element is null`,
		},
		{
			name: "version", result: `{"cniVersion":"9.0.0"}`,
			code: 999, want: `node1: network "green" on eth1: macvlan ADD: parse result: unsupported CNI result version "9.0.0"`,
		},
		{
			name: "asked for another", asked: "9.9.9",
			code: 999, want: `node1: network "green" on eth1: convert result: no converter for CNI result version 1.1.0 to 9.9.9`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.writeNode()
			b.script.Fail, b.script.Result = tt.fail, tt.result
			if tt.asked != "" {
				b.conf["cniVersion"] = tt.asked
			}
			b.wantError(b.do(b.plugin.Add), tt.code, tt.want)
			b.wantVerbs("ADD", "DEL")
			b.wantRecords(0)
			if b.stdout.Len() != 0 {
				t.Errorf("printed %s", &b.stdout)
			}
		})
	}
}

func TestAddDelegateTooSlow(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.plugin.patience.delegateAdd = 3 * time.Second
	b.script.Hold = filepath.Join(b.dir, "hold")
	b.must(syscall.Mkfifo(b.script.Hold, 0o600))
	err := b.do(b.plugin.Add)
	b.wantError(err, 11, `node1: network "green" on eth1: macvlan gave no answer to ADD within 3s`)
	b.wantRecords(0)
}

// The agent learns that the name means something else while the delegate works.
func TestAddNetworkMovedMeanwhile(t *testing.T) {
	const elsewhere = `it no longer leads to "green"`
	for name, tt := range map[string]struct {
		change func(*bench, *nodefile.Uplink)
		want   string
	}{
		"identity":       {func(_ *bench, a *nodefile.Uplink) { a.Identity = "mac:00:1b:21:aa:bb:cc vlan 666" }, elsewhere},
		"out of use":     {func(_ *bench, a *nodefile.Uplink) { a.Usable = false }, elsewhere},
		"other device":   {func(_ *bench, a *nodefile.Uplink) { a.Device.Index = 9 }, elsewhere},
		"renamed device": {func(_ *bench, a *nodefile.Uplink) { a.Device.Name = "eth9" }, elsewhere},
		"other parent":   {func(_ *bench, a *nodefile.Uplink) { a.Parent.Index = 9 }, elsewhere},
		"other VLAN":     {func(_ *bench, a *nodefile.Uplink) { tagVID(a, 301) }, elsewhere},
		"other port":     {func(_ *bench, a *nodefile.Uplink) { a.Ports[0].Link = linkOf(eth(5, "eth2")) }, elsewhere},
		"by another name of the network": {func(_ *bench, a *nodefile.Uplink) {
			a.Identity, a.OtherIdentities = "the peer", []string{a.Identity}
		}, ""},
		"name gone": {func(b *bench, _ *nodefile.Uplink) { b.node.Networks = nil }, elsewhere},
		"another boot's": {
			func(b *bench, _ *nodefile.Uplink) { b.node.BootID = "boot0" },
			`node1: network "green": DIR/run/networks.json is from before the last reboot, and a cable can have moved since` + waitForAgent,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			vlan := eth(8, "eth1.300")
			vlan.Kind, vlan.Parent, vlan.VLAN = "vlan", 4, 300
			b.kernel.Now = append(b.kernel.Now, vlan)
			a := attached(eth(4, "eth1"), 300)
			a.Device, a.Parent = linkOf(vlan), a.Device
			tagVID(&a, 300)
			b.node.Networks[1].Uplinks[0] = a
			b.writeNode()
			b.agent()
			b.kernel.after = func() {
				b.kernel.after = nil
				tt.change(b, &b.node.Networks[1].Uplinks[0])
				b.writeNode()
			}
			err := b.do(b.plugin.Add)
			if tt.want == "" {
				b.must(err)
				return
			}
			b.wantError(err, 11, `node1: network "green" on eth1.300 with VLAN 300: changed while attaching: `+tt.want+waitForAgent)
			b.wantVerbs("ADD", "DEL")
			b.wantRecords(0)
		})
	}
}

// The agent's file can speak of a VLAN device that is being made for a moment, and not
// for longer.
func TestAddMadeVLANMeanwhile(t *testing.T) {
	for name, tt := range map[string]struct {
		settles bool
		cable   bool
		want    string
	}{
		"settles":         {settles: true},
		"does not settle": {want: `it no longer leads to "storage"`},
		"cable moved": {
			cable: true,
			want:  "eth1 lost its link since the switch was heard there (carrier changes 4, known at 2), and a cable can have moved",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.storage(taggedOn(eth(4, "eth1")))
			b.agent()
			b.kernel.after = func() {
				b.kernel.after = nil
				if tt.cable {
					b.kernel.Now[0].CarrierChanges += 2
				}
				good, making := b.node.Networks, nodefile.Network{Name: "storage", Uplinks: []nodefile.Uplink{taggedOn(eth(4, "eth1"))}}
				making.Uplinks[0].Usable = false
				b.node.Networks = []nodefile.Network{making}
				b.writeNode()
				b.node.Networks = good
				if tt.settles {
					file := b.node
					time.AfterFunc(3*settlePause, func() { _ = nodefile.Write(b.nodeFile(), &file) })
				}
			}
			err := b.do(b.plugin.Add)
			if tt.want != "" {
				b.wantError(err, 11, `node1: network "storage" on eth1 with VLAN 300: changed while attaching: `+tt.want+waitForAgent)
				b.wantRecords(0)
				return
			}
			b.must(err)
			b.wantRecords(1)
		})
	}
}

// A cable that moves, or a device that changes, while the delegate works.
func TestAddMovedMeanwhile(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*discovery.Interface)
		want   string
	}{
		"cable":   {func(i *discovery.Interface) { i.CarrierChanges += 2 }, "eth1 lost its link since the switch was heard there (carrier changes 4, known at 2), and a cable can have moved"},
		"link":    {func(i *discovery.Interface) { i.Carrier = false }, "eth1 has no link"},
		"renamed": {func(i *discovery.Interface) { i.Name = "wan0" }, "it was renamed to wan0"},
		"gone":    {func(i *discovery.Interface) { i.Index = 99 }, "eth1 (ifindex 4) is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.writeNode()
			b.agent()
			moved := eth(4, "eth1")
			tt.change(&moved)
			b.kernel.later = []discovery.Interface{moved}
			b.wantError(b.do(b.plugin.Add), 11, `node1: network "green" on eth1: changed while attaching: `+tt.want+
				"; try again when colvind has heard the switch, which usually takes 30 seconds at most")
			b.wantVerbs("ADD", "DEL")
			b.wantRecords(0)
		})
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestAddCannotAnswer(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.plugin.stdout = brokenPipe{}
	b.wantError(b.do(b.plugin.Add), 5, `node1: network "green" on eth1: write result: broken pipe`)
	b.wantVerbs("ADD", "DEL")
	b.wantRecords(0)
}

func TestAddTwice(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.must(b.do(b.plugin.Add))
	b.wantError(b.do(b.plugin.Add), types.ErrInvalidEnvironmentVariables,
		`node1: network "green": container c1 already has interface net1 on eth1; the runtime must call DEL before another ADD`)
	b.wantVerbs("ADD")
	b.wantRecord(record.Added)

	b.kernel.Boot, b.node.BootID = "boot2", "boot2" // the runtime starts the container again
	b.writeNode()
	b.must(b.do(b.plugin.Add))
	b.wantVerbs("ADD", "ADD") // the interface of an earlier boot is gone, and there is no address
	b.wantRecords(1)

	b.must(errors.Join(os.Rename(b.args.Netns, b.args.Netns+".old"), os.WriteFile(b.args.Netns, nil, 0o600)))
	b.must(b.do(b.plugin.Add)) // in a new namespace
	b.wantVerbs("ADD", "ADD", "ADD")
	b.wantRecords(1)
}

func TestAddHostileIDs(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.args.ContainerID = "../../../../etc/cron.d/" + strings.Repeat("x", 300)
	b.args.IfName = "../x"
	b.conf["name"] = "../../name"
	b.must(b.do(b.plugin.Add))
	b.wantRecords(1)
	b.must(b.do(b.plugin.Del))
	b.wantRecords(0)
}

func TestAddOwnNamespace(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.args.Netns = ownNetns
	b.wantError(b.do(b.plugin.Add), types.ErrInvalidNetNS,
		`node1: network "green": the container's network namespace is the node's own; containers with the host network need no attachment`)
	b.args.Netns = filepath.Join(b.dir, "gone")
	b.wantError(b.do(b.plugin.Add), types.ErrInvalidNetNS,
		`node1: network "green": find namespace DIR/gone: no such file or directory`)
	b.wantVerbs()
	b.args.Netns = ownNetns
	for _, b.args.NetnsOverride = range []string{"1", "True"} {
		b.must(b.do(b.plugin.Add))
		b.must(b.do(b.plugin.Del))
	}
}

// kill -9 of the plugin while its delegate lives on: DEL waits for the delegate.
func TestKilledPlugin(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	release := b.killDuringAdd()
	b.wantRecord(record.Adding)

	b.plugin.patience.lock = 50 * time.Millisecond
	err := b.do(b.plugin.Del)
	if e, ok := errors.AsType[*types.Error](err); !ok || e.Code != 11 ||
		!strings.HasSuffix(e.Msg, "another plugin or its delegate is still at work on this attachment after 50ms; try again") {
		t.Errorf("DEL while the delegate lives: %v", err)
	}
	b.plugin.patience.lock = 30 * time.Second
	done := make(chan error)
	go func() { done <- b.do(b.plugin.Del) }()
	release()
	b.must(<-done)
	b.wantVerbs("ADD", "ADD ends", "DEL")
	if got := b.calls()[2].Netns; got != "DIR/netns" {
		t.Errorf("DEL was given namespace %q", got)
	}
	b.wantRecords(0)
}

func TestAddAfterKilledPlugin(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.killDuringAdd()()
	b.script.Hold = ""
	b.must(b.do(b.plugin.Add))
	b.wantVerbs("ADD", "ADD ends", "DEL", "ADD")
	b.wantRecord(record.Added)
}

// killDuringAdd kills a plugin process while its delegate is in ADD, and returns
// what lets the delegate go on.
func (b *bench) killDuringAdd() (release func()) {
	b.t.Helper()
	b.script.Hold = filepath.Join(b.dir, "hold")
	b.must(syscall.Mkfifo(b.script.Hold, 0o600))
	kernel := filepath.Join(b.dir, "kernel")
	data, err := json.Marshal(b.kernel)
	b.must(errors.Join(err, os.WriteFile(kernel, data, 0o600)))

	plugin := exec.Command(filepath.Join(b.dir, "bin", "colvin"))
	plugin.Stdin = strings.NewReader(string(b.stdin()))
	plugin.Env = append(os.Environ(), kernelVar+"="+kernel, "CNI_COMMAND=ADD", "CNI_CONTAINERID="+b.args.ContainerID,
		"CNI_NETNS="+b.args.Netns, "CNI_IFNAME="+b.args.IfName, "CNI_PATH="+b.args.Path, "CNI_ARGS="+b.args.Args,
		runDirVar+"="+b.plugin.run, recordDirVar+"="+b.plugin.records)
	b.must(plugin.Start())
	hold, err := os.OpenFile(b.script.Hold, os.O_WRONLY, 0) // returns when the delegate reads it
	b.must(err)
	b.must(plugin.Process.Kill())
	_ = plugin.Wait()
	return func() { b.must(hold.Close()) }
}

func TestSelectFirst(t *testing.T) {
	b := newBench(t)
	second := attached(eth(5, "eth2"), 100)
	b.node.Networks[1].Uplinks = append(b.node.Networks[1].Uplinks, second)
	b.writeNode()
	b.conf["select"] = "first"
	b.must(b.do(b.plugin.Add))
	b.must(b.do(b.plugin.Del))
	b.kernel.Now[0].CarrierChanges += 2 // the first cannot be confirmed
	b.must(b.do(b.plugin.Add))
	calls := b.calls()
	if first, then := calls[0].Conf["master"], calls[2].Conf["master"]; first != "eth1" || then != "eth2" {
		t.Errorf("attached to %v, then to %v", first, then)
	}
}

// Bridges, bonds and VLAN devices above the port.
func TestAddUpperDevice(t *testing.T) {
	port := eth(4, "eth1")
	port.Master = 7
	bond := eth(7, "bond0")
	bond.Kind = "bond"
	vlan := eth(8, "bond0.100")
	vlan.Kind, vlan.Parent, vlan.VLAN, vlan.Master = "vlan", 7, 100, 9
	bridge := eth(9, "br100")
	bridge.Kind = "bridge"
	kernel := []discovery.Interface{port, bond, vlan, bridge}
	active := bond
	active.Bond = &discovery.Bond{Mode: discovery.BondActiveBackup, Active: 5}
	joined := eth(5, "eth2")
	joined.Master = 7
	filtering := bridge
	filtering.VLANFiltering = true
	sends := func(members ...int) []nodefile.Junction {
		return []nodefile.Junction{{Link: linkOf(bond), Members: members}}
	}
	left := append([]discovery.Interface{}, kernel...)
	left[0].Master = 0
	down := bond
	down.Up = false

	for name, tt := range map[string]struct {
		device    discovery.Interface
		vid       uint16
		kernel    []discovery.Interface
		junctions []nodefile.Junction
		want      string
		helps     string // instead of the agent
	}{
		"bond":             {device: bond, kernel: kernel},
		"gone":             {device: bond, kernel: []discovery.Interface{port}, want: "bond0 (ifindex 7) is gone"},
		"down":             {device: bond, kernel: []discovery.Interface{port, down}, want: "bond0 is administratively down", helps: "; ip link set dev bond0 up"},
		"same members":     {device: bond, junctions: sends(4), kernel: []discovery.Interface{port, bond}},
		"in any order":     {device: bond, junctions: sends(4), kernel: []discovery.Interface{bond, port}},
		"junction gone":    {device: vlan, vid: 100, kernel: []discovery.Interface{port, bond, vlan}, junctions: []nodefile.Junction{{Link: linkOf(bridge)}}, want: "br100 (ifindex 9) is gone"},
		"another active":   {device: bond, junctions: sends(4), kernel: []discovery.Interface{port, active}, want: "bond0 sends through other members since the switch was heard"},
		"a new member":     {device: bond, junctions: sends(4), kernel: []discovery.Interface{port, joined, bond}, want: "bond0 sends through other members since the switch was heard"},
		"filters VLANs":    {device: bridge, vid: 100, kernel: []discovery.Interface{port, bond, vlan, filtering}, want: "br100 is no longer above eth1 with VLAN 100"},
		"VLAN on bond":     {device: vlan, vid: 100, kernel: kernel},
		"bridge over VLAN": {device: bridge, vid: 100, kernel: kernel},
		"other VLAN":       {device: vlan, vid: 200, kernel: kernel, want: "bond0.100 is no longer above eth1 with VLAN 200"},
		"VLAN untagged":    {device: bridge, kernel: kernel, want: "br100 is no longer above eth1"},
		"bond tagged":      {device: bond, vid: 100, kernel: kernel, want: "bond0 is no longer above eth1 with VLAN 100"},
		"port tagged":      {device: port, vid: 100, kernel: kernel, want: "eth1 carries VLAN 100 tagged and is no VLAN device"},
		"left the bond":    {device: bridge, vid: 100, kernel: left, want: "br100 is no longer above eth1 with VLAN 100"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			a := attached(port, 100)
			a.Device, a.Ports[0].Junctions = linkOf(tt.device), tt.junctions
			tagVID(&a, tt.vid)
			b.node.Networks[1].Uplinks = []nodefile.Uplink{a}
			b.kernel.Now = tt.kernel
			b.writeNode()
			err := b.do(b.plugin.Add)
			if tt.want != "" {
				b.wantError(err, 11, `node1: network "green" cannot be used now: `+tt.want+orAgent(tt.helps))
				b.wantVerbs()
				return
			}
			b.must(err)
			if got := b.calls()[0].Conf["master"]; got != tt.device.Name {
				t.Errorf("attached to %v", got)
			}
		})
	}
}

// Frames can leave through any port of a bond, so the kernel has to agree about each,
// before the delegate runs and after.
func TestAddEveryPort(t *testing.T) {
	first, second := eth(4, "eth1"), eth(5, "eth2")
	first.Master, second.Master = 7, 7
	bond := eth(7, "bond0")
	bond.Kind = "bond"
	moved, gone := second, second
	moved.CarrierChanges += 2
	gone.Index = 50
	const lost = "eth2 lost its link since the switch was heard there (carrier changes 4, known at 2), and a cable can have moved"
	for name, tt := range map[string]struct {
		before, after discovery.Interface
		want          string
	}{
		"both agree":   {before: second, after: second},
		"moved":        {before: moved, want: "cannot be used now: " + lost},
		"gone":         {before: gone, want: "cannot be used now: bond0 sends through other members since the switch was heard"},
		"moved during": {before: second, after: moved, want: "on bond0: changed while attaching: " + lost},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			a := attached(bond, 100)
			a.Ports = []nodefile.Port{portOf(first), portOf(second)}
			for i := range a.Ports {
				a.Ports[i].Junctions = []nodefile.Junction{{Link: linkOf(bond), Members: []int{4, 5}}}
			}
			b.node.Networks[1].Uplinks = []nodefile.Uplink{a}
			b.writeNode()
			b.kernel.Now, b.kernel.later = []discovery.Interface{first, tt.before, bond}, []discovery.Interface{first, tt.after, bond}
			err := b.do(b.plugin.Add)
			if tt.want != "" {
				b.wantError(err, 11, `node1: network "green" `+tt.want+startAgent)
				b.wantRecords(0)
				return
			}
			b.must(err)
			if got := b.told("master"); got != "bond0" {
				t.Errorf("attached to %v", got)
			}
			b.wantRecords(1)
		})
	}
}

// Where the kernel does not list its interfaces nothing is known of what is above a port.
func TestAddNotListed(t *testing.T) {
	b := newBench(t)
	port, bond := eth(4, "eth1"), eth(7, "bond0")
	port.Master, bond.Kind = 7, "bond"
	a := attached(port, 100)
	a.Device = linkOf(bond)
	b.node.Networks[1].Uplinks[0] = a
	b.kernel.Now, b.kernel.listErr = []discovery.Interface{port, bond}, errors.New("list network devices: no buffer space")
	b.writeNode()
	b.wantError(b.do(b.plugin.Add), 11, `node1: network "green" cannot be used now: list network devices: no buffer space`+startAgent)
	b.wantVerbs()
}

func TestFuncs(t *testing.T) {
	f := New().Funcs()
	for name, verb := range map[string]func(*skel.CmdArgs) error{"ADD": f.Add, "DEL": f.Del, "CHECK": f.Check, "GC": f.GC, "STATUS": f.Status} {
		if verb == nil {
			t.Errorf("no handler for %s", name)
		}
	}
}
