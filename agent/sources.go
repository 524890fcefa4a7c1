// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/agent/rulebook"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/observe"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A SnapshotSource sees the node; observe.Observer is one.
type SnapshotSource interface {
	// Updates is where Snapshots arrive. It holds the latest at most.
	Updates() <-chan *discovery.Snapshot
	// Look asks for a fresh one. It does not wait.
	Look()
}

// A RuleSource has the rules in force; rulebook.Book is one.
type RuleSource interface {
	// Load returns those that are in force at first.
	Load() rulebook.Rules
	// Updates is where they arrive whenever they change. It holds the latest at most.
	Updates() <-chan rulebook.Rules
	// Offer hands over the RuleSets of the cluster. It does not wait.
	Offer(ruleSets []rules.Source)
}

// A RecordSource has what the CNI plugin recorded of containers.
type RecordSource interface {
	// Load returns the records that there are at first.
	Load() *containers.Records
	// Updates is where they arrive whenever they change. It holds the latest at most.
	Updates() <-chan *containers.Records
}

var (
	_ SnapshotSource = (*observe.Observer)(nil)
	_ RuleSource     = (*rulebook.Book)(nil)
	_ RecordSource   = (*recordsDir)(nil)
)
