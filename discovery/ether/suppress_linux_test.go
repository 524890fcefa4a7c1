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
)

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

func expectKept(t *testing.T, what string, c ether.SuppressingConn, want int) time.Time {
	t.Helper()
	n, last := c.Kept()
	if n != want || last.IsZero() != (n == 0) {
		t.Errorf("%s: %d frames kept back, the last at %v; want %d", what, n, last, want)
	}
	return last
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
		if _, last := c.Kept(); time.Since(last) > 25*time.Millisecond {
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
		w.sendRaw(w.far, tag(bytes.Clone(f), 0x81, 0, 0, 9)) // would be delivered without tag
		w.sendRaw(w.near, f)
		before := time.Now()
		w.sendRaw(w.far, f)
		after := time.Now()
		w.sendRaw(w.far, other)
		e.expectRaw("another frame, at once", other)
		<-time.After(100 * time.Millisecond)
		last := expectKept(t, "from outside", c, 3)
		const exact = 10 * time.Millisecond
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

// TestSuppressFlood sends more than there is room for: all are counted, and the last
// counts as having arrived just now.
func TestSuppressFlood(t *testing.T) {
	w := newWire(t)
	e := w.listen(ether.LLDP)
	f, end := w.marshal(frame(100, discovery.NearestBridge)), w.marshal(frame(101, discovery.NearestBridge))
	e.stamped(f)
	c := e.suppressed(f)
	const flood = 10_000
	for range flood {
		w.sendRaw(w.far, f)
	}
	w.sendRaw(w.far, end)
	e.expectRaw("after the flood", end)
	<-time.After(100 * time.Millisecond)
	now := time.Now()
	if last := expectKept(t, "flood", c, flood); last.Before(now) {
		t.Errorf("the last arrived %v ago, want just now", now.Sub(last))
	}
	before := time.Now()
	w.sendRaw(w.far, f)
	w.sendRaw(w.far, end)
	e.expectRaw("one more", end)
	<-time.After(100 * time.Millisecond)
	if last := expectKept(t, "after the flood", c, 1); last.Before(before.Add(-10*time.Millisecond)) || time.Since(last) < 50*time.Millisecond {
		t.Errorf("the last arrived %v ago, want %v", time.Since(last), time.Since(before))
	}
}

// TestStamp reads what the kernel adds to a frame.
func TestStamp(t *testing.T) {
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
	for _, tt := range []struct {
		what    string
		control []byte
		known   bool
	}{
		{"the stamp", right, true},
		{"behind another kind", slices.Concat(message(unix.SOL_SOCKET, unix.SCM_TIMESTAMP, at(3)...), right), true},
		{"behind another level", slices.Concat(message(unix.SOL_PACKET, unix.SCM_TIMESTAMPNS, at(3)...), right), true},
		{"nothing", nil, false},
		{"another kind", message(unix.SOL_SOCKET, unix.SCM_TIMESTAMP, at(3)...), false},
		{"another level", message(unix.SOL_PACKET, unix.SCM_TIMESTAMPNS, at(3)...), false},
		{"half a stamp", message(unix.SOL_SOCKET, unix.SCM_TIMESTAMPNS, at(3)[:8]...), false},
		{"no message", right[:8], false},
	} {
		before := time.Now()
		got := ether.Stamp(tt.control)
		if known := got.Equal(time.Unix(7, 5)); known != tt.known || !known && got.Before(before) {
			t.Errorf("%s: %v, want second 7: %t, or else now", tt.what, got, tt.known)
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
	go func() { failed <- c.ReadFrame(func([]byte) {}) }()
	h.Resume()
	if err := <-failed; !errors.Is(err, unix.EPERM) {
		t.Errorf("ReadFrame = %v, want why the filter cannot be replaced", err)
	}
}
