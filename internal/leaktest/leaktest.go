// SPDX-License-Identifier: Apache-2.0

// Package leaktest fails a test binary that leaks goroutines or file
// descriptors; it is for TestMain only.
package leaktest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/goleak"
)

const fdDir = "/proc/self/fd"

// A Runner is a *testing.M.
type Runner interface{ Run() int }

// Run runs the tests and then looks for leaks. It returns the exit code:
//
//	func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }
func Run(m Runner, options ...goleak.Option) int {
	startPoller()
	before, err := descriptors()
	if err != nil {
		return report(err)
	}
	if code := m.Run(); code != 0 {
		return code
	}
	return report(errors.Join(goleak.Find(options...), findDescriptors(before)))
}

// startPoller makes the runtime open its own descriptors before they are
// counted; the first pipe does.
func startPoller() {
	if r, w, err := os.Pipe(); err == nil {
		_, _ = r.Close(), w.Close()
	}
}

func report(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "leaktest:", err)
	return 1
}

// findDescriptors returns an error that lists the descriptors that were not
// there before. It waits a moment for those that are being closed.
func findDescriptors(before map[string]string) error {
	const tries, pause = 50, 20 * time.Millisecond
	var leaked []string
	for range tries {
		now, err := descriptors()
		if err != nil {
			return err
		}
		maps.DeleteFunc(now, func(fd, target string) bool { return before[fd] == target })
		if len(now) == 0 {
			return nil
		}
		leaked = nil
		for _, fd := range slices.Sorted(maps.Keys(now)) {
			leaked = append(leaked, fd+" -> "+now[fd])
		}
		time.Sleep(pause)
	}
	return fmt.Errorf("found leaked file descriptors: %s", strings.Join(leaked, ", "))
}

// descriptors maps the open file descriptors to what they are open on. It is
// empty where the system does not list them.
func descriptors() (map[string]string, error) {
	entries, err := os.ReadDir(fdDir)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	open := map[string]string{}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(fdDir, e.Name()))
		if err != nil { // closed meanwhile
			continue
		}
		open[e.Name()] = target
	}
	return open, nil
}
