// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"context"

	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A Cluster connects the agent to a cluster; package publish has the one of
// Kubernetes. The agent works without it: what the cluster said last is kept on the
// node, and counts until it says something else.
type Cluster interface {
	// Run keeps up the connection until ctx ends, which is no error. String names that
	// task.
	Run(ctx context.Context) error
	String() string

	// Identity tells the cluster from others, so that what one has said does not count in
	// another. It is known though the cluster is away, and never empty.
	Identity() string

	// Updates is what the cluster says, whenever that changes. It holds the latest at
	// most.
	Updates() <-chan ClusterUpdate

	// Publish takes what the node knows now. It does not wait.
	Publish(s *State)
}

// A ClusterUpdate is what a cluster says.
type ClusterUpdate struct {
	// RuleSets are in the order in which they count, Colours oldest first. Both are nil
	// as long as they are not known.
	RuleSets []rules.Source
	Colours  []mapping.Colour

	// Problems are what stands between the node and the cluster now.
	Problems []mapping.Condition
}
