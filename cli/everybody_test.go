// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// TestEverybody holds what is told to a user whom the agent's socket is not for.
func TestEverybody(t *testing.T) {
	denied := fmt.Errorf("ask agent: dial: %w", fs.ErrPermission)
	known := &nodefile.File{
		Version: nodefile.Version, Node: "node1", BootID: "boot-1", Written: now.Add(-time.Hour).UTC(), Converged: false, Pending: []string{"eth6", "eth7"},
		RulesProblem: "/etc/colvin/rules.yaml:3:1: unknown key",
		Networks: []nodefile.Network{{Name: "green", Uplinks: []nodefile.Uplink{{
			Identity: "mac:00:00:5e:00:53:01 vlan 100", Certainty: nodefile.Fresh, Usable: true, Until: time.Hour,
			Device: nodefile.Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:02"}, Ports: []nodefile.Port{{Link: nodefile.Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:02"}}},
			Neighbor: "sw-green mac:00:00:5e:00:53:01 port ifname:Ethernet1/7", Rule: "/etc/colvin/rules.yaml:5",
		}}}},
		Moved: []nodefile.Moved{{Key: nodefile.Key{Name: "green", ContainerID: "1ea1c7e4d1a2b3c4d5e6", IfName: "net1"}, Identity: "mac:00:00:5e:00:53:02 vlan 200", Since: now}},
	}
	empty := &nodefile.File{Version: nodefile.Version, Node: "node1", BootID: "boot-1", Written: now.UTC(), Converged: true}
	for name, file := range map[string]*nodefile.File{"known": known, "empty": empty, "none": nil} {
		dir := t.TempDir()
		if file != nil {
			if err := nodefile.Write(filepath.Join(dir, nodefile.FileName), file); err != nil {
				t.Fatal(err)
			}
		}
		for command, do := range map[string]func(*app) error{
			"networks": func(a *app) error { return a.networksFromFile(denied) },
			"status":   func(a *app) error { return a.statusFromFile(denied) },
		} {
			var out strings.Builder
			a := &app{runDir: dir, out: &out, format: formatTable, now: func() time.Time { return now }}
			if err := do(a); err != nil {
				fmt.Fprintln(&out, "error:", err)
			}
			expect(t, "everybody-"+command+"-"+name, strings.ReplaceAll(out.String(), dir, "RUN"))
			a.format = formatJSON
			if err := do(a); err == nil || !strings.Contains(err.Error(), "not yours to use") {
				t.Errorf("%s as JSON: %v", command, err)
			}
		}
	}
}

// TestEmpty holds that what has no line is a sentence.
func TestEmpty(t *testing.T) {
	dir := t.TempDir()
	s := &agentapi.State{Version: "v0.1.0", Node: "node1", Started: now.Add(-time.Minute), Snapshot: &discovery.Snapshot{Time: now}}
	s.View.Conditions = []mapping.Condition{{Type: mapping.RulesInvalid, Message: "rules are not valid:\n/etc/colvin/rules.yaml:3:1: one\n/etc/colvin/rules.yaml:5:1: two"}}
	serveState(t, dir, func() (*agentapi.State, error) { return s, nil }, func(time.Time) (agentapi.Changes, error) { return agentapi.Changes{}, nil })
	var out strings.Builder
	for _, command := range []string{"neighbors", "interfaces", "interfaces -o wide", "networks", "networks -o wide", "topology", "attachments", "changes", "status"} {
		got := run(t, dir, strings.Fields(command)...)
		fmt.Fprintf(&out, "$ colvin %s\n%s", command, got)
		if !strings.Contains(got, " ") || strings.HasPrefix(got, strings.ToUpper(strings.Fields(got)[0])) && command != "status" {
			t.Errorf("%s prints a header alone: %s", command, got)
		}
	}
	expect(t, "empty", out.String())
}

// TestVersionNeverFails holds that the command tells its own version whatever the agent does.
func TestVersionNeverFails(t *testing.T) {
	none, hangs := t.TempDir(), t.TempDir()
	serveState(t, hangs, func() (*agentapi.State, error) { return nil, agentapi.ErrNotReady }, changesSince)
	for dir, want := range map[string]string{
		none:  "colvin  v0.1.0\ncolvind not running\n",
		hangs: "colvin  v0.1.0\ncolvind not known: the agent runs, but has no answer\n",
	} {
		if got := run(t, dir, "version"); got != want {
			t.Errorf("got %swant %s", got, want)
		}
	}
}
