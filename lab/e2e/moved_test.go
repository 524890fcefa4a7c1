// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
)

// everybodyKnows is how long it takes from when a node knows until the cluster is told.
const everybodyKnows = 5 * time.Second

// cableMoves moves the cable of a running pod to the other switch, and back: the pod is left
// alone, everybody is told, and new pods go elsewhere meanwhile.
//
// With the first frame of the other switch nothing is attached there any more, and the Network
// has a Conflict. The other switch is believed once it has stood alone for 35 s
// (docs/security.md): then pod, Network and Node are told that the pod moved. Both of the
// node's ports lead to blue by then, so blue by itself would be ambiguous.
func cableMoves(b *bench) {
	const node = "node1"
	n, device := b.machine(node), greenPorts()[node]
	b.lend(pod("stays", "green", selects(node)))
	b.overGreen(b.running("stays"))
	before := b.looks("stays")

	b.move(n, device, b.Blue, "p11", lab.BlueVLAN)
	carrier := time.Now()
	first := b.contradicted(n)
	b.t.Logf("the other switch is heard %.1f s after the carrier's return", first.Sub(carrier).Seconds())
	b.conflictSays(node + " " + device)
	b.t.Logf("%.1f s later, the Network says so", time.Since(first).Seconds())
	believed := b.believedMoved(n)
	b.t.Logf("the other switch is believed %.1f s after the carrier's return", believed.Sub(carrier).Seconds())
	for _, a := range []about{{"Pod", "stays", "NetworkMoved"}, {"Network", "green", "Moved"}, {"Node", node, "NetworkLost"}} {
		b.toldSoon(believed, a)
	}
	b.labelledIs(node, false)
	b.attachmentIs(node, "moved")
	b.lend(pod("comes", "green", selects(node)))
	b.lend(deployment("elsewhere", "green", 3))
	b.t.Logf("a pod that wants to go there: %s", b.waits("comes", "didn't match Pod's node affinity/selector"))
	b.elsewhere(node)

	leaves := time.Now()
	b.move(n, device, b.Green, "p1", lab.GreenVLAN)
	back := time.Now()
	b.attachable(n, true)
	b.t.Logf("green is back %.1f s after the carrier's return", time.Since(back).Seconds())
	for _, a := range []about{{"Network", "green", "MovedEnded"}, {"Node", node, "NetworkGained"}} {
		at, note := b.told(leaves, a)
		b.t.Logf("%.1f s after the carrier's return, %s %s: %s: %s", at.Sub(back).Seconds(), a.kind, a.name, a.reason, note)
	}
	b.labelledIs(node, true)
	b.attachmentIs(node, "ok")
	b.overGreen(b.running("comes"))
	for _, p := range b.ready("app=elsewhere", 3) {
		b.overGreen(p)
	}
	if diff := cmp.Diff(before, b.looks("stays")); diff != "" {
		b.t.Errorf("the running pod was touched (-before +after):\n%s", diff)
	}
}

// looks is all of a pod in which something would show that happened to it.
func (b *bench) looks(name string) []string {
	b.t.Helper()
	p := b.pod(name)
	net1, err := b.exec(name, "sh", "-c", "cd /sys/class/net/net1 && cat ifindex iflink address mtu && ip -4 -o address show dev net1")
	b.ok(err)
	out := []string{string(p.UID), fmt.Sprint("ready: ", isReady(p)), net1}
	for _, c := range p.Status.ContainerStatuses {
		out = append(out, fmt.Sprint(c.Name, " ", c.ContainerID, ", restarted: ", c.RestartCount))
	}
	return out
}

// move moves a cable to a port of a switch, which has a MAC address of its own, as each has.
func (b *bench) move(n *lab.Node, device string, sw *netnstest.Switch, port string, vlan uint16) {
	b.t.Helper()
	mac := sw.ChassisMAC()
	mac[1] = 0xcc
	b.ok(sw.SetPVID(b.ctx, port, vlan))
	b.ok(n.Cables[device].Move(b.ctx, netnstest.Endpoint{In: sw, Name: port, MAC: mac}))
}

// contradicted waits until somebody is heard on a node who contradicts the switch of green,
// and returns since when.
func (b *bench) contradicted(n *lab.Node) (since time.Time) {
	b.t.Helper()
	b.await(func() error {
		f, err := n.NodeFile()
		if err != nil {
			return err
		}
		for _, a := range f.Lookup("green") {
			if strings.Contains(a.Reason, "contradicts it") {
				since = a.Since
				return nil
			}
		}
		return fmt.Errorf("nobody contradicts the switch of green on %s: %+v", n, f.Lookup("green"))
	})
	return since
}

// toldSoon holds that an Event is recorded soon after the node knows.
func (b *bench) toldSoon(known time.Time, a about) {
	b.t.Helper()
	at, note := b.told(known.Add(-everybodyKnows), a)
	late := at.Sub(known)
	b.t.Logf("%.1f s later, %s %s: %s: %s", late.Seconds(), a.kind, a.name, a.reason, note)
	if late > everybodyKnows {
		b.t.Errorf("%s %s is told %s after %s, want %s at most", a.kind, a.name, a.reason, late, everybodyKnows)
	}
}

// believedMoved waits until a node's agent says that a container there has moved, and returns
// since when.
func (b *bench) believedMoved(n *lab.Node) (since time.Time) {
	b.t.Helper()
	b.await(func() error {
		f, err := n.NodeFile()
		if err != nil {
			return err
		}
		if len(f.Moved) == 0 {
			return fmt.Errorf("no container on %s has moved", n)
		}
		since = f.Moved[0].Since
		return nil
	})
	return since
}

// attachmentIs waits until the command on the node says so of the pod that stays.
func (b *bench) attachmentIs(node, status string) {
	b.t.Helper()
	line := regexp.MustCompile(`(?m)^default/stays +net1 +green +\S+ +` + status + `\b`)
	b.await(func() error {
		out, err := b.colvin(node, "attachments")
		if err == nil && !line.MatchString(out) {
			err = fmt.Errorf("colvin attachments on %s does not say that the pod is %s:\n%s", node, status, out)
		}
		if err == nil {
			b.t.Log(out)
		}
		return err
	})
}

// elsewhere waits until each pod of the deployment has a node, which is another one.
func (b *bench) elsewhere(node string) {
	b.t.Helper()
	var pods []core.Pod
	b.await(func() error {
		pods = b.pods("app=elsewhere")
		placed := 0
		for _, p := range pods {
			if p.Spec.NodeName != "" {
				placed++
			}
		}
		if placed != 3 {
			return fmt.Errorf("%d of %d pods have a node", placed, len(pods))
		}
		return nil
	})
	for _, p := range pods {
		if p.Spec.NodeName == node {
			b.t.Errorf("pod %s is on %s, where green is not any more", p.Name, node)
		}
	}
}
