// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/identity"
)

// maxNote is what the API server takes for the text of an Event, in octets.
const maxNote = 1024

// cutNote makes a text that of an Event: some of it is what a node or the wire says.
func cutNote(s string) string {
	s = fit.Printable(s)
	if len(s) <= maxNote {
		return s
	}
	const more = "..."
	return strings.ToValidUTF8(s[:maxNote-len(more)], "") + more
}

// What is recorded of the same object with the same reason counts as the same Event,
// whatever its text. Where the text makes the difference, a related object does.

// announcements are what was said already, so that it is said once while it lasts.
type announcements struct {
	frozen   string
	problems map[problem]bool
	missing  map[missing]bool
	moved    map[move]bool
	lost     map[types.UID]bool // nodes of which the last that was said is what they lost
}

// gained reports whether it is news what a node gains, and notes what is said of it. That
// a node leads somewhere at all, when it comes, is none; that it does again, is.
func (a *announcements) gained(c *plan.NodeChange) bool {
	news := !c.First() || a.lost[c.Node.UID]
	switch {
	case len(c.Add) > 0:
		delete(a.lost, c.Node.UID)
	case a.lost == nil:
		a.lost = map[types.UID]bool{c.Node.UID: true}
	default:
		a.lost[c.Node.UID] = true
	}
	return news
}

type problem struct {
	node    types.UID
	reason  plan.ProblemReason
	message string
}

// A missing network is one that is expected on a node; why it is missing may change.
type missing struct {
	node    types.UID
	network string
}

// A move is a container that is in another network than it asked for.
type move struct {
	container, ifname, network, to string
}

// networkMoved is the reason of the Events about containers in another network.
const networkMoved = "NetworkMoved"

// announce says what concerns nodes and pods, and no Network can tell.
func (r *reconciler) announce(ctx context.Context, p *plan.Plan) error {
	if p.Frozen != r.said.frozen {
		if r.said.frozen = p.Frozen; p.Frozen != "" {
			r.Log.Error("nothing is changed in the cluster", "reason", p.Frozen)
		} else {
			r.Log.Info("the cluster is kept up to date again")
		}
	}
	if p.Frozen != "" {
		return nil
	}
	r.announceProblems(p.Problems)
	r.announceMissing(p.Missing)
	return r.announceMoved(ctx, p.Moved)
}

func (r *reconciler) announceProblems(all []plan.Problem) {
	now := make(map[problem]bool, len(all))
	for _, p := range all {
		key := problem{p.Node.UID, p.Reason, p.Message}
		if now[key] = true; r.said.problems[key] {
			continue
		}
		r.Log.Warn("a node has a problem", "node", p.Node.Name, "reason", p.Reason, "message", p.Message)
		r.tell.Eventf(nodeReference(p.Node), nil, corev1.EventTypeWarning, string(p.Reason), "Observe", "%s", cutNote(p.Message))
	}
	r.said.problems = now
}

func (r *reconciler) announceMissing(all []plan.Missing) {
	now := make(map[missing]bool, len(all))
	for _, m := range all {
		key := missing{m.Node.UID, m.Network}
		if now[key] = true; r.said.missing[key] {
			continue
		}
		r.Log.Warn("a node does not have a network that is expected there", "node", m.Node.Name, "network", m.Network, "message", m.Message)
		r.tell.Eventf(nodeReference(m.Node), networkReference(m.Network), corev1.EventTypeWarning, "NetworkMissing", "Observe", "%s", cutNote(m.Message))
	}
	r.said.missing = now
}

// maxMoved bounds how many containers of one node one plan tells of: each costs a
// request, and what a node says must not cost the others theirs.
const maxMoved = 64

// announceMoved tells pods that they are in another network than they asked for. Where
// no pod is known that runs on the node, the Node is told, since it is the node that
// says so. What could not be told because the API server did not answer is told later.
func (r *reconciler) announceMoved(ctx context.Context, all []plan.Moved) error {
	now := make(map[move]bool, len(all))
	fresh := map[types.UID]int{} // by node
	var errs []error
	for i := range all {
		m := &all[i]
		key := move{m.ContainerID, m.IfName, m.Network, m.To}
		if r.said.moved[key] {
			now[key] = true
			continue
		}
		if fresh[m.Node.UID]++; fresh[m.Node.UID] > maxMoved {
			now[key] = true // the Network and the NodeTopology tell of it
			continue
		}
		pod, err := r.podOf(ctx, m)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		now[key] = true
		r.tellMoved(m, pod)
	}
	r.said.moved = now
	return errors.Join(errs...)
}

// tellMoved records one container that is in another network, and whose it is.
func (r *reconciler) tellMoved(m *plan.Moved, pod *corev1.ObjectReference) {
	r.Log.Warn("a container is in another network than it asked for", "node", m.Node.Name, "container", m.ContainerID, "interface", m.IfName, "network", m.Network, "to", m.To)
	about, whose := pod, m.IfName
	if about == nil {
		about, whose = nodeReference(m.Node), plan.Container(&m.MovedAttachment)
	}
	r.tell.Eventf(about, networkReference(m.Network), corev1.EventTypeWarning, networkMoved, "Observe", "%s",
		cutNote(fmt.Sprintf("%s asked for %s, and %s on node %s leads to %s now; nothing was changed in the pod", whose, m.Network, m.Device, m.Node.Name, identity.Key(m.To).Named())))
}
