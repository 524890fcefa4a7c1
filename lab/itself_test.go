// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
	"github.com/colvin-net/colvin/mapping"
)

// TestHearsItself has both ports of a node behind a dumb switch, and the agent speak. It
// is told that they are on one wire, and the node is no switch. A switch that is heard as
// well is believed, and who bears the node's chassis ID is seen and told like any other.
func TestHearsItself(t *testing.T) {
	r := newAttackRig(t)
	r.ok(r.WriteFile("/etc/colvin/colvind.yaml", "node: node1\ninterfaces: [\"eth*\"]\ntransmit: on\n"))
	netnstest.ConnectT(t, netnstest.Endpoint{In: r.Namespace, Name: "eth2"}, netnstest.Endpoint{In: r.wire, Name: "d2"})
	r.bridge("d2", true)
	r.start()
	var chassis discovery.MAC
	r.finds("itself on both ports", func(v *mapping.View, snap *discovery.Snapshot) error {
		chassis = snap.Chassis
		for _, p := range snap.Ports {
			if others, itself := snap.Self().CountNeighbors(&p); itself != 1 || len(others) != 0 {
				return fmt.Errorf("%s hears %v and itself %d times", p.Name, others, itself)
			}
		}
		return oneWire(v, 0)
	})
	for _, port := range []string{"eth1", "eth2"} {
		out, err := r.Colvin(t.Context(), "explain", port)
		r.ok(err)
		if want := "eth1 and eth2 are on one wire: "; !strings.Contains(out, want) {
			t.Errorf("explain %s does not say %q:\n%s", port, want, out)
		}
	}

	r.speak("g0", 5*time.Second, r.octets(greenSays))
	r.finds("the switch on both ports", func(v *mapping.View, _ *discovery.Snapshot) error { return oneWire(v, 2) })

	forged := said(chassis, "node1", 666)
	forged.Source, forged.Port = evilMAC, speaker.NamedPort("eth2")
	r.send("aux", r.octets(forged))
	r.finds("who bears its chassis ID", func(v *mapping.View, snap *discovery.Snapshot) error {
		for _, p := range snap.Ports {
			if others, itself := snap.Self().CountNeighbors(&p); itself != 1 || others[discovery.ProtocolLLDP] != 2 {
				return fmt.Errorf("%s hears %v and itself %d times", p.Name, others, itself)
			}
		}
		if !slices.ContainsFunc(v.Conditions, func(c mapping.Condition) bool {
			return c.Type == mapping.Conflict && strings.Contains(c.Message, "from "+evilMAC.String())
		}) {
			return fmt.Errorf("it is not told: %+v", v.Conditions)
		}
		return nil
	})
}

// oneWire reports what is missing of both ports being known to be on one wire, and so
// many ways to the network of the switch.
func oneWire(v *mapping.View, uplinks int) error {
	told := slices.ContainsFunc(v.Conditions, func(c mapping.Condition) bool {
		return c.Type == mapping.HearsItself && strings.HasPrefix(c.Message, "eth1 and eth2 are on one wire")
	})
	if !told || len(v.Uplinks) != uplinks || slices.ContainsFunc(v.Uplinks, func(u mapping.Uplink) bool { return u.System != greenSays.SystemName }) {
		return fmt.Errorf("conditions %+v, uplinks %+v", v.Conditions, v.Uplinks)
	}
	return nil
}

// finds waits until the agent sees something.
func (r *attackRig) finds(what string, missing func(*mapping.View, *discovery.Snapshot) error) {
	r.t.Helper()
	r.await(patience, func() string {
		state, err := r.State(r.t.Context())
		if err == nil {
			err = missing(&state.View, state.Snapshot)
		}
		if err != nil {
			return fmt.Sprintf("the agent does not see %s: %v", what, err)
		}
		return ""
	})
}
