// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const megabyte = 1_000_000

// TestBinarySize holds the stripped size of what is started for every container.
func TestBinarySize(t *testing.T) {
	for command, most := range map[string]int64{"./cmd/colvin-cni": 5 * megabyte} {
		binary := filepath.Join(t.TempDir(), filepath.Base(command))
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, command)
		cmd.Dir = filepath.FromSlash(root)
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("build %s: %v\n%s", command, err, out)
			continue
		}
		info, err := os.Stat(binary)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", command, info.Size())
		if info.Size() > most {
			t.Errorf("%s has %d bytes, want %d at most", command, info.Size(), most)
		}
	}
}
