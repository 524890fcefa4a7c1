// SPDX-License-Identifier: Apache-2.0

package statefile_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/statefile"
)

type content struct {
	Version int    `json:"version"`
	Text    string `json:"text"`
}

func TestReadWhatWasWritten(t *testing.T) {
	dir := statefile.Dir(t.TempDir())
	got := content{Text: "as before"}
	if err := dir.Read("x.json", 1, &got); err != nil || got.Text != "as before" {
		t.Errorf("no file: %+v, %v", got, err)
	}
	want := content{Version: 1, Text: "kept"}
	if err := dir.Write("x.json", want); err != nil {
		t.Fatal(err)
	}
	if err := dir.Read("x.json", 1, &got); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	if err := dir.Read("x.json", 2, &got); err == nil || !strings.Contains(err.Error(), "format version 1, want 2") {
		t.Errorf("another version: %v", err)
	}
}

func TestSetAside(t *testing.T) {
	dir, why := statefile.Dir(t.TempDir()), errors.New("why")
	if err := dir.SetAside("x.json", why); err == nil || errors.Is(err, why) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(dir.Path("x.json"), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dir.SetAside("x.json", why); !errors.Is(err, why) {
		t.Errorf("error %v, want one that says why", err)
	}
	if got, err := os.ReadFile(dir.Path("x.json.damaged")); err != nil || string(got) != "garbage" {
		t.Errorf("set aside: %q, %v", got, err)
	}
}
