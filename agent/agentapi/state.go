// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"errors"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

// State is everything the agent knows, as the CLI receives it.
type State struct {
	Version  string              `json:"version"`
	Node     string              `json:"node"`
	BootID   string              `json:"bootID"`
	Started  time.Time           `json:"started"`
	Rules    Rules               `json:"rules"`
	Snapshot *discovery.Snapshot `json:"snapshot"` // newer than View and Memory: its times and counters are of the moment of asking
	Memory   mapping.Memory      `json:"memory"`
	View     mapping.View        `json:"view"`
	// Attachments are those of the containers, as the CNI plugin recorded them.
	Attachments []ContainerAttachment `json:"attachments,omitempty"`
	Writes      uint64                `json:"nodeFileWrites"`

	// Basis is what the View follows from, with the Snapshot and the Memory. It is asked for
	// by itself.
	Basis *Basis `json:"-"`
}

// A Basis is what the agent resolves by, beside what it hears and remembers: who has it can
// tell what other rules would make of that.
type Basis struct {
	Sources []rules.Source  `json:"sources"` // of the rules in force, in the order in which they count
	Colours mapping.Colours `json:"colours"`
}

// A Ground is a State with its Basis.
type Ground struct {
	State *State `json:"state"`
	Basis *Basis `json:"basis"` // nil while the rules are not known
}

// World is what the State was read by, with other rules.
func (s *State) World(set *rules.Set) mapping.World {
	return mapping.World{
		Node: s.Node, BootID: s.BootID, Instance: s.Memory.BootID, Rules: set,
		Silence: s.View.Silence, Goodbye: s.View.Goodbye,
	}
}

// Rules are the rules in force, as far as they are shown.
type Rules struct {
	File     string    `json:"file,omitempty"`
	RuleSets []string  `json:"ruleSets,omitempty"` // of the cluster, in force after the file
	Loaded   time.Time `json:"loaded,omitzero"`    // when the set in force was read
	Problem  string    `json:"problem,omitempty"`  // why what is there now is not in force
	Warnings []string  `json:"warnings,omitempty"`

	// Waiting is set until the rules of the cluster were known once. Without them the
	// node's own could mean something else, so nothing has a name.
	Waiting bool `json:"waiting,omitempty"`
}

// ErrNotReady is what the agent answers before it has a State.
var ErrNotReady = errors.New("the agent has not looked at the node's interfaces yet")
