// SPDX-License-Identifier: Apache-2.0

package view

import (
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// A Node is what one node knows: as its agent tells it, or as its NodeTopology does.
type Node struct {
	Name     string
	Snapshot *discovery.Snapshot
	Memory   mapping.Memory
	View     mapping.View
	// Published is set where this is what the node tells the cluster, which is less than what
	// its agent knows: no times and counters of neighbours, no addresses, nothing of what it sends.
	Published bool
}

// header is that of a table, and row one of its rows: of which node it is comes first where
// there may be several.
func (o *Out) header(columns ...string) []string { return o.row("NODE", columns...) }

func (o *Out) row(node string, cells ...string) []string {
	if !o.PerNode {
		return cells
	}
	return append([]string{node}, cells...)
}

// nodeField is what JSON says of the node of a row.
func (o *Out) nodeField(n *Node) string {
	if !o.PerNode {
		return ""
	}
	return n.Name
}
