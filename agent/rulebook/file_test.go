// SPDX-License-Identifier: Apache-2.0

package rulebook

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/internal/filewatch"
	"github.com/colvin-net/colvin/internal/netnstest"
)

const (
	firstRule  = "networks:\n  - name: green\n    match: [{system: sw-1, vlan: 100}]\n"
	secondRule = "  - name: blue\n    match: [{system: sw-1, vlan: 200}]\n"
	bothRules  = firstRule + secondRule
)

// told is a watch that a test has in its hands.
type told chan filewatch.Event

func (w told) Events() <-chan filewatch.Event { return w }

func (told) Close() error { return nil }

// A follower is a shelf whose Book runs, and is told of the file by the test.
type follower struct {
	*shelf
	events told
	rules  Rules // told last
	full   atomic.Bool
}

// follow runs f beside a Book in a bubble. The rules of before are in force.
func follow(t *testing.T, before string, f func(*follower)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &follower{shelf: newShelf(t, nil), events: make(told)}
		s.write(before)
		s.rules = s.open(s.path, "")
		s.book.file.full = func(string) bool { return s.full.Load() }
		s.book.watch = func(string) (watch, error) { return s.events, nil }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.book.Run(ctx) }()
		synctest.Wait()
		f(s)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func (s *follower) tell(events ...filewatch.Event) {
	for _, e := range events {
		s.events <- e
	}
}

// check waits, and holds which names were told to be in force last, and what is wrong.
func (s *follower) check(what string, wait time.Duration, problem string, names ...string) {
	s.t.Helper()
	<-time.After(wait) // in the bubble of follow
	synctest.Wait()
	if r := s.update(); r != nil {
		s.rules = *r
	}
	r := s.rules
	if got := r.Set.KnownNames(); !slices.Equal(got, names) || (r.Problem == "") != (problem == "") || !strings.Contains(r.Problem, problem) {
		s.t.Errorf("%s: names %v, want %v; problem %q, want %q", what, got, names, r.Problem, problem)
	}
}

const (
	cutOff  = "looks cut off: it is the beginning of the rules in force, which stay in force; write it again, or touch it if it is meant to end there"
	inWork  = "and counts once it is closed; the rules read before stay in force: if nobody writes any more, touch it"
	noRoom  = "was written while there is no room on its file system, so it may be cut off"
	a, b    = "green", "blue"
	moment  = 3 * rulesSettle
	forever = 10 * rulesPoll
)

// Written in place, however slowly, the file counts once it is closed.
func TestSlowWriter(t *testing.T) {
	follow(t, strings.ReplaceAll(firstRule, "green", "red"), func(s *follower) {
		for n := range bothRules {
			s.write(bothRules[:n])
			s.tell(filewatch.Writing)
			problem := ""
			if n > 60 { // at the second look at the latest
				problem = inWork
			}
			if time.Sleep(time.Second); n < 28 || n > 60 {
				s.check("half written", 0, problem, "red")
			}
		}
		s.write(bothRules)
		s.tell(filewatch.Writing, filewatch.Closed)
		s.check("whole", moment, "", b, a)
	})
}

// What looks cut off does not count until it is whole or somebody says that it is meant.
func TestCutOff(t *testing.T) {
	for name, f := range map[string]func(*follower){
		"and written again": func(s *follower) {
			s.write(firstRule)
			s.tell(filewatch.Writing, filewatch.Closed)
			s.check("cut", moment, cutOff, b, a)
			s.tell(filewatch.Writing, filewatch.Closed)
			s.check("cut again", forever, cutOff, b, a)
			s.write(bothRules)
			s.tell(filewatch.Writing, filewatch.Closed)
			s.check("whole", moment, "", b, a)
		},
		"and touched": func(s *follower) {
			s.write(firstRule)
			s.tell(filewatch.Writing, filewatch.Closed)
			s.check("cut", moment, cutOff, b, a)
			s.tell(filewatch.Closed)
			s.check("touched", moment, "", a)
		},
		"and renamed": func(s *follower) {
			s.write(firstRule)
			s.tell(filewatch.Replaced)
			s.check("renamed into place", moment, "", a)
		},
		"and changed": func(s *follower) {
			s.write("# without blue\n" + strings.ReplaceAll(firstRule, "100", "101"))
			s.tell(filewatch.Writing, filewatch.Closed)
			s.check("another rule", moment, "", a)
		},
		"to nothing": func(s *follower) {
			s.write("")
			s.tell(filewatch.Writing, filewatch.Closed)
			s.check("emptied", moment, cutOff, b, a)
			s.write("networks: []\n")
			s.tell(filewatch.Writing, filewatch.Closed)
			s.check("none, and said so", moment, "")
		},
		"where nobody tells": func(s *follower) {
			s.write(firstRule)
			s.check("cut", 2*rulesPoll, cutOff, b, a)
			if err := os.Chtimes(s.path, time.Time{}, time.Now().Add(100*365*24*time.Hour)); err != nil {
				s.t.Fatal(err)
			}
			s.check("touched", 2*rulesPoll, "", a)
		},
		"without room": func(s *follower) {
			s.full.Store(true)
			s.write(strings.ReplaceAll(firstRule, "100", "101"))
			s.tell(filewatch.Writing, filewatch.Closed)
			s.check("full", moment, noRoom, b, a)
			s.full.Store(false)
			s.check("room, and not written again", forever, noRoom, b, a)
			s.tell(filewatch.Writing, filewatch.Closed)
			s.check("written again", moment, "", a)
		},
	} {
		t.Run(name, func(t *testing.T) { follow(t, bothRules, f) })
	}
}

// A file that is cut while the agent is away does not count when it comes back.
func TestCutOffAtStart(t *testing.T) {
	s := newShelf(t, nil)
	s.write(bothRules)
	s.open(s.path, "")
	s.write(firstRule)
	if r := s.open(s.path, ""); !strings.Contains(r.Problem, cutOff) || !slices.Equal(names(&r), []string{b, a}) || r.Unknown() {
		t.Errorf("names %v, problem %q", names(&r), r.Problem)
	}
	other := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.Rename(s.path, other); err != nil {
		t.Fatal(err)
	}
	if r := s.open(other, ""); r.Problem != "" || !slices.Equal(names(&r), []string{a}) {
		t.Errorf("another file: names %v, problem %q", names(&r), r.Problem)
	}
}

// Where events are lost, or none come, two looks must find the same.
func TestPoll(t *testing.T) {
	follow(t, firstRule, func(s *follower) {
		s.write(bothRules)
		s.check("seen once", rulesPoll, "", a)
		s.write(bothRules + "#")
		s.check("seen otherwise", rulesPoll, "", a)
		s.check("seen twice", rulesPoll, "", b, a)
		s.tell(filewatch.Writing, filewatch.Lost)
		s.write(firstRule + "  - name: red\n    match: [{vlan: 7}]\n")
		s.check("lost", 2*rulesPoll, "", a, "red")
		if err := os.Remove(s.path); err != nil {
			t.Fatal(err)
		}
		s.tell(filewatch.Replaced)
		s.check("gone", moment, "to have none, put a file there that says so: networks: []", a, "red")
		s.write(firstRule + "  - name: red\n    match: [{vlan: 7}]\n")
		s.tell(filewatch.Writing, filewatch.Closed)
		s.check("back", moment, "", a, "red")
	})
}

// The directory of the file comes when nobody watches it, goes and comes again.
func TestDirectoryLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, nil)
		s.open(s.path, "")
		var events atomic.Pointer[told]
		s.book.watch = func(string) (watch, error) {
			if w := events.Load(); w != nil {
				return w, nil
			}
			return nil, fs.ErrNotExist
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.book.Run(ctx) }()
		for range 2 {
			time.Sleep(rulesPoll)
			synctest.Wait()
		}
		first, second := make(told), make(told)
		events.Store(&first)
		time.Sleep(rulesPoll)
		synctest.Wait()
		s.write(firstRule)
		first <- filewatch.Closed
		if r := <-s.book.Updates(); !slices.Equal(names(&r), []string{a}) {
			t.Errorf("names %v", names(&r))
		}
		events.Store(&second)
		first <- filewatch.Lost
		close(first)
		time.Sleep(rulesPoll)
		synctest.Wait()
		s.write(bothRules)
		second <- filewatch.Closed
		if r := <-s.book.Updates(); !slices.Equal(names(&r), []string{b, a}) {
			t.Errorf("names %v", names(&r))
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"WARN rules file cannot be watched; looking at it every 30 s", inForce, inForce}, s.logged()); diff != "" {
			t.Errorf("logged (-want +got):\n%s", diff)
		}
	})
}

// TestNoFile holds that nothing is watched where no file is configured.
func TestNoFile(t *testing.T) {
	s := newShelf(t, nil)
	s.open("", "")
	s.book.watch = func(path string) (watch, error) { return nil, errors.New("watched " + path) }
	if w := s.book.open(); w.watch != nil || s.log.Len() != 0 {
		t.Errorf("watches %v, logged %s", w.watch, s.log.String())
	}
}

var tmpfs = netnstest.NewFeature("tmpfs", "", func() error {
	dir, err := os.MkdirTemp("", "colvin-tmpfs-*")
	if err != nil {
		return err
	}
	err = unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8k")
	if err == nil {
		err = unix.Unmount(dir, 0)
	}
	return errors.Join(err, os.Remove(dir))
})

// TestFileIsFollowed has real files change under a running Book, in the ways of editors
// and programs that copy.
func TestFileIsFollowed(t *testing.T) {
	red := strings.ReplaceAll(bothRules, "blue", "red")
	for name, tt := range map[string]struct {
		change func(s *shelf)
		names  []string
		told   string
	}{
		"written in place": {func(s *shelf) { s.write(red) }, []string{a, "red"}, ""},
		"as vim does": {func(s *shelf) {
			s.must(os.Rename(s.path, s.path+"~"))
			s.write(red)
			s.must(os.Remove(s.path + "~"))
		}, []string{a, "red"}, ""},
		"renamed into place": {func(s *shelf) {
			s.must(os.WriteFile(s.path+".new", []byte(firstRule), 0o600))
			s.must(os.Rename(s.path+".new", s.path))
		}, []string{a}, ""},
		"truncated, then written": {func(s *shelf) {
			s.must(os.Truncate(s.path, 0))
			s.write(red)
		}, []string{a, "red"}, ""},
		"removed, and linked": {func(s *shelf) {
			s.must(os.WriteFile(s.path+".new", []byte(red), 0o600))
			s.must(os.Remove(s.path))
			s.must(os.Link(s.path+".new", s.path))
		}, []string{a, "red"}, ""},
		"exchanged, as ConfigMaps are": {func(s *shelf) {
			dir := filepath.Dir(s.path)
			s.must(os.Mkdir(filepath.Join(dir, "..2"), 0o700))
			s.must(os.WriteFile(filepath.Join(dir, "..2", "rules.yaml"), []byte(firstRule), 0o600))
			s.must(os.Symlink("..2", filepath.Join(dir, "..data")))
			s.must(os.Symlink("..data/rules.yaml", s.path+".tmp"))
			s.must(os.Rename(s.path+".tmp", s.path))
		}, []string{a}, ""},
		"cut": {func(s *shelf) { s.write(bothRules[:len(bothRules)-20]) }, []string{b, a}, cutOff},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, nil)
			s.write(bothRules)
			s.run(func() { tt.change(s) }, tt.names, tt.told)
		})
	}
	t.Run("copied where there is no room", func(t *testing.T) {
		netnstest.Require(t, tmpfs)
		s := newShelf(t, nil)
		dir := filepath.Dir(s.path)
		s.must(unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8k"))
		defer func() { s.must(unix.Unmount(dir, unix.MNT_DETACH)) }()
		s.write(bothRules)
		s.run(func() {
			s.must(os.WriteFile(filepath.Join(dir, "fill"), make([]byte, 4000), 0o600))
			other := strings.ReplaceAll(firstRule, "100", "101")
			other += "# " + strings.Repeat("x", 4096-len(other)-3) + "\n" + secondRule
			if err := os.WriteFile(s.path, []byte(other), 0o600); !errors.Is(err, unix.ENOSPC) {
				t.Errorf("there was room: %v", err)
			}
		}, []string{b, a}, noRoom)
	})
}

func (s *shelf) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// run runs the Book while the change is made, until it says what it should.
func (s *shelf) run(change func(), want []string, problem string) {
	s.t.Helper()
	s.open(s.path, "")
	watching := make(chan struct{})
	open := s.book.watch
	s.book.watch = func(path string) (watch, error) {
		defer close(watching)
		return open(path)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), rulesPoll/2) // less than the safety net takes
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.book.Run(ctx) }()
	<-watching
	change()
	for again := true; again; {
		select {
		case r := <-s.book.Updates():
			if again = strings.Contains(r.Problem, unix.ENOENT.Error()); again { // between two steps of the change
				continue
			}
			if !slices.Equal(names(&r), want) || (r.Problem == "") != (problem == "") || !strings.Contains(r.Problem, problem) {
				s.t.Errorf("names %v, problem %q", names(&r), r.Problem)
			}
		case <-ctx.Done():
			again = false
			s.t.Error("the change is not seen")
		}
	}
	cancel()
	s.must(<-done)
}
