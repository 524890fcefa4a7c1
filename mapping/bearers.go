// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
)

// A Bearer is what holds a port of the node under a chassis ID that is held on others,
// too. As a rule all of them are one switch, which says the same of itself everywhere.
type Bearer struct {
	Chassis    discovery.ID  `json:"chassis"`
	Source     discovery.MAC `json:"source"`     // of its frames
	SwitchPort discovery.ID  `json:"switchPort"` // that it tells
	Name       string        `json:"name,omitempty"`
	Addresses  []string      `json:"addresses,omitempty"`
	Interface  string        `json:"interface"` // that it holds
	Epoch      uint32        `json:"epoch"`

	Heard time.Time `json:"heard"`
	// Returns is how often it was heard again after a contradiction, unchanged.
	Returns int `json:"returns,omitempty"`
	// Contradicted is when it was last heard to and fro with another.
	Contradicted time.Time `json:"contradicted,omitzero"`
	// Apart is set while the chassis ID does not say which device this is.
	Apart bool `json:"apart,omitempty"`
}

// Bearers are the bearers of chassis IDs that several ports share.
type Bearers []Bearer

const (
	// contradictionLasts is how long who contradicted each other stay apart, and how long
	// one that is silent counts.
	contradictionLasts = 10 * time.Minute
	// contradictionLook is how often they are listened to: as often as switches speak.
	contradictionLook = 30 * time.Second
	// toAndFro is how many returns on both sides prove two devices. A switch that is
	// renamed, or gets another address, goes one way.
	toAndFro = 2

	maxBearers = 1024
)

// heldBearers are the holders of the ports that are heard.
func heldBearers(ports []belief.Port) Bearers {
	var out Bearers
	for i := range ports {
		p := &ports[i]
		if p.State != belief.Held && p.State != belief.Late {
			continue
		}
		n := &p.Holder.Neighbor
		b := Bearer{Chassis: n.Chassis, Source: n.Source, SwitchPort: n.Port, Name: n.SystemName, Interface: p.Interface, Epoch: p.Epoch, Heard: n.LastHeard}
		for _, ip := range managementIPs(n) {
			b.Addresses = append(b.Addresses, ip.String())
		}
		out = append(out, b)
	}
	return out
}

// asApart reports whether two say the same of which ports are apart.
func (s Bearers) asApart(o Bearers) bool {
	apart := func(b Bearer) bool { return !b.Apart }
	return slices.EqualFunc(slices.DeleteFunc(slices.Clone(s), apart), slices.DeleteFunc(slices.Clone(o), apart), func(a, b Bearer) bool {
		return a.Interface == b.Interface && a.Chassis == b.Chassis
	})
}

// contradicts reports whether two ports lead to different devices if both say the truth.
// One wire that ends at both says the same on both.
func (b *Bearer) contradicts(o *Bearer) bool {
	switch {
	case b.Chassis != o.Chassis || b.Interface == o.Interface:
		return false
	case b.Name != "" && o.Name != "" && b.Name != o.Name:
		return true
	case strings.HasPrefix(string(b.Chassis), "cdp:") && b.SwitchPort == o.SwitchPort && b.Source != o.Source:
		return true // the chassis ID is the name, and one port has one address
	default:
		return len(b.Addresses) > 0 && len(o.Addresses) > 0 &&
			!slices.ContainsFunc(b.Addresses, func(ip string) bool { return slices.Contains(o.Addresses, ip) })
	}
}

// Apart reports whether a chassis ID does not say which device bears it on a port.
func (s Bearers) Apart(ifname string, chassis discovery.ID) bool {
	return slices.ContainsFunc(s, func(b Bearer) bool { return b.Apart && b.Interface == ifname && b.Chassis == chassis })
}

// learn takes the bearers from those who held the ports before to those who do now. Who
// holds none proves nothing: anybody can invent it. It changes nothing that s shares
// with others.
func (s Bearers) learn(ports []belief.Port, now time.Time) Bearers {
	held := heldBearers(ports)
	s = slices.Clone(s)
	for i := range held {
		if b := &held[i]; held.share(b) || s.share(b) {
			s = s.note(*b, held)
		}
	}
	s = slices.DeleteFunc(s, func(b Bearer) bool {
		return held.index(&b) < 0 && now.Sub(b.Heard) >= contradictionLasts && now.Sub(b.Contradicted) >= contradictionLasts
	})
	s.judge(now)
	return slices.DeleteFunc(s, func(b Bearer) bool { return !b.Apart && !s.share(&b) })
}

// share reports whether the chassis ID of a bearer is borne on another port, too.
func (s Bearers) share(b *Bearer) bool {
	return slices.ContainsFunc(s, func(o Bearer) bool { return o.Chassis == b.Chassis && o.Interface != b.Interface })
}

func (s Bearers) index(b *Bearer) int {
	return slices.IndexFunc(s, func(o Bearer) bool { return o.Chassis == b.Chassis && o.Interface == b.Interface })
}

// note takes in what one of the holders says now.
func (s Bearers) note(b Bearer, held Bearers) Bearers {
	i := s.index(&b)
	if i >= 0 && s[i].Epoch == b.Epoch {
		before := &s[i]
		b.Returns, b.Contradicted, b.Apart = before.Returns, before.Contradicted, before.Apart
		switch {
		case b.Name != before.Name || !slices.Equal(b.Addresses, before.Addresses):
			b.Returns = 0
		case b.Heard.After(before.Heard) && slices.ContainsFunc(s, func(o Bearer) bool { return o.contradicts(&b) && !o.Heard.Before(before.Heard) }):
			b.Returns = min(b.Returns+1, toAndFro)
		}
		*before = b
		return s
	}
	// On a cable that is new it must say what the others say now; the switch of the others
	// loses nothing by that.
	if i >= 0 {
		b.Contradicted = s[i].Contradicted
		s = slices.Delete(s, i, i+1)
	}
	if len(s) >= maxBearers {
		return s
	}
	b.Apart = stranger(&b, slices.DeleteFunc(slices.Clone(s), func(o Bearer) bool { return held.index(&o) < 0 }))
	return append(s, b)
}

// stranger reports whether a bearer contradicts those that the chassis ID identifies, and
// agrees with none of them.
func stranger(b *Bearer, others Bearers) bool {
	contradicted := false
	for i := range others {
		if o := &others[i]; o.Chassis == b.Chassis && o.Interface != b.Interface && !o.Apart {
			if !o.contradicts(b) {
				return false
			}
			contradicted = true
		}
	}
	return contradicted
}

// judge decides who is apart.
func (s Bearers) judge(now time.Time) {
	for i := range s {
		for j := range i {
			if a, b := &s[i], &s[j]; a.Returns >= toAndFro && b.Returns >= toAndFro && a.contradicts(b) {
				at := a.Heard
				if b.Heard.Before(at) {
					at = b.Heard
				}
				a.Contradicted, b.Contradicted = at, at
			}
		}
	}
	for i := range s {
		b := &s[i]
		if now.Sub(b.Contradicted) < contradictionLasts {
			b.Apart = true
			continue
		}
		b.Contradicted = time.Time{}
		b.Apart = b.Apart && stranger(b, s)
	}
}

// wakes are when what the chassis IDs say changes by itself, or must be looked at again.
func (s Bearers) wakes(now time.Time) []time.Time {
	if !slices.ContainsFunc(s, func(b Bearer) bool {
		return b.Apart || slices.ContainsFunc(s, func(o Bearer) bool { return o.contradicts(&b) })
	}) {
		return nil
	}
	out := []time.Time{now.Add(contradictionLook)}
	for _, b := range s {
		out = append(out, b.Heard.Add(contradictionLasts), b.Contradicted.Add(contradictionLasts))
	}
	return slices.DeleteFunc(out, func(t time.Time) bool { return !t.After(now) })
}

// material is the same without what changes while nothing happens.
func (s Bearers) material() Bearers {
	s = slices.Clone(s)
	for i := range s {
		s[i].Heard, s[i].Contradicted = time.Time{}, s[i].Contradicted.Truncate(contradictionLasts/2)
	}
	return s
}
