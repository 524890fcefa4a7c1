// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPeerUID holds that nobody is taken for a user whom the kernel did not name.
func TestPeerUID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := new(net.Dialer).DialContext(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn, ok := c.(*net.UnixConn)
	if !ok {
		t.Fatalf("%T", c)
	}
	if uid, err := peerUID(conn); uid != uint32(os.Geteuid()) || err != nil {
		t.Errorf("user %d, %v; want %d", uid, err, os.Geteuid())
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	for conn, want := range map[*net.UnixConn]error{conn: net.ErrClosed, new(net.UnixConn): syscall.EINVAL} {
		if uid, err := peerUID(conn); !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "look at peer of agent socket: ") {
			t.Errorf("user %d, %v; want %v", uid, err, want)
		}
	}
}
