// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// mountProc makes /proc show the processes inside, by the IDs that they know
// themselves by: CNI plugins look themselves up there.
func (n *Namespace) mountProc(ctx context.Context) error {
	said, err := n.Command(ctx, "mount", "-t", "proc", "proc", "/proc").CombinedOutput()
	if err != nil {
		return fmt.Errorf("mount /proc: %w: %s", err, bytes.TrimSpace(said))
	}
	return nil
}

// A Container is a network namespace within a Namespace, as a container runtime
// makes one. It ends with the Namespace.
type Container struct {
	name   string
	holder *Cmd
	close  func() error // ends the holder
	net    *os.File
	handle *netlink.Handle
	path   string
}

// NewContainer makes a container. The name serves messages only.
func (n *Namespace) NewContainer(ctx context.Context, name string) (*Container, error) {
	holder := n.Command(context.WithoutCancel(ctx), "sh", "-c", holderScript) // lives as long as the Namespace
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Setpgid: true}
	stdin, err := holder.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make container %s: %w", name, err)
	}
	if err := holder.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("make container %s: %w", name, err), stdin.Close())
	}
	c := &Container{name: name, holder: holder, close: stdin.Close}
	if err := c.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("make container %s: %w", name, err), c.Close())
	}
	return c, nil
}

func (c *Container) open() (err error) {
	dir := fmt.Sprintf("/proc/%d", c.holder.Process.Pid)
	if c.net, err = os.Open(filepath.Join(dir, "ns/net")); err != nil {
		return err
	}
	if c.handle, err = netlink.NewHandleAt(netns.NsHandle(c.net.Fd()), unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if pids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			ids := strings.Fields(pids) // outermost first
			c.path = filepath.Join("/proc", ids[len(ids)-1], "ns/net")
			return nil
		}
	}
	return errors.New("the kernel tells no NSpid")
}

// Close ends the container.
func (c *Container) Close() error {
	if c.handle != nil {
		c.handle.Close()
	}
	var err error
	if c.net != nil {
		err = c.net.Close()
	}
	if end := c.close(); !errors.Is(end, os.ErrClosed) { // the Namespace may have ended it
		err = errors.Join(err, end)
	}
	_ = c.holder.Wait() // killed or not
	if err != nil {
		return fmt.Errorf("close container %s: %w", c.name, err)
	}
	return nil
}

// String returns the name given to NewContainer.
func (c *Container) String() string { return c.name }

// NetNS returns the path of the network namespace inside the Namespace, as in
// CNI_NETNS.
func (c *Container) NetNS() string { return c.path }

// Netlink returns a route netlink handle of the container.
func (c *Container) Netlink() *netlink.Handle { return c.handle }

// Do runs f in the container's network namespace, as Namespace.Do does.
func (c *Container) Do(f func() error) error { return inNetNS(c.net, c.name, f) }
