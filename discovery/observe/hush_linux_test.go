// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/observe"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

// A far end is the switch port to which a port of the node leads.
type farEnd struct {
	*live
	name  string // of the node's port
	cable *netnstest.Cable
	*speaker.Speaker
}

func (f *farEnd) say(pvid uint16, ttl time.Duration) time.Time {
	f.t.Helper()
	if err := f.SendRaw(said(f.t, 1, pvid, ttl)); err != nil {
		f.t.Fatal(err)
	}
	return time.Now()
}

func (f *farEnd) port() discovery.Port {
	for _, p := range f.Snapshot().Ports {
		if p.Name == f.name {
			return p
		}
	}
	return discovery.Port{}
}

// hears waits until the port knows just that, or nothing.
func (f *farEnd) hears(pvids ...uint16) {
	f.t.Helper()
	eventually(f.t, func() error {
		var got []uint16
		for _, n := range f.port().Neighbors {
			got = append(got, n.PVID)
		}
		if diff := cmp.Diff(pvids, got); diff != "" {
			return fmt.Errorf("%s: PVIDs of neighbours (-want +got):\n%s", f.name, diff)
		}
		return nil
	})
}

// begin speaks until it is heard: a device that has just got its carrier drops frames.
func (f *farEnd) begin(pvid uint16) {
	f.t.Helper()
	eventually(f.t, func() error {
		if f.say(pvid, time.Hour); len(f.port().Neighbors) == 0 {
			return fmt.Errorf("%s: nothing is heard", f.name)
		}
		return nil
	})
}

// TestRepetitionOnWire has speakers repeat themselves on real sockets.
func TestRepetitionOnWire(t *testing.T) {
	node, sw := netnstest.NewT(t, "node"), netnstest.NewT(t, "switch")
	var looks, kept atomic.Int64
	r := observeIn(t, node, observe.Config{ListenOn: observe.Patterns{"eth*"}, Listen: func(i discovery.Interface, s ether.FrameSet) (ether.Conn, error) {
		c, err := ether.Listen(i, s)
		if err != nil {
			return nil, err
		}
		return look(c, &looks, &kept), nil
	}})
	ends := []*farEnd{{live: r, name: "eth1"}, {live: r, name: "eth2"}}
	for i, f := range ends {
		far := fmt.Sprint("p", i)
		f.cable = netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: f.name}, netnstest.Endpoint{In: sw, Name: far})
		if err := sw.Do(func() (err error) { f.Speaker, err = speaker.Open(far); return err }); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		f.begin(100)
	}
	<-time.After(6 * time.Second)
	for _, f := range ends {
		before := f.port().Counters.FramesIn
		f.say(100, time.Hour) // and it is kept back from now on
		eventually(t, func() error {
			if n := f.port().Counters.FramesIn; n != before+1 {
				return fmt.Errorf("%s: %d frames, want %d", f.name, n, before+1)
			}
			return nil
		})
		f.repeat(before + 1)
	}
	if n := kept.Load(); n != 10 {
		t.Errorf("%d frames were kept back, want 10", n)
	}
	ends[0].change()
	ends[1].flap()
	ends[1].storm()
}

// repeat speaks, and looks only later.
func (f *farEnd) repeat(before uint64) {
	f.t.Helper()
	<-time.After(100 * time.Millisecond) // the filters are being replaced
	var last time.Time
	for range 5 {
		last = f.say(100, time.Hour)
		<-time.After(20 * time.Millisecond)
	}
	<-time.After(300 * time.Millisecond)
	p := f.port()
	if off := p.Neighbors[0].LastHeard.Sub(last).Abs(); off > 10*time.Millisecond {
		f.t.Errorf("%s: last heard %v off", f.name, off)
	}
	if diff := cmp.Diff(discovery.PortCounters{FramesIn: before + 5}, p.Counters); diff != "" {
		f.t.Errorf("%s: counters (-want +got):\n%s", f.name, diff)
	}
}

// change says something else, and goodbye.
func (f *farEnd) change() {
	f.t.Helper()
	f.say(200, time.Hour)
	f.hears(200)
	f.say(200, 0)
	f.hears()
}

// flap repeats what was kept back after the cable was pulled.
func (f *farEnd) flap() {
	f.t.Helper()
	for _, what := range []func() error{f.cable.Unplug, f.cable.Plug} {
		if err := what(); err != nil {
			f.t.Fatal(err)
		}
	}
	f.hears()
	f.begin(100)
	f.hears(100)
}

// storm has copies of what is kept back come from a loop in the network, more than there
// is room for, before the switch says something else: that stands.
func (f *farEnd) storm() {
	f.t.Helper()
	<-time.After(6 * time.Second)
	before := f.port().Counters.FramesIn
	f.say(100, time.Hour) // and it is kept back from now on
	eventually(f.t, func() error {
		if n := f.port().Counters.FramesIn; n != before+1 {
			return fmt.Errorf("%s: %d frames, want %d", f.name, n, before+1)
		}
		return nil
	})
	<-time.After(100 * time.Millisecond) // the filters are being replaced
	const copies = 600
	begin := time.Now()
	for range copies {
		f.say(100, time.Hour)
	}
	end := time.Now()
	f.say(200, time.Hour)
	f.hears(200)
	p := f.port()
	const exact = 10 * time.Millisecond
	if n := p.Counters.FramesIn; n != before+1+copies+1 || p.LostAt.Before(end.Add(-exact)) {
		f.t.Errorf("%s: %d frames, lost at %v; want %d, after %v", f.name, n, p.LostAt, before+1+copies+1, end)
	}
	if len(p.Past) != 1 || p.Past[0].PVID != 100 || p.Past[0].LastHeard.After(end.Add(exact)) || p.Past[0].LastHeard.Before(begin.Add(-exact)) {
		f.t.Errorf("%s: past %+v; want PVID 100, last heard from %v to %v", f.name, p.Past, begin, end)
	}
	<-time.After(2 * time.Second)
	f.hears(200)
}
