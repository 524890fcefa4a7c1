// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

func typesOf(cs []mapping.Condition) (out []mapping.ConditionType) {
	for _, c := range cs {
		out = append(out, c.Type)
	}
	return out
}

// TestOwnColours holds that a node gives only what it can keep, and keeps what it gave.
func TestOwnColours(t *testing.T) {
	dir, log := filepath.Join(t.TempDir(), "state"), slog.New(slog.DiscardHandler)
	kept, lost := store{statefile.Dir(dir)}, &damage{log: log}
	none := func(string) bool { return false }
	c := newOwnColours(kept, log, lost)
	if c.give([]mapping.Identity{idGreen}, none) || c.known() != nil {
		t.Errorf("without a directory: %v", c.known())
	}
	if diff := cmp.Diff([]mapping.ConditionType{mapping.FilesUnwritable}, typesOf(c.Conditions())); diff != "" {
		t.Errorf("without a directory: conditions (-want +got):\n%s", diff)
	}
	if c.give(nil, none) || c.Conditions() != nil {
		t.Errorf("nobody wants one any more: %v", c.Conditions())
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if !c.give([]mapping.Identity{idGreen}, none) || len(c.known()) != 1 {
		t.Errorf("given: %v, %v", c.known(), c.Conditions())
	}
	if c.give([]mapping.Identity{idBlue}, func(string) bool { return true }) || len(c.known()) != 1 {
		t.Errorf("all are shadowed: %v", c.known())
	}
	if diff := cmp.Diff([]mapping.ConditionType{mapping.ColourShadowed}, typesOf(c.Conditions())); diff != "" {
		t.Errorf("all are shadowed: conditions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.known(), newOwnColours(kept, log, lost).known()); diff != "" || lost.Conditions() != nil {
		t.Errorf("after a restart (-before +after):\n%s%v", diff, lost.Conditions())
	}
}

// TestClusterColoursKept holds that what cannot be kept is tried again, and that what is
// not known changes nothing.
func TestClusterColoursKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	kept, lost := store{statefile.Dir(dir)}, &damage{log: slog.New(slog.DiscardHandler)}
	c := newClusterColours(&saidCluster{}, kept, lost)
	all := []mapping.Colour{{Name: "red-wren", Identity: idGreen}}
	away := []mapping.Condition{{Type: mapping.ClusterUnreachable, Message: "away"}}
	if !c.learn(agentapi.ClusterUpdate{RuleSets: []rules.Source{}, Colours: all}) || c.Unwritten() == nil {
		t.Errorf("without a directory: unwritten %v", c.Unwritten())
	}
	if c.learn(agentapi.ClusterUpdate{Problems: away}) || !cmp.Equal(away, c.Conditions()) || !cmp.Equal(all, c.known()) {
		t.Errorf("away: conditions %v, colours %v", c.Conditions(), c.known())
	}
	if c.give([]mapping.Identity{idBlue}, nil) {
		t.Error("a node in a cluster gave a colour")
	}
	if again := c.Take(time.Now(), nil); again != lookEvery || c.Unwritten() == nil {
		t.Errorf("still without: again in %v, unwritten %v", again, c.Unwritten())
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c.Take(time.Now(), nil)
	if again := c.Take(time.Now(), nil); again != never || c.Unwritten() != nil {
		t.Errorf("with room: again in %v, unwritten %v", again, c.Unwritten())
	}
	if diff := cmp.Diff(all, newClusterColours(&saidCluster{}, kept, lost).known()); diff != "" || lost.Conditions() != nil {
		t.Errorf("after a restart (-before +after):\n%s%v", diff, lost.Conditions())
	}
}
