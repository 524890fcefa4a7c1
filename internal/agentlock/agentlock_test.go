// SPDX-License-Identifier: Apache-2.0

package agentlock_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/colvin-net/colvin/internal/agentlock"
)

func TestTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), agentlock.Name)
	if agentlock.Held(path) {
		t.Error("a missing lock file is held")
	}
	f, err := agentlock.Take(path)
	if err != nil {
		t.Fatal(err)
	}
	if !agentlock.Held(path) {
		t.Error("a held lock is free")
	}
	if _, err := agentlock.Take(path); !errors.Is(err, agentlock.ErrLocked) {
		t.Errorf("lock twice: %v, want ErrLocked", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if agentlock.Held(path) {
		t.Error("a released lock is held")
	}
	if f, err = agentlock.Take(path); err != nil { // Held left nothing behind
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := agentlock.Take(filepath.Join(path, "below")); err == nil || errors.Is(err, agentlock.ErrLocked) {
		t.Errorf("no such directory: %v", err)
	}
}
