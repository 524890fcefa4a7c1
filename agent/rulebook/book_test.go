// SPDX-License-Identifier: Apache-2.0

package rulebook

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/settle"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

const (
	fileGreen  = "networks:\n  - name: green\n    match: [{vlan: 100}]\n"
	specBlue   = `{"networks": [{"name": "blue", "match": [{"vlan": 100}]}]}`
	specIgnore = `{"ignore": [{"system": "leaf-*"}]}`
)

// TestRuleSetsSettle holds that a rule that moves from one RuleSet to another is never
// missed.
func TestRuleSetsSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := New("", "test", t.TempDir(), slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		begin := time.Now()
		go func() { done <- book.Run(ctx) }()
		if r := <-book.Updates(); !r.Waiting || time.Since(begin) != 0 {
			t.Errorf("waiting for the cluster: %v, told after %v", r.Waiting, time.Since(begin))
		}
		set := func(specs ...string) (out []rules.Source) {
			for i, spec := range specs {
				out = append(out, rules.Source{Name: fmt.Sprint("ruleset/", i), Root: "spec", Data: []byte(spec)})
			}
			return out
		}
		begin = time.Now()
		book.Offer(set(`{}`, `{}`))
		time.Sleep(settle.Rest / 2)
		book.Offer(set(specBlue))
		if got := (<-book.Updates()).Set.KnownNames(); time.Since(begin) != settle.Rest*3/2 || !slices.Equal(got, []string{"blue"}) {
			t.Errorf("%v after %v", got, time.Since(begin))
		}
		begin = time.Now()
		for time.Since(begin) < 2*settle.Most { // it never settles
			book.Offer(set(specBlue, specIgnore))
			book.Offer(set(specBlue))
			time.Sleep(settle.Rest / 3)
			select {
			case <-book.Updates():
				t.Error("changed though it is the same in the end")
			default:
			}
		}
		begin = time.Now()
		for found := false; !found; { // nor does it now, and is another one at last
			book.Offer(set(specIgnore))
			time.Sleep(settle.Rest / 3)
			select {
			case <-book.Updates():
				found = true
			default:
				if time.Since(begin) > settle.Most+settle.Rest {
					t.Fatal("what never settles never counts")
				}
			}
		}
		book.Offer(set(specBlue))
		<-book.Updates()
		book.Offer(set(specIgnore))
		if got := (<-book.Updates()).Set.KnownNames(); len(got) != 0 {
			t.Errorf("names %v", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestRulesOfAnEarlierRun(t *testing.T) {
	dir := statefile.Dir(t.TempDir())
	file := rules.Source{Name: "rules.yaml", Data: []byte(fileGreen)}
	for name, want := range map[string]sources{
		"none":              {},
		"file":              {File: &file},
		"cluster":           {Of: "test", Cluster: []rules.Source{{Name: "ruleset/a", Root: "spec", Data: []byte(specBlue)}}},
		"cluster with none": {File: &file, Of: "test", Cluster: []rules.Source{}},
	} {
		if err := saveLastGood(dir, want); err != nil {
			t.Fatal(err)
		}
		got, err := readLastGood(dir, "test")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, rules (-want +got):\n%s", name, err, diff)
		}
	}
	ofCluster := sources{File: &file, Of: "test", Cluster: []rules.Source{{Name: "ruleset/a", Root: "spec", Data: []byte(specBlue)}}}
	for name, tt := range map[string]struct {
		kept    sources
		cluster string
	}{
		"another cluster":   {ofCluster, "production"},
		"left the cluster":  {ofCluster, ""},
		"never in one":      {sources{File: &file, Cluster: ofCluster.Cluster}, ""},
		"cluster not known": {sources{File: &file, Of: "test"}, "test"},
	} {
		if err := saveLastGood(dir, tt.kept); err != nil {
			t.Fatal(err)
		}
		got, err := readLastGood(dir, tt.cluster)
		if diff := cmp.Diff(sources{File: &file}, got); err != nil || diff != "" {
			t.Errorf("%s: %v, rules (-want +got):\n%s", name, err, diff)
		}
	}
	if err := lastGoodFormat.Write(dir, lastGoodFile{Version: 7}); err != nil {
		t.Fatal(err)
	}
	if _, err := readLastGood(dir, "test"); err == nil || !strings.Contains(err.Error(), "format version 7, want 1 at most: a later version of Colvin wrote it") {
		t.Errorf("a later version: %v", err)
	}
}

// A shelf has a Book and all that it goes by.
type shelf struct {
	t           *testing.T
	path, state string
	log         bytes.Buffer
	book        *Book
}

// newShelf keeps what a Book of an earlier run did, if there was one.
func newShelf(t *testing.T, kept *sources) *shelf {
	t.Helper()
	s := &shelf{t: t, path: filepath.Join(t.TempDir(), "rules.yaml"), state: t.TempDir()}
	if kept != nil {
		if err := saveLastGood(statefile.Dir(s.state), *kept); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *shelf) open(path, cluster string) Rules {
	s.book = New(path, cluster, s.state, slog.New(slog.NewTextHandler(&s.log, nil)))
	return s.book.Load()
}

func (s *shelf) write(content string) {
	s.t.Helper()
	if err := os.WriteFile(s.path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// update is what the Book tells; nil for nothing.
func (s *shelf) update() *Rules {
	select {
	case r := <-s.book.Updates():
		return &r
	default:
		return nil
	}
}

// logged is what was logged since it was asked last: levels and messages.
func (s *shelf) logged() (out []string) {
	for line := range strings.Lines(s.log.String()) {
		_, line, _ = strings.Cut(line, "level=")
		level, rest, _ := strings.Cut(line, " msg=")
		message, _, _ := strings.Cut(rest, " ")
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			message, _, _ = strings.Cut(quoted, `"`)
		}
		out = append(out, level+" "+message)
	}
	s.log.Reset()
	return out
}

// names are what the rules in force can name; nil where none are.
func names(r *Rules) []string {
	if r.Set == nil {
		return nil
	}
	return append([]string{}, r.Set.KnownNames()...)
}

const (
	notInForce = "ERROR rules are not in force"
	inForce    = "INFO rules in force"
	fileBad    = "networks:\n  - nam: green\n"
	fileTwice  = "networks: [{name: green, match: [{vlan: 100}, {vlan: 100}]}]\n" // the same match
)

// TestReload changes a file under a Book, and reads it twice each time: the second time
// there is nothing new, and nothing is told.
func TestReload(t *testing.T) {
	s := newShelf(t, nil)
	if r := s.open(s.path, ""); r.Set != nil || r.Problem != "" || r.Unknown() || r.File != s.path || s.log.Len() != 0 {
		t.Errorf("without rules: %+v, logged %s", r, s.log.String())
	}
	for _, step := range []struct {
		what    string
		do      func() error
		file    string
		names   []string
		problem string
		logged  []string
	}{
		{"good", func() error { s.write(fileGreen); return nil }, s.path, []string{"green"}, "", []string{inForce}},
		{"a mistake", func() error { s.write(fileBad); return nil }, s.path, []string{"green"}, "rules are not valid, the rules read before stay in force", []string{notInForce}},
		{"repaired", func() error { s.write(fileGreen); return nil }, s.path, []string{"green"}, "", []string{inForce}},
		{"gone", func() error { return os.Remove(s.path) }, s.path, []string{"green"}, "the rules read before stay in force: to have none, put a file there that says so: networks: []", []string{notInForce}},
		{"unreadable", func() error { return os.Mkdir(s.path, 0o700) }, s.path, []string{"green"}, "is a directory; the rules read before stay in force", []string{notInForce}},
		{"as it was", func() error { err := os.Remove(s.path); s.write(fileGreen); return err }, s.path, []string{"green"}, "", nil},
		{"none", func() error { s.write("networks: []"); return nil }, s.path, []string{}, "", []string{inForce}},
		{"a warning", func() error { s.write(fileTwice); return nil }, s.path, []string{"green"}, "", []string{"WARN rules", inForce}},
		{"the same warning", func() error { s.write(fileTwice + "\n"); return nil }, s.path, []string{"green"}, "", []string{inForce}},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		s.book.Reload()
		r := s.update()
		if r == nil {
			t.Errorf("%s: nothing is told", step.what)
			continue
		}
		if diff := cmp.Diff(step.names, names(r)); diff != "" || r.File != step.file || !strings.Contains(r.Problem, step.problem) || (r.Problem == "") != (step.problem == "") {
			t.Errorf("%s: file %q, problem %q, names (-want +got):\n%s", step.what, r.File, r.Problem, diff)
		}
		if diff := cmp.Diff(step.logged, s.logged()); diff != "" {
			t.Errorf("%s: logged (-want +got):\n%s", step.what, diff)
		}
		s.book.Reload()
		if r := s.update(); r != nil || s.log.Len() != 0 {
			t.Errorf("%s: told again %+v, logged %s", step.what, r, s.log.String())
		}
	}
}

// TestLoad begins over what an earlier run kept.
func TestLoad(t *testing.T) {
	file := rules.Source{Name: "rules.yaml", Data: []byte(fileGreen)}
	blue := []rules.Source{{Name: "ruleset/a", Root: "spec", Data: []byte(`{"networks": [{"name": "blue", "match": [{"vlan": 200}]}]}`)}}
	const lastGood = "WARN using the last good rules of an earlier run"
	for name, tt := range map[string]struct {
		kept     *sources
		damaged  bool
		noFile   bool   // none is configured
		file     string // its content; none where it is empty
		cluster  string
		names    []string
		ruleSets []string
		problem  string
		unknown  bool
		logged   []string
	}{
		"good":                           {kept: &sources{File: &file}, file: "networks: []", names: []string{}, logged: []string{inForce}},
		"no file any more":               {kept: &sources{File: &file}, noFile: true},
		"file gone":                      {kept: &sources{File: &file}, names: []string{"green"}, problem: "stay in force", logged: []string{inForce}},
		"file bad":                       {kept: &sources{File: &file}, file: fileBad, names: []string{"green"}, problem: "not valid", logged: []string{notInForce, lastGood}},
		"file bad, nothing kept":         {file: fileBad, problem: "not valid", unknown: true, logged: []string{notInForce}},
		"file bad, and the kept one too": {kept: &sources{File: &rules.Source{Name: "rules.yaml", Data: []byte("networks: 5\n")}}, file: fileBad, problem: "not valid", unknown: true, logged: []string{notInForce}},
		"kept ones damaged":              {damaged: true, file: fileGreen, names: []string{"green"}, logged: []string{"ERROR good rules of an earlier run cannot be used", inForce}},
		"cluster away":                   {kept: &sources{Of: "test", Cluster: blue}, cluster: "test", names: []string{"blue"}, ruleSets: []string{"ruleset/a"}, logged: []string{inForce}},
		"cluster away, with none":        {kept: &sources{Of: "test", Cluster: []rules.Source{}}, cluster: "test", names: []string{}, logged: []string{inForce}},
		"cluster away, file bad": {
			kept: &sources{File: &file, Of: "test", Cluster: blue}, file: fileBad, cluster: "test",
			names: []string{"blue", "green"}, ruleSets: []string{"ruleset/a"}, problem: "not valid", logged: []string{notInForce, lastGood},
		},
		"another cluster": {
			kept: &sources{File: &file, Of: "production", Cluster: blue}, file: fileGreen, cluster: "test",
			problem: "not known yet", unknown: true, logged: []string{"INFO rules are awaited"},
		},
		"left the cluster": {kept: &sources{File: &file, Of: "test", Cluster: blue}, file: fileGreen, names: []string{"green"}, logged: []string{inForce}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, tt.kept)
			if tt.file != "" {
				s.write(tt.file)
			}
			if tt.damaged {
				if err := os.WriteFile(statefile.Dir(s.state).Path(lastGoodFormat.Name), []byte("{"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			path := s.path
			if tt.noFile {
				path = ""
			}
			r := s.open(path, tt.cluster)
			if diff := cmp.Diff(tt.names, names(&r)); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.ruleSets, r.RuleSets); diff != "" {
				t.Errorf("RuleSets (-want +got):\n%s", diff)
			}
			if !strings.Contains(r.Problem, tt.problem) || (r.Problem == "") != (tt.problem == "") || r.Unknown() != tt.unknown {
				t.Errorf("problem %q, unknown %v", r.Problem, r.Unknown())
			}
			if diff := cmp.Diff(tt.logged, s.logged()); diff != "" {
				t.Errorf("logged (-want +got):\n%s", diff)
			}
			if r := s.update(); r != nil {
				t.Errorf("told again: %+v", r)
			}
		})
	}
}

// TestTake has a cluster give rules and take them back.
func TestTake(t *testing.T) {
	s := newShelf(t, nil)
	if r := s.open("", "test"); !r.Waiting || !r.Unknown() {
		t.Errorf("never heard: %+v", r)
	}
	s.logged()
	blue := rules.Source{Name: "ruleset/a", Root: "spec", Data: []byte(specBlue)}
	renamed, bad := blue, blue
	renamed.Name, bad.Data = "ruleset/b", []byte(`{"nets": []}`)
	for _, step := range []struct {
		what     string
		said     []rules.Source
		names    []string
		ruleSets []string
		problem  bool
		logged   []string
	}{
		{"none", []rules.Source{}, []string{}, nil, false, []string{inForce}},
		{"one", []rules.Source{blue}, []string{"blue"}, []string{"ruleset/a"}, false, []string{inForce}},
		{"another name", []rules.Source{renamed}, []string{"blue"}, []string{"ruleset/b"}, false, []string{inForce}},
		{"a mistake", []rules.Source{bad}, []string{"blue"}, []string{"ruleset/b"}, true, []string{notInForce}},
		{"none again", []rules.Source{}, []string{}, nil, false, []string{inForce}},
	} {
		s.book.Take(step.said)
		r := s.update()
		if r == nil {
			t.Fatalf("%s: nothing is told", step.what)
		}
		if diff := cmp.Diff(step.names, names(r)); diff != "" || !slices.Equal(r.RuleSets, step.ruleSets) || (r.Problem != "") != step.problem || r.Waiting || r.File != "" || r.Loaded.IsZero() {
			t.Errorf("%s: %+v, names (-want +got):\n%s", step.what, r, diff)
		}
		if diff := cmp.Diff(step.logged, s.logged()); diff != "" {
			t.Errorf("%s: logged (-want +got):\n%s", step.what, diff)
		}
		s.book.Take(step.said)
		if r := s.update(); r != nil || s.log.Len() != 0 {
			t.Errorf("%s: told again %+v, logged %s", step.what, r, s.log.String())
		}
	}
}

// TestTakeWithoutTheFile holds that the cluster's rules do not count alone while nobody
// knows what the node's file says.
func TestTakeWithoutTheFile(t *testing.T) {
	s := newShelf(t, nil)
	if err := os.Mkdir(s.path, 0o700); err != nil {
		t.Fatal(err)
	}
	s.open(s.path, "test")
	s.book.Take([]rules.Source{{Name: "ruleset/a", Root: "spec", Data: []byte(specBlue)}})
	if r := s.update(); r == nil || r.Set != nil || !r.Unknown() || r.Waiting {
		t.Errorf("a directory in its place: %+v", r)
	}
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	s.book.Reload()
	if r := s.update(); r == nil || !slices.Equal(names(r), []string{"blue"}) || r.File != "" {
		t.Errorf("no file: %+v", r)
	}
}

// TestNoFileAfterAll holds that nothing is wrong any more once what was no file is gone.
func TestNoFileAfterAll(t *testing.T) {
	s := newShelf(t, nil)
	if err := os.Mkdir(s.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if r := s.open(s.path, ""); r.Set != nil || !r.Unknown() {
		t.Errorf("a directory in its place: %+v", r)
	}
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	s.book.Reload()
	if r := s.update(); r == nil || r.Set != nil || r.Problem != "" || r.Unknown() {
		t.Errorf("no file: %+v", r)
	}
}

// TestUnkept holds that good rules which cannot be kept are in force all the same, that
// it is told, once, and that they are kept when that is possible.
func TestUnkept(t *testing.T) {
	s := newShelf(t, nil)
	s.state = filepath.Join(s.state, "gone")
	s.write(fileGreen)
	if r := s.open(s.path, ""); r.Unkept == nil || !slices.Equal(names(&r), []string{"green"}) {
		t.Errorf("loaded: %+v", r)
	}
	const unkept = "ERROR good rules cannot be kept for the next start; trying again"
	if diff := cmp.Diff([]string{inForce, unkept}, s.logged()); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
	s.book.Reload()
	if r := s.update(); r != nil || s.log.Len() != 0 {
		t.Errorf("told again %+v, logged %s", r, s.log.String())
	}
	if err := os.Mkdir(s.state, 0o700); err != nil {
		t.Fatal(err)
	}
	s.book.Reload()
	if r := s.update(); r == nil || r.Unkept != nil {
		t.Errorf("kept: %+v", r)
	}
	kept, err := readLastGood(statefile.Dir(s.state), "")
	if err != nil || kept.File == nil || string(kept.File.Data) != fileGreen {
		t.Errorf("kept: %+v, %v", kept, err)
	}
	if err := os.Remove(statefile.Dir(s.state).Path(lastGoodFormat.Name)); err != nil {
		t.Fatal(err)
	}
	s.book.Reload()
	if r := s.update(); r != nil {
		t.Errorf("told again %+v", r)
	}
}
