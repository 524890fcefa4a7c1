// SPDX-License-Identifier: Apache-2.0

// Package netnstest makes nodes, cables and switches out of network namespaces
// for tests and for the lab; it knows nothing of what runs on them, and the
// product never imports it.
//
// Everything it makes lives in anonymous namespaces held by one process each.
// That process ends when the pipe from its maker closes, so nothing is left
// behind however the maker dies.
package netnstest
