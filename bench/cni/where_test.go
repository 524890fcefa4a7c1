// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cni

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
)

var before = flag.String("before", "", "a revision whose plugin is measured beside this one")

// TestWhere tells where the time of an ADD and a DEL goes: of each way, what it costs to start
// a program, to start the plugin, to get as far as the node file, and the whole.
func TestWhere(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed; apt-get install strace")
	}
	got := do(t, &job{Rounds: *rounds, Where: true, Before: *before != ""}, 0)
	t.Logf("%d interleaved rounds\n%s", *rounds, whereTable(got.Where))
	for _, s := range got.Where {
		if s.Calls["execve"] == 0 || median(s.Took) <= 0 || s.Faults <= 0 {
			t.Errorf("%s: measured %+v", s.Name, s)
		}
	}
}

// step is one call of a plugin, and what it has cost.
type step struct {
	Name   string
	Took   []time.Duration
	Used   time.Duration  // median of the processor time, of all programs that it started
	Faults int            // median of minor page faults, of all of them
	Calls  map[string]int // system calls by name, once, under strace

	used   []time.Duration
	faults []int
	way    way
	verb   string
	fails  bool
	after  *step // which it needs, and is not counted
}

// steps are what is measured. Each leaves the containers as it found them.
func (j *job) steps(ways []way) ([]*step, error) {
	by := map[string]way{}
	for _, w := range ways {
		by[w.name] = w
	}
	nothing, err := invoke.FindInPath("nothing", j.Plugins)
	if err != nil {
		return nil, err
	}
	empty, nowhere := by[colvin], by[colvin]
	empty.path = nothing
	if nowhere.conf, err = edited(nowhere.conf, "network", "nowhere"); err != nil {
		return nil, err
	}
	steps := []*step{
		{Name: "a program that does nothing", way: empty, verb: "VERSION"},
		{Name: bare + ", VERSION", way: by[bare], verb: "VERSION"},
		{Name: colvin + ", VERSION", way: by[colvin], verb: "VERSION"},
		{Name: colvin + ", ADD to a network that is nowhere", way: nowhere, verb: add, fails: true},
	}
	external := by[colvin]
	if external.conf, err = edited(external.conf, "delegate", map[string]any{"type": "macvlan", "mode": "bridge", "exec": true}); err != nil {
		return nil, err
	}
	external.name = colvin + " by the program macvlan"
	whole := []way{by[bare], by[colvin], external, by[delegating]}
	if j.Before {
		old := by[colvin]
		old.name = colvin + " before"
		old.path = filepath.Join(j.Plugins[0], "before", "colvin-cni")
		whole = append(whole, old)
	}
	for _, w := range whole {
		attach := &step{Name: w.name + ", ADD", way: w, verb: add}
		steps = append(steps, attach, &step{Name: w.name + ", DEL", way: w, verb: del, after: attach})
	}
	return steps, nil
}

func edited(conf []byte, key string, value any) ([]byte, error) {
	var c map[string]any
	if err := json.Unmarshal(conf, &c); err != nil {
		return nil, err
	}
	c[key] = value
	return json.Marshal(c)
}

// where measures all steps in each round, in an order that differs, and each once more under
// strace.
func (j *job) where(ways []way) ([]*step, error) {
	steps, err := j.steps(ways)
	if err != nil {
		return nil, err
	}
	order := rand.New(rand.NewPCG(1, 2))
	for round := range j.Rounds + 1 {
		for _, i := range order.Perm(len(steps)) {
			if err := steps[i].measure(round > 0); err != nil {
				return nil, fmt.Errorf("%s: %w", steps[i].Name, err)
			}
		}
	}
	for _, s := range steps {
		slices.Sort(s.faults)
		s.Faults, s.Used = s.faults[len(s.faults)/2], median(s.used)
		if s.Calls, err = s.traced(filepath.Join(j.Dir, "trace")); err != nil {
			return nil, fmt.Errorf("%s, traced: %w", s.Name, err)
		}
	}
	return steps, nil
}

// within runs a call between what it needs and what takes it back.
func (s *step) within(call func() error) error {
	if s.after != nil {
		if _, err := s.after.call(); err != nil {
			return err
		}
	}
	if err := call(); err != nil {
		return err
	}
	if s.verb == add {
		undo := step{way: s.way, verb: del}
		_, err := undo.call()
		return err
	}
	return nil
}

func (s *step) measure(count bool) error {
	return s.within(func() error {
		start := time.Now()
		state, err := s.call()
		took := time.Since(start)
		if err != nil || !count {
			return err
		}
		usage, ok := state.SysUsage().(*syscall.Rusage)
		if !ok {
			return errors.New("no resource usage")
		}
		s.Took = append(s.Took, took)
		s.used = append(s.used, state.UserTime()+state.SystemTime())
		s.faults = append(s.faults, int(usage.Minflt))
		return nil
	})
}

// call runs the plugin, behind the words of prefix.
func (s *step) call(prefix ...string) (*os.ProcessState, error) {
	args := s.way.args
	args.Command = s.verb
	words := append(prefix, s.way.path)
	cmd := exec.CommandContext(context.Background(), words[0], words[1:]...)
	var said bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = args.AsEnv(), bytes.NewReader(s.way.conf), &said, &said
	err := cmd.Run()
	if (err != nil) != s.fails {
		return nil, fmt.Errorf("%s: %v, said %s", s.verb, err, said.String())
	}
	return cmd.ProcessState, nil
}

// tracedCall matches a line of strace -f: the process, and the call.
var tracedCall = regexp.MustCompile(`(?m)^\d+ +(\w+)\(`)

func (s *step) traced(file string) (map[string]int, error) {
	calls := map[string]int{}
	err := s.within(func() error {
		if _, err := s.call("strace", "-f", "-qq", "-o", file); err != nil {
			return err
		}
		trace, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, match := range tracedCall.FindAllStringSubmatch(string(trace), -1) {
			calls[match[1]]++
		}
		return nil
	})
	return calls, err
}

func whereTable(steps []*step) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	row("step\tmedian\tprocessor time\tpage faults\tprograms\tsystem calls\tfiles opened\tmoved\tnetlink requests\n")
	for _, s := range steps {
		all := 0
		for _, n := range s.Calls {
			all += n
		}
		row("%s\t%v\t%v\t%d\t%d\t%d\t%d\t%d\t%d\n", s.Name, round(median(s.Took)), round(s.Used), s.Faults,
			s.Calls["execve"], all, s.Calls["openat"], s.Calls["renameat"]+s.Calls["renameat2"]+s.Calls["rename"], s.Calls["sendto"]+s.Calls["sendmsg"])
	}
	_ = w.Flush()
	return b.String()
}

// buildBefore builds the plugin of an earlier revision into a directory.
func buildBefore(t *testing.T, revision, into string) {
	t.Helper()
	src := t.TempDir()
	top, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		t.Fatalf("find the repository: %v", err)
	}
	for _, words := range [][]string{
		{"git", "-C", strings.TrimSpace(string(top)), "archive", "-o", filepath.Join(src, "tree.tar"), revision},
		{"tar", "-C", src, "-xf", filepath.Join(src, "tree.tar")},
		{"go", "-C", src, "build", "-trimpath", "-ldflags", "-s -w", "-o", into + "/", "./cmd/colvin-cni"},
	} {
		cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, said)
		}
	}
}
