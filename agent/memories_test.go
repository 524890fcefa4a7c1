// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
)

// loseRun loses the run directory's memory, as a reboot would, but with the boot ID and
// all else as it was.
func (b *bench) loseRun() {
	b.t.Helper()
	if err := os.Remove(filepath.Join(b.config.RunDirectory, memoryFormat.Name)); err != nil {
		b.t.Fatal(err)
	}
}

// TestRestartTrusts holds that an agent which is restarted goes on where it ended, and
// only where it is the same boot, the same network namespace and the same memory.
func TestRestartTrusts(t *testing.T) {
	for name, tt := range map[string]struct {
		meanwhile func(b *bench)
		want      string
	}{
		"restarted":            {func(*bench) {}, "green eth1 fresh"},
		"run directory lost":   {(*bench).loseRun, "green eth1 unverified"},
		"namespace made again": {func(b *bench) { b.instance = "boot-1 netns 2" }, "green eth1 unverified"},
		"rebooted":             {func(b *bench) { b.boot, b.instance = "boot-2", "boot-2 netns 1" }, "green eth1 unverified"},
	} {
		t.Run(name, func(t *testing.T) {
			playAgent(t, func(b *bench) {
				b.write("rules.yaml", greenAndBlue)
				b.instance = "boot-1 netns 1"
				b.start()
				b.see(heard(sw1, 100))
				b.stop()
				tt.meanwhile(b)
				b.start()
				b.see()
				b.expect("not heard yet", tt.want)
				b.see(heard(sw1, 100))
				b.expect("heard", "green eth1 fresh")
			})
		})
	}
}

// TestFullStateDisk holds that what could not be kept for another boot leaves nothing of
// before, which would be suspected of what has changed since.
func TestFullStateDisk(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw1, 100))
		free := obstruct(b.t, filepath.Join(b.config.StateDirectory, memoryFormat.Name))
		b.stand(sw1, 200)
		b.stand(sw1, 200)
		b.expect("another VLAN", "blue eth1 fresh")
		if got := b.conditions(); len(got) != 1 || got[0] != mapping.FilesUnwritable {
			b.t.Errorf("conditions %v, want FilesUnwritable", got)
		}
		if err := b.end(); err == nil {
			b.t.Error("the memory is not kept, and nobody says so")
		}
		free()
		b.loseRun()
		b.start()
		b.see()
		b.expect("nothing is known")
	})
}

// TestMemoryCopy holds that a port that flaps does not wear out the disk, and that the
// last state is kept.
func TestMemoryCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memories{run: statefile.Dir(t.TempDir()), state: statefile.Dir(t.TempDir())}
		c := &memoryCopy{to: m, clock: time.Now}
		take := func(ifname string) time.Duration {
			var s Step
			s.Memory.Ports = []belief.Port{{Interface: ifname}}
			return c.Take(time.Now(), &s)
		}
		kept := func(want string) {
			t.Helper()
			got, err := m.read(time.Time{})
			if err != nil || len(got.Ports) != 1 || got.Ports[0].Interface != want || got.BootID != "" {
				t.Errorf("%+v, %v; want %s, of no instance", got, err, want)
			}
		}
		if again := take("eth1"); again != never {
			t.Errorf("again in %v", again)
		}
		kept("eth1")
		time.Sleep(copyEvery / 3)
		if again := take("eth2"); again != copyEvery-copyEvery/3 {
			t.Errorf("again in %v", again)
		}
		kept("eth1")
		time.Sleep(copyEvery)
		if again := take("eth2"); again != never {
			t.Errorf("again in %v", again)
		}
		kept("eth2")
		take("eth3")
		if err := c.Finish(); err != nil {
			t.Error(err)
		}
		kept("eth3")
	})
}

// TestMemoryAndNodeFile holds which memory is believed beside a node file: none that is older.
// Where there is none at all nothing is wrong.
func TestMemoryAndNodeFile(t *testing.T) {
	m := memories{run: statefile.Dir(t.TempDir()), state: statefile.Dir(t.TempDir())}
	written := time.Now()
	if got, err := m.read(written); err != nil || got.Ports != nil {
		t.Errorf("none: %+v, %v", got, err)
	}
	suspect := mapping.Memory{BootID: "boot-1", Ports: []belief.Port{{Interface: "eth2"}}}
	if err := m.copy(suspect, written); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		saved    time.Time
		believed bool
	}{
		"older": {written.Add(-time.Second), false},
		"same":  {written, true},
		"newer": {written.Add(time.Second), true},
	} {
		if err := m.save(mapping.Memory{BootID: "boot-1", Ports: []belief.Port{{Interface: "eth1"}}}, tt.saved); err != nil {
			t.Fatal(err)
		}
		want := mapping.Memory{Ports: suspect.Ports}
		if tt.believed {
			want = mapping.Memory{BootID: "boot-1", Ports: []belief.Port{{Interface: "eth1"}}}
		}
		got, err := m.read(written)
		if (err == nil) != tt.believed || got.BootID != want.BootID || len(got.Ports) != 1 || got.Ports[0].Interface != want.Ports[0].Interface {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	if err := os.WriteFile(m.state.Path(memoryFormat.Name), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is gone need not be removed
		if err := m.forget(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.read(written); err == nil || !strings.Contains(err.Error(), ".damaged") {
		t.Errorf("the copy is damaged: %v", err)
	}
}

// TestMemoryCopyTimes holds when a copy that is due is made: not for a minute after the last
// one, whatever a clock that was set back says, and again where it failed.
func TestMemoryCopyTimes(t *testing.T) {
	now := time.Unix(100_000, 0)
	state := filepath.Join(t.TempDir(), "state")
	c := &memoryCopy{to: memories{run: statefile.Dir(t.TempDir()), state: statefile.Dir(state)}, clock: func() time.Time { return now }}
	ports := 0
	take := func(after time.Duration) time.Duration {
		var s Step
		ports++
		s.Memory.Ports = []belief.Port{{Interface: fmt.Sprint("eth", ports)}}
		return c.Take(now.Add(after), &s)
	}
	if again := take(0); again != time.Minute || c.Unwritten() == nil {
		t.Errorf("no directory: again in %v, unwritten %v", again, c.Unwritten())
	}
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ after, again time.Duration }{
		{time.Minute - 1, 1},
		{time.Minute, never},
		{time.Minute, time.Minute},
		{time.Minute + 1, time.Minute - 1},
		{2 * time.Minute, never},
		{2*time.Minute - 1, never},
		{2 * time.Minute, time.Minute - 1},
		{-time.Hour, never},
	} {
		if again := take(tt.after); again != tt.again || again == never && c.Unwritten() != nil {
			t.Errorf("after %v: again in %v, want %v; unwritten %v", tt.after, again, tt.again, c.Unwritten())
		}
	}
	if err := os.Remove(filepath.Join(state, memoryFormat.Name)); err != nil {
		t.Fatal(err)
	}
	ports--
	if again := take(time.Hour); again != never {
		t.Errorf("nothing new: again in %v", again)
	}
	if err := c.Finish(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(state, memoryFormat.Name)); err == nil {
		t.Error("what is kept was written again")
	}
}

// TestCopyCannotGo holds that it is told when not even the old copy can be removed.
func TestCopyCannotGo(t *testing.T) {
	m := memories{state: statefile.Dir(t.TempDir())}
	path := m.state.Path(memoryFormat.Name)
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := m.copy(mapping.Memory{}, time.Now()); err == nil || !strings.Contains(err.Error(), "remove "+path+": ") {
		t.Errorf("copy: %v", err)
	}
}
