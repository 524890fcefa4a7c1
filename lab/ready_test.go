// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/sdnotify"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// TestReady holds that an agent which tells systemd that it is ready has written the node
// file and answers, though no switch was ever heard.
func TestReady(t *testing.T) {
	netnstest.Require(t, netnstest.NetNS)
	b := &bench{t: t}
	if binaries.err != nil {
		t.Fatal(binaries.err)
	}
	node, err := lab.NewNode(t.Context(), "node1", binaries.Binaries)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() })
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: node.Path("/run/notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = manager.Close() }()
	expect := func(want string) {
		t.Helper()
		b.ok(manager.SetReadDeadline(time.Now().Add(20 * time.Second)))
		said := make([]byte, 100)
		if n, err := manager.Read(said); err != nil || string(said[:n]) != want {
			t.Fatalf("the agent said %q, %v; want %s", said[:n], err, want)
		}
	}
	cmd := node.Command(t.Context(), "env", "NOTIFY_SOCKET=/run/notify", binaries.Colvind)
	b.ok(cmd.Start())
	expect(sdnotify.Ready)
	if _, err := nodefile.Read(node.Path(nodefile.DefaultDir + "/" + nodefile.FileName)); err != nil {
		t.Error(err)
	}
	if out, err := node.Colvin(t.Context(), "status"); err != nil {
		t.Errorf("status: %v\n%s", err, out)
	}
	b.ok(cmd.Process.Signal(syscall.SIGTERM))
	expect(sdnotify.Stopping)
	b.ok(cmd.Wait())
}
