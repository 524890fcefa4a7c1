// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A Namespace is another network namespace, which is asked through one socket in it: no
// thread is in it, so nothing that is started meanwhile can get there by accident.
type Namespace struct {
	path    string
	file    *os.File // of the namespace
	home    *os.File // the namespace of who opened it
	sockets map[int]*nl.SocketHandle
}

// Open opens the network namespace at path. The error is fs.ErrNotExist where there is
// nothing, and EINVAL where that is no network namespace.
func Open(path string) (*Namespace, error) {
	n, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open network namespace %s: %w", path, err)
	}
	return n, nil
}

func open(path string) (*Namespace, error) {
	n := &Namespace{path: path, sockets: map[int]*nl.SocketHandle{}}
	if err := n.open(); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (n *Namespace) open() (err error) {
	if n.home, err = os.Open("/proc/thread-self/ns/net"); err != nil {
		return err
	}
	if n.file, err = openNetns(n.path); err != nil {
		return err
	}
	return within(n.Fd(), func() error {
		s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		n.sockets[unix.NETLINK_ROUTE] = &nl.SocketHandle{Socket: s}
		return errors.Join(s.SetSendTimeout(&nl.SocketTimeoutTv), s.SetReceiveTimeout(&nl.SocketTimeoutTv))
	})
}

// openNetns opens a file that may be anything, without waiting for anybody.
func openNetns(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Close closes what Open opened.
func (n *Namespace) Close() {
	for _, s := range n.sockets {
		s.Close()
	}
	for _, f := range []*os.File{n.file, n.home} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// Path is where the namespace was opened.
func (n *Namespace) Path() string { return n.path }

// Fd is a descriptor of the namespace, open until Close.
func (n *Namespace) Fd() int { return int(n.file.Fd()) }

// Inode is that of the namespace, which no other has while it is open.
func (n *Namespace) Inode() (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(n.Fd(), &st); err != nil {
		return 0, fmt.Errorf("find namespace %s: %w", n.path, err)
	}
	return st.Ino, nil
}

// Execute sends a request into the namespace and returns the answers of a type, 0 for any.
// The error is ErrNotFound where there is no such network device.
func (n *Namespace) Execute(req *nl.NetlinkRequest, answers uint16) ([][]byte, error) {
	req.Sockets = n.sockets
	msgs, err := req.Execute(unix.NETLINK_ROUTE, answers)
	if errors.Is(err, unix.ENODEV) {
		err = ErrNotFound
	}
	return msgs, err
}

// Dump is Execute for a request for a list, which is asked for again where it was
// interrupted.
func (n *Namespace) Dump(request func() *nl.NetlinkRequest, answers uint16) ([][]byte, error) {
	return whole(func() ([][]byte, error) { return n.Execute(request(), answers) })
}

// Do runs f on a thread that is in the namespace meanwhile and does nothing else. What
// matters is opened or asked by f itself: goroutines that it starts are elsewhere.
func (n *Namespace) Do(f func() error) error { return within(n.Fd(), f) }

// Origin reads the network device with that name in the namespace, and what is below it.
// The error is ErrNotFound where there is none, and ErrAltName where another has that name too.
func (n *Namespace) Origin(name string) (Origin, error) {
	o, err := n.origin(name)
	if err != nil {
		return Origin{}, fmt.Errorf("read network device %s in %s: %w", name, n.path, err)
	}
	return o, nil
}

func (n *Namespace) origin(name string) (o Origin, err error) {
	msg, err := n.ask(ifname(name))
	if err != nil {
		return o, err
	}
	if o.Interface, err = parse(msg); err != nil {
		return o, err
	}
	if o.Name != name {
		return o, ErrAltName
	}
	return o, o.addLower(msg, n)
}

// ask returns what the kernel answers to a request for one network device.
func (n *Namespace) ask(which ...*nl.RtAttr) ([]byte, error) {
	msgs, err := n.Execute(linkRequest(unix.RTM_GETLINK, 0, unix.NLM_F_ACK, which...), 0)
	if err == nil && len(msgs) != 1 {
		err = fmt.Errorf("%d answers, want 1", len(msgs))
	}
	if err != nil {
		return nil, err
	}
	return msgs[0], nil
}

// Delete removes a network device of the namespace. The error is ErrNotFound where there
// is none with that ifindex.
func (n *Namespace) Delete(index int) error {
	if _, err := n.Execute(linkRequest(unix.RTM_DELLINK, index, unix.NLM_F_ACK), 0); err != nil {
		return fmt.Errorf("delete network device %d in %s: %w", index, n.path, err)
	}
	return nil
}

// isHome reports whether the namespace is that of who opened it.
func (n *Namespace) isHome() (bool, error) {
	var theirs, own unix.Stat_t
	if err := errors.Join(unix.Fstat(n.Fd(), &theirs), unix.Fstat(int(n.home.Fd()), &own)); err != nil {
		return false, err
	}
	return own.Dev == theirs.Dev && own.Ino == theirs.Ino, nil
}

// homeID is by which number the namespace knows that of who opened it, and -1 where it does
// not know it.
func (n *Namespace) homeID() (int32, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNSID, 0)
	req.AddData(nl.NewRtGenMsg())
	req.AddData(nl.NewRtAttr(unix.NETNSA_FD, nl.Uint32Attr(uint32(n.home.Fd()))))
	msgs, err := n.Execute(req, unix.RTM_NEWNSID)
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
