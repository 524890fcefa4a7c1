// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
)

// settled is after how long on a cable a router that is heard for the first time is news:
// by then every one that was there before was heard (RFC 4861, 6.2.1, MaxRtrAdvInterval).
const settled = 30 * time.Minute

// prefixChanges tells where a router announces other prefixes than before, or none any more.
// On another cable, and in another run of the agent, everything is as it is.
func prefixChanges(before, after *discovery.Snapshot, add func(agentapi.Change)) {
	if before == nil || after == nil {
		return
	}
	for i := range after.Ports {
		is := &after.Ports[i]
		if was, ok := before.Port(is.Index); ok && was.Epoch == is.Epoch && was.Since.Equal(is.Since) {
			routerChanges(&was, is, after.Time, add)
		}
	}
}

func routerChanges(was, is *discovery.Port, now time.Time, add func(agentapi.Change)) {
	change := func(r *discovery.Router, from, to []netip.Prefix, reason string) {
		if !slices.Equal(from, to) {
			add(agentapi.Change{
				What: agentapi.ChangePrefix, Interface: is.Name, VID: r.Tag, From: prefixList(from), To: prefixList(to),
				Reason: fmt.Sprintf("router %s %s", r, reason),
			})
		}
	}
	for i := range is.Routers {
		r := &is.Routers[i]
		old := find(was, r)
		switch {
		case old != nil:
			change(r, old.Announced(), r.Announced(), becameOf(old, r))
		case now.Sub(is.Since) >= settled || slices.ContainsFunc(was.Routers, func(o discovery.Router) bool { return o.Tag == r.Tag }):
			change(r, nil, r.Announced(), "is new")
		}
	}
	for i := range was.Routers {
		if r := &was.Routers[i]; find(is, r) == nil {
			change(r, r.Announced(), nil, "is heard no more")
		}
	}
}

func find(p *discovery.Port, r *discovery.Router) *discovery.Router {
	for i := range p.Routers {
		if o := &p.Routers[i]; o.Tag == r.Tag && o.Address == r.Address && o.Source == r.Source {
			return o
		}
	}
	return nil
}

// becameOf says what a router did to its prefixes.
func becameOf(old, r *discovery.Router) string {
	var withdrawn, over []netip.Prefix
	for _, p := range old.Announced() {
		switch i := slices.IndexFunc(r.Prefixes, func(q discovery.AdvertisedPrefix) bool { return q.Prefix == p }); {
		case i < 0:
			over = append(over, p)
		case r.Prefixes[i].Withdrawn():
			withdrawn = append(withdrawn, p)
		}
	}
	switch {
	case len(withdrawn) > 0:
		return "withdrew " + prefixList(withdrawn)
	case len(over) > 0:
		return "announces no more " + prefixList(over)
	default:
		return "announces more"
	}
}

func prefixList(prefixes []netip.Prefix) string {
	var out []string
	for _, p := range prefixes {
		out = append(out, p.String())
	}
	return strings.Join(out, ", ")
}
