// SPDX-License-Identifier: Apache-2.0

// Package agent is colvind: the tasks of a node and their loop. The loop takes what is
// observed and the rules in force, has package mapping resolve them, and hands the Step
// that this makes to the sinks: alternative names, the files, the history, the socket and a
// cluster, each of which answers for itself. It keeps the node's memory and colours over
// restarts. What a sink or a source does that takes more than a page is in the packages
// below, and what others see of the agent in agentapi.
package agent
