// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/discovery/observe"
	"github.com/colvin-net/colvin/discovery/transmit"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/netnstest"
)

func TestMain(m *testing.M) {
	os.Exit(netnstest.Main(func() int { return leaktest.Run(m) }))
}

// nodeMAC is the address of the port by which the node is known.
var nodeMAC = discovery.MAC{0x02, 0, 0, 0, 0, 0x01}

// A live observer runs in a namespace, on real sockets.
type live struct {
	*observe.Observer
	t    *testing.T
	stop func() // says goodbye
}

func observeIn(t *testing.T, ns *netnstest.Namespace, c observe.Config) *live {
	t.Helper()
	var links *link.Subscription
	err := ns.Do(func() (err error) {
		links, err = link.Subscribe()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen == nil {
		c.Listen = ether.Listen
	}
	c.Links, c.Addresses, c.ShutdownOnExit = links, link.Addresses, true
	c.SystemName, c.SystemDescription = "node1", "Colvin devel on Linux"
	r := &live{t: t, Observer: observe.New(c)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ns.Do(func() error { return r.Run(ctx) }) }()
	stopped := false
	r.stop = func() {
		if cancel(); !stopped {
			stopped = true
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(func() {
		r.stop()
		_ = links.Close()
	})
	return r
}

// eventually waits until try says no more what is missing.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var err error
	for deadline := time.After(20 * time.Second); ; {
		if err = try(); err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

// run runs a program in a namespace.
func run(t *testing.T, ns *netnstest.Namespace, name string, args ...string) string {
	t.Helper()
	out, err := ns.Command(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("run %s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// newNode is a node with two IP addresses on its only port, whose cable ends in
// p1 of a switch.
func newNode(t *testing.T, sw netnstest.Socket) *netnstest.Namespace {
	t.Helper()
	node := netnstest.NewT(t, "node")
	netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: "eth1", MAC: nodeMAC}, netnstest.Endpoint{In: sw, Name: "p1"})
	run(t, node, "ip", "address", "add", "192.0.2.1/24", "dev", "eth1")
	run(t, node, "ip", "address", "add", "2001:db8::1/64", "dev", "eth1", "nodad")
	return node
}

// TestLLDPD has lldpd hear the node: what it shows, that it has nothing to complain
// about, that it is greeted with a fast start and told of the end.
func TestLLDPD(t *testing.T) {
	sw := netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "leaf-1", Speaker: netnstest.LLDPD})
	node := newNode(t, sw)
	r := observeIn(t, node, observe.Config{ListenOn: observe.Patterns{"eth*"}, Settings: observe.Settings{Transmit: transmit.On}})
	neighbors := func() string {
		return run(t, sw.Namespace, "lldpcli", "-u", "/run/lldpd.socket", "-f", "keyvalue", "show", "neighbors", "details")
	}
	var said string
	eventually(t, func() error {
		if said = neighbors(); !strings.Contains(said, "chassis.name=node1") {
			return fmt.Errorf("lldpd does not know the node: %s", said)
		}
		return nil
	})
	index := 0
	for _, i := range r.Snapshot().Interfaces {
		if i.Name == "eth1" {
			index = i.Index
		}
	}
	var got []string
	for line := range strings.Lines(said) {
		if key, ok := strings.CutPrefix(strings.TrimSpace(line), "lldp.p1."); ok && !strings.HasPrefix(key, "rid=") && !strings.HasPrefix(key, "age=") {
			got = append(got, key)
		}
	}
	want := []string{
		"via=LLDP", "chassis.mac=02:00:00:00:00:01", "chassis.name=node1", "chassis.descr=Colvin devel on Linux",
		"chassis.mgmt-ip=192.0.2.1", fmt.Sprintf("chassis.mgmt-iface=%d", index),
		"chassis.mgmt-ip=2001:db8::1", fmt.Sprintf("chassis.mgmt-iface=%d", index),
		"chassis.Station.enabled=on", "port.ifname=eth1", "port.descr=eth1", "port.ttl=121",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lldpd shows (-want +got):\n%s", diff)
	}
	eventually(t, func() error { // 5 frames would take two minutes otherwise
		if n := r.Snapshot().Ports[0].Counters.FramesOut; n < 5 {
			return fmt.Errorf("%d frames sent, want a fast start", n)
		}
		return nil
	})
	r.stop()
	eventually(t, func() error { // the time to live is two minutes
		if s := neighbors(); strings.Contains(s, "lldp.p1") {
			return fmt.Errorf("lldpd still knows the node: %s", s)
		}
		return nil
	})
	log, err := os.ReadFile(sw.Path("/run/lldpd.log"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(log, []byte("/lldp]")) { // its decoder
		t.Errorf("lldpd complains:\n%s", log)
	}
}

// A lockedBuffer may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestLADVD has ladvd hear the node.
func TestLADVD(t *testing.T) {
	netnstest.Require(t, netnstest.LADVD)
	sw := netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "leaf-1", Speaker: netnstest.None})
	if err := os.Mkdir(sw.Path("/run/ladvd"), 0o755); err != nil { // it changes its root to there
		t.Fatal(err)
	}
	node := newNode(t, sw)
	daemon := sw.Command(t.Context(), "ladvd", "-f", "-s", "-r", "-t", "-v", "-L", "p1")
	var log lockedBuffer
	daemon.Stdout, daemon.Stderr = &log, &log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	observeIn(t, node, observe.Config{
		ListenOn: observe.Patterns{"eth*"}, Settings: observe.Settings{Transmit: transmit.On},
		// ladvd may not listen yet when the first frame is sent.
		Speaker: transmit.Config{Timers: transmit.Timers{Interval: time.Second, Hold: 120, Fast: time.Second, FastInit: 1, CreditMax: 5}},
	})
	var said string
	eventually(t, func() error {
		out, err := sw.Command(t.Context(), "ladvdc", "-b").CombinedOutput()
		if said = string(out); err != nil || !strings.Contains(said, "node1") {
			return fmt.Errorf("ladvd does not know the node: %w: %s", err, said)
		}
		return nil
	})
	want := []string{
		"INTERFACE_0='p1'", "HOSTNAME_0='node1'", "PORTNAME_0='eth1'", "PORTDESCR_0='eth1'", "PROTOCOL_0='LLDP'",
		"ADDR_INET4_0='192.0.2.1'", "ADDR_INET6_0='2001:db8::1'", "ADDR_802_0=''", "VLAN_ID_0=''", "CAPABILITIES_0='H'", "TTL_0='121'",
	}
	got := strings.Fields(said)
	if diff := cmp.Diff(want, got[:min(len(want), len(got))]); diff != "" { // the rest tells the time that is left
		t.Errorf("ladvd shows (-want +got):\n%s", diff)
	}
	complaints := log.String() // before its two processes complain of each other's end
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait() // which was killed
	for line := range strings.Lines(complaints) {
		if !strings.HasSuffix(line, " running\n") && !strings.HasPrefix(line, "new peer node1 ") {
			t.Errorf("ladvd complains: %s", line)
		}
	}
}

// TestTShark has an independent decoder look at what is sent.
func TestTShark(t *testing.T) {
	netnstest.Require(t, netnstest.TShark)
	a := lldp.Announcement{
		Source: nodeMAC, Chassis: nodeMAC, Port: "eth1", TTL: 121,
		PortDescription: "eth1", SystemName: "node1", SystemDescription: strings.Repeat("Colvin ", 40),
		Capabilities: discovery.Capabilities{Available: discovery.CapabilityStation, Enabled: discovery.CapabilityStation},
	}
	for i, s := range []string{"192.0.2.1", "2001:db8::1", "192.0.2.2"} {
		a.ManagementAddresses[i] = lldp.ManagementAddress{Address: netip.MustParseAddr(s), Interface: 2}
	}
	goodbye := a
	goodbye.TTL = 0
	var frames [][]byte
	for _, said := range []lldp.Announcement{a, goodbye} {
		frame, dropped := lldp.Encode(&said, lldp.MaxPDU)
		if dropped > 0 {
			t.Errorf("%d TLVs dropped", dropped)
		}
		frames = append(frames, frame)
	}
	file := filepath.Join(t.TempDir(), "sent.pcap")
	if err := os.WriteFile(file, pcap(frames), 0o600); err != nil {
		t.Fatal(err)
	}
	tshark := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "tshark", append([]string{"-n", "-r", file}, args...)...).Output()
		if err != nil {
			t.Fatalf("run tshark: %v", err)
		}
		return string(out)
	}
	if bad := tshark("-V", "-Y", "_ws.expert or _ws.malformed"); bad != "" {
		t.Errorf("tshark complains:\n%s", bad)
	}
	fields := []string{
		"lldp.chassis.id.mac", "lldp.port.id", "lldp.time_to_live", "lldp.tlv.system.name",
		"lldp.mgn.addr.ip4", "lldp.mgn.addr.ip6", "lldp.tlv.system_cap", "lldp.tlv.enable_system_cap",
	}
	args := []string{"-T", "fields"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	want := "02:00:00:00:00:01\teth1\t121\tnode1\t192.0.2.1,192.0.2.2\t2001:db8::1\t0x0080\t0x0080\n" +
		"02:00:00:00:00:01\teth1\t0\t\t\t\t\t\n"
	if diff := cmp.Diff(want, tshark(args...)); diff != "" {
		t.Errorf("tshark shows (-want +got):\n%s", diff)
	}
}

// pcap is a capture file of Ethernet frames.
func pcap(frames [][]byte) []byte {
	const magic, longest, ethernet = 0xa1b2c3d4, 65535, 1
	b := binary.LittleEndian.AppendUint32(nil, magic)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0) // version 2.4
	b = binary.LittleEndian.AppendUint32(b, longest)
	b = binary.LittleEndian.AppendUint32(b, ethernet)
	for _, f := range frames {
		b = append(b, make([]byte, 8)...) // the time
		b = binary.LittleEndian.AppendUint32(b, uint32(len(f)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	return b
}

// TestSilentBesideLLDPD runs beside an lldpd on the same port, for which it is
// silent, and begins to speak when lldpd has gone.
func TestSilentBesideLLDPD(t *testing.T) {
	sw := netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "host", Speaker: netnstest.LLDPD})
	newNode(t, sw)
	r := observeIn(t, sw.Namespace, observe.Config{
		ListenOn: observe.Patterns{"p*"}, Settings: observe.Settings{Transmit: transmit.Auto},
		Speaker: transmit.Config{WatchTime: 3 * time.Second, WatchAgain: time.Second},
	})
	state := func(want discovery.TransmitState) func() error {
		return func() error {
			ports := r.Snapshot().Ports
			if i := slices.IndexFunc(ports, func(p discovery.Port) bool { return p.Name == "p1" }); i >= 0 && ports[i].Transmit.State == want {
				return nil
			}
			return fmt.Errorf("p1 is not %s: %+v", want, ports)
		}
	}
	eventually(t, state(discovery.Silent))
	p := r.Snapshot().Ports[0]
	if !strings.HasSuffix(p.Transmit.Reason, `as "host"`) || p.Counters.FramesOut > 0 {
		t.Errorf("silent because %q, after %d frames", p.Transmit.Reason, p.Counters.FramesOut)
	}
	if err := sw.KillSpeaker(); err != nil {
		t.Fatal(err)
	}
	eventually(t, state(discovery.Sending))
}
