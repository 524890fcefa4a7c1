// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// A dhcpServer gives out 10.10.0.100 and what follows, a new one to each client that
// it does not know (RFC 2131, RFC 2132).
type dhcpServer struct {
	conn    net.PacketConn
	running sync.WaitGroup

	mu     sync.Mutex
	leases map[string]netip.Addr // by client identifier
	next   netip.Addr
}

// Fields of a message, its options and their values.
const (
	dhcpHeader = 240 // with the cookie

	optionMask, optionLease, optionType, optionServer, optionClient, optionEnd = 1, 51, 53, 54, 61, 255

	dhcpDiscover, dhcpOffer, dhcpRequest, dhcpAck = 1, 2, 3, 5
)

// serveDHCP starts a server on the network of a switch.
func serveDHCP(t *testing.T, sw *netnstest.Switch) *dhcpServer {
	t.Helper()
	s := &dhcpServer{leases: map[string]netip.Addr{}, next: netip.MustParseAddr("10.10.0.100")}
	bridge, err := sw.Netlink().LinkByName("br0")
	if err == nil {
		err = sw.Netlink().AddrAdd(bridge, &netlink.Addr{IPNet: &net.IPNet{IP: switchAddress.Addr().AsSlice(), Mask: net.CIDRMask(24, 32)}})
	}
	if err == nil {
		err = sw.Do(func() error { return s.listen(t.Context(), "br0") })
	}
	if err != nil {
		t.Fatal(err)
	}
	s.running.Go(s.serve)
	t.Cleanup(func() {
		_ = s.conn.Close()
		s.running.Wait()
	})
	return s
}

func (s *dhcpServer) listen(ctx context.Context, device string) error {
	broadcasts := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		control := c.Control(func(fd uintptr) {
			err = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 1), unix.BindToDevice(int(fd), device))
		})
		return errors.Join(control, err)
	}}
	conn, err := broadcasts.ListenPacket(ctx, "udp4", ":67")
	s.conn = conn
	return err
}

func (s *dhcpServer) serve() {
	buf := make([]byte, 1500)
	for {
		n, _, err := s.conn.ReadFrom(buf)
		if err != nil {
			return // closed
		}
		if answer := s.answer(buf[:n]); answer != nil {
			_, _ = s.conn.WriteTo(answer, &net.UDPAddr{IP: net.IPv4bcast, Port: 68}) // lost ones are asked for again
		}
	}
}

// answer is what a message gets; nil is nothing.
func (s *dhcpServer) answer(m []byte) []byte {
	if len(m) < dhcpHeader {
		return nil
	}
	options := dhcpOptions(m[dhcpHeader:])
	client, kind := string(options[optionClient]), options[optionType]
	if len(kind) != 1 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	reply := map[byte]byte{dhcpDiscover: dhcpOffer, dhcpRequest: dhcpAck}[kind[0]]
	if reply == 0 {
		return nil // a release cannot come: the kernel takes its source, 0.0.0.0, for a forgery
	}
	if !s.leases[client].IsValid() {
		s.leases[client], s.next = s.next, s.next.Next()
	}
	out := make([]byte, dhcpHeader)
	copy(out, m[:dhcpHeader])
	out[0] = 2 // a reply
	copy(out[16:], s.leases[client].AsSlice())
	out = append(out, optionType, 1, reply)
	out = append(append(out, optionServer, 4), switchAddress.Addr().AsSlice()...)
	out = append(append(out, optionMask, 4), net.CIDRMask(switchAddress.Bits(), 32)...)
	out = binary.BigEndian.AppendUint32(append(out, optionLease, 4), 3600)
	return append(out, optionEnd)
}

// dhcpOptions are the options of a message by their codes.
func dhcpOptions(b []byte) map[byte][]byte {
	options := map[byte][]byte{}
	for len(b) >= 2 && b[0] != optionEnd {
		if b[0] == 0 { // a pad
			b = b[1:]
			continue
		}
		end := 2 + int(b[1])
		if len(b) < end {
			break
		}
		options[b[0]], b = b[2:end], b[end:]
	}
	return options
}

func (s *dhcpServer) leased() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.leases)
}

var firstExample = regexp.MustCompile("(?s)```json\n(.*?)```")

// readmeExample is the first CNI configuration that somebody who is new to Colvin sees.
func readmeExample(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example := firstExample.FindSubmatch(page)
	if example == nil || !strings.Contains(string(example[1]), `"dhcp"`) {
		t.Fatalf("README.md has no example with dhcp: %s", example)
	}
	return string(example[1])
}

// A dhcpRig is three nodes with the daemon of the IPAM plugin dhcp.
type dhcpRig struct {
	t *testing.T
	*lab.Lab
	daemons map[*lab.Node]*netnstest.Cmd
}

func newDHCPRig(t *testing.T) *dhcpRig {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.MACVLAN)
	r := &dhcpRig{t: t, daemons: map[*lab.Node]*netnstest.Cmd{}}
	r.ok(binaries.err)
	var err error
	r.Lab, err = lab.Start(t.Context(), lab.Options{Binaries: binaries.Binaries, Speaker: netnstest.Builtin, Hold: 1000})
	r.ok(err)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	for i, n := range r.Nodes {
		r.ok(n.WriteFile("/etc/colvin/rules.yaml", rules))
		r.ok(n.StartAgent(t.Context()))
		r.ok(n.Await(t.Context(), "green", lab.Resolves("green", lab.Cabling[i].Green, nodefile.Fresh)))
		r.startDaemon(n)
	}
	return r
}

func (r *dhcpRig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// startDaemon starts the daemon and waits until it answers.
func (r *dhcpRig) startDaemon(n *lab.Node, args ...string) {
	r.t.Helper()
	const socket = "/run/cni/dhcp.sock"
	d := n.Command(context.WithoutCancel(r.t.Context()), filepath.Join(binaries.CNI, "dhcp"), append([]string{"daemon"}, args...)...)
	r.ok(d.Start())
	r.daemons[n] = d
	for tick := time.Tick(5 * time.Millisecond); ; <-tick {
		if _, err := os.Stat(n.Path(socket)); err == nil {
			return
		}
	}
}

func (r *dhcpRig) stopDaemon(n *lab.Node) {
	r.t.Helper()
	r.ok(r.daemons[n].Process.Signal(syscall.SIGTERM)) // at which it removes its socket
	r.ok(r.daemons[n].Wait())
}

// attach attaches pods with addresses of their own, all at once.
func (r *dhcpRig) attach(pods ...*lab.Pod) []string {
	r.t.Helper()
	addresses, errs := make([]string, len(pods)), make([]error, len(pods))
	var all sync.WaitGroup
	for i, p := range pods {
		all.Go(func() {
			out, err := p.Add(r.t.Context())
			if err == nil {
				addresses[i], err = onlyAddress(out)
			}
			errs[i] = err
		})
	}
	all.Wait()
	r.ok(errors.Join(errs...))
	by := map[string]*lab.Pod{}
	for i, a := range addresses {
		if other := by[a]; other != nil {
			r.t.Errorf("%s and %s both have %s", other, pods[i], a)
		}
		by[a] = pods[i]
	}
	return addresses
}

// onlyAddress is the address of a result that has one.
func onlyAddress(out string) (string, error) {
	var result struct{ IPs []struct{ Address string } }
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		return "", err
	}
	if len(result.IPs) != 1 {
		return "", fmt.Errorf("the result %s has not one address", out)
	}
	return result.IPs[0].Address, nil
}

// TestDHCP runs the first example of the README on three nodes: each pod has an address
// of its own, and the network's server knows of all; and what docs/cni.md says of the
// daemon is true.
func TestDHCP(t *testing.T) {
	r := newDHCPRig(t)
	conf := readmeExample(t)
	r.noServer(conf)
	server := serveDHCP(t, r.Green)
	var pods []*lab.Pod
	for _, n := range r.Nodes {
		for i := range 2 {
			p, err := n.NewPod(t.Context(), fmt.Sprintf("%s-pod%d", n, i+1), conf, "")
			r.ok(err)
			t.Cleanup(func() { _ = p.Close() })
			pods = append(pods, p)
		}
	}
	addresses := r.attach(pods...)
	if got := server.leased(); got != len(pods) {
		t.Errorf("the server knows of %d addresses, want %d", got, len(pods))
	}
	_, err := pods[0].Ping(t.Context(), netip.MustParsePrefix(addresses[len(addresses)-1]).Addr())
	r.ok(err)
	n, late := r.Nodes[0], pods[1] // which is there, too
	r.ok(late.Del(t.Context()))
	r.stopDaemon(n)
	_, err = late.Add(t.Context())
	const noDaemon = "error dialing DHCP daemon"
	r.says(err, noDaemon)
	r.says(pods[0].Del(t.Context()), noDaemon)
	r.startDaemon(n)
	for _, p := range pods {
		r.ok(p.Del(t.Context()))
	}
	for _, n := range r.Nodes {
		if left, err := os.ReadDir(n.Path(recordDir)); err != nil || len(left) > 0 {
			t.Errorf("%s has the records %v, %v", n, left, err)
		}
	}
}

// noServer attaches a pod where nobody gives out addresses, by a daemon that does not ask
// for minutes.
func (r *dhcpRig) noServer(conf string) {
	r.t.Helper()
	n := r.Nodes[0]
	r.stopDaemon(n)
	r.startDaemon(n, "-resendtimeout", "1s")
	p, err := n.NewPod(r.t.Context(), "early", conf, "")
	r.ok(err)
	_, err = p.Add(r.t.Context())
	r.says(err, "no more tries")
	r.ok(errors.Join(p.Del(r.t.Context()), p.Close()))
	r.stopDaemon(n)
	r.startDaemon(n)
}

// says expects that the IPAM plugin's own words reach the user.
func (r *dhcpRig) says(err error, words string) {
	r.t.Helper()
	if said, ok := errors.AsType[*lab.CNIError](err); !ok || !strings.Contains(said.Output, words) {
		r.t.Errorf("got %v, want an error that says %q", err, words)
	}
}
