// SPDX-License-Identifier: Apache-2.0

package link

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// OriginIn reads the network device with that name in the network namespace at path, and
// what is below it. The errors are those of InNetns.
func OriginIn(path, name string) (Origin, error) {
	runtime.LockOSThread() // the caller's namespace is that of this thread
	defer runtime.UnlockOSThread()
	caller, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return Origin{}, fmt.Errorf("open network namespace: %w", err)
	}
	defer caller.Close()
	var o Origin
	err = inNetns(path, func() error {
		msg, err := ask(0, ifname(name))
		if err != nil {
			return err
		}
		if o.Interface, err = parse(msg); err != nil {
			return err
		}
		if o.Name != name { // an alternative name of another
			return ErrNotFound
		}
		return o.addLower(msg, int(caller.Fd()))
	})
	if err != nil {
		return Origin{}, fmt.Errorf("read network device %s in %s: %w", name, path, err)
	}
	return o, nil
}

// addLower reads what is below the device, and whether that is in the namespace of the
// file.
func (o *Origin) addLower(msg []byte, namespace int) error {
	own, lower := true, int32(0)
	for kind, value := range attributes(msg[unix.SizeofIfInfomsg:]) {
		switch kind {
		case unix.IFLA_LINK:
			o.Lower = int(u32(value))
		case unix.IFLA_LINK_NETNSID:
			own, lower = false, int32(u32(value))
		case unix.IFLA_PARENT_DEV_NAME:
			o.Function = text(value)
		}
	}
	switch {
	case o.Lower == 0:
		return nil
	case own:
		same, err := isThreadNetns(namespace)
		o.Here = same
		return err
	}
	id, err := namespaceID(namespace)
	o.Here = err == nil && id >= 0 && id == lower
	return err
}

// isThreadNetns reports whether the file is the network namespace of this thread.
func isThreadNetns(namespace int) (bool, error) {
	var theirs, own unix.Stat_t
	if err := unix.Fstat(namespace, &theirs); err != nil {
		return false, err
	}
	if err := unix.Stat("/proc/thread-self/ns/net", &own); err != nil {
		return false, err
	}
	return own.Dev == theirs.Dev && own.Ino == theirs.Ino, nil
}

// namespaceID is by which number this thread's network namespace knows another, and -1
// where it does not know it.
func namespaceID(namespace int) (int32, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNSID, 0)
	req.AddData(nl.NewRtGenMsg())
	req.AddData(nl.NewRtAttr(unix.NETNSA_FD, nl.Uint32Attr(uint32(namespace))))
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNSID)
	if err != nil {
		return 0, fmt.Errorf("ask for the ID of a network namespace: %w", err)
	}
	for _, msg := range msgs {
		for kind, value := range attributes(msg[min(len(msg), unix.NLMSG_ALIGNTO):]) { // after a struct rtgenmsg
			if kind == unix.NETNSA_NSID {
				return int32(u32(value)), nil
			}
		}
	}
	return -1, nil
}

// DeleteIn removes the network device with that name in the network namespace at path.
// The errors are those of InNetns.
func DeleteIn(path, name string) error {
	err := inNetns(path, func() error {
		ifi, err := single(0, ifname(name))
		if err == nil && ifi.Name != name {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return Delete(ifi.Index)
	})
	if err != nil {
		return fmt.Errorf("delete network device %s in %s: %w", name, path, err)
	}
	return nil
}
