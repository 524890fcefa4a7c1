// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
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
	}{
		{name: "all there", netns: "DIR/netns", device: "eth1"},
		{name: "device gone", before: []func(*bench){noDevice}, netns: "DIR/netns", device: "eth1"},
		{name: "namespace gone", before: []func(*bench){noNetns}, device: "eth1"},
		{name: "namespace of another", before: []func(*bench){otherNetns}, device: "eth1"},
		{name: "namespace not told", before: []func(*bench){func(b *bench) { b.args.Netns = "" }}, device: "eth1"},
		{name: "namespace not told, but there", before: []func(*bench){inside, func(b *bench) { b.args.Netns = "" }}, netns: "DIR/netns", device: "eth1"},
		{name: "namespace not told, another's interface", before: []func(*bench){stranger, func(b *bench) { b.args.Netns = "" }}, device: "eth1"},
		{name: "node file gone", before: []func(*bench){noFile}, netns: "DIR/netns", device: "eth1"},
		{name: "configuration broken", before: []func(*bench){renamed}, netns: "DIR/netns", device: "eth1"},
		{name: "rebooted", before: []func(*bench){rebooted}, device: "eth1"},
		{name: "record gone", before: []func(*bench){noRecord}, netns: "DIR/netns", device: "lo"},
		{name: "record damaged", before: []func(*bench){damage}, netns: "DIR/netns", device: "lo"},
		{name: "all gone", before: []func(*bench){noDevice, noNetns, noRecord, noFile}, netns: "DIR/netns", device: "lo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.conf["ipam"] = map[string]any{"type": "host-local"}
			b.writeNode()
			b.must(b.do(b.plugin.Add))
			for _, f := range tt.before {
				f(b)
			}
			b.must(b.do(b.plugin.Del))
			got := b.calls()[1]
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
	b.script.Fail = map[string]string{"DEL": `{"code":11,"msg":"address store is busy"}`}
	b.must(b.do(b.plugin.Add))
	b.wantError(b.do(b.plugin.Del), 11, `host1: network "green": detach net1 of container c1: macvlan DEL: address store is busy`)
	b.wantRecords(1)
}

func TestRecordDirectoryRefused(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.must(errors.Join(os.Mkdir(b.records(), 0o700), os.Chmod(b.records(), 0o770)))
	want := `host1: network "green": open records DIR/records: DIR/records can be written by others (mode -rwxrwx---); remove that permission`
	b.wantError(b.do(b.plugin.Add), 5, want)
	b.wantError(b.do(b.plugin.Del), 5, want)
	b.wantVerbs()
}

func TestCheck(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.wantError(b.do(b.plugin.Check), types.ErrUnknownContainer, `host1: network "green": container c1 has no attachment net1`)
	b.must(b.do(b.plugin.Add))
	b.conf["prevResult"] = map[string]any{"cniVersion": "1.1.0"}
	b.must(b.do(b.plugin.Check))
	b.wantVerbs("ADD", "CHECK")

	b.node.Moved = []nodefile.Moved{
		{Key: nodefile.Key{Name: "net", ContainerID: "c2", IfName: "net1"}},
		{Key: nodefile.Key{Name: "net", ContainerID: "c1", IfName: "net1"}, Identity: "mac:00:1b:21:aa:bb:cc vlan 200", Neighbor: "leaf-1 Ethernet4", Since: since},
	}
	b.writeNode()
	b.wantError(b.do(b.plugin.Check), errMoved, `host1: network "green": container c1 was attached to chassis mac:00:1b:21:aa:bb:cc VLAN 100 through eth1, `+
		`which leads to chassis mac:00:1b:21:aa:bb:cc VLAN 200 since 2026-05-01T12:00:00Z (leaf-1 Ethernet4); move the cable back, or restart the container`)
	b.kernel.Now = b.kernel.Now[1:]
	b.wantError(b.do(b.plugin.Check), errNotHere, `host1: network "green": container c1 is attached through a device that is no longer there: eth1 (ifindex 4) is gone`)
	b.wantVerbs("ADD", "CHECK")
	b.wantRecords(1)
}

func TestStatus(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.wantError(b.do(b.plugin.Status), 50, `host1: network "green": colvind does not run on this node (nobody holds DIR/run/agent.lock): start it`)
	b.agent()
	b.must(b.do(b.plugin.Status))
	b.wantVerbs("STATUS")
	b.script.Fail = map[string]string{"STATUS": `{"code":51,"msg":"no addresses left"}`}
	b.wantError(b.do(b.plugin.Status), 51, `host1: network "green": macvlan STATUS: no addresses left`)
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
	b.conf[validAttachmentsKey] = "none"
	b.wantError(b.do(b.plugin.GC), 7, `host1: network "green": "cni.dev/valid-attachments" is no list, so nothing is known to be garbage`)
	b.conf[validAttachmentsKey] = []types.GCAttachment{{ContainerID: "valid", IfName: "net1"}}
	b.args.ContainerID, b.args.IfName, b.args.Netns = "", "", ""
	b.must(b.do(b.plugin.GC))
	b.wantVerbs("ADD", "ADD", "ADD", "GC", "DEL", "GC")
	del := b.calls()[4]
	if del.ContainerID != "garbage" || del.Conf["name"] != "net" || del.Netns != "DIR/netns" {
		t.Errorf("collected %+v", del)
	}
	b.wantRecords(2)
}

func TestAgentAdvice(t *testing.T) {
	b := newBench(t)
	c := &conf{runDir: filepath.Join(b.dir, "run")}
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
