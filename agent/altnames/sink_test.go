// SPDX-License-Identifier: Apache-2.0

package altnames

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/internal/paste/pastetest"
	"github.com/colvin-net/colvin/internal/safefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// device is an interface with alternative names; its MAC address ends in its index.
func device(index int, name string, altNames ...string) discovery.Interface {
	return discovery.Interface{Index: index, Name: name, MAC: discovery.MAC{2, 0, 0, 0, 0, byte(index)}, AltNames: altNames, Up: true, Carrier: true}
}

// leads is an uplink of names to a device.
func leads(d discovery.Interface, usable bool, names ...string) mapping.Uplink {
	return mapping.Uplink{
		Name: names[0], Aliases: names[1:], Usable: usable,
		Device: nodefile.Link{Name: d.Name, Index: d.Index, MAC: d.MAC.String()},
	}
}

func owns(d discovery.Interface, name string) altName {
	return altName{Name: name, Index: d.Index, MAC: d.MAC}
}

// short is conditions without their messages.
func short(conditions []mapping.Condition) (out []string) {
	for _, c := range conditions {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Type, c.Network, c.Interface)))
	}
	return out
}

func TestPlan(t *testing.T) {
	eth1, eth2, vlan := device(2, "eth1"), device(3, "eth2"), device(4, "eth1.300")
	tagged := leads(vlan, true, "storage")
	tagged.VID = 300
	made := tagged
	made.Made = true
	unmade := leads(discovery.Interface{}, true, "storage")
	unmade.VID, unmade.Device = 300, nodefile.Link{}
	other := eth1
	other.MAC[5] = 99
	for name, tt := range map[string]struct {
		attachments []mapping.Uplink
		interfaces  []discovery.Interface
		owned       []altName
		want        plan
		conditions  []string
	}{
		"all names of a network": {
			attachments: []mapping.Uplink{leads(eth1, true, "green", "rails", "teal-heron")},
			interfaces:  []discovery.Interface{eth1, eth2},
			want:        plan{add: []altName{owns(eth1, "green"), owns(eth1, "rails"), owns(eth1, "teal-heron")}},
		},
		"a VLAN device": {
			attachments: []mapping.Uplink{leads(eth1, true, "green"), tagged},
			interfaces:  []discovery.Interface{eth1, vlan},
			want:        plan{add: []altName{owns(eth1, "green"), owns(vlan, "storage")}},
		},
		"no VLAN device, or one that goes with its containers": {
			attachments: []mapping.Uplink{made, unmade},
			interfaces:  []discovery.Interface{eth1, vlan},
		},
		"what is there already": {
			attachments: []mapping.Uplink{leads(eth1, true, "green")},
			interfaces:  []discovery.Interface{device(2, "eth1", "green")},
			owned:       []altName{owns(eth1, "green")},
		},
		"somebody took it away": {
			attachments: []mapping.Uplink{leads(eth1, true, "green")},
			interfaces:  []discovery.Interface{eth1},
			owned:       []altName{owns(eth1, "green")},
			want:        plan{add: []altName{owns(eth1, "green")}},
		},
		"unverified or down": {
			attachments: []mapping.Uplink{leads(eth1, false, "green")},
			interfaces:  []discovery.Interface{device(2, "eth1", "green")},
			owned:       []altName{owns(eth1, "green")},
			want:        plan{remove: []altName{owns(eth1, "green")}},
		},
		"in doubt on the same device": {
			attachments: []mapping.Uplink{leads(eth1, true, "green"), leads(eth1, false, "green", "blue")},
			interfaces:  []discovery.Interface{device(2, "eth1", "green")},
			owned:       []altName{owns(eth1, "green")},
			want:        plan{remove: []altName{owns(eth1, "green")}},
		},
		"in doubt on another device": {
			attachments: []mapping.Uplink{leads(eth1, true, "green"), leads(eth2, false, "green")},
			interfaces:  []discovery.Interface{eth1, eth2},
			want:        plan{add: []altName{owns(eth1, "green")}},
		},
		"two devices": {
			attachments: []mapping.Uplink{leads(eth1, true, "green", "rails"), leads(eth2, true, "blue", "rails")},
			interfaces:  []discovery.Interface{device(2, "eth1", "rails"), eth2},
			owned:       []altName{owns(eth1, "rails")},
			want:        plan{remove: []altName{owns(eth1, "rails")}, add: []altName{owns(eth2, "blue"), owns(eth1, "green")}},
			conditions:  []string{"AltNameAmbiguous rails"},
		},
		"two attachments of one device": {
			attachments: []mapping.Uplink{leads(eth1, true, "green"), leads(eth1, true, "green")},
			interfaces:  []discovery.Interface{eth1},
			want:        plan{add: []altName{owns(eth1, "green")}},
		},
		"too long": {
			attachments: []mapping.Uplink{leads(eth1, true, "exactly-fifteen", "sixteen-or-more-"), leads(eth1, true, "sixteen-or-more-")},
			interfaces:  []discovery.Interface{eth1},
			want:        plan{add: []altName{owns(eth1, "exactly-fifteen")}},
			conditions:  []string{"AltNameTooLong sixteen-or-more- eth1"},
		},
		"moved": {
			attachments: []mapping.Uplink{leads(eth2, true, "green")},
			interfaces:  []discovery.Interface{eth1, eth2},
			owned:       []altName{owns(eth1, "green")},
			want:        plan{remove: []altName{owns(eth1, "green")}, add: []altName{owns(eth2, "green")}},
		},
		"moved, and the old one has it still": {
			attachments: []mapping.Uplink{leads(eth2, true, "green")},
			interfaces:  []discovery.Interface{device(2, "eth1", "green"), eth2},
			owned:       []altName{owns(eth1, "green")},
			want:        plan{remove: []altName{owns(eth1, "green")}},
		},
		"another's altname": {
			attachments: []mapping.Uplink{leads(eth1, true, "green")},
			interfaces:  []discovery.Interface{eth1, device(3, "eth2", "green")},
			conditions:  []string{"AltNameTaken green eth2"},
		},
		"another's altname on the same device": {
			attachments: []mapping.Uplink{leads(eth1, true, "green")},
			interfaces:  []discovery.Interface{device(2, "eth1", "green")},
			conditions:  []string{"AltNameTaken green eth1"},
		},
		"an interface of that name": {
			attachments: []mapping.Uplink{leads(eth1, true, "eth2")},
			interfaces:  []discovery.Interface{eth1, eth2},
			conditions:  []string{"AltNameTaken eth2 eth2"},
		},
		"renamed device": {
			attachments: []mapping.Uplink{leads(device(2, "lan1"), true, "green")},
			interfaces:  []discovery.Interface{device(2, "lan1", "green")},
			owned:       []altName{owns(eth1, "green")},
		},
		"in a container": {
			interfaces: []discovery.Interface{eth2},
			owned:      []altName{owns(eth1, "green")},
		},
		"gone, or another under its index": {
			attachments: []mapping.Uplink{leads(eth1, true, "green"), leads(eth2, true, "blue")},
			interfaces:  []discovery.Interface{other},
		},
	} {
		t.Run(name, func(t *testing.T) {
			wanted, conditions := wantedNames(&mapping.View{Uplinks: tt.attachments})
			got := planNames(wanted, tt.interfaces, tt.owned)
			conditions = append(conditions, got.taken...)
			got.taken = nil
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(plan{})); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.conditions, short(conditions)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMessages holds that an operator is told what to do about which interface.
func TestMessages(t *testing.T) {
	links := func(indexes ...int) (out []nodefile.Link) {
		for _, i := range indexes {
			out = append(out, nodefile.Link{Name: fmt.Sprint("eth", i), Index: i})
		}
		return out
	}
	another, named := device(3, "eth2", "green"), device(3, "green")
	for _, tt := range []struct {
		got  mapping.Condition
		want string
	}{
		{ambiguousName("green", links(1, 2, 3)), "green leads to eth1 and eth2 and eth3, so it is no altname of any; rules can tell them apart, or the colvin plugin takes one with select: first"},
		{longName("sixteen-or-more-", links(1)[0]), "sixteen-or-more- has 16 characters, so it is no altname of eth1; give the network an alias of 15 characters or fewer"},
		{
			takenName("green", "eth1", &another),
			`green is an altname of eth2, which Colvin did not set and leaves alone, so "green" leads a plugin to eth2 whatever that is attached to; network green is at eth1; ip link property del dev eth2 altname green takes it away`,
		},
		{
			takenName("green", "eth1", &named),
			`green is the name of green, which Colvin did not set and leaves alone, so "green" leads a plugin to green whatever that is attached to; network green is at eth1; rename the interface, or the network`,
		},
	} {
		if tt.got.Message != tt.want {
			t.Errorf("got  %s\nwant %s", tt.got.Message, tt.want)
		}
	}
}

// A fakeKernel has devices, and refuses what the real one refuses.
type fakeKernel struct {
	mu      sync.Mutex
	devices []discovery.Interface
	blind   error  // of every look
	refuse  error  // of every change
	before  func() // what happens just before a name is given
	calls   []string
}

var _ Kernel = (*fakeKernel)(nil)

func (k *fakeKernel) List() ([]discovery.Interface, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.blind != nil {
		return nil, k.blind
	}
	out := slices.Clone(k.devices)
	for i := range out {
		out[i].AltNames = slices.Clone(out[i].AltNames)
	}
	return out, nil
}

func (k *fakeKernel) AddAltName(index int, name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.before != nil {
		k.before()
	}
	d, err := k.change("+", index, name)
	if err != nil {
		return err
	}
	if holders(k.devices)[name] != nil {
		return syscall.EEXIST
	}
	d.AltNames = append(d.AltNames, name)
	return nil
}

func (k *fakeKernel) RemoveAltName(index int, name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	d, err := k.change("-", index, name)
	if err != nil {
		return err
	}
	d.AltNames = slices.DeleteFunc(d.AltNames, func(n string) bool { return n == name })
	return nil
}

// allow has every change from now on fail with err, or not.
func (k *fakeKernel) allow(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refuse = err
}

func (k *fakeKernel) change(sign string, index int, name string) (*discovery.Interface, error) {
	k.calls = append(k.calls, fmt.Sprintf("%s%d %s", sign, index, name))
	if k.refuse != nil {
		return nil, k.refuse
	}
	if i := slices.IndexFunc(k.devices, func(d discovery.Interface) bool { return d.Index == index }); i >= 0 {
		return &k.devices[i], nil
	}
	return nil, link.ErrNotFound
}

// A bench is the sink over a fake kernel.
type bench struct {
	t      *testing.T
	dir    string
	boot   string
	kernel *fakeKernel
	sink   *Sink
	stale  []discovery.Interface // what the snapshot shows; nil: what is there
}

func newBench(t *testing.T, devices ...discovery.Interface) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), boot: "boot-1", kernel: &fakeKernel{devices: devices}}
	b.start(true)
	return b
}

// start begins a run of the agent, after whatever end of the one before.
func (b *bench) start(on bool) {
	b.t.Helper()
	sink, err := New(on, b.boot, b.kernel, b.dir, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	b.sink = sink
}

// see has the sink follow a view.
func (b *bench) see(attachments ...mapping.Uplink) time.Duration {
	snapshot := b.stale
	if snapshot == nil {
		snapshot, _ = b.kernel.List()
	}
	again := b.sink.Withdraw(&mapping.View{Uplinks: attachments}, snapshot)
	return min(again, b.sink.Give(snapshot))
}

// expect compares the kernel's names, the recorded ones and the conditions.
func (b *bench) expect(when string, names, recorded []string, conditions ...string) {
	b.t.Helper()
	var have []string
	for _, d := range b.kernel.devices {
		for _, n := range d.AltNames {
			have = append(have, d.Name+" "+n)
		}
	}
	if diff := cmp.Diff(names, have); diff != "" {
		b.t.Errorf("%s: names (-want +got):\n%s", when, diff)
	}
	if diff := cmp.Diff(recorded, b.recorded()); diff != "" {
		b.t.Errorf("%s: recorded (-want +got):\n%s", when, diff)
	}
	if diff := cmp.Diff(conditions, short(b.sink.Conditions())); diff != "" {
		b.t.Errorf("%s: conditions (-want +got):\n%s", when, diff)
	}
}

func (b *bench) recorded() (out []string) {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, recordFormat.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		b.t.Fatal(err)
	}
	var f recordFile
	if err := json.Unmarshal(data, &f); err != nil {
		b.t.Fatal(err)
	}
	if f.Version == recordVersion && len(f.Names) == 0 {
		b.t.Error("a record of nothing is kept")
	}
	for _, n := range f.Names {
		out = append(out, fmt.Sprintf("%d %s", n.Index, n.Name))
	}
	return out
}

func (b *bench) calls(when string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.kernel.calls); diff != "" {
		b.t.Errorf("%s: calls (-want +got):\n%s", when, diff)
	}
	b.kernel.calls = nil
}

func TestMoves(t *testing.T) {
	eth1, eth2 := device(2, "eth1"), device(3, "eth2")
	b := newBench(t, eth1, eth2)
	b.see(leads(eth1, true, "green"))
	b.expect("given", []string{"eth1 green"}, []string{"2 green"})
	b.stale, _ = b.kernel.List() // the snapshot of the next view was taken before it
	b.see(leads(eth2, true, "green"))
	b.expect("moved", []string{"eth2 green"}, []string{"3 green"})
	b.calls("removed first", "+2 green", "-2 green", "+3 green")
	b.see(leads(eth2, true, "green"))
	b.expect("an old snapshot", []string{"eth2 green"}, []string{"3 green"})
	b.stale = nil
	b.see(leads(eth2, false, "green"))
	b.expect("unverified", nil, nil)
	b.calls("no more", "-3 green")
	b.see()
	b.calls("at rest")
}

// TestOfAKilledAgent starts the agent over what a killed one left.
func TestOfAKilledAgent(t *testing.T) {
	eth1, eth2 := device(2, "eth1"), device(3, "eth2")
	b := newBench(t, eth1, eth2)
	b.see(leads(eth1, true, "green"))
	b.start(true)
	b.see(leads(eth1, true, "green"))
	b.expect("the same", []string{"eth1 green"}, []string{"2 green"})
	b.calls("nothing to do", "+2 green")
	b.start(true)
	b.see(leads(eth2, true, "green"))
	b.expect("moved meanwhile", []string{"eth2 green"}, []string{"3 green"})
	b.kernel.devices[1].MAC[0] = 0 // a bridge has the lowest of its ports'
	eth2 = b.kernel.devices[1]
	b.start(true)
	b.see(leads(eth2, true, "green"))
	b.expect("another MAC address", []string{"eth2 green"}, []string{"3 green"})
	b.see(leads(eth2, false, "green"))
	b.expect("in doubt", nil, nil)
	b.see(leads(eth2, true, "green"))
	b.kernel.devices[1].Index, b.kernel.devices[1].MAC[0] = 4, 6
	b.start(true)
	b.see()
	b.expect("another device, as far as is known", []string{"eth2 green"}, []string{"3 green"})
}

// TestRecordRemoved has a cleaner remove the record while the agent runs.
func TestRecordRemoved(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1)
	remove := func() {
		t.Helper()
		if err := os.Remove(filepath.Join(b.dir, recordFormat.Name)); err != nil {
			t.Fatal(err)
		}
	}
	b.see(leads(eth1, true, "green"))
	remove()
	if again := b.see(leads(eth1, true, "green")); again != lookEvery {
		t.Errorf("again after %v, want %v", again, lookEvery)
	}
	b.expect("written again", []string{"eth1 green"}, []string{"2 green"})
	remove()
	b.kernel.devices[0].AltNames = nil
	snapshot, _ := b.kernel.List()
	b.kernel.before = func() { b.expect("before it is given again", nil, []string{"2 green"}) }
	b.sink.Give(snapshot)
	b.expect("given again", []string{"eth1 green"}, []string{"2 green"})
	b.start(true) // killed
	b.see()
	b.expect("taken away", nil, nil)
	b.see(leads(eth1, true, "green"))
	remove()
	b.see()
	b.expect("nothing is left of it", nil, nil)
}

// TestRecordCannotBeRemoved holds that an operator is told, and that it is tried again.
func TestRecordCannotBeRemoved(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1)
	b.see(leads(eth1, true, "green"))
	path := filepath.Join(b.dir, recordFormat.Name)
	if err := errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if again := b.see(); again != stuckEvery {
		t.Errorf("again after %v, want %v", again, stuckEvery)
	}
	if got := short(b.sink.Conditions()); !slices.Equal(got, []string{"FilesUnwritable"}) {
		t.Errorf("conditions %v, want FilesUnwritable", got)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if again := b.see(); again != never {
		t.Errorf("again after %v, want %v", again, never)
	}
	b.expect("removed", nil, nil)
}

// TestRecordAtRest holds that nothing is written while nothing changes.
func TestRecordAtRest(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1)
	path := filepath.Join(b.dir, recordFormat.Name)
	b.see(leads(eth1, true, "green"))
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	b.see(leads(eth1, true, "green"))
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("the record was written again (%v)", err)
	}
}

// TestAtRest holds that a name which somebody else has costs nothing once it is told of:
// what comes next is given at once.
func TestAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		eth1 := device(2, "eth1")
		b := newBench(t, eth1, device(3, "eth2", "green"))
		for range 2 * giveBurst {
			b.see(leads(eth1, true, "green"))
		}
		b.see(leads(eth1, true, "green", "rails"))
		b.expect("given", []string{"eth1 rails", "eth2 green"}, []string{"2 rails"}, "AltNameTaken green eth2")
	})
}

// TestCannotLook has the kernel tell nothing.
func TestCannotLook(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1)
	b.stale, _ = b.kernel.List()
	b.kernel.blind = syscall.ENOBUFS
	if again := b.see(leads(eth1, true, "green")); again != giveEvery {
		t.Errorf("again after %v, want %v", again, giveEvery)
	}
	b.expect("cannot look", nil, nil, "AltNameFailed")
	if err := b.sink.Clear(); err != nil {
		t.Errorf("clear where nothing was given: %v", err)
	}
	b.kernel.blind = nil
	b.see(leads(eth1, true, "green"))
	b.expect("looks again", []string{"eth1 green"}, []string{"2 green"})
	b.kernel.blind = syscall.ENOBUFS
	if err := b.sink.Clear(); !errors.Is(err, syscall.ENOBUFS) {
		t.Errorf("clear: %v, want %v", err, syscall.ENOBUFS)
	}
}

// TestNotOfAnOldSnapshot has the cable move when the view is made already.
func TestNotOfAnOldSnapshot(t *testing.T) {
	for name, happen := range map[string]func(k *fakeKernel){
		"carrier lost":     func(k *fakeKernel) { k.devices[0].Carrier = false },
		"lost and back":    func(k *fakeKernel) { k.devices[0].CarrierChanges += 2 },
		"down":             func(k *fakeKernel) { k.devices[0].Up = false },
		"enslaved":         func(k *fakeKernel) { k.devices[0].Master = 3 },
		"the port of it":   func(k *fakeKernel) { k.devices[1].CarrierChanges++ },
		"it has new ports": func(k *fakeKernel) { k.devices = append(k.devices, device(4, "eth3")) },
		"it lost a port":   func(k *fakeKernel) { k.devices = k.devices[:1] },
	} {
		t.Run(name, func(t *testing.T) {
			eth1 := device(2, "eth1")
			b := newBench(t, eth1, device(3, "eth2"))
			b.stale, _ = b.kernel.List()
			happen(b.kernel)
			if again := b.see(leads(eth1, true, "green")); again != changedEvery {
				t.Errorf("again after %v, want %v", again, changedEvery)
			}
			b.expect("not yet", nil, nil)
			b.calls("not tried")
			b.stale = nil
			b.see(leads(eth1, true, "green"))
			b.expect("seen", []string{"eth1 green"}, []string{"2 green"})
		})
	}
}

// TestRecordedFirst kills the agent between the record and the name.
func TestRecordedFirst(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1)
	b.kernel.before = func() { panic("killed") }
	func() {
		defer func() { _ = recover() }()
		b.see(leads(eth1, true, "green"))
	}()
	b.expect("killed", nil, []string{"2 green"})
	b.kernel.before = nil
	b.kernel.devices = append(b.kernel.devices, device(3, "eth2", "green")) // an operator's
	b.start(true)
	b.see(leads(eth1, true, "green"))
	b.expect("forgotten", []string{"eth2 green"}, nil, "AltNameTaken green eth2")
	b.calls("not fought")
}

// TestTakenInAnOldSnapshot holds that a cable which moves delays no more than giving.
func TestTakenInAnOldSnapshot(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1, device(3, "eth2", "green"))
	b.stale, _ = b.kernel.List()
	b.kernel.devices[0].CarrierChanges += 2
	if again := b.see(leads(eth1, true, "green")); again != never {
		t.Errorf("again after %v, want %v", again, never)
	}
	b.expect("told", []string{"eth2 green"}, nil, "AltNameTaken green eth2")
}

func TestTaken(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1, device(3, "eth2", "green"), device(4, "rails"))
	b.see(leads(eth1, true, "green", "rails"))
	b.expect("taken", []string{"eth2 green"}, nil, "AltNameTaken green eth2", "AltNameTaken rails rails")
	b.see()
	if err := b.sink.Clear(); err != nil {
		t.Error(err)
	}
	b.calls("left alone")
	b.kernel.devices[1].AltNames = nil
	b.see(leads(eth1, true, "green", "rails"))
	b.expect("free", []string{"eth1 green"}, []string{"2 green"}, "AltNameTaken rails rails")
}

// TestTakenInBetween has somebody be quicker by a moment.
func TestTakenInBetween(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1, device(3, "eth2"))
	b.kernel.before = func() { b.kernel.devices[1].AltNames = []string{"green"} }
	b.see(leads(eth1, true, "green"))
	b.expect("lost", []string{"eth2 green"}, nil, "AltNameTaken green eth1")
	b.see(leads(eth1, true, "green"))
	b.expect("seen", []string{"eth2 green"}, nil, "AltNameTaken green eth2")
}

func TestWithoutTheRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		eth1 := device(2, "eth1")
		b := newBench(t, eth1)
		b.kernel.allow(syscall.EPERM)
		if again := b.see(leads(eth1, true, "green")); again != lookEvery {
			t.Errorf("again after %v, want %v", again, lookEvery)
		}
		b.expect("refused", nil, nil, "AltNameFailed green eth1")
		if said := b.sink.Conditions()[0].Message; !strings.Contains(said, "CAP_NET_ADMIN") {
			t.Errorf("the condition does not say what is missing: %s", said)
		}
		for range 2 * giveBurst {
			b.see(leads(eth1, true, "green"))
		}
		if len(b.kernel.calls) > giveBurst {
			t.Errorf("%d tries, want at most %d at once", len(b.kernel.calls), giveBurst)
		}
		b.expect("held back", nil, nil, "AltNameFailed green eth1")
		b.kernel.allow(nil)
		time.Sleep(giveEvery)
		b.see(leads(eth1, true, "green"))
		b.expect("allowed", []string{"eth1 green"}, []string{"2 green"})
		b.kernel.allow(syscall.EPERM)
		if again := b.see(); again != stuckEvery {
			t.Errorf("again after %v, want %v", again, stuckEvery)
		}
		b.expect("stuck", []string{"eth1 green"}, []string{"2 green"}, "AltNameFailed green eth1")
		if err := b.sink.Clear(); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("clear: %v, want %v", err, fs.ErrPermission)
		}
		b.kernel.allow(nil)
		b.see()
		b.expect("gone", nil, nil)
	})
}

func TestAfterReboot(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1)
	b.see(leads(eth1, true, "green"))
	b.boot = "boot-2" // and somebody sets the same name when the node starts
	b.start(true)
	b.see()
	b.expect("not ours", []string{"eth1 green"}, []string{"2 green"})
	b.see(leads(eth1, true, "green", "rails"))
	b.expect("recorded anew", []string{"eth1 green", "eth1 rails"}, []string{"2 rails"}, "AltNameTaken green eth1")
}

func TestDamagedRecord(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1)
	b.see(leads(eth1, true, "green"))
	for content, want := range map[string]string{"garbage": recordFormat.Name + ".damaged", `{"version": 7}`: recordFormat.Name + ".later"} {
		if err := os.WriteFile(filepath.Join(b.dir, recordFormat.Name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		sink, err := New(true, b.boot, b.kernel, b.dir, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", content, err, want)
		}
		b.sink = sink
		b.see(leads(eth1, true, "green"))
		b.expect(content, []string{"eth1 green"}, nil, "AltNameTaken green eth1")
		b.see()
		b.expect("not removed", []string{"eth1 green"}, nil)
	}
}

// TestNoRecord has things where the record belongs that root must not read.
func TestNoRecord(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"link":      func(path string) error { return os.Symlink("/proc/self/environ", path) },
		"FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"too large": func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := put(filepath.Join(dir, recordFormat.Name)); err != nil {
				t.Fatal(err)
			}
			if err := ClearUnlessRunning(t.TempDir(), dir); err == nil || !strings.Contains(err.Error(), recordFormat.Name) {
				t.Errorf("error %v, want one that names the file", err)
			}
		})
	}
}

// TestNothingToClear holds that where no name was given nothing is complained of, whatever
// the lock is like.
func TestNothingToClear(t *testing.T) {
	run := t.TempDir()
	if err := os.Symlink("elsewhere", filepath.Join(run, agentlock.Name)); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if err := ClearUnlessRunning(run, state); err != nil {
			t.Error(err)
		}
	}
}

// TestClearBelievesNobodyElse holds that root takes no name away because anybody says so.
func TestClearBelievesNobodyElse(t *testing.T) {
	run, state := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(state, recordFormat.Name), []byte(`{"version":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ClearUnlessRunning(run, state); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{run, state} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := ClearUnlessRunning(run, state); err == nil || !strings.Contains(err.Error(), dir+" can be written by others (mode drwxrwxrwx)") {
			t.Errorf("got %v, want %s refused", err, dir)
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// TestClearedUnlessRunning tells by an unusable record whether it is read.
func TestClearedUnlessRunning(t *testing.T) {
	run, state := t.TempDir(), t.TempDir()
	path := filepath.Join(run, agentlock.Name)
	if err := os.Mkdir(filepath.Join(state, recordFormat.Name), 0o700); err != nil {
		t.Fatal(err)
	}
	expect := func(when string, read bool) {
		t.Helper()
		err := ClearUnlessRunning(run, state)
		if read != (err != nil && strings.Contains(err.Error(), recordFormat.Name)) {
			t.Errorf("%s: error %v, want the record read: %v", when, err, read)
		}
	}
	expect("never ran", true)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the lock file was made: %v", err)
	}
	lock, err := agentlock.Take(path)
	if err != nil {
		t.Fatal(err)
	}
	expect("running", false)
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	expect("killed", true)
	if agentlock.Held(path) {
		t.Error("the lock is still held")
	}
	if err := errors.Join(os.Remove(path), os.Symlink("elsewhere", path)); err != nil {
		t.Fatal(err)
	}
	if err := ClearUnlessRunning(run, state); !errors.Is(err, safefile.ErrLink) {
		t.Errorf("a link for a lock file: error %v, want %v", err, safefile.ErrLink)
	}
}

// TestHostKernel holds that what the kernel does not do is told.
func TestHostKernel(t *testing.T) {
	var k hostKernel
	if err := k.AddAltName(math.MaxInt32, "green"); err == nil {
		t.Error("a device that is not there got a name")
	}
	if err := k.RemoveAltName(math.MaxInt32, "green"); err == nil {
		t.Error("a device that is not there had a name")
	}
}

// TestClearedAsRoot has an agent claim names that it did not give.
func TestClearedAsRoot(t *testing.T) {
	eth1, eth2 := device(2, "eth1", "Uplink", "pci_0000.1", "sixteen-or-more1"), device(3, "eth2", "green")
	b := newBench(t, eth1, eth2)
	claimed := []altName{owns(eth1, "Uplink"), owns(eth1, "pci_0000.1"), owns(eth1, "sixteen-or-more1"), {Name: "green", Index: 9, MAC: eth2.MAC}}
	if err := saveRecord(b.sink.dir, b.boot, claimed); err != nil {
		t.Fatal(err)
	}
	b.start(false)
	b.sink.strict = true
	if err := b.sink.Clear(); err != nil {
		t.Error(err)
	}
	b.calls("left alone")
}

func TestOff(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1, device(3, "eth2", "ours"))
	b.see(leads(eth1, true, "green"))
	b.start(false)
	b.see(leads(eth1, true, "green"))
	b.expect("off", []string{"eth2 ours"}, nil)
}

func TestCleared(t *testing.T) {
	eth1, eth2 := device(2, "eth1"), device(3, "eth2")
	b := newBench(t, eth1, eth2)
	b.see(leads(eth1, true, "green"), leads(eth2, true, "blue"))
	if err := b.sink.Clear(); err != nil {
		t.Error(err)
	}
	b.expect("ended in order", nil, nil)
	b.see(leads(eth1, true, "green"), leads(eth2, true, "blue"))
	b.start(false) // as ClearUnlessRunning does after a crash
	b.sink.strict = true
	eth2 = b.kernel.devices[1]
	b.kernel.devices = b.kernel.devices[:1]
	if err := b.sink.Clear(); err != nil {
		t.Error(err)
	}
	b.expect("cleared", nil, []string{"3 blue", "2 green"}) // eth2 is in a container
	b.kernel.devices = append(b.kernel.devices, eth2)
	b.start(true)
	b.see()
	b.expect("back from the container", nil, nil)
}

// TestOfADeviceThatWasAway has a device go to a container and come back under
// another index, and a bond change the MAC address of its member.
func TestOfADeviceThatWasAway(t *testing.T) {
	eth1, eth2 := device(2, "eth1"), device(3, "eth2")
	b := newBench(t, eth1, eth2)
	b.see(leads(eth1, true, "green"))
	away := b.kernel.devices[0]
	b.kernel.devices = b.kernel.devices[1:]
	b.see()
	b.expect("away", nil, []string{"2 green"})
	away.Index = 9
	b.kernel.devices = append(b.kernel.devices, away)
	b.see(leads(away, true, "green"))
	b.expect("back", []string{"eth1 green"}, []string{"9 green"})
	b.kernel.devices[1].MAC = eth2.MAC
	b.see()
	b.expect("enslaved", nil, nil)
}

// TestOfADeviceThatChangedAndWasAway has a bond change the MAC address first, and the
// device go then.
func TestOfADeviceThatChangedAndWasAway(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1)
	b.see(leads(eth1, true, "green"))
	b.kernel.devices[0].MAC[5] = 77
	away := b.kernel.devices[0]
	b.see(leads(away, true, "green"))
	b.kernel.devices = nil
	b.see()
	b.expect("away", nil, []string{"2 green"})
	away.Index = 9
	b.kernel.devices = []discovery.Interface{away}
	b.see()
	b.expect("back", nil, nil)
}

// TestOfADeviceThatLostItsName has a container take the name away: the device gets it
// anew, and the name is known once.
func TestOfADeviceThatLostItsName(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1)
	b.see(leads(eth1, true, "green"))
	b.kernel.devices = nil
	b.see()
	eth1.Index = 9
	b.kernel.devices = []discovery.Interface{eth1}
	for range 2 {
		b.see(leads(eth1, true, "green"))
	}
	b.expect("given anew", []string{"eth1 green"}, []string{"9 green"})
}

// TestAwayAreBounded makes and drops devices for ever.
func TestAwayAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for i := range 2 * maxAway {
			d := device(i+1, "br0")
			d.MAC[4] = byte(i >> 8)
			b.kernel.devices = []discovery.Interface{d}
			b.see(leads(d, true, "green"))
			time.Sleep(giveEvery)
		}
		if got := len(b.sink.owned); got > maxAway+1 {
			t.Errorf("%d names are remembered, want at most %d", got, maxAway+1)
		}
		b.kernel.devices = []discovery.Interface{device(5000, "br0")}
		b.see()
		if diff := cmp.Diff(fmt.Sprint(2*maxAway, " green"), b.recorded()[maxAway-1]); diff != "" {
			t.Errorf("the newest (-want +got):\n%s", diff)
		}
	})
}

// TestForgetOldest holds that names of devices which are there are neither forgotten nor
// counted.
func TestForgetOldest(t *testing.T) {
	here := device(1, "eth1")
	owned := []altName{owns(here, "green")}
	for i := range 257 {
		owned = append(owned, altName{Name: "green", Index: 2 + i})
	}
	owned = append(owned, owns(here, "lime"))
	want := slices.Delete(slices.Clone(owned), 1, 2)
	if diff := cmp.Diff(want, forgetOldest(owned, byIndex([]discovery.Interface{here})), cmp.AllowUnexported(altName{})); diff != "" {
		t.Errorf("remembered (-want +got):\n%s", diff)
	}
}

// TestLogged holds that an operator finds in the log what was done to devices.
func TestLogged(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1)
	var log bytes.Buffer
	b.sink.log = slog.New(slog.NewTextHandler(&log, nil))
	b.see(leads(eth1, true, "green"))
	b.see()
	b.see()
	var got []string
	for line := range strings.Lines(log.String()) {
		_, line, _ = strings.Cut(line, " ") // the time
		got = append(got, strings.TrimSuffix(line, "\n"))
	}
	want := []string{`level=INFO msg="altname given" name=green ifindex=2`, `level=INFO msg="altname removed" name=green ifindex=2`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

// TestCannotBeRecorded shows that no name is given that would not be known
// after a crash.
func TestCannotBeRecorded(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1)
	b.dir = filepath.Join(b.dir, "gone")
	b.start(true)
	b.see(leads(eth1, true, "green"))
	b.expect("no directory", nil, nil, "FilesUnwritable")
	b.calls("nothing is tried")
}

// TestNoneIsOwnedThatCannotBeRecorded has an operator give the names that the agent could
// not: they are not its own to take away.
func TestNoneIsOwnedThatCannotBeRecorded(t *testing.T) {
	eth1 := device(2, "eth1")
	b := newBench(t, eth1)
	b.dir = filepath.Join(b.dir, "gone")
	b.start(true)
	b.see(leads(eth1, true, "green", "lime", "rails"))
	b.kernel.devices[0].AltNames = []string{"green", "lime", "rails"}
	b.see()
	if err := b.sink.Clear(); err != nil {
		t.Error(err)
	}
	b.calls("left alone")
}

// TestTakeAwayPasted pastes the command for an interface of any name.
func TestTakeAwayPasted(t *testing.T) {
	for _, name := range pastetest.Texts {
		if strings.ContainsRune(name, 0) {
			continue
		}
		holder := discovery.Interface{Name: name, Index: 7, AltNames: []string{"green"}}
		for _, c := range []mapping.Condition{takenName("green", "eth1", &holder), stuckName(altName{Name: "green"}, name, fs.ErrPermission)} {
			_, command, _ := strings.Cut(c.Message, "; ip link ")
			if c.Type == mapping.AltNameFailed {
				_, command, _ = strings.Cut(c.Message, fs.ErrPermission.Error()+"; ip link ")
			}
			command = command[:strings.LastIndex(command, " takes it away")]
			device := name
			if c.Type == mapping.AltNameTaken {
				device = paste.Device(name, 7)
			}
			if got, want := pastetest.Shell(t, "ip link "+command), []string{"ip", "link", "property", "del", "dev", device, "altname", "green"}; !slices.Equal(got, want) {
				t.Errorf("%q: %s is pasted as %q", name, command, got)
			}
		}
	}
}
