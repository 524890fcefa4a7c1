// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"log/slog"
	"reflect"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/colour"
	"github.com/colvin-net/colvin/mapping/identity"
)

// A colourSource has the colours: a node on its own gives them, one in a cluster is told.
type colourSource interface {
	// known are the colours that were given, oldest first.
	known() []mapping.Colour
	// give gives colours to those identities that have none, but none that is shadowed,
	// and keeps them before anybody can see them. It reports whether there are new ones.
	give(ids []mapping.Identity, shadowed func(name string) bool) bool
	// due reports whether give failed for a reason that may pass by itself.
	due() bool
}

var (
	_ colourSource = (*ownColours)(nil)
	_ colourSource = (*clusterColours)(nil)
)

// ownColours are the colours of a node on its own. In a cluster there are none, and
// nothing is said.
type ownColours struct {
	store  store
	log    *slog.Logger
	book   *colour.Book // nil while it is damaged
	failed error        // why an identity that should have a colour has none
}

func newOwnColours(s store, log *slog.Logger, lost *damage) *ownColours {
	book, err := s.colours()
	lost.note(err)
	return &ownColours{store: s, log: log, book: book}
}

func (o *ownColours) known() []mapping.Colour {
	if o.book == nil {
		return nil
	}
	var out []mapping.Colour
	for _, e := range o.book.Entries() {
		if id, err := identity.Parse(identity.Key(e.Identity)); err == nil {
			out = append(out, mapping.Colour{Name: e.Colour, Identity: id})
		}
	}
	return out
}

func (o *ownColours) give(ids []mapping.Identity, shadowed func(name string) bool) bool {
	if o.failed = nil; o.book == nil {
		return false
	}
	before := o.book.Entries()
	var given []mapping.Colour
	if given, o.failed = o.allocate(ids, shadowed); len(given) == 0 {
		return false
	}
	if err := o.store.saveColours(o.book); err != nil {
		o.failed, o.book = err, colour.NewBook(before...) // a colour that is not kept could be given twice
		return false
	}
	for _, c := range given {
		o.log.Info("colour given", "colour", c.Name, "identity", c.Identity.String())
	}
	return true
}

func (o *ownColours) due() bool {
	return o.failed != nil && !errors.Is(o.failed, colour.ErrTooManyUnnamed) && !errors.Is(o.failed, colour.ErrShadowed)
}

// allocate has the book give colours, which are given once they are kept.
func (o *ownColours) allocate(ids []mapping.Identity, shadowed func(name string) bool) (given []mapping.Colour, err error) {
	for _, id := range ids {
		c, err := o.book.Allocate(string(id.Key()), shadowed, time.Now())
		if err != nil {
			return given, err
		}
		given = append(given, mapping.Colour{Name: c, Identity: id})
	}
	return given, nil
}

// Conditions say why an identity that should have a colour has none.
func (o *ownColours) Conditions() []mapping.Condition {
	if o.failed == nil {
		return nil
	}
	why := mapping.FilesUnwritable
	switch {
	case errors.Is(o.failed, colour.ErrTooManyUnnamed):
		why = mapping.TooManyUnnamed
	case errors.Is(o.failed, colour.ErrShadowed):
		why = mapping.ColourShadowed
	}
	return []mapping.Condition{{Type: why, Message: o.failed.Error()}}
}

// clusterColours are the colours of a cluster, and what else it says of itself. They are
// kept for the next start, because the cluster may be away then. Without a cluster there
// are none, and nothing is said.
type clusterColours struct {
	cluster  agentapi.Cluster // nil where the node is on its own
	store    store
	colours  []mapping.Colour
	problems []mapping.Condition // between the node and the cluster
	unkept   error               // why the colours are not kept
}

func newClusterColours(c agentapi.Cluster, s store, lost *damage) *clusterColours {
	colours, err := s.clusterColours(c.Identity())
	lost.note(err)
	return &clusterColours{cluster: c, store: s, colours: colours}
}

func (c *clusterColours) updates() <-chan agentapi.ClusterUpdate {
	if c.cluster == nil {
		return nil
	}
	return c.cluster.Updates()
}

// learn takes over what the cluster says, and reports whether all of it is known.
func (c *clusterColours) learn(u agentapi.ClusterUpdate) bool {
	c.problems = u.Problems
	if u.RuleSets == nil || u.Colours == nil {
		return false
	}
	if !reflect.DeepEqual(c.colours, u.Colours) {
		c.colours = u.Colours
		c.keep()
	}
	return true
}

func (c *clusterColours) keep() {
	c.unkept = c.store.saveClusterColours(c.cluster.Identity(), c.colours)
}

func (c *clusterColours) known() []mapping.Colour { return c.colours }

// give gives none: the controller does.
func (*clusterColours) give([]mapping.Identity, func(string) bool) bool { return false }

func (*clusterColours) due() bool { return false }

// Take keeps what could not be kept before.
func (c *clusterColours) Take(time.Time, *Step) time.Duration {
	if c.unkept == nil {
		return never
	}
	c.keep()
	return lookEvery
}

// Conditions say what is between the node and the cluster.
func (c *clusterColours) Conditions() []mapping.Condition { return c.problems }

// Unwritten says why the colours are not kept for the next start.
func (c *clusterColours) Unwritten() error { return c.unkept }
