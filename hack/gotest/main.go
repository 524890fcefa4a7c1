// SPDX-License-Identifier: Apache-2.0

// Command gotest runs "go test" with its arguments, prints what that prints, and in the
// end one line more: how many tests were skipped, for want of what, and what runs them.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	// An interrupt reaches go test as well, which ends; what it says is still shown.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	code, err := run(".", os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
	}
	os.Exit(code)
}

// run runs go test in a directory and returns its exit code. What could not be run or
// shown to its end has failed.
func run(dir string, args []string, stdout, stderr io.Writer) (code int, err error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir, cmd.Stderr = dir, stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return 1, fmt.Errorf("run go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("run go test: %w", err)
	}
	r := newReport(stdout)
	err = r.read(events)
	if err != nil {
		_, _ = io.Copy(io.Discard, events) // so that it ends
	}
	waited := cmd.Wait()
	if failed, ok := errors.AsType[*exec.ExitError](waited); ok {
		code = max(1, failed.ExitCode()) // -1 where a signal ended it
	} else if waited != nil {
		return 1, errors.Join(err, fmt.Errorf("wait for go test: %w", waited))
	}
	if err == nil {
		err = r.end(code != 0)
	}
	if err != nil {
		return max(1, code), fmt.Errorf("show tests: %w", err)
	}
	return code, nil
}
