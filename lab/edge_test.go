// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
	"github.com/colvin-net/colvin/lab"
)

// What BenchmarkEdge does to a node.
const (
	edgePorts  = 500
	edgePods   = 1000             // pairs of veths
	edgeChurn  = time.Second / 13 // between one that goes, for which another comes, and the next
	edgeFlap   = time.Second / 2  // between a carrier that goes and one that comes
	edgeSettle = 10 * time.Second // after which nothing happens by itself
	edgeFor    = 5 * time.Second  // measured, each
)

// BenchmarkEdge runs colvind on a node with 500 ports and measures what it takes of the
// processor while nothing happens, while one link of them flaps, and while there are 2000 veths
// of pods besides, of which 26 go in a second and as many come.
func BenchmarkEdge(b *testing.B) {
	netnstest.Require(b, netnstest.NetNS)
	if binaries.err != nil {
		b.Fatal(binaries.err)
	}
	far := netnstest.NewT(b, "switches")
	node, err := lab.NewNode(b.Context(), "edge", binaries.Binaries)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = node.Close() })
	var cables []*netnstest.Cable
	var switches []*speaker.Speaker
	for i := range edgePorts {
		port := fmt.Sprint("p", i)
		cables = append(cables, netnstest.ConnectT(b, netnstest.Endpoint{In: node.Namespace, Name: fmt.Sprint("eth", i)}, netnstest.Endpoint{In: far, Name: port}))
		switches = append(switches, openSpeaker(b, far, port))
	}
	if err := node.WriteFile("/etc/colvin/colvind.yaml", "node: edge\ninterfaces: [\"eth*\"]\n"); err != nil {
		b.Fatal(err)
	}
	if err := node.StartAgent(b.Context()); err != nil {
		b.Fatal(err)
	}
	for i, s := range switches {
		send(b, s, scaleFrame(i%256))
	}
	<-time.After(edgeSettle)
	used := func(what string, each time.Duration, do func(i int)) {
		before, end := processorTime(b, node.AgentPID()), time.After(edgeFor)
		tick := time.NewTicker(each)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-end:
				report(b, "ms-cpu-"+what, processorTime(b, node.AgentPID())-before)
				b.ReportMetric(float64(memory(b, node.AgentPID(), "Rss"))/megabyte, "MB-"+what)
				return
			case <-tick.C:
				do(i)
			}
		}
	}
	for b.Loop() {
		used("still", edgeFlap, func(int) {})
		used("flap", edgeFlap, func(i int) { flap(b, cables[edgePorts/2], switches[edgePorts/2], i%2 == 1) })
		for i := range edgePods {
			addPod(b, node, i)
		}
		<-time.After(edgeSettle)
		used("pods", edgeChurn, func(i int) {
			if err := node.Netlink().LinkDel(pod(i)); err != nil {
				b.Error(err)
			}
			addPod(b, node, edgePods+i)
		})
	}
	b.ReportMetric(0, "ns/op") // it takes as long as it is told to
}

// flap takes the carrier of a port, or gives it back with a switch that speaks at once.
func flap(b *testing.B, c *netnstest.Cable, s *speaker.Speaker, plug bool) {
	b.Helper()
	if !plug {
		if err := c.Unplug(); err != nil {
			b.Error(err)
		}
		return
	}
	if err := c.Plug(); err != nil {
		b.Error(err)
	}
	send(b, s, scaleFrame(edgePorts/2%256))
}

// pod is a pair of veths, both of which are on the node.
func pod(i int) *netlink.Veth {
	return &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprint("veth", i), Flags: net.FlagUp}, PeerName: fmt.Sprint("cali", i)}
}

func addPod(b *testing.B, node *lab.Node, i int) {
	b.Helper()
	if err := node.Netlink().LinkAdd(pod(i)); err != nil {
		b.Error(err)
	}
}
