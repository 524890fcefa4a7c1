// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

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
	"syscall"
	"time"

	"github.com/colvin-net/colvin/internal/netnstest"
)

// A process is one program. It ends with the test, however that ends.
type process struct {
	cmd    *exec.Cmd
	in     *netnstest.Namespace // whose network it has; nil: ours
	log    string               // file with what it says, also of the ones before it
	exited chan struct{}        // closed once it was waited for
	err    error                // of the wait
}

// start starts a program in dir, where its log goes, with the network of a namespace, or
// with ours.
func start(dir string, in *netnstest.Namespace, program string, args ...string) (*process, error) {
	p := &process{
		cmd:    exec.Command(program, args...),
		in:     in,
		log:    filepath.Join(dir, filepath.Base(program)+".log"),
		exited: make(chan struct{}),
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own descriptor
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// run starts the process and waits for it on one thread: the end of the thread
// that started a process is what its Pdeathsig is sent at.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := p.cmd.Start
	if p.in != nil {
		begin = func() error { return p.in.Do(p.cmd.Start) }
	}
	err := begin()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
		close(p.exited)
	}
}

// kill ends the process at once. It fails if it had ended by itself.
func (p *process) kill() error {
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

// ended is the error for a process that is not to have ended.
func (p *process) ended() error {
	return fmt.Errorf("%s ended by itself: %w; it said: %s", p.cmd.Path, p.err, p.said(10))
}

// said returns the last lines of the log.
func (p *process) said(most int) string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(bytes.TrimSpace(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// await waits until try works.
func (p *process) await(ctx context.Context, try func(context.Context) error) error {
	const interval, patience = 50 * time.Millisecond, 2 * time.Minute // of a machine under load
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
