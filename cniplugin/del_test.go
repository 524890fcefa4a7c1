// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// DEL succeeds whatever is gone, and the delegate still frees the address.
func TestDel(t *testing.T) {
	damage := func(b *bench) {
		files, err := filepath.Glob(filepath.Join(b.records(), "*.json"))
		b.must(errors.Join(err, os.WriteFile(files[0], []byte("{"), 0o600)))
	}
	noDevice := func(b *bench) { b.kernel.Now = nil }
	noNetns := func(b *bench) { b.must(os.Remove(b.args.Netns)) }
	noRecord := func(b *bench) { b.must(os.RemoveAll(b.records())) }
	noFile := func(b *bench) { b.must(os.Remove(b.nodeFile())) }
	renamed := func(b *bench) { delete(b.conf, "network"); b.conf["delegate"] = "broken" }
	inside := func(b *bench) { b.kernel.Inside = map[string]discovery.Interface{"net1": eth(0x99, "net1")} }
	stranger := func(b *bench) { b.kernel.Inside = map[string]discovery.Interface{"net1": eth(0x98, "net1")} }
	nobody := func(b *bench) { b.kernel.Made = map[string]link.Origin{"net1": {Interface: eth(0x98, "net1")}} }
	rebooted := func(b *bench) { b.kernel.Boot = "boot2" }
	otherNetns := func(b *bench) { // the path is another container's now
		b.must(os.Rename(b.args.Netns, b.args.Netns+".old"))
		b.must(os.WriteFile(b.args.Netns, nil, 0o600))
	}
	for _, tt := range []struct {
		name   string
		before []func(*bench)
		netns  string
		device any
		freed  bool // by the plugin, since the delegate need not have tried
	}{
		{name: "all there", netns: "DIR/netns", device: "eth1"},
		{name: "device gone", before: []func(*bench){noDevice}, netns: "DIR/netns", device: "eth1"},
		{name: "namespace gone", before: []func(*bench){noNetns}, device: "eth1", freed: true},
		{name: "namespace of another", before: []func(*bench){otherNetns}, device: "eth1", freed: true},
		{name: "namespace not told", before: []func(*bench){nobody, func(b *bench) { b.args.Netns = "" }}, device: "eth1", freed: true},
		{name: "namespace not told, but over its device", before: []func(*bench){func(b *bench) { b.args.Netns = "" }}, netns: "DIR/netns", device: "eth1"},
		{name: "namespace not told, but there", before: []func(*bench){inside, func(b *bench) { b.args.Netns = "" }}, netns: "DIR/netns", device: "eth1"},
		{name: "namespace not told, another's interface", before: []func(*bench){stranger, func(b *bench) { b.args.Netns = "" }}, device: "eth1", freed: true},
		{name: "node file gone", before: []func(*bench){noFile}, netns: "DIR/netns", device: "eth1"},
		{name: "configuration broken", before: []func(*bench){renamed}, netns: "DIR/netns", device: "eth1"},
		{name: "rebooted", before: []func(*bench){rebooted}, device: "eth1", freed: true},
		{name: "record gone", before: []func(*bench){noRecord}, netns: "DIR/netns", device: "lo"},
		{name: "record damaged", before: []func(*bench){damage}, netns: "DIR/netns", device: "lo"},
		{name: "all gone", before: []func(*bench){noDevice, noNetns, noRecord, noFile}, netns: "DIR/netns", device: "lo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.conf["ipam"] = map[string]any{"type": "host-local"}
			b.script.Result = fmt.Sprintf(`{"cniVersion":"1.0.0","interfaces":[{"name":"net1","mac":"02:00:00:00:00:99","sandbox":%q},`+
				`{"name":"peer","mac":"02:00:00:00:00:98","sandbox":%[1]q},{"name":"net1","mac":"02:00:00:00:00:98"}]}`, b.args.Netns)
			b.writeNode()
			b.must(b.do(b.plugin.Add))
			for _, f := range tt.before {
				f(b)
			}
			b.args.Args = "K8S_POD_NAME=web-0;of=DEL"
			b.must(b.do(b.plugin.Del))
			got := b.calls()[1]
			if freed := got.By == "host-local"; freed != tt.freed {
				t.Errorf("address freed by the plugin: %v, want %v", freed, tt.freed)
			}
			got.By = ""
			conf := map[string]any{"cniVersion": "1.1.0", "name": "net", "type": "macvlan", "mode": "bridge", "ipam": map[string]any{"type": "host-local"}}
			if tt.device != nil {
				conf["master"] = tt.device
			}
			want := call{Verb: "DEL", ContainerID: "c1", Netns: tt.netns, IfName: "net1", Args: b.args.Args, Locked: true, Conf: conf}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("delegate (-want +got):\n%s", diff)
			}
			b.must(b.do(b.plugin.Del)) // again
			b.wantRecords(0)
		})
	}
}

func TestDelPrevResult(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.conf["prevResult"] = map[string]any{"cniVersion": "1.1.0", "from": "the plugin before"}
	b.must(b.do(b.plugin.Add))
	b.conf["cniVersion"] = "1.0.0"
	b.conf["prevResult"] = map[string]any{"cniVersion": "1.0.0", "from": "ADD"}
	b.must(b.do(b.plugin.Del))
	want := map[string]any{"cniVersion": "1.0.0", "name": "net", "type": "macvlan", "mode": "bridge", "master": "eth1", "prevResult": b.conf["prevResult"]}
	if diff := cmp.Diff(want, b.calls()[1].Conf); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestDelIPAMError(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.conf["ipam"] = map[string]any{"type": "host-local"}
	b.script.Fail = map[string]string{"DEL": `{"code":11,"msg":"address store is busy"}`}
	b.must(b.do(b.plugin.Add))
	b.wantError(b.do(b.plugin.Del), 11, `node1: network "green": detach net1 of container c1: host-local DEL: address store is busy`)
	b.wantRecords(1)
}

// A delegate that fails is no reason to forget a container that still has its interface,
// be the device gone or not.
func TestDelInterfaceLeft(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.script.Fail = map[string]string{"DEL": `{"code":999,"msg":"cannot undo"}`}
	b.must(b.do(b.plugin.Add))
	b.kernel.Inside = map[string]discovery.Interface{"net1": eth(0x99, "net1")}
	b.kernel.Made = map[string]link.Origin{"net1": {Interface: discovery.Interface{Name: "net1", Kind: "macvlan"}, Lower: 4, Here: true}}
	b.kernel.deleteErr = errors.New("no permission")
	b.wantError(b.do(b.plugin.Del), 999, `node1: network "green": detach net1 of container c1: macvlan DEL: cannot undo; and the plugin cannot take it away itself: no permission`)
	b.wantRecords(1)
	b.kernel.deleteErr = nil
	b.must(b.do(b.plugin.Del))
	b.wantRecords(0)
}

func TestRecordDirectoryRefused(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.must(errors.Join(os.Mkdir(b.records(), 0o700), os.Chmod(b.records(), 0o770)))
	want := `node1: network "green": open records DIR/records: DIR/records can be written by others (mode drwxrwx---); remove that permission`
	b.wantError(b.do(b.plugin.Add), 5, want)
	b.wantError(b.do(b.plugin.Del), 5, want)
	b.wantVerbs()
}

func TestCheck(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.wantError(b.do(b.plugin.Check), types.ErrUnknownContainer, `node1: network "green": container c1 has no attachment net1`)
	b.must(b.do(b.plugin.Add))
	b.conf["prevResult"] = map[string]any{"cniVersion": "1.1.0"}
	b.must(b.do(b.plugin.Check))
	b.wantVerbs("ADD", "CHECK")
	path := b.args.Path
	b.args.Path = "/opt/cni/bin"
	b.wantError(b.do(b.plugin.Check), 50, `node1: network "green": the delegate plugin macvlan is not in CNI_PATH (/opt/cni/bin): install it there`)
	b.args.Path = path

	b.node.Moved = []nodefile.Moved{
		{Key: nodefile.Key{Name: "net", ContainerID: "c2", IfName: "net1"}},
		{Key: nodefile.Key{Name: "net", ContainerID: "c1", IfName: "net1"}, Identity: "mac:00:1b:21:aa:bb:cc vlan 200", Neighbor: "leaf-1 Ethernet4", Since: since},
	}
	b.writeNode()
	b.wantError(b.do(b.plugin.Check), 102, `node1: network "green": container c1 was attached to chassis mac:00:1b:21:aa:bb:cc VLAN 100 through eth1, `+
		`which leads to chassis mac:00:1b:21:aa:bb:cc VLAN 200 since 2026-05-01T12:00:00Z (leaf-1 Ethernet4); move the cable back, or restart the container`)
	b.node.BootID = "boot0" // what was so before the reboot is over
	b.writeNode()
	b.must(b.do(b.plugin.Check))
	b.kernel.Now = b.kernel.Now[1:]
	b.wantError(b.do(b.plugin.Check), errNotHere, `node1: network "green": container c1 is attached through a device that is no longer there: eth1 (ifindex 4) is gone`)
	b.wantVerbs("ADD", "CHECK", "CHECK")
	b.wantRecords(1)
}

func TestStatus(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.wantError(b.do(b.plugin.Status), 50, `node1: network "green": colvind does not run on this node (nobody holds DIR/run/agent.lock): start it`)
	b.agent()
	b.must(b.do(b.plugin.Status))
	b.wantVerbs("STATUS")
	b.script.Fail = map[string]string{"STATUS": `{"code":51,"msg":"no addresses left"}`}
	b.wantError(b.do(b.plugin.Status), 51, `node1: network "green": macvlan STATUS: no addresses left`)
	b.script.Fail = map[string]string{"STATUS": `{"code":4,"msg":"unknown CNI_COMMAND: STATUS"}`} // built before CNI 1.1
	b.must(b.do(b.plugin.Status))
	b.script.Fail = map[string]string{"STATUS": `{"code":4,"msg":"unknown CNI_COMMAND: DETACH"}`}
	b.wantError(b.do(b.plugin.Status), 4, `node1: network "green": macvlan STATUS: unknown CNI_COMMAND: DETACH`)
}

func TestGC(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	add := func(name, container string) {
		b.conf["name"], b.args.ContainerID = name, container
		b.must(b.do(b.plugin.Add))
	}
	add("net", "valid")
	add("net", "garbage")
	add("other", "garbage")
	b.conf["name"] = "net"
	b.must(b.do(b.plugin.GC)) // without a list nothing that is there is garbage
	b.wantRecords(3)
	path := b.args.Path
	b.args.Path = "/opt/cni/bin"
	b.wantError(b.do(b.plugin.GC), 999, `node1: network "green": the delegate plugin macvlan is not in CNI_PATH (/opt/cni/bin): install it there`)
	b.args.Path = path
	b.conf[validAttachmentsKey] = "none"
	b.wantError(b.do(b.plugin.GC), 7, `node1: network "green": "cni.dev/valid-attachments" is no list, so nothing is known to be garbage`)
	b.conf[validAttachmentsKey] = []types.GCAttachment{{ContainerID: "valid", IfName: "net1"}}
	b.args.ContainerID, b.args.IfName, b.args.Netns = "", "", ""
	b.must(b.do(b.plugin.GC))
	b.wantVerbs("ADD", "ADD", "ADD", "GC", "DEL", "GC")
	del := b.calls()[4]
	if del.ContainerID != "garbage" || del.Conf["name"] != "net" || del.Netns != "DIR/netns" {
		t.Errorf("collected %+v", del)
	}
	b.wantRecords(2)

	b.conf["ipam"] = map[string]any{"type": "host-local"}
	b.script.Fail = map[string]string{"DEL": `{"code":11,"msg":"address store is busy"}`}
	b.args.ContainerID, b.args.IfName, b.args.Netns = "stuck", "net1", filepath.Join(b.dir, "netns")
	b.must(b.do(b.plugin.Add))
	b.wantError(b.do(b.plugin.GC), 999, `node1: network "green": detach net1 of container stuck: host-local DEL: address store is busy`)
	b.wantRecords(3) // nothing is forgotten
}

// Without a list, what is of an earlier boot is gone, whatever there is under its path.
func TestGCRebooted(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.must(b.do(b.plugin.Add))
	b.kernel.Boot = "boot2"
	b.must(b.do(b.plugin.GC))
	b.wantVerbs("ADD", "GC")
	b.wantRecords(0)
}

// What became something else while GC waited for its lock is left alone.
func TestGCFinishedMeanwhile(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.must(b.do(b.plugin.Add))
	store, err := record.Open(b.records())
	b.must(err)
	records, err := store.List()
	b.must(err)
	seen := records[0]
	seen.Phase = record.Adding // then its ADD succeeded
	s := &session{Plugin: b.plugin, boot: "boot1", store: store}
	collect := func() {
		t.Helper()
		w := &collector{Plugin: b.plugin, path: func(*record.Record) string { return b.args.Path }}
		if done, err := w.one(s, time.Now().Add(time.Minute), &seen); done != nil || err != nil {
			t.Errorf("collected %v, %v", done, err)
		}
	}
	collect()
	b.wantVerbs("ADD")
	b.wantRecords(1)
	b.must(b.do(b.plugin.Del))
	collect()
	b.wantVerbs("ADD", "DEL")
	b.wantRecords(0)
}

// GC undoes what a killed plugin has begun: such a record has no result.
func TestGCAfterKilledPlugin(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.killDuringAdd()()
	b.script.Hold = ""
	b.conf[validAttachmentsKey] = []types.GCAttachment{}
	b.must(b.do(b.plugin.GC))
	b.wantVerbs("ADD", "ADD ends", "DEL", "GC")
	if prev, ok := b.calls()[2].Conf[prevResultKey]; ok {
		t.Errorf("DEL was given the previous result %v", prev)
	}
	b.wantRecords(0)
}

// colvin gc detaches what is gone, and only that, and with --dry-run nothing.
func TestCollect(t *testing.T) {
	b := newBench(t)
	boot, err := New().kernel.BootID()
	b.must(err)
	b.kernel.Boot, b.node.BootID = boot, boot
	b.writeNode()
	b.must(b.do(b.plugin.Add))
	b.args.ContainerID, b.args.Netns = "gone", b.args.Netns+".gone"
	b.must(os.WriteFile(b.args.Netns, nil, 0o600))
	b.must(b.do(b.plugin.Add))
	b.must(os.Remove(b.args.Netns))
	for _, dryRun := range []bool{true, false} {
		b.wantRecords(2)
		b.wantVerbs("ADD", "ADD")
		got, err := Collect(b.records(), "/opt/cni/bin", dryRun)
		if err != nil || len(got) != 1 || got[0].ContainerID != "gone" {
			t.Errorf("collected %+v, %v", got, err)
		}
	}
	b.wantVerbs("ADD", "ADD")
	b.wantRecords(1)
}

func TestAgentAdvice(t *testing.T) {
	b := newBench(t)
	c := b.plugin
	if got := c.agentAdvice(); got != startAgent[2:] {
		t.Error(got)
	}
	f, err := agentlock.Take(c.agentLock())
	b.must(err)
	if got := c.agentAdvice(); got != waitForAgent[2:] {
		t.Error(got)
	}
	b.must(f.Close())
}
