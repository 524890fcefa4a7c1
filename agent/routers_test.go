// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// announcing is router number n, which announces prefixes.
func announcing(n int, tag uint16, prefixes ...discovery.AdvertisedPrefix) discovery.Router {
	return discovery.Router{Tag: tag, Source: discovery.MAC{2, 0, 0, 0, 0, byte(n)}, Address: netip.MustParseAddr(fmt.Sprintf("fe80::%x", n)), Prefixes: prefixes}
}

func onLink(prefix string) discovery.AdvertisedPrefix {
	return discovery.AdvertisedPrefix{Prefix: netip.MustParsePrefix(prefix), OnLink: true, Autonomous: true, Valid: 3600}
}

// watch has the sink look at routers on eth1, and returns the conditions.
func watch(w *routerWatch, now time.Time, ports ...discovery.Port) []mapping.Condition {
	s := &Step{}
	s.Snapshot = &discovery.Snapshot{Time: now, Ports: ports}
	w.Take(now, s)
	return w.Conditions()
}

// TestContradictions tells which routers contradict each other.
func TestContradictions(t *testing.T) {
	one, other, wider := onLink("2001:db8:1::/64"), onLink("2001:db8:2::/64"), onLink("2001:db8::/32")
	withdrawn, offLink, manual, deprecated := one, one, one, one
	withdrawn.Valid, offLink.OnLink, manual.Autonomous, deprecated.Preferred = 0, false, false, 0
	const a, b = "fe80::1 (02:00:00:00:00:01)", "fe80::2 (02:00:00:00:00:02)"
	for name, tt := range map[string]struct {
		routers []discovery.Router
		want    string
	}{
		"one router":               {[]discovery.Router{announcing(1, 0, one, other)}, ""},
		"the same":                 {[]discovery.Router{announcing(1, 0, one, other), announcing(2, 0, one, other)}, ""},
		"one in common":            {[]discovery.Router{announcing(1, 0, one, other), announcing(2, 0, deprecated, onLink("2001:db8:3::/64"))}, ""},
		"one within the other":     {[]discovery.Router{announcing(1, 0, one), announcing(2, 0, wider)}, ""},
		"one without prefixes":     {[]discovery.Router{announcing(1, 0, one), announcing(2, 0)}, ""},
		"one that withdrew its":    {[]discovery.Router{announcing(1, 0, other), announcing(2, 0, withdrawn)}, ""},
		"the other without":        {[]discovery.Router{announcing(1, 0), announcing(2, 0, one)}, ""},
		"between other VLANs":      {[]discovery.Router{announcing(1, 0, one), announcing(3, 9, other), announcing(2, 0, other)}, "eth1: routers " + a + " and " + b + " announce no prefix in common; look which of them belongs there"},
		"flags of what was":        {[]discovery.Router{announcing(1, 0, other, func() discovery.AdvertisedPrefix { p := withdrawn; p.OnLink = false; return p }()), announcing(2, 0, one, other)}, ""},
		"in different VLANs":       {[]discovery.Router{announcing(1, 0, one), announcing(2, 9, other)}, ""},
		"disjoint":                 {[]discovery.Router{announcing(1, 0, one), announcing(2, 0, other)}, "eth1: routers " + a + " and " + b + " announce no prefix in common; look which of them belongs there"},
		"in a VLAN":                {[]discovery.Router{announcing(3, 0, one), announcing(1, 9, one), announcing(2, 9, other)}, "eth1: routers " + a + " and " + b + " announce no prefix in common in VLAN 9; look which of them belongs there"},
		"one is on the link":       {[]discovery.Router{announcing(1, 0, one, other), announcing(2, 0, other, offLink)}, "eth1: routers " + a + " and " + b + " announce 2001:db8:1::/64 with different flags (on-link, autonomous); look which of them belongs there"},
		"one is autonomous":        {[]discovery.Router{announcing(1, 0, one), announcing(2, 0, manual)}, "eth1: routers " + a + " and " + b + " announce 2001:db8:1::/64 with different flags (on-link, autonomous); look which of them belongs there"},
		"flags of what is no more": {[]discovery.Router{announcing(1, 0, one, other), announcing(2, 0, other, func() discovery.AdvertisedPrefix { p := withdrawn; p.OnLink = false; return p }())}, ""},
	} {
		var want []mapping.Condition
		if tt.want != "" {
			want = []mapping.Condition{{Type: mapping.RoutersContradict, Interface: "eth1", Message: tt.want}}
		}
		got := watch(&routerWatch{}, time.Unix(1000, 0), discovery.Port{Name: "eth1", Routers: tt.routers})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTooManyRouters is one condition for each port, in the order of ports.
func TestTooManyRouters(t *testing.T) {
	got := watch(&routerWatch{}, time.Unix(1000, 0), discovery.Port{Name: "eth2", TooManyRouters: true}, discovery.Port{Name: "eth1", TooManyRouters: true})
	const what = ": more routers or prefixes are announced than Colvin keeps; new ones are passed over"
	want := []mapping.Condition{
		{Type: mapping.TooManyRouters, Interface: "eth2", Message: "eth2" + what}, {Type: mapping.TooManyRouters, Interface: "eth1", Message: "eth1" + what},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestContradictionStays holds that a hostile router changes the conditions of a port twice
// a minute at most, and that the loop looks again when one is over.
func TestContradictionStays(t *testing.T) {
	w, now := &routerWatch{}, time.Unix(1000, 0)
	one, other := onLink("2001:db8:1::/64"), onLink("2001:db8:2::/64")
	at := func(after time.Duration, n int, theirs discovery.AdvertisedPrefix) []mapping.Condition {
		return watch(w, now.Add(after), discovery.Port{Name: "eth1", Routers: []discovery.Router{announcing(1, 0, one), announcing(n, 0, theirs)}})
	}
	first := at(0, 2, other)
	for i := range 30 {
		if diff := cmp.Diff(first, at(time.Duration(i)*time.Second, 3+i, other)); diff != "" {
			t.Fatalf("another pair, %d s later (-want +got):\n%s", i, diff)
		}
		if diff := cmp.Diff(first, at(time.Duration(i)*time.Second, 2, one)); diff != "" {
			t.Fatalf("none, %d s later (-want +got):\n%s", i, diff)
		}
	}
	if second := at(time.Minute, 9, other); len(second) != 1 || second[0].Message == first[0].Message {
		t.Errorf("a minute later: %v", second)
	}
	s := &Step{}
	s.Snapshot = &discovery.Snapshot{Ports: []discovery.Port{{Name: "eth1"}}}
	if again := w.Take(now.Add(90*time.Second), s); again != 30*time.Second || len(w.Conditions()) != 1 {
		t.Errorf("when nothing is heard: again in %v, %v", again, w.Conditions())
	}
	if again := w.Take(now.Add(2*time.Minute), s); again != never || w.Conditions() != nil {
		t.Errorf("in the end: again in %v, %v", again, w.Conditions())
	}
}

// TestContradictionsOfPorts holds that each port has a contradiction of its own, and that one
// which goes on is told of for as long as it does.
func TestContradictionsOfPorts(t *testing.T) {
	w, now := &routerWatch{}, time.Unix(1000, 0)
	one, other := onLink("2001:db8:1::/64"), onLink("2001:db8:2::/64")
	port := func(name string, a, b int) discovery.Port {
		return discovery.Port{Name: name, Routers: []discovery.Router{announcing(a, 0, one), announcing(b, 0, other)}}
	}
	first := watch(w, now, port("eth1", 1, 2), port("eth2", 3, 4))
	if len(first) != 2 || first[0].Interface != "eth1" || first[1].Interface != "eth2" || first[0].Message == first[1].Message {
		t.Fatalf("conditions %v", first)
	}
	for range 4 { // one pair goes on, the other is another one by and by
		now = now.Add(40 * time.Second)
		got := watch(w, now, port("eth1", 1, 2), port("eth2", 5, 6))
		if diff := cmp.Diff(first[:1], got[:1]); diff != "" {
			t.Errorf("what goes on (-want +got):\n%s", diff)
		}
	}
	got := watch(w, now.Add(time.Second), port("eth1", 7, 8), port("eth2", 5, 6))
	if diff := cmp.Diff(first[:1], got[:1]); diff != "" {
		t.Errorf("what ended a second ago (-want +got):\n%s", diff)
	}
	if got[1].Message == first[1].Message {
		t.Errorf("what ended minutes ago is still told: %v", got[1])
	}
}

// TestContradictionOfThree holds that the pair that was heard first is told.
func TestContradictionOfThree(t *testing.T) {
	one, other := onLink("2001:db8:1::/64"), onLink("2001:db8:2::/64")
	got := watch(&routerWatch{}, time.Unix(1000, 0), discovery.Port{Name: "eth1", Routers: []discovery.Router{
		announcing(1, 0, one), announcing(2, 0, one), announcing(3, 0, other),
	}})
	const want = "eth1: routers fe80::1 (02:00:00:00:00:01) and fe80::3 (02:00:00:00:00:03) announce no prefix in common; look which of them belongs there"
	if len(got) != 1 || got[0].Message != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}
