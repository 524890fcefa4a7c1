// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
)

// ColourShare is how many colours may be given on account of one node: a quarter of those that
// there are. A colour is never taken back, and a node can invent networks.
const ColourShare = 64

// An Uncoloured is what should have a colour and has none, and the node on whose account it is
// given.
type Uncoloured struct {
	Identity mapping.Identity
	Node     Node
}

// givenFor counts the colours by the nodes on whose account they were given.
func givenFor(colours []*v1alpha1.Colour) map[string]int {
	given := map[string]int{}
	for _, c := range colours {
		if node := c.Annotations[v1alpha1.ColourSeenBy]; node != "" {
			given[node]++
		}
	}
	return given
}

// chassisID is what a Colour takes.
var chassisID = regexp.MustCompile(`^[a-z]+[0-9]*:.`)

func colourable(id mapping.Identity) bool {
	key := id.SwitchKey()
	return chassisID.MatchString(key) && id.Kind != identity.Group && len(key) <= v1alpha1.MaxID && id.VLAN <= discovery.MaxVID
}

// uncoloured finds what needs a colour. One is enough for all that is the same network,
// unless pods attach by colours: each node resolves names by what it has heard itself.
func (w *clusterView) uncoloured() {
	coloured := map[mapping.Identity]bool{}
	for _, c := range w.book { // a node that contradicts itself does not know its own colours
		coloured[c.Identity] = true
	}
	seers := w.seers(coloured)
	beyond := map[*observed]int{}
	for _, id := range slices.SortedFunc(maps.Keys(seers), identity.Compare) {
		class := w.class(id)
		if !w.options.Attach && (len(w.colours[class]) > 0 || coloured[class]) {
			continue
		}
		payer := w.payer(seers[id])
		if payer == nil {
			for _, o := range seers[id] {
				beyond[o]++
			}
			continue
		}
		coloured[class] = true
		w.given[payer.node.Name]++
		w.plan.Uncoloured = append(w.plan.Uncoloured, Uncoloured{id, payer.node})
	}
	for _, o := range w.nodes {
		if n := beyond[o]; n > 0 {
			w.plan.Problems = append(w.plan.Problems, Problem{o.node, TooManyUnnamed, fmt.Sprintf(
				"%d networks without a name get no colour: %d were given on account of this node, and no node has more; name the networks with rules", n, w.given[o.node.Name])})
		}
	}
}

// seers are the nodes that see each network which should have a colour. What can have none is
// told.
func (w *clusterView) seers(coloured map[mapping.Identity]bool) map[mapping.Identity][]*observed {
	seers := map[mapping.Identity][]*observed{}
	told := map[mapping.Identity]bool{}
	for _, o := range w.nodes {
		var refused []string
		for _, id := range o.view.Uncoloured {
			switch {
			case coloured[id] || told[id]:
			case !colourable(id):
				told[id] = true
				refused = append(refused, id.String())
			default:
				seers[id] = append(seers[id], o)
			}
		}
		if len(refused) > 0 {
			w.plan.Problems = append(w.plan.Problems, Problem{o.node, NotColoured, "what is no chassis ID, or no VLAN, gets no colour: " + few(refused)})
		}
	}
	return seers
}

// payer is who of those that see a network has the fewest colours on its account, or nobody
// where all have as many as one may.
func (w *clusterView) payer(seers []*observed) *observed {
	of := func(o *observed) int { return w.given[o.node.Name] }
	least := slices.MinFunc(seers, func(a, b *observed) int { return of(a) - of(b) })
	if of(least) >= ColourShare {
		return nil
	}
	return least
}
