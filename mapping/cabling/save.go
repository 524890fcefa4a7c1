// SPDX-License-Identifier: Apache-2.0

package cabling

import (
	"fmt"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/paste"
)

// Today is the plan of what is there now, in the words of the switches: of each cable of which
// it is sure where it ends. The notes say which ports are left out, and why.
func Today(h *Heard) *Plan {
	s := saver{checker: newChecker(h), to: &Plan{}, ends: map[*port]bool{}, fars: map[socket]End{}}
	names := map[*port][]End{}
	for _, n := range h.nodes {
		for _, p := range n.ports {
			if p.state == sure && len(p.peers) > 0 {
				names[p] = p.far()
			}
			for _, far := range names[p] {
				s.plan(&Cable{A: End{n.name, p.name}, B: far})
			}
		}
	}
	s.meet()
	for _, n := range h.nodes {
		if !n.known {
			s.leaveOut(n.name, "no agent says what it hears")
		}
		for _, p := range n.ports {
			if why := s.save(p, names[p]); why != "" {
				s.leaveOut(n.name+" "+p.name, why)
			}
		}
	}
	return s.to
}

// A saver writes a plan, and asks a checker of each cable whether it would be found right.
type saver struct {
	*checker
	to   *Plan
	ends map[*port]bool // that are in the plan
	fars map[socket]End // what the far ends in the plan are plugged into
}

func (s *saver) leaveOut(what, why string) { s.to.Notes = append(s.to.Notes, what+": "+why) }

// save adds the cable of a port, or says why not.
func (s *saver) save(p *port, names []End) (why string) {
	switch {
	case s.ends[p]:
		return "" // of a cable between two nodes
	case len(names) == 0:
		return p.why
	}
	near, ok := p.writable()
	if !ok {
		return "its name cannot be written, and its MAC address is not its alone"
	}
	for _, far := range names {
		cable := Cable{A: End{p.node.name, near}, B: far, NodeA: true}
		j := &judged{Cable: &cable}
		if s.judge(j); j.verdict != OK {
			continue
		}
		if other, taken := s.fars[socketOf(far, false)]; taken {
			return fmt.Sprintf("%s is heard on %s, too", far, other)
		}
		s.fars[socketOf(far, false)], s.ends[p] = cable.A, true
		if other := s.portOf(far); other != nil {
			s.ends[other] = true
		}
		s.to.Cables = append(s.to.Cables, cable)
		return ""
	}
	return "what its switch says does not tell it from others"
}

// writable is a name of the port that can stand in a plan, in which those are one that differ
// in case only.
func (p *port) writable() (string, bool) {
	twin := slices.ContainsFunc(p.node.ports, func(other *port) bool { return other != p && strings.EqualFold(other.name, p.name) })
	if writable(p.name) && !isID(p.name) && !twin {
		return p.name, true
	}
	mac := "mac:" + p.mac.String()
	return mac, len(p.node.port(mac)) == 1
}

// names are what the far end of a port's cable can be called in a plan, the best to read first.
func (p *port) far() (out []End) {
	is := p.peers[0]
	var devices, ports []string
	if kind, _, _ := strings.Cut(string(is.Chassis), ":"); is.SystemName != "" || kind == "cdp" {
		devices = append(devices, is.system())
	}
	devices = append(devices, string(is.Chassis))
	kind, value, _ := strings.Cut(string(is.Port), ":")
	if kind == "ifname" {
		ports = append(ports, value)
	} else if _, named := parsePort(strings.ToLower(is.PortDescription)); named && discovery.SpeakerOf(&is.Neighbor) == discovery.SpeakerSwitch {
		ports = append(ports, is.PortDescription)
	}
	ports = append(ports, string(is.Port))
	for _, d := range devices {
		for _, port := range ports {
			if writable(d) && writable(port) {
				out = append(out, End{d, port})
			}
		}
	}
	return out
}

// writable reports whether a name comes out of every format of plans as it went in, and can be
// read there.
func writable(name string) bool {
	return name != "" && len(name) <= MaxName && paste.Printable(name) && strings.TrimSpace(name) == name &&
		!strings.HasSuffix(name, `\`) && !strings.Contains(name, `\"`) // which DOT cannot write
}

// MaxName is the length of the longest name in a plan, in octets: that of a chassis or port ID
// of 255 octets that are all escaped (IEEE Std 802.1AB-2016, 8.5.2.2), with its kind.
const MaxName = 4*255 + 16
