// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// A way leads from a node into a network.
type way struct {
	Device    string             `json:"device"` // to attach to
	VLAN      string             `json:"vlan"`
	Certainty nodefile.Certainty `json:"certainty"`
	Usable    bool               `json:"usable"`
	Reason    string             `json:"reason,omitempty"` // why it is not usable, or not fresh
	Ports     []end              `json:"ports"`
}

// An end is a port of the node, and the port of the switch at the other end of its cable.
type end struct {
	Interface string       `json:"interface"`
	Switch    string       `json:"switch"` // its system name, or else the chassis
	Chassis   discovery.ID `json:"chassis"`
	Port      discovery.ID `json:"port"`
}

func newWay(at *mapping.Uplink) way {
	w := way{Device: view.WhereText(at), VLAN: view.VLANText(at), Certainty: at.Certainty, Usable: at.Usable, Reason: at.Reason}
	for _, m := range at.Members {
		w.Ports = append(w.Ports, newEnd(m.Port.Name, m.System, m.Neighbor))
	}
	if len(w.Ports) == 0 {
		w.Ports = []end{newEnd(at.Port.Name, at.System, at.Neighbor)}
	}
	return w
}

func newEnd(ifname, system string, at discovery.MSAP) end {
	return end{Interface: ifname, Switch: cmp.Or(system, string(at.Chassis)), Chassis: at.Chassis, Port: at.Port}
}

// waysTo are the ways of a node into the network of a name.
func waysTo(n *view.Node, name string) []way {
	out := []way{}
	for _, at := range n.View.Named(name) {
		out = append(out, newWay(&at))
	}
	return out
}

// cells are what a table shows of several ways: devices, switches and their ports.
func cells(o *view.Out, ways []way) (devices, switches, ports string) {
	var d, s, p []string
	for _, w := range ways {
		d = append(d, w.Device)
		for _, e := range w.Ports {
			s, p = append(s, e.Switch), append(p, string(e.Port))
		}
	}
	return strings.Join(slices.Compact(d), " or "), o.List(slices.Compact(s)), o.List(p)
}

// A told node is what one publishes, resolved.
type told struct {
	*view.Node
	moved []v1alpha1.MovedAttachment
}

// manyNodes is from how many nodes on all are read page by page, rather than one by one.
const manyNodes = 16

// toldBy reads what some nodes publish. One that publishes nothing is not among them.
func (c *client) toldBy(ctx context.Context, w *world, names []string, now time.Time) (map[string]*told, error) {
	out := map[string]*told{}
	take := func(t *nodeTopology) (*told, bool) {
		n, err := w.resolve(t, now)
		if err != nil {
			return nil, false
		}
		return &told{n, t.Spec.Moved}, true
	}
	if len(names) >= manyNodes {
		all, err := list(ctx, c, query{resource: topologies}, func(t *nodeTopology) (*told, bool) {
			if !slices.Contains(names, t.Metadata.Name) {
				return nil, false
			}
			return take(t)
		})
		for _, t := range all {
			out[t.Name] = t
		}
		return out, err
	}
	for _, name := range names {
		t, err := get[nodeTopology](ctx, c, query{resource: topologies, name: name})
		if isMissing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n, ok := take(t); ok {
			out[name] = n
		}
	}
	return out, nil
}
