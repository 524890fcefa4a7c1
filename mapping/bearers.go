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
	return slices.EqualFunc(s.apart(), o.apart(), func(a, b Bearer) bool {
		return a.Interface == b.Interface && a.Chassis == b.Chassis
	})
}

// apart are those that are apart.
func (s Bearers) apart() (out Bearers) {
	for i := range s {
		if s[i].Apart {
			out = append(out, s[i])
		}
	}
	return out
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
	for i := range s {
		if b := &s[i]; b.Apart && b.Interface == ifname && b.Chassis == chassis {
			return true
		}
	}
	return false
}

// learn takes the bearers from those who held the ports before to those who do now. Who
// holds none proves nothing: anybody can invent it. It changes nothing that s shares
// with others.
func (s Bearers) learn(ports []belief.Port, now time.Time) Bearers {
	held := heldBearers(ports)
	s = slices.Clone(s)
	present, before := held.among(), s.among()
	for i := range held {
		if b := &held[i]; present.share(b) || before.share(b) {
			s = s.note(*b, present)
		}
	}
	s = slices.DeleteFunc(s, func(b Bearer) bool {
		return !present.has(&b) && now.Sub(b.Heard) >= contradictionLasts && now.Sub(b.Contradicted) >= contradictionLasts
	})
	s.judge(now)
	left := s.among()
	return slices.DeleteFunc(s, func(b Bearer) bool { return !b.Apart && !left.share(&b) })
}

// borne are the interfaces on which chassis IDs are borne.
type borne map[discovery.ID]map[string]bool

func (s Bearers) among() borne {
	out := make(borne, len(s))
	for i := range s {
		b := &s[i]
		if out[b.Chassis] == nil {
			out[b.Chassis] = map[string]bool{}
		}
		out[b.Chassis][b.Interface] = true
	}
	return out
}

func (o borne) has(b *Bearer) bool { return o[b.Chassis][b.Interface] }

// share reports whether the chassis ID of a bearer is borne on another port, too.
func (o borne) share(b *Bearer) bool {
	on := o[b.Chassis]
	return len(on) > 1 || len(on) == 1 && !on[b.Interface]
}

func (s Bearers) index(b *Bearer) int {
	for i := range s {
		if o := &s[i]; o.Interface == b.Interface && o.Chassis == b.Chassis {
			return i
		}
	}
	return -1
}

// note takes in what one of the holders says now.
func (s Bearers) note(b Bearer, held borne) Bearers {
	i := s.index(&b)
	if i >= 0 && s[i].Epoch == b.Epoch {
		before := &s[i]
		b.Returns, b.Contradicted, b.Apart = before.Returns, before.Contradicted, before.Apart
		switch {
		case b.Name != before.Name || !slices.Equal(b.Addresses, before.Addresses):
			b.Returns = 0
		case b.Heard.After(before.Heard) && s.contradict(&b, before.Heard):
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
	b.Apart = stranger(&b, s, held.has)
	return append(s, b)
}

// contradict reports whether somebody contradicts a bearer who was heard at a time or after it.
func (s Bearers) contradict(b *Bearer, since time.Time) bool {
	for i := range s {
		if o := &s[i]; o.Chassis == b.Chassis && !o.Heard.Before(since) && o.contradicts(b) {
			return true
		}
	}
	return false
}

// stranger reports whether a bearer contradicts those that the chassis ID identifies, and
// agrees with none of them.
func stranger(b *Bearer, others Bearers, counts func(*Bearer) bool) bool {
	contradicted := false
	for i := range others {
		if o := &others[i]; o.Chassis == b.Chassis && o.Interface != b.Interface && !o.Apart && counts(o) {
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
		if s[i].Returns < toAndFro {
			continue
		}
		for j := range i {
			if a, b := &s[i], &s[j]; b.Returns >= toAndFro && a.contradicts(b) {
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
		b.Apart = b.Apart && stranger(b, s, func(*Bearer) bool { return true })
	}
}

// wakes are when what the chassis IDs say changes by itself, or must be looked at again.
func (s Bearers) wakes(now time.Time) []time.Time {
	if !s.anyContradicts() {
		return nil
	}
	out := []time.Time{now.Add(contradictionLook)}
	for _, b := range s {
		out = append(out, b.Heard.Add(contradictionLasts), b.Contradicted.Add(contradictionLasts))
	}
	return slices.DeleteFunc(out, func(t time.Time) bool { return !t.After(now) })
}

// anyContradicts reports whether two contradict each other, or one is apart.
func (s Bearers) anyContradicts() bool {
	by := map[discovery.ID][]*Bearer{}
	for i := range s {
		b := &s[i]
		if b.Apart || slices.ContainsFunc(by[b.Chassis], b.contradicts) {
			return true
		}
		by[b.Chassis] = append(by[b.Chassis], b)
	}
	return false
}

// material is the same without what changes while nothing happens.
func (s Bearers) material() Bearers {
	s = slices.Clone(s)
	for i := range s {
		s[i].Heard, s[i].Contradicted = time.Time{}, s[i].Contradicted.Truncate(contradictionLasts/2)
	}
	return s
}
