// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"reflect"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/agent/rulebook"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// A Step is what was seen at one moment and what it means. The first part is made for the
// sinks; the second they add, each for those after it.
type Step struct {
	mapping.Input // world, snapshot, memory, colours
	View          mapping.View
	RuleStatus    rulebook.Rules                 // the rules in force and what is wrong with them
	Attached      []agentapi.ContainerAttachment // what the records mean by now
	Before        []agentapi.ContainerAttachment // what they meant in the Step before

	kept *mapping.Memory // what is material of the memory, where that is known

	Out     bool            // there is a node file, maybe of an earlier Step
	Current bool            // it says what the View does
	Writes  uint64          // of the node file, since the agent started
	State   *agentapi.State // what is told; its View has the conditions of all parts
}

// material is what is material of the Step's memory.
func (s *Step) material() mapping.Memory {
	if s.kept == nil {
		return s.Memory.Material()
	}
	return *s.kept
}

// A mapper makes Steps. It has what outlives them.
type mapper struct {
	world      mapping.World // its rules are those of the Step
	use        mapping.Colours
	colours    colourSource
	rules      inForce
	memory     mapping.Memory
	material   mapping.Memory // of the last Step
	containers judged
	forgets    []*forgetting // that the next Step carries out
}

// A forgetting is an order to forget what was heard on a port.
type forgetting struct {
	ifname string
	done   chan struct{} // closed once what follows is known, and the sinks took the Step
	who    string
	err    error
}

// forget carries out the orders. What follows from nothing being remembered is remembered at
// once: that pods attach by a rule now.
func (m *mapper) forget(snapshot *discovery.Snapshot) {
	for _, f := range m.forgets {
		m.memory, f.who, f.err = m.memory.Forget(m.world, snapshot, f.ifname)
		m.memory = m.memory.Advance(m.world, snapshot)
	}
}

// step maps a snapshot. The time is when that has another result though nothing is heard.
func (m *mapper) step(now time.Time, snapshot *discovery.Snapshot) (s *Step, wake time.Time) {
	m.world.Rules = m.rules.Set
	m.memory = m.memory.Advance(m.world, snapshot)
	m.forget(snapshot)
	s = &Step{
		Input:      mapping.Input{World: m.world, Snapshot: snapshot, Memory: m.memory, Colours: m.knownColours()},
		RuleStatus: m.rules.Rules,
	}
	if now := s.material(); !reflect.DeepEqual(now, m.material) {
		m.material = now
	}
	s.kept = new(m.material) // the very same where nothing has changed, which who compares sees at once
	s.View = mapping.Resolve(s.Input)
	if m.giveColours(s.View.Uncoloured) {
		s.Colours = m.knownColours()
		s.View = mapping.Resolve(s.Input)
	}
	wake = now.Add(never)
	if m.colours.due() {
		wake = now.Add(lookEvery)
	}
	for _, t := range []time.Time{s.View.Wake, m.containers.judge(s)} {
		if !t.IsZero() && t.Before(wake) {
			wake = t
		}
	}
	return s, wake
}

// knownColours are none without the rules: a colour could be shadowed, or its port be
// ignored.
func (m *mapper) knownColours() mapping.Colours {
	c := m.use
	if !m.rules.Unknown() {
		c.Book = m.colours.known()
	}
	return c
}

// giveColours gives colours to identities that need one, and reports whether there are
// new ones.
func (m *mapper) giveColours(ids []mapping.Identity) bool {
	if m.rules.Unknown() {
		ids = nil
	}
	return m.colours.give(ids, m.rules.Set.Covers)
}

// inForce is the rules in force.
type inForce struct{ rulebook.Rules }

// Conditions say why the rules that are there are not in force.
func (r *inForce) Conditions() []mapping.Condition {
	if r.Problem == "" {
		return nil
	}
	why := mapping.RulesInvalid
	if r.Waiting {
		why = mapping.ClusterUnreachable
	}
	return []mapping.Condition{{Type: why, Message: r.Problem}}
}

// Unwritten says why the rules in force are not kept for the next start.
func (r *inForce) Unwritten() error { return r.Unkept }

// judged are the CNI plugin's records and what they mean by now.
type judged struct {
	records  *containers.Records
	attached []agentapi.ContainerAttachment
}

// judge holds the records against a Step. The time is when that has another result though
// nothing is heard.
func (j *judged) judge(s *Step) (wake time.Time) {
	s.Before = j.attached
	seen := containers.Seen{View: &s.View, Memory: s.Memory, Snapshot: s.Snapshot, RulesUnknown: s.RuleStatus.Unknown()}
	j.attached, wake = containers.Judge(j.records, seen, s.Before)
	s.Attached = j.attached
	return wake
}

// Conditions say what an operator should know of containers.
func (j *judged) Conditions() []mapping.Condition {
	return containers.Conditions(j.attached, j.records)
}
