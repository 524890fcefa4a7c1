// SPDX-License-Identifier: Apache-2.0

package agentapi

import "time"

// ChangeKind says what a Change is about.
type ChangeKind string

// What changes on a node.
const (
	ChangeAgent     ChangeKind = "agent"     // it started
	ChangeNeighbor  ChangeKind = "neighbor"  // who holds a port
	ChangeNetwork   ChangeKind = "network"   // the certainty of an uplink; it came where From is empty, went where To is
	ChangeName      ChangeKind = "name"      // what an uplink is called
	ChangePrefix    ChangeKind = "prefix"    // what a router announces
	ChangePod       ChangeKind = "pod"       // the network that a container's device leads to
	ChangeCondition ChangeKind = "condition" // a condition holds, or no longer
	ChangeOmitted   ChangeKind = "omitted"   // changes came too fast to record them all, or could not be kept
)

// A Change is something that became different on the node.
type Change struct {
	Time      time.Time  `json:"time"`
	What      ChangeKind `json:"what"`
	Network   string     `json:"network"`
	Interface string     `json:"interface"`
	VID       uint16     `json:"vid"`
	Pod       string     `json:"pod"`
	From      string     `json:"from"`
	To        string     `json:"to"`
	Reason    string     `json:"reason"`
}

// Changes are what was recorded.
type Changes struct {
	Changes []Change `json:"changes"`
	Damaged int      `json:"damaged"` // lines that could not be read
}
