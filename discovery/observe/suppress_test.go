// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/transmit"
)

// A speaker of these tests speaks this often, and is believed this long.
const interval, lifetime = 30 * time.Second, 2 * time.Minute

// repeat has the speaker on eth1 say the same n times, interval after what it said
// before.
func (b *bench) repeat(n int) (last time.Time) {
	b.t.Helper()
	for range n {
		<-time.After(interval)
		last = time.Now()
		b.hear(1, 100, lifetime)
	}
	return last
}

// observedHushed runs a test in which a speaker on eth1 has repeated itself long
// enough to be kept back.
func observedHushed(test func(*bench)) func(*testing.T) {
	return observed(func(b *bench) {
		b.repeat(3)
		if !b.cable("eth1").Suppressed() {
			b.t.Fatal("what is repeated is not kept back")
		}
		<-b.observer.Updates()
		test(b)
	})
}

func (b *bench) expectHushed(when string, want bool) {
	b.t.Helper()
	synctest.Wait()
	if got := b.cable("eth1").Suppressed(); got != want {
		b.t.Errorf("%s: what is repeated is kept back: %t, want %t", when, got, want)
	}
}

func TestRepetition(t *testing.T) {
	synctest.Test(t, observedHushed(func(b *bench) {
		last := b.repeat(120)
		select {
		case <-b.observer.Updates():
			b.t.Error("there is news though nothing happened")
		default:
		}
		p := b.observer.Snapshot().Ports[0]
		if diff := cmp.Diff(discovery.PortCounters{FramesIn: 123}, p.Counters); diff != "" {
			b.t.Errorf("counters after an hour (-want +got):\n%s", diff)
		}
		if !p.Neighbors[0].LastHeard.Equal(last) {
			b.t.Errorf("last heard %v, want %v", p.Neighbors[0].LastHeard, last)
		}
		last = b.repeat(10) // and falls silent
		time.Sleep(lifetime - time.Nanosecond)
		b.expect("just before the end", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100]")
		time.Sleep(time.Nanosecond)
		b.expect("in the end", "eth1 epoch 2 (mac:02:00:00:00:01:01 aged out)")
		p = (<-b.observer.Updates()).Ports[0]
		if d := p.Departed[0]; !d.At.Equal(last.Add(lifetime)) || !d.Neighbor.LastHeard.Equal(last) {
			b.t.Errorf("last heard %v and deleted %v, want %v and 2 minutes later", d.Neighbor.LastHeard, d.At, last)
		}
		b.expectHushed("when nobody says it any more", false)
		b.repeat(2)
		b.expect("it comes back", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100]")
		b.expectHushed("when it is back", true)
	}))
}

// TestRepetitionUnheard stops a speaker while nobody looks.
func TestRepetitionUnheard(t *testing.T) {
	synctest.Test(t, observedHushed(func(b *bench) {
		last := b.repeat(3)
		time.Sleep(lifetime + time.Second)
		d := (<-b.observer.Updates()).Ports[0].Departed[0]
		if !d.At.Equal(last.Add(lifetime)) {
			b.t.Errorf("deleted %v, want %v", d.At, last.Add(lifetime))
		}
	}))
}

func TestNewsWhileHushed(t *testing.T) {
	t.Run("change", func(t *testing.T) {
		synctest.Test(t, observedHushed(func(b *bench) {
			b.hear(1, 200, lifetime)
			b.expect("at once", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 200]")
			b.expectHushed("after a change", false)
			b.hear(1, 100, lifetime)
			b.expect("back again", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100]")
			b.repeat(1)
			b.expectHushed("after another repetition", true)
		}))
	})
	t.Run("shutdown", func(t *testing.T) {
		synctest.Test(t, observedHushed(func(b *bench) {
			b.hear(1, 0, 0)
			b.expect("at once", "eth1 epoch 2 (mac:02:00:00:00:01:01 shutdown)")
			b.expectHushed("after the shutdown", false)
		}))
	})
	t.Run("new neighbour", func(t *testing.T) {
		synctest.Test(t, observedHushed(func(b *bench) {
			b.repeat(1)
			time.Sleep(time.Second)
			b.hear(2, 200, lifetime)
			b.expect("at once", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100] [mac:02:00:00:00:01:02 vlan 200]")
			for range 20 {
				time.Sleep(interval)
				b.hear(1, 100, lifetime)
				b.hear(2, 200, lifetime)
			}
			b.expect("both go on", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100] [mac:02:00:00:00:01:02 vlan 200]")
			b.expectHushed("one of two", true)
			b.repeat(4)
			b.expect("one goes on", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100] (mac:02:00:00:00:01:02 aged out)")
		}))
	})
	t.Run("link flap", func(t *testing.T) {
		synctest.Test(t, observedHushed(func(b *bench) {
			b.repeat(1)
			b.links.SetCarrier(2, false)
			time.Sleep(time.Second)
			b.expect("what was kept back is no evidence", "eth1 epoch 4")
			b.expectHushed("after the flap", false)
			b.links.SetCarrier(2, true)
			time.Sleep(time.Second)
			b.hear(1, 100, lifetime)
			b.expect("the same frame", "eth1 epoch 4 [mac:02:00:00:00:01:01 vlan 100]")
			if n := b.observer.Snapshot().Ports[0].Counters.FramesIn; n != 5 {
				b.t.Errorf("%d frames counted, want 5", n)
			}
		}))
	})
	t.Run("other sockets", func(t *testing.T) {
		synctest.Test(t, observedHushed(func(b *bench) {
			last := b.repeat(1)
			b.links.Set(discovery.Interface{Index: 9, Name: "br0", Kind: "bridge", Ethernet: true})
			i := hardware(2, "eth1")
			i.Master = 9
			b.links.Set(i) // it is heard early now, in the same epoch
			time.Sleep(lifetime - time.Second)
			p := b.observer.Snapshot().Ports[0]
			if len(p.Neighbors) != 1 || !p.Neighbors[0].LastHeard.Equal(last) {
				b.t.Errorf("neighbours %v, want one last heard %v", p.Neighbors, last)
			}
			b.expectHushed("early", false)
		}))
	})
}

// TestFastSpeaker is heard as it speaks.
func TestFastSpeaker(t *testing.T) {
	synctest.Test(t, observed(func(b *bench) {
		for range 100 {
			time.Sleep(time.Second)
			b.hear(1, 100, lifetime)
			b.expectHushed("fast speaker", false)
		}
	}))
}

// A lookConn counts how often somebody looks for what was kept back, and how much
// that was.
type lookConn struct {
	ether.SuppressingConn
	looks, kept *atomic.Int64
}

func look(c ether.Conn, looks, kept *atomic.Int64) ether.Conn {
	h, _ := c.(ether.SuppressingConn)
	return lookConn{h, looks, kept}
}

func (c lookConn) Kept() ether.Kept {
	k := c.SuppressingConn.Kept()
	c.looks.Add(1)
	c.kept.Add(int64(k.Count))
	return k
}

// TestRarelyAwake has 64 ports repeat what they said, one after the other: what
// they said is looked for on all of them at once, and not whenever Colvin speaks.
func TestRarelyAwake(t *testing.T) {
	const ports = 64
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for i := range ports {
			b.links.Set(hardware(2+i, fmt.Sprint("eth", i)))
		}
		var looks, kept atomic.Int64
		b.config.Transmit = transmit.On
		b.config.Listen = func(i discovery.Interface, s ether.FrameSet) (ether.Conn, error) {
			return look(b.cable(i.Name).Listen(s), &looks, &kept), nil
		}
		b.start()
		defer b.stop()
		f := said(t, 1, 100, lifetime)
		round := func() {
			for i := range ports {
				b.cable(fmt.Sprint("eth", i)).Send(f)
				time.Sleep(interval / ports)
			}
		}
		round()
		round()
		synctest.Wait()
		before := looks.Load()
		kept.Store(0)
		const rounds = 120 // an hour
		for range rounds {
			round()
		}
		synctest.Wait()
		if n := (looks.Load() - before) / ports; n > rounds*3/4 {
			t.Errorf("looked for frames %d times in an hour, want %d at most", n, rounds*3/4)
		}
		s := b.observer.Snapshot()
		if n := kept.Load(); n != rounds*ports {
			t.Errorf("%d frames were kept back, want %d", n, rounds*ports)
		}
		if slices.ContainsFunc(s.Ports, func(p discovery.Port) bool { return len(p.Neighbors) != 1 || p.Counters.FramesIn != rounds+2 }) {
			t.Errorf("neighbours or frames were lost: %v", s.Ports)
		}
	})
}

// TestLookedForInTime has a speaker that is believed for an hour: what it repeats is
// looked for before the kernel has no room for it.
func TestLookedForInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		var looks, kept atomic.Int64
		b.config.Listen = func(i discovery.Interface, s ether.FrameSet) (ether.Conn, error) {
			return look(b.cable(i.Name).Listen(s), &looks, &kept), nil
		}
		b.start()
		defer b.stop()
		for range 100 {
			before := kept.Load()
			for range 120 {
				time.Sleep(5 * time.Second)
				b.hear(1, 100, time.Hour)
			}
			if kept.Load() == before {
				t.Fatal("nobody looked for ten minutes")
			}
		}
	})
}
