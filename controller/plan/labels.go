// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// LabelPrefix begins the labels of a node that are the controller's; the name of a
// network ends them.
const LabelPrefix = "network.colvin.dev/"

// labelValue is the value of every label.
const labelValue = "true"

// Grace is how long a label outlives the certainty of where its network is. A switch
// that restarts must not have pods rescheduled that wait for it.
const Grace = time.Minute

// RebootGrace is the same after the node itself restarted: as long as pods tolerate a node
// that is not ready, unless they say otherwise. Those that wait for it must find it as
// it was, and those that nobody moved need no other.
const RebootGrace = 5 * time.Minute

// maxLabels bounds the names of one node: rules can make a name of what is on the
// wire, and a Node holds only so much.
const maxLabels = 1024

// A NodeChange changes labels of a Node: with the names of Add, "true", and those of
// Remove gone. Known is what becomes of KnownLabel; nil where it is as it should be.
type NodeChange struct {
	Node        Node
	Add, Remove []string
	Known       *bool
}

// First reports whether the node had no labels of ours before.
func (c *NodeChange) First() bool {
	for key := range c.Node.Labels {
		if strings.HasPrefix(key, LabelPrefix) {
			return false
		}
	}
	return true
}

// labels plans the labels of a node: by what it resolves itself, since a pod must never
// be sent where ADD would refuse it.
func (w *clusterView) labels(n *Node, o *observed) {
	var usable map[string]bool
	var doubted map[string]time.Time
	if o != nil && o.err == nil {
		usable, doubted = o.names.usable, o.names.waiting(w.now)
		if o.names.more > 0 {
			w.plan.Problems = append(w.plan.Problems, Problem{
				o.node, TooManyNetworks, fmt.Sprintf("%d names of networks lead from this node; the first %d count", maxLabels+o.names.more, maxLabels),
			})
		}
	}
	have, change := map[string]bool{}, NodeChange{Node: *n}
	for key, value := range n.Labels {
		name, ours := strings.CutPrefix(key, LabelPrefix)
		if !ours {
			continue
		}
		have[name] = value == labelValue
		until, waits := doubted[name]
		switch {
		case usable[name]:
		case waits && have[name]:
			w.plan.wake(until)
		case have[name] && w.mayBear(o, name):
		default:
			change.Remove = append(change.Remove, name)
		}
	}
	for name := range usable {
		if !have[name] {
			change.Add = append(change.Add, name)
		}
	}
	slices.Sort(change.Add)
	slices.Sort(change.Remove)
	change.Known = w.expectations(n, o, func(name string) bool {
		_, waits := doubted[name]
		return usable[name] || waits
	})
	if len(change.Add)+len(change.Remove) > 0 || change.Known != nil {
		w.plan.Nodes = append(w.plan.Nodes, change)
	}
}

// mayBear reports whether the network of a name may still be heard on a node that waits
// on a port of which it knows nothing: one that remembers nothing over a reboot, as its
// disk is in memory, is as it was a minute later.
func (w *clusterView) mayBear(o *observed, name string) bool {
	return o != nil && o.err == nil && w.set.Covers(name) && slices.ContainsFunc(o.topology.Spec.Interfaces, func(ifi v1alpha1.Interface) bool {
		return ifi.Port != nil && ifi.Port.Pending && ifi.Port.Holder == nil
	})
}

// nodeNames are the names by which a pod can be attached on a node, and those by which it could
// a moment ago.
type nodeNames struct {
	usable  map[string]bool
	doubted []doubt
	more    int // that there are, as more than are kept
}

// A doubt is a name that is not usable, since when.
type doubt struct {
	name      string
	certainty nodefile.Certainty
	since     time.Time
	patience  time.Duration // how long its label outlives the certainty
}

// keepNames keeps the first names of a node, and drops the uplinks of others: what is untagged
// comes first, then what a switch names, then what rules alone declare.
func (o *observed) keepNames() nodeNames {
	order := make([]*mapping.Uplink, 0, len(o.view.Uplinks))
	for i := range o.view.Uplinks {
		order = append(order, &o.view.Uplinks[i])
	}
	rank := func(a *mapping.Uplink) int {
		switch {
		case a.VID == 0:
			return 0
		case a.VLANSource == mapping.VLANDeclared:
			return 2
		default:
			return 1
		}
	}
	slices.SortStableFunc(order, func(a, b *mapping.Uplink) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a.VID, b.VID)) })
	kept, more := map[string]bool{}, map[string]bool{}
	for _, a := range order {
		for _, name := range a.Names() {
			switch {
			case kept[name]:
			case len(kept) < maxLabels:
				kept[name] = true
			default:
				more[name] = true
			}
		}
	}
	if len(more) > 0 {
		var uplinks []mapping.Uplink
		for _, a := range o.view.Uplinks {
			if a.Name != "" && !kept[a.Name] {
				continue
			}
			a.Aliases = slices.DeleteFunc(slices.Clone(a.Aliases), func(alias string) bool { return !kept[alias] })
			uplinks = append(uplinks, a)
		}
		o.view.Uplinks = slices.Clip(uplinks)
	}
	patience := o.patience()
	out := nodeNames{usable: map[string]bool{}, more: len(more)}
	for i := range o.view.Uplinks {
		a := &o.view.Uplinks[i]
		for _, name := range a.Names() {
			switch {
			case !rules.ValidName(name):
			case a.Usable:
				out.usable[name] = true
			case a.Certainty == nodefile.Unverified || a.Certainty == nodefile.Down:
				out.doubted = append(out.doubted, doubt{name, a.Certainty, a.Since, patience(a.Port.Index)})
			}
		}
	}
	return out
}

// waiting are the names in doubt that count until a time.
func (n *nodeNames) waiting(now time.Time) map[string]time.Time {
	var out map[string]time.Time
	for _, d := range n.doubted {
		if until, waits := grace(d.certainty, d.since, now, d.patience); waits && until.After(out[d.name]) {
			if out == nil {
				out = map[string]time.Time{}
			}
			out[d.name] = until
		}
	}
	return out
}

// patience is how long the label of an uplink outlives its certainty, by the index of its
// port: longer where the node rebooted.
func (o *observed) patience() func(port int) time.Duration {
	rebooted := map[int]bool{}
	for i := range o.input.Memory.Ports {
		if p := &o.input.Memory.Ports[i]; p.Cause == belief.Rebooted {
			rebooted[p.Index] = true
		}
	}
	return func(port int) time.Duration {
		if rebooted[port] {
			return RebootGrace
		}
		return Grace
	}
}

// grace is until when a label stays though its uplink is in doubt since then.
func grace(certainty nodefile.Certainty, since, now time.Time, patience time.Duration) (time.Time, bool) {
	if certainty != nodefile.Unverified && certainty != nodefile.Down {
		return time.Time{}, false
	}
	return within(patience, since, now)
}

// within is the end of a time that began then, and whether it is still to come. A clock
// that is too far ahead says nothing about how long that is.
func within(length time.Duration, since, now time.Time) (time.Time, bool) {
	if since.Sub(now) > length {
		return time.Time{}, false
	}
	if since.After(now) {
		since = now
	}
	until := since.Add(length)
	return until, now.Before(until)
}
