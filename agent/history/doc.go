// SPDX-License-Identifier: Apache-2.0

// Package history tells what became different on the node: it compares two States, logs
// their Changes without being flooded, keeps them over restarts, and reads them again.
// What a Change is, package agentapi says.
package history
