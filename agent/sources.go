// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/agent/rulebook"
	"github.com/colvin-net/colvin/mapping/rules"
)

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
	_ RuleSource   = (*rulebook.Book)(nil)
	_ RecordSource = (*recordsDir)(nil)
)
