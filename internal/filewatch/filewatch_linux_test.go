// SPDX-License-Identifier: Apache-2.0

package filewatch_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/colvin-net/colvin/internal/filewatch"
	"github.com/colvin-net/colvin/internal/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// A scene is a directory with rules.yaml and a Watch of it.
type scene struct {
	t     *testing.T
	dir   string
	watch *filewatch.Watch
}

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) write(name string) { s.must(os.WriteFile(s.path(name), []byte("x"), 0o600)) }

// expect waits for events, each of which may come several times, and for no others: what
// is told next is that the file is gone.
func (s *scene) expect(want ...filewatch.Event) {
	s.t.Helper()
	last := filewatch.Event(-1)
	for i, e := range append(want, replaced) {
		if i == len(want) {
			s.must(os.Remove(s.path("rules.yaml")))
		}
		got := s.next()
		for got == last && got != e {
			got = s.next()
		}
		if last = e; got != e {
			s.t.Fatalf("event %d is %v, want %v", i, got, e)
		}
	}
}

// next waits for one event.
func (s *scene) next() filewatch.Event {
	s.t.Helper()
	select {
	case e := <-s.watch.Events():
		return e
	case <-time.After(10 * time.Second):
		s.t.Fatal("nothing is told")
	}
	return 0
}

const (
	writing  = filewatch.Writing
	closed   = filewatch.Closed
	replaced = filewatch.Replaced
)

func TestWatch(t *testing.T) {
	for name, tt := range map[string]struct {
		before, change func(*scene)
		want           []filewatch.Event
	}{
		"written in place": {
			func(s *scene) { s.write("rules.yaml") },
			func(s *scene) {
				f, err := os.OpenFile(s.path("rules.yaml"), os.O_WRONLY|os.O_TRUNC, 0)
				s.must(err)
				for range 3 {
					if e := s.next(); e != writing {
						s.t.Errorf("told %v while it is written", e)
					}
					_, err = f.WriteString("y")
					s.must(err)
				}
				s.must(f.Close())
			},
			[]filewatch.Event{writing, closed},
		},
		"made":    {nil, func(s *scene) { s.write("rules.yaml") }, []filewatch.Event{writing, closed}},
		"touched": {func(s *scene) { s.write("rules.yaml") }, func(s *scene) { s.touch("rules.yaml") }, []filewatch.Event{closed}},
		"read":    {func(s *scene) { s.write("rules.yaml") }, func(s *scene) { _, err := os.ReadFile(s.path("rules.yaml")); s.must(err) }, nil},
		"renamed into place": {
			func(s *scene) { s.write("rules.yaml") },
			func(s *scene) {
				s.write("rules.yaml.tmp")
				s.must(os.Rename(s.path("rules.yaml.tmp"), s.path("rules.yaml")))
			},
			[]filewatch.Event{replaced},
		},
		"another file": {func(s *scene) { s.write("rules.yaml") }, func(s *scene) { s.write("rules.yml") }, nil},
		"linked": {
			func(s *scene) { s.write("new") },
			func(s *scene) { s.must(os.Link(s.path("new"), s.path("rules.yaml"))) },
			[]filewatch.Event{replaced},
		},
		"written by another name": {
			func(s *scene) {
				s.must(os.Mkdir(s.path("other"), 0o700))
				s.write("rules.yaml")
				s.must(os.Link(s.path("rules.yaml"), s.path("other/name")))
			},
			func(s *scene) { s.write("other/name") },
			[]filewatch.Event{writing, closed},
		},
		"a link elsewhere": {
			func(s *scene) {
				s.must(os.Mkdir(s.path("other"), 0o700))
				s.write("other/name")
				s.must(os.Symlink("other/name", s.path("rules.yaml")))
			},
			func(s *scene) {
				s.write("other/name")
				s.write("other/new")
				s.must(os.Rename(s.path("other/new"), s.path("other/name")))
				for e := s.next(); e != replaced; e = s.next() {
					if e != writing && e != closed {
						s.t.Errorf("told %v of another target", e)
					}
				}
				s.touch("other/name")
			},
			[]filewatch.Event{closed},
		},
		"a ConfigMap": {
			func(s *scene) {
				for _, version := range []string{"..1", "..2"} {
					s.must(os.Mkdir(s.path(version), 0o700))
					s.write(version + "/rules.yaml")
				}
				s.must(os.Symlink("..1", s.path("..data")))
				s.must(os.Symlink("..data/rules.yaml", s.path("rules.yaml")))
			},
			func(s *scene) {
				s.must(os.Symlink("..2", s.path("..data_tmp")))
				s.must(os.Rename(s.path("..data_tmp"), s.path("..data")))
				s.must(os.RemoveAll(s.path("..1")))
			},
			[]filewatch.Event{replaced},
		},
		"a directory": {
			nil,
			func(s *scene) { s.must(os.Mkdir(s.path("rules.yaml"), 0o700)) },
			[]filewatch.Event{replaced},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scene{t: t, dir: t.TempDir()}
			if tt.before != nil {
				tt.before(s)
			}
			var err error
			s.watch, err = filewatch.Open(s.path("rules.yaml"))
			s.must(err)
			defer func() { s.must(s.watch.Close()) }()
			tt.change(s)
			s.expect(tt.want...)
		})
	}
}

// touch is what touch(1) does.
func (s *scene) touch(name string) {
	f, err := os.OpenFile(s.path(name), os.O_WRONLY, 0)
	s.must(err)
	s.must(f.Close())
}

// The directory of the file can go, and then nobody tells any more.
func TestDirectoryGone(t *testing.T) {
	s := &scene{t: t, dir: filepath.Join(t.TempDir(), "etc")}
	if _, err := filewatch.Open(s.path("rules.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("watching in no directory: %v", err)
	}
	s.must(os.Mkdir(s.dir, 0o700))
	var err error
	s.watch, err = filewatch.Open(s.path("rules.yaml"))
	s.must(err)
	s.must(os.Remove(s.dir))
	if e := s.next(); e != filewatch.Lost {
		t.Errorf("told %v", e)
	}
	if _, more := <-s.watch.Events(); more {
		t.Error("more is told")
	}
	s.must(s.watch.Close())
}
