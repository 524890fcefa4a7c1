// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// contradictionStays is how long a contradiction is told of that is none any more, so that
// who says something else every second fills no log.
const contradictionStays = time.Minute

// A routerWatch is the sink that looks whether what routers announce fits together. That is
// only told: what they say decides nothing.
type routerWatch struct {
	told []contradiction // one of a port at most, in the order of ports
	full []string        // interfaces on which more is announced than is kept
}

// A contradiction is of two routers in one VLAN of a port.
type contradiction struct {
	between
	message string
	seen    time.Time // the last time
}

// between is what one contradiction has that another has not.
type between struct {
	port  string
	tag   uint16
	a, b  string
	flags bool // about a prefix of both, else they have none in common
}

// Take implements sink.
func (w *routerWatch) Take(now time.Time, s *Step) (again time.Duration) {
	again, w.full = never, nil
	var told []contradiction
	for i := range s.Snapshot.Ports {
		p := &s.Snapshot.Ports[i]
		if p.TooManyRouters {
			w.full = append(w.full, p.Name)
		}
		if c, ok := w.choose(contradictions(p), p.Name, now); ok {
			told = append(told, c)
			again = min(again, contradictionStays-now.Sub(c.seen))
		}
	}
	w.told = told
	return again
}

// choose returns which contradiction is told of a port: the one of before as long as it
// lasts, and for a while after that.
func (w *routerWatch) choose(found []contradiction, port string, now time.Time) (contradiction, bool) {
	if i := slices.IndexFunc(w.told, func(c contradiction) bool { return c.port == port }); i >= 0 {
		c := w.told[i]
		if slices.ContainsFunc(found, func(d contradiction) bool { return c.between == d.between }) {
			c.seen = now
		}
		if now.Sub(c.seen) < contradictionStays {
			return c, true
		}
	}
	if len(found) == 0 {
		return contradiction{}, false
	}
	found[0].seen = now
	return found[0], true
}

// Conditions implements reporter.
func (w *routerWatch) Conditions() []mapping.Condition {
	var out []mapping.Condition
	for _, name := range w.full {
		out = append(out, mapping.Condition{
			Type: mapping.TooManyRouters, Interface: name,
			Message: name + ": more routers or prefixes are announced than Colvin keeps; new ones are passed over",
		})
	}
	for _, c := range w.told {
		out = append(out, mapping.Condition{Type: mapping.RoutersContradict, Interface: c.port, Message: c.message})
	}
	return out
}

// contradictions are those of a port's routers, of whom was heard first to begin with.
func contradictions(p *discovery.Port) (out []contradiction) {
	for i := range p.Routers {
		for k := i + 1; k < len(p.Routers); k++ {
			a, b := &p.Routers[i], &p.Routers[k]
			if a.Tag != b.Tag {
				continue
			}
			if what, flags := contradict(a, b); what != "" {
				out = append(out, contradiction{
					between: between{p.Name, a.Tag, a.String(), b.String(), flags},
					message: fmt.Sprintf("%s: routers %s and %s %s%s; look which of them belongs there", p.Name, a, b, what, inVLAN(a.Tag)),
				})
			}
		}
	}
	return out
}

func inVLAN(tag uint16) string {
	if tag == 0 {
		return ""
	}
	return fmt.Sprintf(" in VLAN %d", tag)
}

// contradict says in what two routers contradict each other; empty: in nothing. One that
// announces no prefix says nothing that could be contradicted.
func contradict(a, b *discovery.Router) (what string, flags bool) {
	for i := range a.Prefixes {
		for k := range b.Prefixes {
			p, q := &a.Prefixes[i], &b.Prefixes[k]
			if p.Prefix == q.Prefix && !p.Withdrawn() && !q.Withdrawn() && (p.OnLink != q.OnLink || p.Autonomous != q.Autonomous) {
				return fmt.Sprintf("announce %s with different flags (on-link, autonomous)", p.Prefix), true
			}
		}
	}
	mine, others := a.Announced(), b.Announced()
	shared := slices.ContainsFunc(mine, func(p netip.Prefix) bool { return slices.ContainsFunc(others, p.Overlaps) })
	if len(mine) == 0 || len(others) == 0 || shared {
		return "", false
	}
	return "announce no prefix in common", false
}
