// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/discovery/observe"
	"github.com/colvin-net/colvin/discovery/transmit"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

// speaks runs a test on a node with eth1 that sends.
func speaks(mode transmit.Mode, test func(*bench)) func(*testing.T) {
	return func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		b.config.Transmit, b.config.SystemName = mode, "node1"
		b.start()
		defer b.stop()
		test(b)
	}
}

// sent is what left eth1 since it was last asked.
func (b *bench) sent(begin time.Time) []string {
	b.t.Helper()
	synctest.Wait()
	var out []string
	for _, s := range b.cable("eth1").Sent() {
		f, reason := lldp.Decode(s.Frame)
		if reason != lldp.Accepted {
			b.t.Errorf("sent a frame that is %s", reason)
		}
		n := f.Neighbor
		out = append(out, fmt.Sprintf("%s %s/%s ttl %d %s %v", s.At.Sub(begin), n.Chassis, n.Port, n.TTL, n.SystemName, n.ManagementAddresses))
	}
	return out
}

func (b *bench) expectSent(what string, begin time.Time, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.sent(begin)); diff != "" {
		b.t.Errorf("%s: sent (-want +got):\n%s", what, diff)
	}
}

func (b *bench) transmits() discovery.Transmit {
	synctest.Wait()
	return b.observer.Snapshot().Ports[0].Transmit
}

func TestSpeak(t *testing.T) {
	const eth1 = " mac:02:00:00:00:00:02/ifname:eth1 ttl 121 node1 []"
	t.Run("interval and counters", func(t *testing.T) {
		synctest.Test(t, speaks(transmit.On, func(b *bench) {
			begin := time.Now()
			time.Sleep(31 * time.Second)
			b.expectSent("31 s", begin, "0s"+eth1, "30s"+eth1)
			want := discovery.PortCounters{FramesOut: 2}
			if diff := cmp.Diff(want, b.observer.Snapshot().Ports[0].Counters); diff != "" {
				b.t.Errorf("counters (-want +got):\n%s", diff)
			}
		}))
	})
	t.Run("new neighbour", func(t *testing.T) {
		synctest.Test(t, speaks(transmit.On, func(b *bench) {
			begin := time.Now()
			time.Sleep(time.Second)
			b.hear(1, 100, time.Hour)
			time.Sleep(2 * time.Second)
			b.hear(1, 100, time.Hour) // refresh
			b.hear(1, 101, time.Hour) // change
			time.Sleep(10 * time.Second)
			b.expectSent("fast start", begin, "0s"+eth1, "1s"+eth1, "2s"+eth1, "3s"+eth1, "4s"+eth1)
		}))
	})
	t.Run("rename", func(t *testing.T) {
		synctest.Test(t, speaks(transmit.On, func(b *bench) {
			begin := time.Now()
			time.Sleep(time.Second)
			b.links.Set(hardware(2, "uplink"))
			time.Sleep(10 * time.Second)
			b.expectSent("rename", begin, "0s"+eth1, "1s mac:02:00:00:00:00:02/ifname:eth1 ttl 0  []",
				"3s mac:02:00:00:00:00:02/ifname:uplink ttl 121 node1 []")
		}))
	})
	t.Run("link", func(t *testing.T) {
		synctest.Test(t, speaks(transmit.On, func(b *bench) {
			begin := time.Now()
			b.links.SetCarrier(2, false)
			time.Sleep(time.Minute)
			if got := b.transmits(); got.State != discovery.Off {
				b.t.Errorf("without carrier: %v", got)
			}
			b.links.SetCarrier(2, true)
			time.Sleep(time.Second)
			b.expectSent("link down and up", begin, "0s"+eth1, "1m0s"+eth1)
		}))
	})
	t.Run("gone", func(t *testing.T) {
		synctest.Test(t, speaks(transmit.On, func(b *bench) {
			begin := time.Now()
			time.Sleep(time.Second)
			b.links.Remove(2)
			time.Sleep(time.Minute)
			b.expectSent("gone", begin, "0s"+eth1)
		}))
	})
	t.Run("cannot send", func(t *testing.T) {
		synctest.Test(t, speaks(transmit.On, func(b *bench) {
			time.Sleep(time.Second)
			b.cable("eth1").Fail(errors.New("no buffer space"))
			time.Sleep(time.Minute)
			want := discovery.Transmit{State: discovery.Sending, Reason: "the last frame could not be sent: no buffer space"}
			if diff := cmp.Diff(want, b.transmits()); diff != "" {
				b.t.Errorf("transmit (-want +got):\n%s", diff)
			}
		}))
	})
}

func TestGoodbyeOnExit(t *testing.T) {
	for _, shutdown := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, hardware(2, "eth1"))
			b.config.Transmit, b.config.ShutdownOnExit = transmit.On, shutdown
			begin := time.Now()
			b.start()
			time.Sleep(time.Second)
			b.stop()
			want := []string{"0s mac:02:00:00:00:00:02/ifname:eth1 ttl 121  []"}
			if shutdown {
				want = append(want, "1s mac:02:00:00:00:00:02/ifname:eth1 ttl 0  []")
			}
			b.expectSent(fmt.Sprintf("shutdownOnExit %v", shutdown), begin, want...)
		})
	}
}

// TestWatch shows that the tap is open while it must be and no longer, and that the
// node's own frames are not taken for another's.
func TestWatch(t *testing.T) {
	each, tapped := []ether.FrameSet{ether.LLDP, ether.CDP}, []ether.FrameSet{ether.LLDP, ether.CDP, ether.Tap}
	sockets := func(b *bench, what string, want []ether.FrameSet) {
		b.t.Helper()
		synctest.Wait()
		if diff := cmp.Diff(want, b.cable("eth1").Open()); diff != "" {
			b.t.Errorf("%s: sockets (-want +got):\n%s", what, diff)
		}
	}
	t.Run("nobody else", func(t *testing.T) {
		synctest.Test(t, speaks(transmit.Auto, func(b *bench) {
			begin := time.Now()
			sockets(b, "at start", tapped)
			time.Sleep(36 * time.Second)
			sockets(b, "after a watch", each)
			const said = " mac:02:00:00:00:00:02/ifname:eth1 ttl 121 node1 []"
			b.expectSent("36 s", begin, "35s"+said)
			time.Sleep(10 * time.Minute)
			sockets(b, "watching again", tapped)
			time.Sleep(time.Minute)
			sockets(b, "and no more", each)
			if got := b.transmits(); got.State != discovery.Sending {
				b.t.Errorf("%v after its own frames, want sending", got)
			}
			b.links.SetCarrier(2, false)
			time.Sleep(time.Second)
			b.links.SetCarrier(2, true)
			time.Sleep(time.Second)
			sockets(b, "link came up", tapped)
		}))
	})
	t.Run("another agent", func(t *testing.T) {
		synctest.Test(t, speaks(transmit.Auto, func(b *bench) {
			time.Sleep(time.Second)
			frame := func(source discovery.MAC) []byte {
				f, err := speaker.Frame{
					Source: source, Chassis: speaker.MACChassis(source), Port: speaker.NamedPort("eth1"), TTL: time.Minute, SystemName: "other",
				}.Marshal()
				if err != nil {
					b.t.Fatal(err)
				}
				return f
			}
			b.cable("eth1").SendLocally(frame(discovery.MAC{6, 6, 6, 6, 6, 6})) // a pod
			if got := b.transmits(); got.State != discovery.Watching {
				b.t.Errorf("%v after a pod's frame, want watching", got)
			}
			b.cable("eth1").SendLocally(frame(hardware(2, "").MAC))
			want := discovery.Transmit{
				State: discovery.Silent, Reason: `another program of this node sends LLDP here, from 02:00:00:00:00:02 as "other"`,
			}
			if diff := cmp.Diff(want, b.transmits()); diff != "" {
				b.t.Errorf("transmit (-want +got):\n%s", diff)
			}
			sockets(b, "found", each)
		}))
	})
}

// TestTapFailure has the tap fail to open: the port is not spoken on blindly.
func TestTapFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		b.config.Transmit = transmit.Auto
		b.config.Listen = func(i discovery.Interface, s ether.FrameSet) (ether.Conn, error) {
			if s == ether.Tap {
				return nil, errors.New("no buffer space")
			}
			return b.listen(i, s)
		}
		b.start()
		defer b.stop()
		time.Sleep(time.Hour)
		b.expect("no tap", "eth1 epoch 2 problem: no buffer space")
		if got := b.transmits(); got != (discovery.Transmit{State: discovery.Off, Reason: "no buffer space"}) {
			t.Errorf("%v, want off", got)
		}
		b.expectSent("no tap", time.Now())
	})
}

func TestDCBXSilences(t *testing.T) {
	t.Run("DCBX", func(t *testing.T) {
		synctest.Test(t, speaks(transmit.Auto, func(b *bench) {
			time.Sleep(40 * time.Second)
			f := speaker.Frame{
				Source: discovery.MAC{2, 0, 0, 0, 1, 1}, Chassis: speaker.MACChassis(discovery.MAC{2, 0, 0, 0, 1, 1}),
				Port: speaker.NamedPort("p1"), TTL: time.Hour, SystemName: "leaf-1",
			}
			f.Extra = append(f.Extra, speaker.OrgTLV([3]byte{0x00, 0x80, 0xc2}, 0x0b, []byte{0x08, 0x08})) // PFC (IEEE Std 802.1Q-2018, D.2.11)
			frame, err := f.Marshal()
			if err != nil {
				b.t.Fatal(err)
			}
			b.cable("eth1").Send(frame)
			want := discovery.Transmit{
				State: discovery.Silent, Reason: `the neighbour "leaf-1" sends DCBX, which stops working where it hears two speakers on one port`,
			}
			if diff := cmp.Diff(want, b.transmits()); diff != "" {
				b.t.Errorf("transmit (-want +got):\n%s", diff)
			}
			sent := b.sent(time.Now())
			if len(sent) != 2 || !strings.Contains(sent[1], "ttl 0") {
				b.t.Errorf("sent %q, want a frame and a goodbye", sent)
			}
		}))
	})
}

// TestFacts shows when the driver is asked.
func TestFacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		asked := 0
		b.config.Transmit = transmit.Auto
		b.config.NIC = func(ifname string) discovery.NIC {
			asked++
			return discovery.NIC{Driver: "i40e", FirmwareLLDP: true, Remedy: "ethtool " + ifname}
		}
		b.start()
		defer b.stop()
		for range 200 {
			b.links.Hint()
			time.Sleep(time.Second)
		}
		synctest.Wait()
		p := b.observer.Snapshot().Ports[0]
		if diff := cmp.Diff(discovery.NIC{Driver: "i40e", FirmwareLLDP: true, Remedy: "ethtool eth1"}, p.NIC); diff != "" {
			t.Errorf("NIC (-want +got):\n%s", diff)
		}
		if p.Transmit.State != discovery.Silent {
			t.Errorf("%v, want silent", p.Transmit)
		}
		if asked != 1 {
			t.Errorf("the driver was asked %d times in 200 s, want once", asked)
		}
		b.links.SetCarrier(2, false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if asked != 2 {
			t.Errorf("the driver was asked %d times, want once more in the next epoch", asked)
		}
	})
}

// TestExceptions sets ports apart.
func TestExceptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"), hardware(3, "eth2"), hardware(4, "eth3"))
		b.config.Settings = observe.Settings{Transmit: transmit.On}
		b.config.Exceptions = []observe.Exception{
			{Match: "eth[12]", Settings: observe.Settings{Transmit: transmit.Off, Capture: ether.CaptureAll}},
			{Match: "eth2", Settings: observe.Settings{Transmit: transmit.Auto}},
		}
		b.config.Protocols = ether.LLDP
		b.start()
		defer b.stop()
		synctest.Wait()
		var got []string
		for _, p := range b.observer.Snapshot().Ports {
			got = append(got, fmt.Sprintf("%s %s %v", p.Name, p.Transmit.State, b.cable(p.Name).Open()))
		}
		want := []string{"eth1 off [5]", "eth2 watching [5 13]", "eth3 sending [1]"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ports (-want +got):\n%s", diff)
		}
	})
}

// TestMasterChange shows that a port that joins a bridge is heard by other means
// and forgets nothing.
func TestMasterChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bridge := discovery.Interface{Index: 9, Name: "br0", Kind: "bridge", Ethernet: true, Up: true, Carrier: true}
		b := newBench(t, hardware(2, "eth1"), bridge)
		b.start()
		defer b.stop()
		b.hear(1, 100, time.Hour)
		member := hardware(2, "eth1")
		member.Master = 9
		b.links.Set(member)
		time.Sleep(time.Second)
		b.expect("in the bridge", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100]")
		if diff := cmp.Diff([]ether.FrameSet{ether.LLDP | ether.CDP | ether.Early}, b.cable("eth1").Open()); diff != "" {
			t.Errorf("sockets (-want +got):\n%s", diff)
		}
		b.hear(2, 100, time.Hour)
		b.expect("still heard", "eth1 epoch 2 [mac:02:00:00:00:01:01 vlan 100] [mac:02:00:00:00:01:02 vlan 100]")
	})
}

// TestManagementAddresses shows by which addresses a node says it is reached.
func TestManagementAddresses(t *testing.T) {
	eth3 := hardware(4, "eth3")
	eth3.Master = 5
	links := []discovery.Interface{
		{Index: 1, Name: "lo"},
		hardware(2, "eth1"), hardware(3, "eth2"), eth3,
		{Index: 5, Name: "bond0", Kind: "bond", Ethernet: true},
		{Index: 6, Name: "bond0.7", Kind: "vlan", VLAN: 7, Parent: 5, Master: 7, Ethernet: true},
		{Index: 7, Name: "br7", Kind: "bridge", Ethernet: true},
		{Index: 8, Name: "docker0", Kind: "bridge", Ethernet: true},
	}
	found := map[int]discovery.Addresses{
		2: addresses("192.0.2.1/24", "2001:db8::1/64"), 7: addresses("198.51.100.1/24", "198.51.100.2/24", "198.51.100.3/24"), 8: addresses("172.17.0.1/16"),
	}
	for name, want := range map[string]string{
		"eth1": "[192.0.2.1 2001:db8::1]",
		"eth2": "[192.0.2.1 2001:db8::1 198.51.100.1 198.51.100.2]",
		"eth3": "[198.51.100.1 198.51.100.2 198.51.100.3]",
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, links...)
			b.config.Transmit = transmit.On
			b.config.Addresses = func() (map[int]discovery.Addresses, error) { return found, nil }
			b.start()
			defer b.stop()
			time.Sleep(time.Second)
			sent := b.cable(name).Sent()
			if len(sent) != 1 {
				t.Fatalf("%s: %d frames", name, len(sent))
			}
			f, _ := lldp.Decode(sent[0].Frame)
			if got := fmt.Sprint(f.Neighbor.ManagementAddresses); got != want {
				t.Errorf("%s says %s, want %s", name, got, want)
			}
			if source := sent[0].Frame[6:12]; name == "eth3" && source[0] != 0x06 {
				t.Errorf("a bond's member sends from %x, want an address of its own", source)
			}
		})
	}
}

// TestAddressChange is told soon; a list that cannot be read changes nothing.
func TestAddressChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		now, err := addresses("192.0.2.1/24"), error(nil)
		b.config.Transmit = transmit.On
		b.config.Addresses = func() (map[int]discovery.Addresses, error) { return map[int]discovery.Addresses{2: now}, err }
		begin := time.Now()
		b.start()
		defer b.stop()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		now = addresses("192.0.2.1/24", "192.0.2.2/24")
		b.links.Hint()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		now, err = discovery.Addresses{}, errors.New("interrupted")
		b.links.Hint()
		time.Sleep(5 * time.Second)
		const said = " mac:02:00:00:00:00:02/ifname:eth1 ttl 121  "
		b.expectSent("addresses", begin, "0s"+said+"[192.0.2.1]", "10s"+said+"[192.0.2.1 192.0.2.2]")
	})
}

// TestFloodLogs has a speaker say something else a thousand times a second.
func TestFloodLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		var log strings.Builder
		b.config.Transmit = transmit.Auto
		b.config.Log = slog.New(slog.NewTextHandler(&log, nil))
		b.start()
		for i := range 5000 {
			b.hear(1, uint16(i%2), time.Hour)
			time.Sleep(time.Millisecond)
		}
		b.stop()
		if log.Len() > 0 {
			t.Errorf("logged:\n%s", log.String())
		}
	})
}
