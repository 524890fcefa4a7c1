// SPDX-License-Identifier: Apache-2.0

package node

import (
	"log/slog"
	"slices"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// State is everything the agent knows, as the CLI receives it.
type State struct {
	Version  string              `json:"version"`
	Node     string              `json:"node"`
	BootID   string              `json:"bootID"`
	Started  time.Time           `json:"started"`
	Rules    Rules               `json:"rules"`
	Snapshot *discovery.Snapshot `json:"snapshot"`
	Memory   mapping.Memory      `json:"memory"`
	View     mapping.View        `json:"view"`
	Writes   uint64              `json:"nodeFileWrites"`
}

// State returns what the agent knew after the last change.
func (l *Loop) State() (*State, error) {
	if s := l.state.Load(); s != nil {
		return s, nil
	}
	return nil, ErrNotReady
}

func (l *Loop) newState() *State {
	return &State{
		Version: l.version, Node: l.config.Node, BootID: l.bootID, Started: l.started,
		Rules: l.rules, Snapshot: l.snapshot, Memory: l.memory, View: l.view, Writes: l.writes.Load(),
	}
}

// logChanges logs each attachment whose certainty or name changed, with the
// reason.
func (l *Loop) logChanges(before, after *mapping.View) {
	type place struct {
		port string
		vid  uint16
		id   mapping.Identity
	}
	known := map[place]mapping.Attachment{}
	for _, a := range before.Attachments {
		known[place{a.Port.Name, a.VID, a.Identity}] = a
	}
	for _, a := range after.Attachments {
		at := place{a.Port.Name, a.VID, a.Identity}
		old, ok := known[at]
		delete(known, at)
		if (!ok || old.Certainty != a.Certainty || old.Name != a.Name) && l.journal.takes() {
			l.log.Info("attachment", attrs(&a, "was", string(old.Certainty))...)
		}
	}
	for _, a := range known {
		if l.journal.takes() {
			l.log.Info("attachment gone", attrs(&a, "was", string(a.Certainty))...)
		}
	}
	for _, c := range after.Conditions {
		if !slices.Contains(before.Conditions, c) && l.journal.takes() {
			l.log.Warn("condition", "type", c.Type, "message", c.Message)
		}
	}
}

func attrs(a *mapping.Attachment, more ...any) []any {
	return append([]any{
		slog.String("network", a.Name), slog.String("interface", a.Port.Name), slog.Int("vid", int(a.VID)),
		slog.String("certainty", string(a.Certainty)), slog.String("identity", a.Identity.String()), slog.String("reason", a.Reason),
	}, more...)
}
