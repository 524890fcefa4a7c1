// SPDX-License-Identifier: Apache-2.0

package privatedir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/colvin-net/colvin/internal/safefile"
)

func TestNew(t *testing.T) {
	var dir string
	t.Run("in use", func(t *testing.T) {
		dir = New(t)
		if resolved, err := safefile.Private(dir, safefile.Trust{}); err != nil || resolved != dir {
			t.Errorf("%s is %s, %v", dir, resolved, err)
		}
		if other := New(t); other == dir {
			t.Error("two tests have one directory")
		}
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Error(err)
		}
	})
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the test: %v", err)
	}
}

// TestPlaces has the first places be none: where anybody writes, and where nothing can be.
func TestPlaces(t *testing.T) {
	shared, dir := t.TempDir(), New(t)
	if err := errors.Join(os.Chmod(shared, 0o777|fs.ModeSticky), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "good")
	made, err := makeIn([]string{shared, filepath.Join(dir, "file", "below"), good})
	if err != nil || filepath.Dir(made) != good {
		t.Errorf("made %q, %v; want it in %s", made, err, good)
	}
	if made, err := makeIn([]string{filepath.Join(shared, "below")}); err == nil {
		t.Errorf("made %s", made)
	}
	if left, err := os.ReadDir(shared); err != nil || len(left) > 0 {
		t.Errorf("left %v in what is shared, %v", left, err)
	}
}

func TestSweep(t *testing.T) {
	place := New(t)
	old, fresh := filepath.Join(place, "old"), filepath.Join(place, "fresh")
	before := time.Now().Add(-stale - time.Minute)
	if err := errors.Join(os.MkdirAll(filepath.Join(old, "below"), 0o700), os.Mkdir(fresh, 0o700), os.Chtimes(old, before, before)); err != nil {
		t.Fatal(err)
	}
	sweep(place)
	if _, err := os.Lstat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a killed test left: %v", err)
	}
	if _, err := os.Lstat(fresh); err != nil {
		t.Error(err)
	}
}
