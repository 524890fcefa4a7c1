// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
)

// maxTold is how many addresses, and how many routers, an explanation lists.
const maxTold = 8

// addresses says which addresses the interface has, and which routers are heard on it.
// Nothing follows from either, so they stand apart from what a network is known by.
func (e *explainer) addresses(apart bool) {
	before := len(e.out)
	defer func() {
		if apart && len(e.out) > before {
			e.out = slices.Insert(e.out, before, "")
		}
	}()
	if told := e.ifi.Addresses[:min(len(e.ifi.Addresses), maxTold)]; len(told) > 0 {
		var words []string
		for i := range told {
			words = append(words, e.address(&told[i]))
		}
		if more := len(e.ifi.Addresses) - len(told) + e.ifi.AddressesOmitted; more > 0 {
			words = append(words, fmt.Sprintf("and %d more", more))
		}
		e.say("Addresses on %s: %s.", e.ifi.Name, strings.Join(words, ", "))
	}
	routers := e.snap.Routers(e.ifi.Index)
	if e.port != nil { // those in VLANs too
		routers = nil
		for _, r := range e.port.Routers {
			routers = append(routers, discovery.HeardRouter{Port: e.port.Name, Router: r})
		}
	}
	for i := range routers[:min(len(routers), maxTold)] {
		e.router(&routers[i])
	}
	if more := len(routers) - maxTold; more > 0 {
		e.say("So do %d more; \"colvin neighbors\" lists them.", more)
	}
	if e.port != nil && e.port.RouterProblem != "" {
		e.say("Router advertisements cannot be heard on it: %s. That is tried again all the time.", e.port.RouterProblem)
	}
}

func (e *explainer) address(a *discovery.Address) string {
	var notes []string
	note := func(is bool, word string) {
		if is {
			notes = append(notes, word)
		}
	}
	if a.Scope != discovery.ScopeGlobal {
		notes = append(notes, "scope "+a.Scope.String())
	}
	note(a.Secondary, map[bool]string{true: "temporary", false: "secondary"}[a.Prefix.Addr().Is6()])
	note(a.Tentative, "tentative")
	note(a.DADFailed, "a duplicate")
	note(a.Deprecated, "deprecated")
	if a.Dynamic {
		notes = append(notes, "renewed "+ago(e.now, a.Updated))
	}
	if !a.ValidUntil.IsZero() {
		notes = append(notes, fmt.Sprintf("valid for %s more", fit.Span(a.ValidUntil.Sub(e.now))))
	}
	if len(notes) == 0 {
		return a.Prefix.String()
	}
	return fmt.Sprintf("%s (%s)", a.Prefix, strings.Join(notes, ", "))
}

func (e *explainer) router(r *discovery.HeardRouter) {
	where := ""
	if r.Port != e.ifi.Name {
		where = " on " + r.Port
	}
	if r.Tag != 0 {
		where += fmt.Sprintf(" in VLAN %d", r.Tag)
	}
	var prefixes []string
	for i := range r.Prefixes {
		prefixes = append(prefixes, PrefixWords(&r.Prefixes[i]))
	}
	what := "no prefix"
	if len(prefixes) > 0 {
		what = strings.Join(prefixes, ", ")
	}
	e.say("Router %s, last heard%s %s, announces %s.", &r.Router, where, ago(e.now, r.LastHeard), what)
}

// PrefixWords is a prefix with what is unusual about it.
func PrefixWords(p *discovery.AdvertisedPrefix) string {
	switch {
	case p.Withdrawn():
		return p.Prefix.String() + " (withdrawn)"
	case !p.OnLink:
		return p.Prefix.String() + " (not on-link)"
	case p.Preferred == 0:
		return p.Prefix.String() + " (deprecated)"
	default:
		return p.Prefix.String()
	}
}
