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
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/altnames"
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/agent/history"
	"github.com/colvin-net/colvin/agent/rulebook"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// The node file is written at once, but not more often than this in the long
// run: whoever floods a port must not wear out the disk.
const (
	writeEvery = time.Second
	writeBurst = 10

	// What is no longer true goes sooner.
	urgentEvery = 100 * time.Millisecond

	// lookEvery is how often the loop looks whether its file is still there.
	lookEvery = time.Minute
)

// A Loop turns snapshots into the node file and the agent's State.
type Loop struct {
	config     config.Config
	bootID     string
	started    time.Time
	version    string
	snapshots  <-chan *discovery.Snapshot
	ruleSource RuleSource
	cluster    agentapi.Cluster // nil where there is none
	recordsIn  RecordSource
	store      store
	log        *slog.Logger
	journal    *history.Journal
	limit      *rate.Limiter
	urgent     *rate.Limiter // for what takes something away
	altNames   *altnames.Sink

	// Owned by Run.
	rules     rulebook.Rules
	damage    damage
	coloursIn colourSource
	own       *ownColours     // nil in a cluster
	told      *clusterColours // nil where there is none
	snapshot  *discovery.Snapshot
	memory    mapping.Memory
	view      mapping.View
	records   *containers.Records            // of the CNI plugin
	attached  []agentapi.ContainerAttachment // what they mean by now
	file      *nodefile.File                 // what the node file should hold
	written   *nodefile.File                 // what it holds; nil where that is not known
	stat      os.FileInfo                    // of the file as written
	unwritten error                          // why the files are not up to date
	due       time.Time                      // when step has something to do though nothing happens
	saved     mapping.Memory                 // what was material of the memory saved with it
	writes    atomic.Uint64

	state atomic.Pointer[agentapi.State]
}

// Deps are what a Loop is connected to.
type Deps struct {
	Config    config.Config
	Version   string
	BootID    string
	Snapshots <-chan *discovery.Snapshot
	Rules     RuleSource
	Records   RecordSource // nil where nothing is attached
	Log       *slog.Logger
	// Cluster is nil where the node is on its own.
	Cluster agentapi.Cluster
	// AltNames replaces the kernel where alternative names are concerned.
	AltNames altnames.Kernel
	// WriteLimit replaces the limits on writes of the node file, for benchmarks
	// that measure a single write many times.
	WriteLimit *rate.Limiter
}

// NewLoop loads what earlier runs left and returns a Loop.
func NewLoop(d Deps) *Loop {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Records == nil {
		d.Records = noRecords{}
	}
	urgent := d.WriteLimit
	if d.WriteLimit == nil {
		d.WriteLimit = rate.NewLimiter(rate.Every(writeEvery), writeBurst)
		urgent = rate.NewLimiter(rate.Every(urgentEvery), writeBurst)
	}
	l := &Loop{
		config: d.Config, bootID: d.BootID, started: time.Now(), version: d.Version,
		snapshots: d.Snapshots, store: store{statefile.Dir(d.Config.StateDirectory)}, log: d.Log, limit: d.WriteLimit,
		urgent: urgent, cluster: d.Cluster, ruleSource: d.Rules, recordsIn: d.Records, damage: damage{log: d.Log},
	}
	l.rules = l.ruleSource.Load()
	l.journal = history.NewJournal(d.Log, d.Config.StateDirectory)
	l.records = l.recordsIn.Load()
	l.attached = containers.ReadMoved(filepath.Join(d.Config.RunDirectory, nodefile.FileName), d.BootID)
	l.restore()
	var err error
	l.altNames, err = altnames.New(d.Config.AltNames, d.BootID, d.AltNames, d.Config.StateDirectory, d.Log)
	l.damage.note(err)
	return l
}

// Changes are what was recorded since t, by earlier runs too.
func (l *Loop) Changes(t time.Time) (agentapi.Changes, error) { return l.journal.Since(t) }

// String names the task.
func (*Loop) String() string { return "map networks" }

func (l *Loop) restore() {
	memory, err := l.store.memory()
	l.damage.note(err)
	l.memory = memory.Restore(l.bootID, l.started)
	if l.cluster == nil {
		l.own = newOwnColours(l.store, l.log, &l.damage)
		l.coloursIn = l.own
	} else {
		l.told = newClusterColours(l.cluster, l.store, &l.damage)
		l.coloursIn = l.told
	}
}

// Run maps until ctx ends.
func (l *Loop) Run(ctx context.Context) error {
	wake := time.NewTimer(lookEvery)
	defer wake.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.finish()
		case s := <-l.snapshots:
			l.snapshot = s
		case r := <-l.ruleSource.Updates():
			l.rules = r
			l.refreshTime()
		case u := <-l.told.updates():
			if l.told.learn(u) {
				l.ruleSource.Offer(u.RuleSets)
			}
			l.refreshTime()
		case r := <-l.recordsIn.Updates():
			l.records = r
			l.refreshTime()
		case <-wake.C:
			if l.idle() {
				wake.Reset(min(lookEvery, time.Until(l.due)))
				continue
			}
			l.refreshTime()
		}
		if l.snapshot == nil { // rules may come before anything is observed
			continue
		}
		again := l.step()
		l.due = time.Now().Add(again)
		wake.Reset(min(lookEvery, again))
	}
}

// idle reports whether there is nothing to do but to see that the file is there.
func (l *Loop) idle() bool {
	return l.snapshot != nil && time.Now().Before(l.due) && l.onDisk()
}

// finish takes away what nobody would look after, and writes what a limit still
// held back.
func (l *Loop) finish() error {
	err := l.altNames.Clear()
	if l.snapshot == nil {
		return err
	}
	return errors.Join(err, l.store.saveMemory(l.memory, time.Now()), l.save(l.file, l.memory.Material()))
}

// refreshTime has the present snapshot seen as of now.
func (l *Loop) refreshTime() {
	if l.snapshot != nil {
		s := *l.snapshot
		s.Time = time.Now()
		l.snapshot = &s
	}
}

// never is when there is no reason to do something again.
const never = 24 * time.Hour

// step computes the View, brings the sinks up to date and returns when to do so
// again though nothing is heard.
func (l *Loop) step() time.Duration {
	world := mapping.World{Node: l.config.Node, BootID: l.bootID, Rules: l.rules.Set}
	l.memory = l.memory.Advance(world, l.snapshot)
	in := mapping.Input{World: world, Snapshot: l.snapshot, Memory: l.memory, Colours: l.colours()}
	view := mapping.Resolve(in)
	if l.allocate(view.Uncoloured) {
		in.Colours = l.colours()
		view = mapping.Resolve(in)
	}
	again := l.altNames.Withdraw(&view, l.snapshot.Interfaces)
	var wake time.Time
	known := l.attached
	seen := containers.Seen{View: &view, Memory: l.memory, Snapshot: l.snapshot, RulesUnknown: l.rules.Unknown()}
	l.attached, wake = containers.Judge(l.records, seen, known)
	again = min(again, l.write(in, view, l.attached), l.altNames.Give(l.snapshot.Interfaces))
	l.journal.KeepUnsaved()
	again = min(again, l.told.retry())
	l.conditions(&view)
	l.view = view
	before, after := l.state.Load(), l.newState()
	l.state.Store(after)
	if l.cluster != nil {
		l.cluster.Publish(after)
	}
	l.journal.Note(before, after, known)
	for _, t := range []time.Time{view.Wake, wake} {
		if !t.IsZero() {
			again = min(again, time.Until(t))
		}
	}
	return max(again, time.Millisecond)
}

// conditions adds what only the loop knows.
func (l *Loop) conditions(v *mapping.View) {
	v.Conditions = slices.Concat(v.Conditions, l.damage.Conditions(), l.told.Conditions(), l.altNames.Conditions(), l.own.Conditions())
	if err := errors.Join(l.unwritten, l.rules.Unkept, l.told.Unwritten(), l.journal.Problem()); err != nil {
		v.Conditions = append(v.Conditions, mapping.Condition{Type: mapping.FilesUnwritable, Message: err.Error()})
	}
	if l.rules.Problem != "" {
		why := mapping.RulesInvalid
		if l.rules.Waiting {
			why = mapping.ClusterUnreachable
		}
		v.Conditions = append(v.Conditions, mapping.Condition{Type: why, Message: l.rules.Problem})
	}
	v.Conditions = append(v.Conditions, containers.Conditions(l.attached, l.records)...)
}

// colours are none without the rules: a colour could be shadowed, or its port be ignored.
func (l *Loop) colours() mapping.Colours {
	c := mapping.Colours{Tagged: l.config.Colours.Of == config.ColoursOfAll, Attach: l.config.Colours.Attach}
	if !l.rules.Unknown() {
		c.Book = l.coloursIn.known()
	}
	return c
}

// allocate gives colours to identities that need one, and reports whether there are new
// ones.
func (l *Loop) allocate(ids []mapping.Identity) bool {
	if l.rules.Unknown() {
		ids = nil
	}
	return l.coloursIn.give(ids, l.rules.Set.Covers)
}

// write brings the agent's files up to date and returns when to look again.
func (l *Loop) write(in mapping.Input, view mapping.View, attached []agentapi.ContainerAttachment) time.Duration {
	file, memory := nodeFile(in, view, containers.Moved(attached), &l.rules), l.memory.Material()
	l.file = file
	if l.onDisk() && sameContent(l.written, file) && reflect.DeepEqual(l.saved, memory) {
		return never
	}
	limit := l.limit
	if takesAway(l.written, file) {
		limit = l.urgent
	}
	if r := limit.Reserve(); r.Delay() > 0 {
		delay := r.Delay()
		r.Cancel()
		return delay
	}
	// First what a restarted agent must not contradict, then what the plugin
	// reads. Where the first fails the second is still due: it takes away what is
	// not true any more.
	memoryErr := l.store.saveMemory(l.memory, file.Written)
	err := errors.Join(memoryErr, l.save(file, memory))
	if memoryErr != nil {
		l.saved = mapping.Memory{} // still due
	}
	if err != nil {
		if l.unwritten == nil {
			l.log.Error("files cannot be written; trying again", "error", err)
		}
		l.unwritten = err
		return writeEvery
	}
	l.unwritten = nil
	l.writes.Add(1)
	return never
}

// save writes the node file. Where it cannot be written the old one goes: no
// answer is better than one that is not true any more.
func (l *Loop) save(file *nodefile.File, memory mapping.Memory) error {
	path := filepath.Join(l.config.RunDirectory, nodefile.FileName)
	l.written, l.stat = nil, nil
	if err := nodefile.Write(path, file); err != nil {
		if gone := os.Remove(path); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return err
	}
	stat, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at node file: %w", err)
	}
	l.written, l.saved, l.stat = file, memory, stat
	return nil
}

// onDisk reports whether the node file is still the one that was written: a
// cleaner may have removed it.
func (l *Loop) onDisk() bool {
	if l.written == nil {
		return false
	}
	now, err := os.Stat(filepath.Join(l.config.RunDirectory, nodefile.FileName))
	return err == nil && os.SameFile(now, l.stat) && now.Size() == l.stat.Size() && now.ModTime().Equal(l.stat.ModTime())
}

// takesAway reports whether something that was usable no longer is.
func takesAway(before, after *nodefile.File) bool {
	if before == nil {
		return false
	}
	for _, n := range before.Networks {
		for _, a := range n.Uplinks {
			if a.Usable && !slices.ContainsFunc(after.Lookup(n.Name), func(b nodefile.Uplink) bool {
				return b.Usable && b.Identity == a.Identity && b.Device == a.Device && b.VID == a.VID
			}) {
				return true
			}
		}
	}
	return false
}

// sameContent compares all but the time of writing.
func sameContent(a, b *nodefile.File) bool {
	c := *a
	c.Written = b.Written
	return reflect.DeepEqual(&c, b)
}

// State returns what the agent knew after the last change.
func (l *Loop) State() (*agentapi.State, error) {
	if s := l.state.Load(); s != nil {
		return s, nil
	}
	return nil, agentapi.ErrNotReady
}

func (l *Loop) newState() *agentapi.State {
	return &agentapi.State{
		Version: l.version, Node: l.config.Node, BootID: l.bootID, Started: l.started,
		Rules: l.rules.Rules, Snapshot: l.snapshot, Memory: l.memory, View: l.view, Attachments: l.attached, Writes: l.writes.Load(),
	}
}
