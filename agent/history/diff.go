// SPDX-License-Identifier: Apache-2.0

package history

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
)

// noted is a Change as the journal takes it down.
type noted struct {
	agentapi.Change
	warn bool // an operator should look at it
}

// maxReason bounds what is kept of a reason, in characters.
const maxReason = 500

// diff returns what became different between two states. known are the containers
// before, of which an earlier run may have told.
func diff(before, after *agentapi.State, known []agentapi.ContainerAttachment) []noted {
	var out []noted
	note := func(c agentapi.Change, warn bool) {
		c.Time, c.Reason = after.View.Time.UTC().Round(0), fit.Cut(strings.ReplaceAll(c.Reason, "\n", " "), maxReason)
		out = append(out, noted{c, warn})
	}
	add := func(c agentapi.Change) { note(c, false) }
	warn := func(c agentapi.Change) { note(c, true) }
	if before == nil {
		add(agentapi.Change{What: agentapi.ChangeAgent, To: "started", Reason: "version " + after.Version})
		before = &agentapi.State{}
	}
	// First what the journal must not leave out where a thousand containers or the
	// networks of a trunk change together.
	conditionChanges(before.View.Conditions, after, add, warn)
	podChanges(known, after.Attachments, add, warn)
	neighborChanges(before, after, add)
	networkChanges(&before.View, &after.View, add)
	prefixChanges(before.Snapshot, after.Snapshot, add)
	return out
}

func neighborChanges(before, after *agentapi.State, add func(agentapi.Change)) {
	held := func(m mapping.Memory) (ports []string, by map[string]holder) {
		by = make(map[string]holder, len(m.Ports))
		for i := range m.Ports {
			if p := &m.Ports[i]; p.Holder != nil {
				ports = append(ports, p.Interface)
				by[p.Interface] = holder{p.Holder.SystemName, p.Holder.MSAP}
			}
		}
		return ports, by
	}
	left, was := held(before.Memory)
	now, is := held(after.Memory)
	for _, port := range now {
		if was[port] != is[port] {
			add(agentapi.Change{What: agentapi.ChangeNeighbor, Interface: port, From: was[port].String(), To: is[port].String()})
		}
	}
	for _, port := range left {
		if _, ok := is[port]; !ok {
			add(agentapi.Change{What: agentapi.ChangeNeighbor, Interface: port, From: was[port].String()})
		}
	}
}

// A holder is who holds a port.
type holder struct {
	system string
	discovery.MSAP
}

// String is empty for nobody.
func (h holder) String() string {
	switch {
	case h == holder{}:
		return ""
	case h.system == "":
		return fmt.Sprintf("%s port %s", h.Chassis, h.Port)
	default:
		return fmt.Sprintf("%s %s port %s", h.system, h.Chassis, h.Port)
	}
}

func networkChanges(before, after *mapping.View, add func(agentapi.Change)) {
	type place struct {
		port string
		vid  uint16
		id   mapping.Identity
	}
	at := func(a *mapping.Uplink) place { return place{a.Port.Name, a.VID, a.Identity} }
	if slices.EqualFunc(before.Uplinks, after.Uplinks, func(a, b mapping.Uplink) bool {
		return at(&a) == at(&b) && a.Certainty == b.Certainty && a.Name == b.Name
	}) {
		return // as nearly always, on nodes that have thousands
	}
	known := map[place]*mapping.Uplink{}
	for i := range before.Uplinks {
		known[at(&before.Uplinks[i])] = &before.Uplinks[i]
	}
	kept := map[place]bool{}
	for i := range after.Uplinks {
		a := &after.Uplinks[i]
		old, ok := known[at(a)]
		if !ok {
			old = &mapping.Uplink{Name: a.Name}
		}
		kept[at(a)] = true
		c := agentapi.Change{What: agentapi.ChangeNetwork, Network: networkOf(a), Interface: a.Port.Name, VID: a.VID, From: string(old.Certainty), To: string(a.Certainty), Reason: a.Reason}
		if old.Certainty != a.Certainty {
			add(c)
		}
		if old.Name != a.Name {
			c.What, c.From, c.To, c.Reason = agentapi.ChangeName, old.Name, a.Name, a.Rule.String()
			add(c)
		}
	}
	for i := range before.Uplinks {
		if a := &before.Uplinks[i]; !kept[at(a)] {
			add(agentapi.Change{What: agentapi.ChangeNetwork, Network: networkOf(a), Interface: a.Port.Name, VID: a.VID, From: string(a.Certainty)})
		}
	}
}

// networkOf is the name of an attachment's network, or its identity.
func networkOf(a *mapping.Uplink) string {
	if a.Name == "" {
		return a.Identity.String()
	}
	return a.Name
}

func podChanges(before, after []agentapi.ContainerAttachment, add, warn func(agentapi.Change)) {
	known := map[record.Key]*agentapi.ContainerAttachment{}
	for i := range before {
		known[before[i].Key] = &before[i]
	}
	for i := range after {
		a := &after[i]
		was := cmp.Or(known[a.Key], &agentapi.ContainerAttachment{})
		c := agentapi.Change{
			What: agentapi.ChangePod, Network: fit.Printable(a.Network), Interface: fit.Printable(a.Device.Name), VID: a.VID, Pod: a.Owner(),
			From: fmt.Sprintf("%s (%s)", fit.Printable(a.Network), fit.Printable(identity.Key(a.Identity).Named())), To: a.LeadsTo(), Reason: a.Reason,
		}
		switch {
		case a.Status == agentapi.ContainerMoved && was.To != a.To:
			warn(c)
		case was.To != "" && a.To == "":
			c.From, c.To, c.Reason = was.LeadsTo(), c.From, "it leads to its own network again"
			add(c)
		}
	}
}

func conditionChanges(before []mapping.Condition, now *agentapi.State, add, warn func(agentapi.Change)) {
	after := now.View.Conditions
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
			warn(agentapi.Change{What: agentapi.ChangeCondition, Network: c.Network, Interface: c.Interface, From: among(before, c), To: string(c.Type), Reason: c.Message})
		}
	}
	for _, c := range before {
		if among(after, c) == "" {
			add(agentapi.Change{What: agentapi.ChangeCondition, Network: c.Network, Interface: c.Interface, From: string(c.Type), Reason: whyEnded(c, now)})
		}
	}
}

// log writes the change as a line.
func (c *noted) log(log *slog.Logger) {
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
