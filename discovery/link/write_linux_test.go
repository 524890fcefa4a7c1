// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/netnstest"
)

const mark = discovery.OwnAlias + "storage"

// vlanRig is a node with a cable, in whose namespace functions are called.
type vlanRig struct {
	*netnstest.Namespace
	t    *testing.T
	eth1 discovery.Interface
}

func newVLANRig(t *testing.T) *vlanRig {
	t.Helper()
	netnstest.Require(t, netnstest.VLAN)
	node, far := netnstest.NewT(t, "node"), netnstest.NewT(t, "far")
	netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: "eth1"}, netnstest.Endpoint{In: far, Name: "p1"})
	return &vlanRig{node, t, find(t, node, "eth1")}
}

func (r *vlanRig) add(vid uint16, name string) error {
	return r.Do(func() error { return link.AddVLAN(r.eth1.Index, vid, name, mark) })
}

// names lists the devices beside loopback.
func (r *vlanRig) names() (names []string) {
	r.t.Helper()
	err := r.Do(func() error {
		list, err := link.List()
		for _, i := range list {
			if i.Name != "lo" {
				names = append(names, i.Name)
			}
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return names
}

func (r *vlanRig) accepts(name string) (value string) {
	r.t.Helper()
	err := r.Do(func() error {
		b, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + name + "/accept_ra")
		value = string(b)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return value
}

// TestAddVLAN makes a device that is marked and has no address, and removes it.
func TestAddVLAN(t *testing.T) {
	r := newVLANRig(t)
	if err := r.add(300, "eth1.300"); err != nil {
		t.Fatal(err)
	}
	got := find(t, r.Namespace, "eth1.300")
	want := discovery.Interface{
		Index: got.Index, Name: "eth1.300", Alias: mark, MAC: r.eth1.MAC, MTU: 1500, Kind: "vlan", Ethernet: true,
		Up: true, Carrier: true, CarrierChanges: got.CarrierChanges, Parent: r.eth1.Index, VLAN: 300,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("eth1.300 (-want +got):\n%s", diff)
	}
	wantUsage(t, r.Namespace, "eth1", link.Usage{Uppers: []string{"eth1.300"}})
	if got := r.accepts("eth1.300"); got != "0\n" {
		t.Errorf("accept_ra is %q, want 0", got)
	}
	device, err := r.Netlink().LinkByIndex(got.Index)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := r.Netlink().AddrList(device, netlink.FAMILY_ALL); err != nil || len(list) != 0 {
		t.Errorf("addresses %v, %v, want none", list, err)
	}
	remove := func() error { return link.Delete(got.Index) }
	if err := r.Do(remove); err != nil {
		t.Error(err)
	}
	if err := r.Do(remove); !errors.Is(err, link.ErrNotFound) {
		t.Errorf("removed twice: %v, want ErrNotFound", err)
	}
	if diff := cmp.Diff([]string{"eth1"}, r.names()); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}

// TestAddVLANTaken finds the name or the VLAN taken, and takes nothing.
func TestAddVLANTaken(t *testing.T) {
	r := newVLANRig(t)
	if err := errors.Join(r.AddVLAN("storage", "eth1", 300), r.AddDevice("bridge", "eth1.400")); err != nil {
		t.Fatal(err)
	}
	for vid, name := range map[uint16]string{300: "eth1.300", 400: "eth1.400"} {
		if err := r.add(vid, name); !errors.Is(err, fs.ErrExist) {
			t.Errorf("VLAN %d: %v, want ErrExist", vid, err)
		}
	}
	if got := find(t, r.Namespace, "storage"); got.Own() {
		t.Errorf("a device of somebody else's is marked: %+v", got)
	}
}

// TestAddVLANKilled knows a device whose maker was killed before it marked it.
func TestAddVLANKilled(t *testing.T) {
	r := newVLANRig(t)
	half := &netlink.Vlan{LinkAttrs: netlink.NewLinkAttrs(), VlanId: 300, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q}
	half.Name, half.ParentIndex, half.Group = "eth1.300", r.eth1.Index, 0x636f6c76
	if err := r.Netlink().LinkAdd(half); err != nil {
		t.Fatal(err)
	}
	if got := find(t, r.Namespace, "eth1.300"); !got.Unfinished || !got.Own() || got.Up {
		t.Errorf("%+v, want Colvin's own, unfinished and down", got)
	}
	if err := r.add(300, "eth1.300"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("added again: %v, want ErrExist", err)
	}
}

// TestAddVLANWrong leaves nothing behind.
func TestAddVLANWrong(t *testing.T) {
	r := newVLANRig(t)
	for _, tt := range []struct {
		parent int
		vid    uint16
		name   string
	}{
		{r.eth1.Index, 4096, "eth1.4096"},
		{r.eth1.Index, 300, "eth1.300-that-is-too-long"},
		{r.eth1.Index, 300, "../eth1"},
		{r.eth1.Index, 300, ""},
		{1, 300, "lo.300"}, // loopback takes none
	} {
		err := r.Do(func() error { return link.AddVLAN(tt.parent, tt.vid, tt.name, mark) })
		if err == nil || errors.Is(err, fs.ErrExist) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	err := r.Do(func() error { return link.AddVLAN(4711, 300, "eth9.300", mark) })
	if !errors.Is(err, link.ErrNotFound) {
		t.Errorf("no parent: %v, want ErrNotFound", err)
	}
	eth1, err := r.Netlink().LinkByName("eth1")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Netlink().LinkSetDown(eth1); err != nil {
		t.Fatal(err)
	}
	if err := r.add(300, "eth1.300"); err == nil {
		t.Error("a device is up over one that is down")
	}
	if diff := cmp.Diff([]string{"eth1"}, r.names()); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}
