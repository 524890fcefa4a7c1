// SPDX-License-Identifier: Apache-2.0

package ether_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

func TestMain(m *testing.M) {
	os.Exit(netnstest.Main(func() int { return leaktest.Run(m) }))
}

// A wire is a cable with sockets at one end and speakers at both.
type wire struct {
	t         *testing.T
	node      *netnstest.Namespace
	cable     *netnstest.Cable
	port      discovery.Interface
	near, far *speaker.Speaker
}

func newWire(t *testing.T) *wire {
	t.Helper()
	node, sw := netnstest.NewT(t, "node"), netnstest.NewT(t, "switch")
	w := &wire{t: t, node: node}
	w.cable = netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: "eth1"}, netnstest.Endpoint{In: sw, Name: "p1"})
	w.near, w.far = open(t, node, "eth1"), open(t, sw, "p1")
	w.look()
	w.warm()
	return w
}

// look finds the port, and returns all interfaces of the node.
func (w *wire) look() []discovery.Interface {
	w.t.Helper()
	var list []discovery.Interface
	err := w.node.Do(func() (err error) {
		list, err = link.List()
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, i := range list {
		if i.Name == "eth1" {
			w.port = i
		}
	}
	return list
}

// warm sends until a frame gets through: the kernel readies a device that got its
// carrier a moment later, and drops what is sent before.
func (w *wire) warm() {
	w.t.Helper()
	e := w.listen(ether.LLDP | ether.Early)
	defer e.close()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for through, deadline := false, time.After(10*time.Second); !through; {
		w.send(w.far, frame(1, discovery.NearestBridge))
		select {
		case <-e.heard:
			through = true
		case <-deadline:
			w.t.Fatal("no frame gets through the cable")
		case <-tick.C:
		}
	}
	last := w.marshal(frame(2, discovery.NearestBridge))
	w.sendRaw(w.far, last)
	for heard := []byte(nil); !bytes.Equal(heard, last); {
		heard = e.next("warming up") // others were on their way
	}
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

// An ear is one socket of the port and the frames that it delivers.
type ear struct {
	*wire
	name  string
	conn  ether.Conn
	heard chan ether.Frame
	close func()
}

func (w *wire) listen(s ether.FrameSet) *ear {
	w.t.Helper()
	e := &ear{wire: w, name: fmt.Sprintf("socket %04b", s), conn: w.open(s), heard: make(chan ether.Frame, 64)}
	ended := make(chan error, 1)
	go func() { ended <- e.receive() }()
	e.close = sync.OnceFunc(func() {
		_ = e.conn.Close()
		if err := <-ended; !errors.Is(err, ether.ErrClosed) {
			w.t.Errorf("ReadFrame after Close = %v, want ErrClosed", err)
		}
	})
	w.t.Cleanup(e.close)
	return e
}

func (e *ear) receive() error {
	for {
		if err := e.conn.ReadFrame(func(f ether.Frame) {
			f.Octets = bytes.Clone(f.Octets)
			e.heard <- f
		}); err != nil {
			return err
		}
	}
}

// next is the next frame that is heard.
func (e *ear) next(what string) []byte { return e.nextFrame(what).Octets }

func (e *ear) nextFrame(what string) ether.Frame {
	e.t.Helper()
	select {
	case f := <-e.heard:
		return f
	case <-time.After(10 * time.Second):
		e.t.Fatalf("%s: %s: nothing was heard", e.name, what)
		return ether.Frame{}
	}
}

// expect hears the LLDP frame with that PVID next, and nothing else before it.
func (e *ear) expect(what string, pvid uint16) {
	e.t.Helper()
	f, reason := lldp.Decode(e.next(what))
	if reason != lldp.Accepted || f.Neighbor.PVID != pvid {
		e.t.Errorf("%s: %s: heard PVID %d (%s), want %d", e.name, what, f.Neighbor.PVID, reason, pvid)
	}
}

// expectRaw hears exactly these octets next.
func (e *ear) expectRaw(what string, want []byte) {
	e.t.Helper()
	if diff := cmp.Diff(hex.Dump(want), hex.Dump(e.next(what))); diff != "" {
		e.t.Errorf("%s: %s (-want +got):\n%s", e.name, what, diff)
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

func (w *wire) sendRaw(s *speaker.Speaker, b []byte) {
	w.t.Helper()
	if err := s.SendRaw(b); err != nil {
		w.t.Fatal(err)
	}
}

// sockets are those that receive LLDP.
var sockets = []ether.FrameSet{ether.LLDP, ether.LLDP | ether.Early, ether.LLDP | ether.CDP | ether.Early}

func TestReceive(t *testing.T) {
	w := newWire(t)
	for _, s := range sockets {
		testReceive(w.listen(s))
	}
}

func testReceive(e *ear) {
	e.t.Helper()
	nearestBridge := discovery.NearestBridge
	for i, group := range []byte{0x0e, 0x03, 0x00} {
		to := nearestBridge
		to[5] = group
		e.send(e.far, frame(uint16(100+i), to))
		e.expect("group address "+to.String(), uint16(100+i))
	}
	// What must not be heard is followed by what must.
	e.send(e.far, frame(200, discovery.MAC{2, 0, 0, 0, 0, 1}))
	e.send(e.far, frame(201, discovery.MAC{0x01, 0x80, 0xc2, 0, 0, 0x02}))
	e.send(e.near, frame(202, nearestBridge))
	e.sendRaw(e.far, otherProtocol(nearestBridge))
	e.send(e.far, frame(203, nearestBridge))
	e.expect("after unicast, another group, a frame of our own and another protocol", 203)

	b := e.marshal(frame(50, nearestBridge))
	e.sendRaw(e.far, tag(bytes.Clone(b), 0x81, 0, 0, 9)) // a VLAN of no device here
	e.expect("a tag is not the VLAN", 50)
	e.sendRaw(e.far, tag(b, 0x81, 0, 0xe0, 0)) // a priority and no VLAN
	e.expect("priority tag", 50)
}

func (w *wire) marshal(f speaker.Frame) []byte {
	w.t.Helper()
	b, err := f.Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// otherProtocol is a frame to a group address of LLDP that is none, such as PTP.
func otherProtocol(to discovery.MAC) []byte {
	b := append(to[:], 2, 0, 0, 0, 0, 9, 0x88, 0xf7)
	return append(b, make([]byte, 46)...)
}

// tag puts tags between the addresses of a frame and what follows.
func tag(frame []byte, tags ...byte) []byte { return slices.Insert(frame, 12, tags...) }

// expectTagged hears exactly these octets next, in that VLAN.
func (e *ear) expectTagged(what string, vid uint16, want []byte) {
	e.t.Helper()
	got := e.nextFrame(what)
	if got.Tag != vid {
		e.t.Errorf("%s: %s: in VLAN %d, want %d", e.name, what, got.Tag, vid)
	}
	if diff := cmp.Diff(hex.Dump(want), hex.Dump(got.Octets)); diff != "" {
		e.t.Errorf("%s: %s (-want +got):\n%s", e.name, what, diff)
	}
}

// TestTags shows what is left of tags: the kernel takes off the outer one, as NICs
// do, also where no VLAN device is, and tells an Early socket what it was, others that
// there was one. A frame with two is no LLDP to the kernel, but it is to an Early socket.
func TestTags(t *testing.T) {
	w := newWire(t)
	plain, cdp, early := w.listen(ether.LLDP), w.listen(ether.CDP), w.listen(ether.LLDP|ether.CDP|ether.Early)
	lldpFrame := w.marshal(frame(100, discovery.NearestBridge))
	vlan9, vlan10 := []byte{0x81, 0, 0, 9}, []byte{0x81, 0, 0xe0, 10} // with the highest priority
	service, priority := []byte{0x88, 0xa8, 0, 11}, []byte{0x81, 0, 0xe0, 0}

	w.sendRaw(w.far, tag(bytes.Clone(lldpFrame), vlan9...))
	plain.expectTagged("one tag", discovery.TagUnknown, lldpFrame)
	early.expectTagged("one tag", 9, lldpFrame)
	w.sendRaw(w.far, tag(cdpFrame(0x2000), vlan10...))
	cdp.expectTagged("one tag", discovery.TagUnknown, cdpFrame(0x2000))
	early.expectTagged("one tag", 10, cdpFrame(0x2000))
	w.sendRaw(w.far, tag(bytes.Clone(lldpFrame), slices.Concat(service, vlan9)...))
	early.expectTagged("two tags", 11, tag(bytes.Clone(lldpFrame), vlan9...))
	w.sendRaw(w.far, tag(bytes.Clone(lldpFrame), slices.Concat(priority, vlan10)...)) // no 9, with which the source ends
	early.expectTagged("a priority, and a tag in the frame", 10, tag(bytes.Clone(lldpFrame), vlan10...))
	plain.expectTagged("a priority, and a tag in the frame", discovery.TagUnknown, lldpFrame)
	w.sendRaw(w.far, tag(bytes.Clone(lldpFrame), slices.Concat(vlan10, vlan9)...))
	early.expectTagged("two tags of one kind", 10, tag(bytes.Clone(lldpFrame), vlan9...))
	w.sendRaw(w.far, tag(bytes.Clone(lldpFrame), slices.Concat(service, service)...))
	early.expectTagged("two service tags", 11, tag(bytes.Clone(lldpFrame), service...))
	w.sendRaw(w.far, tag(cdpFrame(0x2000), slices.Concat(vlan10, vlan9)...))
	early.expectTagged("CDP with two tags", 10, tag(cdpFrame(0x2000), vlan9...))
	w.sendRaw(w.far, tag(bytes.Clone(lldpFrame), priority...))
	plain.expectTagged("a priority", 0, lldpFrame)
	w.sendRaw(w.far, lldpFrame)
	plain.expectTagged("no tag", 0, lldpFrame)
}

// cdpFrame is a frame of Cisco's with that protocol number.
func cdpFrame(protocol uint16) []byte {
	b := []byte{0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc, 2, 0, 0, 0, 0, 9, 0, 46, 0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c}
	b = binary.BigEndian.AppendUint16(b, protocol)
	return append(b, make([]byte, 60-len(b))...)
}

func TestReceiveCDP(t *testing.T) {
	w := newWire(t)
	for _, s := range []ether.FrameSet{ether.CDP, ether.CDP | ether.Early, ether.LLDP | ether.CDP | ether.Early} {
		e := w.listen(s)
		const cdp, vtp = 0x2000, 0x2003
		stp := append([]byte{0x01, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 38, 0x42, 0x42, 0x03}, make([]byte, 43)...)
		if s&ether.LLDP == 0 {
			w.send(w.far, frame(100, discovery.NearestBridge))
		}
		w.sendRaw(w.far, cdpFrame(vtp))
		w.sendRaw(w.far, stp)
		w.sendRaw(w.near, cdpFrame(cdp))
		w.sendRaw(w.far, cdpFrame(cdp))
		e.expectRaw("after LLDP, VTP, STP and a frame of our own", cdpFrame(cdp))
		w.sendRaw(w.far, tag(cdpFrame(cdp), 0x81, 0, 0, 9))
		e.expectRaw("tagged", cdpFrame(cdp))
	}
}

// TestGroups shows which group addresses each socket has the NIC let in.
func TestGroups(t *testing.T) {
	lldpGroups := []string{"0180c2000000", "0180c2000003", "0180c200000e"}
	all := append([]string{"01000ccccccc"}, lldpGroups...)
	w := newWire(t)
	before := w.groups()
	for _, tt := range []struct {
		socket ether.FrameSet
		want   []string
	}{
		{ether.LLDP, lldpGroups},
		{ether.LLDP | ether.Early, lldpGroups},
		{ether.CDP, all[:1]},
		{ether.LLDP | ether.CDP | ether.Early, all},
		{ether.Tap, nil},
	} {
		e := w.listen(tt.socket)
		got := slices.DeleteFunc(w.groups(), func(g string) bool { return slices.Contains(before, g) })
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", e.name, diff)
		}
		e.close()
	}
}

// groups are the group addresses that the port's NIC lets in, in order, without those by
// which its own IPv6 addresses are asked for (RFC 4291, 2.7.1, and RFC 2464, 7): the kernel
// joins these once it has tried an address, and nobody tells when that is.
func (w *wire) groups() []string {
	w.t.Helper()
	var text []byte
	err := w.node.Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/dev_mcast")
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 5 && f[1] == w.port.Name && !strings.HasPrefix(f[4], "3333ff") {
			all = append(all, f[4])
		}
	}
	slices.Sort(all)
	return all
}

// TestBuffers has one socket read while the frame of another is looked at.
func TestBuffers(t *testing.T) {
	w := newWire(t)
	one, other := w.open(ether.LLDP), w.open(ether.CDP)
	want := w.marshal(frame(100, discovery.NearestBridge))
	w.sendRaw(w.far, want)
	w.sendRaw(w.far, cdpFrame(0x2000))
	err := one.ReadFrame(func(f ether.Frame) {
		if err := other.ReadFrame(func(ether.Frame) {}); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(hex.Dump(want), hex.Dump(f.Octets)); diff != "" {
			t.Errorf("after another frame was read (-want +got):\n%s", diff)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// open is listen without an ear.
func (w *wire) open(s ether.FrameSet) ether.Conn {
	w.t.Helper()
	var c ether.Conn
	err := w.node.Do(func() (err error) {
		c, err = ether.Listen(w.port, s)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestWaitingTakesNoBuffer has a socket wait for each of many frames: the buffers are
// few and used again.
func TestWaitingTakesNoBuffer(t *testing.T) {
	w := newWire(t)
	e := w.listen(ether.LLDP)
	b := w.marshal(frame(100, discovery.NearestBridge))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const frames = 200
	for range frames {
		w.sendRaw(w.far, b)
		e.next("one of many")
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / frames; each > ether.MaxFrame*3/4 {
		t.Errorf("each frame takes %d octets of new memory, want less than a buffer", each)
	}
}

// TestSend sends through every kind of socket.
func TestSend(t *testing.T) {
	w := newWire(t)
	b := w.marshal(frame(100, discovery.NearestBridge))
	tap := w.listen(ether.Tap)
	for _, s := range append(sockets, ether.CDP) {
		e := w.listen(s)
		if err := e.conn.WriteFrame(b); err != nil {
			t.Fatal(err)
		}
		tap.expectRaw("sent through "+e.name, b)
	}
	if err := tap.conn.WriteFrame(b); err != nil { // which it does not hear itself
		t.Fatal(err)
	}
	w.send(w.near, frame(101, discovery.NearestBridge))
	tap.expect("after a frame of its own", 101)
	if err := tap.conn.WriteFrame(make([]byte, 2000)); !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("send 2000 octets = %v, want EMSGSIZE", err)
	}
}

// TestOutgoingCostsNothing holds that what the node sends is passed to no filter but a tap's.
func TestOutgoingCostsNothing(t *testing.T) {
	w := newWire(t)
	for _, s := range append(sockets, ether.CDP, ether.Routers, ether.Tap) {
		got, err := ether.IgnoresOutgoing(w.open(s))
		if want := s != ether.Tap; got != want || err != nil {
			t.Errorf("socket %04b ignores what is sent: %t, %v; want %t", s, got, err, want)
		}
	}
}

// TestTap hears what leaves, whoever sends it, and nothing that arrives.
func TestTap(t *testing.T) {
	w := newWire(t)
	tap := w.listen(ether.Tap)
	b := w.marshal(frame(100, discovery.NearestBridge))
	w.sendRaw(w.near, otherProtocol(discovery.NearestBridge))
	w.sendRaw(w.far, b)
	w.sendRaw(w.near, b)
	tap.expectRaw("after another protocol and a frame that arrives", b)
	tagged := tag(bytes.Clone(b), 0x81, 0, 0, 9)
	w.sendRaw(w.near, tagged)
	tap.expectRaw("tagged", tagged)
}

// TestCarrierLossIsNoEnd shows that a socket outlives its interface being down.
func TestCarrierLossIsNoEnd(t *testing.T) {
	w := newWire(t)
	e := w.listen(ether.LLDP)
	w.send(w.far, frame(100, discovery.NearestBridge))
	e.expect("before", 100)
	if err := errors.Join(w.cable.Unplug(), w.cable.Plug()); err != nil {
		t.Fatal(err)
	}
	w.send(w.far, frame(101, discovery.NearestBridge))
	e.expect("after", 101)
}

func TestListenOnNothing(t *testing.T) {
	ns := netnstest.NewT(t, "node")
	err := ns.Do(func() error {
		_, err := ether.Listen(discovery.Interface{Index: 4711, Name: "eth9"}, ether.LLDP)
		return err
	})
	if err == nil || errors.Is(err, os.ErrPermission) {
		t.Errorf("Listen = %v, want an error other than a missing permission", err)
	}
}

// TestDownAndGone tells a device that goes from one that is only taken down.
func TestDownAndGone(t *testing.T) {
	for what, tt := range map[string]struct {
		do   func(netlink.Link) error
		gone bool
	}{
		"down": {netlink.LinkSetDown, false},
		"gone": {netlink.LinkDel, true},
	} {
		w := newWire(t)
		c := w.open(ether.LLDP)
		err := w.node.Do(func() error {
			l, err := netlink.LinkByName("eth1")
			if err != nil {
				return err
			}
			return tt.do(l)
		})
		if err != nil {
			t.Fatal(err)
		}
		err = c.ReadFrame(func(ether.Frame) {})
		if !errors.Is(err, ether.ErrDown) || errors.Is(err, ether.ErrGone) != tt.gone {
			t.Errorf("%s: %v, want ErrDown, and ErrGone: %t", what, err, tt.gone)
		}
		_ = c.Close()
	}
}
