// SPDX-License-Identifier: Apache-2.0

package sdnotify_test

import (
	"crypto/rand"
	"net"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/colvin-net/colvin/internal/sdnotify"
)

func TestNotify(t *testing.T) {
	names := map[string]string{"path": filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		names["abstract"] = "@colvin-test-" + rand.Text()
	}
	for kind, name := range names {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("NOTIFY_SOCKET", name)
		for _, want := range []string{sdnotify.Ready, sdnotify.Stopping} {
			if err := sdnotify.Notify(want); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 100)
			if n, err := l.Read(b); err != nil || string(b[:n]) != want {
				t.Errorf("%s: received %q, %v; want %q", kind, b[:n], err, want)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := sdnotify.Notify(sdnotify.Ready); err == nil {
			t.Errorf("%s: nobody listens, and nobody says so", kind)
		}
	}
}

func TestNotifyNobody(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := sdnotify.Notify(sdnotify.Ready); err != nil {
		t.Error(err)
	}
}
