// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// forgetAsAnother asks as a user who may reach the socket, and neither is root nor the
// agent's; it cannot where this program is not root.
func forgetAsAnother(t *testing.T, path string) (tried bool, answer error) {
	t.Helper()
	if os.Geteuid() != 0 {
		return false, nil
	}
	for _, dir := range []string{filepath.Dir(filepath.Dir(path)), filepath.Dir(path)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	var c net.Conn
	err := netnstest.OnThread(func() (err error) {
		const nobody, same = 65534, ^uintptr(0)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, same, nobody, same); errno != 0 {
			return errno
		}
		c, err = net.Dial("unix", path)
		return err
	})
	if err != nil {
		return true, err
	}
	defer func() { _ = c.Close() }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://agent"+agentapi.ForgetPath+"?interface=eth1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if err := req.Write(c); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusForbidden {
		return true, fmt.Errorf("%s: %s", resp.Status, body)
	}
	return true, agentapi.Refusal{Why: strings.TrimSpace(string(body))}
}
