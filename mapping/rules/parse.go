// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/yamlfile"
)

// A Source is one place that rules come from: a file, or an object.
type Source struct {
	Name string `json:"name"` // of the file, or what people call the object
	Data []byte `json:"data"` // YAML, or JSON

	// Root is where in the object Data is, such as "spec". What is said about Data
	// then names places by path, because its lines are nobody's.
	Root string `json:"root,omitempty"`

	object *place // in the Data, which is a manifest; nil where the rules are all of it
}

// Equal reports whether both say the same of the same place.
func (s Source) Equal(other Source) bool {
	return s.Name == other.Name && s.Root == other.Root && s.object.equal(other.object) && bytes.Equal(s.Data, other.Data)
}

// EqualSources reports whether both lists mean the same rules: the order counts.
func EqualSources(a, b []Source) bool { return slices.EqualFunc(a, b, Source.Equal) }

// NamesIn returns the names that a source gives, also where it holds mistakes, sorted.
// What stands for something on the wire is a star.
func NamesIn(source Source) []string {
	var out []string
	add := func(v yamlfile.Value) {
		if name := v.Text(""); name != "" {
			out = append(out, words.ReplaceAllString(name, "*"))
		}
	}
	s := new(reader).open(&source)
	for _, v := range s.networks.List() {
		network := v.Mapping()
		add(network.Get("name"))
		for _, alias := range network.Get("aliases").List() {
			add(alias)
		}
	}
	for _, group := range s.groups.Mapping().Pairs() {
		for _, vlan := range group.Value.Mapping().Get("vlans").Mapping().Pairs() {
			add(vlan.Value)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Parse reads the rules of a file. The error is yamlfile.Mistakes: all of them,
// ordered by position. Warnings are of rules that are valid and probably not
// what was meant; there are none beside mistakes.
func Parse(file string, data []byte) (*Set, []yamlfile.Mistake, error) {
	return Merge(Source{Name: file, Data: data})
}

// Merge reads rules from several sources as if they were one: the networks of the
// first come first, what is ignored and the groups unite, and rules may refer to
// groups of other sources. A group that is defined twice is a mistake of the later
// source. One mistake anywhere and there is no Set: what is left of the rules could
// name a network by a rule that was never meant to be the first to apply.
func Merge(sources ...Source) (*Set, []yamlfile.Mistake, error) { return merge(false, sources) }

// MergePart is Merge for a part of the rules: a group that is not defined may be in
// another part, so that is a warning.
func MergePart(sources ...Source) (*Set, []yamlfile.Mistake, error) { return merge(true, sources) }

func merge(part bool, sources []Source) (*Set, []yamlfile.Mistake, error) {
	r := &reader{set: new(Set), groups: make(map[string]*group), part: part}
	var parts []section
	for i := range sources {
		parts = append(parts, r.open(&sources[i]))
	}
	r.readGroups(parts) // before the matches that refer to them
	for _, p := range parts {
		r.source = p.source
		r.set.ignore = append(r.set.ignore, bare(r.readMatches(p.ignore, ignoreScope))...)
		for _, v := range p.networks.List() {
			r.readNetwork(v)
		}
	}
	var mistakes yamlfile.Mistakes
	var warnings []yamlfile.Mistake
	for _, p := range parts {
		if m, ok := errors.AsType[yamlfile.Mistakes](p.doc.Err()); ok {
			mistakes = append(mistakes, p.source.placed(m)...)
		}
		warnings = append(warnings, p.source.placed(p.doc.Warnings())...)
	}
	if len(mistakes) > 0 {
		return nil, nil, slices.Compact(mistakes) // objects of one file share what is around them; warnings about half a rule would mislead
	}
	r.set.collectNames()
	r.set.collectMatches()
	return r.set, warnings, nil
}

// placed names places by path where lines are nobody's.
func (s *Source) placed(all yamlfile.Mistakes) yamlfile.Mistakes {
	if s.Root == "" {
		return all
	}
	for i := range all {
		all[i].Line, all[i].Column, all[i].Path = 0, 0, s.path(all[i].Path)
	}
	return all
}

// path is a path of the document as one of the object.
func (s *Source) path(p string) string {
	if p != "" && !strings.HasPrefix(p, "[") {
		p = "." + p
	}
	return s.Root + p
}

type reader struct {
	source   *Source // of what is being read
	set      *Set
	part     bool // there may be more rules elsewhere
	groups   map[string]*group
	earlier  []scopedMatch // of the networks before
	grouping []scopedMatch // of the groups before
}

// section is a source with what its document holds.
type section struct {
	source                   *Source
	doc                      *yamlfile.Document
	ignore, groups, networks yamlfile.Value
}

func (r *reader) open(s *Source) section {
	doc, root := s.document()
	return section{s, doc, root.Get("ignore"), root.Get("switchGroups"), root.Get("networks")}
}

// parsedMatch is a match with what only the parser needs.
type parsedMatch struct {
	*match
	at      yamlfile.Value
	present [keyCount]bool // also where the value is wrong
	vlan    yamlfile.Value
}

func bare(list []parsedMatch) []*match {
	var out []*match
	for _, m := range list {
		out = append(out, m.match)
	}
	return out
}

// scope is what a place asks of its matches.
type scope struct {
	optional bool // the list may be empty
	refused  []refusal
}

// refusal is of keys that cannot be used.
type refusal struct {
	keys          []string
	message, hint string
}

// refuses reports whether a key cannot be used.
func (s scope) refuses(name string) bool {
	return slices.ContainsFunc(s.refused, func(r refusal) bool { return slices.Contains(r.keys, name) })
}

var (
	ignoreScope = scope{optional: true, refused: []refusal{
		{[]string{"vlan", "vlanName"}, "cannot be used here: a speaker is ignored with all its VLANs", "remove it"},
		{silentKeys, "cannot be used here: a speaker is ignored, and this is about ports where none speaks", "remove it"},
	}}
	groupScope = scope{refused: []refusal{{
		append([]string{"port", "portDescription", "group", "vlan", "vlanName", "node", "interface", "mac", "pci", "driver"}, silentKeys...),
		"cannot be used here: a group is of switches", "use chassis, system or managementAddress",
	}}}
	networkScope = scope{}
	taggedScope  = scope{refused: []refusal{{
		[]string{"vlan", "vlanName"}, "cannot stand beside tagged, which says the VLANs already", "remove one of the two",
	}}}
)

// A definition is a group with where it is defined.
type definition struct {
	*group
	source *Source
	value  yamlfile.Value
}

// readGroups reads the groups of all sources in the order of their names: they are
// a mapping, and those of an object have no other order.
func (r *reader) readGroups(parts []section) {
	var all []definition
	for _, p := range parts { // all names first: a match may refer to a later group
		r.source = p.source
		for _, pair := range p.groups.Mapping().Pairs() {
			all = append(all, definition{r.defineGroup(pair.Key), p.source, pair.Value})
		}
	}
	slices.SortStableFunc(all, func(a, b definition) int { return cmp.Compare(a.name, b.name) })
	for _, d := range all {
		r.source = d.source
		r.readGroup(d.group, d.value.Mapping())
	}
}

func (r *reader) defineGroup(key yamlfile.Value) *group {
	g := &group{name: key.Raw(), ref: r.ref(key)}
	if !ValidName(g.name) {
		key.Mistake(yamlfile.Quote(g.name)+" is not a name for a group", nameHint)
	}
	if first, defined := r.groups[g.name]; defined {
		key.Mistake(fmt.Sprintf("group %s is defined already %s", g.name, r.mention(first.ref)), "define it in one place")
		return g
	}
	r.groups[g.name] = g
	return g
}

// readUnadvertised reads the key that was called untold before there was a release.
func readUnadvertised(m *yamlfile.Mapping) bool {
	if old := m.Get("untold"); old.Present() {
		old.Mistake("untold is called unadvertised now", "write unadvertised: switch")
	}
	return m.Get("unadvertised").OneOf("", "switch") != ""
}

func (r *reader) readGroup(g *group, m *yamlfile.Mapping) {
	match, vlans := m.Get("match").Required(`add match: with at least one entry, such as {system: "leaf-*"}`), m.Get("vlans")
	wireNames := m.Get("wireNames").Bool(false)
	g.unadvertisedSwitch = readUnadvertised(m)
	matches := r.readMatches(match, groupScope)
	g.matches = bare(matches)
	r.readGroupVLANs(g, matches, vlans.Mapping(), wireNames)
	r.warnCovered(&r.grouping, matches, nil)
	r.set.groups = append(r.set.groups, g)
}

func (r *reader) readGroupVLANs(g *group, matches []parsedMatch, m *yamlfile.Mapping, wireNames bool) {
	owners := make(map[uint16]Ref)
	earlier := make(map[string]Ref) // by name
	for _, p := range m.Pairs() {
		name := yamlfile.Parsed(p.Value, nil, parseTemplate)
		if name != nil {
			r.checkWords(p.Value, name, matches, nil)
			checkWire(p.Value, name, wireNames)
		}
		set, err := parseVLANs(p.Key.Raw())
		if err != nil {
			p.Key.Reject(err)
			continue
		}
		ref := r.ref(p.Key)
		if vid := overlap(owners, set, ref); vid != 0 {
			p.Key.Mistake(fmt.Sprintf("VLAN %d is named already %s", vid, r.mention(owners[vid])), "name each VLAN of a group once")
			continue
		}
		if name == nil {
			continue
		}
		for _, vids := range set {
			g.vlans = append(g.vlans, groupVLAN{vids: vids, name: name, ref: ref})
		}
		r.warnGroupVLAN(p.Value, name, set, earlier)
	}
	slices.SortFunc(g.vlans, func(a, b groupVLAN) int { return cmp.Compare(a.vids.low, b.vids.low) })
}

// overlap claims VIDs for a place, or returns the first that another place has.
func overlap(owners map[uint16]Ref, set vlanSet, ref Ref) uint16 {
	for _, r := range set {
		for vid := r.low; vid <= r.high; vid++ {
			if _, owned := owners[vid]; owned {
				return vid
			}
		}
	}
	for _, r := range set {
		for vid := r.low; vid <= r.high; vid++ {
			owners[vid] = ref
		}
	}
	return 0
}

func (r *reader) readNetwork(v yamlfile.Value) {
	m := v.Mapping()
	name, match := m.Get("name").Required("add the name that the rule gives"), m.Get("match")
	match.Required(`add match: with at least one entry, such as {system: "leaf-*", vlan: 100}`)
	aliases, tagged, wireNames := m.Get("aliases"), m.Get("tagged"), m.Get("wireNames").Bool(false)
	n := &networkRule{
		name:               yamlfile.Parsed(name, nil, parseTemplate),
		spans:              m.Get("spans").Bool(false),
		staleKeep:          m.Get("stale").OneOf("", "keep") != "",
		unadvertisedSwitch: readUnadvertised(m),
		cdp:                m.Get("cdp").Bool(false),
		silence:            ReadSilence(m.Get("silence")),
		goodbye:            ReadGoodbye(m.Get("goodbye")),
	}
	where := networkScope
	if tagged.Present() {
		n.tagged, where = readVLANs(tagged), taggedScope
	}
	matches := r.readMatches(match, where)
	n.matches = bare(matches)
	if n.name != nil {
		r.checkWords(name, n.name, matches, n)
		checkWire(name, n.name, wireNames)
	}
	r.readAliases(n, aliases, matches, wireNames)
	warnSpans(n, matches, tagged)
	r.warnCovered(&r.earlier, matches, n)
	r.set.networks = append(r.set.networks, n)
}

func (r *reader) readAliases(n *networkRule, v yamlfile.Value, matches []parsedMatch, wireNames bool) {
	for _, item := range v.List() {
		t := yamlfile.Parsed(item, nil, parseTemplate)
		if t == nil {
			continue
		}
		if n.name != nil && t.source == n.name.source {
			item.Mistake("the alias is the name itself", "remove it")
			continue
		}
		r.checkWords(item, t, matches, n)
		checkWire(item, t, wireNames)
		n.aliases = append(n.aliases, t)
	}
}

func (r *reader) readMatches(v yamlfile.Value, where scope) []parsedMatch {
	list := v.List()
	if kind := v.Kind(); len(list) == 0 && !where.optional && (kind == yamlfile.KindList || kind == yamlfile.KindNone) {
		v.Mistake("the list is empty, so it would match nothing", `add an entry such as {system: "leaf-*"}`)
	}
	var out []parsedMatch
	for _, item := range list {
		out = append(out, r.readMatch(item, where))
	}
	return out
}

func (r *reader) readMatch(v yamlfile.Value, where scope) parsedMatch {
	m := v.Mapping()
	out := parsedMatch{match: &match{ref: r.ref(v)}, at: v, vlan: m.Get("vlan")}
	parsers := [keyCount]func(string) (*glob, error){keyChassis: parseChassis, keyPort: out.parsePort, keyMAC: parseMAC, keyPCI: parsePCI}
	for k, name := range keyNames {
		value, parse := m.Get(name), parsers[k]
		if parse == nil {
			parse = parseGlob
		}
		out.present[k] = value.Present()
		out.globs[k] = yamlfile.Parsed(value, nil, parse)
	}
	out.addresses = yamlfile.Parsed(m.Get("managementAddress"), out.addresses, parseAddresses)
	out.group = r.readGroupKey(m.Get("group"))
	switch {
	case !out.vlan.Present():
	case out.vlan.Raw() == "untagged":
		out.untagged = true
	default:
		out.vlans = readVLANs(out.vlan)
	}
	out.readSilent(m, where)
	out.pins = slices.ContainsFunc([]key{keyPort, keyPortDescription, keyInterface, keyMAC, keyPCI}, func(k key) bool { return pinsPort(out.globs[k]) })
	for _, r := range where.refused {
		for _, k := range r.keys {
			if refused := m.Get(k); refused.Present() {
				refused.Mistake(r.message, r.hint)
			}
		}
	}
	if kind := v.Kind(); m.Len() == 0 && (kind == yamlfile.KindMapping || kind == yamlfile.KindNone) {
		v.Mistake("the match is empty, so it would match every neighbour", `add a key, such as system: "leaf-*"`)
	}
	return out
}

func (m *parsedMatch) parsePort(s string) (*glob, error) {
	g, isBare, err := parsePort(s)
	m.barePort = isBare
	return g, err
}

func (r *reader) readGroupKey(v yamlfile.Value) string {
	name := v.Text("")
	if _, defined := r.groups[name]; v.Kind() == yamlfile.KindText && !defined {
		hint := fit.Suggest(name, slices.Sorted(maps.Keys(r.groups)))
		if hint == "" {
			hint = "define it under switchGroups"
		}
		if r.part {
			v.Warn("there is no group "+yamlfile.Quote(name)+" here", "define it in another RuleSet")
		} else {
			v.Mistake("there is no group "+yamlfile.Quote(name), hint)
		}
	}
	return name
}

// readVLANs reads a number or a list of VLANs.
func readVLANs(v yamlfile.Value) vlanSet {
	if k := v.Kind(); k != yamlfile.KindNumber && k != yamlfile.KindText {
		v.Mistake(fmt.Sprintf("is %s, where a VLAN belongs", k), `write a number such as 100, or a list such as "100-109,200"`)
		return nil
	}
	set, err := parseVLANs(v.Raw())
	if err != nil {
		v.Reject(err)
	}
	return set
}

func (r *reader) ref(v yamlfile.Value) Ref {
	if r.source.Root != "" {
		return Ref{File: r.source.Name, Path: r.source.path(v.Path())}
	}
	return Ref{File: r.source.Name, Line: v.Line()}
}

// mention is where a place is, seen from what is being read.
func (r *reader) mention(ref Ref) string {
	switch {
	case ref.File != r.source.Name:
		return "at " + ref.String()
	case ref.Path != "":
		return "at " + ref.Path
	default:
		return fmt.Sprintf("on line %d", ref.Line)
	}
}

// checkWords reports words of a name that some match of the rule can never fill
// in. The network is nil for the names of a group.
func (r *reader) checkWords(v yamlfile.Value, t *template, matches []parsedMatch, n *networkRule) {
	for _, p := range t.parts {
		for _, m := range matches {
			switch {
			case m.silent != spoken && p.told(n):
				v.Mistake(fmt.Sprintf("{%s} asks for what only a switch tells, and the match %s is about ports where none speaks", p.literal, r.mention(m.ref)),
					"use {node.1} or {interface.1}, or take the word out of the name")
			case p.kind == wordCapture:
				if g := m.globs[p.key]; (g != nil || !m.present[p.key]) && (g == nil || g.captures < p.index) {
					v.Mistake(fmt.Sprintf("{%s} asks for what is not caught: the match %s has no (...) number %d in %s", p.literal, r.mention(m.ref), p.index, keyNames[p.key]),
						"put parentheses around what is to be caught, such as (*)")
				}
			case p.kind == wordVLAN || p.kind == wordVLANName:
				if n != nil && r.namesUnadvertised(m, n) {
					v.Mistake(fmt.Sprintf("{%s} asks for what is not advertised: the match %s names ports that advertise no VLAN", p.literal, r.mention(m.ref)),
						"give the match a vlan: number, or take the word out of the name")
				}
			}
		}
	}
}

// told reports whether only a switch tells what a word stands for; the network is nil for
// the names of a group.
func (p part) told(n *networkRule) bool {
	switch p.kind {
	case wordCapture:
		return !slices.Contains(ownKeys, p.key)
	case wordVLAN:
		return n != nil && n.tagged == nil
	case wordVLANName, wordPortNumber:
		return true
	case wordNone:
	}
	return false
}

// checkWire reports a name that whoever speaks on the wire could choose, where the rule
// does not say that this is meant.
func checkWire(v yamlfile.Value, t *template, meant bool) {
	if t.wire && !meant {
		v.Mistake(yamlfile.Quote(t.source)+" is nothing but words of the switch, so whoever speaks on the wire chooses the name",
			"begin it with text of your own, such as x-"+t.source+", or set wireNames: true in the rule if that is meant")
	}
}

// namesUnadvertised reports whether a match can name ports that advertise no VLAN.
func (r *reader) namesUnadvertised(m parsedMatch, n *networkRule) bool {
	if m.silent != spoken || n.tagged != nil || m.vlan.Present() && !m.untagged || m.present[keyVLANName] {
		return false
	}
	g := r.groups[m.group]
	return m.pins || n.unadvertisedSwitch || g != nil && g.unadvertisedSwitch
}
