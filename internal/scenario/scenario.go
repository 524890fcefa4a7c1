// SPDX-License-Identifier: Apache-2.0

// Package scenario plays the scenarios of a test: txtar files with a script, what it
// needs, and what it says at the end. With -update it writes the latter. What the lines
// of a script mean is for each test to say.
package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/colvin-net/colvin/internal/golden"
)

// The files of a scenario that are not for the player.
const (
	script = "script"
	output = "output"
)

// A Player plays the lines of one script.
type Player interface {
	// Play does what a line says that is neither empty nor a comment.
	Play(t *testing.T, verb string, args []string) error
	// Output is what the lines said.
	Output() string
}

// Run plays each of the files that pattern matches, with a Player of its own that gets
// the files of the scenario by their names.
func Run(t *testing.T, pattern string, begin func(t *testing.T, files map[string]string) Player) {
	t.Helper()
	scenarios, err := filepath.Glob(pattern)
	if err != nil || len(scenarios) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, path := range scenarios {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			for _, f := range archive.Files {
				files[f.Name] = string(f.Data)
			}
			p := begin(t, files)
			if err := play(t, p, files[script]); err != nil {
				t.Fatal(err)
			}
			if golden.Updating() {
				if err := os.WriteFile(path, withOutput(archive, p.Output()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(files[output], p.Output()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func play(t *testing.T, p Player, script string) error {
	t.Helper()
	for n, line := range strings.Split(script, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if err := p.Play(t, fields[0], fields[1:]); err != nil {
			return fmt.Errorf("script line %d: %s: %w", n+1, line, err)
		}
	}
	return nil
}

func withOutput(a *txtar.Archive, said string) []byte {
	out := *a
	out.Files = slices.DeleteFunc(slices.Clone(a.Files), func(f txtar.File) bool { return f.Name == output })
	out.Files = append(out.Files, txtar.File{Name: output, Data: []byte(said)})
	return txtar.Format(&out)
}
