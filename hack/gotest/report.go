// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// An event is a line of "go test -json" ("go doc test2json", "go help buildjson").
type event struct {
	Action     string
	ImportPath string // of what is built
	Package    string
	Test       string // empty for the package itself
	Output     string
}

// A pack is a package that is not done: what it printed, and its tests, which are kept
// until they pass or are skipped.
type pack struct {
	own   []string
	tests map[string]*test
	begun []*test // in this order
}

// A test is what a test printed so far.
type test struct{ output []string }

// A report shows what go test would show, and counts what was skipped.
type report struct {
	out      io.Writer
	packages map[string]*pack
	builds   map[string][]string
	skipped  []string // why, a line for each test
}

func newReport(out io.Writer) *report {
	return &report{out: out, packages: map[string]*pack{}, builds: map[string][]string{}}
}

// read takes events to their end. What is no event is shown as it is.
func (r *report) read(events io.Reader) error {
	for in := bufio.NewReader(events); ; {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			if err := r.line(line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) line(line []byte) error {
	var e event
	if !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &e) != nil || e.Action == "" {
		return r.show(string(line))
	}
	if e.Package == "" {
		return r.build(&e)
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &pack{tests: map[string]*test{}}
		r.packages[e.Package] = p
	}
	if e.Test == "" {
		return r.ofPackage(p, &e)
	}
	r.ofTest(p.test(e.Test), &e)
	return nil
}

func (r *report) ofTest(t *test, e *event) {
	switch e.Action {
	case "output":
		if !frame(e.Output) {
			t.output = append(t.output, e.Output)
		}
	case "skip":
		r.skipped = append(r.skipped, reason(t.output))
		t.output = nil
	case "pass":
		t.output = nil
	}
}

// build shows what the compiler says of a package that it refuses; of others that is
// only what is no failure.
func (r *report) build(e *event) error {
	switch e.Action {
	case "build-output":
		r.builds[e.ImportPath] = append(r.builds[e.ImportPath], e.Output)
	case "build-fail":
		defer delete(r.builds, e.ImportPath)
		return r.show(r.builds[e.ImportPath]...)
	}
	return nil
}

// frame reports whether a line says only which test runs.
func frame(line string) bool {
	for _, what := range []string{"RUN", "PAUSE", "CONT", "NAME"} {
		if strings.HasPrefix(line, "=== "+what+" ") {
			return true
		}
	}
	return false
}

func (p *pack) test(name string) *test {
	t := p.tests[name]
	if t == nil {
		t = &test{}
		p.tests[name] = t
		p.begun = append(p.begun, t)
	}
	return t
}

// ofPackage shows a line for a package that passes or has no tests, and all that is left
// of another.
func (r *report) ofPackage(p *pack, e *event) error {
	switch e.Action {
	case "output":
		p.own = append(p.own, e.Output)
	case "pass", "skip":
		delete(r.packages, e.Package)
		return r.show(p.own[max(0, len(p.own)-1):]...)
	case "fail":
		delete(r.packages, e.Package)
		return r.show(p.left()...)
	}
	return nil
}

// left is what tests said that failed or did not come to their end, and then the package.
func (p *pack) left() (lines []string) {
	for _, t := range p.begun {
		lines = append(lines, t.said()...)
	}
	return append(lines, p.own...)
}

// said is what a test printed, its verdict first, as go test has it.
func (t *test) said() []string {
	i := slices.IndexFunc(t.output, func(line string) bool { return strings.HasPrefix(strings.TrimLeft(line, " "), "--- FAIL: ") })
	if i < 0 {
		return t.output
	}
	return slices.Concat(t.output[i:i+1], t.output[:i], t.output[i+1:])
}

func (r *report) show(lines ...string) error {
	_, err := io.WriteString(r.out, strings.Join(lines, ""))
	return err
}

// end shows what is said once for all.
func (r *report) end(failed bool) error {
	for _, name := range slices.Sorted(maps.Keys(r.packages)) { // of which go test did not come to the end
		if err := r.show(r.packages[name].left()...); err != nil {
			return err
		}
	}
	if failed {
		if err := r.show("FAIL\n"); err != nil {
			return err
		}
	}
	return r.show(fmt.Sprintf("tests: %s\n", summary(r.skipped)))
}
