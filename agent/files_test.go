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
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// renewAfter is when files that are as they should be are written again.
const renewAfter = agentGone / 2

// A filesBench is the files alone.
type filesBench struct {
	*files
	t      *testing.T
	dir    string        // of both files
	until  time.Time     // when what is usable stops being so
	frozen time.Duration // how long a Step waits before it is taken
	said   *Step         // what the files say of the last one
}

func newFilesBench(t *testing.T) *filesBench {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, nodefile.FileName)
	return &filesBench{t: t, dir: dir, files: newFiles(path, memories{run: statefile.Dir(dir)}, sinceBoot, nil, slog.New(slog.DiscardHandler))}
}

// take has the files take a Step in which the networks can be attached to, each with its
// certainty.
func (b *filesBench) take(certainty nodefile.Certainty, networks ...string) (again time.Duration) {
	now, eth1 := time.Now(), nodefile.Link{Name: "eth1", Index: 2, MAC: macOf(2).String()}
	s := &Step{Input: mapping.Input{Snapshot: &discovery.Snapshot{Time: now}}, View: mapping.View{Node: "node1", BootID: "boot-1", Time: now.Add(-b.frozen), Converged: true}}
	for i, name := range networks {
		s.View.Uplinks = append(s.View.Uplinks, mapping.Uplink{
			Name: name, Certainty: certainty, Usable: true, Until: b.until, Identity: mapping.Identity{Switch: "mac:" + sw1, VLAN: uint16(i + 1)},
			Device: eth1, Port: eth1,
		})
	}
	s.Memory.Ports = []belief.Port{{Interface: string(certainty)}} // so that it is another one too
	b.said = s
	return b.Take(now, s)
}

// names lists the networks in the file; nil where there is none.
func (b *filesBench) names() []string {
	b.t.Helper()
	f, err := nodefile.Read(b.path)
	if err != nil {
		return nil
	}
	out := []string{}
	for _, n := range f.Networks {
		out = append(out, fmt.Sprint(n.Name, " ", n.Uplinks[0].Certainty))
	}
	return out
}

func (b *filesBench) expect(when string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.names()); diff != "" {
		b.t.Errorf("%s: networks (-want +got):\n%s", when, diff)
	}
}

// exhaust makes changes that take nothing away until one is held back, and returns for how
// long.
func (b *filesBench) exhaust() time.Duration {
	b.t.Helper()
	for i := range 2 * writeBurst {
		if again := b.take([]nodefile.Certainty{nodefile.Fresh, nodefile.Stale}[i%2], "green", "red"); again != renewAfter {
			if i < writeBurst {
				b.t.Fatalf("held back after %d writes, want %d at once", i, writeBurst)
			}
			return again
		}
	}
	b.t.Fatal("nothing is ever held back")
	return 0
}

func TestFilesLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		again := b.exhaust()
		if again != time.Second || b.writes != 10 { // as docs/architecture.md says
			t.Errorf("%d writes, then again in %v; want 10 and 1s", b.writes, again)
		}
		b.expect("held back", "green stale", "red stale")
		time.Sleep(again - time.Millisecond)
		if again := b.take(nodefile.Fresh, "green", "red"); again.Round(time.Microsecond) != time.Millisecond {
			t.Errorf("just before that again in %v", again)
		}
		time.Sleep(time.Millisecond)
		if again := b.take(nodefile.Fresh, "green", "red"); again != renewAfter {
			t.Errorf("after that again in %v", again)
		}
		b.expect("later", "green fresh", "red fresh")
	})
}

// TestFilesUrgent holds that what is not true any more goes though the limit is used up,
// and that this has a limit too.
func TestFilesUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		var all []string
		for i := range 2 * writeBurst {
			all = append(all, fmt.Sprintf("net-%02d", i))
		}
		for i := range writeBurst {
			b.take([]nodefile.Certainty{nodefile.Stale, nodefile.Fresh}[i%2], all...)
		}
		if again := b.take(nodefile.Stale, all...); again >= renewAfter {
			t.Error("the limit is not used up, so this tests nothing")
		}
		writes := b.writes
		for again := renewAfter; again == renewAfter; {
			all = all[:len(all)-1]
			if again = b.take(nodefile.Fresh, all...); again != renewAfter && again != 100*time.Millisecond {
				t.Errorf("again in %v, want 100ms", again)
			}
		}
		if got := b.writes - writes; got != writeBurst {
			t.Errorf("%d urgent writes at once, want %d", got, writeBurst)
		}
	})
}

// TestFilesUnchanged holds that what is as it should be is not written, whenever it is
// looked at, until half of what was granted is over.
func TestFilesUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		for i := range 10 {
			again := b.take(nodefile.Fresh, "green")
			if want := renewAfter - time.Duration(i%3)*renewAfter/3; again != want || b.writes != uint64(i/3+1) || !b.Intact() {
				t.Errorf("%d: %d writes, again in %v, want %v; intact %v", i, b.writes, again, want, b.Intact())
			}
			if left := b.left(); left < renewAfter {
				t.Errorf("%d: it may be attached by for %v", i, left)
			}
			time.Sleep(renewAfter / 3)
		}
	})
}

// left is for how long anybody may attach by the file.
func (b *filesBench) left() time.Duration {
	b.t.Helper()
	f, err := nodefile.Read(b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	return f.Networks[0].Uplinks[0].Until - sinceBoot()
}

// TestFilesDeadline holds that what ends sooner than the file says is told at once, and
// what ends anyway is not written again and again.
func TestFilesDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		b.take(nodefile.Fresh, "green")
		b.until = time.Now().Add(time.Minute)
		if again := b.take(nodefile.Fresh, "green"); again != 30*time.Second || b.writes != 2 || b.left() != time.Minute {
			t.Errorf("shortened: %d writes, again in %v, %v left", b.writes, again, b.left())
		}
		for again := 30 * time.Second; b.left() > 0; {
			time.Sleep(again)
			if again = b.take(nodefile.Fresh, "green"); again < time.Second || b.writes != 2 {
				t.Fatalf("nothing can be renewed: %d writes, again in %v, %v left", b.writes, again, b.left())
			}
		}
		b.until = time.Time{}
		if again := b.take(nodefile.Fresh, "green"); again != renewAfter || b.writes != 3 || b.left() != agentGone {
			t.Errorf("heard again: %d writes, again in %v, %v left", b.writes, again, b.left())
		}
		time.Sleep(writeBurst * writeEvery)
		b.exhaust()
		b.until = time.Now().Add(time.Minute)
		if b.take(nodefile.Fresh, "green", "red"); b.left() != time.Minute {
			t.Errorf("shortened, and the limit is used up: %v left", b.left())
		}
	})
}

// TestFilesFrozen holds that an agent that was frozen in the midst of a Step does not
// grant a new deadline for what was seen before.
func TestFilesFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		b.frozen = time.Hour
		b.take(nodefile.Fresh, "green")
		if left := b.left(); left != agentGone-time.Hour {
			t.Errorf("%v left, want %v", left, agentGone-time.Hour)
		}
	})
}

// TestFilesUnrenewed holds that a file whose deadlines cannot be renewed stays: it is true
// until then.
func TestFilesUnrenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		b.take(nodefile.Fresh, "green")
		free := obstruct(t, b.path)
		time.Sleep(renewAfter)
		if again := b.take(nodefile.Fresh, "green"); again != writeEvery || b.Unwritten() == nil || b.left() != renewAfter {
			t.Errorf("again in %v, unwritten %v, %v left", again, b.Unwritten(), b.left())
		}
		free()
		time.Sleep(writeEvery)
		if b.take(nodefile.Fresh, "green"); b.Unwritten() != nil || b.left() != agentGone {
			t.Errorf("with room: unwritten %v, %v left", b.Unwritten(), b.left())
		}
	})
}

// TestFilesCleaned removes the node file as a cleaner would, or writes another.
func TestFilesCleaned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		b.take(nodefile.Fresh, "green")
		for what, do := range map[string]func() error{
			"removed": func() error { return os.Remove(b.path) },
			"changed": func() error { return os.WriteFile(b.path, nil, 0o600) },
		} {
			if err := do(); err != nil {
				t.Fatal(err)
			}
			if b.Intact() {
				t.Errorf("%s: intact", what)
			}
			if again := b.take(nodefile.Fresh, "green"); again != renewAfter || !b.Intact() {
				t.Errorf("%s: again in %v, intact %v", what, again, b.Intact())
			}
			b.expect(what, "green fresh")
		}
	})
}

// TestFilesWithoutMemory holds that a memory which cannot be saved keeps the node file
// from nothing, and is saved as soon as it can be.
func TestFilesWithoutMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		b.kept.run = statefile.Dir(filepath.Join(b.dir, "other")) // is not there
		if again := b.take(nodefile.Fresh, "green"); again != writeEvery || b.Unwritten() == nil || b.writes != 0 {
			t.Errorf("again in %v, unwritten %v, %d writes", again, b.Unwritten(), b.writes)
		}
		b.expect("no memory", "green fresh")
		if err := os.Mkdir(string(b.kept.run), 0o700); err != nil {
			t.Fatal(err)
		}
		if again := b.take(nodefile.Fresh, "green"); again != renewAfter || b.Unwritten() != nil || b.writes != 1 {
			t.Errorf("with room: again in %v, unwritten %v, %d writes", again, b.Unwritten(), b.writes)
		}
		if err := os.Remove(b.kept.run.Path(memoryFormat.Name)); err != nil {
			t.Error(err)
		}
		if err := os.Remove(string(b.kept.run)); err != nil {
			t.Fatal(err)
		}
		if err := b.Finish(); err == nil {
			t.Error("the last attempt to save fails silently")
		}
	})
}

// TestFilesWithoutNodeFile holds that no node file is left rather than an old one, and
// that the memory is saved all the same.
func TestFilesWithoutNodeFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		b.take(nodefile.Fresh, "green")
		obstacle := filepath.Join(b.path+".tmp", "x")
		if err := os.MkdirAll(obstacle, 0o700); err != nil {
			t.Fatal(err)
		}
		if again := b.take(nodefile.Stale, "green"); again != writeEvery || b.Unwritten() == nil || b.Intact() {
			t.Errorf("again in %v, unwritten %v, intact %v", again, b.Unwritten(), b.Intact())
		}
		if got := b.names(); got != nil {
			t.Errorf("an old file is left: %v", got)
		}
		if m, err := b.kept.read(time.Time{}); err != nil || len(m.Ports) != 1 || m.Ports[0].Interface != string(nodefile.Stale) {
			t.Errorf("memory %+v, %v", m, err)
		}
		if err := os.RemoveAll(filepath.Dir(obstacle)); err != nil {
			t.Fatal(err)
		}
		if again := b.take(nodefile.Stale, "green"); again != renewAfter || b.Unwritten() != nil {
			t.Errorf("with room: again in %v, unwritten %v", again, b.Unwritten())
		}
		b.expect("with room", "green stale")
	})
}

// TestFilesFinish holds that the end writes what a limit holds back, and nothing where
// there is nothing.
func TestFilesFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		if err := b.Finish(); err != nil || b.names() != nil {
			t.Errorf("before the first step: %v, networks %v", err, b.names())
		}
		b.exhaust()
		time.Sleep(time.Minute)
		if err := b.Finish(); err != nil {
			t.Error(err)
		}
		b.expect("the last word", "green fresh", "red fresh")
		if f, err := memoryFormat.Read(b.kept.run); err != nil || !f.Saved.Equal(time.Now()) {
			t.Errorf("the memory was true until %v, %v; want %v", f.Saved, err, time.Now())
		}
	})
}

// TestFilesFinishClockSet holds that a memory which is saved after the clock was set back is
// not taken for an older one than the node file, which was written before.
func TestFilesFinishClockSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		b.take(nodefile.Fresh, "green")
		b.now = func() time.Time { return time.Now().Add(-time.Hour) }
		if err := b.Finish(); err != nil {
			t.Error(err)
		}
		if m, err := b.kept.read(b.file.Written); err != nil || len(m.Ports) != 1 {
			t.Errorf("memory %+v, %v", m, err)
		}
	})
}

// slack is by how much deadlines may differ and be the same.
const slack = 100 * time.Millisecond

// TestRenewal holds when a deadline is written anew, and when it is looked at again.
func TestRenewal(t *testing.T) {
	const at, was = time.Hour, 2 * time.Hour // written, and until when
	of := func(until time.Duration) *nodefile.File {
		return &nodefile.File{Networks: []nodefile.Network{{Uplinks: []nodefile.Uplink{{Until: until}}}}}
	}
	for name, tt := range map[string]struct {
		was, want, now time.Duration
		due            bool
		again          time.Duration
	}{
		"just written":       {was, was, at, false, 30 * time.Minute},
		"half is left":       {was, was + time.Hour, at + 30*time.Minute, true, never},
		"a bit more is left": {was, was + time.Hour, at + 30*time.Minute - 1, false, 1},
		"it ends sooner":     {was, was - slack - 1, at, true, 30 * time.Minute},
		"as good as before":  {was, was - slack, at, false, 30 * time.Minute},
		"no more to grant":   {was, was + slack, was - time.Minute, false, 30 * time.Second},
		"nearly over":        {was, was, was - 1, false, time.Second},
		"over":               {was, was, was, false, never},
		"not usable":         {0, time.Hour, at, false, never},
	} {
		got := renew(of(tt.was), of(tt.want), at, tt.now)
		if got.due != tt.due || !got.due && got.again != tt.again {
			t.Errorf("%s: %+v, want due %t, again in %v", name, got, tt.due, tt.again)
		}
	}
}

func TestTakesAway(t *testing.T) {
	const until = time.Hour
	before := nodefile.Uplink{Usable: true, Identity: "i", Device: nodefile.Link{Name: "eth1", Index: 2}, VID: 7, Until: until}
	of := func(all ...nodefile.Uplink) *nodefile.File {
		return &nodefile.File{Networks: []nodefile.Network{{Name: "green", Uplinks: all}}}
	}
	for name, tt := range map[string]struct {
		change func(after *nodefile.Uplink)
		want   bool
	}{
		"the same":          {func(*nodefile.Uplink) {}, false},
		"for longer":        {func(a *nodefile.Uplink) { a.Until++ }, false},
		"as good as before": {func(a *nodefile.Uplink) { a.Until -= slack }, false},
		"not for as long":   {func(a *nodefile.Uplink) { a.Until -= slack + 1 }, true},
		"not usable":        {func(a *nodefile.Uplink) { a.Usable = false }, true},
		"another network":   {func(a *nodefile.Uplink) { a.Identity = "j" }, true},
		"another device":    {func(a *nodefile.Uplink) { a.Device.Index++ }, true},
		"another VLAN":      {func(a *nodefile.Uplink) { a.VID++ }, true},
	} {
		after := before
		tt.change(&after)
		if got := takesAway(of(before), of(after)); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
		if unusable := (nodefile.Uplink{Until: until}); takesAway(of(unusable), of(after)) || takesAway(nil, of(after)) {
			t.Errorf("%s: it takes away what was not there", name)
		}
	}
	if !takesAway(of(before), of()) || !takesAway(of(before), &nodefile.File{}) {
		t.Error("what is gone was not taken away")
	}
}

// TestMemoryBeforeNodeFile holds that an agent which is killed between the two does not
// come back with an older opinion than the plugin has read.
func TestMemoryBeforeNodeFile(t *testing.T) {
	b := newFilesBench(t)
	w, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	if err := w.Add(b.dir); err != nil {
		t.Fatal(err)
	}
	for i, certainty := range []nodefile.Certainty{nodefile.Fresh, nodefile.Stale} {
		b.take(certainty, "green")
		if b.Unwritten() != nil {
			t.Fatal(b.Unwritten())
		}
		var made []string
		for len(made) < 2 {
			e := <-w.Events
			if name := filepath.Base(e.Name); e.Has(fsnotify.Create) && (name == memoryFormat.Name || name == nodefile.FileName) {
				made = append(made, name)
			}
		}
		if !slices.Equal(made, []string{memoryFormat.Name, nodefile.FileName}) {
			t.Errorf("write %d: %v", i+1, made)
		}
	}
}

// TestFilesSay holds what those who come after the files are told of them.
func TestFilesSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		expect := func(when string, out, current bool, writes uint64) {
			t.Helper()
			if b.said.Out != out || b.said.Current != current || b.said.Writes != writes {
				t.Errorf("%s: out %t, current %t, %d writes; want %t, %t, %d", when, b.said.Out, b.said.Current, b.said.Writes, out, current, writes)
			}
		}
		free := obstruct(t, b.path)
		b.take(nodefile.Fresh, "green")
		expect("without room", false, false, 0)
		free()
		b.take(nodefile.Fresh, "green")
		expect("written", true, true, 1)
		b.take(nodefile.Fresh, "green")
		expect("unchanged", true, true, 1)
		time.Sleep(writeBurst * writeEvery)
		b.exhaust()
		expect("held back", true, false, b.writes)
	})
}

// TestFilesTrouble holds that a disk which stays full is logged once, and once more when it
// is full again.
func TestFilesTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		var log bytes.Buffer
		b.log = slog.New(slog.NewTextHandler(&log, nil))
		for n := range 2 {
			free := obstruct(t, b.path)
			for _, certainty := range []nodefile.Certainty{nodefile.Fresh, nodefile.Stale} {
				b.take(certainty, "green")
				if said := log.String(); strings.Count(said, "\n") != n+1 || b.Unwritten() == nil {
					t.Errorf("full for the time number %d: unwritten %v, log:\n%s", n, b.Unwritten(), said)
				}
			}
			free()
			if b.take(nodefile.Stale, "green"); b.Unwritten() != nil {
				t.Errorf("with room: %v", b.Unwritten())
			}
		}
	})
}

// TestFilesStuck holds that it is told when not even the old node file can be taken away.
func TestFilesStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		b.take(nodefile.Fresh, "green")
		obstruct(t, b.path)
		if err := errors.Join(os.Remove(b.path), os.MkdirAll(filepath.Join(b.path, "x"), 0o700)); err != nil {
			t.Fatal(err)
		}
		b.take(nodefile.Fresh, "green")
		if err := b.Unwritten(); err == nil || !strings.Contains(err.Error(), "remove "+b.path+": directory not empty") {
			t.Errorf("unwritten: %v", err)
		}
	})
}

// TestFilesMemoryStays holds that a memory which says what it should stays where it cannot be
// written once more.
func TestFilesMemoryStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		path := b.kept.run.Path(memoryFormat.Name)
		b.take(nodefile.Fresh, "green")
		obstruct(t, path)
		time.Sleep(renewAfter)
		b.take(nodefile.Fresh, "green")
		if _, err := os.Stat(path); err != nil || b.Unwritten() == nil {
			t.Errorf("the same: %v, unwritten %v", err, b.Unwritten())
		}
		b.take(nodefile.Stale, "green")
		if _, err := os.Stat(path); err == nil {
			t.Error("an old memory is left")
		}
	})
}

// TestFilesIntact holds that a file that anybody touched is not taken for the one that was
// written.
func TestFilesIntact(t *testing.T) {
	for name, change := range map[string]func(path string, data []byte, st os.FileInfo) error{
		"another file": func(path string, data []byte, st os.FileInfo) error {
			return errors.Join(os.WriteFile(path+".x", data, 0o600), os.Chtimes(path+".x", time.Time{}, st.ModTime()), os.Rename(path+".x", path))
		},
		"another length": func(path string, data []byte, st os.FileInfo) error {
			return errors.Join(os.WriteFile(path, append(data, ' '), 0o600), os.Chtimes(path, time.Time{}, st.ModTime()))
		},
		"another time": func(path string, _ []byte, st os.FileInfo) error {
			return os.Chtimes(path, time.Time{}, st.ModTime().Add(1))
		},
		"gone": func(path string, _ []byte, _ os.FileInfo) error { return os.Remove(path) },
	} {
		b := newFilesBench(t)
		if b.Intact() {
			t.Errorf("%s: intact before anything is written", name)
		}
		b.take(nodefile.Fresh, "green")
		data, err := os.ReadFile(b.path)
		if err != nil {
			t.Fatal(err)
		}
		if !b.Intact() {
			t.Errorf("%s: not intact from the beginning", name)
		}
		if err := change(b.path, data, b.stat); err != nil {
			t.Fatal(err)
		}
		if b.Intact() {
			t.Errorf("%s: intact", name)
		}
	}
}

// TestFilesFinishRenewsNothing holds that who ends grants nothing anew, but takes away what
// was held back.
func TestFilesFinishRenewsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		b.take(nodefile.Fresh, "green")
		time.Sleep(time.Minute)
		b.take(nodefile.Fresh, "green")
		if err := b.Finish(); err != nil || b.left() != agentGone-time.Minute {
			t.Errorf("%v, %v left, want %v", err, b.left(), agentGone-time.Minute)
		}
		for i := range 2 * writeBurst {
			b.until = time.Now().Add(time.Duration(2*writeBurst-i) * time.Minute / 2)
			b.take(nodefile.Fresh, "green")
		}
		if b.left() == 30*time.Second {
			t.Error("nothing is held back, so this tests nothing")
		}
		if err := b.Finish(); err != nil || b.left() != 30*time.Second {
			t.Errorf("%v, %v left, want 30s", err, b.left())
		}
	})
}

// TestSameContent holds that times alone make no other file, and that comparing changes none.
func TestSameContent(t *testing.T) {
	of := func(written int64, untils ...[]time.Duration) *nodefile.File {
		f := &nodefile.File{Node: "node1", Written: time.Unix(written, 0)}
		for i, network := range untils {
			n := nodefile.Network{Name: fmt.Sprint("net", i)}
			for j, until := range network {
				n.Uplinks = append(n.Uplinks, nodefile.Uplink{VID: uint16(j), Until: until})
			}
			f.Networks = append(f.Networks, n)
		}
		return f
	}
	type network = []time.Duration
	a := of(1, network{1, 2}, network{3})
	for name, tt := range map[string]struct {
		b    *nodefile.File
		want bool
	}{
		"other times":      {of(2, network{4, 5}, network{6}), true},
		"a network more":   {of(1, network{1, 2}, network{3}, network{4}), false},
		"a network less":   {of(1, network{1, 2}), false},
		"an uplink more":   {of(1, network{1, 2}, network{3, 4}), false},
		"an uplink less":   {of(1, network{1}, network{3}), false},
		"another node":     {&nodefile.File{Node: "node2", Written: a.Written, Networks: a.Networks}, false},
		"none of anything": {of(1), false},
	} {
		if got := sameContent(a, tt.b); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
		if got := sameContent(tt.b, a); got != tt.want {
			t.Errorf("%s, the other way round: %t, want %t", name, got, tt.want)
		}
		if diff := cmp.Diff(of(1, network{1, 2}, network{3}), a); diff != "" {
			t.Fatalf("%s: it was changed (-before +after):\n%s", name, diff)
		}
	}
}

// TestIsolationIsTold holds that the plugin is told what isolation the node has.
func TestIsolationIsTold(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.config.Isolation = nodefile.IsolationStrict
		b.start()
		b.see()
		if got := b.nodeFile().Isolation; got != nodefile.IsolationStrict {
			b.t.Errorf("isolation %q", got)
		}
	})
}

// TestLease holds until when the plugin may attach: 15 minutes after what was seen, as
// docs/cni.md says, or sooner where the mapping says so.
func TestLease(t *testing.T) {
	seen := time.Unix(1000, 0)
	for name, tt := range map[string]struct {
		now       time.Time
		sinceBoot time.Duration
		uplink    mapping.Uplink
		want      time.Duration
	}{
		"seen now":                  {seen, time.Hour, mapping.Uplink{Usable: true}, time.Hour + 15*time.Minute},
		"seen a minute ago":         {seen.Add(time.Minute), time.Hour, mapping.Uplink{Usable: true}, time.Hour + 14*time.Minute},
		"the clock was set":         {seen.Add(-time.Minute), time.Hour, mapping.Uplink{Usable: true}, time.Hour + 15*time.Minute},
		"it ends sooner":            {seen, time.Hour, mapping.Uplink{Usable: true, Until: seen.Add(time.Minute)}, time.Hour + time.Minute},
		"it ends later":             {seen, time.Hour, mapping.Uplink{Usable: true, Until: seen.Add(time.Hour)}, time.Hour + 15*time.Minute},
		"it has ended":              {seen, time.Hour, mapping.Uplink{Usable: true, Until: seen.Add(-time.Minute)}, 59 * time.Minute},
		"it ended before it was up": {seen, 0, mapping.Uplink{Usable: true, Until: seen.Add(-time.Minute)}, 1},
		"it ends as it began":       {seen, 0, mapping.Uplink{Usable: true, Until: seen}, 1},
		"it is not usable":          {seen, time.Hour, mapping.Uplink{Until: seen.Add(time.Minute)}, 0},
	} {
		if got := newLease(seen, tt.now, tt.sinceBoot).until(&tt.uplink); got != tt.want {
			t.Errorf("%s: until %v, want %v", name, got, tt.want)
		}
	}
}

// TestRenewalOfSeveral holds that the file is written when one deadline is due, and looked at
// when the first will be.
func TestRenewalOfSeveral(t *testing.T) {
	of := func(untils ...time.Duration) *nodefile.File {
		f := &nodefile.File{Networks: []nodefile.Network{{}, {}}}
		for i, until := range untils {
			n := &f.Networks[min(i, 1)]
			n.Uplinks = append(n.Uplinks, nodefile.Uplink{Until: until})
		}
		return f
	}
	const h = time.Hour
	if got := renew(of(3*h, 5*h, 4*h), of(9*h, 9*h, 9*h), h, h); got.due || got.again != h {
		t.Errorf("none is due: %+v, want again in an hour", got)
	}
	for i := range 3 {
		was := []time.Duration{9 * h, 9 * h, 9 * h}
		was[i] = 2 * h
		if got := renew(of(was...), of(9*h, 9*h, 9*h), h, 2*h); !got.due {
			t.Errorf("number %d is due: %+v", i, got)
		}
	}
}

// TestFilesWithoutLimit holds that a limit of others takes the place of both.
func TestFilesWithoutLimit(t *testing.T) {
	b := newFilesBench(t)
	b.files = newFiles(b.path, b.kept, sinceBoot, rate.NewLimiter(rate.Inf, 1), b.log)
	for i := range 4 * writeBurst {
		b.take([]nodefile.Certainty{nodefile.Fresh, nodefile.Stale}[i%2], []string{"green", "red"}[i%2])
	}
	if b.writes != 4*writeBurst {
		t.Errorf("%d writes, want %d", b.writes, 4*writeBurst)
	}
}

// TestFilesMemoryAlone holds that a memory which changes nothing of the node file is saved, once
// and alone.
func TestFilesMemoryAlone(t *testing.T) {
	b := newFilesBench(t)
	b.take(nodefile.Fresh, "green")
	written := b.stat
	s := *b.said
	s.Memory.Ports = []belief.Port{{Interface: "another"}}
	for range 2 {
		b.Take(time.Now(), &s)
		if m, err := b.kept.read(time.Time{}); err != nil || len(m.Ports) != 1 || m.Ports[0].Interface != "another" || b.writes != 2 {
			t.Errorf("%d writes, memory %+v, %v", b.writes, m, err)
		}
	}
	if st, err := os.Stat(b.path); err != nil || !os.SameFile(st, written) {
		t.Errorf("the node file was written again: %v", err)
	}
}

// TestFilesUnshortened holds that a node file goes that says more than is true, where the
// sooner deadline cannot be written.
func TestFilesUnshortened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFilesBench(t)
		b.take(nodefile.Fresh, "green")
		obstruct(t, b.path)
		b.until = time.Now().Add(time.Minute)
		if b.take(nodefile.Fresh, "green"); b.names() != nil || b.Unwritten() == nil {
			t.Errorf("left is %v, unwritten %v", b.names(), b.Unwritten())
		}
	})
}
