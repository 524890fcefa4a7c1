// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/agent/rulebook"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/boottime"
	"github.com/colvin-net/colvin/internal/privatedir"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// What a node at the edge has.
const (
	edgePorts      = 500
	edgeVLANs      = 4094 // on the first port
	edgeContainers = 250  // through VLANs of the first port
	edgePods       = 2000 // veths of containers

	edgeSwitchPorts = 50 // of one switch
)

// An edge is such a node, of which each port has heard its switch for an hour.
type edge struct {
	loop  *Loop
	dir   string
	seen  discovery.Snapshot
	began time.Time
}

// newEdge makes one with so many containers and veths of pods.
func newEdge(tb testing.TB, trunk bool, containers, pods int) *edge {
	tb.Helper()
	dir := privatedir.New(tb)
	c := config.Config{
		Node: "node1", Rules: filepath.Join(dir, "rules.yaml"), RunDirectory: dir, StateDirectory: dir, RecordDirectory: filepath.Join(dir, "attachments"),
		Colours: config.Colours{Attach: true, Of: config.ColoursOfUntagged},
	}
	rules := "networks: [{name: 'net-{vlan}', match: [{system: 'leaf-*', vlan: untagged}]}]\n" +
		"switchGroups: {dc1: {match: [{system: trunk}], vlans: {2-4094: 't-{vlan}'}}}\n"
	if err := os.WriteFile(c.Rules, []byte(rules), 0o600); err != nil {
		tb.Fatal(err)
	}
	e := &edge{dir: dir, began: boottime.Now().Add(-time.Hour)}
	e.attach(tb, c.RecordDirectory, containers)
	log := slog.New(slog.DiscardHandler)
	e.loop = NewLoop(Deps{
		Config: c, BootID: "boot-1", Snapshots: &seen{updates: make(chan *discovery.Snapshot, 1)},
		Rules: rulebook.New(c.Rules, "", dir, log), Records: newRecordsDir(c.RecordDirectory, log), Log: log, Now: boottime.Now,
	})
	for i := range edgePorts {
		e.addPort(i, trunk && i == 0)
	}
	for i := range containers { // the VLAN devices that the plugin made for them
		e.seen.Interfaces = append(e.seen.Interfaces, discovery.Interface{
			Index: edgePorts + 2 + i, Name: fmt.Sprintf("eth0.%d", 2+i), MAC: edgeMAC(0), MTU: 1500, Alias: discovery.OwnAlias,
			Kind: discovery.KindVLAN, Parent: 2, VLAN: uint16(2 + i), Ethernet: true, Up: true, Carrier: true, CarrierChanges: 1,
		})
	}
	for i := range pods {
		e.seen.Interfaces = append(e.seen.Interfaces, discovery.Interface{
			Index: edgePorts + edgeContainers + 2 + i, Name: fmt.Sprintf("veth%08x", i), MAC: discovery.MAC{2, 2, 0, 0, byte(i >> 8), byte(i)}, MTU: 1500,
			Kind: discovery.KindVETH, Ethernet: true, Up: true, Carrier: true, CarrierChanges: 2,
		})
	}
	return e
}

// attach records containers, each through a VLAN of the first port.
func (e *edge) attach(tb testing.TB, dir string, containers int) {
	tb.Helper()
	s, err := record.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range containers {
		vid := uint16(2 + i)
		parent := record.Link{Name: "eth0", Index: 2, MAC: edgeMAC(0).String()}
		r := &record.Record{
			Key: record.Key{Name: "conf", ContainerID: fmt.Sprint("c", i), IfName: "net1"}, Phase: record.Added, Time: e.began, BootID: "boot-1",
			Network: fmt.Sprintf("t-%d", vid), Identity: string(mapping.Identity{Kind: "group", Switch: "dc1", VLAN: vid}.Key()),
			Device: record.Link{Name: fmt.Sprintf("eth0.%d", vid), Index: edgePorts + 2 + i, MAC: parent.MAC}, Parent: parent, Port: parent, VID: vid,
			DelegateType: "macvlan", DelegateConf: []byte("{}"),
		}
		l, err := s.Lock(tb.Context(), r.Key)
		if err == nil {
			err = errors.Join(l.Write(r), l.Unlock())
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

func edgeMAC(i int) discovery.MAC { return discovery.MAC{2, 0, 0, 0, byte(i >> 8), byte(i)} }

// addPort adds a port and what its switch says.
func (e *edge) addPort(i int, trunk bool) {
	name, index, leaf := fmt.Sprint("eth", i), i+2, i/edgeSwitchPorts
	sw := discovery.MAC{2, 1, 0, 0, 0, byte(leaf)}
	n := discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, Source: sw, Destination: discovery.NearestBridge, TTL: 120, PVID: uint16(2 + i),
		MSAP: discovery.MSAP{Chassis: discovery.ID("mac:" + sw.String()), Port: discovery.ID(fmt.Sprint("ifname:Ethernet1/", i))}, SystemName: fmt.Sprint("leaf-", leaf),
		SystemDescription: "Example Networks switch, software 4.31.2F", ManagementAddresses: []string{fmt.Sprint("192.0.2.", leaf)},
		Capabilities: discovery.Capabilities{Available: discovery.CapabilityBridge, Enabled: discovery.CapabilityBridge},
		FirstHeard:   e.began, Before: e.began, LastHeard: e.began,
	}
	if trunk {
		n.Chassis, n.SystemName, n.PVID = "mac:02:01:00:00:01:00", "trunk", 1
		n.VLANs = []discovery.VLANName{{ID: 100, Name: "storage"}}
	}
	e.seen.Interfaces = append(e.seen.Interfaces, discovery.Interface{
		Index: index, Name: name, MAC: edgeMAC(i), MTU: 1500, Bus: "pci", Ethernet: true, Up: true, Carrier: true, CarrierChanges: 1,
	})
	e.seen.Ports = append(e.seen.Ports, discovery.Port{Index: index, Name: name, Epoch: 1, Since: e.began, Neighbors: []discovery.Neighbor{n}})
}

// look is what is seen at a moment: every switch was heard a second ago.
func (e *edge) look() *discovery.Snapshot {
	s := e.seen
	s.Time = boottime.Now()
	s.Interfaces, s.Ports = append([]discovery.Interface(nil), s.Interfaces...), append([]discovery.Port(nil), s.Ports...)
	for i := range s.Ports {
		p := &s.Ports[i]
		p.Neighbors = append([]discovery.Neighbor(nil), p.Neighbors...)
		for k := range p.Neighbors {
			p.Neighbors[k].Before, p.Neighbors[k].LastHeard = s.Time.Add(-31*time.Second), s.Time.Add(-time.Second)
		}
	}
	return &s
}

// flap takes the carrier of a port or gives it back, as a switch does that is heard at once.
func (e *edge) flap(i int) {
	ifi, p := &e.seen.Interfaces[i], &e.seen.Ports[i]
	ifi.Carrier = !ifi.Carrier
	ifi.CarrierChanges++
	p.Epoch, p.Since = ifi.Epoch(), boottime.Now()
}

// processorTime is what this process has used of the processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkEdge measures a step of a node at the edge, with all that sinks do: one on which
// nothing changed, one in which a link came or went, and one with containers on a trunk.
func BenchmarkEdge(b *testing.B) {
	for _, c := range []struct {
		name             string
		trunk            bool
		containers, pods int
		change           func(e *edge)
	}{
		{"still", false, 0, 0, func(*edge) {}},
		{"flap", false, 0, 0, func(e *edge) { e.flap(edgePorts / 2) }},
		{"trunk", true, 0, 0, func(*edge) {}},
		{"attached", true, edgeContainers, 0, func(*edge) {}},
		{"pods", false, 0, edgePods, func(*edge) {}},
		{"all", true, edgeContainers, edgePods, func(e *edge) { e.flap(edgePorts / 2) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			e := newEdge(b, c.trunk, c.containers, c.pods)
			e.loop.step(e.look())
			var used time.Duration
			for b.Loop() {
				c.change(e)
				s := e.look()
				before := processorTime()
				e.loop.step(s)
				used += processorTime() - before
			}
			b.ReportMetric(0, "ns/op") // which is a time of others, too
			b.ReportMetric(float64(used.Microseconds())/1000/float64(b.N), "ms-cpu/step")
			if st, err := os.Stat(filepath.Join(e.dir, nodefile.FileName)); err == nil {
				b.ReportMetric(float64(st.Size())/1e6, "MB-file")
			}
		})
	}
}
