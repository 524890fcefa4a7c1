// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// pinning are the rules of the lab with a port on which no switch speaks.
const pinning = `networks:
  - name: green
    match:
      - {system: sw-green, vlan: 100}
      - {node: "node*", interface: "eth*", silent: now}
  - name: blue
    match: [{system: "sw-*", vlan: 200}]
`

// TestNodeBehindASilentSwitch has a node whose switch runs no LLDP join green: one
// definition, and all four reach each other. A switch that leads elsewhere closes the port
// with its first frame, and when it is gone the port stays closed until an admin says that
// what was heard there is over.
func TestNodeBehindASilentSwitch(t *testing.T) {
	netnstest.Require(t, netnstest.NetNS, netnstest.RealLLDPD)
	if binaries.err != nil {
		t.Fatal(binaries.err)
	}
	l, err := lab.Start(t.Context(), lab.Options{Binaries: binaries.Binaries, Old: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	var pods []*lab.Pod
	for i, n := range l.Nodes {
		if err := errors.Join(n.WriteFile("/etc/colvin/rules.yaml", pinning), n.StartAgent(t.Context())); err != nil {
			t.Fatal(err)
		}
		device, certainty := lab.OldPort, nodefile.Pinned
		if i < len(lab.Cabling) {
			device, certainty = lab.Cabling[i].Green, nodefile.Fresh
		}
		if err := n.Await(t.Context(), "green", lab.Resolves("green", device, certainty)); err != nil {
			t.Fatal(err)
		}
		p, err := n.NewPod(t.Context(), fmt.Sprint("pod", i+1), conf("green"), fmt.Sprintf("10.10.0.%d/24", i+1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		if _, err := p.Add(t.Context()); err != nil {
			t.Fatal(err)
		}
		pods = append(pods, p)
	}
	for i := range pods {
		for k := range pods {
			if _, err := pods[i].Ping(t.Context(), netip.AddrFrom4([4]byte{10, 10, 0, byte(k + 1)})); i != k && err != nil {
				t.Error(err)
			}
		}
	}
	b := &bench{t: t, node: l.Nodes[len(lab.Cabling)], green: l.Green, blue: l.Blue, pods: len(pods)}
	const said = `colvin: node4: network "green" on eth1: attached, pinned by /etc/colvin/rules.yaml:5: nobody on the wire confirms it` + "\n"
	if got := pods[len(pods)-1].Said(); !strings.HasSuffix(got, said) {
		t.Errorf("the plugin said %q, want %q", got, said)
	}
	b.attachedPods(agentapi.ContainerPinned)
	b.ok(errors.Join(l.Old.SetPVID(t.Context(), "p1", lab.BlueVLAN), l.Old.StartSpeaker(t.Context())))
	b.await("the switch", func(f *nodefile.File) bool { return len(f.Lookup("blue")) > 0 })
	b.refused("green", codeTryAgain)
	b.refused("blue", codeNotHere)
	b.attachedPods(agentapi.ContainerMoved)
	awaitState(t, b.node, func(s *agentapi.State) string {
		if !slices.ContainsFunc(s.View.Conditions, func(c mapping.Condition) bool { return c.Type == mapping.PinContradicted && c.Interface == lab.OldPort }) {
			return fmt.Sprintf("no PinContradicted among %v", s.View.Conditions)
		}
		return ""
	})
	if out, err := b.node.Colvin(t.Context(), "forget", lab.OldPort); err == nil || !strings.Contains(err.Error(), "is heard there, so that is not over") {
		t.Errorf("forget what is heard: %s, %v", out, err)
	}
	b.ok(l.Old.StopSpeaker())
	b.await("its goodbye", lab.Resolves("blue", lab.OldPort, nodefile.Unverified))
	b.refused("green", codeTryAgain)
	out, err := b.node.Colvin(t.Context(), "forget", lab.OldPort)
	b.ok(err)
	if !strings.HasPrefix(out, "eth1: forgot sw-old, chassis mac:") {
		t.Errorf("forget said %q", out)
	}
	b.await("green again", lab.Resolves("green", lab.OldPort, nodefile.Pinned))
	b.attached("green")
	b.attachedPods(agentapi.ContainerPinned)
}

// attachedPods waits until all pods of the node have a status.
func (b *bench) attachedPods(want agentapi.ContainerStatus) {
	b.t.Helper()
	var got []agentapi.ContainerStatus
	for range 500 {
		s, err := b.node.State(b.t.Context())
		b.ok(err)
		got = nil
		for i := range s.Attachments {
			got = append(got, s.Attachments[i].Status)
		}
		if len(got) > 0 && !slices.ContainsFunc(got, func(s agentapi.ContainerStatus) bool { return s != want }) {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	b.t.Errorf("attachments are %v, want %s", got, want)
}
