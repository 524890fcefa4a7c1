// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	core "k8s.io/api/core/v1"
	events "k8s.io/api/events/v1"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// wires is what may happen to cables and on them. Most of it is waiting, so it happens at
// once, to other nodes each.
func wires(b *bench) {
	b.atOnce(
		step{"cable moves", cableMoves}, // node1
		step{"disputed", disputed},      // node2
		step{"attacks", attacks},        // node3 and node5
	)
}

// A step is one thing that is done in the cluster.
type step struct {
	name string
	run  func(*bench)
}

// take takes a step.
func (b *bench) take(s step) bool {
	return b.t.Run(s.name, func(t *testing.T) {
		inner := *b
		inner.t = t
		defer func() {
			if t.Failed() {
				inner.collect(s.name)
			}
		}()
		s.run(&inner)
	})
}

// atOnce takes several steps side by side: by t.Parallel there were as many as processors.
func (b *bench) atOnce(steps ...step) {
	var g errgroup.Group
	for _, s := range steps {
		g.Go(func() error {
			b.take(s)
			return nil
		})
	}
	_ = g.Wait() // nothing fails but tests
}

// pod is one that sleeps, attached to a network of Multus', on the node that its placement
// says: by a selector, or past the scheduler.
func pod(name, networks, placement string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata:
  name: %s
  annotations: {k8s.v1.cni.cncf.io/networks: '%s'}
spec:
  %s
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: "%s", imagePullPolicy: Never}
`, name, networks, placement, controlplane.ToolsImage)
}

// selects and bypasses are placements.
func selects(node string) string  { return "nodeSelector: {kubernetes.io/hostname: " + node + "}" }
func bypasses(node string) string { return "nodeName: " + node }

// lend applies objects, which go with all that is theirs when the step ends.
func (b *bench) lend(yaml string) {
	b.t.Helper()
	file := b.apply(yaml)
	b.t.Cleanup(func() {
		if _, err := b.Kubectl(b.ctx, "delete", "--ignore-not-found", "--cascade=foreground", "--timeout=60s", "--filename="+file); err != nil {
			b.t.Error(err)
		}
	})
}

// pod is one of the default namespace by its name.
func (b *bench) pod(name string) (p core.Pod) {
	b.t.Helper()
	b.DoT(b.t, http.MethodGet, "/api/v1/namespaces/default/pods/"+name, nil, &p)
	return p
}

// running waits until a pod is Ready.
func (b *bench) running(name string) (p core.Pod) {
	b.t.Helper()
	b.await(func() error {
		if p = b.pod(name); !isReady(p) {
			return fmt.Errorf("pod %s is not Ready: %s", name, b.whyNot(name))
		}
		return nil
	})
	return p
}

// waits holds that kubectl describe says all of that of a pod, kubectl colvin why the same of
// what its node said, and that the pod is attached to nothing. It returns what they say.
func (b *bench) waits(name string, want ...string) (said string) {
	b.t.Helper()
	b.await(func() error {
		said = b.whyNot(name)
		for _, w := range want {
			if !strings.Contains(said, w) {
				return fmt.Errorf("kubectl describe pod %s does not say %q:\n%s", name, w, said)
			}
		}
		return nil
	})
	var words []string // of its node
	if want[0] == "FailedCreatePodSandBox" {
		words = want[1:]
	}
	explained := b.explains(name, words...)
	b.unattached(name)
	return said + "\n" + explained
}

// unattached holds that nothing was ever attached to a pod: what is once stays.
func (b *bench) unattached(name string) {
	b.t.Helper()
	p := b.pod(name)
	if status, ok := p.Annotations["k8s.v1.cni.cncf.io/network-status"]; ok || isReady(p) {
		b.t.Errorf("pod %s on %s is attached: %s", name, p.Spec.NodeName, status)
	}
}

// An about is an Event by what it is about, and why.
type about struct{ kind, name, reason string }

// told waits for an Event that was recorded since then, and returns when it was, and what it
// says.
func (b *bench) told(since time.Time, a about) (at time.Time, note string) {
	b.t.Helper()
	b.await(func() error {
		var list events.EventList
		b.DoT(b.t, http.MethodGet, "/apis/events.k8s.io/v1/namespaces/default/events", nil, &list)
		for _, e := range list.Items {
			last := e.EventTime.Time
			if e.Series != nil {
				last = e.Series.LastObservedTime.Time
			}
			if e.Regarding.Kind == a.kind && e.Regarding.Name == a.name && e.Reason == a.reason && last.After(since) {
				at, note = last, e.Note
				return nil
			}
		}
		return fmt.Errorf("no Event %s about %s %s", a.reason, a.kind, a.name)
	})
	return at, note
}

// conflictSays waits until the condition Conflict of the Network green has that. An Event tells
// only when the first conflict on any node begins.
func (b *bench) conflictSays(want string) {
	b.t.Helper()
	b.await(func() error {
		said, err := b.Kubectl(b.ctx, "get", "cnet", "green", `--output=jsonpath={.status.conditions[?(@.type=="Conflict")].message}`)
		if err == nil && !strings.Contains(said, want) {
			err = fmt.Errorf("the Network green does not say that speakers contradict each other on %s: %q", want, said)
		}
		return err
	})
}

// machine is one of the five by its name, with its cables.
func (b *bench) machine(name string) *lab.Node {
	b.t.Helper()
	i := slices.IndexFunc(b.Nodes, func(n *lab.Node) bool { return n.String() == name })
	if i < 0 {
		b.t.Fatalf("there is no machine %q", name)
	}
	return b.Nodes[i]
}

// replug takes a cable out and puts it back, so that nothing that was heard there counts: a
// switch that was alone for ten minutes would keep the port. It waits until the network that
// the cable leads to is heard again.
func (b *bench) replug(n *lab.Node, device, network string) {
	b.t.Helper()
	carrier := func() (count uint32, err error) {
		f, err := n.NodeFile()
		if err != nil {
			return 0, err
		}
		for _, a := range f.Lookup(network) {
			if a.Device.Name == device && a.Certainty == nodefile.Fresh {
				return a.Ports[0].CarrierChanges, nil
			}
		}
		return 0, fmt.Errorf("%s is not fresh on %s of %s", network, device, n)
	}
	was, _ := carrier() // 0 where it is disputed now
	b.ok(errors.Join(n.Cables[device].Unplug(), n.Cables[device].Plug()))
	b.await(func() error {
		is, err := carrier()
		if err == nil && is == was {
			err = fmt.Errorf("%s of %s was not heard since the carrier came back", network, n)
		}
		return err
	})
}

// attachable waits until green can be attached to on a node through its device, or not.
func (b *bench) attachable(n *lab.Node, want bool) {
	b.t.Helper()
	b.await(func() error { return b.isAttachable(n, want) })
}

func (b *bench) isAttachable(n *lab.Node, want bool) error {
	f, err := n.NodeFile()
	if err != nil {
		return err
	}
	if got := lab.Resolves("green", greenPorts()[n.String()], nodefile.Fresh)(f); got != want {
		return fmt.Errorf("green is fresh on %s: %v, want %v; its ways there: %+v", n, got, want, f.Lookup("green"))
	}
	return nil
}

// labelledIs waits until a node has the label of green, or not.
func (b *bench) labelledIs(node string, want bool) {
	b.t.Helper()
	b.await(func() error {
		if got := b.labelled(greenLabel); slices.Contains(got, node) != want {
			return fmt.Errorf("nodes with the label: %v; want %s among them: %v", got, node, want)
		}
		return nil
	})
}

// rival is who speaks on a wire beside the switch.
var rival = discovery.MAC{2, 0xee, 0, 0, 0, 1}

// says is what the rival says: that it is a switch of that name.
func says(name string, vlan uint16, ttl time.Duration) speaker.Frame {
	return speaker.Frame{Source: rival, Chassis: speaker.MACChassis(rival), Port: speaker.NamedPort("x1"), TTL: ttl, SystemName: name, PVID: vlan}
}

// beside opens a speaker on a port of a switch: what it says is heard at the other end of
// that cable, beside the switch, as over a hub.
func (b *bench) beside(sw *netnstest.Switch, port string) *speaker.Speaker {
	b.t.Helper()
	var s *speaker.Speaker
	b.ok(sw.Do(func() (err error) { s, err = speaker.Open(port); return err }))
	b.t.Cleanup(func() { _ = s.Close() })
	return s
}

// repeat does something again and again, from after the first time that passes, until it is
// stopped or the step ends.
func (b *bench) repeat(every time.Duration, do func()) (stop func()) {
	b.t.Helper()
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for tick := time.Tick(every); ; {
			select {
			case <-tick:
				do()
			case <-done:
				return
			}
		}
	})
	stop = sync.OnceFunc(func() {
		close(done)
		running.Wait()
	})
	b.t.Cleanup(stop)
	return stop
}
