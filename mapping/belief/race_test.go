// SPDX-License-Identifier: Apache-2.0

//go:build race

package belief_test

// The race detector makes a pure function ten times slower, and finds nothing in it.
const defaultRuns, underRace = 500, true
