// SPDX-License-Identifier: Apache-2.0

package agent

import (
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
	// Attachments are those of the containers, as the CNI plugin recorded them.
	Attachments []Attached `json:"attachments,omitempty"`
	Writes      uint64     `json:"nodeFileWrites"`
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
		Rules: l.rules, Snapshot: l.snapshot, Memory: l.memory, View: l.view, Attachments: l.attached, Writes: l.writes.Load(),
	}
}
