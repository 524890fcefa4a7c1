// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/install"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/privatedir"
	"github.com/colvin-net/colvin/internal/safefile"
)

// The test binary is also a plugin that attaches, and whoever removes it, by the name it is
// called by.
func TestMain(m *testing.M) {
	var err error
	switch filepath.Base(os.Args[0]) {
	case "colvin":
		err = attach(os.Args[1], os.Args[2])
	case "remover":
		_, err = Run(context.Background(), &Options{Dirs: os.Args[1:2], Name: "colvin", Records: os.Args[2], Wait: time.Hour, recognize: anything})
	default:
		os.Exit(leaktest.Run(m))
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func anything(string) error { return nil }

// attach does of an ADD what matters here.
func attach(dir, container string) error {
	s, err := record.Open(dir)
	if err != nil {
		return err
	}
	l, err := s.Lock(context.Background(), sample(container).Key)
	if err != nil {
		return err
	}
	return errors.Join(l.Write(sample(container)), l.Unlock())
}

func sample(container string) *record.Record {
	boot, _ := bootid.Read()
	return &record.Record{
		Key:   record.Key{Name: "green", ContainerID: container, IfName: "net1"},
		Phase: record.Added, BootID: boot, Network: "green", DelegateType: "macvlan", DelegateConf: []byte("{}"),
	}
}

// A host has a CNI directory with the plugin, and records.
type host struct {
	*testing.T
	bin, records, plugin string
	options              Options
}

// program is the plugin, built as it is shipped.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "colvin-cni")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "colvin")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, install.Plugin)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	data, err := os.ReadFile(path)
	return string(data), err
})

func newHost(t *testing.T) *host {
	t.Helper()
	dir := privatedir.New(t)
	h := &host{T: t, bin: filepath.Join(dir, "bin"), records: filepath.Join(dir, "lib", "attachments")}
	h.plugin = filepath.Join(h.bin, "colvin")
	h.must(os.Mkdir(h.bin, 0o755), os.WriteFile(filepath.Join(h.bin, "macvlan"), nil, 0o755))
	h.options = Options{Dirs: []string{h.bin}, Name: "colvin", Records: h.records, AgentLock: filepath.Join(dir, agentlock.Name)}
	return h
}

// install puts the true plugin there.
func (h *host) install() {
	h.Helper()
	data, err := program()
	h.must(err, os.WriteFile(h.plugin, []byte(data), 0o755))
}

func (h *host) must(errs ...error) {
	h.Helper()
	if err := errors.Join(errs...); err != nil {
		h.Fatal(err)
	}
}

// keep records a container.
func (h *host) keep(container string, change func(*record.Record)) {
	h.Helper()
	s, err := record.Open(h.records)
	h.must(err)
	r := sample(container)
	change(r)
	l, err := s.Lock(h.Context(), r.Key)
	h.must(err)
	h.must(l.Write(r), l.Unlock())
}

func (h *host) there(path string) bool {
	h.Helper()
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.Fatal(err)
	}
	return err == nil
}

// TestRemoved removes the plugin, and what it leaves where that is empty.
func TestRemoved(t *testing.T) {
	h := newHost(t)
	h.install()
	h.must(os.MkdirAll(h.records, 0o750))
	for _, stale := range []string{"uninstall.lock", "device-2-0.lock", "0123.lock", "0123.json.tmp"} {
		h.must(os.WriteFile(filepath.Join(h.records, stale), nil, 0o600))
	}
	h.options.DryRun = true
	r, err := Run(t.Context(), &h.options)
	if err != nil || len(r.Plugins) != 1 || r.Plugins[0].Removed || !h.there(h.plugin) {
		t.Errorf("only looked: %+v, %v", r, err)
	}
	h.options.DryRun = false
	r, err = Run(t.Context(), &h.options)
	if err != nil || len(r.Plugins) != 1 || !r.Plugins[0].Removed || r.Plugins[0].Path != h.plugin || h.there(h.plugin) {
		t.Errorf("removed: %+v, %v", r, err)
	}
	if h.there(h.records) || !h.there(filepath.Join(h.bin, "macvlan")) {
		t.Error("the directory of the records is left, or another plugin is not")
	}
	r, err = Run(t.Context(), &h.options)
	if err != nil || len(r.Plugins) != 0 || h.there(h.records) {
		t.Errorf("nothing to remove: %+v, %v", r, err)
	}
}

// TestAgentKeepsDirectory holds that an agent which runs keeps the directory that it
// watches.
func TestAgentKeepsDirectory(t *testing.T) {
	h := newHost(t)
	h.install()
	lock, err := agentlock.Take(h.options.AgentLock)
	h.must(err)
	defer lock.Close()
	if r, err := Run(t.Context(), &h.options); err != nil || !r.Plugins[0].Removed || !h.there(h.records) {
		t.Errorf("%+v, %v; the directory is there: %v", r, err, h.there(h.records))
	}
}

// TestNeeded holds what keeps the plugin, and what each attachment waits for.
func TestNeeded(t *testing.T) {
	own, err := os.Stat("/proc/self/ns/mnt")
	if err != nil {
		t.Skip("needs /proc:", err)
	}
	mount := own.Sys().(*syscall.Stat_t).Ino //nolint:errcheck // it is one on Linux
	for name, tt := range map[string]struct {
		change func(*record.Record)
		want   State
	}{
		"attached": {func(*record.Record) {}, Attached},
		"rebooted": {func(r *record.Record) { r.BootID = "boot-0" }, Rebooted},
		"gone": {func(r *record.Record) {
			r.Netns = record.Netns{Path: filepath.Join(t.TempDir(), "none"), Inode: 1, Mount: mount}
		}, Gone},
		"killed":       {func(r *record.Record) { r.Phase = record.Adding }, Failed},
		"failed":       {func(r *record.Record) { r.Phase, r.Failed = record.Adding, "no" }, Failed},
		"stuck":        {func(r *record.Record) { r.Unwanted = time.Now() }, Stuck},
		"stuck at ADD": {func(r *record.Record) { r.Phase, r.Failed, r.Unwanted = record.Adding, "no", time.Now() }, Stuck},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.install()
			h.keep("c1", tt.change)
			r, err := Run(t.Context(), &h.options)
			if !errors.Is(err, ErrNeeded) || !h.there(h.plugin) || len(r.Plugins) != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
			if len(r.Attachments) != 1 || r.Attachments[0].State != tt.want || r.Attachments[0].ContainerID != "c1" {
				t.Errorf("%+v, want c1 %s", r.Attachments, tt.want)
			}
			if tt.want.Collectable() != (tt.want != Attached) {
				t.Errorf("gc ends it: %v", tt.want.Collectable())
			}
		})
	}
}

// TestNeededOtherwise has attachments where they are easily overlooked.
func TestNeededOtherwise(t *testing.T) {
	for name, prepare := range map[string]func(h *host){
		"a damaged record": func(h *host) {
			h.must(os.MkdirAll(h.records, 0o750), os.WriteFile(filepath.Join(h.records, "0123.json"), []byte("{"), 0o600))
		},
		"of a later version": func(h *host) {
			h.must(os.MkdirAll(h.records, 0o750), os.WriteFile(filepath.Join(h.records, "0123.json"), []byte(`{"version":99}`), 0o600))
		},
		"in the default directory": func(h *host) {
			h.keep("c1", func(*record.Record) {})
			h.options.Records, h.options.AlsoRecords = filepath.Join(h.bin, "none"), []string{h.records}
		},
		"and no plugin": func(h *host) {
			h.keep("c1", func(*record.Record) {})
			h.must(os.Remove(h.plugin))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.install()
			prepare(h)
			there := h.there(h.plugin)
			r, err := Run(t.Context(), &h.options)
			if !errors.Is(err, ErrNeeded) || !r.Needed() || h.there(h.plugin) != there || r.Unreadable > 0 && r.Why == nil {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// TestUnknowable holds that nothing is removed where nobody can tell what is attached.
func TestUnknowable(t *testing.T) {
	h := newHost(t)
	h.install()
	h.must(os.WriteFile(filepath.Join(h.bin, "file"), nil, 0o600))
	for _, records := range []string{filepath.Join(h.bin, "file"), filepath.Join(h.bin, "file", "below")} {
		h.options.Records = records
		if r, err := Run(t.Context(), &h.options); err == nil || !h.there(h.plugin) {
			t.Errorf("records in %s: %+v, %v", records, r, err)
		}
	}
}

// TestForeign holds that what is not the plugin stays, by whatever name, and that nothing
// is run to find out.
func TestForeign(t *testing.T) {
	script := []byte("#!/bin/sh\ntouch \"$0.ran\"\necho CNI plugin colvin v1 >&2\n")
	for name, tt := range map[string]struct {
		put  func(path string) error
		want string
	}{
		"a script":            {func(path string) error { return os.WriteFile(path, script, 0o755) }, "PLUGIN is not Colvin's CNI plugin, so it stays: read what PLUGIN is built of: "},
		"an empty file":       {func(path string) error { return os.WriteFile(path, nil, 0o755) }, "PLUGIN is not Colvin's CNI plugin, so it stays: read what PLUGIN is built of: "},
		"another Go program":  {copySelf, `PLUGIN is not Colvin's CNI plugin, so it stays: PLUGIN is built of "github.com/colvin-net/colvin/cniplugin/uninstall.test", want github.com/colvin-net/colvin/cmd/colvin-cni`},
		"a directory":         {func(path string) error { return os.Mkdir(path, 0o755) }, "PLUGIN is not Colvin's CNI plugin, so it stays: open PLUGIN: it is not a regular file"},
		"a FIFO":              {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "PLUGIN is not Colvin's CNI plugin, so it stays: open PLUGIN: it is not a regular file"},
		"a link to nothing":   {func(path string) error { return os.Symlink("none", path) }, "PLUGIN is a symbolic link that leads nowhere, and so not known to be Colvin's: "},
		"a link to itself":    {func(path string) error { return os.Symlink("colvin", path) }, "PLUGIN is a symbolic link that leads nowhere, and so not known to be Colvin's: "},
		"a link to another's": {func(path string) error { return os.Symlink("macvlan", path) }, "PLUGIN is not Colvin's CNI plugin, so it stays: read what BIN/macvlan is built of: "},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.must(tt.put(h.plugin))
			_, err := Run(t.Context(), &h.options)
			if err == nil || !h.there(h.plugin) || h.there(h.plugin+".ran") {
				t.Fatalf("%v; it is there: %v", err, h.there(h.plugin))
			}
			got := strings.ReplaceAll(strings.ReplaceAll(err.Error(), h.plugin, "PLUGIN"), h.bin, "BIN")
			if !strings.HasPrefix(got, tt.want) || strings.Contains(got, "\n") {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	h := newHost(t)
	for _, name := range []string{"", ".", "..", "a/b", "/"} {
		h.options.Name = name
		if _, err := Run(t.Context(), &h.options); err == nil {
			t.Errorf("a plugin called %q", name)
		}
	}
}

func copySelf(path string) error {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer self.Close()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, self)
	return errors.Join(err, f.Close())
}

// TestLinks holds that of a link its target stays, and that several paths to one plugin are
// no error.
func TestLinks(t *testing.T) {
	h := newHost(t)
	lib := filepath.Join(filepath.Dir(h.bin), "lib")
	h.must(os.Mkdir(lib, 0o755))
	h.install()
	target := filepath.Join(lib, "colvin-cni")
	h.must(os.Rename(h.plugin, target), os.Symlink("../lib/colvin-cni", h.plugin), os.Symlink(h.bin, h.bin+"2"))
	h.options.Dirs = []string{h.bin, h.bin + "2", filepath.Join(h.bin, "none")}
	r, err := Run(t.Context(), &h.options)
	h.must(err)
	if h.there(h.plugin) || !h.there(target) || len(r.Plugins) != 2 || r.Plugins[0].Target != target || !r.Plugins[0].Removed || !r.Plugins[1].Removed {
		t.Errorf("%+v; the target is there: %v", r, h.there(target))
	}
}

// TestAllOrNone holds that a foreign file in one directory keeps the plugin in the other.
func TestAllOrNone(t *testing.T) {
	h := newHost(t)
	h.install()
	other := privatedir.New(h)
	h.must(os.WriteFile(filepath.Join(other, "colvin"), []byte("#!/bin/sh\n"), 0o755))
	h.options.Dirs = append(h.options.Dirs, other)
	if _, err := Run(t.Context(), &h.options); err == nil || !h.there(h.plugin) {
		t.Errorf("%v; the plugin is there: %v", err, h.there(h.plugin))
	}
}

// TestReplaced holds that a file which was put there meanwhile stays.
func TestReplaced(t *testing.T) {
	h := newHost(t)
	h.install()
	h.options.recognize = func(path string) error {
		return errors.Join(recognizer(install.Plugin)(path), os.Rename(path, path+".old"), copySelf(path))
	}
	if _, err := Run(t.Context(), &h.options); err == nil || !strings.HasSuffix(err.Error(), "was replaced while it was looked at; try again") || !h.there(h.plugin) {
		t.Errorf("%v; the new one is there: %v", err, h.there(h.plugin))
	}
}

// awaitFrozen waits until somebody who removes the plugin waits for those at work.
func (h *host) awaitFrozen() {
	for tick := time.Tick(time.Millisecond); !safefile.Held(filepath.Join(h.records, "uninstall.lock")); <-tick {
		if h.Context().Err() != nil {
			return
		}
	}
}

// refused expects that no attachment can be recorded.
func (h *host) refused(l *record.Lock) {
	h.Helper()
	if err := l.Write(sample("c1")); !errors.Is(err, record.ErrUninstalled) {
		h.Errorf("an attachment was recorded: %v", err)
	}
}

// TestAtWork holds that a plugin which is at work is waited for, and that what it leaves
// counts.
func TestAtWork(t *testing.T) {
	h := newHost(t)
	h.install()
	s, err := record.Open(h.records)
	h.must(err)
	l, err := s.Lock(t.Context(), sample("c1").Key)
	h.must(err)
	if _, err := Run(t.Context(), &h.options); err == nil || !strings.Contains(err.Error(), "is at work (it holds "+h.records) || !h.there(h.plugin) {
		t.Errorf("%v; the plugin is there: %v", err, h.there(h.plugin))
	}
	adding := sample("c1")
	adding.Phase = record.Adding
	h.must(l.Write(adding)) // who was refused has frozen nothing
	if r, err := Run(t.Context(), &h.options); !errors.Is(err, ErrNeeded) || r.Attachments[0].State != Adding || Adding.Collectable() {
		t.Errorf("while attaching: %+v, %v", r, err)
	}
	h.must(l.Remove())
	h.options.Wait = time.Hour
	done := make(chan error, 1)
	go func() {
		_, err := Run(t.Context(), &h.options)
		done <- err
	}()
	h.awaitFrozen()
	h.refused(l)
	h.must(l.Unlock())
	if err := <-done; err != nil || h.there(h.plugin) {
		t.Errorf("%v; the plugin is there: %v", err, h.there(h.plugin))
	}
}

// TestTwoAtOnce holds that only one removes.
func TestTwoAtOnce(t *testing.T) {
	h := newHost(t)
	h.install()
	s, err := record.Open(h.records)
	h.must(err)
	release, err := s.Freeze(t.Context())
	h.must(err)
	if _, err := Run(t.Context(), &h.options); err == nil || !h.there(h.plugin) {
		t.Errorf("%v; the plugin is there: %v", err, h.there(h.plugin))
	}
	h.must(release())
}

// TestRace has plugins start while they are being removed: whoever has written a record has
// a plugin that can end it.
func TestRace(t *testing.T) {
	const rounds, plugins = 60, 4
	removed, refused := 0, 0
	for round := range rounds {
		h := newHost(t)
		h.must(copySelf(h.plugin))
		h.options.Wait, h.options.recognize = time.Minute, anything
		var all sync.WaitGroup
		for i := range plugins {
			all.Go(func() { _ = exec.Command(h.plugin, h.records, fmt.Sprint("c", i)).Run() })
		}
		// The later it is, the more plugins have come past the start.
		<-time.After(time.Duration(round%30) * time.Millisecond / 2)
		_, err := Run(t.Context(), &h.options)
		all.Wait()
		l, listErr := record.List(h.records)
		h.must(listErr)
		switch there := h.there(h.plugin); {
		case err == nil && !there && len(l.Records) == 0:
			removed++
		case errors.Is(err, ErrNeeded) && there && len(l.Records) > 0:
			refused++
		default:
			t.Fatalf("%v; the plugin is there: %v, records %+v", err, there, l.Records)
		}
	}
	t.Logf("removed %d times, refused %d times", removed, refused)
	if removed == 0 || refused == 0 {
		t.Log("no race on this machine")
	}
}

// TestKilled kills who removes: the plugin is there then, and works.
func TestKilled(t *testing.T) {
	h := newHost(t)
	h.must(copySelf(h.plugin))
	s, err := record.Open(h.records)
	h.must(err)
	l, err := s.Lock(t.Context(), sample("c1").Key)
	h.must(err)
	cmd := exec.Command("/proc/self/exe", h.bin, h.records)
	cmd.Args[0] = "remover"
	h.must(cmd.Start())
	h.awaitFrozen()
	h.refused(l)
	h.must(cmd.Process.Kill())
	_ = cmd.Wait() // killed
	h.must(l.Unlock())
	if !h.there(h.plugin) {
		t.Fatal("the plugin is gone")
	}
	if out, err := exec.Command(h.plugin, h.records, "c2").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	entries, err := os.ReadDir(h.bin)
	h.must(err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"colvin", "macvlan"}, names); diff != "" {
		t.Errorf("left in the CNI directory (-want +got):\n%s", diff)
	}
	h.options.recognize = anything
	r, err := Run(t.Context(), &h.options)
	if !errors.Is(err, ErrNeeded) || !slices.ContainsFunc(r.Attachments, func(a Attachment) bool { return a.ContainerID == "c2" }) {
		t.Errorf("afterwards: %+v, %v", r, err)
	}
}
