// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

const text = `What it is about.
-- rules --
some
-- script --
# a comment
say one two

say three
-- output --
one two
three
`

// A speaker says what its lines say.
type speaker struct {
	files map[string]string
	said  strings.Builder
}

func (s *speaker) Play(_ *testing.T, verb string, args []string) error {
	if verb != "say" {
		return errors.New("not a verb")
	}
	s.said.WriteString(strings.Join(args, " ") + "\n")
	return nil
}

func (s *speaker) Output() string { return s.said.String() }

func TestRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "first.txtar")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	played := 0
	Run(t, path, func(t *testing.T, files map[string]string) Player {
		t.Helper()
		played++
		if files["rules"] != "some\n" || !strings.HasSuffix(t.Name(), "/first") {
			t.Errorf("%s begins with %v", t.Name(), files)
		}
		return &speaker{files: files}
	})
	if played != 1 {
		t.Errorf("%d scenarios were played", played)
	}
	if err := play(t, &speaker{}, "\nsay a\nbe b"); err == nil || err.Error() != "script line 3: be b: not a verb" {
		t.Errorf("a line that means nothing: %v", err)
	}
}

func TestWithOutput(t *testing.T) {
	before, _, _ := strings.Cut(text, "-- output --")
	if got := string(withOutput(txtar.Parse([]byte(text)), "other\n")); got != before+"-- output --\nother\n" {
		t.Errorf("written would be\n%s", got)
	}
}
