// SPDX-License-Identifier: Apache-2.0

//go:build linux

package kubenode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/internal/netnstest"
)

// How long a program may take to be there, on a machine under load.
const (
	interval = 50 * time.Millisecond
	patience = 2 * time.Minute
)

// A process is one of the programs that make a node.
type process struct {
	cmd    *netnstest.Cmd
	log    string
	exited chan struct{}
	err    error // of the wait
}

// start starts one of the programs on the node, as its own.
func (n *Node) start(name string, args ...string) (*process, error) {
	p := &process{
		cmd: n.Command(context.Background(), filepath.Join(n.programs, name), args...),
		log: filepath.Join(n.config.Logs, n.String()+"-"+name+".log"), exited: make(chan struct{}),
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own descriptor
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Env = append(os.Environ(), "PATH="+n.programs+":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") // the shim is beside containerd
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s on %s: %w", name, n, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// kill ends the process at once. It fails if it had ended by itself.
func (p *process) kill() error {
	select {
	case <-p.exited:
		return p.ended()
	default:
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	return nil
}

// forget ends the process, whatever became of it.
func (p *process) forget() {
	if p != nil {
		_ = p.cmd.Process.Kill() // it may be gone
		<-p.exited
	}
}

// ended is the error for a process that is not to have ended.
func (p *process) ended() error {
	return fmt.Errorf("%s ended by itself: %w; it said: %s", p.cmd.Path, p.err, p.said())
}

// said returns the last lines of the log.
func (p *process) said() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(bytes.TrimSpace(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// await waits until try works.
func (p *process) await(ctx context.Context, try func(context.Context) error) error {
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
			return fmt.Errorf("wait for %s: %w: %w; it says: %s", p.cmd.Path, ctx.Err(), last, p.said())
		case <-tick:
		}
	}
}

// retryBusy does again what fails for a moment, such as while processes that were killed go.
func retryBusy(f func() error) error {
	end := time.After(5 * time.Second)
	tick := time.Tick(interval)
	for {
		err := f()
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		select {
		case <-end:
			return err
		case <-tick:
		}
	}
}
