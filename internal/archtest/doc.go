// SPDX-License-Identifier: Apache-2.0

// Package archtest holds the architecture as tests: who may import whom, and what
// every file, package and page must have. It has no code of its own.
package archtest
