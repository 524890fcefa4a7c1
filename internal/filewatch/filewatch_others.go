// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package filewatch

import "errors"

// A Watch tells of one file.
type Watch struct{}

// Open returns an error: only Linux tells.
func Open(string) (*Watch, error) { return nil, errors.ErrUnsupported }

// Events returns nil.
func (*Watch) Events() <-chan Event { return nil }

// Close does nothing.
func (*Watch) Close() error { return nil }

// Full reports false.
func Full(string) bool { return false }
