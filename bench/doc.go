// SPDX-License-Identifier: Apache-2.0

// Package bench compares Colvin's LLDP decoder with others, on the same frames in
// one run. It has a module of its own, so that what it compares with stays out of
// the product's, and no code but its tests.
package bench
