// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
)

// InNetns reads the network device with that name in the network namespace at path,
// as ByIndex does. The error is ErrNotFound where there is none, ErrAltName where
// another has that name too, and fs.ErrNotExist where there is no namespace.
func InNetns(path, name string) (discovery.Interface, error) {
	var ifi discovery.Interface
	err := inNetns(path, func() (err error) {
		ifi, err = single(0, ifname(name))
		if err == nil && ifi.Name != name {
			err = ErrAltName
		}
		return err
	})
	if err != nil {
		return discovery.Interface{}, fmt.Errorf("read network device %s in %s: %w", name, path, err)
	}
	return ifi, nil
}

// ListIn reads the network devices in the network namespace at path, as InNetns reads one.
func ListIn(path string) ([]discovery.Interface, error) {
	var all []discovery.Interface
	err := inNetns(path, func() error {
		msgs, err := dump()
		for i := 0; err == nil && i < len(msgs); i++ {
			var ifi discovery.Interface
			if ifi, err = parse(msgs[i]); err == nil {
				all = append(all, ifi)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list network devices in %s: %w", path, err)
	}
	return all, nil
}

// RemoveAltNamesIn takes alternative names from the network device with that name in
// the network namespace at path. The errors are those of InNetns.
func RemoveAltNamesIn(path, name string, altNames []string) error {
	return inNetns(path, func() error {
		ifi, err := single(0, ifname(name))
		for i := 0; err == nil && i < len(altNames); i++ {
			err = RemoveAltName(ifi.Index, altNames[i])
		}
		return err
	})
}

// MoveOut moves the network device with that name out of the network namespace at path
// into the calling thread's, where it is down and has the name back; empty for the one it
// has. The errors are those of InNetns.
func MoveOut(path, name, back string) error {
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	err = inNetns(path, func() error {
		ifi, err := single(0, ifname(name))
		if err == nil && ifi.Name != name { // an alternative name of another
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		attrs := []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(home.Fd())))}
		if back != "" {
			attrs = append(attrs, ifname(back))
		}
		return setLink(ifi.Index, attrs...)
	})
	if err != nil {
		return fmt.Errorf("move network device %s out of %s: %w", name, path, err)
	}
	return nil
}

// inNetns runs f in the network namespace at path, on a thread of its own meanwhile.
func inNetns(path string, f func() error) error {
	file, err := openNetns(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return within(int(file.Fd()), f)
}

// within runs f in a network namespace, on a thread of its own meanwhile.
func within(fd int, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		own, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			done <- err
			return
		}
		defer own.Close()
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		err = f()
		if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
			// The thread stays locked, so it ends with this goroutine and nobody
			// else ever runs in the wrong namespace.
			done <- errors.Join(err, fmt.Errorf("leave network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
		done <- err
	}()
	return <-done
}
