// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/paste/pastetest"
)

// TestCommandsPasted pastes the commands about interfaces of any name that has come by
// JSON, and about switches of any chassis ID.
func TestCommandsPasted(t *testing.T) {
	dir := t.TempDir()
	var state atomic.Pointer[agentapi.State]
	state.Store(&agentapi.State{})
	serveState(t, dir, func() (*agentapi.State, error) { return state.Load(), nil }, changesSince)
	hint := regexp.MustCompile(`"(colvin explain .*)" says why`)
	for _, name := range pastetest.Texts {
		if strings.ContainsRune(name, 0) || strings.ContainsFunc(name, unicode.IsSpace) || name == "" {
			continue // which no interface has in its name
		}
		heard := heardOn(discovery.ProtocolLLDP, "mac:00:00:5e:00:53:77", "mac:00:00:5e:00:53:77", "bmc-node1", 0)
		snap := &discovery.Snapshot{
			Interfaces: []discovery.Interface{{Index: 7, Name: name, Ethernet: true, Up: true, Carrier: true}},
			Ports:      []discovery.Port{{Index: 7, Name: name, Neighbors: []discovery.Neighbor{heard}}},
		}
		silent := &discovery.Snapshot{Interfaces: snap.Interfaces, Ports: []discovery.Port{{Index: 7, Name: name}}}
		seen := strings.ToValidUTF8(name, "\ufffd")
		for what, said := range map[string]func() string{
			"topology": func() string { state.Store(&agentapi.State{Snapshot: snap}); return run(t, dir, "topology") },
			"nothing is heard": func() string {
				state.Store(&agentapi.State{Snapshot: silent})
				return run(t, dir, "neighbors", "--", seen)
			},
			"nobody listens": func() string {
				state.Store(&agentapi.State{Snapshot: new(discovery.Snapshot)})
				return run(t, dir, "neighbors", "--", seen)
			},
		} {
			out := said()
			m := hint.FindStringSubmatch(out)
			if m == nil {
				t.Errorf("%q: %s: %s", name, what, out)
				continue
			}
			words := slices.DeleteFunc(pastetest.Shell(t, m[1]), func(w string) bool { return w == "--" && seen != w })
			if want := []string{"colvin", "explain", seen}; !slices.Equal(words, want) && seen != "--" {
				t.Errorf("%q: %s: %s is pasted as %q", name, what, m[1], words)
			}
		}
		state.Store(&agentapi.State{Snapshot: snap})
		if out := run(t, dir, "explain", "--", seen); strings.ReplaceAll(fit.Printable(out), "\ufffd", "\n") != strings.ReplaceAll(out, "\ufffd", "\n") {
			t.Errorf("%q: explain prints %q", name, out)
		}
	}
	for _, text := range pastetest.Texts {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			continue // which no canonical ID holds
		}
		state.Store(&agentapi.State{Rules: agentapi.Rules{RuleSets: []string{"ruleset/a"}}})
		out := run(t, dir, "rules", "replace", "local:a"+text, "local:b"+text)
		_, command, _ := strings.Cut(out, "kubectl get rulesets -o yaml | ")
		command, _, _ = strings.Cut(command, " | kubectl replace")
		if got, want := pastetest.Shell(t, command), []string{"colvin", "rules", "replace", "local:a" + text, "local:b" + text, "-"}; !slices.Equal(got, want) {
			t.Errorf("%q: %s is pasted as %q", text, out, got)
		}
	}
}
