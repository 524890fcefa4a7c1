// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tree is a module with two packages. Half of what the tests of p leave out is
// tested by those of q.
var tree = map[string]string{
	"go.mod":      "module example.org/m\n\ngo 1.26\n",
	"p/p.go":      "package p\n\nfunc A(x bool) bool { return x != false }\n\nfunc B(x bool) bool { return x != false }\n\nfunc C(x bool) bool { return x != false }\n\nfunc D(x bool) bool { return x != false }\n",
	"p/p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {\n\tif !A(true) {\n\t\tt.Error()\n\t}\n}\n",
	"q/q.go":      "package q\n",
	"q/q_test.go": "package q\n\nimport (\n\t\"testing\"\n\n\t\"example.org/m/p\"\n)\n\nfunc TestB(t *testing.T) {\n\tif !p.B(true) {\n\t\tt.Error()\n\t}\n}\n",
	"known.txt":   "# Nobody calls it.\np/p.go D: func D(x bool) bool { return x != false } -> func D(x bool) bool { return x == false }\n",
}

func write(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// read returns the files in dir, as write got them.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestRun(t *testing.T) {
	dir := write(t, tree)
	var out strings.Builder
	err := run(t.Context(), &out, config{dir: dir, packages: []string{"./p"}, also: []string{"./..."}, seed: 1, mutants: 50, equivalent: "known.txt"})
	if err != nil {
		t.Fatal(err)
	}
	want := `== example.org/m/p: 3 mutants; its tests, then those of example.org/m/q
p/p.go:7 C: func C(x bool) bool { return x != false } -> func C(x bool) bool { return x == false }

  sampled  noticed  unnoticed  timeout  score  not built  package
        3        2          1        0    66%          0  example.org/m/p
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tree, read(t, dir)); diff != "" {
		t.Errorf("the tree was written to (-before +after):\n%s", diff)
	}
}

func TestTry(t *testing.T) {
	dir := write(t, tree)
	start := strings.Index(tree["p/p.go"], "x != false")
	for text, want := range map[string]outcome{
		"x":                               unnoticed,
		"!x":                              noticed,
		"y":                               broken,
		"func() bool { for { x = x } }()": timedOut,
	} {
		t.Run(text, func(t *testing.T) {
			limit := time.Minute
			if want == timedOut {
				limit = time.Millisecond
			}
			tr := trial{root: dir, own: "./p", ownTime: limit}
			m := mutant{file: "p/p.go", source: []byte(tree["p/p.go"]), start: start, end: start + len("x != false"), text: text}
			if got, err := tr.try(t.Context(), &m); got != want || err != nil {
				t.Errorf("outcome %d, error %v, want outcome %d", got, err, want)
			}
		})
	}
}

func TestPrepareRefusesTestsThatFail(t *testing.T) {
	files := map[string]string{
		"go.mod":      tree["go.mod"],
		"p/p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Error(\"as ever\") }\n",
	}
	tr := trial{root: write(t, files), own: "./p"}
	if err := tr.prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "as ever") {
		t.Errorf("error %v", err)
	}
}

func TestShuffle(t *testing.T) {
	all := func() (mutants []mutant) {
		for i := range 100 {
			mutants = append(mutants, mutant{line: i})
		}
		return mutants
	}
	order := func(seed uint64, path string) (lines []int) {
		mutants := all()
		shuffle(mutants, seed, path)
		for _, m := range mutants {
			lines = append(lines, m.line)
		}
		return lines
	}
	first := order(1, "p")
	if again := order(1, "p"); !slices.Equal(first, again) {
		t.Errorf("the same seed gives %v, then %v", first, again)
	}
	if slices.Equal(first, order(2, "p")) || slices.Equal(first, order(1, "q")) {
		t.Error("another seed or package gives the same order")
	}
}

func TestMeasure(t *testing.T) {
	outcomes := []outcome{noticed, broken, timedOut, unnoticed, broken, noticed, noticed}
	mutants := make([]mutant, len(outcomes))
	for i := range mutants {
		mutants[i] = mutant{file: "f", line: i, function: "g", before: "a", after: "b"}
	}
	var out strings.Builder
	s, err := measure(t.Context(), &out, mutants, 4, func(_ context.Context, m *mutant) (outcome, error) { return outcomes[m.line], nil })
	if err != nil {
		t.Fatal(err)
	}
	want := map[outcome]int{noticed: 2, broken: 2, timedOut: 1, unnoticed: 1}
	if diff := cmp.Diff(want, s.counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if got, want := out.String(), "timed out: f:2 g: a -> b\nf:3 g: a -> b\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	if got := s.percent(); got != "75%" {
		t.Errorf("score %s", got)
	}
	if got := new(score).percent(); got != "-" {
		t.Errorf("score of nothing %s", got)
	}
}

func TestEquivalents(t *testing.T) {
	dir := write(t, map[string]string{
		"p.go": "package p\n\nfunc f(a int) {\n\ta++\n\ta++\n}\n",
		"known.txt": "p.go f: a++ -> a--\n\n# Nobody sees it.\n# Really.\np.go f#2: a++ -> a--\np.go f#3: a++ -> a--\n" +
			"\n# It is gone.\nq.go f: a++ -> a--\n",
	})
	e, err := readEquivalents(dir, "known.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"p.go f#2: a++ -> a--": 5, "p.go f#3: a++ -> a--": 6, "q.go f: a++ -> a--": 9}, e.keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	want := "known.txt:1: no comment above says why: p.go f: a++ -> a--\n" +
		"known.txt:6: there is no such mutant any more: p.go f#3: a++ -> a--\n" +
		"known.txt:9: there is no such mutant any more: q.go f: a++ -> a--"
	if err := e.check(); err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestNoEquivalents(t *testing.T) {
	e, err := readEquivalents(t.TempDir(), "known.txt")
	if err == nil {
		err = e.check()
	}
	if err != nil {
		t.Error(err)
	}
}
