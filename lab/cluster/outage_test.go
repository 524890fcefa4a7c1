// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

const (
	outage      = 5 * time.Minute
	shortOutage = 30 * time.Second // with -short

	// recovery is how long the objects may differ from the truth once the API server
	// answers again.
	recovery = 10 * time.Second
)

// The plugin's errors that are honest after a cable moved.
var honest = []uint{11, 100, 101} // try again, not here, ambiguous

// TestOutage stops the API server for minutes while cables move: containers are attached
// as ever, to the right network or not at all; and when it is back, its objects soon
// equal the truth.
func TestOutage(t *testing.T) {
	b := newBench(t)
	o := &outageRun{bench: b, random: rand.New(rand.NewPCG(1, 2)), cables: map[string]*netnstest.Switch{}}
	for _, c := range lab.Cabling {
		o.cables[c.Node+" "+c.Green], o.cables[c.Node+" "+c.Blue] = b.Green, b.Blue
	}
	b.resolve(patience, greenColour, blueColour) // which only networks without a name get
	b.do(http.MethodPost, colvin+v1alpha1.RuleSets, ruleSet("site",
		network("green", object{"system": "sw-green", "vlan": lab.GreenVLAN}), network("blue", object{"system": "sw-blue", "vlan": lab.BlueVLAN})), nil)
	b.resolve(patience, "green", "blue", greenColour, blueColour)
	b.expectLabels(o.truth()...)

	length := outage
	if testing.Short() {
		length = shortOutage
	}
	b.ok(b.StopAPIServer())
	begin := time.Now()
	for time.Since(begin) < length {
		o.round()
	}
	t.Logf("%v without an API server: %d cables moved, %d agents started anew, %d containers attached, %d refused at once after a move",
		time.Since(begin).Round(time.Second), o.moves, o.restarts, o.attached, o.refused)
	b.ok(b.StartAPIServer(t.Context()))
	took := b.await("objects that equal the truth", recovery, o.difference)
	t.Logf("all objects equal the truth %v after the API server was ready", took)
}

// An outageRun moves cables.
type outageRun struct {
	*bench
	random *rand.Rand
	cables map[string]*netnstest.Switch // by node and interface

	moves, restarts, attached, refused, pods int
}

// round changes something on one node and attaches containers to both networks there: at
// once, when nobody can know yet, and when the agent has heard the switch.
func (o *outageRun) round() {
	o.t.Helper()
	i := o.random.IntN(len(o.Nodes))
	n, c := o.Nodes[i], lab.Cabling[i]
	ifname := []string{c.Green, c.Blue}[o.random.IntN(2)]
	switch o.random.IntN(8) {
	case 0:
		o.restarts++
		o.ok(n.KillAgent())
		o.ok(n.StartAgent(o.t.Context()))
	default:
		to := o.Green
		if o.cables[n.String()+" "+ifname] == o.Green {
			to = o.Blue
		}
		o.moves++
		o.cables[n.String()+" "+ifname] = to
		o.move(n, ifname, to)
		for _, name := range []string{"green", "blue"} {
			if !o.attach(n, name) {
				o.refused++
			}
		}
	}
	o.await(n.String()+" to know its networks", patience, func() string { return cmp.Diff(o.ways(n), known(n)) })
	for _, name := range []string{"green", "blue", greenColour, blueColour} {
		if len(o.devices(n, name)) == 1 && !o.attach(n, name) {
			o.t.Errorf("%s: no container is attached to %s, though all is known", n, name)
		}
	}
}

// devices are the interfaces of a node that lead to a network, by where the cables are.
func (o *outageRun) devices(n *lab.Node, name string) []string {
	sw := o.Green
	if name == "blue" || name == blueColour {
		sw = o.Blue
	}
	var out []string
	for at, to := range o.cables {
		if node, ifname, _ := strings.Cut(at, " "); node == n.String() && to == sw {
			out = append(out, ifname)
		}
	}
	slices.Sort(out)
	return out
}

// ways are what a node's file should say, known what it does: "eth1 green fresh".
func (o *outageRun) ways(n *lab.Node) []string {
	var out []string
	for _, name := range []string{"green", "blue"} {
		for _, device := range o.devices(n, name) {
			out = append(out, fmt.Sprintf("%s %s %s", device, name, nodefile.Fresh))
		}
	}
	slices.Sort(out)
	return out
}

func known(n *lab.Node) []string {
	f, err := n.NodeFile()
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, name := range []string{"green", "blue"} {
		for _, a := range f.Lookup(name) {
			out = append(out, fmt.Sprintf("%s %s %s", a.Device.Name, name, a.Certainty))
		}
	}
	slices.Sort(out)
	return out
}

// attach attaches a container, which must then be where it asked to, and reports
// whether it is; an honest refusal is none.
func (o *outageRun) attach(n *lab.Node, name string) bool {
	o.t.Helper()
	o.pods++
	p, err := n.NewPod(o.t.Context(), fmt.Sprint("pod", o.pods), conf(name), "10.10.0.1/24")
	o.ok(err)
	defer func() { o.ok(p.Close()) }()
	result, err := p.Add(o.t.Context())
	if err != nil {
		o.mustBeHonest(n, name, err)
		return false
	}
	var got struct {
		Interfaces []struct{ Name, Sandbox string }
	}
	o.ok(json.Unmarshal([]byte(result), &got))
	device := got.Interfaces[len(got.Interfaces)-1].Name // the host device is last
	if want := o.devices(n, name); !slices.Contains(want, device) {
		o.t.Errorf("%s: WRONG NETWORK: a container that asked for %s is on %s, but that leads %s", n, name, device, want)
	}
	o.attached++
	o.ok(p.Del(o.t.Context()))
	return true
}

func (o *outageRun) mustBeHonest(n *lab.Node, name string, err error) {
	o.t.Helper()
	var e struct{ Code uint }
	said, ok := errors.AsType[*lab.CNIError](err)
	if ok {
		ok = json.Unmarshal([]byte(said.Output), &e) == nil && slices.Contains(honest, e.Code)
	}
	if !ok {
		o.t.Errorf("%s: ADD of %s: %v", n, name, err)
	}
}

// truth is what the labels should be by where the cables are.
func (o *outageRun) truth() []string {
	var out []string
	for _, n := range o.Nodes {
		for _, name := range []string{"green", "blue", greenColour, blueColour} {
			if len(o.devices(n, name)) > 0 {
				out = append(out, n.String()+" "+name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// difference is how the API server's objects differ from the truth.
func (o *outageRun) difference() string {
	var means, cabling, said []string
	for _, name := range []string{"blue", "green"} {
		colour := map[string]string{"blue": blueColour, "green": greenColour}[name]
		nodes := 0
		for _, n := range o.Nodes {
			if len(o.devices(n, name)) > 0 {
				nodes++
			}
		}
		if nodes > 0 {
			means = append(means, fmt.Sprintf("%s = %s: %d nodes", name, colour, nodes))
		}
	}
	for _, n := range o.Nodes {
		for at, to := range o.cables {
			if node, ifname, _ := strings.Cut(at, " "); node == n.String() {
				cabling = append(cabling, fmt.Sprintf("%s %s %s", n, ifname, to))
			}
		}
		said = append(said, o.published(n)...)
	}
	slices.Sort(cabling)
	slices.Sort(said)
	return cmp.Diff(cabling, said) + cmp.Diff(o.truth(), o.labels()) + cmp.Diff(means, o.networks())
}

// published is what the NodeTopology of a node says: "node1 eth1 sw-green".
func (o *outageRun) published(n *lab.Node) []string {
	var t v1alpha1.NodeTopology
	if err := o.Do(o.t.Context(), http.MethodGet, colvin+v1alpha1.NodeTopologies+"/"+n.String(), nil, &t); err != nil {
		return []string{err.Error()}
	}
	names := map[string]string{}
	for _, s := range t.Spec.Switches {
		names[s.ID] = s.SystemName
	}
	var out []string
	for _, i := range t.Spec.Interfaces {
		if i.Port != nil && i.Port.Holder != nil && i.Port.Holder.Certainty == v1alpha1.Fresh {
			out = append(out, fmt.Sprintf("%s %s %s", n, i.Name, names[i.Port.Holder.Switch]))
		}
	}
	return out
}
