// SPDX-License-Identifier: Apache-2.0

package ether_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/discovery/netnstest"
	"github.com/colvin-net/colvin/discovery/netnstest/speaker"
	"github.com/colvin-net/colvin/internal/leaktest"
)

func TestMain(m *testing.M) {
	os.Exit(netnstest.Main(func() int { return leaktest.Run(m) }))
}

// A wire is a cable with a Conn at one end and speakers at both.
type wire struct {
	t         *testing.T
	cable     *netnstest.Cable
	conn      ether.Conn
	near, far *speaker.Speaker
	heard     chan discovery.Neighbor
	ended     chan error
}

func newWire(t *testing.T) *wire {
	t.Helper()
	node, sw := netnstest.NewT(t, "node"), netnstest.NewT(t, "switch")
	w := &wire{t: t, heard: make(chan discovery.Neighbor, 16), ended: make(chan error, 1)}
	w.cable = netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: "eth1"}, netnstest.Endpoint{In: sw, Name: "p1"})
	w.near, w.far = open(t, node, "eth1"), open(t, sw, "p1")
	err := node.Do(func() error {
		list, err := link.List()
		if err != nil {
			return err
		}
		for _, i := range list {
			if i.Name == "eth1" {
				w.conn, err = ether.Listen(i)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	go w.receive()
	t.Cleanup(func() {
		_ = w.conn.Close()
		if err := <-w.ended; !errors.Is(err, ether.ErrClosed) {
			t.Errorf("ReadFrame after Close = %v, want ErrClosed", err)
		}
	})
	return w
}

func open(t *testing.T, ns *netnstest.Namespace, ifname string) *speaker.Speaker {
	t.Helper()
	var s *speaker.Speaker
	err := ns.Do(func() (err error) {
		s, err = speaker.Open(ifname)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (w *wire) receive() {
	buf := make([]byte, ether.MaxFrame)
	for {
		n, err := w.conn.ReadFrame(buf)
		if err != nil {
			w.ended <- err
			return
		}
		if f, reason := lldp.Decode(buf[:n]); reason == lldp.Accepted {
			w.heard <- f.Neighbor
		}
	}
}

// frame is told apart by its PVID.
func frame(pvid uint16, to discovery.MAC) speaker.Frame {
	mac := discovery.MAC{2, 0, 0, 0, 0, 9}
	return speaker.Frame{
		Source: mac, Destination: to, Chassis: speaker.MACChassis(mac), Port: speaker.NamedPort("p1"), TTL: time.Minute, PVID: pvid,
	}
}

func (w *wire) send(s *speaker.Speaker, f speaker.Frame) {
	w.t.Helper()
	if err := s.Send(f); err != nil {
		w.t.Fatal(err)
	}
}

// expect hears the frame with that PVID next, and nothing else before it.
func (w *wire) expect(what string, pvid uint16) {
	w.t.Helper()
	select {
	case n := <-w.heard:
		if n.PVID != pvid {
			w.t.Errorf("%s: heard PVID %d, want %d", what, n.PVID, pvid)
		}
	case <-time.After(10 * time.Second):
		w.t.Fatalf("%s: nothing was heard", what)
	}
}

func TestReceive(t *testing.T) {
	w := newWire(t)
	nearestBridge := speaker.NearestBridge
	for i, group := range []byte{0x0e, 0x03, 0x00} {
		to := nearestBridge
		to[5] = group
		w.send(w.far, frame(uint16(100+i), to))
		w.expect("group address "+to.String(), uint16(100+i))
	}
	// What must not be heard is followed by what must.
	w.send(w.far, frame(200, discovery.MAC{2, 0, 0, 0, 0, 1}))
	w.send(w.far, frame(201, discovery.MAC{0x01, 0x80, 0xc2, 0, 0, 0x02}))
	w.send(w.near, frame(202, nearestBridge))
	w.send(w.far, frame(203, nearestBridge))
	w.expect("after unicast, another group and a frame of our own", 203)

	tagged := frame(50, nearestBridge)
	tagged.Tag = 9
	w.send(w.far, tagged)
	w.expect("a tag is not the VLAN", 50)
}

// TestCarrierLossIsNoEnd shows that a socket outlives its interface being down.
func TestCarrierLossIsNoEnd(t *testing.T) {
	w := newWire(t)
	w.send(w.far, frame(100, speaker.NearestBridge))
	w.expect("before", 100)
	if err := errors.Join(w.cable.Unplug(), w.cable.Plug()); err != nil {
		t.Fatal(err)
	}
	w.send(w.far, frame(101, speaker.NearestBridge))
	w.expect("after", 101)
}

func TestListenOnNothing(t *testing.T) {
	ns := netnstest.NewT(t, "node")
	err := ns.Do(func() error {
		_, err := ether.Listen(discovery.Interface{Index: 4711, Name: "eth9"})
		return err
	})
	if err == nil || errors.Is(err, os.ErrPermission) {
		t.Errorf("Listen = %v, want an error other than a missing permission", err)
	}
}
