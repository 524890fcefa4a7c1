// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// refuses has every verb of a plugin fail, each in its own words.
func refuses() map[string]string {
	out := map[string]string{}
	for _, verb := range []string{"ADD", "DEL", "CHECK", "GC", "STATUS"} {
		out[verb] = fmt.Sprintf(`{"code":999,"msg":"%s: no"}`, verb)
	}
	return out
}

// netnsGone ends the container's namespace.
func netnsGone(b *bench) { b.must(os.Remove(b.args.Netns)) }

// An ADD that failed can be undone, whoever refuses what: DEL succeeds, as often as it is
// called, and nothing is left.
func TestRefused(t *testing.T) {
	no := refuses()
	none := map[string]string{}
	for _, delegate := range []string{"macvlan", "ipvlan", "bridge", "vlan", "host-device", "own"} {
		for name, fails := range map[string][2]map[string]string{ // of the delegate, and of the IPAM plugin
			"both refuse everything":      {no, no},
			"the delegate refuses":        {no, none},
			"IPAM refuses":                {{"ADD": `{"code":999,"msg":"no"}`}, no},
			"IPAM refuses, and so to DEL": {{"ADD": `{"code":999,"msg":"no"}`, "DEL": `{"code":999,"msg":"otherwise"}`}, no},
		} {
			for _, gone := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/namespace gone: %v", delegate, name, gone), func(t *testing.T) {
					b := newUseBench(t, delegate)
					b.script.Fail, b.script.IPAM = fails[0], fails[1]
					b.wantCode(b.do(b.plugin.Add), 999)
					b.wantRecords(0)
					if gone {
						netnsGone(b)
					}
					for range 2 {
						b.must(b.do(b.plugin.Del))
					}
					b.wantRecords(0)
				})
			}
		}
	}
}

// newUseBench is a node on which a delegate can attach to the network, with an IPAM plugin.
func newUseBench(t *testing.T, delegate string) *bench {
	t.Helper()
	b := newBench(t)
	b.conf["delegate"], b.conf["ipam"] = map[string]any{"type": delegate}, map[string]any{"type": ipamName}
	switch delegate {
	case "own":
		b.conf["deviceKey"] = "master"
	case "vlan":
		b.conf["network"] = "storage"
		b.storage(taggedOn(eth(4, "eth1")))
	case "bridge":
		bridge := eth(7, "br0")
		bridge.Kind = discovery.KindBridge
		b.kernel.Now[0].Master = 7
		b.kernel.Now = append(b.kernel.Now, bridge)
		a := attached(eth(4, "eth1"), 100)
		a.Device = linkOf(bridge)
		b.node.Networks = []nodefile.Network{{Name: "green", Uplinks: []nodefile.Uplink{a}}}
	}
	b.writeNode()
	return b
}

// What a plugin that was killed in ADD has begun DEL undoes; what the IPAM plugin refuses
// to free keeps the runtime waiting for a while, and the admin not at all.
func TestRefusedAfterKill(t *testing.T) {
	killed := func(t *testing.T) *bench {
		t.Helper()
		b := newBench(t)
		b.conf["ipam"] = map[string]any{"type": ipamName}
		b.writeNode()
		b.killDuringAdd()()
		b.script.Hold = ""
		b.failNow(refuses(), refuses())
		b.plugin.now = time.Now
		return b
	}
	t.Run("DEL", func(t *testing.T) {
		b := killed(t)
		b.wantError(b.do(b.plugin.Del), 999, `node1: network "green": detach net1 of container c1: host-local DEL: DEL: no`)
		r := b.theRecord()
		if r.Unwanted.IsZero() || r.Stuck != "host-local DEL: DEL: no" {
			t.Errorf("unwanted since %v, for %q", r.Unwanted, r.Stuck)
		}
		b.plugin.now = func() time.Time { return time.Now().Add(abandonAfter + time.Second) }
		b.must(b.do(b.plugin.Del))
		b.wantRecords(0)
		if said := b.stderr.String(); !strings.Contains(said, "an address of the IPAM plugin host-local may still be reserved for container c1, net1: host-local DEL: DEL: no") {
			t.Errorf("said %q", said)
		}
	})
	t.Run("gc", func(t *testing.T) {
		b := killed(t)
		b.wantCollected(1, "an address of the IPAM plugin host-local may still be reserved for container c1, net1: host-local DEL: DEL: no")
		b.must(b.do(b.plugin.Del))
		b.wantRecords(0)
	})
}

// wantCollected has colvin gc collect, which finds so many, and of the first may say that
// something is reserved.
func (b *bench) wantCollected(want int, reserved string) {
	b.t.Helper()
	w := &collector{Plugin: b.plugin, path: func(*record.Record) string { return b.args.Path }, garbage: leftOver(b.kernel.Boot), final: true}
	got, err := w.collect(b.kernel.Boot, b.records())
	b.must(err)
	if len(got) != want || want > 0 && got[0].Reserved != reserved {
		b.t.Errorf("collected %+v, want %d, and reserved %q", got, want, reserved)
	}
}

// theRecord is the only one.
func (b *bench) theRecord() *record.Record {
	b.t.Helper()
	l, err := record.List(b.records())
	b.must(errors.Join(err, l.Why))
	if len(l.Records) != 1 {
		b.t.Fatalf("%d records, want 1", len(l.Records))
	}
	return &l.Records[0]
}

// An IPAM plugin that never frees an address has DEL fail, which says so; gc ends it and
// names the address, also while the namespace lives: the runtime has asked for DEL. What
// comes after that succeeds.
func TestIPAMThatForgot(t *testing.T) {
	for name, before := range map[string]func(*bench){"namespace there": func(*bench) {}, "namespace gone": netnsGone} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.conf["ipam"] = map[string]any{"type": ipamName}
			b.script.Fail = map[string]string{"DEL": `{"code":999,"msg":"no reservation for this container"}`}
			b.writeNode()
			b.must(b.do(b.plugin.Add))
			b.wantCollected(0, "") // it is attached
			for range 2 {
				b.wantError(b.do(b.plugin.Del), 999, `node1: network "green": detach net1 of container c1: host-local DEL: no reservation for this container`)
			}
			before(b)
			if r := b.theRecord(); r.Unwanted.IsZero() || r.Phase != record.Added {
				t.Errorf("unwanted since %v, phase %s", r.Unwanted, r.Phase)
			}
			b.wantCollected(1, "10.10.0.2/24 of the IPAM plugin host-local may still be reserved for container c1, net1: host-local DEL: no reservation for this container")
			b.must(b.do(b.plugin.Del))
			b.wantRecords(0)
		})
	}
}

// What the runtime's own GC cannot free it keeps: only an admin gives an address up.
func TestGCKeepsReserved(t *testing.T) {
	b := newBench(t)
	b.conf["ipam"] = map[string]any{"type": ipamName}
	b.script.Fail = map[string]string{"DEL": `{"code":11,"msg":"busy"}`}
	b.writeNode()
	b.must(b.do(b.plugin.Add))
	b.conf[validAttachmentsKey] = []any{}
	b.wantError(b.do(b.plugin.GC), 999, `node1: network "green": detach net1 of container c1: host-local DEL: busy`)
	b.wantRecords(1)
	b.failNow(nil, map[string]string{})
	b.must(b.do(b.plugin.GC))
	b.wantRecords(0)
}

// Where the delegate does not take its interface away, the plugin does, if it is the
// attachment's.
func TestDelInterface(t *testing.T) {
	over := func(index int, kind discovery.Kind) link.Origin { return madeOver(index, kind) }
	for name, tt := range map[string]struct {
		delegate string
		inside   link.Origin
		deleted  bool
	}{
		"macvlan over the device":        {"macvlan", over(4, "macvlan"), true},
		"macvlan over another":           {"macvlan", over(5, "macvlan"), false},
		"a dummy that came first":        {"macvlan", link.Origin{Interface: discovery.Interface{Name: "net1", Kind: "dummy"}}, false},
		"hardware":                       {"macvlan", link.Origin{Interface: discovery.Interface{Name: "net1"}}, false},
		"of a delegate that we know not": {"own", over(4, "ipvlan"), true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newUseBench(t, tt.delegate)
			b.must(b.do(b.plugin.Add))
			b.kernel.Made = map[string]link.Origin{"net1": tt.inside}
			b.kernel.Inside = map[string]discovery.Interface{"net1": tt.inside.Interface}
			b.failNow(map[string]string{"DEL": `{"code":999,"msg":"no"}`}, map[string]string{})
			err := b.do(b.plugin.Del)
			if deleted := len(b.kernel.deleted) > 0; deleted != tt.deleted {
				t.Errorf("deleted: %v, want %v (DEL answers %v)", deleted, tt.deleted, err)
			}
			if tt.delegate == "macvlan" {
				b.must(err)
				b.wantRecords(0)
			}
		})
	}
}
