// SPDX-License-Identifier: Apache-2.0

//go:build !race

package belief_test

const defaultRuns, underRace = 10_000, false
