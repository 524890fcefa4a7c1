// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// TestOriginIn tells what is over a device of this namespace from what is over one of
// another with the same ifindex, and from a veth whose other end is elsewhere.
func TestOriginIn(t *testing.T) {
	netnstest.Require(t, netnstest.MACVLAN)
	node, other, pod := netnstest.NewT(t, "node"), netnstest.NewT(t, "other"), netnstest.NewT(t, "pod")
	netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: "eth1"}, netnstest.Endpoint{In: other, Name: "eth1"})
	netnstest.ConnectT(t, netnstest.Endpoint{In: pod, Name: "veth0"}, netnstest.Endpoint{In: node, Name: "peer0"})
	give := func(from *netnstest.Namespace, name string) {
		t.Helper()
		if err := errors.Join(from.AddUpper("macvlan", name, "eth1"), from.Give(name, pod)); err != nil {
			t.Fatal(err)
		}
	}
	give(node, "net1")
	give(other, "net2")
	if err := errors.Join(pod.AddDevice("bridge", "d0"), pod.AddUpper("macvlan", "net3", "d0")); err != nil {
		t.Fatal(err)
	}
	type origin struct {
		Lower int
		Here  bool
	}
	eth1, peer0, d0 := find(t, node, "eth1").Index, find(t, node, "peer0").Index, find(t, pod, "d0").Index
	for name, want := range map[string]origin{
		"net1": {eth1, true}, "net2": {find(t, other, "eth1").Index, false}, "net3": {d0, false}, "veth0": {peer0, true}, "d0": {},
	} {
		var got link.Origin
		err := node.Do(func() (err error) {
			got, err = link.OriginIn(pod.NetNS(), name)
			return err
		})
		if diff := cmp.Diff(want, origin{got.Lower, got.Here}); err != nil || diff != "" || got.Name != name {
			t.Errorf("%s: %+v, %v (-want +got):\n%s", name, got, err, diff)
		}
	}
	var own link.Origin
	err := pod.Do(func() (err error) {
		own, err = link.OriginIn(pod.NetNS(), "net3")
		return err
	})
	if err != nil || own.Lower != d0 || !own.Here {
		t.Errorf("net3 from within: %+v, %v", own, err)
	}
}

// TestDeleteIn removes a device of another namespace, and by its own name only.
func TestDeleteIn(t *testing.T) {
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
	for _, tt := range []struct {
		path, name string
		want       error
	}{
		{pod.NetNS(), "net1", link.ErrAltName},
		{pod.NetNS(), "br0", nil},
		{pod.NetNS(), "br0", link.ErrNotFound},
		{pod.Path("/gone"), "br0", fs.ErrNotExist},
	} {
		if err := link.DeleteIn(tt.path, tt.name); !errors.Is(err, tt.want) {
			t.Errorf("delete %s: %v, want %v", tt.name, err, tt.want)
		}
		if _, err := link.OriginIn(tt.path, tt.name); tt.want == nil && !errors.Is(err, link.ErrNotFound) {
			t.Errorf("%s is still there: %v", tt.name, err)
		}
	}
}
