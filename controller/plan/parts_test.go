// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

func identityOf(n int) mapping.Identity {
	return mapping.Identity{Switch: fmt.Sprintf("mac:00:00:5e:00:%02x:%02x", n/256, n%256), VLAN: 7}
}

func TestIsSure(t *testing.T) {
	eth1 := nodefile.Link{Name: "eth1", Index: 1}
	for _, tt := range []struct {
		certainty      nodefile.Certainty
		device, parent nodefile.Link
		want           bool
	}{
		{nodefile.Fresh, eth1, nodefile.Link{}, true},
		{nodefile.Stale, eth1, nodefile.Link{}, true},
		{nodefile.Fresh, nodefile.Link{}, eth1, true},
		{nodefile.Fresh, nodefile.Link{}, nodefile.Link{}, false},
		{nodefile.Unverified, eth1, nodefile.Link{}, false},
		{nodefile.Down, eth1, nodefile.Link{}, false},
	} {
		b := nodeUplink{Uplink: &mapping.Uplink{Certainty: tt.certainty, Device: tt.device, Parent: tt.parent}}
		if got := b.isSure(); got != tt.want {
			t.Errorf("%s, device %d, parent %d: sure %t, want %t", tt.certainty, tt.device.Index, tt.parent.Index, got, tt.want)
		}
	}
}

// TestColourable holds that no colour is asked for that a Colour could not be written of.
func TestColourable(t *testing.T) {
	longest := "local:" + strings.Repeat("x", v1alpha1.MaxID-len("local:"))
	for id, want := range map[mapping.Identity]bool{
		{Switch: "mac:00:00:5e:00:00:01", VLAN: 1}:                        true,
		{Switch: "mac:00:00:5e:00:00:01", VLAN: 4094}:                     true,
		{Switch: "mac:00:00:5e:00:00:01", VLAN: 4095}:                     false,
		{Switch: "ip4:192.0.2.1", VLAN: 1}:                                true,
		{Switch: "leaf-1", VLAN: 1}:                                       false,
		{Switch: "local:", VLAN: 1}:                                       false,
		{Switch: longest, VLAN: 1}:                                        true,
		{Switch: longest + "x", VLAN: 1}:                                  false,
		{Kind: identity.Group, Switch: "mac:00:00:5e:00:00:01", VLAN: 1}:  false,
		{Kind: identity.Sender, Switch: "mac:00:00:5e:00:00:01", VLAN: 1}: true,
	} {
		if got := colourable(id); got != want {
			t.Errorf("%v: %t, want %t", id, got, want)
		}
	}
}

// TestUncolouredOnce holds that a network which several nodes see gets one colour, on account of
// who has the fewest, and one that has a colour none, whatever a node says.
func TestUncolouredOnce(t *testing.T) {
	sees := func(name string, all ...mapping.Identity) *observed {
		return &observed{node: Node{Name: name}, view: mapping.View{Uncoloured: all}}
	}
	for attach, want := range map[bool][]Uncoloured{
		true: {{identityOf(1), Node{Name: "node1"}}, {identityOf(2), Node{Name: "node2"}}, {identityOf(4), Node{Name: "node2"}}},
		// 4 is the same network as 3, which has a colour.
		false: {{identityOf(1), Node{Name: "node1"}}, {identityOf(2), Node{Name: "node2"}}},
	} {
		w := &clusterView{
			options: Options{Attach: attach}, plan: &Plan{}, given: map[string]int{},
			joined: joined{same: identityClasses{identityOf(4): identityOf(3)}, colours: map[mapping.Identity][]string{identityOf(3): {"sky-emu"}}},
			book:   []mapping.Colour{{Name: "sky-emu", Identity: identityOf(3)}},
			nodes:  []*observed{sees("node1", identityOf(2), identityOf(1), identityOf(3)), sees("node2", identityOf(1), identityOf(4), identityOf(2))},
		}
		w.uncoloured()
		if diff := cmp.Diff(want, w.plan.Uncoloured); diff != "" {
			t.Errorf("attach %t (-want +got):\n%s", attach, diff)
		}
		if len(w.plan.Problems) != 0 {
			t.Errorf("problems %v", w.plan.Problems)
		}
	}
}

// TestNamesOfANode holds that what a node may not bear as well are further colours, not
// further uplinks of those that it bears.
func TestNamesOfANode(t *testing.T) {
	o := &observed{}
	w := &clusterView{joined: joined{colours: map[mapping.Identity][]string{}}}
	bear := func(n int) {
		id := identityOf(n)
		w.colours[id] = []string{fmt.Sprint("net-", n)}
		o.view.Uplinks = append(o.view.Uplinks, mapping.Uplink{Identity: id})
	}
	for i := range maxLabels {
		bear(i)
	}
	bear(0)
	bear(maxLabels)
	o.note()
	w.bear(o)
	if beyond := o.parts[fmt.Sprint("net-", maxLabels)]; len(o.parts) != maxLabels || beyond != nil || len(o.parts["net-0"].uplinks) != 2 {
		t.Errorf("%d names, beyond: %v, net-0: %d uplinks", len(o.parts), beyond, len(o.parts["net-0"].uplinks))
	}
}

// TestLabelsOfANode holds how many names label a node, which those are, and that more are a
// problem.
func TestLabelsOfANode(t *testing.T) {
	for _, n := range []int{maxLabels, maxLabels + 1} {
		o, w := &observed{}, &clusterView{plan: &Plan{}}
		for i := range n {
			o.view.Uplinks = append(o.view.Uplinks, mapping.Uplink{Name: fmt.Sprint("net-", i), VID: uint16(n - i), VLANSource: mapping.VLANAdvertised, Usable: true})
		}
		last := &o.view.Uplinks[n-1] // by its VLAN the first, but rules alone declare it
		last.VLANSource, last.Aliases = mapping.VLANDeclared, []string{"net-1"}
		o.names = o.keepNames()
		w.labels(&Node{}, o)
		if len(o.names.usable) != maxLabels || len(w.plan.Problems) != n-maxLabels || o.names.usable[last.Name] != (n == maxLabels) || len(o.view.Uplinks) != maxLabels {
			t.Errorf("%d names: %d labels, %d uplinks, problems %v", n, len(o.names.usable), len(o.view.Uplinks), w.plan.Problems)
		}
	}
}

func TestSummary(t *testing.T) {
	got := summary(&v1alpha1.NetworkStatus{
		Identities: []v1alpha1.Identity{{Switch: "mac:1", VLAN: 10}, {Switch: "mac:1", SystemName: "leaf-1", VLAN: 1}, {Switch: "mac:2"}},
		Aliases:    []string{"a", "b"}, Conditions: []metav1.Condition{{Type: "Moved"}},
	})
	if diff := cmp.Diff(v1alpha1.NetworkSummary{VLANs: "unadvertised,1,10", Switches: "leaf-1,mac:1,mac:2", Aliases: "a,b", Problems: "Moved"}, got); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

// TestMembersThatDecide holds that a backup, which may lead elsewhere, makes nothing the
// same network.
func TestMembersThatDecide(t *testing.T) {
	w := &clusterView{joined: joined{same: identityClasses{}}}
	up := mapping.Uplink{Identity: identityOf(1), Certainty: nodefile.Fresh, Device: nodefile.Link{Index: 9}, Members: []mapping.Member{
		{Identity: identityOf(1), Decides: true}, {Identity: identityOf(2)}, {Identity: identityOf(3), Decides: true}, {Identity: identityOf(3), Decides: true},
	}}
	up.Neighbor.Chassis = discovery.ID(identityOf(1).Switch)
	of := func(up mapping.Uplink) *observed {
		o := &observed{view: mapping.View{Uplinks: []mapping.Uplink{up}}}
		o.note()
		return o
	}
	o := of(up)
	if diff := cmp.Diff([]mapping.Identity{identityOf(1), identityOf(3)}, slices.Collect(o.uplinks[0].identities())); diff != "" {
		t.Errorf("identities (-want +got):\n%s", diff)
	}
	o.input.Snapshot = &discovery.Snapshot{}
	w.nodes = []*observed{o}
	if w.join(&joined{}); w.class(identityOf(1)) != w.class(identityOf(3)) || w.class(identityOf(1)) == w.class(identityOf(2)) {
		t.Errorf("the same are %v", w.same)
	}
	up.Certainty = nodefile.Down
	up.Members[1].Decides = true
	if o := of(up); len(o.uplinks[0].others) != 0 || len(o.pairs) != 0 {
		t.Errorf("one that is down shows %v, and the same are %v", o.uplinks[0].others, o.pairs)
	}
}

// TestClasses merges in every order.
func TestClasses(t *testing.T) {
	a, b, c, d := identityOf(1), identityOf(2), identityOf(3), identityOf(4)
	for name, pairs := range map[string][][2]mapping.Identity{
		"in order":        {{a, b}, {b, c}},
		"backwards":       {{c, b}, {b, a}},
		"of what is one":  {{b, c}, {c, a}},
		"the other way":   {{b, c}, {a, c}},
		"again and again": {{a, b}, {a, b}, {b, a}, {c, c}, {c, a}},
	} {
		s := identityClasses{}
		for _, p := range pairs {
			s.merge(p[0], p[1])
		}
		if s.root(a) != a || s.root(b) != a || s.root(c) != a || s.root(d) != d {
			t.Errorf("%s: %v", name, s)
		}
	}
}

// TestColoursStay holds that naming one uplink takes no colour from another.
func TestColoursStay(t *testing.T) {
	set, _, err := rules.Parse("r.yaml", []byte("networks: [{name: red-wren, match: [{vlan: 8}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	w := &clusterView{set: set, joined: joined{same: identityClasses{}, colours: map[mapping.Identity][]string{identityOf(1): {"red-wren", "sky-emu", "teal-emu"}}}}
	b := nodeUplink{Uplink: &mapping.Uplink{Identity: identityOf(1)}}
	for range 2 {
		w.nameUplink(&b)
		if diff := cmp.Diff([]string{"sky-emu", "teal-emu"}, b.colours); diff != "" || b.networkName != "sky-emu" {
			t.Errorf("named %s, colours (-want +got):\n%s", b.networkName, diff)
		}
	}
	if diff := cmp.Diff([]string{"red-wren", "sky-emu", "teal-emu"}, w.colours[identityOf(1)]); diff != "" {
		t.Errorf("colours of the network (-want +got):\n%s", diff)
	}
}

func TestGrace(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		certainty nodefile.Certainty
		since     time.Duration // from now
		want      time.Duration // left; 0 where it does not wait
	}{
		{nodefile.Unverified, 0, Grace},
		{nodefile.Down, -Grace + 1, 1},
		{nodefile.Down, -Grace, 0},
		{nodefile.Down, Grace, Grace},
		{nodefile.Down, Grace + 1, 0}, // of a clock that is too far ahead
		{nodefile.Fresh, 0, 0},
		{nodefile.Stale, 0, 0},
	} {
		until, waits := grace(tt.certainty, now.Add(tt.since), now, Grace)
		if waits != (tt.want > 0) || waits && until.Sub(now) != tt.want {
			t.Errorf("%s since %v: %v, waits %t; want %v", tt.certainty, tt.since, until.Sub(now), waits, tt.want)
		}
	}
}

// TestStatusIsBounded holds to what the kinds of api allow.
func TestStatusIsBounded(t *testing.T) {
	n := &network{name: "green"}
	for i := range 4097 {
		n.uplinks = append(n.uplinks, &nodeUplink{Uplink: &mapping.Uplink{Identity: identityOf(i)}})
	}
	if got := len(n.identities()); got != 4096 {
		t.Errorf("%d identities", got)
	}
	for over, want := range []int{2, 1} {
		half := strings.Repeat("x", 1<<16-1)
		n := &network{uplinks: []*nodeUplink{{Uplink: &mapping.Uplink{Identity: mapping.Identity{Switch: "a", Port: discovery.ID(half)}}, others: []mapping.Identity{{Switch: "b", Port: discovery.ID(half + half[:over])}}}}}
		if got := len(n.identities()); got != want {
			t.Errorf("%d octets too many: %d identities, want %d", over, got, want)
		}
	}
	for length, cut := range map[int]bool{512: false, 513: true} {
		ref := rules.Ref{File: strings.Repeat("x", length-len(" p")), Path: "p"}
		n := &network{uplinks: []*nodeUplink{{Uplink: &mapping.Uplink{Rule: ref}}}}
		if got := n.namedBy(); len(got[0]) > 512 || (got[0] != ref.String()) != cut {
			t.Errorf("a rule of %d octets: %d octets", length, len(got[0]))
		}
		text := strings.Repeat("x", length)
		if got := few([]string{text}); len(got) > 512 || (got != text) != cut {
			t.Errorf("a text of %d octets: %d octets", length, len(got))
		}
	}
	var mistakes []yamlfile.Mistake
	for i := range 20 {
		mistakes = append(mistakes, yamlfile.Mistake{File: []string{"a", "b"}[i%10/9], Line: i + 1, Column: 1, Message: "no"})
	}
	if got := about("a", mistakes); len(got) != 16 || got[15] != "there are more" || got[14] == got[15] {
		t.Errorf("%d mistakes: %v", len(got), got)
	}
	if got := about("b", mistakes); len(got) != 2 {
		t.Errorf("of another source: %v", got)
	}
}

func TestBetterName(t *testing.T) {
	for _, tt := range [][3]string{{"", "", ""}, {"", "b", "b"}, {"a", "", "a"}, {"a", "b", "a"}, {"b", "a", "a"}} {
		if got := betterName(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%q and %q: %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
}

// TestNodesOfANetwork counts the nodes from which pods get there; of a colour that only
// names, those that see it.
func TestNodesOfANetwork(t *testing.T) {
	for name, tt := range map[string]struct {
		attach bool
		up     mapping.Uplink
		want   int32
	}{
		"usable":                            {false, mapping.Uplink{Usable: true, Rule: rules.Ref{File: "r"}}, 1},
		"by rule, not usable":               {false, mapping.Uplink{Rule: rules.Ref{File: "r"}}, 0},
		"by colour":                         {false, mapping.Uplink{}, 1},
		"by colour, for pods":               {true, mapping.Uplink{}, 0},
		"by colour, for pods, and usable":   {true, mapping.Uplink{Usable: true}, 1},
		"by colour, but it is not verified": {false, mapping.Uplink{Certainty: nodefile.Unverified}, 0},
	} {
		if tt.up.Certainty == "" {
			tt.up.Certainty = nodefile.Fresh
		}
		tt.up.Device.Index = 1
		w := &clusterView{options: Options{Attach: tt.attach}}
		n := &network{name: "green", uplinks: []*nodeUplink{{observed: &observed{}, Uplink: &tt.up}}}
		if got := w.status(n).Nodes; got != tt.want {
			t.Errorf("%s: %d nodes, want %d", name, got, tt.want)
		}
	}
}

// TestToldOfInterfaces holds that each network behind an interface is told once, and that
// a condition of no concern hides none.
func TestToldOfInterfaces(t *testing.T) {
	o := &observed{node: Node{Name: "n1"}}
	o.input.Snapshot = &discovery.Snapshot{Interfaces: []discovery.Interface{{Name: "eth1", Index: 1}, {Name: "eth2", Index: 2}}}
	o.view.Conditions = []mapping.Condition{
		{Type: mapping.NotPublished, Interface: "eth1"},
		{Type: mapping.Conflict, Interface: "eth1", Message: "eth1: two speak"},
		{Type: mapping.Conflict, Interface: "eth2", Message: "eth2: two speak"},
		{Type: mapping.PinContradicted, Interface: "eth2", Network: "pinned", Message: "eth2: a switch"},
	}
	for name, index := range map[string]int{"green": 1, "blue": 2, "": 1} {
		for range 2 {
			o.view.Uplinks = append(o.view.Uplinks, mapping.Uplink{Name: name, Rule: rules.Ref{File: name}, Port: nodefile.Link{Index: index}})
		}
	}
	o.note()
	new(clusterView).bear(o)
	got := map[string]map[string][]string{}
	for name, part := range o.parts {
		got[name] = part.saying
	}
	want := map[string]map[string][]string{
		"green":  {v1alpha1.NetworkConflict: {"n1 eth1: two speak"}},
		"blue":   {v1alpha1.NetworkConflict: {"n1 eth2: two speak"}, v1alpha1.NetworkPinContradicted: {"n1 eth2: a switch"}},
		"pinned": {v1alpha1.NetworkPinContradicted: {"n1 eth2: a switch"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestToldOfAliases has containers that asked for a network by each of its names.
func TestToldOfAliases(t *testing.T) {
	o := &observed{node: Node{Name: "n1"}}
	some := []*nodeUplink{{}}
	n := &network{name: "green", uplinks: some, aliases: map[string]bool{"g1": true, "g2": true, "blue": true, "gone": true}}
	blue := &network{name: "blue", uplinks: some}
	for _, name := range []string{"green", "g1", "g2", "blue", "none", "gone"} {
		o.moved = append(o.moved, v1alpha1.MovedAttachment{Network: name})
	}
	w := &clusterView{plan: &Plan{}, nodes: []*observed{o}}
	w.plan.Missing = []Missing{{Network: "g1", Message: "no port leads there"}}
	texts := w.tellByName(map[string]*network{"green": n, "blue": blue, "gone": {name: "gone"}})
	if len(texts[n][v1alpha1.NetworkMoved]) != 4 || len(texts[n][v1alpha1.NetworkMissing]) != 1 || len(texts[blue][v1alpha1.NetworkMoved]) != 1 || len(w.plan.Moved) != 6 {
		t.Errorf("green says %v, blue %v", texts[n], texts[blue])
	}
}

// TestRuleSetsInOrder holds that rules count in the order of their RuleSets' names, as on
// the nodes, and not in the one in which they were listed.
func TestRuleSetsInOrder(t *testing.T) {
	spec := func(name string) any {
		return map[string]any{"networks": []any{map[string]any{"name": name, "match": []any{map[string]any{"vlan": int64(7)}}}}}
	}
	var p Planner
	var out Plan
	c := &Cluster{RuleSets: []RuleSet{{Name: "c", Spec: spec("c")}, {Name: "a", Spec: spec("a")}, {Name: "b", Spec: spec("b")}}}
	p.rules(c, time.Now(), &out)
	var got []string
	for _, s := range out.InForce {
		got = append(got, s.Name)
	}
	if !slices.IsSorted(got) || len(got) != 3 {
		t.Errorf("in force are %v", got)
	}
	for _, r := range out.RuleSets {
		if r.Status.Names != r.Name {
			t.Errorf("RuleSet %s gives the names %q", r.Name, r.Status.Names)
		}
	}
}

// TestOwned holds that a topology counts for the very Node that it belongs to.
func TestOwned(t *testing.T) {
	topology := func(kind string) *v1alpha1.NodeTopology {
		return &v1alpha1.NodeTopology{ObjectMeta: metav1.ObjectMeta{Name: "n1", OwnerReferences: []metav1.OwnerReference{{Kind: kind, Name: "n1", UID: "uid"}}}}
	}
	for name, tt := range map[string]struct {
		nodes    []Node
		topology *v1alpha1.NodeTopology
		want     int
	}{
		"its own":       {[]Node{{Name: "n1", UID: "uid"}}, topology("Node"), 1},
		"a namesake's":  {[]Node{{Name: "n1", UID: "other"}}, topology("Node"), 0},
		"of no Node":    {[]Node{{Name: "n1", UID: "uid"}}, topology("Pod"), 0},
		"a deleted one": {nil, topology("Node"), 0},
		"of nobody":     {[]Node{{Name: "n1"}}, &v1alpha1.NodeTopology{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}, 0},
		"without UID":   {nil, &v1alpha1.NodeTopology{ObjectMeta: metav1.ObjectMeta{Name: "n1", OwnerReferences: []metav1.OwnerReference{{Kind: "Node"}}}}, 0},
	} {
		var p Planner
		var out Plan
		all := p.observe(&Cluster{Nodes: tt.nodes, Topologies: []*v1alpha1.NodeTopology{tt.topology}}, nil, time.Now(), &out)
		if got := len(all) + len(out.Problems); got != tt.want {
			t.Errorf("%s: %d count, want %d", name, got, tt.want)
		}
	}
}

func TestFew(t *testing.T) {
	for n, want := range []string{"", "a", "a; b", "a; b; c", "a; b; c; and 1 more", "a; b; c; and 2 more"} {
		if got := few([]string{"a", "b", "c", "d", "e"}[:n]); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// TestWhyMissing holds that an admin is told what is known of a network that is not there.
func TestWhyMissing(t *testing.T) {
	set, _, err := rules.Parse("r.yaml", []byte("networks: [{name: blue, match: [{vlan: 8}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	up := func(name, reason string, aliases ...string) mapping.Uplink {
		return mapping.Uplink{Name: name, Reason: reason, Aliases: aliases, Port: nodefile.Link{Name: "eth1"}}
	}
	for _, tt := range []struct {
		uplinks []mapping.Uplink
		err     error
		name    string
		want    string
	}{
		{nil, errors.New("no"), "blue", "what the node publishes cannot be read"},
		{nil, nil, "blue", "no port leads to a network that has a name"},
		{nil, nil, "pink", "no rule gives that name"},
		{[]mapping.Uplink{up("", "")}, nil, "blue", "no port leads to a network that has a name"},
		{[]mapping.Uplink{up("red", ""), up("", ""), up("green", ""), up("red", "")}, nil, "blue", "the ports lead to red; green"},
		{[]mapping.Uplink{up("red", ""), up("green", "no carrier", "blue")}, nil, "blue", "eth1 leads there, but no carrier"},
		{[]mapping.Uplink{up("blue", "")}, nil, "blue", "eth1 leads there, but there are too many names"},
	} {
		w := &clusterView{set: set}
		_, got, _ := strings.Cut(w.whyMissing(&observed{err: tt.err, view: mapping.View{Uplinks: tt.uplinks}}, tt.name), "attached to it: ")
		if got, _, _ = strings.Cut(got, "; look at"); got != tt.want {
			t.Errorf("%s, %v: %s, want %s", tt.name, tt.uplinks, got, tt.want)
		}
	}
}

// TestMayBear holds that a label stays only where a port is waited on of which nothing is known.
func TestMayBear(t *testing.T) {
	set, _, err := rules.Parse("r.yaml", []byte("networks: [{name: blue, match: [{vlan: 8}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	holder := &v1alpha1.Holder{}
	for _, tt := range []struct {
		port *v1alpha1.Port
		name string
		want bool
	}{
		{&v1alpha1.Port{Pending: true}, "blue", true},
		{&v1alpha1.Port{Pending: true}, "pink", false}, // no rule gives that name
		{&v1alpha1.Port{Pending: true, Holder: holder}, "blue", false},
		{&v1alpha1.Port{Holder: holder}, "blue", false},
		{&v1alpha1.Port{}, "blue", false},
		{nil, "blue", false},
	} {
		o := &observed{topology: &v1alpha1.NodeTopology{Spec: v1alpha1.NodeTopologySpec{Interfaces: []v1alpha1.Interface{{Name: "eth1", Port: tt.port}}}}}
		w := &clusterView{set: set}
		if got := w.mayBear(o, tt.name); got != tt.want {
			t.Errorf("%s, %+v: %t, want %t", tt.name, tt.port, got, tt.want)
		}
		if o.err = errors.New("no"); w.mayBear(o, tt.name) || w.mayBear(nil, tt.name) {
			t.Errorf("%s, %+v: of a node that says nothing", tt.name, tt.port)
		}
	}
}
