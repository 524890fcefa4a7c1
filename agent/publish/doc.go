// SPDX-License-Identifier: Apache-2.0

// Package publish connects the agent of a node to a Kubernetes API server: it watches
// RuleSets and Colours, and writes the NodeTopology of its own node. What any of them
// means is decided in packages rules and mapping; what the agent does without an API
// server, in package agent.
package publish
