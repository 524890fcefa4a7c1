// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// holderScript blocks until its standard input closes. Its shell is process 1 of
// the PID namespace: when it ends, the kernel kills everything started inside,
// and while it waits for cat it reaps orphans.
const holderScript = `cat; exit`

// A Namespace is an anonymous network namespace with a private mount and PID
// namespace. Inside it /sys shows its own devices and the host's cgroups, /proc its own
// processes, /run is empty and writable, and /var/lib/colvin, /var/lib/cni, /etc/colvin and
// /etc/cni are empty and its own. Loopback is up.
type Namespace struct {
	name   string
	holder *exec.Cmd
	stdin  io.Closer // closing it ends the holder
	dir    string    // /proc/PID of the holder
	net    *os.File
	mnt    *os.File
	pid    *os.File
	handle *netlink.Handle
	bootID bool // the boot ID is covered

	mu       sync.Mutex
	commands map[*Cmd]bool // started and not waited for
}

// New makes a namespace. The name serves messages only; it is not registered
// anywhere.
func New(ctx context.Context, name string) (*Namespace, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := &Namespace{name: name, commands: map[*Cmd]bool{}}
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("make namespace %s: %w", name, err), n.Close())
	}
	return n, nil
}

func (n *Namespace) open(ctx context.Context) error {
	holder := exec.Command("sh", "-c", holderScript)
	holder.Dir = "/"
	holder.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Setpgid:    true, // an interrupt from the terminal is for us; we end the holder
	}
	stdin, err := holder.StdinPipe()
	if err != nil {
		return err
	}
	if err := holder.Start(); err != nil {
		return errors.Join(err, stdin.Close())
	}
	n.holder, n.stdin = holder, stdin
	n.dir = filepath.Join("/proc", strconv.Itoa(holder.Process.Pid))
	for kind, f := range map[string]**os.File{"net": &n.net, "mnt": &n.mnt, "pid": &n.pid} {
		if *f, err = os.Open(n.proc("ns", kind)); err != nil {
			return err
		}
	}
	n.handle, err = netlink.NewHandleAt(netns.NsHandle(n.net.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	if err := n.SetUp("lo"); err != nil {
		return err
	}
	if err := n.inside(mountPrivate); err != nil {
		return err
	}
	return n.mountProc(ctx)
}

// Close ends every process started inside and drops the namespaces.
func (n *Namespace) Close() error {
	if n.handle != nil {
		n.handle.Close()
	}
	var errs []error
	for _, f := range []*os.File{n.net, n.mnt, n.pid} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	if n.holder != nil {
		errs = append(errs, n.stdin.Close())
		n.reap()
		errs = append(errs, n.holder.Wait())
	}
	n.handle, n.net, n.mnt, n.pid, n.holder = nil, nil, nil, nil, nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close namespace %s: %w", n.name, err)
	}
	return nil
}

// reap waits for the commands that nobody waited for, as the holder of a PID
// namespace cannot end before them. They are killed once its input closes.
func (n *Namespace) reap() {
	n.mu.Lock()
	left := slices.Collect(maps.Keys(n.commands))
	n.mu.Unlock()
	for _, c := range left {
		_ = c.Wait() // killed
	}
}

// String returns the name given to New.
func (n *Namespace) String() string { return n.name }

// NetNS returns the path of the network namespace as seen from outside; programs
// inside have another /proc. It vanishes with the namespace.
func (n *Namespace) NetNS() string { return n.proc("ns", "net") }

// Path returns where a file of the namespace is reached from outside, such as
// Path("/run/colvin/networks.json").
func (n *Namespace) Path(file string) string { return n.proc("root", file) }

func (n *Namespace) proc(elem ...string) string {
	return filepath.Join(append([]string{n.dir}, elem...)...)
}

// Netlink returns a route netlink handle of the namespace. It is closed with
// the namespace.
func (n *Namespace) Netlink() *netlink.Handle { return n.handle }

// Do runs f in the network namespace, on the calling goroutine. Goroutines that
// f starts are not in the namespace. Files are those of the caller: see Path.
func (n *Namespace) Do(f func() error) error { return inNetNS(n.net, n.name, f) }

// inNetNS runs f in a network namespace, on the calling goroutine.
func inNetNS(ns *os.File, name string, f func() error) (err error) {
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open own network namespace: %w", err)
	}
	defer func() { err = errors.Join(err, own.Close()) }()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace of %s: %w", name, err)
	}
	defer func() {
		if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
			// The thread stays locked, so it ends with this goroutine and
			// nobody else ever runs in the wrong namespace.
			err = errors.Join(err, fmt.Errorf("leave network namespace of %s: %w", name, back))
			return
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

// inside runs f in the network and mount namespaces; processes it starts are in
// the PID namespace too.
func (n *Namespace) inside(f func() error) error {
	return OnThread(func() error {
		// Entering a mount namespace needs a root and working directory of
		// the thread's own.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("unshare working directory: %w", err)
		}
		for _, ns := range []struct {
			file *os.File
			flag int
		}{{n.net, unix.CLONE_NEWNET}, {n.pid, unix.CLONE_NEWPID}, {n.mnt, unix.CLONE_NEWNS}} {
			if err := unix.Setns(int(ns.file.Fd()), ns.flag); err != nil {
				return fmt.Errorf("enter namespaces of %s: %w", n.name, err)
			}
		}
		return f()
	})
}

// SetUp sets a device administratively up.
func (n *Namespace) SetUp(name string) error { return n.change("set up", name, n.handle.LinkSetUp) }

// setDown sets a device administratively down.
func (n *Namespace) setDown(name string) error {
	return n.change("set down", name, n.handle.LinkSetDown)
}

// change finds a device and does something with it.
func (n *Namespace) change(what, name string, f func(netlink.Link) error) error {
	l, err := n.link(name)
	if err != nil {
		return err
	}
	if err := f(l); err != nil {
		return fmt.Errorf("%s %s of %s: %w", what, name, n.name, err)
	}
	return nil
}

func (n *Namespace) link(name string) (netlink.Link, error) {
	link, err := n.handle.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("find %s in %s: %w", name, n.name, err)
	}
	return link, nil
}
