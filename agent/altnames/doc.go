// SPDX-License-Identifier: Apache-2.0

// Package altnames gives devices the names of their networks as alternative names, and
// takes away no other than it gave. Which network a device is in is for package mapping
// to say, and what the kernel is told for package link.
package altnames
