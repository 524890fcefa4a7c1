// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
	"github.com/colvin-net/colvin/lab"
)

// The bounds of docs/security.md for a switch that speaks every 30 s or sooner.
const (
	lateAfter = 75 * time.Second  // 2.5 I
	goneAfter = 120 * time.Second // 4 I
	aloneFor  = 65 * time.Second  // 2 I + 5 s
	slack     = 3 * time.Second   // from the wire to the node file, on a busy machine
	patience  = 25 * time.Second  // what is waited for beyond a stated time
)

// The speakers of these tests. The last octet of a far end says which network it is in.
var (
	greenEnd  = discovery.MAC{2, 0, 0, 0, 0, 0xaa}
	blueEnd   = discovery.MAC{2, 0, 0, 0, 0, 0xbb}
	greenMAC  = discovery.MAC{2, 0xaa, 0, 0, 0, 1}
	blueMAC   = discovery.MAC{2, 0xbb, 0, 0, 0, 1}
	evilMAC   = discovery.MAC{2, 0xee, 0, 0, 0, 1}
	attackEnd = net.IPv4(10, 10, 0, 254).To4()
)

const (
	twoSwitches = rules
	oneSwitch   = `networks:
  - name: green
    match: [{system: sw-green, vlan: 100}]
  - name: blue
    match: [{system: sw-green, vlan: 200}]
`
)

// An attackRig is a node behind a dumb switch, which forwards LLDP as many do: its uplink
// leads to green or to blue, and its other port, aux, to whoever else speaks. In both
// networks somebody answers for one address, each with his own MAC address: so it is
// measured in which of them a pod really is.
type attackRig struct {
	*lab.Node
	t    *testing.T
	wire *netnstest.Namespace // all that is not the node

	cut sync.RWMutex // held to write while the truth changes, to read while a pod is attached

	mu      sync.Mutex
	allowed time.Time // until when a pod may be in the wrong network
	tries   []attempt
	pods    map[string]*lab.Pod
}

// An attempt is one ADD.
type attempt struct {
	network string
	began   time.Time
	where   string // the network it led to; empty where it was refused
	refusal string // its code and message
	within  bool   // it was wrong inside the bound
}

func newAttackRig(t *testing.T) *attackRig {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.MACVLAN)
	if binaries.err != nil {
		t.Fatal(binaries.err)
	}
	r := &attackRig{t: t, pods: map[string]*lab.Pod{}}
	var err error
	r.Node, err = lab.NewNode(t.Context(), "node1", binaries.Binaries)
	r.ok(err)
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := r.AgentLog()
			file, _ := os.ReadFile(r.Path("/run/colvin/networks.json"))
			t.Logf("agent log:\n%s\nnode file:\n%s", log, file)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	r.config("")
	r.rules(twoSwitches)
	r.lay()
	return r
}

func (r *attackRig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *attackRig) config(more string) {
	r.t.Helper()
	r.ok(r.WriteFile("/etc/colvin/colvind.yaml", "node: node1\ninterfaces: [\"eth*\"]\ntransmit: off\n"+more))
}

func (r *attackRig) rules(text string) {
	r.t.Helper()
	r.ok(r.WriteFile("/etc/colvin/rules.yaml", text))
}

// lay makes the dumb switch and what is behind it. The uplink leads to green.
func (r *attackRig) lay() {
	r.t.Helper()
	r.wire = netnstest.NewT(r.t, "wire")
	h := r.wire.Netlink()
	forwarded, snooping := uint16(0x4008), false // nearest bridge, nearest non-TPMR bridge
	bridge := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs(), GroupFwdMask: &forwarded, MulticastSnooping: &snooping}
	bridge.Name = "br0"
	r.ok(h.LinkAdd(bridge))
	r.ok(r.wire.SetUp("br0"))
	// Each end answers for its own address, and the bridge for none.
	r.ok(r.wire.Command(r.t.Context(), "sh", "-c", "cd /proc/sys/net; echo 1 >ipv4/conf/all/arp_ignore; echo 1 >ipv6/conf/default/disable_ipv6 || :").Run())
	for _, c := range []struct {
		near, far string
		mac       discovery.MAC
	}{{"g0", "upg", greenEnd}, {"b0", "upb", blueEnd}, {"aux", "upx", evilMAC}} {
		netnstest.ConnectT(r.t, netnstest.Endpoint{In: r.wire, Name: c.near, MAC: c.mac}, netnstest.Endpoint{In: r.wire, Name: c.far})
	}
	for _, end := range []string{"g0", "b0"} {
		r.answer(end)
	}
	netnstest.ConnectT(r.t, netnstest.Endpoint{In: r.Namespace, Name: "eth1"}, netnstest.Endpoint{In: r.wire, Name: "d1"})
	for _, port := range []string{"d1", "upg", "upx"} {
		r.bridge(port, true)
	}
}

// answer has a far end answer for the address.
func (r *attackRig) answer(end string) {
	r.t.Helper()
	h := r.wire.Netlink()
	l, err := h.LinkByName(end)
	r.ok(err)
	r.ok(h.AddrAdd(l, &netlink.Addr{IPNet: &net.IPNet{IP: attackEnd, Mask: net.CIDRMask(24, 32)}}))
}

// bridge makes a device a port of the dumb switch, or takes it out.
func (r *attackRig) bridge(port string, in bool) {
	r.t.Helper()
	h := r.wire.Netlink()
	l, err := h.LinkByName(port)
	r.ok(err)
	if !in {
		r.ok(h.LinkSetNoMaster(l))
		return
	}
	br0, err := h.LinkByName("br0")
	r.ok(err)
	r.ok(h.LinkSetMaster(l, br0))
}

// move moves the uplink to blue, or gives the port of the switch that VLAN: eth1 notices
// neither. A pod that is attached until the bound has passed may be in the wrong network.
func (r *attackRig) move(bound time.Duration) {
	r.t.Helper()
	r.change(bound, r.toBlue)
}

func (r *attackRig) toBlue() {
	r.t.Helper()
	r.bridge("upg", false)
	r.bridge("upb", true)
}

// change does what makes the node's knowledge wrong, or tells it so, between attachments.
func (r *attackRig) change(bound time.Duration, do func()) {
	r.t.Helper()
	r.cut.Lock()
	defer r.cut.Unlock()
	do()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.allowed = time.Now()
	if bound > 0 {
		r.allowed = r.allowed.Add(bound + slack)
	}
}

// flap takes the carrier of eth1 away, and gives it back.
func (r *attackRig) flap(meanwhile func()) {
	r.t.Helper()
	d1, err := r.wire.Netlink().LinkByName("d1")
	r.ok(err)
	r.ok(r.wire.Netlink().LinkSetDown(d1))
	meanwhile()
	r.ok(r.wire.Netlink().LinkSetUp(d1))
}

// said is what a switch says on its port.
func said(mac discovery.MAC, name string, vlan uint16) speaker.Frame {
	return speaker.Frame{
		Source: mac, Chassis: speaker.MACChassis(mac), Port: speaker.NamedPort("p1"), TTL: 20 * time.Second, SystemName: name, PVID: vlan,
	}
}

var (
	greenSays = said(greenMAC, "sw-green", 100)
	blueSays  = said(blueMAC, "sw-blue", 200)
)

// cdpFrame is what a switch says by CDP, version 2.
func cdpFrame(mac discovery.MAC, device string, native uint16, ttl time.Duration) []byte {
	body := []byte{2, byte(ttl / time.Second), 0, 0} // without a checksum, as some do
	add := func(kind uint16, value []byte) {
		body = binary.BigEndian.AppendUint16(body, kind)
		body = binary.BigEndian.AppendUint16(body, uint16(len(value)+4))
		body = append(body, value...)
	}
	add(1, []byte(device))
	add(3, []byte("Gi1/0/1"))
	add(4, []byte{0, 0, 0, 0x28})
	add(0x0a, binary.BigEndian.AppendUint16(nil, native))
	snap := []byte{0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0}
	frame := slices.Concat(discovery.CDPGroup[:], mac[:], binary.BigEndian.AppendUint16(nil, uint16(len(snap)+len(body))), snap, body)
	return append(frame, make([]byte, max(0, 60-len(frame)))...)
}

func (r *attackRig) octets(f speaker.Frame) []byte {
	r.t.Helper()
	b, err := f.Marshal()
	r.ok(err)
	return b
}

// send sends frames from a device of the wire, once.
func (r *attackRig) send(dev string, frames ...[]byte) {
	r.t.Helper()
	s := openSpeaker(r.t, r.wire, dev)
	for _, f := range frames {
		r.ok(s.SendRaw(f))
	}
}

// speak sends a frame now and again and again, until it is stopped or the test ends.
func (r *attackRig) speak(dev string, every time.Duration, frame []byte) (stop func()) {
	r.t.Helper()
	s := openSpeaker(r.t, r.wire, dev)
	return r.repeat(every, func() { _ = s.SendRaw(frame) })
}

// repeat does something now and again and again, until it is stopped or the test ends.
func (r *attackRig) repeat(every time.Duration, do func()) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for tick := time.Tick(every); ; {
			do()
			select {
			case <-tick:
			case <-done:
				return
			}
		}
	})
	stop = sync.OnceFunc(func() {
		close(done)
		running.Wait()
	})
	r.t.Cleanup(stop)
	return stop
}

// begin starts the agent, and attaches pods from when it listens until the test ends.
func (r *attackRig) begin() {
	r.t.Helper()
	r.start()
	for _, network := range []string{"green", "blue"} {
		p, err := r.NewPod(r.t.Context(), "pod-"+network, conf(network), "10.10.0.1/24")
		r.ok(err)
		r.pods[network] = p
		r.t.Cleanup(func() { _ = p.Close() })
	}
	r.t.Cleanup(r.sum)
	r.repeat(time.Second, func() {
		for _, network := range []string{"green", "blue"} {
			r.try(network)
		}
	})
}

// start starts the agent and returns when it listens.
func (r *attackRig) start() {
	r.t.Helper()
	r.ok(r.StartAgent(r.t.Context()))
	r.await(patience, func() string {
		s, err := r.State(r.t.Context())
		if err == nil && s.Snapshot != nil && len(s.Snapshot.Ports) > 0 {
			return ""
		}
		return fmt.Sprintf("the agent does not listen: %v", err)
	})
}

// try attaches a pod, measures where it is, and detaches it.
func (r *attackRig) try(network string) {
	r.cut.RLock()
	defer r.cut.RUnlock()
	ctx, p := r.t.Context(), r.pods[network]
	if ctx.Err() != nil {
		return
	}
	a := attempt{network: network, began: time.Now()}
	_, err := p.Add(ctx)
	if said, ok := errors.AsType[*lab.CNIError](err); ok {
		var e struct {
			Code uint
			Msg  string
		}
		_ = json.Unmarshal([]byte(said.Output), &e)
		a.refusal = fmt.Sprint("error ", e.Code, ": ", e.Msg)
		if e.Code == 0 && ctx.Err() == nil {
			r.t.Errorf("ADD of %s: %v", network, err)
		}
	} else if err == nil {
		if a.where, err = measure(p); err != nil {
			r.t.Errorf("measure where a pod on %s is: %v", network, err)
		}
		if err := p.Del(ctx); err != nil && ctx.Err() == nil {
			r.t.Error(err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.where != "" && a.where != network {
		a.within = a.began.Before(r.allowed)
		if !a.within {
			r.t.Errorf("a pod that asked for %s at %v is in %s, %v after the bound", network, a.began.Format(time.TimeOnly), a.where,
				a.began.Sub(r.allowed).Round(time.Millisecond))
		}
	}
	r.tries = append(r.tries, a)
}

// measure asks who has the address, from inside the pod.
func measure(p *lab.Pod) (network string, err error) {
	var conn *packet.Conn
	var own net.HardwareAddr
	if err := p.Do(func() error {
		ifi, err := net.InterfaceByName(lab.PodInterface)
		if err != nil {
			return err
		}
		own = ifi.HardwareAddr
		conn, err = packet.Listen(ifi, packet.Raw, unix.ETH_P_ARP, nil)
		return err
	}); err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	broadcast := bytes.Repeat([]byte{0xff}, 6)
	request := slices.Concat(broadcast, []byte(own), []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, []byte(own), []byte{10, 10, 0, 1}, make([]byte, 6), []byte(attackEnd), make([]byte, 18))
	const sender, senderIP = 22, 28 // offsets
	for range 10 {
		if _, err := conn.WriteTo(request, &packet.Addr{HardwareAddr: broadcast}); err != nil {
			return "", err
		}
		if err := conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			return "", err
		}
		for b := make([]byte, 128); ; {
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				break
			}
			if n < 42 || b[21] != 2 || !bytes.Equal(b[senderIP:senderIP+4], attackEnd) {
				continue
			}
			switch discovery.MAC(b[sender : sender+6]) {
			case greenEnd:
				return "green", nil
			case blueEnd:
				return "blue", nil
			}
		}
	}
	return "nowhere", nil
}

// attaches waits until pods reach a network, which must take no longer than that.
func (r *attackRig) attaches(network string, within time.Duration) {
	r.t.Helper()
	since := time.Now()
	r.await(within+patience, func() string {
		if r.count(since, func(a *attempt) bool { return a.network == network && a.where == network }) > 0 {
			return ""
		}
		return "no pod got to " + network
	})
	r.t.Logf("a pod reaches %s after %v", network, time.Since(since).Round(time.Second))
}

// refuses waits so long, in which no pod gets to these networks, but for the slack at first.
func (r *attackRig) refuses(during time.Duration, networks ...string) {
	r.t.Helper()
	since := time.Now().Add(slack)
	r.wait(slack + during)
	if n := r.count(since, func(a *attempt) bool { return a.where != "" && slices.Contains(networks, a.network) }); n > 0 {
		r.t.Errorf("%d pods were attached to %v meanwhile", n, networks)
	}
	if r.count(since, func(*attempt) bool { return true }) == 0 {
		r.t.Error("nothing was tried meanwhile")
	}
}

func (r *attackRig) count(since time.Time, holds func(*attempt) bool) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.tries {
		if a := &r.tries[i]; !a.began.Before(since) && holds(a) {
			n++
		}
	}
	return n
}

// sees waits until the operator is told all of that, by status or explain.
func (r *attackRig) sees(want ...string) {
	r.t.Helper()
	r.reads([][]string{{"status"}, {"explain", "eth1"}}, want...)
}

// reads waits until commands together say all of that.
func (r *attackRig) reads(commands [][]string, want ...string) {
	r.t.Helper()
	r.await(patience, func() string {
		var all strings.Builder
		for _, args := range commands {
			out, err := r.Colvin(r.t.Context(), args...)
			if err != nil {
				return err.Error()
			}
			all.WriteString(out)
		}
		for _, w := range want {
			if !strings.Contains(all.String(), w) {
				return fmt.Sprintf("the operator is not told %q:\n%s", w, all.String())
			}
		}
		return ""
	})
}

func (r *attackRig) await(limit time.Duration, wrong func() string) {
	r.t.Helper()
	deadline, what := time.After(limit), ""
	for tick := time.Tick(200 * time.Millisecond); ; {
		if what = wrong(); what == "" {
			return
		}
		select {
		case <-tick:
		case <-deadline:
			r.t.Fatalf("after %v: %s", limit, what)
		}
	}
}

// wait lets real time pass: what is tested here is that nothing happens meanwhile.
func (r *attackRig) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.t.Context().Done():
	}
}

// attacked are the attempts of all rows.
var attacked struct {
	sync.Mutex
	tried, right, within, wrong, refused, nowhere int
}

// sum counts what became of the attempts.
func (r *attackRig) sum() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var right, within, wrong, refused, nowhere int
	why := map[string]int{}
	for i := range r.tries {
		switch a := &r.tries[i]; {
		case a.where == "":
			refused++
			why[a.refusal[:min(len(a.refusal), 150)]]++
		case a.where == a.network:
			right++
		case a.where == "nowhere":
			nowhere++
		case a.within:
			within++
		default:
			wrong++
		}
	}
	r.t.Logf("%d attachments tried: %d right, %d refused, %d wrong inside the bound, %d wrong outside, %d nowhere",
		len(r.tries), right, refused, within, wrong, nowhere)
	for _, refusal := range slices.Sorted(maps.Keys(why)) {
		r.t.Logf("%d times %s", why[refusal], refusal)
	}
	attacked.Lock()
	defer attacked.Unlock()
	attacked.tried += len(r.tries)
	attacked.right += right
	attacked.refused += refused
	attacked.within += within
	attacked.wrong += wrong
	attacked.nowhere += nowhere
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
}

// carrierChanges reads the count of a device of the calling thread's namespace.
func carrierChanges(name string) (uint32, error) {
	all, err := link.List()
	if err != nil {
		return 0, err
	}
	for i := range all {
		if all[i].Name == name {
			return all[i].CarrierChanges, nil
		}
	}
	return 0, fmt.Errorf("no %s", name)
}
