// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery/link"
)

// newItselfBench is a node without a delegate.
func newItselfBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.itself = true
	for _, name := range []string{"macvlan", "ipvlan"} {
		b.must(os.Remove(filepath.Join(b.dir, "bin", name)))
	}
	b.writeNode()
	return b
}

// wantAsked compares what the container was asked, and forgets it.
func (b *bench) wantAsked(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.kernel.asked); diff != "" {
		b.t.Errorf("asked of the container (-want +got):\n%s", diff)
	}
	b.kernel.asked = nil
}

// givenBack puts the result of the ADD into the configuration.
func (b *bench) givenBack() {
	b.t.Helper()
	var result map[string]any
	b.must(json.Unmarshal(b.whole().Result, &result))
	b.conf[prevResultKey] = result
}

// TestItself goes through all verbs without a delegate.
func TestItself(t *testing.T) {
	for _, kind := range []string{"macvlan", "ipvlan"} {
		t.Run(kind, func(t *testing.T) {
			b := newItselfBench(t)
			b.agent()
			b.conf["delegate"] = map[string]any{"type": kind}
			b.conf["ipam"] = map[string]any{"type": "host-local"}
			b.must(b.do(b.plugin.Status))
			b.must(b.do(b.plugin.Add))
			b.wantAsked("make "+kind+" net1 over 4", "configure 1 addresses")
			if r := b.whole(); !r.Itself || r.Phase != record.Added || r.Making != "" || r.DelegateType != kind {
				t.Errorf("recorded %+v", r)
			}
			var told map[string]any
			b.must(json.Unmarshal(b.whole().DelegateConf, &told))
			if told["master"] != "eth1" {
				t.Errorf("recorded for a delegate: %v", told)
			}
			b.givenBack()
			b.must(b.do(b.plugin.Check))
			b.must(b.do(b.plugin.Del))
			b.wantAsked("remove net1")
			b.wantVerbs("STATUS", "ADD", "CHECK", "DEL")
			b.wantRecords(0)
			b.must(b.do(b.plugin.Del))
			b.conf[validAttachmentsKey] = []any{}
			b.must(b.do(b.plugin.GC))
			b.wantAsked()
		})
	}
}

// TestItselfWithoutIPAM sets the interface up with the request that makes it.
func TestItselfWithoutIPAM(t *testing.T) {
	b := newItselfBench(t)
	b.agent()
	b.must(b.do(b.plugin.Status))
	b.must(b.do(b.plugin.Add))
	b.wantAsked("make macvlan net1 over 4")
	b.conf["delegate"] = map[string]any{"type": "ipvlan"}
	b.args.ContainerID = "c2"
	b.wantError(b.do(b.plugin.Add), 7, `node1: network "green" on eth1: "ipam" is missing: ipvlan does nothing without an address`)
	b.wantRecords(1)
}

// TestItselfCrossed has records made by one way undone and checked by the other.
func TestItselfCrossed(t *testing.T) {
	b := newBench(t)
	b.itself = true
	b.writeNode()
	b.conf["ipam"] = map[string]any{"type": "host-local"}
	b.must(b.do(b.plugin.Add))
	older := b.whole()
	older.Itself = false // as a plugin reads it that knows no such key
	b.rewrite(older)
	b.givenBack()
	b.must(b.do(b.plugin.Check))
	b.must(b.do(b.plugin.Del))
	var by []string
	for _, c := range b.calls() {
		by = append(by, c.Verb+" "+c.By)
	}
	if want := []string{"ADD host-local", "CHECK ", "DEL "}; !slices.Equal(by, want) {
		t.Errorf("called %q, want %q: the delegate", by, want)
	}

	b = newBench(t) // a delegate has made it, and is gone
	b.itself = true
	b.writeNode()
	b.conf["delegate"] = map[string]any{"type": "macvlan", "mode": "bridge", "exec": true}
	b.conf["ipam"] = map[string]any{"type": "host-local"}
	b.must(b.do(b.plugin.Add))
	if r := b.whole(); r.Itself || strings.Contains(string(r.DelegateConf), "exec") {
		t.Errorf("recorded %+v, want what a delegate got", r)
	}
	b.wantAsked()
	b.givenBack()
	b.must(os.Remove(filepath.Join(b.dir, "bin", "macvlan")))
	b.kernel.Made = map[string]link.Origin{"net1": madeOver(4, "macvlan")}
	b.must(b.do(b.plugin.Check))
	b.must(b.do(b.plugin.Del))
	if _, still := b.kernel.Made["net1"]; still {
		t.Error("the interface stays without its delegate")
	}
	b.wantRecords(0)
}

// whole is the only record, with what a delegate got and returned.
func (b *bench) whole() *record.Record {
	b.t.Helper()
	list, err := record.ListWhole(b.records())
	b.must(err)
	if len(list.Records) != 1 {
		b.t.Fatalf("%d records, want 1", len(list.Records))
	}
	return &list.Records[0]
}

// rewrite replaces the only record.
func (b *bench) rewrite(r *record.Record) {
	b.t.Helper()
	store, err := record.Open(b.records())
	b.must(err)
	l, err := store.Lock(b.t.Context(), r.Key)
	b.must(err)
	b.must(errors.Join(l.Write(r), l.Unlock()))
}

// TestItselfRenames makes an interface under another name where the kernel takes its name
// for one of the node, and knows that name before.
func TestItselfRenames(t *testing.T) {
	b := newItselfBench(t)
	b.kernel.makeErrs = map[string]error{"net1": syscall.EEXIST}
	making := record.MakingName(record.Key{Name: "net", ContainerID: "c1", IfName: "net1"})
	b.kernel.onMake = func() {
		if len(b.kernel.asked) == 2 && b.whole().Making != making {
			t.Errorf("recorded %+v before it is made as %s", b.whole(), making)
		}
	}
	b.must(b.do(b.plugin.Add))
	b.wantAsked("make macvlan net1 over 4", "make macvlan "+making+" over 4", "rename to net1", "set up")
	if got := b.whole().Making; got != "" {
		t.Errorf("recorded as %s in the end", got)
	}
	left := b.whole() // of a plugin that was killed before it renamed it
	left.Making, left.Phase = making, record.Adding
	b.rewrite(left)
	b.kernel.Made[making] = b.kernel.Made["net1"]
	delete(b.kernel.Made, "net1")
	b.must(b.do(b.plugin.Del))
	b.wantAsked("remove " + making)
	b.wantRecords(0)
}

// TestItselfFails leaves nothing, whatever goes wrong.
func TestItselfFails(t *testing.T) {
	fails := func(verb string) func(*bench) {
		return func(b *bench) { b.script.IPAM = map[string]string{verb: `{"code":11,"msg":"no more addresses"}`} }
	}
	for name, tt := range map[string]struct {
		change func(*bench)
		code   uint
		want   string
		verbs  []string
	}{
		"occupied": {
			func(b *bench) { b.kernel.Made = map[string]link.Origin{"net1": madeOver(4, "macvlan")} }, 4,
			`container c1 already has an interface net1, which is not Colvin's; give the attachment another name`, nil,
		},
		"kernel": {
			func(b *bench) { b.kernel.makeErrs = map[string]error{"net1": syscall.EBUSY} }, 999, "device or resource busy", nil,
		},
		"no IPAM plugin": {
			func(b *bench) { b.conf["ipam"] = map[string]any{"type": "dhcp"} }, 50, "the IPAM plugin dhcp is not in CNI_PATH (DIR/none:DIR/bin): install it there", nil,
		},
		"IPAM":         {fails("ADD"), 11, "host-local ADD: no more addresses", []string{"ADD", "DEL"}},
		"no addresses": {func(b *bench) { b.script.Result = `{"cniVersion":"1.1.0"}` }, 999, "host-local ADD: it gives no address", []string{"ADD", "DEL"}},
		"no result":    {func(b *bench) { b.script.Result = `[]` }, 999, "host-local ADD: parse result: it is a JSON array, which the CNI specification has otherwise", []string{"ADD", "DEL"}},
		"configure": {
			func(b *bench) { b.kernel.configureErr = errors.New("add route: network is unreachable") }, 999,
			"configure net1 in the container: add route: network is unreachable",
			[]string{"ADD", "DEL"},
		},
		"over another": {
			func(b *bench) { b.kernel.makesOver = 5 }, 11,
			"changed while attaching: net1 in the container is over eth2 (ifindex 5), not over eth1 (ifindex 4)" + startAgent, nil,
		},
		"link lost": {
			func(b *bench) { b.kernel.onMake = func() { b.kernel.Now[0].CarrierChanges += 2 } }, 11,
			"changed while attaching: eth1 lost its link since the switch was heard there (carrier changes 4, known at 2), and a cable can have moved" + startAgent,
			[]string{"ADD", "DEL"},
		},
		"namespace": {
			func(b *bench) { b.args.Netns = filepath.Join(b.dir, "gone") }, 8, `node1: network "green": find namespace DIR/gone: no such file or directory`, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newItselfBench(t)
			b.conf["ipam"] = map[string]any{"type": "host-local"}
			tt.change(b)
			occupied := len(b.kernel.Made)
			want := tt.want
			if !strings.Contains(want, "1: network") {
				want = `node1: network "green" on eth1: ` + want
			}
			b.wantError(b.do(b.plugin.Add), tt.code, want)
			b.wantVerbs(tt.verbs...)
			b.wantRecords(0)
			if len(b.kernel.Made) != occupied {
				t.Errorf("the container has %v", b.kernel.Made)
			}
		})
	}
}

// TestItselfLeft keeps a record of what it made and cannot remove, for DEL.
func TestItselfLeft(t *testing.T) {
	b := newItselfBench(t)
	b.kernel.makeErrs = map[string]error{"net1": syscall.EEXIST}
	b.kernel.renameErr, b.kernel.removeErr = syscall.ENOBUFS, syscall.EBUSY
	b.wantCode(b.do(b.plugin.Add), 999)
	if r := b.whole(); r.Phase != record.Adding || r.Making == "" || !strings.Contains(r.Stuck, "device or resource busy") {
		t.Errorf("recorded %+v", r)
	}
	b.wantError(b.do(b.plugin.Del), 999, `node1: network "green": detach net1 of container c1: device or resource busy`)
	b.kernel.removeErr = nil
	netns := b.args.Netns
	b.args.Netns = "" // the runtime believes it gone
	b.must(b.do(b.plugin.Del))
	b.args.Netns = netns
	if len(b.kernel.Made) > 0 {
		t.Errorf("the container has %v", b.kernel.Made)
	}
	b.wantRecords(0)
}

// TestItselfReplaced undoes an ADD whose interface somebody in the container renamed,
// removed or replaced meanwhile.
func TestItselfReplaced(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(made map[string]link.Origin)
		left   int
	}{
		"renamed":  {func(made map[string]link.Origin) { made["foo"] = made["net1"]; delete(made, "net1") }, 0},
		"removed":  {func(made map[string]link.Origin) { delete(made, "net1") }, 0},
		"replaced": {func(made map[string]link.Origin) { made["net1"] = madeOver(5, "macvlan") }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newItselfBench(t)
			b.conf["ipam"] = map[string]any{"type": "host-local"}
			b.kernel.onConfigure = func() { tt.change(b.kernel.Made) }
			b.wantError(b.do(b.plugin.Add), 11, `node1: network "green" on eth1: changed while attaching: somebody renamed, moved or replaced net1 in the container`)
			b.wantVerbs("ADD", "DEL")
			b.wantRecords(0)
			if len(b.kernel.Made) != tt.left {
				t.Errorf("the container has %v", b.kernel.Made)
			}
		})
	}
}

// TestItselfByIndex has devices exchange their names between the check and the attachment:
// the container is attached to the one that was checked, whatever that is called by now.
func TestItselfByIndex(t *testing.T) {
	b := newItselfBench(t)
	b.kernel.onMake = func() {
		b.kernel.Now[0].Name, b.kernel.Now[1].Name = "eth2", "eth1"
	}
	b.must(b.do(b.plugin.Add))
	b.wantAsked("make macvlan net1 over 4")
	r := b.whole()
	if r.Device.Index != 4 || r.Device.Name != "eth2" || !strings.Contains(string(r.DelegateConf), `"master":"eth2"`) {
		t.Errorf("recorded %+v with %s", r.Device, r.DelegateConf)
	}
	if !strings.Contains(b.stdout.String(), `"name": "eth2"`) || strings.Contains(b.stdout.String(), `"name": "eth1"`) {
		t.Errorf("reported %s", b.stdout.String())
	}
}

// TestRivals names the container that keeps a device from having another interface.
func TestRivals(t *testing.T) {
	const over = `container c1 (pod default/web-0) has a `
	const help = " over it, and a device has either macvlans or ipvlans, all ipvlans in one mode, and a macvlan in mode passthru alone; use the same there and here"
	for _, tt := range []struct {
		first, second string // modes
		busy          bool   // the kernel says so
		want          string
	}{
		{"bridge", "l2", true, over + "macvlan in mode bridge" + help},
		{"l2", "bridge", true, over + "ipvlan in mode l2" + help},
		{"l2", "l3", false, over + "ipvlan in mode l2" + help},
		{"passthru", "bridge", true, over + "macvlan in mode passthru" + help},
		{"bridge", "passthru", true, over + "macvlan in mode bridge" + help},
		{"bridge", "private", false, ""},
		{"l3", "l3", false, ""},
	} {
		for _, itself := range []bool{true, false} {
			b := newBench(t)
			b.itself = itself
			b.writeNode()
			b.conf["ipam"] = map[string]any{"type": "host-local"}
			b.conf["delegate"] = delegateIn(tt.first)
			b.must(b.do(b.plugin.Add))
			b.kernel.Made = nil
			b.conf["delegate"], b.args.ContainerID = delegateIn(tt.second), "c2"
			if tt.busy {
				b.kernel.makeErrs = map[string]error{"net1": syscall.EBUSY}
				b.script.Fail = map[string]string{"ADD": `{"code":999,"msg":"failed to create: device or resource busy"}`}
			}
			err := b.do(b.plugin.Add)
			if tt.want == "" {
				b.must(err)
				continue
			}
			b.wantCode(err, errUnsafe)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s after %s, itself %v: %v, want %s", tt.second, tt.first, itself, err, tt.want)
			}
			b.wantRecords(1)
		}
	}
}

// delegateIn is the delegate that has the mode.
func delegateIn(mode string) map[string]any {
	kind := "macvlan"
	if strings.HasPrefix(mode, "l") {
		kind = "ipvlan"
	}
	return map[string]any{"type": kind, "mode": mode}
}
