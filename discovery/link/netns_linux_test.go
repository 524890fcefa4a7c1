// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// TestInNetns reads a device of another namespace, from many goroutines, and does
// not stay there.
func TestInNetns(t *testing.T) {
	pod, far := netnstest.NewT(t, "pod"), netnstest.NewT(t, "far")
	netnstest.ConnectT(t, netnstest.Endpoint{In: pod, Name: "net1"}, netnstest.Endpoint{In: far, Name: "p1"})
	want := find(t, pod, "net1")
	before := netnsOf(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			got, err := link.InNetns(pod.NetNS(), "net1")
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("error %v, (-want +got):\n%s", err, diff)
			}
			if after := netnsOf(t); after != before {
				t.Errorf("in %s afterwards, want %s", after, before)
			}
		})
	}
	all.Wait()
}

func netnsOf(t *testing.T) string {
	t.Helper()
	ns, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Error(err)
	}
	return ns
}

// TestListIn reads all devices of another namespace, and no others.
func TestListIn(t *testing.T) {
	pod, far := netnstest.NewT(t, "pod"), netnstest.NewT(t, "far")
	netnstest.ConnectT(t, netnstest.Endpoint{In: pod, Name: "net1"}, netnstest.Endpoint{In: far, Name: "p1"})
	got, err := link.ListIn(pod.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range got {
		names = append(names, i.Name)
	}
	if diff := cmp.Diff([]string{"lo", "net1"}, names); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(find(t, pod, "net1"), got[1]); diff != "" {
		t.Errorf("net1 (-want +got):\n%s", diff)
	}
	if _, err := link.ListIn(pod.Path("/gone")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no namespace: %v", err)
	}
}

// TestInNetnsWrong asks for what is not there, and for what is no namespace.
func TestInNetnsWrong(t *testing.T) {
	pod := netnstest.NewT(t, "pod")
	file, fifo := filepath.Join(t.TempDir(), "file"), filepath.Join(t.TempDir(), "fifo")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), unix.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path, name string
		want       error
	}{
		{pod.NetNS(), "net1", link.ErrNotFound},
		{pod.NetNS(), "", link.ErrNotFound},
		{pod.Path("/gone"), "net1", fs.ErrNotExist},
		{file, "net1", unix.EINVAL},
		{fifo, "net1", unix.EINVAL},
		{"/proc/self/ns/mnt", "net1", unix.EINVAL},
		{t.TempDir(), "net1", unix.EINVAL},
	} {
		if _, err := link.InNetns(tt.path, tt.name); !errors.Is(err, tt.want) {
			t.Errorf("%q in %s: %v, want %v", tt.name, tt.path, err, tt.want)
		}
	}
}

// TestInNetnsAltName finds a device by its own name only.
func TestInNetnsAltName(t *testing.T) {
	pod := netnstest.NewT(t, "pod")
	if err := pod.AddDevice("bridge", "br0"); err != nil {
		t.Fatal(err)
	}
	br0, err := pod.Netlink().LinkByName("br0")
	if err != nil {
		t.Fatal(err)
	}
	if err := pod.Netlink().LinkAddAltName(br0, "net1"); err != nil {
		t.Fatal(err)
	}
	if got, err := link.InNetns(pod.NetNS(), "net1"); !errors.Is(err, link.ErrAltName) || !errors.Is(err, link.ErrNotFound) {
		t.Errorf("net1: %+v, %v, want ErrAltName, which is an ErrNotFound", got, err)
	}
	if got, err := link.InNetns(pod.NetNS(), "net2"); errors.Is(err, link.ErrAltName) || !errors.Is(err, link.ErrNotFound) {
		t.Errorf("net2: %+v, %v, want ErrNotFound", got, err)
	}
}

// TestMoveOut takes a device out of another namespace, under the name it had or as it is
// called there, and down; then Restore names one that came back by itself.
func TestMoveOut(t *testing.T) {
	for name, tt := range map[string]struct {
		back, want string
	}{"named": {"eth3", "eth3"}, "as it is": {"", "net1"}} {
		t.Run(name, func(t *testing.T) {
			node, pod, far := netnstest.NewT(t, "node"), netnstest.NewT(t, "pod"), netnstest.NewT(t, "far")
			netnstest.ConnectT(t, netnstest.Endpoint{In: pod, Name: "net1"}, netnstest.Endpoint{In: far, Name: "p1"})
			if err := node.Do(func() error { return link.MoveOut(pod.NetNS(), "net1", tt.back) }); err != nil {
				t.Fatal(err)
			}
			got := find(t, node, tt.want)
			if got.Up {
				t.Errorf("%s is up", got.Name)
			}
			if _, err := link.InNetns(pod.NetNS(), "net1"); !errors.Is(err, link.ErrNotFound) {
				t.Errorf("still inside: %v", err)
			}
			if err := errors.Join(
				node.Netlink().LinkSetAlias(linkOf(t, node, tt.want), "eth3"),
				node.Do(func() error { return link.Restore(got.Index, "lan7") }),
			); err != nil {
				t.Fatal(err)
			}
			if got := find(t, node, "lan7"); got.Alias != "" {
				t.Errorf("alias %q is left", got.Alias)
			}
			if err := node.Do(func() error { return link.MoveOut(pod.NetNS(), "net1", tt.back) }); !errors.Is(err, link.ErrNotFound) {
				t.Errorf("again: %v", err)
			}
		})
	}
}

func linkOf(t *testing.T, n *netnstest.Namespace, name string) netlink.Link {
	t.Helper()
	l, err := n.Netlink().LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
