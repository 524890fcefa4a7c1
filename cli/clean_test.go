// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/privatedir"
)

// A used is a node on which Colvin was used.
type used struct {
	*testing.T
	dir, bin, records string
	config            string
	built             [2]string // the plugin, and the command
}

func newUsed(t *testing.T) *used {
	t.Helper()
	dir := privatedir.New(t)
	u := &used{T: t, dir: dir, bin: filepath.Join(dir, "bin"), records: filepath.Join(dir, "attachments"), config: filepath.Join(dir, "colvind.yaml")}
	for i, name := range []string{"colvin-cni", "colvin"} {
		u.built[i] = filepath.Join(dir, "built", name)
		build := exec.CommandContext(t.Context(), "go", "build", "-o", u.built[i], "github.com/colvin-net/colvin/cmd/"+name)
		build.Env = append(build.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	u.put(u.config, "stateDirectory: "+filepath.Join(dir, "state")+"\n")
	u.put(filepath.Join(u.bin, "macvlan"), "")
	u.put(filepath.Join(dir, "run", "another.sock"), "")
	return u
}

func (u *used) put(path, content string) {
	u.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		u.Fatal(err)
	}
}

// fill puts there what Colvin has on a node.
func (u *used) fill() {
	u.Helper()
	if err := errors.Join(os.Link(u.built[0], filepath.Join(u.bin, "colvin")), os.Link(u.built[1], filepath.Join(u.bin, "colvin-cli"))); err != nil {
		u.Fatal(err)
	}
	for _, name := range []string{"run/agent.lock", "run/networks.json", "state/colours.json", "attachments/0123.lock"} {
		u.put(filepath.Join(u.dir, name), "")
	}
	if err := os.Chmod(u.records, 0o750); err != nil {
		u.Fatal(err)
	}
}

func (u *used) args(more ...string) []string {
	return append([]string{
		"--run-directory", filepath.Join(u.dir, "run"), "clean-node", "--config", u.config, "--cni-path", u.bin, "--record-directory", u.records, "--wait", "0s",
		"--command-directory", u.bin, "--command-name", "colvin-cli",
	}, more...)
}

func (u *used) clean(more ...string) string {
	u.Helper()
	return run(u.T, u.dir, u.args(more...)...)
}

// files are all on the node.
func (u *used) files() (all []string) {
	u.Helper()
	err := fs.WalkDir(os.DirFS(u.dir), ".", func(path string, d fs.DirEntry, err error) error {
		if !d.IsDir() && !strings.HasPrefix(path, "built/") {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		u.Fatal(err)
	}
	return all
}

var (
	foreign = []string{"bin/macvlan", "colvind.yaml", "run/another.sock"}
	ours    = []string{"attachments/0123.lock", "bin/colvin", "bin/colvin-cli", "run/agent.lock", "run/networks.json", "state/colours.json"}
)

func (u *used) expectFiles(want ...[]string) {
	u.Helper()
	all := slices.Concat(want...)
	slices.Sort(all)
	if diff := cmp.Diff(all, u.files()); diff != "" {
		u.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestCleanNode holds what is said and done, in the order in which an operator comes to it.
func TestCleanNode(t *testing.T) {
	u := newUsed(t)
	expect(t, "clean-nothing", u.clean())
	u.fill()
	expect(t, "clean-check", u.clean("--check"))
	u.expectFiles(foreign, ours)

	lock, err := agentlock.Take(filepath.Join(u.dir, "run", agentlock.Name))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "clean-agent", u.clean())
	expect(t, "clean-agent", u.clean("--check"))
	u.expectFiles(foreign, ours)
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}

	attachAs(t, u.records, "c1", "web-0", func(*record.Record) {})
	attachAs(t, u.records, "c2", "web-1", func(r *record.Record) { r.BootID = "boot-0" })
	expect(t, "clean-needed", u.clean())
	expect(t, "clean-needed", u.clean("--check"))
	records, err := filepath.Glob(u.records + "/*.json")
	if err != nil || len(records) != 2 {
		t.Fatal(records, err)
	}
	u.expectFiles(foreign, ours, []string{"attachments/" + filepath.Base(records[0]), "attachments/" + filepath.Base(records[1])})
	for _, path := range records {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}

	expect(t, "clean", u.clean())
	u.expectFiles(foreign)
	for _, gone := range []string{"state", "attachments"} {
		if _, err := os.Lstat(filepath.Join(u.dir, gone)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the empty directory %s: %v", gone, err)
		}
	}
	if got := u.clean("--check"); got != "" {
		t.Errorf("nothing is left: %s", got)
	}
	expect(t, "clean-help", u.clean("--help"))
}

// TestCleanNodeGoesOn holds that a second run ends what a first one, which was killed, began:
// the plugin is gone and its files are not.
func TestCleanNodeGoesOn(t *testing.T) {
	u := newUsed(t)
	u.fill()
	if err := os.Remove(filepath.Join(u.bin, "colvin")); err != nil {
		t.Fatal(err)
	}
	if got := u.clean(); strings.Contains(got, "error") {
		t.Error(got)
	}
	u.expectFiles(foreign)
}

// TestCleanNodeForeign holds that another's program stays, and that it is told.
func TestCleanNodeForeign(t *testing.T) {
	u := newUsed(t)
	u.put(filepath.Join(u.bin, "colvin-cli"), "#!/bin/sh\n")
	for _, more := range []string{"--stay=false", "--check"} {
		if got := u.clean(more); !strings.HasPrefix(got, "error: RUN/bin/colvin-cli is not the command colvin, so it stays: ") {
			t.Errorf("%s: %s", more, got)
		}
	}
	u.expectFiles(foreign, []string{"bin/colvin-cli"})
	if got := u.clean("--check", "--command-name", "../bin/colvin-cli"); !strings.Contains(got, "want a name without a path") {
		t.Error(got)
	}
}

// TestCleanNodeStays holds that it says once what it waits for, cleans when that is gone,
// and ends at once when it is told to, waiting or not.
func TestCleanNodeStays(t *testing.T) {
	u := newUsed(t)
	u.fill()
	attachAs(t, u.records, "c1", "web-0", func(*record.Record) {})
	held, err := filepath.Glob(u.records + "/*.json")
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	synctest.Test(t, func(t *testing.T) {
		said, end := u.stay(t)
		time.Sleep(time.Minute)
		expect(t, "clean-stay-waits", said())
		end()
		u.expectFiles(foreign, ours, []string{"attachments/" + filepath.Base(held[0])})
	})
	synctest.Test(t, func(t *testing.T) {
		said, end := u.stay(t)
		time.Sleep(time.Minute)
		if err := os.Remove(held[0]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		expect(t, "clean-stay", said())
		u.expectFiles(foreign)
		end()
	})
}

// stay runs clean-node --stay. What it said is read when it waits; end has it end, in no
// time.
func (u *used) stay(t *testing.T) (said func() string, end func()) {
	t.Helper()
	var out strings.Builder
	cmd := newCommand("v0.1.0", &out, time.Now)
	cmd.SetArgs(u.args("--stay"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	said = func() string {
		synctest.Wait()
		return strings.ReplaceAll(out.String(), u.dir, "RUN")
	}
	return said, func() {
		t.Helper()
		before := time.Now()
		cancel()
		if err := <-ended; err != nil || time.Since(before) != 0 {
			t.Errorf("it ended with %v after %v", err, time.Since(before))
		}
	}
}
