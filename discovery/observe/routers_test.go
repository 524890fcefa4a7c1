// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

// announcing runs a test on a node that listens to routers on eth1.
func announcing(test func(*bench)) func(*testing.T) {
	return func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		b.config.RouterAdvertisements = true
		b.start()
		defer b.stop()
		<-b.observer.Updates()
		test(b)
	}
}

// announce has router number n announce a prefix by number in a VLAN.
func (b *bench) announce(n byte, vid uint16, prefix int, valid time.Duration) {
	b.t.Helper()
	frame, err := (&speaker.RouterAdvertisement{Router: discovery.Router{
		Source: discovery.MAC{2, 0, 0, 0, 1, n}, Address: netip.MustParseAddr(fmt.Sprintf("fe80::%x", n)), Lifetime: 1800,
		Prefixes: []discovery.AdvertisedPrefix{{Prefix: netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x::/64", prefix)), OnLink: true, Valid: uint32(valid.Seconds())}},
	}}).Marshal()
	if err != nil {
		b.t.Fatal(err)
	}
	b.cable("eth1").SendTagged(frame, vid)
	synctest.Wait()
}

// routersOn are the routers of a port as an operator would note them down.
func routersOn(p *discovery.Port) string {
	var out []string
	for i := range p.Routers {
		r := &p.Routers[i]
		line := r.Address.String()
		if r.Tag != 0 {
			line = fmt.Sprintf("vlan %d %s", r.Tag, line)
		}
		for _, prefix := range r.Announced() {
			line += " " + prefix.String()
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}

func (b *bench) expectRouters(when, want string) {
	b.t.Helper()
	if got := routersOn(&b.observer.Snapshot().Ports[0]); got != want {
		b.t.Errorf("%s: %q, want %q", when, got, want)
	}
}

// TestRouters follows a router through all that becomes of it.
func TestRouters(t *testing.T) {
	synctest.Test(t, announcing(func(b *bench) {
		b.announce(1, 0, 1, time.Hour)
		b.expectRouters("when it is heard", "fe80::1 2001:db8:1::/64")
		if !b.news() {
			t.Error("a router is no news")
		}
		for range 10 {
			time.Sleep(10 * time.Minute)
			b.announce(1, 0, 1, time.Hour)
		}
		if b.news() {
			t.Error("that it repeats itself is news")
		}
		if heard := b.observer.Snapshot().Ports[0].Routers[0].LastHeard; !heard.Equal(time.Now()) {
			t.Errorf("last heard %v, want %v", heard, time.Now())
		}
		b.announce(1, 0, 2, 30*time.Minute)
		b.expectRouters("when it renumbers", "fe80::1 2001:db8:1::/64 2001:db8:2::/64")
		b.announce(1, 0, 1, 0)
		b.expectRouters("when it withdraws", "fe80::1 2001:db8:2::/64")
		if !b.news() {
			t.Error("that is no news")
		}
		time.Sleep(30*time.Minute + 2*time.Second)
		if !b.news() {
			t.Error("that a prefix and its router go is no news")
		}
		b.expectRouters("when its time is over", "")
		b.announce(1, 0, 1, time.Hour)
		b.links.SetCarrier(2, false)
		b.links.SetCarrier(2, true)
		time.Sleep(time.Second)
		b.expectRouters("on another cable", "")
		want := discovery.RouterCounters{In: 14}
		if diff := cmp.Diff(want, b.observer.Snapshot().Ports[0].RouterCounters); diff != "" {
			t.Errorf("counters (-want +got):\n%s", diff)
		}
	}))
}

// TestRouterVLANs holds that a router in a VLAN is heard while there is a device for it, and
// that the socket is an early one where a bridge takes the frames of one.
func TestRouterVLANs(t *testing.T) {
	synctest.Test(t, announcing(func(b *bench) {
		b.announce(1, 9, 1, time.Hour)
		b.expectRouters("without a device", "")
		b.links.Set(discovery.Interface{Index: 3, Name: "eth1.9", Kind: "vlan", Parent: 2, VLAN: 9, Ethernet: true, Up: true})
		time.Sleep(time.Second)
		b.announce(1, 9, 1, time.Hour)
		b.announce(1, 8, 1, time.Hour)
		b.announce(1, 0, 2, time.Hour)
		b.expectRouters("with a device", "fe80::1 2001:db8:2::/64; vlan 9 fe80::1 2001:db8:1::/64")
		b.expectSockets("with a device", ether.LLDP, ether.CDP, ether.Routers)
		b.links.Set(discovery.Interface{Index: 3, Name: "eth1.9", Kind: "vlan", Parent: 2, VLAN: 9, Ethernet: true, Up: true, Master: 4})
		b.links.Set(discovery.Interface{Index: 4, Name: "br9", Kind: "bridge", Ethernet: true, Up: true})
		time.Sleep(time.Second)
		b.expectSockets("with a bridge on it", ether.LLDP, ether.CDP, ether.Routers|ether.Early)
		b.expectRouters("with a bridge on it", "fe80::1 2001:db8:2::/64; vlan 9 fe80::1 2001:db8:1::/64")
		b.links.Remove(3)
		time.Sleep(time.Second)
		b.expectRouters("when the device is gone", "fe80::1 2001:db8:2::/64")
		b.expectSockets("when the device is gone", ether.LLDP, ether.CDP, ether.Routers)
		b.hear(1, 100, lifetime)
		b.expect("the switch", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100]")
		if at := b.observer.Snapshot().Ports[0].LostAt; !at.IsZero() {
			t.Errorf("frames of switches were lost at %v", at)
		}
	}))
}

func (b *bench) expectSockets(when string, want ...ether.FrameSet) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.cable("eth1").Open()); diff != "" {
		b.t.Errorf("sockets %s (-want +got):\n%s", when, diff)
	}
}

// TestRoutersUnwanted opens no socket.
func TestRoutersUnwanted(t *testing.T) {
	synctest.Test(t, observed(func(b *bench) {
		b.expectSockets("without routers", ether.LLDP, ether.CDP)
		b.announce(1, 0, 1, time.Hour)
		b.expectRouters("when it is heard", "")
	}))
}

// TestRoutersUnheard holds that the port is heard though routers cannot be, that somebody
// says so once, and that it is tried again.
func TestRoutersUnheard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		var log strings.Builder
		b.config.Log = slog.New(slog.NewTextHandler(&log, nil))
		b.config.RouterAdvertisements = true
		listen := b.config.Listen
		var works atomic.Bool
		b.config.Listen = func(i discovery.Interface, s ether.FrameSet) (ether.Conn, error) {
			if s&ether.Routers != 0 && !works.Load() {
				return nil, errors.New("no room")
			}
			return listen(i, s)
		}
		b.start()
		defer b.stop()
		time.Sleep(time.Minute)
		b.hear(1, 100, lifetime)
		b.expect("the switch", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100]")
		if p := b.observer.Snapshot().Ports[0]; p.RouterProblem != "no room" || p.Problem != "" {
			t.Errorf("problems %q, %q", p.RouterProblem, p.Problem)
		}
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d lines:\n%s", n, log.String())
		}
		works.Store(true)
		time.Sleep(10 * time.Second)
		b.announce(1, 0, 1, time.Hour)
		b.expectRouters("in the end", "fe80::1 2001:db8:1::/64")
		if p := b.observer.Snapshot().Ports[0]; p.RouterProblem != "" {
			t.Errorf("problem %q", p.RouterProblem)
		}
	})
}

// TestRouterFlood holds that a router that keeps changing is told of once a second, that so
// many advertisements are read and no more, and that the switch is heard throughout.
func TestRouterFlood(t *testing.T) {
	synctest.Test(t, announcing(func(b *bench) {
		b.hear(1, 100, lifetime)
		time.Sleep(time.Second)
		b.news()
		news := 0
		for i := range 3000 {
			b.announce(byte(i), 0, i%2, time.Hour)
			if b.news() {
				news++
			}
			time.Sleep(time.Millisecond)
			if i%300 == 0 {
				b.hear(1, 100, lifetime)
			}
		}
		if news > 5 {
			t.Errorf("%d Snapshots in 3 s", news)
		}
		p := b.observer.Snapshot().Ports[0]
		if c := p.RouterCounters; c.In > 500 || c.Lost < 2000 || !p.TooManyRouters {
			t.Errorf("counters %+v, too many: %t", c, p.TooManyRouters)
		}
		if !p.LostAt.IsZero() || len(p.Neighbors) != 1 || p.Counters.FramesIn != 11 {
			t.Errorf("the switch: lost at %v, %d neighbours, counters %+v", p.LostAt, len(p.Neighbors), p.Counters)
		}
	}))
}
