// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package daemon runs programs beside a test, each with a log of its own, and waits until they
// work; which programs, where, and what working means, is for others.
package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// How long a program may take until it works, on a machine under load, and how often it is tried.
const (
	interval = 50 * time.Millisecond
	patience = 2 * time.Minute
)

// A Process is one program.
type Process struct {
	cmd    *exec.Cmd
	log    string        // file with what it says, also of the ones before it
	exited chan struct{} // closed once it was waited for
	err    error         // of the wait
}

// A Command is a program that was not started, such as an exec.Cmd, with ways of its own to start
// and to wait.
type Command interface {
	Start() error
	Wait() error
}

// Start starts a program, which is cmd, or started by way of it. What it says is added to a file.
func Start(log string, program *exec.Cmd, cmd Command) (*Process, error) {
	p := &Process{cmd: program, log: log, exited: make(chan struct{})}
	file, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // the process has its own descriptor
	program.Stdout, program.Stderr = file, file
	started := make(chan error)
	go p.run(cmd, started)
	return p, <-started
}

// run starts the process and waits for it on one thread: the end of the thread that
// started a process is what its Pdeathsig, where it has one, is sent at.
func (p *Process) run(cmd Command, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.exited)
	if p.err = cmd.Start(); p.err != nil {
		started <- fmt.Errorf("start %s: %w", p.cmd.Path, p.err)
		return
	}
	started <- nil
	p.err = cmd.Wait()
}

// Kill ends the process at once. It fails if it had ended by itself.
func (p *Process) Kill() error {
	select {
	case <-p.exited:
		return p.ended()
	default:
	}
	err := p.cmd.Process.Kill()
	<-p.exited
	if errors.Is(err, os.ErrProcessDone) {
		return p.ended()
	}
	return err
}

// Forget ends the process, if there is one, whatever became of it.
func (p *Process) Forget() {
	if p != nil {
		_ = p.cmd.Process.Kill() // it may be gone
		<-p.exited
	}
}

// ended is the error for a process that is not to have ended.
func (p *Process) ended() error {
	return fmt.Errorf("%s ended by itself: %w; it said: %s", p.cmd.Path, p.err, p.said(10))
}

// said returns the last lines of the log.
func (p *Process) said(most int) string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(bytes.TrimSpace(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// Await waits until try works.
func (p *Process) Await(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.Tick(interval)
	for {
		last := try(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-p.exited:
			return p.ended()
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %w; it says: %s", p.cmd.Path, ctx.Err(), last, p.said(10))
		case <-tick:
		}
	}
}

// PID is the process's ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Name is that of the program.
func (p *Process) Name() string { return filepath.Base(p.cmd.Path) }
