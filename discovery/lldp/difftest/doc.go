// SPDX-License-Identifier: Apache-2.0

// Package difftest holds tests only: they compare what packages lldp and cdp decode
// with what tshark says of the same frames, which were made at random or sent by real
// speakers.
package difftest
