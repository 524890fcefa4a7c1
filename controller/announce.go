// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/mapping/identity"
)

// maxNote is what the API server takes for the text of an Event, in octets.
const maxNote = 1024

// cutNote bounds the text of an Event.
func cutNote(s string) string {
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
	node            types.UID
	reason, message string
}

// A move is a container that is in another network than it asked for.
type move struct {
	container, ifname, network, to string
}

// announce says what concerns nodes and pods, and no Network can tell.
func (r *reconciler) announce(p *plan.Plan) {
	if p.Frozen != r.said.frozen {
		if r.said.frozen = p.Frozen; p.Frozen != "" {
			r.Log.Error("nothing is changed in the cluster", "reason", p.Frozen)
		} else {
			r.Log.Info("the cluster is kept up to date again")
		}
	}
	if p.Frozen == "" {
		r.announceProblems(p.Problems)
		r.announceMoved(p.Moved)
	}
}

func (r *reconciler) announceProblems(all []plan.Problem) {
	now := make(map[problem]bool, len(all))
	for _, p := range all {
		key := problem{p.Node.UID, p.Reason, p.Message}
		if now[key] = true; r.said.problems[key] {
			continue
		}
		r.Log.Warn("a node has a problem", "node", p.Node.Name, "reason", p.Reason, "message", p.Message)
		r.tell.Eventf(nodeReference(p.Node), nil, corev1.EventTypeWarning, p.Reason, "Observe", "%s", cutNote(p.Message))
	}
	r.said.problems = now
}

// announceMoved tells pods that they are in another network than they asked for. Who
// is not told is a container whose pod the agent does not know.
func (r *reconciler) announceMoved(all []plan.Moved) {
	now := make(map[move]bool, len(all))
	for _, m := range all {
		key := move{m.ContainerID, m.IfName, m.Network, m.To}
		if now[key] = true; r.said.moved[key] {
			continue
		}
		r.Log.Warn("a container is in another network than it asked for", "node", m.Node, "container", m.ContainerID, "interface", m.IfName, "network", m.Network, "to", m.To)
		if m.Pod == nil {
			continue
		}
		pod := &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: m.Pod.Namespace, Name: m.Pod.Name, UID: types.UID(m.Pod.UID)}
		r.tell.Eventf(pod, networkReference(m.Network), corev1.EventTypeWarning, "NetworkMoved", "Observe", "%s",
			cutNote(fmt.Sprintf("%s asked for %s, and %s on node %s leads to %s now; nothing was changed in the pod", m.IfName, m.Network, m.Device, m.Node, identity.Key(m.To).Named())))
	}
	r.said.moved = now
}
