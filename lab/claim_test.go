// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"context"
	"os/user"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// TestClaimed starts an agent as root beside the service's, and after it: it has no right
// to what is another user's, since it gives that up.
func TestClaimed(t *testing.T) {
	b := newBench(t, rules)
	service := "user 65534"
	if u, err := user.LookupId("65534"); err == nil {
		service = "user " + u.Username
	}
	refused := func(want ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		out, err := b.node.Command(ctx, binaries.Colvind, "--config", "/etc/colvin/colvind.yaml").CombinedOutput()
		said := string(out)
		if err == nil || ctx.Err() != nil || strings.Count(said, "\n") != 1 {
			t.Errorf("%v: %s", err, said)
		}
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("got %s, want %q", said, w)
			}
		}
	}
	stop := b.startUnprivileged()
	b.await("green", lab.Resolves("green", "eth1", nodefile.Fresh))
	refused("lock /run/colvin/agent.lock: another colvind holds the lock on this node: process ", " of "+service+"; stop that one first")
	stop()
	refused("use run directory: /run/colvin is owned by " + service + ", and this colvind runs as root; start it as that user")
}
