// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"

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
		if again <= 0 || again > writeEvery || b.writes != writeBurst {
			t.Errorf("%d writes, then again in %v; want %d and within %v", b.writes, again, writeBurst, writeEvery)
		}
		b.expect("held back", "green stale", "red stale")
		time.Sleep(again)
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
			if again = b.take(nodefile.Fresh, all...); again != renewAfter && again > urgentEvery {
				t.Errorf("again in %v, want within %v", again, urgentEvery)
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
		if err := b.Finish(); err != nil {
			t.Error(err)
		}
		b.expect("the last word", "green fresh", "red fresh")
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
		"it ends sooner":     {was, was - leaseSlack - 1, at, true, 30 * time.Minute},
		"as good as before":  {was, was - leaseSlack, at, false, 30 * time.Minute},
		"no more to grant":   {was, was + leaseSlack, was - time.Minute, false, 30 * time.Second},
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
		"as good as before": {func(a *nodefile.Uplink) { a.Until -= leaseSlack }, false},
		"not for as long":   {func(a *nodefile.Uplink) { a.Until -= leaseSlack + 1 }, true},
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
