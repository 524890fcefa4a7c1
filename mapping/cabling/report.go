// SPDX-License-Identifier: Apache-2.0

package cabling

import "github.com/colvin-net/colvin/discovery"

// A Verdict is what is to be said of a cable.
type Verdict string

// The verdicts. What is wrong comes first, then what is not known, then what is right.
const (
	Swapped     Verdict = "swapped"      // cables are exchanged for each other: one mistake
	WrongPort   Verdict = "wrong port"   // it ends at another port of the device
	WrongSwitch Verdict = "wrong switch" // it ends at another device
	Missing     Verdict = "missing"      // the port has no carrier, or there is no such port
	Extra       Verdict = "extra"        // it is there and not in the plan, though its switch is

	Unsure    Verdict = "unsure"      // what is heard does not count now, or cannot be compared
	NotHeard  Verdict = "not heard"   // nobody says where it ends
	NoNode    Verdict = "no node"     // the plan says that it is at a node, and there is none of that name
	Elsewhere Verdict = "elsewhere"   // neither end is at a node that was looked at
	Unplanned Verdict = "not planned" // it is there, and the plan does not name the switch
	Future    Verdict = "future"      // the plan says that it is not connected now

	OK Verdict = "ok"
)

// Verdicts are all of them, in the order of reports.
var Verdicts = []Verdict{Swapped, WrongPort, WrongSwitch, Missing, Extra, NoNode, Unsure, NotHeard, Unplanned, Future, Elsewhere, OK}

// Wrong reports whether the cable is certainly not as it should be.
func (v Verdict) Wrong() bool {
	switch v {
	case Swapped, WrongPort, WrongSwitch, Missing, Extra:
		return true
	case Unsure, NotHeard, NoNode, Elsewhere, Unplanned, Future, OK:
	}
	return false
}

// Unknown reports whether the plan asks for a cable of which nobody knows whether it is right.
func (v Verdict) Unknown() bool { return v == Unsure || v == NotHeard || v == NoNode }

// A Report is what came of a check.
type Report struct {
	// Totals are how many cables there are of each verdict, also where several are one finding.
	Totals   map[Verdict]int `json:"totals"`
	Nodes    int             `json:"nodes"` // that were looked at
	Findings []Finding       `json:"findings"`
	// Notes are about the plan as a whole.
	Notes []string `json:"notes,omitempty"`
}

// A Finding is one thing to say.
type Finding struct {
	Verdict Verdict `json:"verdict"`
	Cables  []Found `json:"cables"` // one; of what is swapped all that take part
}

// A Found is a cable as it is, and as it should be.
type Found struct {
	Node      string `json:"node,omitempty"`
	Interface string `json:"interface,omitempty"`
	Actual    *Far   `json:"actual,omitempty"`   // where it ends, or was last known to
	Expected  *End   `json:"expected,omitempty"` // where the plan has it end
	Plan      string `json:"plan,omitempty"`     // file:line:column
	Note      string `json:"note,omitempty"`
}

// A Far is the far end of a cable as it speaks.
type Far struct {
	End                  // what to call it
	Chassis discovery.ID `json:"chassis"`
	PortID  discovery.ID `json:"portID"`
}

func (p *peer) far() *Far { return &Far{End{p.system(), p.portText()}, p.Chassis, p.Port} }

// Wrong is how many findings are certain mistakes; of a strict reader those count too that are
// not known.
func (r *Report) Wrong(strict bool) int {
	n := 0
	for i := range r.Findings {
		if v := r.Findings[i].Verdict; v.Wrong() || strict && v.Unknown() {
			n++
		}
	}
	return n
}

// Judged is how many cables were compared with something, or could have been.
func (r *Report) Judged() int {
	n := 0
	for v, count := range r.Totals {
		if v != Elsewhere && v != Unplanned && v != Extra && v != NoNode && v != Future {
			n += count
		}
	}
	return n
}
