// SPDX-License-Identifier: Apache-2.0

package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestExchange holds that names are exchanged, and that nothing happens where one is missing.
func TestExchange(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.WriteFile(a, []byte("of a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := exchange(a, b); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("exchange with nothing: %v", err)
	}
	if err := os.WriteFile(b, []byte("of b"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := exchange(a, b); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{a: "of b", b: "of a"} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", path, got, err, want)
		}
	}
}
