// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"net/netip"
	"slices"
	"time"
)

// Connected are the addresses that say which subnets an interface is part of: global ones,
// the first of each subnet. Whoever goes by one that is Dynamic has to see that its lease
// was Updated since the cable is what it is; one that is Deprecated is on its way out.
func (s *Snapshot) Connected(index int) []Address {
	i, _ := s.Interface(index)
	var out []Address
	for k := range i.Addresses {
		if i.Addresses[k].Connects() {
			out = append(out, i.Addresses[k])
		}
	}
	return out
}

// A HeardRouter is a Router with the port on which it is heard.
type HeardRouter struct {
	Port string `json:"port"`
	Router
}

// Routers are those whose advertisements reach an interface: heard on the ports below it,
// untagged, or with its tag where it is a VLAN device. Of a bridge that keeps VLANs apart
// that is not known.
func (s *Snapshot) Routers(index int) []HeardRouter {
	var out []HeardRouter
	for _, l := range s.below(index) {
		for i := range l.port.Routers {
			if r := l.port.Routers[i]; r.Tag == l.vid {
				out = append(out, HeardRouter{l.port.Name, r})
			}
		}
	}
	return out
}

// HeardPrefixes are the prefixes that routers announce on an interface as being on its link,
// in order. Anybody on the wire can announce any.
func (s *Snapshot) HeardPrefixes(index int) []netip.Prefix {
	var out []netip.Prefix
	for _, r := range s.Routers(index) {
		out = append(out, r.onLink(s.Time)...)
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	return slices.Compact(out)
}

// HeardPrefixes are those that routers announce on the port, by the tag with which they are
// heard.
func (p *Port) HeardPrefixes(now time.Time) map[uint16][]netip.Prefix {
	var out map[uint16][]netip.Prefix
	for i := range p.Routers {
		r := &p.Routers[i]
		if prefixes := r.onLink(now); len(prefixes) > 0 {
			if out == nil {
				out = map[uint16][]netip.Prefix{}
			}
			out[r.Tag] = append(out[r.Tag], prefixes...)
		}
	}
	return out
}

// onLink are the prefixes that the router announces as being on the link, and that count.
func (r *Router) onLink(now time.Time) (out []netip.Prefix) {
	for i := range r.Prefixes {
		if p := &r.Prefixes[i]; p.OnLink && !p.Withdrawn() && p.Expires().After(now) {
			out = append(out, p.Prefix)
		}
	}
	return out
}

// A lane is a port, and the VID with which frames pass it; 0: untagged.
type lane struct {
	port *Port
	vid  uint16
}

// below are the lanes that lead to an interface.
func (s *Snapshot) below(index int) []lane {
	var out []lane
	seen := map[int]bool{}
	var visit func(index int, vid uint16)
	visit = func(index int, vid uint16) {
		ifi, ok := s.Interface(index)
		if !ok || seen[index] {
			return
		}
		seen[index] = true
		if i := slices.IndexFunc(s.Ports, func(p Port) bool { return p.Index == index }); i >= 0 {
			out = append(out, lane{&s.Ports[i], vid})
		}
		switch {
		case ifi.VLAN != 0 && vid == 0:
			visit(ifi.Parent, ifi.VLAN)
		case ifi.VLAN != 0: // a tag within a tag
		case ifi.Kind.JoinsPorts() && !ifi.VLANFiltering:
			for i := range s.Interfaces {
				if s.Interfaces[i].Master == index {
					visit(s.Interfaces[i].Index, vid)
				}
			}
		}
	}
	visit(index, 0)
	return out
}
