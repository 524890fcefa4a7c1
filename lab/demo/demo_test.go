// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"testing"
	"time"
)

// TestTook holds that what comes before the show counts too.
func TestTook(t *testing.T) {
	began := time.Unix(0, 0)
	got := took(began, began.Add(131700*time.Millisecond), began.Add(164*time.Second))
	if want := "It took 2m44s: 2m12s to get and build what it needs, and 32s for the rest."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
