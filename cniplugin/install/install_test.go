// SPDX-License-Identifier: Apache-2.0

//go:build linux

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/internal/netnstest"
)

// script is a program that prints its version. Of what it is built says its second line.
func script(t *testing.T, dir, version, pkg string) string {
	t.Helper()
	path := filepath.Join(dir, "from-"+version)
	if err := os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\n# %s\necho %s\n", pkg, version), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// scriptOf reads what a script is built of.
func scriptOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	_, rest, _ := strings.Cut(string(data), "\n# ")
	pkg, _, _ := strings.Cut(rest, "\n")
	return pkg, err
}

func TestRun(t *testing.T) {
	from, dir := t.TempDir(), filepath.Join(t.TempDir(), "opt", "cni", "bin")
	path := filepath.Join(dir, "colvin")
	install := func(version string) bool {
		t.Helper()
		changed, err := Run(Program{From: script(t, from, version, Plugin), Dir: dir, Name: "colvin", Package: Plugin, built: scriptOf})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), path).CombinedOutput()
		if string(out) != version+"\n" || err != nil {
			t.Errorf("it prints %q, %v; want version %s", out, err, version)
		}
		return changed
	}
	if !install("1") || install("1") || !install("2") {
		t.Error("want a change for another version, and none for the same")
	}
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if !install("2") {
		t.Error("who is not root cannot run it any more, and that was left so")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v in the directory, %v; want the program alone", entries, err)
	}
}

// TestKilled removes what one that was killed left, and nothing of one that is at work.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	left, working := filepath.Join(dir, ".colvin-HALF"), filepath.Join(dir, ".colvin-OTHER")
	for _, path := range []string{left, working} {
		if err := os.WriteFile(path, []byte("half"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(left, time.Time{}, time.Now().Add(-2*abandoned)); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(Program{From: script(t, t.TempDir(), "1", Plugin), Dir: dir, Name: "colvin", Package: Plugin, built: scriptOf}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there still: %v", left, err)
	}
	if _, err := os.Stat(working); err != nil {
		t.Errorf("another that is at work has lost its file: %v", err)
	}
}

// TestOthers leaves what is not Colvin's.
func TestOthers(t *testing.T) {
	from := t.TempDir()
	for name, tt := range map[string]struct {
		there func(path string) error
		p     Program
		want  string
	}{
		"another program": {func(path string) error {
			return os.WriteFile(path, []byte("#!/bin/sh\n# example.org/surveyor\n"), 0o755)
		}, Program{From: script(t, from, "1", Plugin), Name: "colvin", Package: Plugin}, `is another program, so it stays: it is built of "example.org/surveyor"`},
		"a link": {func(path string) error {
			return os.Symlink("/bin/sh", path)
		}, Program{From: script(t, from, "1", Plugin), Name: "colvin", Package: Plugin}, "is no file but L---------, so it stays"},
		"a directory":   {func(path string) error { return os.Mkdir(path, 0o755) }, Program{From: script(t, from, "1", Plugin), Name: "colvin", Package: Plugin}, "is no file but d---------, so it stays"},
		"the command":   {nil, Program{From: script(t, from, "c", Command), Name: "colvin", Package: Plugin}, "is not what is to be installed"},
		"nothing":       {nil, Program{From: filepath.Join(from, "none"), Name: "colvin", Package: Plugin}, "no such file"},
		"a path":        {nil, Program{From: script(t, from, "1", Plugin), Name: "../colvin", Package: Plugin}, "want a name without a path"},
		"without name":  {nil, Program{From: script(t, from, "1", Plugin), Package: Plugin}, "want a name without a path"},
		"a hidden name": {nil, Program{From: script(t, from, "1", Plugin), Name: ".colvin", Package: Plugin}, "want a name without a path"},
	} {
		dir := t.TempDir()
		if tt.there != nil {
			if err := tt.there(filepath.Join(dir, "colvin")); err != nil {
				t.Fatal(err)
			}
		}
		before, _ := os.Lstat(filepath.Join(dir, "colvin"))
		tt.p.Dir, tt.p.built = dir, scriptOf
		changed, err := Run(tt.p)
		if changed || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v; want %q", name, changed, err, tt.want)
		}
		after, _ := os.Lstat(filepath.Join(dir, "colvin"))
		if before != nil && !os.SameFile(before, after) {
			t.Errorf("%s: what was there is not there any more", name)
		}
	}
}

// TestNeverWithout starts the program all the time while it is replaced.
func TestNeverWithout(t *testing.T) {
	from, dir := t.TempDir(), t.TempDir()
	install := func(version string) error {
		p := Program{From: filepath.Join(from, "from-"+version), Dir: dir, Name: "colvin", Package: Plugin, built: scriptOf}
		// Nobody may be forked who inherits the file while it is written: in a node
		// the installer forks nobody.
		syscall.ForkLock.Lock()
		defer syscall.ForkLock.Unlock()
		_, err := Run(p)
		return err
	}
	for _, version := range []string{"1", "2"} {
		script(t, from, version, Plugin)
		if err := install(version); err != nil {
			t.Fatal(err)
		}
	}
	end := time.Now().Add(time.Second)
	var wg sync.WaitGroup
	replaced, started := 0, 0
	wg.Go(func() {
		for ; time.Now().Before(end); replaced++ {
			if err := install(fmt.Sprint(1 + replaced%2)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for ; time.Now().Before(end); started++ {
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "colvin")).CombinedOutput()
		if err != nil || string(out) != "1\n" && string(out) != "2\n" {
			t.Fatalf("it prints %q, %v", out, err)
		}
	}
	wg.Wait()
	if replaced < 10 || started < 10 {
		t.Errorf("replaced %d times, started %d times: that shows nothing", replaced, started)
	}
}

// labels is the right to give a file a label that the kernel's policy need not know.
var labels = netnstest.NewFeature("labels", "", func() error {
	dir, err := os.MkdirTemp("", "labels-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return unix.Lsetxattr(dir, label, []byte("system_u:object_r:bin_t:s0\x00"), 0)
})

// TestLabel keeps the SELinux label that the program had.
func TestLabel(t *testing.T) {
	netnstest.Require(t, labels)
	dir := t.TempDir()
	path := filepath.Join(dir, "colvin")
	from := t.TempDir()
	for _, version := range []string{"1", "2"} {
		if _, err := Run(Program{From: script(t, from, version, Plugin), Dir: dir, Name: "colvin", Package: Plugin, built: scriptOf}); err != nil {
			t.Fatal(err)
		}
		if version == "1" {
			if err := unix.Lsetxattr(path, label, []byte("system_u:object_r:bin_t:s0\x00"), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := make([]byte, 100)
	n, err := unix.Lgetxattr(path, label, got)
	if err != nil || string(got[:n]) != "system_u:object_r:bin_t:s0\x00" {
		t.Errorf("label %q, %v", got[:max(n, 0)], err)
	}
}
