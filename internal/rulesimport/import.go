// SPDX-License-Identifier: Apache-2.0

package rulesimport

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A Request is what people have, and what is known of the wire.
type Request struct {
	Files []File
	Here  *Witness // of the node that is asked; nil for none
	// Unasked is why there is none.
	Unasked string
	// Names says which network is meant by a name in the files: of a definition, with its
	// namespace or without, or what would be made of that.
	Names map[string]string
	// Everywhere is set where a definition that says nothing of nodes is meant for all of
	// which it is known what they hear.
	Everywhere bool
	RuleSet    string // the rules are written as an object of this name; empty for a file
	Now        time.Time
}

// A Kind says what a Finding is about.
type Kind string

// The kinds of findings, in the order in which they are told.
const (
	Contradicted Kind = "contradicted" // by what switches tell, or by another claim
	NotPinned    Kind = "notPinned"    // nobody knows enough of the port
	NotRead      Kind = "notRead"      // nothing could be made of it
	Note         Kind = "note"
	Told         Kind = "told" // by a switch or a rule already
)

// A heading is what stands above the findings of a kind.
type heading struct {
	Kind
	title string
}

// headings are those of all kinds, in their order.
var headings = []heading{
	{Contradicted, "CONTRADICTED, so nothing of it is in the rules:"},
	{NotPinned, "REFUSED, because a rule would be a guess:"},
	{NotRead, "NOT READ:"},
	{Note, "NOTE:"},
	{Told, "LEFT OUT, because it is known already:"},
}

// A Finding is what there is to say of a claim.
type Finding struct {
	Kind    Kind   `json:"kind"`
	Place   string `json:"place,omitempty"`
	Message string `json:"message"`
}

// A Report is what was made of the files.
type Report struct {
	Findings []Finding `json:"findings"`
	Rules    string    `json:"rules"` // a rules file or RuleSets, with the findings at its head
}

// Count returns how many findings are of a kind.
func (r *Report) Count(k Kind) (n int) {
	for _, f := range r.Findings {
		if f.Kind == k {
			n++
		}
	}
	return n
}

// A cell is a place on a node with what is claimed of it.
type cell struct {
	node string
	place
	names  []string // in the order of the alphabet
	claims []*claim
	by     *witness
	said   []said

	// What the cell leads to by the wire, if anything.
	uplink *mapping.Uplink
	known  bool // a rule names it so already

	matches  []string // that name it
	tagged   bool     // by a rule with tagged
	declared bool     // on a port where a switch speaks
	dropped  bool     // it is told why
}

// A said is what one claim calls which ports of a cell.
type said struct {
	device, ports, name string
	meant               meaning
	place               string
}

// A meaning is what a name was made from; none where --name says it. The namespace is that
// of a definition: what the others call their networks is of the whole cluster.
type meaning struct{ namespace, text string }

// String is the name, with its namespace.
func (m meaning) String() string { return strings.TrimPrefix(m.namespace+"/"+m.text, "/") }

// placeOf is where it stands that a cell is called so.
func (c *cell) placeOf(name string) string {
	for _, s := range c.said {
		if s.name == name {
			return s.place
		}
	}
	return c.claims[0].place
}

// called is what a cell is called, and where that stands.
func (c *cell) called() string {
	all := make([]string, len(c.names))
	for i, name := range c.names {
		all[i] = name + " by " + c.placeOf(name)
	}
	return strings.Join(all, ", ")
}

// vlan is the VLAN that a cell leads to; 0 where nobody says so.
func (c *cell) vlan() uint16 {
	if c.uplink != nil && c.uplink.Identity.HasVLAN() {
		return c.uplink.Identity.VLAN
	}
	return c.vid
}

// String says where a cell is.
func (c *cell) String() string {
	text := c.node + " " + c.device
	if c.vid != 0 && (len(c.ports) != 1 || c.ports[0].Name != c.device || c.tagOnDevice()) {
		text += fmt.Sprintf(" tagged %d", c.vid)
	}
	return text
}

// tagOnDevice reports whether the tag is one that the claim puts on the device.
func (c *cell) tagOnDevice() bool {
	return slices.ContainsFunc(c.claims, func(d *claim) bool { return d.vid != 0 })
}

// importer is an import under way.
type importer struct {
	Request
	content
	cluster   *cluster
	witnesses map[string]*witness
	cells     map[string]*cell
}

func (m *importer) find(k Kind, place, format string, args ...any) {
	m.findings = append(m.findings, Finding{k, place, fmt.Sprintf(format, args...)})
}

// Import makes rules of the files.
func Import(r Request) (*Report, error) {
	m := &importer{Request: r, cells: map[string]*cell{}}
	for _, f := range r.Files {
		m.read(f)
	}
	m.once()
	m.cluster = m.content.cluster()
	var err error
	if m.witnesses, err = m.content.witnesses(r.Here, r.Now); err != nil {
		return nil, err
	}
	m.cluster.others = slices.Collect(maps.Keys(m.witnesses))
	claims := m.claims()
	if len(claims) == 0 && len(m.findings) == 0 {
		m.find(NotRead, "", "there is no %s, no %s and no table in the files", kindDefinition, kindMap)
	}
	for i := range claims {
		m.claim(&claims[i])
	}
	all := slices.SortedFunc(maps.Values(m.cells), func(a, b *cell) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.device, b.device), cmp.Compare(a.vid, b.vid))
	})
	for _, c := range all {
		m.judge(c)
	}
	m.oneName(all)
	m.oneNetwork(all)
	m.oneDevice(all)
	m.noOther(all)
	m.oneMeaning(all)
	m.unusedNames(claims)
	if err := m.newName(); err != nil {
		return nil, err
	}
	list, err := m.make(all)
	if err != nil {
		return nil, err
	}
	if r.Unasked != "" {
		m.find(Note, "", "what is heard on this node was not looked at: %s", r.Unasked)
	}
	slices.SortStableFunc(m.findings, func(a, b Finding) int { return order(a.Kind) - order(b.Kind) })
	out := &Report{Findings: append([]Finding{}, m.findings...)}
	out.Rules = m.write(out, list)
	return out, nil
}

// inForce are the names of the rules beside which those made are to stand.
func (m *importer) inForce() []string {
	names := map[string]bool{}
	for _, w := range m.witnesses {
		for _, s := range w.sources {
			names[s.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// newName holds that the object does not take the place of another, whose rules were left
// out, and counts behind all that there are.
func (m *importer) newName() error {
	if m.RuleSet == "" {
		return nil
	}
	name := clusterview.RuleSourceName(m.RuleSet)
	for _, other := range m.inForce() {
		if strings.HasPrefix(other, clusterview.RuleSourceName("")) && other >= name {
			return fmt.Errorf("RuleSets count in the order of their names, and %s is meant behind %s: give a name that comes after it with --ruleset, such as %s-imported",
				name, other, strings.TrimPrefix(other, clusterview.RuleSourceName("")))
		}
	}
	return nil
}

func order(k Kind) int {
	return slices.IndexFunc(headings, func(h heading) bool { return h.Kind == k })
}

// claim takes in a claim for each node that it is about.
func (m *importer) claim(d *claim) {
	nodes, err := m.nodes(d)
	if err != nil {
		m.find(NotPinned, d.place, "%s: %v", d.by, err)
		return
	}
	found, said := 0, 0
	for _, node := range nodes {
		w := m.witnesses[node]
		if w == nil {
			m.find(NotPinned, d.place, "%s %s: no agent has told what is heard on this node%s: add the NodeTopologies (kubectl get nodetopologies -o json), or run this on the node", node, d.at, m.asked())
			continue
		}
		p, err := w.find(d)
		if err != nil {
			if _, none := errors.AsType[*absent](err); !none || len(d.on) > 0 {
				m.find(NotPinned, d.place, "%s: %v", node, err)
				said++
			}
			continue
		}
		found++
		m.add(d, node, w, p, len(nodes) == 1)
	}
	if found+said == 0 && len(d.on) == 0 {
		m.find(NotPinned, d.place, "%s: no node has an interface %s that leads to a port", d.by, d.at)
	}
}

// asked are the nodes of which it is known what is heard, for a name that is written otherwise.
func (m *importer) asked() string {
	if len(m.witnesses) == 0 {
		return ""
	}
	return ", but on " + fit.List(slices.Sorted(maps.Keys(m.witnesses)), maxLine)
}

// nodes are those that a claim is about.
func (m *importer) nodes(d *claim) ([]string, error) {
	if len(d.on) == 0 {
		if !m.Everywhere {
			return nil, fmt.Errorf("no file says on which nodes it is used: add the pods or what makes them (kubectl get pods,deployments,daemonsets,statefulsets -A -o json), or say --everywhere if %s is meant on every node", d.at)
		}
		return slices.Sorted(maps.Keys(m.witnesses)), nil
	}
	nodes, err := m.cluster.nodes(d.on)
	if err == nil && len(nodes) == 0 {
		err = fmt.Errorf("no node is what its node selectors ask for")
	}
	return nodes, err
}

// add puts a claim into the cell that it is about.
func (m *importer) add(d *claim, node string, w *witness, p place, alone bool) {
	name, meant, err := m.name(d, node, alone)
	if err != nil {
		m.find(NotRead, d.place, "%s: %v", d.by, err)
		return
	}
	key := fmt.Sprintf("%s\x00%s\x00%d", node, portKey(p.whole), p.vid)
	c := m.cells[key]
	if c == nil {
		c = &cell{node: node, place: p, by: w}
		m.cells[key] = c
	}
	c.claims, c.said = append(c.claims, d), append(c.said, said{p.device, portKey(p.ports), name, meant, d.place})
	for _, ifi := range p.ports {
		if !slices.ContainsFunc(c.ports, func(has discovery.Interface) bool { return has.Index == ifi.Index }) {
			c.ports = append(c.ports, ifi)
		}
	}
	if !slices.Contains(c.names, name) {
		c.names = append(c.names, name)
		slices.Sort(c.names)
	}
}

// name is that of the network: what Names says, or the claim's own, without the name of the
// one node that it is about.
func (m *importer) name(d *claim, node string, alone bool) (string, meaning, error) {
	base := d.names[len(d.names)-1]
	short, _, _ := strings.Cut(node, ".")
	derived := base
	for _, n := range []string{node, short} {
		if !alone {
			break
		}
		if rest, ok := strings.CutSuffix(base, n); ok && len(strings.TrimRight(rest, "-_.")) > 0 && rest != strings.TrimRight(rest, "-_.") {
			derived = strings.TrimRight(rest, "-_.")
			break
		}
		if rest, ok := strings.CutPrefix(base, n); ok && len(strings.TrimLeft(rest, "-_.")) > 0 && rest != strings.TrimLeft(rest, "-_.") {
			derived = strings.TrimLeft(rest, "-_.")
			break
		}
	}
	for _, name := range append(slices.Clone(d.names), derived) {
		if to, ok := m.Names[name]; ok {
			return to, meaning{}, nil
		}
	}
	label := rules.Label(derived)
	if to, ok := m.Names[label]; ok {
		return to, meaning{}, nil
	}
	if !rules.ValidName(label) {
		return "", meaning{}, fmt.Errorf("%s makes no name of a network, which has at most 63 lower-case letters, digits and dashes: give it one with --name %s=NAME", yamlfile.Quote(base), d.names[0])
	}
	return label, meaning{d.namespace, strings.ToLower(derived)}, nil
}

// drop says why nothing comes of a cell.
func (m *importer) drop(k Kind, c *cell, format string, args ...any) {
	c.dropped = true
	m.find(k, c.claims[0].place, "%s: %s", c, fmt.Sprintf(format, args...))
}

// apart says what the ports of one device are called, where that is not the same.
func (c *cell) apart() string {
	names, list := map[string]map[string]bool{}, []string{}
	for _, s := range c.said {
		if names[s.ports] == nil {
			names[s.ports] = map[string]bool{}
		}
		names[s.ports][s.name] = true
		list = append(list, fmt.Sprintf("%s is called %s by %s", s.device, s.name, s.place))
	}
	for _, of := range names {
		if len(of) != len(c.names) {
			return strings.Join(list[:min(len(list), maxTold)], "; ")
		}
	}
	return ""
}

// judge asks the wire about a cell.
func (m *importer) judge(c *cell) {
	if list := c.apart(); list != "" {
		m.drop(Contradicted, c, "the ports of one bond, team or bridge lead to one network, but %s; check the cables, or give them the same name by --name", list)
		return
	}
	if len(c.names) > 1+v1alpha1.MaxRuleAliases {
		m.drop(NotRead, c, "it has %d names, and a rule has %d aliases at most: give several the same name by --name", len(c.names), v1alpha1.MaxRuleAliases)
		return
	}
	view := c.by.view()
	ups := c.uplinks(view, c.vid)
	if len(ups) == 0 && c.vid != 0 {
		if untagged := spoken(c.uplinks(view, 0)); len(untagged) > 0 {
			m.declare(c, untagged)
			return
		}
	}
	if len(ups) == 0 {
		matches, err := c.by.pins(&c.place)
		if err != nil {
			m.drop(NotPinned, c, "%v", err)
			return
		}
		c.matches, c.tagged = matches, c.vid != 0
		return
	}
	for _, a := range ups {
		m.heed(c, a)
		if c.dropped {
			return
		}
	}
}

// spoken are the uplinks of which a switch tells.
func spoken(all []*mapping.Uplink) []*mapping.Uplink {
	return slices.DeleteFunc(all, func(a *mapping.Uplink) bool { return a.Identity.Kind == identity.Pin })
}

// heed compares what is claimed of a cell with where it leads.
func (m *importer) heed(c *cell, a *mapping.Uplink) {
	pinned := a.Identity.Kind == identity.Pin
	if !pinned {
		if err := reliable(a); err != nil {
			m.drop(NotPinned, c, "it has not settled: %v", err)
			return
		}
	}
	if (a.Rule == rules.Ref{}) {
		matches, why := a.Matches(c.node)
		if len(matches) == 0 {
			m.drop(NotPinned, c, "%s", why)
			return
		}
		c.uplink = a
		for _, one := range matches {
			if !slices.Contains(c.matches, one) {
				c.matches = append(c.matches, one)
			}
		}
		return
	}
	if other := slices.DeleteFunc(slices.Clone(c.names), func(n string) bool { return slices.Contains(a.Names(), n) }); len(other) > 0 {
		c.dropped = true
		m.find(Contradicted, c.placeOf(other[0]), "%s: the files say that it is %s, but it is %s (%s, named by %s); check the cable, or say by --name that %s is meant, or by aliases in that rule that it has several names",
			c, strings.Join(other, ", "), a.Name, told(a), a.Rule, a.Name)
		return
	}
	if c.known {
		return // through another port of the same bond
	}
	c.uplink, c.known = a, true
	how := "by LLDP"
	switch {
	case pinned:
		how = "by a pin"
	case strings.HasPrefix(string(a.Neighbor.Chassis), "cdp:"):
		how = "by CDP"
	}
	m.find(Told, c.claims[0].place, "%s is %s %s already (%s)", c, strings.Join(c.names, ", "), how, told(a))
}

// declare names a tag of which a switch does not tell, on the port of the switch.
func (m *importer) declare(c *cell, untagged []*mapping.Uplink) {
	for _, a := range untagged {
		if err := reliable(a); err != nil {
			m.drop(NotPinned, c, "it has not settled: %v", err)
			return
		}
		exact := rules.Exact{Chassis: a.Neighbor.Chassis, Port: a.Neighbor.Port}
		if a.Identity.Kind == identity.Sender {
			exact.Node, exact.Interface = c.node, a.Port.Name
		}
		match, lacking := exact.Match()
		if len(lacking) > 0 {
			m.drop(NotPinned, c, "the %s of the switch cannot be written in a rule", strings.Join(lacking, " and "))
			return
		}
		if !slices.Contains(c.matches, match) {
			c.matches = append(c.matches, match)
		}
	}
	for _, a := range untagged {
		if a.Identity.VLAN == c.vid {
			m.drop(Contradicted, c, "the files say that frames of VLAN %d are tagged there, but the switch says that they are not (%s): leave the tag out, or check the port of the switch", c.vid, told(a))
			return
		}
	}
	set, err := c.by.trial(c.matches, c.vid)
	if err != nil {
		m.drop(NotPinned, c, "%v", err)
		return
	}
	ups := c.uplinks(c.by.resolve(set), c.vid)
	if len(ups) == 0 {
		m.drop(NotPinned, c, "a rule would not make the tag a network of the port")
		return
	}
	c.uplink, c.tagged, c.declared = ups[0], true, true
}
