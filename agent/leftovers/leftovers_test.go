// SPDX-License-Identifier: Apache-2.0

package leftovers

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/privatedir"
)

// TestDocumented holds that each file of an agent that docs/formats.md tells of is known.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	known := slices.Concat(runFiles, stateFiles)
	name := regexp.MustCompile("`[a-z/.-]+\\.jsonl?`")
	seen := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || strings.TrimSpace(cells[4]) != "agent" && !strings.HasPrefix(strings.TrimSpace(cells[4]), "agent,") {
			continue
		}
		for _, quoted := range name.FindAllString(cells[2], -1) {
			seen++
			if file := filepath.Base(strings.Trim(quoted, "`")); !slices.Contains(known, file) {
				t.Errorf("%s is not known", file)
			}
		}
	}
	if seen != 9 {
		t.Errorf("docs/formats.md tells of %d files of agents, want 9", seen)
	}
}

// TestRemove removes what agents leave, killed ones too, and nothing else.
func TestRemove(t *testing.T) {
	dir := privatedir.New(t)
	run, state := filepath.Join(dir, "run"), filepath.Join(dir, "state")
	if removed, err := Remove(run, state); err != nil || len(removed) != 0 {
		t.Errorf("without directories: %q, %v", removed, err)
	}
	put := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(run+"/networks.json", run+"/networks.json.tmp", run+"/memory.json.later", run+"/agent.lock", run+"/another.sock", state+"/colours.json", state+"/changes.old.jsonl")
	want := []string{state + "/colours.json", state + "/changes.old.jsonl", run + "/networks.json", run + "/networks.json.tmp", run + "/memory.json.later", run + "/agent.lock"}
	found, err := Find(run, state)
	if diff := cmp.Diff(want, found); diff != "" || err != nil {
		t.Errorf("found: %v (-want +got):\n%s", err, diff)
	}
	removed, err := Remove(run, state)
	if diff := cmp.Diff(want, removed); diff != "" || err != nil {
		t.Errorf("removed: %v (-want +got):\n%s", err, diff)
	}
	left, err := filepath.Glob(dir + "/*/*")
	if diff := cmp.Diff([]string{run + "/another.sock"}, left); diff != "" || err != nil {
		t.Errorf("left: %v (-want +got):\n%s", err, diff)
	}
	if _, err := os.Lstat(state); err == nil {
		t.Error("an empty directory is left")
	}
}

// TestNotBelieved holds that nothing is removed where somebody else could have put it.
func TestNotBelieved(t *testing.T) {
	dir := privatedir.New(t)
	file := filepath.Join(dir, "run", "networks.json")
	if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600), os.Chmod(filepath.Dir(file), 0o777)); err != nil {
		t.Fatal(err)
	}
	if removed, err := Remove(filepath.Dir(file), dir); err == nil || len(removed) != 0 {
		t.Errorf("removed %q from a directory that everybody may write, %v", removed, err)
	}
	if _, err := os.Lstat(file); err != nil {
		t.Error(err)
	}
}

// TestRemoveEmpty leaves what is no directory, or not empty.
func TestRemoveEmpty(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "empty"), 0o755), os.Symlink("empty", link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, link, filepath.Join(dir, "none"), "/proc"} {
		if err := RemoveEmpty(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := os.Lstat(link); err != nil {
		t.Error(err)
	}
	if err := RemoveEmpty(filepath.Join(dir, "empty")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(link); err == nil {
		t.Error("an empty directory is left")
	}
}
