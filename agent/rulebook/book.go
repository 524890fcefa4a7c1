// SPDX-License-Identifier: Apache-2.0

package rulebook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/filewatch"
	"github.com/colvin-net/colvin/internal/latest"
	"github.com/colvin-net/colvin/internal/settle"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/rules"
)

const (
	// rulesPoll looks at the rules file though nothing was notified, for file systems
	// that notify nothing.
	rulesPoll = 30 * time.Second
	// rulesSettle lets an editor finish what it does in several steps, and lies between
	// two looks that must find the same.
	rulesSettle = 50 * time.Millisecond
)

// Rules are the rules in force and how they came to be.
type Rules struct {
	agentapi.Rules
	Set    *rules.Set     // nil while there are none
	From   []rules.Source // what the Set was read from
	Unkept error          // why the set in force is not kept for the next start
}

// Unknown reports whether there are rules that nobody could read yet. Then what has no
// name, or is in no switch group, may well have one.
func (r *Rules) Unknown() bool { return r.Waiting || r.Set == nil && r.Problem != "" }

// A Book reads the rules of the node's file and of the cluster, again whenever
// they change. What is wrong with them never ends the rules in force.
type Book struct {
	file    *file  // nil where none is configured
	cluster string // whose rules count too; empty where the node is on its own
	dir     statefile.Dir
	log     *slog.Logger
	in      chan []rules.Source // RuleSets; holds the latest at most
	out     chan Rules          // holds the latest at most

	watch func(path string) (watch, error) // filewatch.Open, but in tests
	blind bool                             // the file cannot be watched, which was logged

	rules  Rules
	read   sources        // what was read last of each
	good   sources        // what is in force
	merged bool           // ever
	seen   []rules.Source // the sources that were merged last
	err    error          // what is wrong with those
	unkept *sources       // in force, but not kept for the next start; nil where they are
}

// A watch tells what becomes of the file.
type watch interface {
	Events() <-chan filewatch.Event
	Close() error
}

// New returns a Book of the rules in the file at path, where there is one, and of the
// cluster, whose identity is empty where the node is on its own. It keeps good rules in
// the state directory.
func New(path, cluster, stateDirectory string, log *slog.Logger) *Book {
	r := &Book{
		cluster: cluster, dir: statefile.Dir(stateDirectory), log: log, watch: func(path string) (watch, error) { return filewatch.Open(path) },
		in: make(chan []rules.Source, 1), out: make(chan Rules, 1), rules: Rules{Rules: agentapi.Rules{File: path}},
	}
	if path != "" {
		r.file = &file{path: path, full: filewatch.Full}
	}
	return r
}

// Updates is where the rules arrive whenever those in force change, or what is wrong. It
// holds the latest at most.
func (r *Book) Updates() <-chan Rules { return r.out }

// String names the task.
func (*Book) String() string { return "watch rules" }

// Run watches the file, and takes what the cluster says, until ctx ends.
func (r *Book) Run(ctx context.Context) error {
	watching := r.open()
	defer func() { watching.close() }()
	poll := time.NewTicker(rulesPoll)
	defer poll.Stop()
	settled := time.NewTimer(0) // what changed before the watch began
	defer settled.Stop()
	var offered pending
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, more := <-watching.events():
			switch {
			case !more: // its directory is gone
				watching.close()
				watching = watcher{}
			case r.file.notice(e, time.Now()):
				settled.Reset(rulesSettle)
			default:
				settled.Stop()
			}
		case <-settled.C:
			if !r.look(false) {
				settled.Reset(rulesSettle)
			}
		case <-poll.C:
			if watching.watch == nil {
				watching = r.open()
			}
			r.poll()
		case s := <-r.Offered():
			offered.renew(s)
		case <-offered.settled:
			r.Take(offered.ruleSets)
			offered = pending{}
		}
	}
}

// poll looks at the file, or says for how long it is being written.
func (r *Book) poll() {
	if r.file != nil && !r.file.writing.IsZero() {
		r.file.unfinished(time.Now())
		r.merge()
		return
	}
	r.look(false)
}

// pending is what the cluster says, until it has said all that belongs together.
type pending struct {
	ruleSets []rules.Source
	window   settle.Window
	settled  <-chan time.Time
}

func (o *pending) renew(s []rules.Source) {
	now := time.Now()
	o.ruleSets, o.window = s, o.window.Renew(now)
	o.settled = time.After(o.window.Left(now))
}

// A watcher is a watch, or none.
type watcher struct{ watch watch }

func (w watcher) events() <-chan filewatch.Event {
	if w.watch == nil {
		return nil
	}
	return w.watch.Events()
}

func (w watcher) close() {
	if w.watch != nil {
		_ = w.watch.Close()
	}
}

// open watches the file. Without notification the poll remains.
func (r *Book) open() watcher {
	if r.file == nil {
		return watcher{}
	}
	w, err := r.watch(r.file.path)
	if err != nil {
		if !r.blind {
			r.log.Warn("rules file cannot be watched; looking at it every 30 s", "file", r.file.path, "error", err)
		}
		r.blind = true
		return watcher{}
	}
	r.blind = false
	return watcher{w}
}

// Offer hands over the RuleSets of the cluster, for Run to take once they have settled.
func (r *Book) Offer(s []rules.Source) { latest.Put(r.in, s) }

// Offered is where Run finds what was handed over.
func (r *Book) Offered() <-chan []rules.Source { return r.in }

// Take puts the RuleSets of the cluster in force at once. Like Reload it is a step of
// Run, and not for use beside it.
func (r *Book) Take(s []rules.Source) {
	r.read.Cluster = s
	r.merge()
}

// Load reads the rules for the first time. Where they cannot be used, the last good
// ones that an earlier run kept are in force; the cluster's are those until it is
// heard.
func (r *Book) Load() Rules {
	kept, err := readLastGood(r.dir, r.cluster)
	if err != nil {
		r.log.Error("good rules of an earlier run cannot be used", "error", err)
	}
	if r.file != nil {
		r.file.read = kept.File
	}
	r.read.Cluster, r.read.Of = kept.Cluster, r.cluster
	r.good = kept
	r.Reload()
	select {
	case <-r.out:
	default:
	}
	if r.rules.Set == nil && r.rules.Problem != "" && !r.rules.Waiting {
		if set, _, err := rules.Merge(kept.all()...); err == nil && len(kept.all()) > 0 {
			r.rules.Set, r.rules.From, r.rules.RuleSets = set, kept.all(), namesOf(kept.Cluster)
			r.log.Warn("using the last good rules of an earlier run", "file", r.dir.Path(lastGoodFormat.Name))
		}
	}
	return r.rules
}

// Reload reads the file at once and puts the rules in force if they changed. It is a
// step of Run, and not for use beside it.
func (r *Book) Reload() { r.look(true) }

// look looks at the file and puts the rules in force if they changed. It reports whether
// the file is settled.
func (r *Book) look(sure bool) (settled bool) {
	settled = true
	if r.file != nil {
		settled = r.file.look(sure, r.inForce())
		r.read.File = r.file.read
	}
	r.merge()
	if r.unkept == nil {
		return settled
	}
	if r.keep(*r.unkept); r.unkept == nil {
		latest.Put(r.out, r.rules)
	}
	return settled
}

// inForce is what the file says by the rules in force; nil where they are of another
// file, or of none.
func (r *Book) inForce() []byte {
	if f := r.good.File; f != nil && f.Name == r.file.path {
		return f.Data
	}
	return nil
}

func (r *Book) path() string {
	if r.file == nil {
		return ""
	}
	return r.file.path
}

// fileErr is why the file does not count as it is.
func (r *Book) fileErr() error {
	if r.file == nil {
		return nil
	}
	return r.file.err
}

// keep keeps good rules for the next start, or notes why not.
func (r *Book) keep(s sources) {
	err := saveLastGood(r.dir, s)
	if err == nil {
		r.unkept, r.rules.Unkept = nil, nil
		return
	}
	if r.unkept == nil {
		r.log.Error("good rules cannot be kept for the next start; trying again", "error", err)
	}
	r.unkept, r.rules.Unkept = &s, fmt.Errorf("%w; a restart goes by the rules before these until it reads others", err)
}

// merge puts all rules in force, or says why not.
func (r *Book) merge() {
	r.rules.Waiting = r.cluster != "" && r.read.Cluster == nil
	if r.rules.Waiting {
		r.refuse(errors.New("the RuleSets of the cluster are not known yet, and without them nothing has a name; they will be once the API server is reached"))
		return
	}
	if err := r.fileErr(); err != nil && r.read.File == nil { // without what it says the others could mean something else
		r.refuse(err)
		return
	}
	if all := r.read.all(); !r.merged || !rules.EqualSources(all, r.seen) {
		r.merged, r.seen = true, all
		set, warnings, err := rules.Merge(all...)
		if r.err = err; err == nil {
			r.accept(set, warnings)
			return
		}
	}
	why := r.fileErr()
	if r.err != nil {
		why = errors.Join(why, fmt.Errorf("rules are not valid, the rules read before stay in force:\n%w", r.err))
	}
	r.refuse(why)
}

// refuse says why what is there is not in force, or that nothing is wrong any more.
func (r *Book) refuse(why error) {
	problem := ""
	if why != nil {
		problem = why.Error()
	}
	if r.rules.Problem == problem {
		return
	}
	switch {
	case r.rules.Waiting:
		r.log.Info("rules are awaited", "reason", why)
	case why != nil:
		r.log.Error("rules are not in force", "file", r.path(), "error", why)
	}
	r.rules.Problem = problem
	latest.Put(r.out, r.rules)
}

func (r *Book) accept(set *rules.Set, warnings []yamlfile.Mistake) {
	was := r.rules
	r.good = r.read
	r.rules = Rules{Set: set, From: r.read.all(), Rules: agentapi.Rules{RuleSets: namesOf(r.read.Cluster), Loaded: time.Now()}}
	if r.read.File != nil {
		r.rules.File = r.file.path
	}
	if err := r.fileErr(); err != nil {
		r.rules.Problem = err.Error()
	}
	for _, w := range warnings {
		r.rules.Warnings = append(r.rules.Warnings, w.String())
	}
	if !reflect.DeepEqual(was.Warnings, r.rules.Warnings) {
		for _, w := range r.rules.Warnings {
			r.log.Warn("rules", "warning", w)
		}
	}
	if len(r.read.all()) == 0 && was.Set == nil && r.cluster == "" {
		r.rules = was // there are none, and never were
		r.refuse(r.fileErr())
		return
	}
	r.log.Info("rules in force", "file", r.rules.File, "rulesets", r.rules.RuleSets)
	r.keep(r.read)
	latest.Put(r.out, r.rules)
}

func namesOf(sources []rules.Source) []string {
	var out []string
	for _, s := range sources {
		out = append(out, s.Name)
	}
	return out
}
