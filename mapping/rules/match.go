// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/yamlfile"
)

// key is a match key whose value is a glob.
type key int

const (
	keyChassis key = iota
	keySystem
	keyPort
	keyPortDescription
	keyNode
	keyInterface
	keyVLANName
	keyMAC
	keyPCI
	keyDriver
	keyCount
)

// keyNames are the keys as they stand in the file.
var keyNames = [keyCount]string{"chassis", "system", "port", "portDescription", "node", "interface", "vlanName", "mac", "pci", "driver"}

// A match is one entry of a match list. All its keys must hold.
type match struct {
	ref       Ref
	globs     [keyCount]*glob // nil without the key
	barePort  bool            // the port's glob is for the ID without its kind
	addresses netip.Prefix    // the zero Prefix without the key
	group     string
	vlans     vlanSet // nil without the key, or with untagged
	untagged  bool    // vlan: untagged
	pins      bool    // says which port of a switch it means
	silent    silence // about ports where no switch speaks
	address   netip.Prefix
	prefix    netip.Prefix
}

// holds reports whether the keys about the subject hold: all but vlan and
// vlanName. A text that the neighbour does not tell matches no pattern.
func (m *match) holds(sub Subject, group string) bool { return m.holdsBy(sub, group, nil) }

// holdsBy is holds, where fits remembers which patterns fit the subject; nil for nothing.
func (m *match) holdsBy(sub Subject, group string, fits map[*glob]bool) bool {
	if m.silent != spoken || m.group != "" && m.group != group {
		return false
	}
	if m.addresses.IsValid() && !slices.ContainsFunc(sub.managementIPs(), func(a netip.Addr) bool {
		return m.addresses.Contains(a.Unmap())
	}) {
		return false
	}
	return m.globsHold(sub, fits)
}

func (s *Subject) managementIPs() []netip.Addr {
	if s.ips != nil {
		return s.ips
	}
	return s.Neighbor.ManagementIPs()
}

// globsHold reports whether all globs fit but that of vlanName.
func (m *match) globsHold(sub Subject, fits map[*glob]bool) bool {
	for k, g := range m.globs {
		if g == nil || key(k) == keyVLANName {
			continue
		}
		fit, known := fits[g]
		if !known {
			if text := m.text(key(k), sub, Occurrence{}); text != "" {
				_, fit = g.match(text)
			}
			if fits != nil {
				fits[g] = fit
			}
		}
		if !fit {
			return false
		}
	}
	return true
}

// captures returns what the (...) of a key caught.
func (m *match) captures(k key, sub Subject, occ Occurrence) ([]string, bool) {
	if m.globs[k] == nil {
		return nil, false
	}
	return m.globs[k].match(m.text(k, sub, occ))
}

// text returns what a key's glob is matched against.
func (m *match) text(k key, sub Subject, occ Occurrence) string {
	switch k {
	case keyChassis:
		return m.chassis(sub)
	case keySystem:
		return sub.Neighbor.SystemName
	case keyPort:
		id := string(sub.Neighbor.Port)
		if m.barePort {
			_, id, _ = strings.Cut(id, ":")
		}
		return id
	case keyPortDescription:
		return sub.Neighbor.PortDescription
	case keyNode:
		return sub.Node
	case keyInterface:
		return sub.Interface
	case keyVLANName:
		return occ.VLANName
	case keyMAC:
		return sub.MAC
	case keyPCI:
		return sub.PCI
	case keyDriver:
		return sub.Driver
	case keyCount:
	}
	return ""
}

// chassis is the chassis ID as it was heard, or the one by which the switch is
// known where only that one matches.
func (m *match) chassis(sub Subject) string {
	if g := m.globs[keyChassis]; g != nil && sub.Switch != "" {
		if _, ok := g.match(string(sub.Neighbor.Chassis)); !ok {
			return string(sub.Switch)
		}
	}
	return string(sub.Neighbor.Chassis)
}

// idKinds are the kinds of chassis and port IDs in canonical text.
var idKinds = []string{"mac", "ip", "ifname", "ifalias", "local", "component", "portcomponent", "circuit", "cdp"}

// cutKind splits the kind from a pattern for an ID.
func cutKind(s string) (kind, rest string, ok bool) {
	kind, rest, ok = strings.Cut(s, ":")
	if !ok || !slices.Contains(idKinds, kind) && !strings.HasPrefix(kind, "subtype") {
		return "", s, false
	}
	return kind, rest, true
}

// parseChassis reads the glob for a chassis ID, which names the kind of ID: the
// same octets are another chassis in another kind.
func parseChassis(s string) (*glob, error) {
	kind, rest, ok := cutKind(s)
	if !ok {
		hint := `begin it with one of ` + strings.Join(idKinds, ", ") + ` and a colon, such as "mac:00:1b:21:aa:bb:cc"`
		if mac, err := discovery.ParseMAC(s); err == nil {
			hint = fmt.Sprintf("write %q", "mac:"+mac.String())
		}
		return nil, yamlfile.Problem{Message: yamlfile.Quote(s) + " does not say what kind of chassis ID it is", Hint: hint}
	}
	return parseID(kind, rest)
}

// parsePort reads the glob for a port ID. Without a kind it is for the ID alone,
// or for a MAC address where it is one.
func parsePort(s string) (g *glob, bare bool, err error) {
	if kind, rest, ok := cutKind(s); ok {
		g, err = parseID(kind, rest)
		return g, false, err
	}
	if mac, macErr := discovery.ParseMAC(s); macErr == nil {
		g, err = parseID("mac", mac.String())
		return g, false, err
	}
	g, err = parseGlob(s)
	return g, true, err
}

func parseID(kind, rest string) (*glob, error) {
	if kind != "mac" {
		return parseGlob(kind + ":" + rest)
	}
	if strings.ContainsAny(rest, `*?(\`) {
		return parseGlob("mac:" + strings.ReplaceAll(strings.ToLower(rest), "-", ":"))
	}
	mac, err := discovery.ParseMAC(rest)
	if err != nil {
		return nil, yamlfile.Problem{Message: yamlfile.Quote(rest) + " is not a MAC address", Hint: `write six octets, such as "mac:00:1b:21:aa:bb:cc", or a pattern such as "mac:00:1b:21:*"`}
	}
	return parseGlob("mac:" + mac.String())
}

// pinsPort reports whether a pattern says which port is meant: not where
// nothing but wildcards is left of it.
func pinsPort(g *glob) bool {
	if g == nil {
		return false
	}
	if _, rest, ok := cutKind(g.source); ok {
		bare, err := parseGlob(rest)
		return err == nil && bare.specific()
	}
	return g.specific()
}

// parseAddresses reads an IP address or a CIDR.
func parseAddresses(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, yamlfile.Problem{Message: yamlfile.Quote(s) + " is neither an IP address nor a CIDR", Hint: "write one such as 192.0.2.7 or 192.0.2.0/24"}
	}
	if p != p.Masked() {
		return netip.Prefix{}, yamlfile.Problem{Message: fmt.Sprintf("%s has bits beyond /%d", p, p.Bits()), Hint: fmt.Sprintf("write %s", p.Masked())}
	}
	return p, nil
}
