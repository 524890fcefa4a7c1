// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

const (
	pollEvery = 2 * time.Millisecond
	pingTries = 20
	pingWait  = 250 * time.Millisecond
)

// NodeFile reads what the agent left for the plugin.
func (n *Node) NodeFile() (*nodefile.File, error) {
	return nodefile.Read(n.Path(nodefile.DefaultDir + "/" + nodefile.FileName))
}

// State asks the node's agent.
func (n *Node) State(ctx context.Context) (*agentapi.State, error) {
	return agentapi.Query(ctx, n.Path(nodefile.DefaultDir+"/"+agentapi.SocketName))
}

// Await waits until the node file says what is wanted of it. The error tells
// what it said last.
func (n *Node) Await(ctx context.Context, what string, ok func(*nodefile.File) bool) error {
	tick := time.Tick(pollEvery)
	for {
		f, err := n.NodeFile()
		if err == nil && ok(f) {
			return nil
		}
		select {
		case <-tick:
		case <-ctx.Done():
			log, _ := n.AgentLog()
			return fmt.Errorf("wait for %s on %s: %w; node file: %+v, %w\n%s", what, n, ctx.Err(), f, err, log)
		}
	}
}

// Resolves reports whether a name leads to a device with a certainty.
func Resolves(name, device string, c nodefile.Certainty) func(*nodefile.File) bool {
	return func(f *nodefile.File) bool {
		return slices.ContainsFunc(f.Lookup(name), func(a nodefile.Uplink) bool {
			return a.Device.Name == device && a.Certainty == c
		})
	}
}

// Ping sends ICMP echo requests from the pod until one is answered.
func (p *Pod) Ping(ctx context.Context, to netip.Addr) (rtt time.Duration, err error) {
	var conn *icmp.PacketConn
	if err := p.Do(func() error {
		conn, err = icmp.ListenPacket("ip4:icmp", "0.0.0.0")
		return err
	}); err != nil {
		return 0, fmt.Errorf("ping from %s: %w", p, err)
	}
	defer func() { _ = conn.Close() }()
	for seq := range pingTries {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if rtt, err = echo(conn, to, seq); err == nil {
			return rtt, nil
		}
	}
	return 0, fmt.Errorf("ping from %s: %s does not answer: %w", p, to, err)
}

func echo(conn *icmp.PacketConn, to netip.Addr, seq int) (time.Duration, error) {
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: os.Getpid() & 0xffff, Seq: seq, Data: []byte("colvin")}}
	request, err := m.Marshal(nil)
	if err != nil {
		return 0, err
	}
	sent := time.Now()
	if _, err := conn.WriteTo(request, &net.IPAddr{IP: to.AsSlice()}); err != nil {
		return 0, err
	}
	if err := conn.SetReadDeadline(sent.Add(pingWait)); err != nil {
		return 0, err
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return 0, err
		}
		if from.String() != to.String() {
			continue
		}
		reply, err := icmp.ParseMessage(ipv4.ICMPTypeEcho.Protocol(), buf[:n])
		if err != nil {
			return 0, err
		}
		if body, ok := reply.Body.(*icmp.Echo); ok && reply.Type == ipv4.ICMPTypeEchoReply && body.Seq == seq {
			return time.Since(sent), nil
		}
	}
}
