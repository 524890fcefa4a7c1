// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A Trial is what other rules would do on a node.
type Trial struct {
	Node       string              `json:"node"`
	Instead    []string            `json:"instead"`            // rules in force that they would replace
	Beside     []string            `json:"beside"`             // and those that would stay
	LooksCut   bool                `json:"looksCut,omitempty"` // it would not count where it is written over the file in force
	Interfaces []TriedUplink       `json:"interfaces"`
	Names      []TriedName         `json:"names"`      // those that come, go or move
	Moved      []TriedContainer    `json:"moved"`      // containers that would count as moved
	Conditions []mapping.Condition `json:"conditions"` // that would be new
	Idle       []rules.Idle        `json:"idle"`       // rules without effect here
}

// A TriedUplink is a way into a network with its name now and then.
type TriedUplink struct {
	Interface string    `json:"interface"`
	VID       uint16    `json:"vid,omitempty"` // the tag
	VLAN      string    `json:"vlan"`
	Switch    string    `json:"switch"`
	Now       []string  `json:"now"` // the name, then aliases
	Then      []string  `json:"then"`
	Rule      rules.Ref `json:"rule,omitzero"`
	Identity  string    `json:"identity"`
	NewColour bool      `json:"newColour,omitempty"` // it would get a colour
	Lost      string    `json:"lost,omitempty"`      // why nobody could attach there then, where that or the name is new

	place string // in sentences
}

// A TriedName is a name with the places that it leads to.
type TriedName struct {
	Name  string   `json:"name"`
	From  []string `json:"from"`
	To    []string `json:"to"`
	Stays bool     `json:"stays,omitempty"` // nothing but places that come, or that go
}

// A TriedContainer is one that would count as moved.
type TriedContainer struct {
	Container string `json:"container"` // the pod, where one is known
	IfName    string `json:"ifName"`
	Network   string `json:"network"` // as asked for
	Device    string `json:"device"`
	To        string `json:"to"`
}

// NewTrial compares what a node resolves by the rules in force and by others. Containers and
// rules without effect are for who knows of them.
func NewTrial(was, in *mapping.Input, before, after *mapping.View) *Trial {
	t := &Trial{
		Node: in.Node, Instead: []string{}, Beside: []string{}, Interfaces: triedUplinks(before, after), Names: triedNames(was, in, before, after),
		Moved: []TriedContainer{}, Conditions: []mapping.Condition{}, Idle: []rules.Idle{},
	}
	for _, k := range after.Conditions {
		if !slices.Contains(before.Conditions, k) {
			t.Conditions = append(t.Conditions, k)
		}
	}
	return t
}

// triedUplinks pairs the ways into networks by port and tag; those that go come last.
func triedUplinks(before, after *mapping.View) []TriedUplink {
	out := []TriedUplink{}
	left := make([]*mapping.Uplink, 0, len(before.Uplinks))
	for i := range before.Uplinks {
		left = append(left, &before.Uplinks[i])
	}
	for i := range after.Uplinks {
		a := &after.Uplinks[i]
		was := slices.IndexFunc(left, func(b *mapping.Uplink) bool {
			return b.Port.Index == a.Port.Index && b.VID == a.VID && b.Neighbor == a.Neighbor
		})
		row := tried(a)
		row.Then, row.Rule = append(row.Then, a.Names()...), a.Rule
		row.NewColour = a.Name == "" && slices.Contains(after.Uncoloured, a.Identity) && !slices.Contains(before.Uncoloured, a.Identity)
		if was >= 0 {
			row.Now = append(row.Now, left[was].Names()...)
		}
		if !a.Usable && (was >= 0 && left[was].Usable || !slices.Equal(row.Now, row.Then)) {
			row.Lost = a.Reason
		}
		if was >= 0 {
			left = slices.Delete(left, was, was+1)
		}
		out = append(out, row)
	}
	for _, b := range left {
		row := tried(b)
		row.Now = append(row.Now, b.Names()...)
		out = append(out, row)
	}
	return out
}

func tried(a *mapping.Uplink) TriedUplink {
	return TriedUplink{
		Interface: WhereText(a), VID: a.VID, VLAN: VLANText(a), Switch: cmp.Or(a.System, string(a.Neighbor.Chassis)),
		Now: []string{}, Then: []string{}, Identity: string(a.Identity.Key()), place: placeText(a),
	}
}

// triedNames are the names that lead elsewhere then, or nowhere.
func triedNames(by, then *mapping.Input, before, after *mapping.View) []TriedName {
	was, is := places(by, before), places(then, after)
	all := maps.Clone(was)
	maps.Copy(all, is)
	out := []TriedName{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if from, to := was[name], is[name]; !maps.Equal(from, to) {
			out = append(out, TriedName{name, sortedKeys(from), sortedKeys(to), len(from) > 0 && len(to) > 0 && (within(from, to) || within(to, from))})
		}
	}
	return out
}

// placeText is where an uplink leads from, in sentences.
func placeText(a *mapping.Uplink) string {
	switch {
	case a.VID != 0 && a.Device.Name != "":
		return fmt.Sprintf("%s (VLAN %d)", a.Device.Name, a.VID)
	case a.VID != 0: // no device has it yet
		return fmt.Sprintf("VLAN %d on %s", a.VID, cmp.Or(a.Parent.Name, a.Port.Name))
	}
	return cmp.Or(a.Device.Name, a.Port.Name)
}

// sortedKeys are the places of a name; none are a list all the same.
func sortedKeys(m map[string]identity.Key) []string {
	return append([]string{}, slices.Sorted(maps.Keys(m))...)
}

// within reports whether all places of a name are the same in another.
func within(few, all map[string]identity.Key) bool {
	for at, key := range few {
		if all[at] != key {
			return false
		}
	}
	return true
}

// places are, by name, where it leads, with the identities there. One that is only put into
// a group is the same.
func places(in *mapping.Input, v *mapping.View) map[string]map[string]identity.Key {
	out := map[string]map[string]identity.Key{}
	for i := range v.Uplinks {
		a := &v.Uplinks[i]
		at := placeText(a)
		for _, name := range a.Names() {
			if out[name] == nil {
				out[name] = map[string]identity.Key{}
			}
			out[name][at] = in.Memory.Ungrouped(a.Identity, a.Port.Index, a.Neighbor).Key()
		}
	}
	return out
}

// Trial shows a trial: a table, then a line for each thing that would be different.
func (o *Out) Trial(t *Trial) error {
	var cells [][]string
	nameless := 0
	for i := range t.Interfaces {
		u := &t.Interfaces[i]
		if u.VID != 0 && len(u.Now) == 0 && len(u.Then) == 0 && !u.NewColour {
			nameless++ // a trunk may have thousands
			continue
		}
		then := strings.Join(u.Then, ", ")
		if u.NewColour {
			then = "(a new colour)"
		}
		cells = append(cells, []string{u.Interface, u.VLAN, o.Cell(u.Switch), strings.Join(u.Now, ", "), then, u.Rule.String()})
	}
	if err := o.Print("%s", t.heading()); err != nil {
		return err
	}
	if len(cells) == 0 {
		return o.Print("%s", strings.Join(append([]string{"No switch is heard on this node, so nothing has a name."}, t.Lines()...), "\n"))
	}
	lines := t.Lines()
	if nameless > 0 {
		lines = append([]string{fmt.Sprintf("Tagged VLANs that have no name, now or then: %d.", nameless)}, lines...)
	}
	return o.Table([]string{"INTERFACE", "VLAN", "SWITCH", "NOW", "THEN", "BY"}, cells, lines...)
}

func (t *Trial) heading() string {
	text := "On " + t.Node
	switch {
	case len(t.Instead) > 0:
		text += ", in the place of " + strings.Join(t.Instead, ", ")
	case len(t.Beside) == 0:
		text += ", which has no rules now"
	}
	if len(t.Beside) > 0 {
		text += ", beside " + strings.Join(t.Beside, ", ")
	}
	return text + ":"
}

// few lists places in a sentence: a name may lead to as many as there are VLANs.
func few(places []string) string {
	const most = 4
	if more := len(places) - most; more > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(places[:most], ", "), more)
	}
	return strings.Join(places, " and ")
}

// Lines are what would be different, and what is without effect.
func (t *Trial) Lines() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if t.LooksCut {
		say("It looks like the beginning of the rules in force: written over them in place, as cp does, it would not count; put it there with mv, or touch it there.")
	}
	for _, n := range t.Names {
		from, to := few(n.From), few(n.To)
		switch {
		case len(n.From) == 0:
			say("%s comes: it would lead to %s.", n.Name, to)
		case len(n.To) == 0:
			say("%s goes: it leads to %s now.", n.Name, from)
		case from == to:
			say("%s moves: it would be another network at %s.", n.Name, to)
		case n.Stays && len(n.From) < len(n.To):
			say("%s comes to more: it leads to %s now, and would lead to %s.", n.Name, from, to)
		case n.Stays:
			say("%s goes in part: it leads to %s now, and would lead to %s.", n.Name, from, to)
		default:
			say("%s moves: it leads to %s now, and would lead to %s.", n.Name, from, to)
		}
	}
	if len(t.Names) == 0 {
		say("No name would change.")
	}
	for i := range t.Interfaces {
		if u := &t.Interfaces[i]; u.Lost != "" && len(u.Then) > 0 {
			say("%s could not be attached to by %s: %s.", u.Then[0], u.place, u.Lost)
		}
	}
	for _, c := range t.Moved {
		say("%s (%s) would count as moved: it asked for %s, and %s would lead to %s.", c.Container, c.IfName, c.Network, c.Device, c.To)
	}
	for _, c := range t.Conditions {
		say("%s: %s.", c.Type, c.Message)
	}
	for _, i := range t.Idle {
		say("Without effect here: %s, %s: %s.", i.Ref, i.Rule, i.Why)
	}
	for i := range out {
		out[i] = fit.Printable(out[i])
	}
	return out
}
