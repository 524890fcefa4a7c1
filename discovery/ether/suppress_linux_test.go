// SPDX-License-Identifier: Apache-2.0

package ether_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/internal/boottime"
)

// exact is how well times are known.
const exact = 10 * time.Millisecond

// suppressed keeps back a frame.
func (e *ear) suppressed(frame []byte) ether.SuppressingConn {
	e.t.Helper()
	c, ok := e.conn.(ether.SuppressingConn)
	if !ok {
		e.t.Fatalf("%s cannot keep frames back", e.name)
	}
	if err := c.Suppress(frame); err != nil {
		e.t.Fatal(err)
	}
	return c
}

// expectKept returns when the last of the frames that are kept back arrived.
func expectKept(t *testing.T, what string, c ether.SuppressingConn, want int) time.Time {
	t.Helper()
	k := c.Kept()
	if k.Count != want || len(k.Arrived) != min(want, ether.KeptTimes) || k.Lost || !slices.IsSortedFunc(k.Arrived, time.Time.Compare) {
		t.Errorf("%s: kept back %+v; want %d, and to know when", what, k, want)
	}
	if len(k.Arrived) == 0 {
		return time.Time{}
	}
	return k.Arrived[len(k.Arrived)-1]
}

// stamped waits until frames are stamped: the kernel begins a moment after the first
// socket asks for it.
func (e *ear) stamped(frame []byte) {
	e.t.Helper()
	c := e.suppressed(frame)
	defer c.Resume()
	for range 100 {
		e.sendRaw(e.far, frame)
		<-time.After(50 * time.Millisecond)
		if k := c.Kept(); k.Count == 1 && boottime.Now().Sub(k.Arrived[0]) > 25*time.Millisecond {
			return
		}
	}
	e.t.Fatal("frames are not stamped")
}

func TestSuppress(t *testing.T) {
	w := newWire(t)
	for s, f := range map[ether.FrameSet][]byte{
		ether.LLDP: w.marshal(frame(100, discovery.NearestBridge)), ether.CDP: cdpFrame(0x2000),
	} {
		e := w.listen(s)
		other := bytes.Clone(f)
		other[len(other)-1]++
		e.stamped(f)
		w.sendRaw(w.far, f)
		e.expectRaw("as always", f)
		c := e.suppressed(f)
		expectKept(t, "in the beginning", c, 0)
		w.sendRaw(w.far, f)
		w.sendRaw(w.far, tag(bytes.Clone(f), 0x81, 0, 0xe0, 0)) // a priority
		w.sendRaw(w.far, tag(bytes.Clone(f), 0x81, 0, 0, 9))
		e.expectTagged("in a VLAN it says something else", discovery.TagUnknown, f)
		w.sendRaw(w.near, f)
		before := boottime.Now()
		w.sendRaw(w.far, f)
		after := boottime.Now()
		w.sendRaw(w.far, other)
		e.expectRaw("another frame, at once", other)
		<-time.After(100 * time.Millisecond)
		last := expectKept(t, "from outside", c, 3)
		if last.Before(before.Add(-exact)) || last.After(after.Add(exact)) {
			t.Errorf("%s: the last arrived at %v, want between %v and %v", e.name, last, before, after)
		}
		expectKept(t, "since", c, 0)

		w.sendRaw(w.far, f)
		w.sendRaw(w.far, other)
		e.expectRaw("after the last that is kept back", other)
		c.Resume()
		w.sendRaw(w.far, f)
		e.expectRaw("in the end", f)
		expectKept(t, "before the end", c, 1)
		c.Resume() // is harmless
		e.close()
		if err := c.Suppress(f); !errors.Is(err, ether.ErrClosed) {
			t.Errorf("Suppress after Close = %v, want ErrClosed", err)
		}
		c.Resume()
		expectKept(t, "after Close", c, 0)
	}
}

// TestSuppressIsExact has frames differ in each single octet, and in length.
func TestSuppressIsExact(t *testing.T) {
	w := newWire(t)
	e := w.listen(ether.CDP)
	const payload = 22 // before that, another octet may be another protocol
	for size := 60; size < 64; size++ {
		f := append(cdpFrame(0x2000), 1, 2, 3, 4)[:size]
		c := e.suppressed(f)
		for i := 6; i < size; i++ {
			if i < 12 || i >= payload {
				other := bytes.Clone(f)
				other[i] ^= 0x80
				w.sendRaw(w.far, other)
				e.expectRaw("another octet", other)
			}
		}
		for _, other := range [][]byte{append(bytes.Clone(f), 0), f[:size-1]} {
			w.sendRaw(w.far, other)
			e.expectRaw("another length", other)
		}
		expectKept(t, "of others", c, 0)
		end := cdpFrame(0x2000)
		end[payload]++
		w.sendRaw(w.far, f)
		w.sendRaw(w.far, end)
		e.expectRaw("after itself", end)
		expectKept(t, "of itself", c, 1)
		c.Resume()
	}
}

// TestSuppressLongFrame suppressors a frame that is longer than most, and one for which no
// filter can be made.
func TestSuppressLongFrame(t *testing.T) {
	w := newWire(t)
	e := w.listen(ether.LLDP)
	f := w.marshal(frame(100, discovery.NearestBridge))
	f = append(f, make([]byte, 400-len(f))...) // older kernels have no room for much longer ones
	c := e.suppressed(f)
	w.sendRaw(w.far, f)
	c.Resume()
	w.sendRaw(w.far, f)
	e.expectRaw("after the end", f)
	expectKept(t, "before", c, 1)
	if err := c.Suppress(make([]byte, ether.MaxFrame)); err == nil {
		t.Error("a frame too long for a filter is kept back")
	}
	w.sendRaw(w.far, f)
	e.expectRaw("after a vain try", f)
}

// TestSuppressFlood sends more than there is room for: all are counted, and nobody says
// when the last arrived.
func TestSuppressFlood(t *testing.T) {
	w := newWire(t)
	e := w.listen(ether.LLDP)
	f, end := w.marshal(frame(100, discovery.NearestBridge)), w.marshal(frame(101, discovery.NearestBridge))
	e.stamped(f)
	c := e.suppressed(f)
	const flood = 10_000
	before := boottime.Now()
	for range flood {
		w.sendRaw(w.far, f)
	}
	w.sendRaw(w.far, end)
	e.expectRaw("after the flood", end)
	after := boottime.Now()
	<-time.After(100 * time.Millisecond)
	k := c.Kept()
	if k.Count != flood || !k.Lost || len(k.Arrived) != ether.KeptTimes {
		t.Errorf("flood: kept back %+v, want %d and that some were lost", k, flood)
	}
	for _, at := range k.Arrived {
		if at.Before(before.Add(-exact)) || at.After(after.Add(exact)) {
			t.Errorf("one of the flood arrived at %v, want between %v and %v", at, before, after)
		}
	}
	before = boottime.Now()
	w.sendRaw(w.far, f)
	w.sendRaw(w.far, end)
	e.expectRaw("one more", end)
	<-time.After(100 * time.Millisecond)
	if last := expectKept(t, "after the flood", c, 1); last.Before(before.Add(-exact)) || boottime.Now().Sub(last) < 50*time.Millisecond {
		t.Errorf("the last arrived at %v, want %v", last, before)
	}
	if n := e.conn.Dropped(); n != 0 {
		t.Errorf("%d frames dropped that were to be delivered, want none", n)
	}
}

// TestSuppressClockSet has the clock set since somebody looked: what arrived is counted,
// and nobody says when that was.
func TestSuppressClockSet(t *testing.T) {
	w := newWire(t)
	e := w.listen(ether.LLDP)
	f, end := w.marshal(frame(100, discovery.NearestBridge)), w.marshal(frame(101, discovery.NearestBridge))
	c := e.suppressed(f)
	for i, set := range []time.Duration{11 * time.Millisecond, -time.Hour, 0} {
		ether.SetClock(c, set)
		w.sendRaw(w.far, f)
		w.sendRaw(w.far, end)
		e.expectRaw("another frame", end)
		if set == 0 {
			expectKept(t, "the clock is right", c, 1)
		} else if k := c.Kept(); k.Count != 1 || k.Arrived != nil || !k.Lost {
			t.Errorf("look %d, clock set by %v: kept back %+v, want one of unknown time", i, set, k)
		}
	}
}

// TestDropped reads nothing until there is no room any more.
func TestDropped(t *testing.T) {
	w := newWire(t)
	c := w.open(ether.LLDP)
	defer c.Close()
	f := w.marshal(frame(100, discovery.NearestBridge))
	for range 10_000 {
		w.sendRaw(w.far, f)
	}
	if n := c.Dropped(); n == 0 || n >= 10_000 {
		t.Errorf("%d frames dropped, want most of 10000", n)
	}
	if n := c.Dropped(); n != 0 {
		t.Errorf("%d frames dropped since, want none", n)
	}
}

// TestArrived has a frame read long after it arrived.
func TestArrived(t *testing.T) {
	w := newWire(t)
	e := w.listen(ether.LLDP)
	f := w.marshal(frame(100, discovery.NearestBridge))
	e.stamped(f)
	c := w.open(ether.LLDP)
	defer c.Close()
	before := boottime.Now()
	w.sendRaw(w.far, f)
	after := boottime.Now()
	<-time.After(200 * time.Millisecond)
	var arrived time.Time
	if err := c.ReadFrame(func(f ether.Frame) { arrived = f.Arrived }); err != nil {
		t.Fatal(err)
	}
	if arrived.Before(before.Add(-exact)) || arrived.After(after.Add(exact)) {
		t.Errorf("arrived at %v, want between %v and %v", arrived, before, after)
	}
}

// TestAdditions reads what the kernel adds to a frame.
func TestAdditions(t *testing.T) {
	message := func(level, kind int32, octets ...byte) []byte {
		m := make([]byte, unix.CmsgSpace(len(octets)))
		header := (*unix.Cmsghdr)(unsafe.Pointer(&m[0]))
		header.Level, header.Type = level, kind
		header.SetLen(unix.CmsgLen(len(octets)))
		copy(m[unix.CmsgLen(0):], octets)
		return m
	}
	at := func(second byte) []byte { return []byte{second, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0} }
	right := message(unix.SOL_SOCKET, unix.SCM_TIMESTAMPNS, at(7)...)
	aux := func(status, tci byte) []byte {
		return message(unix.SOL_PACKET, unix.PACKET_AUXDATA, status, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0, 0, 0, 14, 0, tci, 0xe0, 0, 0x81)
	}
	for _, tt := range []struct {
		what    string
		control []byte
		known   bool
		vid     uint16
	}{
		{"the stamp", right, true, 0},
		{"behind another kind", slices.Concat(message(unix.SOL_SOCKET, unix.SCM_TIMESTAMP, at(3)...), right), true, 0},
		{"behind another level", slices.Concat(message(unix.SOL_PACKET, unix.SCM_TIMESTAMPNS, at(3)...), right), true, 0},
		{"with a tag", slices.Concat(right, aux(unix.TP_STATUS_VLAN_VALID, 9)), true, 9},
		{"behind a tag", slices.Concat(aux(unix.TP_STATUS_VLAN_VALID|1, 9), right), true, 9},
		{"with no tag", slices.Concat(right, aux(1, 9)), true, 0},
		{"with half of it", slices.Concat(right, message(unix.SOL_PACKET, unix.PACKET_AUXDATA, unix.TP_STATUS_VLAN_VALID)), true, 0},
		{"nothing", nil, false, 0},
		{"another kind", message(unix.SOL_SOCKET, unix.SCM_TIMESTAMP, at(3)...), false, 0},
		{"another level", message(unix.SOL_PACKET, unix.SCM_TIMESTAMPNS, at(3)...), false, 0},
		{"half a stamp", message(unix.SOL_SOCKET, unix.SCM_TIMESTAMPNS, at(3)[:8]...), false, 0},
		{"no message", right[:8], false, 0},
	} {
		before := time.Now()
		got, vid := ether.Additions(tt.control)
		if known := got.Equal(time.Unix(7, 5)); known != tt.known || !known && got.Before(before.Round(0)) || vid != tt.vid {
			t.Errorf("%s: %v and VLAN %d, want second 7: %t, or else now, and VLAN %d", tt.what, got, vid, tt.known, tt.vid)
		}
	}
}

// TestSuppressOnNothing has the port gone once the first socket is open.
func TestSuppressOnNothing(t *testing.T) {
	w := newWire(t)
	for index, want := range map[int]error{w.port.Index: nil, 4711: unix.ENODEV} {
		err := w.node.Do(func() error { return ether.OpenSecond(discovery.Interface{Index: index}, ether.LLDP) })
		if !errors.Is(err, want) {
			t.Errorf("open the second socket on interface %d: %v, want %v", index, err, want)
		}
	}
}

// TestEarlyCannotHush shows who hears everything.
func TestEarlyCannotHush(t *testing.T) {
	w := newWire(t)
	for _, s := range []ether.FrameSet{ether.LLDP | ether.Early, ether.Tap} {
		if _, ok := w.listen(s).conn.(ether.SuppressingConn); ok {
			t.Errorf("socket %04b can keep frames back", s)
		}
	}
}

// TestSuppressWithoutEnd has the filter that keeps frames back remain: better no socket
// than one that is deaf.
func TestSuppressWithoutEnd(t *testing.T) {
	w := newWire(t)
	c := w.open(ether.LLDP)
	h, ok := c.(ether.SuppressingConn)
	if !ok {
		t.Fatal("frames cannot be kept back")
	}
	if err := errors.Join(h.Suppress(cdpFrame(0x2000)), ether.LockFilter(h)); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() { failed <- c.ReadFrame(func(ether.Frame) {}) }()
	h.Resume()
	if err := <-failed; !errors.Is(err, unix.EPERM) {
		t.Errorf("ReadFrame = %v, want why the filter cannot be replaced", err)
	}
}
