// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/colvin-net/colvin/internal/atomicfile"
	"github.com/colvin-net/colvin/mapping/rules"
	"github.com/colvin-net/colvin/yamlfile"
)

const (
	// rulesPoll reads the rules file anew though nothing was notified, for file
	// systems that notify nothing.
	rulesPoll = 30 * time.Second
	// rulesSettle lets an editor finish what it does in several steps.
	rulesSettle = 50 * time.Millisecond
)

// Rules are the rules in force and how they came to be.
type Rules struct {
	Set      *rules.Set `json:"-"`
	File     string     `json:"file,omitempty"`
	Loaded   time.Time  `json:"loaded,omitzero"`   // when the set in force was read
	Problem  string     `json:"problem,omitempty"` // why the file on disk is not in force
	Warnings []string   `json:"warnings,omitempty"`
}

// A rulesFile reads the rules, again whenever the file changes. What is wrong
// with it never ends the rules in force.
type rulesFile struct {
	path  string
	store store
	log   *slog.Logger
	out   chan Rules // holds the latest at most

	rules Rules
	seen  [sha256.Size]byte // of the content read last
	read  bool
}

func newRulesFile(path string, s store, log *slog.Logger) *rulesFile {
	return &rulesFile{path: path, store: s, log: log, out: make(chan Rules, 1), rules: Rules{File: path}}
}

// String names the task.
func (*rulesFile) String() string { return "watch rules" }

// Run watches the file until ctx ends.
func (r *rulesFile) Run(ctx context.Context) error {
	if r.path == "" {
		return nil
	}
	events, closeWatch := r.watch()
	defer closeWatch()
	poll := time.NewTicker(rulesPoll)
	defer poll.Stop()
	settle := time.NewTimer(0)
	defer settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
			settle.Reset(rulesSettle)
		case <-poll.C:
			r.reload()
		case <-settle.C:
			r.reload()
		}
	}
}

// watch watches the directory, because editors and ConfigMaps replace the file.
// Without notification the poll remains.
func (r *rulesFile) watch() (<-chan fsnotify.Event, func()) {
	w, err := fsnotify.NewWatcher()
	if err == nil {
		if err = w.Add(filepath.Dir(r.path)); err == nil {
			return w.Events, func() { _ = w.Close() }
		}
		_ = w.Close()
	}
	r.log.Warn("rules directory cannot be watched; reading the rules every 30 s", "file", r.path, "error", err)
	return nil, func() {}
}

// load reads the rules for the first time. Where the file cannot be used, the
// last good rules that an earlier run kept are in force.
func (r *rulesFile) load() Rules {
	if r.path == "" {
		return r.rules
	}
	r.reload()
	select {
	case <-r.out:
	default:
	}
	if r.rules.Set != nil || r.rules.Problem == "" {
		return r.rules
	}
	data, err := os.ReadFile(r.store.path(lastRulesName))
	if err != nil {
		return r.rules
	}
	if set, _, err := rules.Parse(r.path, data); err == nil {
		r.rules.Set = set
		r.log.Warn("using the last good rules of an earlier run", "file", r.store.path(lastRulesName))
	}
	return r.rules
}

// reload reads the file and, if it changed, puts it in force or says why not.
func (r *rulesFile) reload() {
	data, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) && r.rules.Set == nil && !r.kept() {
		return // there never were any rules, which is no mistake
	}
	if err != nil {
		r.read = false
		r.refuse(fmt.Errorf("read rules: %w; the rules read before stay in force", err))
		return
	}
	sum := sha256.Sum256(data)
	if r.read && sum == r.seen {
		return
	}
	r.read, r.seen = true, sum
	set, warnings, err := rules.Parse(r.path, data)
	if err != nil {
		r.refuse(fmt.Errorf("rules are not valid, the rules read before stay in force:\n%w", err))
		return
	}
	r.accept(set, data, warnings)
}

// kept reports whether an earlier run had rules.
func (r *rulesFile) kept() bool {
	_, err := os.Stat(r.store.path(lastRulesName))
	return err == nil
}

func (r *rulesFile) refuse(err error) {
	if r.rules.Problem == err.Error() {
		return
	}
	r.log.Error("rules are not in force", "file", r.path, "error", err)
	r.rules.Problem = err.Error()
	r.publish()
}

func (r *rulesFile) accept(set *rules.Set, data []byte, warnings []yamlfile.Mistake) {
	r.rules = Rules{Set: set, File: r.path, Loaded: time.Now()}
	for _, w := range warnings {
		r.rules.Warnings = append(r.rules.Warnings, w.String())
		r.log.Warn("rules", "warning", w.String())
	}
	r.log.Info("rules in force", "file", r.path)
	opts := atomicfile.Options{Mode: 0o600, Sync: true}
	if err := atomicfile.Write(r.store.path(lastRulesName), data, opts); err != nil {
		r.log.Error("good rules cannot be kept for the next start", "error", err)
	}
	r.publish()
}

func (r *rulesFile) publish() {
	select {
	case <-r.out:
	default:
	}
	r.out <- r.rules
}
