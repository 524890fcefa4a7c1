// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
)

// protocolRA stands among the protocols of neighbours for that by which routers announce
// themselves (RFC 4861).
const protocolRA = "ra"

// routerRow is a router with the port that it is heard on.
type routerRow struct {
	Interface string `json:"interface"`
	Protocol  string `json:"protocol"` // protocolRA
	discovery.Router
}

func routerRows(s *agentapi.State, only []string) []routerRow {
	var rows []routerRow
	for _, p := range s.Snapshot.Ports {
		if len(only) == 1 && p.Name != only[0] {
			continue
		}
		for _, r := range p.Routers {
			rows = append(rows, routerRow{p.Name, protocolRA, r})
		}
	}
	return rows
}

// routers shows who announces itself as a router, below the neighbours.
func (a *app) routers(rows []routerRow) error {
	if len(rows) == 0 {
		return nil
	}
	if err := a.print("\nRouters that announce themselves (nothing follows from what they say):"); err != nil {
		return err
	}
	if a.format == formatWide {
		return a.routerDetails(rows)
	}
	var cells [][]string
	for i := range rows {
		r := &rows[i]
		cells = append(cells, []string{
			r.Interface, routerVLAN(r.Tag), r.Address.String(), r.Source.String(), defaultFor(&r.Router), byDHCP(&r.Router), a.list(prefixWords(&r.Router)), a.ago(r.LastHeard),
		})
	}
	return a.table([]string{"INTERFACE", "VLAN", "ROUTER", "MAC", "DEFAULT FOR", "DHCPV6", "PREFIXES", "HEARD"}, cells)
}

func routerVLAN(tag uint16) string {
	if tag == 0 {
		return "untagged"
	}
	return vid(tag)
}

// defaultFor says whether a router is one for all other networks, and for how long.
func defaultFor(r *discovery.Router) string {
	if r.Lifetime == 0 {
		return "no default router"
	}
	lifetime := fit.Age(time.Duration(r.Lifetime) * time.Second)
	if r.Preference == discovery.PreferenceMedium {
		return lifetime
	}
	return fmt.Sprintf("%s (%s)", lifetime, r.Preference)
}

// byDHCP says what hosts are to ask DHCPv6 for.
func byDHCP(r *discovery.Router) string {
	switch {
	case r.Managed:
		return "addresses"
	case r.Other:
		return "settings"
	default:
		return "no"
	}
}

func prefixWords(r *discovery.Router) []string {
	var out []string
	for i := range r.Prefixes {
		out = append(out, mapping.PrefixWords(&r.Prefixes[i]))
	}
	return out
}

// routerDetails shows everything that each router says.
func (a *app) routerDetails(rows []routerRow) error {
	for i := range rows {
		r := &rows[i]
		facts := []fact{
			{"Interface", r.Interface},
			{"VLAN", routerVLAN(r.Tag)},
			{"Router", fmt.Sprintf("%s, from %s", r.Address, r.Source)},
			{"Heard", fmt.Sprintf("%s, first at %s", a.ago(r.LastHeard), fit.Stamp(r.FirstHeard))},
			{"Default for", defaultFor(&r.Router)},
			{"DHCPv6", byDHCP(&r.Router)},
		}
		for k := range r.Prefixes {
			facts = append(facts, fact{"Prefix", a.prefixDetails(&r.Prefixes[k])})
		}
		if err := a.print(""); err != nil {
			return err
		}
		if err := a.facts(facts); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) prefixDetails(p *discovery.AdvertisedPrefix) string {
	if p.Withdrawn() {
		return prefixSays(p) + " " + a.ago(p.LastHeard)
	}
	return prefixSays(p) + ", heard " + a.ago(p.LastHeard)
}

// prefixSays is what a router says of a prefix.
func prefixSays(p *discovery.AdvertisedPrefix) string {
	if p.Withdrawn() {
		return p.Prefix.String() + ", withdrawn"
	}
	var flags []string
	if p.OnLink {
		flags = append(flags, "on-link")
	}
	if p.Autonomous {
		flags = append(flags, "autonomous")
	}
	return fmt.Sprintf("%s, %s, valid for %s, preferred for %s",
		p.Prefix, cmp.Or(strings.Join(flags, ", "), "no flags"), lifetimeWords(p.Valid), lifetimeWords(p.Preferred))
}

func lifetimeWords(seconds uint32) string {
	if seconds == discovery.Infinite {
		return "ever"
	}
	return fit.Age(time.Duration(seconds) * time.Second)
}
