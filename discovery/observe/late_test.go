// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
)

// update is the pending Snapshot's only port, if there is a Snapshot.
func (b *bench) update() (discovery.Port, bool) {
	b.t.Helper()
	synctest.Wait()
	select {
	case s := <-b.observer.Updates():
		return s.Ports[0], true
	default:
		return discovery.Port{}, false
	}
}

// expectUpdate wants a Snapshot with such a neighbour, or none where that is nil.
func (b *bench) expectUpdate(when string, want func(discovery.Neighbor) bool) {
	b.t.Helper()
	p, ok := b.update()
	if want == nil {
		if ok {
			b.t.Errorf("%s: news: %+v", when, p)
		}
		return
	}
	if !ok || len(p.Neighbors) != 1 || !want(p.Neighbors[0]) {
		b.t.Errorf("%s: news %t: %+v", when, ok, p)
	}
}

// TestLate has a speaker fall silent: that it is late, and gone, is told at once, and
// that it is back. While it is on time nothing is.
func TestLate(t *testing.T) {
	const ttl = time.Hour
	synctest.Test(t, observed(func(b *bench) {
		say := func() { b.hear(1, 100, ttl) }
		for range 3 {
			say()
			time.Sleep(interval)
		}
		b.update()
		for range 100 {
			say()
			time.Sleep(interval)
		}
		b.expectHushed("on time", true)
		b.expectUpdate("on time", nil)
		time.Sleep(interval*3/2 - time.Nanosecond) // one and a half are over: it spoke an interval before
		b.expectUpdate("just before it is late", nil)
		time.Sleep(time.Nanosecond)
		now := func(at func(*discovery.Neighbor) time.Time) func(discovery.Neighbor) bool {
			return func(n discovery.Neighbor) bool { return at(&n).Equal(time.Now()) }
		}
		b.expectUpdate("late", now((*discovery.Neighbor).LateAt))
		time.Sleep(interval * 3 / 2)
		b.expectUpdate("gone", now((*discovery.Neighbor).GoneAt))
		say()
		time.Sleep(time.Second)
		b.expectUpdate("back", func(n discovery.Neighbor) bool {
			return n.LastHeard.Sub(n.Before) == 4*interval && n.Longest == 4*interval
		})
	}))
}

// TestLook asks for a Snapshot, with what was kept back.
func TestLook(t *testing.T) {
	synctest.Test(t, observedHushed(func(b *bench) {
		b.update()
		last := b.repeat(1)
		time.Sleep(time.Second)
		b.observer.Look()
		b.observer.Look()
		b.expectUpdate("asked", func(n discovery.Neighbor) bool { return n.LastHeard.Equal(last) })
		b.expectUpdate("asked once", nil)
	}))
}

// A forgetfulConn does not know when what it kept back arrived, as when somebody sets the
// clock.
type forgetfulConn struct{ ether.SuppressingConn }

func (c forgetfulConn) Kept() ether.Kept {
	k := c.SuppressingConn.Kept()
	return ether.Kept{Count: k.Count, Lost: k.Count > 0}
}

// TestUnknownTimes has the switch change the VLAN after frames were kept back of which
// nobody knows when they arrived: they bring back nothing, and are no silence either.
func TestUnknownTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		b.config.Listen = func(i discovery.Interface, s ether.FrameSet) (ether.Conn, error) {
			c, ok := b.cable(i.Name).Listen(s).(ether.SuppressingConn)
			if !ok {
				return nil, errors.ErrUnsupported
			}
			return forgetfulConn{c}, nil
		}
		b.start()
		defer b.stop()
		b.hear(1, 100, lifetime)
		b.repeat(1)
		heard := b.observer.Snapshot().Ports[0].Neighbors[0].LastHeard
		b.repeat(2) // kept back
		time.Sleep(5 * time.Second)
		b.hear(1, 200, lifetime) // the switch changes the VLAN
		p := b.observer.Snapshot().Ports[0]
		if len(p.Neighbors) != 1 || p.Neighbors[0].PVID != 200 || !p.LostAt.Equal(time.Now()) {
			t.Errorf("%+v, want VLAN 200 and that frames were lost just now", p)
		}
		if len(p.Past) != 1 || p.Past[0].PVID != 100 || !p.Past[0].LastHeard.Equal(heard) {
			t.Errorf("past %+v, want VLAN 100, last heard %v", p.Past, heard)
		}
		if want := uint64(5); p.Counters.FramesIn != want {
			t.Errorf("%d frames counted, want %d", p.Counters.FramesIn, want)
		}
		b.repeat(3)
		b.expect("it takes it back", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100]")
		b.observer.Snapshot()
		b.expectHushed("where its times are not known", false)
	})
}

// TestLost has frames be lost that were to be delivered.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		slow := make(chan struct{})
		b.config.Protocols = ether.LLDP
		b.config.Listen = func(i discovery.Interface, s ether.FrameSet) (ether.Conn, error) {
			return slowConn{b.cable(i.Name).Listen(s), slow}, nil
		}
		b.start()
		defer b.stop()
		lost := func() time.Time { return b.observer.Snapshot().Ports[0].LostAt }
		go func() { slow <- struct{}{} }()
		b.hear(1, 100, lifetime)
		if at := lost(); !at.IsZero() {
			t.Errorf("lost at %v though nothing was", at)
		}
		for i := range 100 { // more than a queue holds
			b.hear(2, uint16(i), lifetime)
		}
		if at := lost(); !at.Equal(time.Now()) {
			t.Errorf("lost at %v, want now", at)
		}
		time.Sleep(time.Minute)
		if at := lost(); !at.Equal(time.Now().Add(-time.Minute)) {
			t.Errorf("lost at %v, want a minute ago", at)
		}
		slow <- struct{}{}
		synctest.Wait()
		if at := lost(); !at.Equal(time.Now()) {
			t.Errorf("after a frame was read a minute late: lost at %v, want now", at)
		}
		close(slow)
		synctest.Wait()
	})
}

// A slowConn has a frame taken when it is told to.
type slowConn struct {
	ether.Conn
	read <-chan struct{}
}

func (c slowConn) ReadFrame(take func(ether.Frame)) error {
	return c.Conn.ReadFrame(func(f ether.Frame) {
		<-c.read
		take(f)
	})
}

// TestTagged has a frame come in a VLAN: it is shown, and is not what the port's switch
// says.
func TestTagged(t *testing.T) {
	synctest.Test(t, observedHushed(func(b *bench) {
		b.cable("eth1").SendTagged(said(b.t, 1, 100, lifetime), 9)
		synctest.Wait()
		var got []uint16
		for _, n := range b.observer.Snapshot().Ports[0].Neighbors {
			got = append(got, n.Tag)
		}
		if diff := cmp.Diff([]uint16{0, 9}, got); diff != "" {
			b.t.Errorf("tags (-want +got):\n%s", diff)
		}
	}))
}

// A breakableConn hears nothing, and fails when told to.
type breakableConn struct {
	ether.Conn
	fail   chan error
	closed chan struct{}
}

func (c *breakableConn) ReadFrame(func(ether.Frame)) error {
	select {
	case err := <-c.fail:
		return err
	case <-c.closed:
		return ether.ErrClosed
	}
}

func (c *breakableConn) Close() error {
	close(c.closed)
	return c.Conn.Close()
}

// TestInstance has a device deleted and made again before anybody looks, once with a
// notification and once where only the socket tells.
func TestInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		var latest *breakableConn
		b.config.Listen = func(i discovery.Interface, s ether.FrameSet) (ether.Conn, error) {
			c, err := b.listen(i, s)
			if s == ether.CDP {
				latest = &breakableConn{c, make(chan error), make(chan struct{})}
				return latest, err
			}
			return c, err
		}
		b.start()
		defer b.stop()
		instance := func(when string, want uint32) {
			t.Helper()
			time.Sleep(100 * time.Millisecond)
			b.expect(when, "eth1 epoch 2")
			if i, _ := b.observer.Snapshot().Interface(2); i.Instance != want {
				t.Errorf("%s: instance %d, want %d", when, i.Instance, want)
			}
			b.hear(1, 100, time.Hour)
			b.expect(when, "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100]")
			time.Sleep(time.Second)
		}
		instance("in the beginning", 0)
		latest.fail <- ether.ErrGone
		instance("only the socket tells", 1)
		b.links.Remove(2)
		b.links.Remove(2)
		b.links.Set(hardware(2, "eth1"))
		instance("deleted twice", 2)
		latest.fail <- ether.ErrDown
		instance("down only", 2)
	})
}
