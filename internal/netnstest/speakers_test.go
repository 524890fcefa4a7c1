// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/lldp"
	"github.com/mdlayher/packet"

	"github.com/colvin-net/colvin/discovery"
)

// An ear hears LLDP on a device.
type ear struct{ conn *packet.Conn }

func listen(t *testing.T, ns *Namespace, device string) ear {
	t.Helper()
	var e ear
	err := ns.Do(func() error {
		ifi, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		e.conn, err = packet.Listen(ifi, packet.Raw, int(lldp.EtherType), nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.conn.Close() })
	return e
}

// hear returns the next frame in one line, or "silence".
func (e ear) hear(t *testing.T, within time.Duration) string {
	t.Helper()
	if err := e.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2048)
	n, _, err := e.conn.ReadFrom(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "silence"
	}
	if err != nil {
		t.Fatal(err)
	}
	return summary(b[14:n])
}

// hearUntil skips frames until one is as wanted.
func (e ear) hearUntil(t *testing.T, want string) {
	t.Helper()
	var heard []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		got := e.hear(t, min(time.Second, time.Until(deadline)))
		if got == want {
			return
		}
		heard = append(heard, got)
	}
	t.Fatalf("did not hear %q, but %q", want, heard)
}

// summary says what the tests look at: chassis, port, system, TTL, VLANs.
func summary(pdu []byte) string {
	var words []string
	for len(pdu) >= 2 {
		head := binary.BigEndian.Uint16(pdu)
		kind, value := head>>9, pdu[2:2+int(head&0x1ff)]
		pdu = pdu[2+len(value):]
		switch {
		case kind == 0:
			return strings.Join(words, " ")
		case kind == 1:
			words = append(words, net.HardwareAddr(value[1:]).String())
		case kind == 2:
			words = append(words, string(value[1:]))
		case kind == 3:
			words = append(words, fmt.Sprintf("ttl=%d", binary.BigEndian.Uint16(value)))
		case kind == 5, kind == 6:
			words = append(words, fmt.Sprintf("%q", value))
		case kind == 127 && bytes.HasPrefix(value, []byte{0, 0x80, 0xc2, 1}):
			words = append(words, fmt.Sprintf("pvid=%d", binary.BigEndian.Uint16(value[4:])))
		case kind == 127 && bytes.HasPrefix(value, []byte{0, 0x80, 0xc2, 3}):
			words = append(words, fmt.Sprintf("%d=%s", binary.BigEndian.Uint16(value[4:]), value[7:]))
		}
	}
	return "no End TLV"
}

// TestSpeakers asks the same of lldpd and of the speaker that stands in for it.
func TestSpeakers(t *testing.T) {
	for _, kind := range []SpeakerKind{LLDPD, Builtin} {
		t.Run(kind.String(), func(t *testing.T) { testSpeaker(t, kind) })
	}
}

func testSpeaker(t *testing.T, kind SpeakerKind) {
	t.Helper()
	ctx := t.Context()
	const interval = 200 * time.Millisecond
	mac := discovery.MAC{0x02, 0, 0, 0, 0, 0x99}
	node := NewT(t, "node")
	sw := NewSwitchT(t, SwitchConfig{Name: "leaf-1", ChassisMAC: mac, Speaker: kind, Interval: interval})
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	must("set PVID", sw.SetPVID(ctx, "p1", 100))
	ConnectT(t, Endpoint{In: node, Name: "eth1"}, Endpoint{In: sw, Name: "p1"})
	ConnectT(t, Endpoint{In: node, Name: "eth2"}, Endpoint{In: sw, Name: "p2"})
	p1, p2 := listen(t, node, "eth1"), listen(t, node, "eth2")

	const said = `02:00:00:00:00:99 p1 ttl=1 "leaf-1" "A switch made for a test"`
	if diff := cmp.Diff(said+" pvid=100", p1.hear(t, patience)); diff != "" {
		t.Errorf("first frame (-want +got):\n%s", diff)
	}
	p2.hearUntil(t, strings.Replace(said, "p1", "p2", 1))

	must("set VLAN names", sw.SetVLANNames(ctx, "p1", discovery.VLANName{ID: 200, Name: "blue"}, discovery.VLANName{ID: 300, Name: "back up"}))
	p1.hearUntil(t, said+" pvid=100 200=blue 300=back up")
	must("clear PVID", sw.SetPVID(ctx, "p1", 0))
	must("clear VLAN names", sw.SetVLANNames(ctx, "p1"))
	p1.hearUntil(t, said)
	must("set PVID", sw.SetPVID(ctx, "p1", 101))
	p1.hearUntil(t, said+" pvid=101")

	must("pause", sw.Pause(ctx))
	p1.hearUntil(t, "silence")
	must("resume", sw.Resume(ctx))
	p1.hearUntil(t, said+" pvid=101")

	must("stop", sw.StopSpeaker())
	p1.hearUntil(t, "02:00:00:00:00:99 p1 ttl=0")
	must("stop again", sw.StopSpeaker())
	must("start", sw.StartSpeaker(ctx))
	if diff := cmp.Diff(said+" pvid=101", p1.hear(t, patience)); diff != "" {
		t.Errorf("first frame after restart (-want +got):\n%s", diff)
	}
	must("kill", sw.KillSpeaker())
	p1.hearUntil(t, "silence")
}

// A real switch does not forward LLDP, and neither do these.
func TestSwitchSwallowsLLDP(t *testing.T) {
	node := NewT(t, "node")
	mute := NewSwitchT(t, SwitchConfig{Name: "mute", Speaker: None})
	other := NewSwitchT(t, SwitchConfig{Name: "other", Speaker: Builtin, Interval: 50 * time.Millisecond})
	ConnectT(t, Endpoint{In: node, Name: "eth1"}, Endpoint{In: mute, Name: "p1"})
	ConnectT(t, Endpoint{In: mute, Name: "p2"}, Endpoint{In: other, Name: "p1"})
	if got := listen(t, node, "eth1").hear(t, time.Second); got != "silence" {
		t.Errorf("heard %s through a switch", got)
	}
}

func TestMovedCableHearsTheOtherSwitch(t *testing.T) {
	ctx := t.Context()
	node := NewT(t, "node")
	var sw [2]*Switch
	for i, name := range []string{"leaf-1", "leaf-2"} {
		sw[i] = NewSwitchT(t, SwitchConfig{Name: name, Speaker: LLDPD, ChassisMAC: discovery.MAC{2, 0, 0, 0, 0, byte(i)}})
		if err := sw[i].SetPVID(ctx, "p1", uint16(100+i)); err != nil {
			t.Fatal(err)
		}
	}
	cable := ConnectT(t, Endpoint{In: node, Name: "eth1"}, Endpoint{In: sw[0], Name: "p1"})
	e := listen(t, node, "eth1")
	e.hearUntil(t, `02:00:00:00:00:00 p1 ttl=4 "leaf-1" "A switch made for a test" pvid=100`)
	if err := cable.Move(ctx, Endpoint{In: sw[1], Name: "p1"}); err != nil {
		t.Fatal(err)
	}
	e.hearUntil(t, `02:00:00:00:00:01 p1 ttl=4 "leaf-2" "A switch made for a test" pvid=101`)
	if err := cable.Move(ctx, Endpoint{In: sw[0], Name: "p1"}); err != nil {
		t.Fatal(err)
	}
	e.hearUntil(t, `02:00:00:00:00:00 p1 ttl=4 "leaf-1" "A switch made for a test" pvid=100`)
}
