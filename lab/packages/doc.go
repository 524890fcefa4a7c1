// SPDX-License-Identifier: Apache-2.0

// Package packages has tests alone: what becomes of a machine on which Colvin's packages are
// installed, upgraded, removed and purged. How they are made is in hack/release.
package packages
