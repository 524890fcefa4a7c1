// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/altnames"
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/agent/rulebook"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/latest"
	"github.com/colvin-net/colvin/internal/privatedir"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A bench is a Loop that a test feeds with snapshots.
type bench struct {
	t         *testing.T
	config    config.Config
	log       *slog.Logger
	boot      string
	instance  string
	snapshots *seen
	altNames  altnames.Kernel
	cluster   agentapi.Cluster
	rules     *rulebook.Book
	records   *recordsDir
	metrics   *metricsServer
	loop      *Loop
	cancel    context.CancelFunc
	done      chan error
}

// seen are the snapshots of a bench. Who looks again sees what was seen last.
type seen struct {
	updates chan *discovery.Snapshot

	mu   sync.Mutex // guards what follows, and keeps producers apart
	last *discovery.Snapshot
	deaf bool // Look is not answered
}

func (s *seen) Updates() <-chan *discovery.Snapshot { return s.updates }

func (s *seen) see(snapshot *discovery.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = snapshot
	latest.Put(s.updates, snapshot)
}

func (s *seen) beDeaf(deaf bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = deaf
}

func (s *seen) Look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil && !s.deaf {
		again := *s.last
		again.Time = time.Now()
		latest.Put(s.updates, &again)
	}
}

// sinceBoot is CLOCK_BOOTTIME in a bubble, whose time begins in 2000.
func sinceBoot() time.Duration { return time.Since(time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC)) }

// playAgent plays a test in a bubble of its own time, with an agent that ends with it.
func playAgent(t *testing.T, play func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer func() {
			if b.cancel != nil {
				b.stop()
			}
		}()
		play(b)
	})
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := privatedir.New(t)
	run := filepath.Join(dir, "run")
	if err := os.Mkdir(run, 0o755); err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, boot: "boot-1", config: config.Config{
		Node: "node1", Rules: filepath.Join(dir, "rules.yaml"), RunDirectory: run, StateDirectory: dir, RecordDirectory: filepath.Join(dir, "attachments"),
		Colours: config.Colours{Attach: true, Of: config.ColoursOfUntagged},
	}}
}

// build makes a Loop that does not run.
func (b *bench) build() {
	b.snapshots = &seen{updates: make(chan *discovery.Snapshot, 1)}
	log := b.log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	b.rules = rulebook.New(b.config.Rules, identityOf(b.cluster), b.config.StateDirectory, log)
	b.records = newRecordsDir(b.config.RecordDirectory, log)
	b.loop = NewLoop(Deps{
		Config: b.config, Version: "test", BootID: b.boot, Instance: b.instance, Snapshots: b.snapshots, Rules: b.rules, Records: b.records, Cluster: b.cluster,
		Log: log, AltNames: b.altNames, SinceBoot: sinceBoot, Metrics: b.metrics,
	})
}

func (b *bench) start() {
	b.build()
	b.run()
}

// run runs the Loop that was built.
func (b *bench) run() {
	ctx, cancel := context.WithCancel(b.t.Context())
	b.cancel, b.done = cancel, make(chan error, 1)
	go func() { b.done <- b.loop.Run(ctx) }()
}

func (b *bench) stop() {
	b.t.Helper()
	if err := b.end(); err != nil {
		b.t.Error(err)
	}
}

// end ends the agent, and returns what it complains of.
func (b *bench) end() error {
	b.cancel()
	b.cancel = nil
	return <-b.done
}

// see sends a snapshot of eth1, with what is heard there.
func (b *bench) see(neighbors ...discovery.Neighbor) {
	i := discovery.Interface{Index: 2, Name: "eth1", MAC: discovery.MAC{2, 0, 0, 0, 0, 2}, Ethernet: true, Up: true, Carrier: true, CarrierChanges: 2}
	b.snapshots.see(&discovery.Snapshot{
		Time: time.Now(), Interfaces: []discovery.Interface{i},
		Ports: []discovery.Port{{Index: 2, Name: "eth1", Epoch: 2, Since: time.Now(), Neighbors: neighbors}},
	})
	synctest.Wait()
}

// stand has a word stand alone until it is believed.
func (b *bench) stand(chassis string, pvid uint16) {
	for range 3 {
		time.Sleep(33 * time.Second)
		b.see(heard(chassis, pvid))
	}
}

func heard(chassis string, pvid uint16) discovery.Neighbor {
	source, _ := discovery.ParseMAC(chassis)
	return discovery.Neighbor{
		Source: source,
		MSAP:   discovery.MSAP{Chassis: discovery.ID("mac:" + chassis), Port: "ifname:p1"}, SystemName: "leaf-1",
		PVID: pvid, TTL: 120, FirstHeard: time.Now(), LastHeard: time.Now(),
	}
}

// readRules has the rules file read again.
func (b *bench) readRules() {
	b.rules.Reload()
	synctest.Wait()
}

// state is what the agent tells.
func (b *bench) state() *agentapi.State {
	b.t.Helper()
	s, err := b.loop.State()
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// file lists what resolves: name, device and certainty.
func (b *bench) file() []string {
	b.t.Helper()
	f, err := nodefile.Read(filepath.Join(b.config.RunDirectory, nodefile.FileName))
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, n := range f.Networks {
		for _, a := range n.Uplinks {
			out = append(out, strings.Join([]string{n.Name, a.Device.Name, string(a.Certainty)}, " "))
		}
	}
	return out
}

func (b *bench) expect(when string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.file()); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

func (b *bench) write(name, content string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.config.StateDirectory, name), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) conditions() []mapping.ConditionType {
	b.t.Helper()
	var out []mapping.ConditionType
	for _, c := range b.state().View.Conditions {
		out = append(out, c.Type)
	}
	return out
}

const sw1, sw2 = "00:00:5e:00:53:01", "00:00:5e:00:53:02"

// colourOf1 is the colour that VLAN 100 of sw1 prefers.
func colourOf1(b *bench) string {
	b.t.Helper()
	return strings.Fields(b.file()[0])[0]
}

func TestColourThenName(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.start()
		b.see(heard(sw1, 100))
		colour := colourOf1(b)
		b.expect("no rules", colour+" eth1 fresh")
		b.write("rules.yaml", "networks:\n  - name: green\n    match: [{vlan: 100}]\n")
		b.readRules()
		b.expect("named", colour+" eth1 fresh", "green eth1 fresh")
		b.stop()
		b.start()
		b.see()
		b.expect("after a restart", colour+" eth1 fresh", "green eth1 fresh")
	})
}

// TestGround holds that who asks the agent what it goes by resolves what the agent does, and
// what it would do by other rules.
func TestGround(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", "networks:\n  - name: green\n    match: [{vlan: 100}]\n")
		b.start()
		b.see(heard(sw1, 100))
		b.expect("named", "green eth1 fresh")
		s := b.state()
		resolve := func(sources ...rules.Source) mapping.View {
			set, _, err := rules.Merge(sources...)
			if err != nil {
				b.t.Fatal(err)
			}
			return mapping.Try(&mapping.Input{World: s.World(set), Snapshot: s.Snapshot, Memory: s.Memory, Colours: s.Basis.Colours})
		}
		if diff := cmp.Diff(s.View.Uplinks, resolve(s.Basis.Sources...).Uplinks); diff != "" {
			b.t.Errorf("by the rules in force (-agent +tried):\n%s", diff)
		}
		const other = "networks:\n  - name: blue\n    match: [{vlan: 100}]\n"
		tried := resolve(rules.Source{Name: filepath.Join(b.config.StateDirectory, "rules.yaml"), Data: []byte(other)})
		b.write("rules.yaml", other)
		b.readRules()
		if diff := cmp.Diff(b.state().View.Uplinks, tried.Uplinks); diff != "" {
			b.t.Errorf("by others (-agent +tried):\n%s", diff)
		}
		b.write("rules.yaml", "networks: 5\n") // the rules in force stay
		b.readRules()
		if got := b.state().Basis.Sources; len(got) != 1 || string(got[0].Data) != other {
			b.t.Errorf("in force is %v", got)
		}
	})
}

// TestNoStepUnheard has nobody answer who is to look: there is no Step, whatever the reason
// for one, until somebody does.
func TestNoStepUnheard(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.start()
		b.see(heard(sw1, 100))
		colour := colourOf1(b)
		b.snapshots.beDeaf(true)
		b.write("rules.yaml", "networks:\n  - name: green\n    match: [{vlan: 100}]\n")
		b.readRules()
		stepped := b.state().Snapshot.Time
		time.Sleep(time.Hour)
		synctest.Wait()
		b.expect("unheard", colour+" eth1 fresh")
		if at := b.state().Snapshot.Time; !at.Equal(stepped) {
			t.Errorf("a step at %v, want none since %v", at, stepped)
		}
		b.snapshots.beDeaf(false)
		b.see(heard(sw1, 100))
		b.expect("heard again", colour+" eth1 fresh", "green eth1 fresh")
	})
}

func TestRestartAfterReboot(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.start()
		b.see(heard(sw1, 100))
		colour := colourOf1(b)
		b.stop()
		b.boot = "boot-2"
		b.start()
		b.see()
		b.expect("not heard yet", colour+" eth1 unverified")
		b.see(heard(sw1, 100))
		b.expect("heard", colour+" eth1 fresh")
	})
}

// TestLastGoodRules shows that mistakes never end the rules in force, not even
// over a restart.
func TestLastGoodRules(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", "networks:\n  - name: green\n    match: [{vlan: 100}]\n")
		b.start()
		b.see(heard(sw1, 100))
		b.expect("good rules", "green eth1 fresh")
		b.write("rules.yaml", "networks:\n  - nam: green\n")
		b.readRules()
		b.expect("bad rules", "green eth1 fresh")
		if got := b.conditions(); len(got) != 1 || got[0] != mapping.RulesInvalid {
			b.t.Errorf("conditions %v, want RulesInvalid", got)
		}
		b.stop()
		b.start()
		b.see(heard(sw1, 100))
		b.expect("bad rules after a restart", "green eth1 fresh")
		if err := os.Remove(b.config.Rules); err != nil {
			b.t.Fatal(err)
		}
		b.readRules()
		b.expect("rules file gone", "green eth1 fresh")
		if err := os.Mkdir(b.config.Rules, 0o700); err != nil {
			b.t.Fatal(err)
		}
		b.readRules()
		b.expect("rules file unreadable", "green eth1 fresh")
		if got := b.conditions(); len(got) != 1 || got[0] != mapping.RulesInvalid {
			b.t.Errorf("conditions %v, want RulesInvalid", got)
		}
		if err := os.Remove(b.config.Rules); err != nil {
			b.t.Fatal(err)
		}
		b.write("rules.yaml", "networks:\n  - name: blue\n    match: [{vlan: 100}]\n")
		b.readRules()
		b.expect("good again", "blue eth1 fresh")
		if got := b.conditions(); len(got) != 0 {
			b.t.Errorf("conditions %v, want none", got)
		}
	})
}

// TestNoGoodRules holds that colours wait for the first rules that are good: a rule may
// ignore who speaks there, or use the colour for something else.
func TestNoGoodRules(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", "networks: 5\n")
		b.start()
		b.see(heard(sw1, 100))
		b.expect("a mistake", []string(nil)...)
		if b.state().Basis != nil {
			b.t.Error("there are no rules to go by")
		}
		if _, err := os.Stat(filepath.Join(b.config.StateDirectory, coloursName)); err == nil {
			b.t.Error("a colour was given")
		}
		b.write("rules.yaml", "ignore: [{system: nobody}]\n")
		b.readRules()
		if got := b.file(); len(got) != 1 || !strings.HasSuffix(got[0], " eth1 fresh") {
			b.t.Errorf("good: %v, want a colour", got)
		}
	})
}

func TestDamagedState(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write(memoryFormat.Name, "{\"version\": 1,")
		b.write(coloursName, "garbage")
		b.start()
		b.see(heard(sw1, 100))
		b.expect("nothing is known and no colour is given out")
		if got := b.conditions(); len(got) != 2 || got[0] != mapping.StateDamaged || got[1] != mapping.StateDamaged {
			b.t.Errorf("conditions %v, want StateDamaged twice", got)
		}
		b.stop()
		for name, want := range map[string]string{memoryFormat.Name + ".damaged": "{\"version\": 1,", coloursName: "garbage"} {
			got, err := os.ReadFile(filepath.Join(b.config.StateDirectory, name))
			if err != nil || string(got) != want {
				b.t.Errorf("%s: %q, %v; want %q: nothing is lost", name, got, err, want)
			}
		}
	})
}

// TestWritesAreBounded floods the loop with changes that are worth a write each.
func TestWritesAreBounded(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.start()
		start := time.Now()
		for time.Since(start) < time.Minute {
			b.see(heard(sw1, 100))
			time.Sleep(10 * time.Millisecond)
			b.see(heard(sw1, 200))
			time.Sleep(10 * time.Millisecond)
		}
		if got := b.state().Writes; got > writeBurst+61 {
			b.t.Errorf("%d writes in a minute, want at most %d", got, writeBurst+61)
		}
		for range 5 {
			b.stand(sw2, 100)
		}
		if s := b.state(); !strings.HasSuffix(b.file()[0], "eth1 fresh") {
			b.t.Errorf("the last change did not reach the file: %v, %v", b.file(), s.View.Uplinks)
		}
	})
}

// TestQuietNetworkRenews has a switch refresh for an hour, and then nothing arrive: what
// the plugin may attach by is renewed, and nothing else is written.
func TestQuietNetworkRenews(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.start()
		b.see(heard(sw1, 100))
		for range 7 { // until it has settled
			b.stand(sw1, 100)
		}
		before := b.state().Writes
		for range 120 {
			time.Sleep(30 * time.Second)
			b.see(heard(sw1, 100))
		}
		if got, want := b.state().Writes-before, uint64(time.Hour/renewAfter); got != want {
			b.t.Errorf("%d writes in an hour, want %d", got, want)
		}
		for range 60 {
			time.Sleep(time.Minute)
			synctest.Wait()
			f, err := nodefile.Read(filepath.Join(b.config.RunDirectory, nodefile.FileName))
			if err != nil {
				b.t.Fatal(err)
			}
			if left := f.Networks[0].Uplinks[0].Until - sinceBoot(); left < renewAfter || left > agentGone {
				b.t.Fatalf("the plugin may attach for %v, want between %v and %v", left, renewAfter, agentGone)
			}
		}
	})
}

// TestRenew holds that who asks for a Step gets one, of the records that there are, and does
// not wait for ever.
func TestRenew(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw1, 100))
		before := b.state()
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
		defer cancel()
		b.attach("c1", record.Netns{})
		b.records.reload()
		err := b.loop.Renew(ctx)
		if after := b.state(); after == before || len(after.Attachments) != 1 || err != nil {
			b.t.Errorf("attachments %+v, %v", after.Attachments, err)
		}
		b.snapshots.beDeaf(true)
		started := time.Now()
		err = b.loop.Renew(ctx)
		if waited := time.Since(started); waited != time.Second || err == nil {
			b.t.Errorf("waited %v for a Step that is not made: %v", waited, err)
		}
	})
}

// TestDisputeEndsByItself shows that the loop wakes without a frame.
func TestDisputeEndsByItself(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", "networks:\n  - {name: green, match: [{vlan: 100}]}\n  - {name: blue, match: [{vlan: 200}]}\n")
		b.start()
		b.see(heard(sw1, 100))
		b.see(heard(sw1, 200))
		b.expect("on probation", "blue eth1 unverified", "green eth1 unverified")
		for range 2 {
			time.Sleep(30 * time.Second)
			b.see(heard(sw1, 200))
		}
		b.expect("still", "blue eth1 unverified", "green eth1 unverified")
		time.Sleep(6 * time.Second)
		synctest.Wait()
		b.expect("believed", "blue eth1 fresh")
	})
}

const greenAndBlue = "networks:\n  - {name: green, match: [{vlan: 100}]}\n  - {name: blue, match: [{vlan: 200}]}\n"

// TestMemoryCannotBeSaved shows that a full disk does not keep a name alive that
// is not true any more.
func TestMemoryCannotBeSaved(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.config.StateDirectory = filepath.Join(b.t.TempDir(), "state")
		b.start()
		b.see(heard(sw1, 100)) // the state directory does not exist
		b.expect("no memory", "green eth1 fresh")
		b.stand(sw1, 200)
		b.stand(sw1, 200)
		b.expect("minutes later", "blue eth1 fresh")
		if got := b.conditions(); len(got) != 1 || got[0] != mapping.FilesUnwritable {
			b.t.Errorf("conditions %v, want FilesUnwritable", got)
		}
		if err := os.Mkdir(b.config.StateDirectory, 0o700); err != nil {
			b.t.Fatal(err)
		}
		b.stand(sw1, 200)
		b.stand(sw1, 200)
		b.readRules()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if _, err := os.Stat(filepath.Join(b.config.StateDirectory, memoryFormat.Name)); err != nil || len(b.conditions()) != 0 {
			b.t.Errorf("when there is room again: %v, conditions %v", err, b.conditions())
		}
		if err := os.RemoveAll(b.config.RunDirectory); err != nil {
			b.t.Fatal(err)
		}
		if err := b.end(); err == nil {
			b.t.Error("the last attempt to save fails silently")
		}
	})
}

// TestNodeFileCannotBeWritten shows that no file is left rather than an old one.
func TestNodeFileCannotBeWritten(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw1, 100))
		obstacle := filepath.Join(b.config.RunDirectory, nodefile.FileName+".tmp", "x")
		if err := os.MkdirAll(obstacle, 0o700); err != nil {
			b.t.Fatal(err)
		}
		b.see(heard(sw1, 200))
		if _, err := os.Stat(filepath.Join(b.config.RunDirectory, nodefile.FileName)); err == nil {
			b.t.Errorf("an old file is left: %v", b.file())
		}
		if err := os.RemoveAll(filepath.Dir(obstacle)); err != nil {
			b.t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		b.expect("when it can be written again", "blue eth1 unverified", "green eth1 unverified")
	})
}

// TestLastChangeIsWritten stops the agent while the limit holds a change back.
func TestLastChangeIsWritten(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		for range writeBurst {
			b.see(heard(sw1, 100))
			b.see()
		}
		b.see(heard(sw1, 200))
		b.stop()
		b.expect("the last word", "blue eth1 unverified", "green eth1 unverified")
	})
}

// TestFileIsRestored removes the node file as a cleaner would.
func TestFileIsRestored(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw1, 100))
		if err := os.Remove(filepath.Join(b.config.RunDirectory, nodefile.FileName)); err != nil {
			b.t.Fatal(err)
		}
		time.Sleep(lookEvery + time.Second)
		synctest.Wait()
		b.expect("a minute later", "green eth1 fresh")
	})
}

// TestColoursSurviveAFullDisk shows that colours which cannot be kept are not
// given out, and that those that were stay.
func TestColoursSurviveAFullDisk(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.start()
		b.see(heard(sw1, 100))
		old := colourOf1(b)
		obstacle := filepath.Join(b.config.StateDirectory, coloursName+".tmp", "x")
		if err := os.MkdirAll(obstacle, 0o700); err != nil {
			b.t.Fatal(err)
		}
		b.stand(sw2, 100)
		b.stand(sw2, 100)
		b.expect("nothing can be kept")
		b.stand(sw1, 100)
		b.stand(sw1, 100)
		b.expect("what was kept", old+" eth1 fresh")
		if err := os.RemoveAll(filepath.Dir(obstacle)); err != nil {
			b.t.Fatal(err)
		}
		b.stand(sw2, 100)
		b.stand(sw2, 100)
		if got := b.file(); len(got) != 1 || strings.HasPrefix(got[0], old) {
			b.t.Errorf("there is room again: %v, want another colour than %s", got, old)
		}
	})
}

// TestLoopRests holds that a Loop in which nothing happens makes a Step once a day, looks for
// what is due as long as nobody observes, and is none the worse afterwards.
func TestLoopRests(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.start()
		b.see()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		rests := b.state()
		time.Sleep(20 * time.Hour)
		synctest.Wait()
		if b.state() != rests {
			b.t.Errorf("a step at %v, and nothing happened since %v", b.state().Snapshot.Time, rests.Snapshot.Time)
		}
		time.Sleep(4 * time.Hour)
		synctest.Wait()
		if b.state() == rests {
			b.t.Error("no step in a day")
		}
		b.snapshots.beDeaf(true)
		time.Sleep(30 * time.Hour)
		b.snapshots.beDeaf(false)
		late := b.state()
		time.Sleep(time.Minute)
		synctest.Wait()
		if b.state() == late {
			b.t.Error("no step, though one is due and somebody observes")
		}
	})
}

// TestColoursWaitForRules holds that colours which were given count for nothing as long as the
// rules are not known: one could use a colour for something else.
func TestColoursWaitForRules(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.start()
		b.see(heard(sw1, 100))
		colour := colourOf1(b)
		b.stop()
		b.write("rules.yaml", "networks: 5\n")
		if err := os.Remove(filepath.Join(b.config.StateDirectory, "rules.last-good.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.t.Fatal(err)
		}
		b.start()
		b.see(heard(sw1, 100))
		b.expect("no good rules", []string(nil)...)
		b.write("rules.yaml", "networks: []\n")
		b.readRules()
		b.expect("good ones", colour+" eth1 fresh")
	})
}

// TestRenewKnowsTheRecords holds that who waits for a Step is told of what was recorded before,
// though it was asked for while another Step went on.
func TestRenewKnowsTheRecords(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.build()
		goOn := make(chan struct{})
		b.loop.sinks = append(b.loop.sinks, stuck{goOn})
		b.run()
		defer close(goOn)
		b.see(heard(sw1, 100))
		for n := range 16 { // which of the two the loop takes first is chance
			b.snapshots.Look()
			synctest.Wait()
			b.attach(fmt.Sprint("c", n), record.Netns{})
			b.records.reload()
			renewed := make(chan error, 1)
			go func() { renewed <- b.loop.Renew(b.t.Context()) }()
			synctest.Wait()
			for len(renewed) == 0 {
				goOn <- struct{}{}
				synctest.Wait()
			}
			if err := <-renewed; err != nil || len(b.state().Attachments) != n+1 {
				b.t.Fatalf("%d attachments, %v; want %d", len(b.state().Attachments), err, n+1)
			}
		}
	})
}
