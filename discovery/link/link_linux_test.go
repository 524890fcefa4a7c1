// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/netnstest"
)

func TestMain(m *testing.M) {
	os.Exit(netnstest.Main(func() int { return leaktest.Run(m) }))
}

// TestList reads a cable of two namespaces and follows what happens to it.
func TestList(t *testing.T) {
	node, far := netnstest.NewT(t, "node"), netnstest.NewT(t, "far")
	mac := discovery.MAC{2, 0, 0, 0, 0, 1}
	cable := netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: "eth1", MAC: mac}, netnstest.Endpoint{In: far, Name: "p1"})
	first := find(t, node, "eth1")
	want := discovery.Interface{
		Index: first.Index, Name: "eth1", MAC: mac, MTU: 1500, Kind: "veth", Ethernet: true,
		Up: true, Carrier: true, CarrierChanges: first.CarrierChanges,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("eth1 (-want +got):\n%s", diff)
	}
	lo := find(t, node, "lo")
	if lo.Ethernet || lo.Bus != "" {
		t.Errorf("loopback: %+v, want no Ethernet and no bus", lo)
	}
	if err := cable.Unplug(); err != nil {
		t.Fatal(err)
	}
	lost := find(t, node, "eth1")
	if lost.Carrier || lost.CarrierChanges != first.CarrierChanges+1 || lost.Epoch() != first.Epoch()+2 {
		t.Errorf("unplugged: %+v, epoch %d; was %+v, epoch %d", lost, lost.Epoch(), first, first.Epoch())
	}
	if err := cable.Plug(); err != nil {
		t.Fatal(err)
	}
	back := find(t, node, "eth1")
	if !back.Carrier || back.CarrierChanges != first.CarrierChanges+2 || back.Epoch() != lost.Epoch() {
		t.Errorf("plugged in: %+v, epoch %d; want epoch %d as announced while it was down", back, back.Epoch(), lost.Epoch())
	}
}

// find reads an interface from the list and by its index, which must agree.
func find(t *testing.T, ns *netnstest.Namespace, name string) (found discovery.Interface) {
	t.Helper()
	err := ns.Do(func() error {
		list, err := link.List()
		if err != nil {
			return err
		}
		for _, i := range list {
			if i.Name == name {
				found = i
			}
		}
		single, err := link.ByIndex(found.Index)
		if diff := cmp.Diff(found, single); diff != "" {
			t.Errorf("ByIndex differs (-list +single):\n%s", diff)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestByIndexNotFound(t *testing.T) {
	ns := netnstest.NewT(t, "node")
	err := ns.Do(func() error {
		_, err := link.ByIndex(4711)
		return err
	})
	if !errors.Is(err, link.ErrNotFound) {
		t.Errorf("ByIndex(4711) = %v, want ErrNotFound", err)
	}
}

// TestSubscribe shows that a change hints, and that Close ends a blocked pump.
func TestSubscribe(t *testing.T) {
	node, far := netnstest.NewT(t, "node"), netnstest.NewT(t, "far")
	var s *link.Subscription
	err := node.Do(func() (err error) {
		s, err = link.Subscribe()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: "eth1"}, netnstest.Endpoint{In: far, Name: "p1"})
	select {
	case <-s.Hints():
	case <-time.After(10 * time.Second):
		t.Error("a new device does not hint")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if n := s.Errors(); n != 0 {
		t.Errorf("%d errors, want none", n)
	}
}

// TestInstance deletes a device and makes another with the same ifindex and MAC address,
// before anybody looks. One that leaves a bridge does not go.
func TestInstance(t *testing.T) {
	node := netnstest.NewT(t, "node")
	do := func(what ...func() error) {
		t.Helper()
		for _, f := range what {
			if err := node.Do(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	attributes := netlink.LinkAttrs{Name: "eth7", Index: 77, HardwareAddr: []byte{2, 0, 0, 0, 0, 7}}
	device, bridge := &netlink.Veth{LinkAttrs: attributes, PeerName: "far7"}, &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	add, remove := func() error { return netlink.LinkAdd(device) }, func() error { return netlink.LinkDel(device) }
	var s *link.Subscription
	err := node.Do(func() (err error) {
		s, err = link.Subscribe()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	instance := func(want uint32) {
		t.Helper()
		deadline := time.After(10 * time.Second)
		for {
			var list []discovery.Interface
			err := node.Do(func() (err error) {
				list, err = s.List()
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(list, func(i discovery.Interface) bool { return i.Index == 77 })
			if i >= 0 && list[i].Instance == want {
				return
			}
			select {
			case <-s.Hints():
			case <-deadline:
				t.Fatalf("interfaces %+v, want instance %d of 77", list, want)
			}
		}
	}
	do(add)
	instance(0)
	do(
		func() error { return netlink.LinkAdd(bridge) }, func() error { return netlink.LinkSetMaster(device, bridge) },
		func() error { return netlink.LinkSetNoMaster(device) }, func() error { return netlink.LinkDel(bridge) },
	)
	instance(0)
	do(remove, add)
	instance(1)
	do(remove, add, remove, add)
	instance(3)
}
