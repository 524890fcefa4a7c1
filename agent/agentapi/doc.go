// SPDX-License-Identifier: Apache-2.0

// Package agentapi is what the agent and its partners tell each other: the State and the
// Changes that it answers with on its socket, the client of that, and what a Cluster is
// to it. How the agent comes to know what it says stays out: who imports this package
// links no sockets on ports, no watchers and no metrics.
package agentapi
