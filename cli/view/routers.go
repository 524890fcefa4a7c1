// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
)

// ProtocolRA stands among the protocols of neighbours for that by which routers announce
// themselves (RFC 4861).
const ProtocolRA = "ra"

// routerRow is a router with the port that it is heard on.
type routerRow struct {
	Interface string `json:"interface"`
	Protocol  string `json:"protocol"` // ProtocolRA
	discovery.Router
}

// routerRows are the routers that a node hears. It publishes none.
func (*Out) routerRows(n *Node, ifname string) []routerRow {
	var rows []routerRow
	for _, p := range n.Snapshot.Ports {
		if ifname != "" && p.Name != ifname {
			continue
		}
		for _, r := range p.Routers {
			rows = append(rows, routerRow{p.Name, ProtocolRA, r})
		}
	}
	return rows
}

// routers shows who announces itself as a router, below the neighbours.
func (o *Out) routers(rows []routerRow) error {
	if len(rows) == 0 {
		return nil
	}
	if err := o.Print("\nRouters that announce themselves (nothing follows from what they say):"); err != nil {
		return err
	}
	if o.Format == Wide {
		return o.routerDetails(rows)
	}
	var cells [][]string
	for i := range rows {
		r := &rows[i]
		cells = append(cells, []string{
			r.Interface, RouterVLAN(r.Tag), r.Address.String(), r.Source.String(), DefaultFor(&r.Router), ByDHCP(&r.Router), o.List(prefixWords(&r.Router)), o.Ago(r.LastHeard),
		})
	}
	return o.Table([]string{"INTERFACE", "VLAN", "ROUTER", "MAC", "DEFAULT FOR", "DHCPV6", "PREFIXES", "HEARD"}, cells)
}

// RouterVLAN is the VLAN in which a router announces itself.
func RouterVLAN(tag uint16) string {
	if tag == 0 {
		return "untagged"
	}
	return vid(tag)
}

// DefaultFor says whether a router is one for all other networks, and for how long.
func DefaultFor(r *discovery.Router) string {
	if r.Lifetime == 0 {
		return "no default router"
	}
	lifetime := fit.Age(time.Duration(r.Lifetime) * time.Second)
	if r.Preference == discovery.PreferenceMedium {
		return lifetime
	}
	return fmt.Sprintf("%s (%s)", lifetime, r.Preference)
}

// ByDHCP says what hosts are to ask DHCPv6 for.
func ByDHCP(r *discovery.Router) string {
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
func (o *Out) routerDetails(rows []routerRow) error {
	for i := range rows {
		r := &rows[i]
		facts := []Fact{
			{"Interface", r.Interface},
			{"VLAN", RouterVLAN(r.Tag)},
			{"Router", fmt.Sprintf("%s, from %s", r.Address, r.Source)},
			{"Heard", fmt.Sprintf("%s, first at %s", o.Ago(r.LastHeard), fit.Stamp(r.FirstHeard))},
			{"Default for", DefaultFor(&r.Router)},
			{"DHCPv6", ByDHCP(&r.Router)},
		}
		for k := range r.Prefixes {
			facts = append(facts, Fact{"Prefix", o.prefixDetails(&r.Prefixes[k])})
		}
		if err := o.Print(""); err != nil {
			return err
		}
		if err := o.Facts(facts); err != nil {
			return err
		}
	}
	return nil
}

func (o *Out) prefixDetails(p *discovery.AdvertisedPrefix) string {
	if p.Withdrawn() {
		return PrefixSays(p) + " " + o.Ago(p.LastHeard)
	}
	return PrefixSays(p) + ", heard " + o.Ago(p.LastHeard)
}

// PrefixSays is what a router says of a prefix.
func PrefixSays(p *discovery.AdvertisedPrefix) string {
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
