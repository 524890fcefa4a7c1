// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/ether/ethertest"
	"github.com/colvin-net/colvin/discovery/link/linktest"
	"github.com/colvin-net/colvin/discovery/observe"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

// A bench is a node whose ports are cables in memory.
type bench struct {
	t        *testing.T
	links    *linktest.Links
	config   observe.Config
	observer *observe.Observer
	cancel   context.CancelFunc
	done     chan error

	mu     sync.Mutex
	cables map[string]*ethertest.Segment
	refuse error // what Listen answers
}

func newBench(t *testing.T, links ...discovery.Interface) *bench {
	t.Helper()
	b := &bench{t: t, links: linktest.New(links...), cables: map[string]*ethertest.Segment{}, done: make(chan error, 1)}
	b.config = observe.Config{Links: b.links, Listen: b.listen, ListenOn: observe.Patterns{"*"}}
	return b
}

// observed runs a test on a node with eth1 that is being observed.
func observed(test func(*bench)) func(*testing.T) {
	return func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		b.start()
		defer b.stop()
		test(b)
	}
}

func (b *bench) start() {
	b.observer = observe.New(b.config)
	ctx, cancel := context.WithCancel(b.t.Context())
	b.cancel = cancel
	go func() { b.done <- b.observer.Run(ctx) }()
	synctest.Wait()
}

func (b *bench) stop() {
	b.t.Helper()
	b.cancel()
	if err := <-b.done; err != nil {
		b.t.Errorf("Run: %v", err)
	}
}

func (b *bench) cable(name string) *ethertest.Segment {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cables[name] == nil {
		b.cables[name] = &ethertest.Segment{}
	}
	return b.cables[name]
}

func (b *bench) listen(i discovery.Interface, s ether.FrameSet) (ether.Conn, error) {
	b.mu.Lock()
	err := b.refuse
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return b.cable(i.Name).Listen(s), nil
}

// hear has a switch speak on the cable of eth1.
func (b *bench) hear(chassis byte, pvid uint16, ttl time.Duration) {
	b.t.Helper()
	b.cable("eth1").Send(said(b.t, chassis, pvid, ttl))
	synctest.Wait()
}

// said is what a switch says.
func said(t *testing.T, chassis byte, pvid uint16, ttl time.Duration) []byte {
	t.Helper()
	frame, err := speaker.Frame{
		Source: discovery.MAC{2, 0, 0, 0, 1, chassis}, Chassis: speaker.MACChassis(discovery.MAC{2, 0, 0, 0, 1, chassis}),
		Port: speaker.NamedPort("p1"), TTL: ttl, PVID: pvid,
	}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// seen is a Snapshot as an operator would note it down.
func (b *bench) seen() []string {
	var out []string
	for _, p := range b.observer.Snapshot().Ports {
		var line strings.Builder
		fmt.Fprintf(&line, "%s epoch %d", p.Name, p.Epoch)
		if p.Problem != "" {
			line.WriteString(" problem: " + p.Problem)
		}
		for _, n := range p.Neighbors {
			fmt.Fprintf(&line, " [%s vlan %d]", n.Chassis, n.PVID)
		}
		for _, d := range p.Departed {
			fmt.Fprintf(&line, " (%s %s)", d.Neighbor.Chassis, d.Cause)
		}
		out = append(out, line.String())
	}
	return out
}

func (b *bench) expect(when string, want ...string) {
	b.t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, b.seen()); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

func hardware(index int, name string) discovery.Interface {
	return discovery.Interface{
		Index: index, Name: name, MAC: discovery.MAC{2, 0, 0, 0, 0, byte(index)}, MTU: 1500,
		Bus: "pci", Ethernet: true, Up: true, Carrier: true, CarrierChanges: 2,
	}
}

func TestHearAgeForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"), hardware(3, "eth2"))
		b.start()
		defer b.stop()
		b.expect("silence", "eth1 epoch 2", "eth2 epoch 2")
		b.hear(1, 100, 10*time.Second)
		b.expect("heard", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100]", "eth2 epoch 2")
		time.Sleep(8 * time.Second)
		b.hear(1, 100, 10*time.Second)
		time.Sleep(9 * time.Second)
		b.expect("refreshed", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100]", "eth2 epoch 2")
		time.Sleep(time.Second)
		b.expect("aged out", "eth1 epoch 2 (mac:02:00:00:00:01:01 aged out)", "eth2 epoch 2")
		b.hear(1, 100, 10*time.Second)
		b.hear(1, 0, 0)
		b.expect("shutdown", "eth1 epoch 2 (mac:02:00:00:00:01:01 shutdown)", "eth2 epoch 2")
	})
}

// TestCarrierEpoch shows that a neighbour is evidence for one carrier epoch only.
func TestCarrierEpoch(t *testing.T) {
	synctest.Test(t, observed(func(b *bench) {
		b.hear(1, 100, time.Hour)
		time.Sleep(time.Second)
		b.links.SetCarrier(2, false)
		time.Sleep(time.Second)
		b.expect("carrier lost", "eth1 epoch 4")
		// The first frame after the link came up may be read before the carrier is
		// known to be back; it belongs to the new epoch and must not be lost.
		b.hear(2, 200, time.Hour)
		b.links.SetCarrier(2, true)
		time.Sleep(time.Second)
		b.expect("carrier back", "eth1 epoch 4 [mac:02:00:00:00:01:02 vlan 200]")
	}))
}

// TestMissedFlap shows that what was heard before a flap that nobody saw is
// dropped when the count of carrier changes tells of it.
func TestMissedFlap(t *testing.T) {
	synctest.Test(t, observed(func(b *bench) {
		b.hear(1, 100, time.Hour)
		moved := hardware(2, "eth1")
		moved.CarrierChanges = 4
		b.links.SetQuietly(moved)
		time.Sleep(6 * time.Minute) // the periodic dump makes up for the lost hint
		b.expect("after resync", "eth1 epoch 4")
	}))
}

func TestAdministrativelyDownEndsEpoch(t *testing.T) {
	synctest.Test(t, observed(func(b *bench) {
		b.hear(1, 100, time.Hour)
		i := hardware(2, "eth1")
		i.Up = false
		b.links.Set(i)
		time.Sleep(time.Second)
		b.links.Set(hardware(2, "eth1"))
		time.Sleep(time.Second)
		b.expect("down and up without a carrier change", "eth1 epoch 2")
	}))
}

func TestRenameKeepsNeighbors(t *testing.T) {
	synctest.Test(t, observed(func(b *bench) {
		b.hear(1, 100, time.Hour)
		b.links.Set(hardware(2, "uplink"))
		time.Sleep(time.Second)
		b.expect("renamed", "uplink epoch 2 [mac:02:00:00:00:01:01 vlan 100]")
		b.links.Remove(2)
		time.Sleep(time.Second)
		b.expect("removed")
	}))
}

func TestListenFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		b.refuse = errors.New("no buffer space")
		b.start()
		defer b.stop()
		b.expect("refused", "eth1 epoch 2 problem: no buffer space")
		b.mu.Lock()
		b.refuse = nil
		b.mu.Unlock()
		time.Sleep(10 * time.Second)
		b.expect("tried again", "eth1 epoch 2")
	})
}

func TestPermissionIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		b.refuse = fmt.Errorf("CAP_NET_RAW is missing: %w", os.ErrPermission)
		b.start()
		if err := <-b.done; !errors.Is(err, os.ErrPermission) {
			t.Errorf("Run = %v, want a permission error", err)
		}
		b.cancel()
	})
}

// TestUpdatesKeepLatest shows that a slow reader finds the latest Snapshot.
func TestUpdatesKeepLatest(t *testing.T) {
	synctest.Test(t, observed(func(b *bench) {
		for chassis := range byte(5) {
			b.hear(chassis, 100, time.Hour)
		}
		time.Sleep(time.Second)
		s := <-b.observer.Updates()
		if got := len(s.Ports[0].Neighbors); got != 5 {
			b.t.Errorf("latest snapshot has %d neighbours, want 5", got)
		}
		b.hear(1, 100, time.Hour)
		time.Sleep(time.Second)
		select {
		case <-b.observer.Updates():
			b.t.Error("a refresh was published")
		default:
		}
	}))
}

// TestUpdatesAreBounded has a speaker say something else all the time.
func TestUpdatesAreBounded(t *testing.T) {
	synctest.Test(t, observed(func(b *bench) {
		updates := 0
		for i := range 5000 {
			b.hear(1, uint16(1+i%2), time.Hour)
			select {
			case <-b.observer.Updates():
				updates++
			default:
			}
			time.Sleep(time.Millisecond)
		}
		if updates < 90 || updates > 110 {
			b.t.Errorf("%d updates in 5 s, want 20 a second", updates)
		}
	}))
}

// TestFlood shows that random neighbours neither grow the table beyond its bound
// nor push out the one that was there.
func TestFlood(t *testing.T) {
	synctest.Test(t, observed(func(b *bench) {
		b.hear(1, 100, time.Hour)
		time.Sleep(time.Second)
		for i := range 1000 {
			b.flood(i)
		}
		p := b.observer.Snapshot().Ports[0]
		if len(p.Neighbors) != 32 || p.Neighbors[0].Chassis != "mac:02:00:00:00:01:01" || !p.TooManyNeighbors {
			b.t.Errorf("%d neighbours, first %s, too many %v", len(p.Neighbors), p.Neighbors[0].Chassis, p.TooManyNeighbors)
		}
		if want := uint64(1001 - 32); p.Counters.TooManyNeighbors != want {
			b.t.Errorf("tooManyNeighbors = %d, want %d", p.Counters.TooManyNeighbors, want)
		}
		time.Sleep(61 * time.Second)
		b.expect("the flood aged out", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100]"+departed(b))
		if b.observer.Snapshot().Ports[0].TooManyNeighbors {
			b.t.Error("the table still counts as full")
		}
	}))
}

func (b *bench) flood(i int) {
	b.t.Helper()
	mac := discovery.MAC{6, 0, 0, 0, byte(i >> 8), byte(i)}
	frame, err := speaker.Frame{
		Source: mac, Chassis: lldp.ChassisID{Subtype: lldp.ChassisIDSubtypeLocallyAssigned, ID: fmt.Append(nil, i)},
		Port: speaker.NamedPort("p1"), TTL: time.Minute,
	}.Marshal()
	if err != nil {
		b.t.Fatal(err)
	}
	b.cable("eth1").Send(frame)
	synctest.Wait()
}

func departed(b *bench) string {
	var out strings.Builder
	for _, d := range b.observer.Snapshot().Ports[0].Departed {
		fmt.Fprintf(&out, " (%s %s)", d.Neighbor.Chassis, d.Cause)
	}
	return out.String()
}

func TestPatterns(t *testing.T) {
	veth, vf, bridge := hardware(4, "eth1"), hardware(5, "eth1v0"), hardware(6, "br0")
	veth.Kind, veth.Bus = "veth", ""
	vf.VF = true
	bridge.Kind, bridge.Bus = "bridge", ""
	for _, tt := range []struct {
		patterns observe.Patterns
		port     discovery.Interface
		want     bool
	}{
		{observe.Patterns{"*"}, hardware(2, "eth1"), true},
		{observe.Patterns{}, hardware(2, "eth1"), false},
		{observe.Patterns{"*", "!eth*"}, hardware(2, "eth1"), false},
		{observe.Patterns{"*", "!eth*", "eth1"}, hardware(2, "eth1"), true},
		{observe.Patterns{"ens*"}, hardware(2, "eth1"), false},
		{observe.Patterns{"*"}, veth, false},
		{observe.Patterns{"eth*"}, veth, true},
		{observe.Patterns{"*"}, vf, false},
		{observe.Patterns{"eth*"}, vf, false},
		{observe.Patterns{"br*"}, bridge, false},
	} {
		if got := tt.patterns.Port(tt.port); got != tt.want {
			t.Errorf("%v.Port(%s %s) = %v, want %v", tt.patterns, tt.port.Kind, tt.port.Name, got, tt.want)
		}
	}
	for _, bad := range []string{"", "!", "eth["} {
		if err := (observe.Patterns{bad}).Validate(); err == nil {
			t.Errorf("pattern %q is accepted", bad)
		}
	}
}

// TestOtherDeviceWithTheSameIndex shows that a device does not inherit what was
// heard on another one.
func TestOtherDeviceWithTheSameIndex(t *testing.T) {
	synctest.Test(t, observed(func(b *bench) {
		b.hear(1, 100, time.Hour)
		other := hardware(2, "eth1")
		other.MAC = discovery.MAC{2, 9, 9, 9, 9, 9}
		b.links.Set(other)
		time.Sleep(time.Second)
		b.expect("another MAC address", "eth1 epoch 2")
	}))
}

// A failingConn fails when told to.
type failingConn struct{ fail chan error }

func (c *failingConn) ReadFrame(func(ether.Frame)) error { return <-c.fail }
func (c *failingConn) WriteFrame([]byte) error           { return nil }
func (c *failingConn) Dropped() int                      { return 0 }
func (c *failingConn) Close() error                      { return nil }

// TestFailureDoesNotDelayDump has one socket fail while another port changes.
func TestFailureDoesNotDelayDump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"), hardware(3, "eth2"))
		failing := &failingConn{fail: make(chan error, 1)}
		b.config.Protocols = ether.LLDP
		b.config.Listen = func(i discovery.Interface, s ether.FrameSet) (ether.Conn, error) {
			if i.Index == 3 && len(failing.fail) == 0 {
				return failing, nil
			}
			return b.listen(i, s)
		}
		b.start()
		defer b.stop()
		b.links.SetCarrier(2, false)
		b.links.SetCarrier(2, true)
		synctest.Wait()
		failing.fail <- errors.New("broken")
		time.Sleep(time.Second)
		b.expect("a second later", "eth1 epoch 4", "eth2 epoch 2") // eth2 has a new socket already
		failing.fail <- ether.ErrClosed                            // for whoever listens anew
		time.Sleep(time.Minute)
	})
}

// TestDownThatNobodySaw has an interface go down and up between two dumps, with a
// driver that counts no carrier change: only the socket tells.
func TestDownThatNobodySaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		down := &failingConn{fail: make(chan error)}
		opened := 0
		b.config.Listen = func(i discovery.Interface, s ether.FrameSet) (ether.Conn, error) {
			if s == ether.CDP && opened == 0 {
				opened++
				return down, nil
			}
			return b.listen(i, s)
		}
		b.start()
		defer b.stop()
		b.hear(1, 100, time.Hour)
		time.Sleep(time.Second)
		down.fail <- ether.ErrDown
		time.Sleep(100 * time.Millisecond)
		b.expect("what was heard before is no evidence", "eth1 epoch 2")
	})
}

// A failingList is a kernel that cannot list interfaces some times, as without file
// descriptors.
type failingList struct {
	*linktest.Links
	fails atomic.Int32
}

func (f *failingList) List() ([]discovery.Interface, error) {
	if f.fails.Add(-1) >= 0 {
		return nil, syscall.EMFILE
	}
	return f.Links.List()
}

// TestListFailsOnce holds that a carrier which is lost while the kernel cannot list
// interfaces is seen soon.
func TestListFailsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		kernel := &failingList{Links: b.links}
		b.config.Links = kernel
		b.start()
		defer b.stop()
		time.Sleep(time.Second)
		kernel.fails.Store(1)
		b.links.SetCarrier(2, false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if b.observer.Snapshot().Interfaces[0].Carrier {
			t.Error("the carrier is there yet")
		}
	})
}

// TestFirstListFails holds that an agent which starts then is late, and no more.
func TestFirstListFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		kernel := &failingList{Links: b.links}
		kernel.fails.Store(1)
		b.config.Links = kernel
		<-b.links.Hints()
		o := observe.New(b.config)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- o.Run(ctx) }()
		time.Sleep(10 * time.Second)
		select {
		case <-o.Updates():
		default:
			t.Error("nothing is seen for 10 s")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
