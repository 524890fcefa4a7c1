// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"sync"
	"time"
)

// A Cmd is an exec.Cmd whose process starts inside a namespace. It is a direct
// child, so signals reach it, and it dies with the namespace. Only the methods
// below start it there.
type Cmd struct {
	*exec.Cmd
	ns   *Namespace
	wait func() error // once
}

// Command returns the command that runs a program inside the namespace. The
// program is looked up in the caller's PATH; its working directory is Dir or /.
func (n *Namespace) Command(ctx context.Context, name string, args ...string) *Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second // a surviving grandchild must not hold Wait
	return &Cmd{Cmd: cmd, ns: n}
}

// Start starts the program inside the namespace.
func (c *Cmd) Start() error {
	if err := c.ns.inside(c.Cmd.Start); err != nil {
		return err
	}
	c.wait = sync.OnceValue(c.reap)
	c.ns.mu.Lock()
	defer c.ns.mu.Unlock()
	c.ns.commands[c] = true
	return nil
}

// Wait waits for the started program. It may be called more than once.
func (c *Cmd) Wait() error {
	if c.wait == nil {
		return c.Cmd.Wait() // which says that it was not started
	}
	return c.wait()
}

func (c *Cmd) reap() error {
	err := c.Cmd.Wait()
	c.ns.mu.Lock()
	defer c.ns.mu.Unlock()
	delete(c.ns.commands, c)
	return err
}

// Run starts the program inside the namespace and waits for it.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the program inside the namespace and returns its standard output.
// Where Stderr is nil, an exec.ExitError carries what the program said there.
func (c *Cmd) Output() ([]byte, error) {
	var stdout, stderr bytes.Buffer
	c.Stdout = &stdout
	if c.Stderr == nil {
		c.Stderr = &stderr
	}
	err := c.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		exit.Stderr = stderr.Bytes()
	}
	return stdout.Bytes(), err
}

// CombinedOutput runs the program inside the namespace and returns all it said.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}
