// SPDX-License-Identifier: Apache-2.0

// Package link reads network devices from the kernel over rtnetlink. A
// notification is only a hint that something changed; the dump is the truth.
package link

import "errors"

// ErrNotFound is returned for a network device that does not exist.
var ErrNotFound = errors.New("no such network device")
