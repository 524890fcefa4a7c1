// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// TestClaimWithoutRight holds that who may not make the directory is told so once, and how
// root makes it.
func TestClaimWithoutRight(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs the right to become another user")
	}
	dir := t.TempDir()
	for _, path := range []string{filepath.Dir(dir), dir} { // both are the test's own
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := netnstest.OnThread(func() error {
		const same = ^uintptr(0)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, same, nobodys, same); errno != 0 {
			return errno
		}
		_, err := claim(config.Config{RunDirectory: filepath.Join(dir, "run"), StateDirectory: filepath.Join(dir, "state")})
		return err
	})
	const want = "use run directory: mkdir DIR/run: permission denied: DIR is owned by root, and this colvind runs as user 4711; run as root (for a pod, on the node): install -d -o 4711 DIR/run; chown -R 4711 DIR/run"
	if err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
