// SPDX-License-Identifier: Apache-2.0

package neighbor_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/ether/ethertest"
	"github.com/colvin-net/colvin/discovery/link/linktest"
	"github.com/colvin-net/colvin/discovery/observe"
)

// TestDay compares what a node observes with the simplest thing that could be
// right, over 24 hours of joins, refreshes, changes, goodbyes, silent deaths and
// moved cables on three ports.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.observer.Run(ctx) }()
		for end := time.Now().Add(24 * time.Hour); time.Now().Before(end) && !t.Failed(); {
			synctest.Wait()
			// Never a whole second, so that nothing happens as something else expires.
			time.Sleep(time.Duration(1+d.rnd.IntN(8000))*time.Millisecond + time.Duration(1+d.rnd.IntN(999_998)))
			d.happen()
			synctest.Wait()
			d.compare()
		}
		d.compareCounts()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// dayPorts and stations are how many ports there are, and stations on each. A
// station speaks every two minutes or so, whatever its time to live.
const dayPorts, stations = 3, 10

// lifetimes are the times to live in seconds.
var lifetimes = []byte{20, 60, 120, 250}

// A day is a node with its ports, and a model of what it should know.
type day struct {
	t        *testing.T
	rnd      *rand.Rand
	links    *linktest.Links
	cables   map[string]*ethertest.Segment
	observer *observe.Observer
	said     map[at]said // what each station says, unless it is off
	known    map[at]known
	counts   map[string]int
}

// at is a station: its port, its number and its protocol.
type at struct {
	port     string
	station  byte
	protocol discovery.Protocol
}

type said struct {
	pvid uint16
	ttl  byte
}

type known struct {
	PVID    uint16
	Expires time.Time
}

func newDay(t *testing.T) *day {
	t.Helper()
	d := &day{
		t: t, rnd: rand.New(rand.NewPCG(1, 2)), links: linktest.New(), cables: map[string]*ethertest.Segment{},
		said: map[at]said{}, known: map[at]known{}, counts: map[string]int{},
	}
	for i := range dayPorts {
		ifi := discovery.Interface{
			Index: 2 + i, Name: "eth" + string(rune('0'+i)), MAC: discovery.MAC{2, 0, 0, 0, 0, byte(i)},
			Bus: "pci", Ethernet: true, Up: true, Carrier: true, CarrierChanges: 2,
		}
		d.links.Set(ifi)
		d.cables[ifi.Name] = &ethertest.Segment{}
	}
	d.observer = observe.New(observe.Config{
		Links: d.links, ListenOn: observe.Patterns{"*"},
		Listen: func(i discovery.Interface, s ether.FrameSet) (ether.Conn, error) {
			return d.cables[i.Name].Listen(s), nil
		},
	})
	return d
}

// happen does one thing at random, and has the model know of it.
func (d *day) happen() {
	d.age()
	who := at{"eth" + string(rune('0'+d.rnd.IntN(dayPorts))), byte(d.rnd.IntN(stations)), discovery.ProtocolLLDP}
	if d.rnd.IntN(3) == 0 {
		who.protocol = discovery.ProtocolCDP
	}
	says, on := d.said[who]
	switch p := d.rnd.IntN(1000); {
	case p == 0:
		d.move(who.port)
		return
	case p < 100:
		d.goodbye(who)
		return
	case p < 200:
		delete(d.said, who) // it dies
		return
	case !on || p < 300:
		says = said{uint16(1 + d.rnd.IntN(3)), lifetimes[d.rnd.IntN(len(lifetimes))]}
	}
	d.said[who] = says
	d.speak(who, says)
	d.known[who] = known{says.pvid, time.Now().Add(time.Duration(says.ttl) * time.Second)}
}

func (d *day) age() {
	for who, k := range d.known {
		if !k.Expires.After(time.Now()) {
			delete(d.known, who)
			d.counts["aged out"]++
		}
	}
}

func (d *day) goodbye(who at) {
	d.speak(who, said{})
	delete(d.said, who)
	delete(d.known, who)
}

// move pulls a cable and plugs it in again: nothing that was heard there counts.
func (d *day) move(port string) {
	index := 2 + int(port[len(port)-1]-'0')
	d.links.SetCarrier(index, false)
	time.Sleep(time.Second)
	synctest.Wait()
	d.links.SetCarrier(index, true)
	for who := range d.known {
		if who.port == port {
			delete(d.known, who)
		}
	}
	time.Sleep(time.Second)
	synctest.Wait()
	d.age()
	d.counts["moved"]++
}

func (d *day) speak(who at, says said) {
	d.t.Helper()
	d.counts["frames"]++
	f := cdpFrame(who.station, says.pvid, says.ttl)
	if who.protocol == discovery.ProtocolLLDP {
		f = frame(d.t, who.station, says.pvid, time.Duration(says.ttl)*time.Second)
	}
	d.cables[who.port].Send(f)
}

func (d *day) compare() {
	d.t.Helper()
	got := map[at]known{}
	for _, p := range d.observer.Snapshot().Ports {
		for _, n := range p.Neighbors {
			got[at{p.Name, n.Source[5], n.Protocol}] = known{n.PVID, n.Expires()}
		}
	}
	d.age()
	if !maps.Equal(d.known, got) { // cmp is slow, and this happens some 20,000 times
		d.t.Errorf("at %v (-model +observed):\n%s", time.Now(), cmp.Diff(d.known, got, cmp.AllowUnexported(at{})))
	}
}

func (d *day) compareCounts() {
	d.t.Helper()
	got := map[string]int{"moved": d.counts["moved"]}
	for _, p := range d.observer.Snapshot().Ports {
		got["frames"] += int(p.Counters.FramesIn)
		got["aged out"] += int(p.Counters.Ageouts)
	}
	if diff := cmp.Diff(d.counts, got); diff != "" {
		d.t.Errorf("counts (-model +observed):\n%s", diff)
	}
	d.t.Logf("%v", got)
}
