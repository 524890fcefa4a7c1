// SPDX-License-Identifier: Apache-2.0

// Package policies holds Colvin's admission policies, as manifests, and tests of what
// a real API server and scheduler make of them. It has no code of its own.
package policies
