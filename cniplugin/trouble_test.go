// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// A function with several ports could be any of them.
func TestChosenSeveralPorts(t *testing.T) {
	b := newSRIOVBench(t)
	b.kernel.PCI = map[string]link.PCIDevice{"0000:03:00.1": {Names: []string{"eth1", "eth2"}}}
	b.conf["delegate"] = map[string]any{"type": "host-device"}
	b.wantError(b.do(b.plugin.Add), 103, `node1: network "green": the device plugin chose 0000:03:00.1, which has several ports (eth1, eth2), `+
		`and nothing tells which of them it uses; use macvlan without a device plugin`)
	b.wantVerbs()
}

// A bridge joins the port of the chosen function with another, and goes on to lead to the
// network when that port has left it.
func TestChosenPortLeavesBridge(t *testing.T) {
	b := newSRIOVBench(t)
	bridge := eth(6, "br0")
	bridge.Kind = discovery.KindBridge
	b.kernel.Now[0].Master, b.kernel.Now[1].Master = 6, 6
	b.kernel.Now = append(b.kernel.Now, bridge)
	over := func(ports ...discovery.Interface) nodefile.Uplink {
		a := attached(ports[0], 100)
		a.Device = linkOf(bridge)
		for _, port := range ports[1:] {
			a.Ports = append(a.Ports, portOf(port))
		}
		return a
	}
	eth1, eth2 := eth(4, "eth1"), eth(5, "eth2")
	b.node.Networks = []nodefile.Network{{Name: "green", Uplinks: []nodefile.Uplink{over(eth1, eth2)}}}
	b.writeNode()
	b.agent()
	b.kernel.after = func() {
		b.kernel.after = nil
		b.kernel.Now[0].Master = 0
		b.node.Networks = []nodefile.Network{
			{Name: "blue", Uplinks: []nodefile.Uplink{attached(eth1, 200)}},
			{Name: "green", Uplinks: []nodefile.Uplink{over(eth2)}},
		}
		b.writeNode()
	}
	b.wantError(b.do(b.plugin.Add), 11, `node1: network "green" on br0: changed while attaching: it no longer leads to "green"`+waitForAgent)
	b.wantVerbs("ADD", "DEL")
	b.wantRecords(0)
}

// host-device leaves a virtual function in the VLAN that somebody gave it.
func TestChosenInVLAN(t *testing.T) {
	b := newSRIOVBench(t)
	pci := functions["0000:03:00.1"]
	pci.Number = 3
	b.kernel.PCI = map[string]link.PCIDevice{"0000:03:00.1": pci}
	b.kernel.VFVLANs = map[int]uint16{3: 300}
	b.conf["delegate"] = map[string]any{"type": "host-device"}
	b.wantError(b.do(b.plugin.Add), 103, `node1: network "green": virtual function 3 of eth1 bears VLAN 300, which is another network; ip link set dev eth1 vf 3 vlan 0 takes it off`)
	b.wantVerbs()
	b.conf["delegate"] = map[string]any{"type": "sriov"} // which takes it off
	b.must(b.do(b.plugin.Add))
	if got := b.told("vlan"); got != 0. {
		t.Errorf("delegate got VLAN %v, want 0", got)
	}
}

// Go reads keys without regard to case: what is checked must be what is used.
func TestKeySpelling(t *testing.T) {
	b := newSRIOVBench(t)
	b.conf["delegate"] = map[string]any{"type": "host-device"}
	b.conf["RuntimeConfig"] = map[string]any{"deviceID": "0000:04:00.1"}
	b.conf["IPAM"] = map[string]any{"type": "host-local"}
	b.wantError(b.do(b.plugin.Add), 7, `node1: network "green": "IPAM" is spelt "ipam"; "RuntimeConfig" is spelt "runtimeConfig"`)
}

// The users of a VLAN device are counted in one directory, and nobody else removes it.
func TestSeveralRecordDirectories(t *testing.T) {
	b := newBench(t)
	b.storage(taggedOn(eth(4, "eth1")))
	b.must(b.do(b.plugin.Add))
	b.plugin.records = filepath.Join(b.dir, "other")
	b.args.ContainerID = "c2"
	b.wantError(b.do(b.plugin.Add), 103, `node1: network "storage" on eth1 with VLAN 300: VLAN device eth1.300 is shared by containers whose records are elsewhere `+
		`(colvin: shared by containers; records in DIR/records); give the container runtime, and what else runs this plugin, the same COLVIN_RECORD_DIRECTORY`)
	b.must(b.do(b.plugin.Del))
	w := &collector{Plugin: b.plugin, garbage: func([]record.Record) []record.Record { return nil }}
	_, err := w.collect("boot1", filepath.Join(b.dir, "other"))
	b.must(err)
	if diff := cmp.Diff([]string{"eth1", "eth2", "eth1.300"}, b.names()); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}

// What was begun is undone where the record cannot be written.
func TestRecordUnwritable(t *testing.T) {
	b := newBench(t)
	b.storage(taggedOn(eth(4, "eth1")))
	b.must(b.do(b.plugin.Add))
	files, err := filepath.Glob(filepath.Join(b.records(), "*.json"))
	b.must(err)
	b.must(b.do(b.plugin.Del))
	b.must(os.MkdirAll(filepath.Join(files[0]+".tmp", "x"), 0o700)) // as good as a full disk
	b.wantCode(b.do(b.plugin.Add), 5)
	b.wantVerbs("ADD", "DEL")
	if diff := cmp.Diff([]string{"eth1", "eth2"}, b.names()); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}

func TestVLANDeviceDown(t *testing.T) {
	b := newBench(t)
	b.kernel.Now = append([]discovery.Interface{{Index: 9, Name: "eth1.300", Kind: "vlan", Parent: 4, VLAN: 300}}, b.kernel.Now...)
	b.storage(taggedOn(eth(4, "eth1")))
	b.wantError(b.do(b.plugin.Add), 11, `node1: network "storage" on eth1 with VLAN 300: VLAN device eth1.300 is administratively down; ip link set dev eth1.300 up`)
}

// host-device complains where there is nothing to move back; DEL succeeds all the same.
func TestHostDeviceUndo(t *testing.T) {
	const notThere = `{"code":999,"msg":"cannot find net1 in the container"}`
	for name, tt := range map[string]struct {
		b    *bench
		fail map[string]string
	}{
		"the device": {newBench(t), map[string]string{"ADD": `{"code":999,"msg":"cannot move"}`, "DEL": notThere}},
		"a function": {newSRIOVBench(t), map[string]string{"DEL": notThere}},
	} {
		t.Run(name, func(t *testing.T) {
			b := tt.b
			b.t = t
			b.conf["delegate"] = map[string]any{"type": "host-device"}
			b.writeNode()
			b.script.Fail = tt.fail
			_, fails := tt.fail["ADD"]
			if err := b.do(b.plugin.Add); (err != nil) != fails {
				t.Errorf("ADD: %v", err)
			}
			for range 2 {
				b.must(b.do(b.plugin.Del))
			}
			b.wantRecords(0)
		})
	}
}

// The device comes back to the node as it left: up.
func TestHostDeviceComesBackUp(t *testing.T) {
	b := newBench(t)
	b.conf["delegate"] = map[string]any{"type": "host-device"}
	b.writeNode()
	b.kernel.later = b.kernel.Now[1:]
	b.kernel.Inside = map[string]discovery.Interface{"net1": eth(4, "net1")}
	b.must(b.do(b.plugin.Add))
	back, idle := eth(40, "eth1"), eth(6, "eth3")
	back.MAC, back.Up, idle.Up = eth(4, "").MAC, false, false
	here := []discovery.Interface{eth(5, "eth2"), idle}
	b.kernel.Now, b.kernel.later = here, nil
	b.must(os.Remove(b.script.Log))
	b.kernel.after = func() { b.kernel.Now = append(slices.Clone(here), eth(41, "veth0"), back); b.kernel.after = nil }
	b.must(b.do(b.plugin.Del))
	b.wantVerbs("DEL")
	if now := b.kernel.Now; !now[3].Up || now[1].Up {
		t.Errorf("after DEL eth1 is up: %v, and eth3, which was down: %v", now[3].Up, now[1].Up)
	}
	b.wantRecords(0)
}

// Where host-device cannot give the device back, the plugin does; where neither can, DEL is
// asked again.
func TestHostDeviceStaysInside(t *testing.T) {
	b := newBench(t)
	b.conf["delegate"] = map[string]any{"type": "host-device"}
	b.script.Fail = map[string]string{"DEL": `{"code":999,"msg":"cannot move"}`}
	b.writeNode()
	b.kernel.later = b.kernel.Now[1:]
	b.kernel.Inside = map[string]discovery.Interface{"net1": eth(4, "net1")}
	b.must(b.do(b.plugin.Add))
	b.kernel.Now, b.kernel.later, b.kernel.moveErr = b.kernel.Now[1:], nil, errors.New("no permission")
	b.wantError(b.do(b.plugin.Del), 999, `node1: network "green": detach net1 of container c1: host-device DEL: cannot move; and the plugin cannot take it away itself: no permission`)
	b.wantRecords(1)
	b.kernel.moveErr = nil
	b.must(b.do(b.plugin.Del))
	b.wantRecords(0)
	if back := b.kernel.Now[len(b.kernel.Now)-1]; back.Name != "eth1" || !back.Up {
		t.Errorf("there is %s, up %v, want eth1, up", back.Name, back.Up)
	}
}

// Who takes a device away must know of all who use it, and of nobody else.
func TestHostDeviceAndOthers(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*bench)
		code   uint
		want   string
	}{
		"another's lock": {func(b *bench) {
			store, err := record.Open(b.records())
			b.must(err)
			release, err := store.LockDevice(b.t.Context(), 4, 0)
			b.must(err)
			b.t.Cleanup(release)
			b.plugin.patience.lock = 1
		}, 11, "another plugin works on the device: "},
		"a record that cannot be read": {func(b *bench) {
			b.must(errors.Join(os.MkdirAll(b.records(), 0o700), os.WriteFile(filepath.Join(b.records(), strings.Repeat("1", 32)+".json"), []byte("{"), 0o600)))
		}, 5, "damaged record"},
		"a container on another device": {func(b *bench) { b.other("blue") }, 0, ""},
		"a container of an earlier boot": {func(b *bench) {
			b.other("green")
			b.kernel.Boot, b.node.BootID = "boot2", "boot2"
			b.writeNode()
		}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.writeNode()
			tt.change(b)
			b.must(os.RemoveAll(b.script.Log))
			b.conf["delegate"] = map[string]any{"type": "host-device"}
			b.kernel.later = b.kernel.Now[1:]
			b.kernel.Inside = map[string]discovery.Interface{"net1": eth(4, "net1")}
			err := b.do(b.plugin.Add)
			if tt.code == 0 {
				b.must(err)
				return
			}
			b.wantCode(err, tt.code)
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			b.wantVerbs()
		})
	}
}

// other attaches another container to a network, through macvlan.
func (b *bench) other(network string) {
	b.t.Helper()
	b.conf["network"], b.args.ContainerID = network, "other"
	b.must(b.do(b.plugin.Add))
	b.conf["network"], b.args.ContainerID = "green", "c1"
}

// A container does not get a device that host-device is taking, and two that take the
// same one at once do not refuse each other.
func TestHostDeviceAtOnce(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.script.Hold = filepath.Join(b.dir, "fifo")
	b.must(syscall.Mkfifo(b.script.Hold, 0o600))
	b.conf["delegate"] = map[string]any{"type": "host-device"}
	taker := b.args
	taker.ContainerID, taker.StdinData = "taker", b.stdin()
	done := make(chan error, 1)
	plugin := *b.plugin
	plugin.stdout = io.Discard
	go func() { done <- plugin.Add(&taker) }()
	fifo, err := os.OpenFile(b.script.Hold, os.O_WRONLY, 0) // waits until the delegate is at work
	b.must(err)
	b.script.Hold = ""
	delete(b.conf, "delegate")
	b.wantError(b.do(b.plugin.Add), 11, `node1: network "green" on eth1: host-device is taking it, or tries to; try again`)
	b.kernel.becomes(b.kernel.Now[1:])
	b.kernel.holds(map[string]discovery.Interface{"net1": eth(4, "net1")})
	b.must(fifo.Close())
	b.must(<-done)
	b.wantRecords(1)
}

// One damaged record neither keeps devices for ever nor hides what is wrong with it.
func TestDamagedRecord(t *testing.T) {
	b := newBench(t)
	b.storage(taggedOn(eth(4, "eth1")))
	b.must(b.do(b.plugin.Add))
	empty, damaged := filepath.Join(b.records(), strings.Repeat("0", 32)+".json"), filepath.Join(b.records(), strings.Repeat("1", 32)+".json")
	b.must(errors.Join(os.WriteFile(empty, nil, 0o600), os.WriteFile(damaged, []byte("{"), 0o600)))
	b.must(b.do(b.plugin.Del))
	b.conf[validAttachmentsKey] = []types.GCAttachment{}
	b.wantError(b.do(b.plugin.GC), 999, `node1: network "storage": read DIR/records/`+strings.Repeat("1", 32)+
		`.json: damaged record: unexpected end of JSON input; remove it once its container is gone`)
	old := booted().AddDate(0, 0, -1)
	b.must(os.Chtimes(damaged, old, old))
	b.must(b.do(b.plugin.GC))
	if diff := cmp.Diff([]string{"eth1", "eth2"}, b.names()); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	b.wantRecords(0)
}

// Who cannot tell which boot this is leaves alone what is recorded: a record of another
// boot is let go, and this one's container runs.
func TestBootUnknown(t *testing.T) {
	b := newBench(t)
	b.storage(taggedOn(eth(4, "eth1")))
	b.agent()
	b.must(b.do(b.plugin.Add))
	b.kernel.bootErr = errors.New("read boot ID: permission denied")
	const want = `node1: network "storage": read boot ID: permission denied; nothing was done, because nothing tells what is of this boot; make that file readable and try again`
	b.conf[validAttachmentsKey] = []types.GCAttachment{}
	for name, verb := range map[string]func(*skel.CmdArgs) error{"ADD": b.plugin.Add, "DEL": b.plugin.Del, "CHECK": b.plugin.Check, "GC": b.plugin.GC} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			b.wantError(b.do(verb), 11, want)
		})
	}
	b.t = t
	b.wantError(b.do(b.plugin.Status), 50, want)
	b.wantVerbs("ADD")
	b.wantRecords(1)
	if diff := cmp.Diff([]string{"eth1", "eth2", "eth1.300"}, b.names()); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	b.args.ContainerID = "c2" // whose ADD was refused
	b.must(b.do(b.plugin.Del))
	b.wantRecords(1)
	b.args.ContainerID, b.kernel.bootErr = "c1", nil
	b.must(b.do(b.plugin.Del))
	b.wantRecords(0)
	if diff := cmp.Diff([]string{"eth1", "eth2"}, b.names()); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}

// A file on which a namespace was mounted once is no namespace.
func TestInterfaceGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "netns")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a := &operation{session: session{Plugin: New()}}
	for _, netns := range []string{path, path + ".none"} {
		if !a.interfaceGone(&skel.CmdArgs{Netns: netns, IfName: "net1"}) {
			t.Errorf("%s has an interface", netns)
		}
	}
	if a.interfaceGone(&skel.CmdArgs{Netns: ownNetns, IfName: "lo"}) {
		t.Error("lo is gone")
	}
}

// A lock that is held is no reason to give up for good.
func TestForgetLocked(t *testing.T) {
	b := newBench(t)
	b.storage(taggedOn(eth(4, "eth1")))
	b.must(b.do(b.plugin.Add))
	store, err := record.Open(b.records())
	b.must(err)
	release, err := store.LockDevice(t.Context(), 4, 300)
	b.must(err)
	b.plugin.patience.lock = 1
	b.wantCode(b.do(b.plugin.Del), 11)
	release()
	b.plugin.patience.lock = runtimesPatience.lock
	b.must(b.do(b.plugin.Del))
	b.wantRecords(0)

	b.must(b.do(b.plugin.Add))
	release, err = store.LockDevice(t.Context(), 4, 300)
	b.must(err)
	b.plugin.patience.lock = 1
	b.wantCode(b.do(b.plugin.GC), 999)
	release()
	b.kernel.listErr = errors.New("no buffer space")
	b.wantCode(b.do(b.plugin.GC), 999)
}

// A record that cannot be removed is not forgotten in silence.
func TestForgetFails(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.must(b.do(b.plugin.Add))
	files, err := filepath.Glob(filepath.Join(b.records(), "*.json"))
	b.must(err)
	b.must(os.MkdirAll(filepath.Join(files[0]+".tmp", "x"), 0o700))
	b.wantCode(b.do(b.plugin.Del), 999)
}

// Neither a clock that was set back nor what stands in the node file confuses the
// runtime's log; a delegate's error without a code is one all the same.
func TestHostileText(t *testing.T) {
	b := newBench(t)
	b.node.Node = "n\x1b[2J1"
	b.node.Written = since.AddDate(40, 0, 0)
	b.writeNode()
	b.must(b.do(b.plugin.Add))
	if said := b.stderr.String(); !strings.Contains(said, "last written 0s ago") || strings.Contains(said, "\x1b") {
		t.Errorf("said %q", said)
	}
	b.script.Fail = map[string]string{"ADD": `{"msg":"boom"}`}
	b.args.ContainerID = "c2"
	b.wantError(b.do(b.plugin.Add), 999, `n [2J1: network "green" on eth1: macvlan ADD: boom`)
}

// A result that cannot be read is found before the delegate runs.
func TestBadPrevResult(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.conf["prevResult"] = []int{1}
	b.wantCode(b.do(b.plugin.Add), 7)
	b.wantVerbs()
	b.conf["prevResult"] = nil // is as good as none
	b.must(b.do(b.plugin.Add))
}

// With very many attachments an error stays readable.
func TestManyAttachments(t *testing.T) {
	b := newBench(t)
	var all []nodefile.Uplink
	for i := range 500 {
		all = append(all, attached(eth(4+i, "eth"), 100))
	}
	b.storage(all...)
	if err := b.do(b.plugin.Add); err == nil || len(err.Error()) > 4096 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}
