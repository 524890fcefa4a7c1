// SPDX-License-Identifier: Apache-2.0

// Package agent is colvind: the tasks of a node and their loop. The loop takes what is
// observed and the rules in force, lets package mapping resolve them, and hands the View
// to the sinks: the node file, alternative names, the history, the socket, metrics and a
// cluster. It keeps the node's memory and colours over restarts. What a sink or a source
// does by itself is in the packages below, and what others see of the agent in agentapi.
package agent
