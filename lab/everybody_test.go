// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// TestHangup holds that SIGHUP ends nothing, and says what is read when.
func TestHangup(t *testing.T) {
	b := newBench(t, rules)
	b.start()
	b.await("green", lab.Resolves("green", "eth1", nodefile.Fresh))
	b.ok(b.node.SignalAgent(syscall.SIGHUP))
	const want = "rules are read whenever their file changes, the configuration at the start only"
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	log := ""
	for tick := time.Tick(50 * time.Millisecond); !strings.Contains(log, want); {
		select {
		case <-tick:
		case <-ctx.Done():
			t.Fatalf("log without %q:\n%s", want, log)
		}
		var err error
		log, err = b.node.AgentLog()
		b.ok(err)
	}
	b.attached("green")
}

// TestAttachmentsAtOnce asks right after each ADD and DEL: nobody should have to look twice.
func TestAttachmentsAtOnce(t *testing.T) {
	b := newBench(t, rules)
	b.start()
	b.await("green", lab.Resolves("green", "eth1", nodefile.Fresh))
	for n := range 5 {
		p := b.pod("green")
		_, err := p.Add(t.Context())
		b.ok(err)
		if said, err := b.node.Colvin(t.Context(), "attachments"); err != nil || !strings.Contains(said, p.String()) {
			t.Errorf("right after ADD %d: %v\n%s", n, err, said)
		}
		b.ok(p.Del(t.Context()))
		if said, err := b.node.Colvin(t.Context(), "attachments"); err != nil || strings.Contains(said, p.String()) {
			t.Errorf("right after DEL %d: %v\n%s", n, err, said)
		}
	}
}

// TestEverybody asks as a user whom the agent's socket is not for.
func TestEverybody(t *testing.T) {
	b := newBench(t, rules)
	b.start()
	b.await("green", lab.Resolves("green", "eth1", nodefile.Fresh))
	for args, want := range map[string]string{
		"networks":      "green     eth1     fresh",
		"status":        "colvind runs, process ",
		"resolve green": "eth1     untagged   fresh",
		"version":       "colvind not known: the agent's socket is for root and the agent's group",
	} {
		as := append([]string{"--reuid=65533", "--regid=65533", "--clear-groups", "--no-new-privs", binaries.Colvin}, strings.Fields(args)...)
		said, err := b.node.Command(t.Context(), "setpriv", as...).CombinedOutput()
		if err != nil || !strings.Contains(string(said), want) {
			t.Errorf("colvin %s: %v\n%s\nwant %q", args, err, said, want)
		}
	}
}
