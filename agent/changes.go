// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
)

// ChangeKind says what a Change is about.
type ChangeKind string

// What changes on a node.
const (
	ChangeAgent     ChangeKind = "agent"     // it started
	ChangeNeighbor  ChangeKind = "neighbor"  // who holds a port
	ChangeNetwork   ChangeKind = "network"   // the certainty of an attachment; it came where From is empty, went where To is
	ChangeName      ChangeKind = "name"      // what an attachment is called
	ChangePod       ChangeKind = "pod"       // the network that a container's device leads to
	ChangeCondition ChangeKind = "condition" // a condition holds, or no longer
	ChangeOmitted   ChangeKind = "omitted"   // changes came too fast to record them all
)

// A Change is something that became different on the node.
type Change struct {
	Time      time.Time  `json:"time"`
	What      ChangeKind `json:"what"`
	Network   string     `json:"network"`
	Interface string     `json:"interface"`
	VID       uint16     `json:"vid"`
	Pod       string     `json:"pod"`
	From      string     `json:"from"`
	To        string     `json:"to"`
	Reason    string     `json:"reason"`

	warn bool // an operator should look at it
}

// maxReason bounds what is kept of a reason, in characters.
const maxReason = 500

// changes are what became different between two states. known are the containers
// before, of which an earlier run may have told.
func changes(before, after *State, known []Attached) []Change {
	var out []Change
	add := func(c Change) {
		c.Time, c.Reason = after.View.Time.UTC().Round(0), fit.Cut(strings.ReplaceAll(c.Reason, "\n", " "), maxReason)
		out = append(out, c)
	}
	if before == nil {
		add(Change{What: ChangeAgent, To: "started", Reason: "version " + after.Version})
		before = &State{}
	}
	// First what the journal must not leave out where a thousand containers or the
	// networks of a trunk change together.
	conditionChanges(before.View.Conditions, after.View.Conditions, add)
	podChanges(known, after.Attachments, add)
	neighborChanges(before, after, add)
	networkChanges(&before.View, &after.View, add)
	return out
}

func neighborChanges(before, after *State, add func(Change)) {
	held := func(m mapping.Memory) (ports []string, by map[string]string) {
		by = map[string]string{}
		for i := range m.Claims {
			c := &m.Claims[i]
			ports = append(ports, c.Interface)
			by[c.Interface] = fmt.Sprintf("%s port %s", c.Neighbor.Chassis, c.Neighbor.Port)
			if c.Neighbor.SystemName != "" {
				by[c.Interface] = c.Neighbor.SystemName + " " + by[c.Interface]
			}
		}
		return ports, by
	}
	left, was := held(before.Memory)
	now, is := held(after.Memory)
	for _, port := range now {
		if was[port] != is[port] {
			add(Change{What: ChangeNeighbor, Interface: port, From: was[port], To: is[port]})
		}
	}
	for _, port := range left {
		if _, ok := is[port]; !ok {
			add(Change{What: ChangeNeighbor, Interface: port, From: was[port]})
		}
	}
}

func networkChanges(before, after *mapping.View, add func(Change)) {
	type place struct {
		port string
		vid  uint16
		id   mapping.Identity
	}
	at := func(a *mapping.Attachment) place { return place{a.Port.Name, a.VID, a.Identity} }
	known := map[place]*mapping.Attachment{}
	for i := range before.Attachments {
		known[at(&before.Attachments[i])] = &before.Attachments[i]
	}
	kept := map[place]bool{}
	for i := range after.Attachments {
		a := &after.Attachments[i]
		old, ok := known[at(a)]
		if !ok {
			old = &mapping.Attachment{Name: a.Name}
		}
		kept[at(a)] = true
		c := Change{What: ChangeNetwork, Network: called(a), Interface: a.Port.Name, VID: a.VID, From: string(old.Certainty), To: string(a.Certainty), Reason: a.Reason}
		if old.Certainty != a.Certainty {
			add(c)
		}
		if old.Name != a.Name {
			c.What, c.From, c.To, c.Reason = ChangeName, old.Name, a.Name, a.Rule.String()
			add(c)
		}
	}
	for i := range before.Attachments {
		if a := &before.Attachments[i]; !kept[at(a)] {
			add(Change{What: ChangeNetwork, Network: called(a), Interface: a.Port.Name, VID: a.VID, From: string(a.Certainty)})
		}
	}
}

// called is the name of an attachment's network, or its identity.
func called(a *mapping.Attachment) string {
	if a.Name == "" {
		return a.Identity.String()
	}
	return a.Name
}

func podChanges(before, after []Attached, add func(Change)) {
	known := map[record.Key]*Attached{}
	for i := range before {
		known[before[i].Key] = &before[i]
	}
	for i := range after {
		a := &after[i]
		was := cmp.Or(known[a.Key], &Attached{})
		c := Change{
			What: ChangePod, Network: fit.Printable(a.Network), Interface: fit.Printable(a.Device.Name), VID: a.VID, Pod: a.Owner(),
			From: fmt.Sprintf("%s (%s)", fit.Printable(a.Network), fit.Printable(a.Identity)), To: a.LeadsTo(), Reason: a.Reason,
		}
		switch {
		case a.Status == AttachedMoved && was.To != a.To:
			c.warn = true
			add(c)
		case was.To != "" && a.To == "":
			c.From, c.To, c.Reason = was.LeadsTo(), c.From, "it leads to its own network again"
			add(c)
		}
	}
}

func conditionChanges(before, after []mapping.Condition, add func(Change)) {
	among := func(cs []mapping.Condition, c mapping.Condition) string {
		for _, o := range cs {
			if o.Type == c.Type && o.Interface == c.Interface && o.Network == c.Network {
				return string(c.Type)
			}
		}
		return ""
	}
	for _, c := range after {
		if !slices.Contains(before, c) { // From is set where only the message is new
			add(Change{What: ChangeCondition, Network: c.Network, Interface: c.Interface, From: among(before, c), To: string(c.Type), Reason: c.Message, warn: true})
		}
	}
	for _, c := range before {
		if among(after, c) == "" {
			add(Change{What: ChangeCondition, Network: c.Network, Interface: c.Interface, From: string(c.Type), Reason: c.Message})
		}
	}
}

// log writes the change as a line.
func (c *Change) log(log *slog.Logger) {
	attrs := []any{slog.String("what", string(c.What))}
	for _, f := range []struct{ key, value string }{
		{"network", c.Network}, {"interface", c.Interface}, {"pod", c.Pod}, {"from", c.From}, {"to", c.To}, {"reason", c.Reason},
	} {
		if f.value != "" {
			attrs = append(attrs, slog.String(f.key, f.value))
		}
	}
	if c.VID != 0 {
		attrs = append(attrs, slog.Int("vid", int(c.VID)))
	}
	if c.warn {
		log.Warn("change", attrs...)
		return
	}
	log.Info("change", attrs...)
}
