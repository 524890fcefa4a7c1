// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/colour"
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
	var lines bytes.Buffer
	dir, log := filepath.Join(t.TempDir(), "state"), slog.New(slog.NewTextHandler(&lines, nil))
	kept, lost := store{statefile.Dir(dir)}, &damage{log: log}
	none := func(string) bool { return false }
	c := newOwnColours(kept, log, lost)
	if c.give([]mapping.Identity{idGreen}, none) || c.known() != nil {
		t.Errorf("without a directory: %v", c.known())
	}
	if strings.Contains(lines.String(), "colour given") {
		t.Errorf("a colour that is not kept is said to be given: %s", &lines)
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
	if n := strings.Count(lines.String(), "colour given"); n != 1 {
		t.Errorf("it is logged %d times: %s", n, &lines)
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

// TestOwnColoursWhy holds what is said of why an identity has no colour, and what is tried
// again because it may pass.
func TestOwnColoursWhy(t *testing.T) {
	for failed, tt := range map[error]struct {
		due  bool
		want []mapping.Condition
	}{
		nil: {},
		fmt.Errorf("give: %w", colour.ErrTooManyUnnamed): {false, []mapping.Condition{{Type: mapping.TooManyUnnamed, Message: "give: " + colour.ErrTooManyUnnamed.Error()}}},
		fmt.Errorf("give: %w", colour.ErrShadowed):       {false, []mapping.Condition{{Type: mapping.ColourShadowed, Message: "give: " + colour.ErrShadowed.Error()}}},
		errors.New("no room"):                            {true, []mapping.Condition{{Type: mapping.FilesUnwritable, Message: "no room"}}},
	} {
		o := &ownColours{failed: failed}
		if diff := cmp.Diff(tt.want, o.Conditions()); diff != "" || o.due() != tt.due {
			t.Errorf("%v: due %t, conditions (-want +got):\n%s", failed, o.due(), diff)
		}
	}
}

// TestOwnColoursGiven holds that what is given is logged once, that what cannot be kept is
// given to nobody else, and that an identity which nobody understands has its colour still.
func TestOwnColoursGiven(t *testing.T) {
	dir := t.TempDir()
	const since = `"since": "2026-05-04T03:02:01Z"`
	const before = `{"version": 2, "colours": [{"colour": "red-ibis", "identity": "mac:00:00:5e:00:53:01 vlan 9999", ` + since + `}, {"colour": "amber-quail", "identity": "mac:00:00:5e:00:53:01 vlan 7", ` + since + `}]}`
	if err := os.WriteFile(filepath.Join(dir, coloursName), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	lost := &damage{log: slog.New(slog.DiscardHandler)}
	c := newOwnColours(store{statefile.Dir(dir)}, slog.New(slog.NewTextHandler(&log, nil)), lost)
	names := func() (out []string) {
		for _, k := range c.known() {
			out = append(out, k.Name)
		}
		return out
	}
	if got := names(); !slices.Equal(got, []string{"amber-quail"}) || lost.Conditions() != nil {
		t.Errorf("known are %v; lost %v", got, lost.Conditions())
	}
	none := func(string) bool { return false }
	free := obstruct(t, filepath.Join(dir, coloursName))
	if c.give([]mapping.Identity{idGreen}, none) || !c.due() || !slices.Equal(names(), []string{"amber-quail"}) {
		t.Errorf("without room: due %t, known are %v", c.due(), names())
	}
	free()
	log.Reset()
	if given := c.give([]mapping.Identity{idGreen, idBlue}, none); !given || c.due() {
		t.Errorf("with room: given %t, due %t", given, c.due())
	}
	if got := names(); len(got) != 3 || got[0] != "amber-quail" || slices.Contains(got, "red-ibis") {
		t.Errorf("known are %v", got)
	}
	if said := log.String(); !strings.Contains(said, `msg="colour given" colour=`+names()[1]+` identity="`+idGreen.String()+`"`) {
		t.Errorf("log:\n%s", said)
	}
}

// TestClusterColoursLearn holds what is taken over of a cluster that does not say all, and
// that what is known already is not written again.
func TestClusterColoursLearn(t *testing.T) {
	kept := store{statefile.Dir(t.TempDir())}
	c := newClusterColours(&saidCluster{}, kept, &damage{log: slog.New(slog.DiscardHandler)})
	all := []mapping.Colour{{Name: "red-wren", Identity: idGreen}}
	for _, u := range []agentapi.ClusterUpdate{{}, {RuleSets: []rules.Source{}}, {Colours: all}} {
		if c.learn(u) || c.known() != nil {
			t.Errorf("%+v: known is %v", u, c.known())
		}
	}
	path := kept.Path(clusterColoursFormat.Name)
	for range 2 {
		if !c.learn(agentapi.ClusterUpdate{RuleSets: []rules.Source{}, Colours: all}) || !cmp.Equal(all, c.known()) {
			t.Errorf("known is %v", c.known())
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		c.learn(agentapi.ClusterUpdate{RuleSets: []rules.Source{}, Colours: all})
		if _, err := os.Stat(path); err == nil {
			t.Error("what is known was written again")
		}
		all = append(all, mapping.Colour{Name: "sky-emu", Identity: idBlue})
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	lost := &damage{log: slog.New(slog.DiscardHandler)}
	if c := newClusterColours(&saidCluster{}, kept, lost); c.known() != nil || !cmp.Equal(typesOf(lost.Conditions()), []mapping.ConditionType{mapping.StateDamaged}) {
		t.Errorf("damaged: known is %v, lost %v", c.known(), lost.Conditions())
	}
}
