// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"strings"

	"github.com/colvin-net/colvin/discovery"
)

// dcbxFacts are what a neighbour says in TLVs of DCBX.
func dcbxFacts(d *discovery.DCBX) []Fact {
	if d == nil {
		return nil
	}
	var f []Fact
	if c := d.ETSConfiguration; c != nil {
		classes := fmt.Sprintf("at most %d traffic classes", c.MaxTrafficClasses)
		words := join(", ", willing(c.Willing), classes, when(c.CreditBasedShaper, "credit-based shaper"))
		f = append(f, Fact{"ETS configuration", join("; ", words, trafficClasses(&c.ETS))})
	}
	if d.ETSRecommendation != nil {
		f = append(f, Fact{"ETS recommendation", trafficClasses(d.ETSRecommendation)})
	}
	if p := d.PFC; p != nil {
		f = append(f, Fact{"PFC", join(", ", priorities(p.Enabled), willing(p.Willing), fmt.Sprintf("at most %d traffic classes", p.MaxTrafficClasses), when(p.MBC, "no MACsec bypass"))})
	}
	for _, a := range d.ApplicationPriorities {
		f = append(f, Fact{"Application", fmt.Sprintf("priority %d for %s", a.Priority, dcbxApplication(a))})
	}
	return f
}

func willing(yes bool) string {
	if yes {
		return "willing"
	}
	return "not willing"
}

func when(yes bool, words string) string {
	if yes {
		return words
	}
	return ""
}

// join joins the words that are there.
func join(separator string, words ...string) string {
	var there []string
	for _, w := range words {
		if w != "" {
			there = append(there, w)
		}
	}
	return strings.Join(there, separator)
}

// trafficClasses says how each traffic class that has a priority or a share of the
// bandwidth is served.
func trafficClasses(e *discovery.ETS) string {
	var classes []string
	for class := range e.Bandwidths {
		of := e.PrioritiesOf(class)
		if of == 0 && e.Bandwidths[class] == 0 {
			continue
		}
		share := ""
		if e.Algorithms[class] == discovery.EnhancedSelection || e.Bandwidths[class] != 0 {
			share = fmt.Sprintf(" %d %%", e.Bandwidths[class])
		}
		classes = append(classes, fmt.Sprintf("class %d: %s, %s%s", class, priorities(of), transmissionChoice(e.Algorithms[class]), share))
	}
	return strings.Join(classes, "; ")
}

func transmissionChoice(c discovery.TransmissionChoice) string {
	switch c {
	case discovery.StrictPriority:
		return "strict priority"
	case discovery.CreditBasedShaper:
		return "credit-based shaper"
	case discovery.EnhancedSelection:
		return "ETS"
	case discovery.VendorSpecific:
		return "vendor's algorithm"
	default:
		return fmt.Sprintf("algorithm %d", c)
	}
}

func priorities(s discovery.PrioritySet) string {
	var list []string
	for _, p := range s.List() {
		list = append(list, fmt.Sprint(p))
	}
	switch len(list) {
	case 0:
		return "no priority"
	case 1:
		return "priority " + list[0]
	default:
		return "priorities " + strings.Join(list, ", ")
	}
}

// Protocols that people look for (IANA's registries of EtherTypes and ports).
var (
	etherTypes = map[uint16]string{0x8906: "FCoE", 0x8914: "FIP", 0x8915: "RoCE"}
	ports      = map[uint16]string{3260: "iSCSI", 4420: "NVMe", 4791: "RoCEv2"}
)

func dcbxApplication(a discovery.ApplicationPriority) string {
	named := func(words, name string) string {
		if name == "" {
			return words
		}
		return fmt.Sprintf("%s (%s)", words, name)
	}
	switch a.Selector {
	case discovery.SelectEtherType:
		if a.Protocol == 0 {
			return "all that has no entry of its own"
		}
		return named(fmt.Sprintf("EtherType 0x%04x", a.Protocol), etherTypes[a.Protocol])
	case discovery.SelectTCP:
		return named(fmt.Sprintf("TCP or SCTP port %d", a.Protocol), ports[a.Protocol])
	case discovery.SelectUDP:
		return named(fmt.Sprintf("UDP or DCCP port %d", a.Protocol), ports[a.Protocol])
	case discovery.SelectPort:
		return named(fmt.Sprintf("TCP, SCTP, UDP or DCCP port %d", a.Protocol), ports[a.Protocol])
	case discovery.SelectDSCP:
		return fmt.Sprintf("DSCP %d", a.Protocol)
	default:
		return fmt.Sprintf("protocol %d of the reserved selector %d", a.Protocol, a.Selector)
	}
}
