// SPDX-License-Identifier: Apache-2.0

package transmit_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/discovery/transmit"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

var (
	portMAC = discovery.MAC{0x00, 0x1b, 0x21, 0, 0, 1}
	podMAC  = discovery.MAC{0x0a, 0x58, 0, 0, 0, 9}
)

// A stage is a Speaker with its surroundings, in a bubble.
type stage struct {
	t     *testing.T
	s     *transmit.Speaker
	in    transmit.Input
	fail  error
	begin time.Time
	seen  discovery.Transmit
	log   []string // what was sent and which states were taken
}

func newStage(t *testing.T, mode transmit.Mode) *stage {
	t.Helper()
	return &stage{t: t, begin: time.Now(), s: transmit.NewSpeaker(transmit.Config{}), in: transmit.Input{
		Mode: mode, Up: true, Carrier: true, Limit: lldp.MaxPDU,
		Announcement: lldp.Announcement{Source: portMAC, Chassis: portMAC, Port: "eth1", SystemName: "node1"},
	}}
}

// advance has the Speaker look at its surroundings now.
func (g *stage) advance() {
	g.s.Advance(time.Now(), &g.in, g.write)
	g.in.NewNeighbor = false
	g.noteStatus()
}

// noteStatus notes a status that is new.
func (g *stage) noteStatus() {
	if now := g.s.Status(); now != g.seen {
		g.seen = now
		g.note("%s: %s", now.State, now.Reason)
	}
}

func (g *stage) note(format string, args ...any) {
	g.log = append(g.log, fmt.Sprintf("%s ", time.Since(g.begin))+fmt.Sprintf(format, args...))
}

func (g *stage) write(frame []byte) error {
	if g.fail != nil {
		return g.fail
	}
	g.noteStatus()
	f, reason := lldp.Decode(frame)
	if reason != lldp.Accepted {
		g.t.Errorf("sent a frame that is %s", reason)
	}
	g.note("%s/%s ttl %d %s", f.Neighbor.Chassis, f.Neighbor.Port, f.Neighbor.TTL, f.Neighbor.SystemName)
	return nil
}

// pass lets time go by, waking the Speaker when it wants to be.
func (g *stage) pass(d time.Duration) {
	g.advance()
	for end := time.Now().Add(d); ; g.advance() {
		wake, ok := g.s.Wake()
		if !ok || wake.After(end) {
			time.Sleep(time.Until(end))
			return
		}
		time.Sleep(time.Until(wake))
	}
}

// overhear has the node send a frame of a program that is not the Speaker.
func (g *stage) overhear(source discovery.MAC, ttl time.Duration) {
	g.t.Helper()
	b, err := speaker.Frame{
		Source: source, Chassis: speaker.MACChassis(source), Port: speaker.NamedPort("eth1"), TTL: ttl, SystemName: "other",
	}.Marshal()
	if err != nil {
		g.t.Fatal(err)
	}
	g.s.Overhear(time.Now(), b, func(mac discovery.MAC) bool { return mac == portMAC })
	g.advance()
}

func (g *stage) expect(want ...string) {
	g.t.Helper()
	if diff := cmp.Diff(want, g.log); diff != "" {
		g.t.Errorf("log (-want +got):\n%s", diff)
	}
	g.log = nil
}

// on runs a test with a stage, in a bubble.
func on(mode transmit.Mode, test func(*stage)) func(*testing.T) {
	return func(t *testing.T) { test(newStage(t, mode)) }
}

const (
	said    = "mac:00:1b:21:00:00:01/ifname:eth1 ttl 121 node1"
	goodbye = "mac:00:1b:21:00:00:01/ifname:eth1 ttl 0 "
	listens = "watching: listening whether another program of this node sends LLDP here"
	other   = `silent: another program of this node sends LLDP here, from 00:1b:21:00:00:01 as "other"`
)

func TestSpeaker(t *testing.T) {
	t.Run("on", func(t *testing.T) {
		synctest.Test(t, on(transmit.On, func(g *stage) {
			g.pass(time.Minute)
			g.expect("0s sending: ", "0s "+said, "30s "+said, "1m0s "+said)
			g.in.Announcement.SystemName = "node2"
			g.pass(time.Second)
			g.expect("1m0s mac:00:1b:21:00:00:01/ifname:eth1 ttl 121 node2")
		}))
	})
	t.Run("off", func(t *testing.T) {
		synctest.Test(t, on(transmit.Off, func(g *stage) {
			g.pass(time.Minute)
			g.expect("0s off: switched off in the configuration")
		}))
	})
	t.Run("switched off and on", func(t *testing.T) {
		synctest.Test(t, on(transmit.On, func(g *stage) {
			g.pass(time.Second)
			g.in.Mode = transmit.Off
			g.pass(time.Second)
			g.in.Mode = transmit.On
			g.pass(10 * time.Second)
			g.expect("0s sending: ", "0s "+said, "1s off: switched off in the configuration", "1s "+goodbye, "2s sending: ", "3s "+said)
		}))
	})
	t.Run("link", func(t *testing.T) {
		synctest.Test(t, on(transmit.On, func(g *stage) {
			g.in.Carrier = false
			g.pass(time.Second)
			g.in.Carrier = true
			g.pass(time.Second)
			g.in.Up, g.in.Carrier = false, false
			g.pass(time.Second)
			g.expect("0s off: there is no carrier", "1s sending: ", "1s "+said, "2s off: the interface is down")
		}))
	})
	t.Run("rename", func(t *testing.T) {
		synctest.Test(t, on(transmit.On, func(g *stage) {
			g.pass(time.Second)
			g.in.Announcement.Port = "uplink"
			g.pass(10 * time.Second)
			g.expect("0s sending: ", "0s "+said, "1s "+goodbye, "3s mac:00:1b:21:00:00:01/ifname:uplink ttl 121 node1")
		}))
	})
	t.Run("new neighbour", func(t *testing.T) {
		synctest.Test(t, on(transmit.On, func(g *stage) {
			g.pass(time.Second)
			g.in.NewNeighbor = true
			g.pass(10 * time.Second)
			g.expect("0s sending: ", "0s "+said, "1s "+said, "2s "+said, "3s "+said, "4s "+said)
		}))
	})
	t.Run("cannot send", func(t *testing.T) {
		synctest.Test(t, on(transmit.On, func(g *stage) {
			g.fail = errors.New("no buffer space")
			g.pass(time.Second)
			g.fail = nil
			g.pass(time.Minute)
			g.expect("0s sending: the last frame could not be sent: no buffer space", "30s "+said, "30s sending: ", "1m0s "+said)
		}))
	})
	t.Run("exit", func(t *testing.T) {
		synctest.Test(t, on(transmit.On, func(g *stage) {
			g.pass(time.Second)
			g.s.Goodbye(time.Now(), lldp.MaxPDU, g.write)
			g.s.Goodbye(time.Now(), lldp.MaxPDU, g.write)
			g.expect("0s sending: ", "0s "+said, "1s "+goodbye)
		}))
	})
}

// TestAuto shows when a port is silent for the sake of another speaker.
func TestAuto(t *testing.T) {
	t.Run("nobody else", func(t *testing.T) {
		synctest.Test(t, on(transmit.Auto, func(g *stage) {
			g.pass(time.Minute)
			g.expect("0s "+listens, "35s sending: ", "35s "+said)
		}))
	})
	t.Run("another agent", func(t *testing.T) {
		synctest.Test(t, on(transmit.Auto, func(g *stage) {
			g.pass(30 * time.Second)
			g.overhear(portMAC, time.Minute)
			g.pass(20 * time.Minute) // it is heard no more in the third watch
			g.expect("0s "+listens, "30s "+other, "11m5s sending: ", "11m5s "+said,
				"11m35s "+said, "12m5s "+said, "12m35s "+said, "13m5s "+said, "13m35s "+said, "14m5s "+said, "14m35s "+said, "15m5s "+said,
				"15m35s "+said, "16m5s "+said, "16m35s "+said, "17m5s "+said, "17m35s "+said, "18m5s "+said, "18m35s "+said, "19m5s "+said,
				"19m35s "+said, "20m5s "+said)
		}))
	})
	t.Run("an agent that starts later", func(t *testing.T) {
		synctest.Test(t, on(transmit.Auto, func(g *stage) {
			g.pass(time.Minute)
			g.overhear(portMAC, time.Minute) // nobody listens now
			g.pass(9*time.Minute + 40*time.Second)
			g.log = nil
			g.overhear(portMAC, time.Minute)
			g.pass(10 * time.Minute)
			g.overhear(portMAC, time.Minute)
			g.pass(10 * time.Minute)
			g.expect("10m40s "+other, "10m40s "+goodbye)
		}))
	})
	t.Run("who passes through", func(t *testing.T) {
		synctest.Test(t, on(transmit.Auto, func(g *stage) {
			g.pass(time.Second)
			g.overhear(podMAC, time.Minute)
			g.overhear(portMAC, 0)
			g.s.Overhear(time.Now(), []byte("no frame"), func(discovery.MAC) bool { return true })
			g.pass(time.Minute)
			g.expect("0s "+listens, "35s sending: ", "35s "+said)
		}))
	})
	for name, source := range map[string]discovery.MAC{
		"locally administered": {0x02, 0x1b, 0x21, 0, 0, 1}, "zero": {}, "fixed": {0x00, 0x60, 0x08, 0x69, 0x97, 0xef},
	} {
		t.Run("agent on a bond, address "+name, func(t *testing.T) {
			synctest.Test(t, on(transmit.Auto, func(g *stage) {
				g.pass(time.Second)
				g.log = nil
				g.overhear(source, time.Minute)
				g.expect("1s silent: another program of this node sends LLDP here, from " + source.String() + ` as "other"`)
			}))
		})
	}
	t.Run("firmware", func(t *testing.T) {
		synctest.Test(t, on(transmit.Auto, func(g *stage) {
			g.in.NIC = discovery.NIC{Driver: "i40e", FirmwareLLDP: true}
			g.pass(time.Minute)
			g.in.NIC.FirmwareLLDP = false
			g.pass(time.Second)
			g.expect("0s silent: the firmware of the NIC (driver i40e) has an LLDP agent that speaks for this port", "1m0s sending: ", "1m0s "+said)
		}))
	})
	t.Run("firmware whose agent was stopped", func(t *testing.T) {
		synctest.Test(t, on(transmit.Auto, func(g *stage) {
			g.in.NIC = discovery.NIC{Driver: "i40e", FirmwareLLDP: true}
			g.in.Neighbors = []discovery.Neighbor{{Protocol: discovery.ProtocolLLDP}}
			g.pass(time.Minute)
			g.expect("0s "+listens, "35s sending: ", "35s "+said)
		}))
	})
	t.Run("on in spite of all", func(t *testing.T) {
		synctest.Test(t, on(transmit.On, func(g *stage) {
			g.in.NIC = discovery.NIC{Driver: "i40e", FirmwareLLDP: true}
			g.in.Neighbors = []discovery.Neighbor{dcbx(g.t)}
			g.overhear(portMAC, time.Minute)
			g.pass(time.Second)
			g.expect("0s sending: ", "0s "+said)
		}))
	})
}

// dcbx is a switch that sends DCBX: an ETS configuration (IEEE Std 802.1Q-2018,
// D.2.9).
func dcbx(t *testing.T) discovery.Neighbor {
	t.Helper()
	frame := speaker.Frame{
		Source: podMAC, Chassis: speaker.MACChassis(podMAC), Port: speaker.NamedPort("p1"), TTL: time.Minute, SystemName: "leaf-1",
	}
	frame.Extra = append(frame.Extra, speaker.OrgTLV([3]byte{0x00, 0x80, 0xc2}, 9, make([]byte, 21)))
	b, err := frame.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	f, reason := lldp.Decode(b)
	if reason != lldp.Accepted {
		t.Fatal(reason)
	}
	return f.Neighbor
}

func TestDCBX(t *testing.T) {
	const silent = `silent: the neighbour "leaf-1" sends DCBX, which stops working where it hears two speakers on one port`
	t.Run("from the start", func(t *testing.T) {
		synctest.Test(t, on(transmit.Auto, func(g *stage) {
			g.pass(time.Second)
			g.in.Neighbors = []discovery.Neighbor{dcbx(g.t)}
			g.pass(time.Hour)
			g.expect("0s "+listens, "1s "+silent)
		}))
	})
	t.Run("a name that cannot be seen", func(t *testing.T) { // it is written so once, not again
		synctest.Test(t, on(transmit.Auto, func(g *stage) {
			n := dcbx(g.t)
			n.SystemName = `leaf\x1b-1`
			g.pass(time.Second)
			g.in.Neighbors = []discovery.Neighbor{n}
			g.pass(time.Hour)
			g.expect("0s "+listens, "1s "+strings.Replace(silent, "leaf-1", n.SystemName, 1))
		}))
	})
	t.Run("later, wavering", func(t *testing.T) {
		synctest.Test(t, on(transmit.Auto, func(g *stage) {
			g.pass(40 * time.Second)
			for range 1000 {
				g.in.Neighbors = []discovery.Neighbor{dcbx(g.t)}
				g.pass(10 * time.Millisecond)
				g.in.Neighbors = nil
				g.pass(10 * time.Millisecond)
			}
			g.pass(11 * time.Minute)
			g.expect("0s "+listens, "35s sending: ", "35s "+said, "40s "+silent, "40s "+goodbye, "11m15s sending: ", "11m15s "+said, "11m45s "+said)
		}))
	})
	t.Run("link down forgets", func(t *testing.T) {
		synctest.Test(t, on(transmit.Auto, func(g *stage) {
			g.in.Neighbors = []discovery.Neighbor{dcbx(g.t)}
			g.pass(time.Second)
			g.in.Neighbors = nil
			g.s.Down(time.Now()) // a flap that nobody saw
			g.pass(40 * time.Second)
			g.expect("0s "+silent, "1s "+listens, "36s sending: ", "36s "+said)
		}))
	})
}

func TestFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newStage(t, transmit.On)
		g.in.Limit = 60
		g.in.Announcement.ManagementAddresses[0].Address = netip.MustParseAddr("192.0.2.1")
		g.in.Announcement.SystemDescription = "a description that is longer than this port can send"
		g.pass(time.Minute)
		var got discovery.Port
		g.s.Fill(&got)
		want := discovery.Port{
			Transmit: discovery.Transmit{State: discovery.Sending},
			Counters: discovery.PortCounters{FramesOut: 3, LengthErrors: 3},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("port (-want +got):\n%s", diff)
		}
	})
}

func TestSource(t *testing.T) {
	local := discovery.MAC{0x52, 0x54, 0, 0, 0, 1}
	for _, tt := range []struct {
		port   discovery.MAC
		member bool
		want   string
	}{
		{portMAC, false, "00:1b:21:00:00:01"},
		{portMAC, true, "02:1b:21:00:00:01"},
		{local, false, "52:54:00:00:00:01"},
		{local, true, "56:54:00:00:00:01"},
	} {
		if got := transmit.Source(tt.port, tt.member).String(); got != tt.want {
			t.Errorf("Source(%s, %v) = %s, want %s", tt.port, tt.member, got, tt.want)
		}
	}
}
