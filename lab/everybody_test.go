// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"strings"
	"testing"

	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

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
