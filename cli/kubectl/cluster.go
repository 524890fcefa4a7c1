// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"context"
	"time"

	"github.com/colvin-net/colvin/cli/view"
)

// cluster reads the nodes, and what they resolve by.
func (c *client) cluster(ctx context.Context) (*world, []*node, error) {
	nodes, err := c.nodes(ctx)
	if err != nil {
		return nil, nil, err
	}
	w, err := c.world(ctx, nodes)
	return w, nodes, err
}

// resolved reads what the nodes publish and returns what use makes of it, in the order of their
// names. What cannot be read of a node counts as not published: the controller says so by an
// Event on the Node.
func resolved[R any](ctx context.Context, c *client, w *world, nodes []*node, now time.Time, use func(*view.Node) (R, bool)) ([]R, error) {
	known := byName(nodes)
	return list(ctx, c, query{resource: topologies}, func(t *nodeTopology) (r R, keep bool) {
		of, there := known[t.Metadata.Name]
		if nodes != nil && !there || !t.belongs(of) {
			return r, false
		}
		n, err := w.resolve(t, now)
		if err != nil {
			return r, false
		}
		return use(n)
	})
}

// tidied has a view that has no YAML of its own print that too.
func (a *app) tidied(show func(*view.Out) error) error {
	if a.format != formatYAML {
		return show(a.show())
	}
	return a.asYAML(show)
}

// withNote prints what to know of the names below a table.
func (a *app) withNote(w *world, err error) error {
	if err != nil || w.note == "" || a.format != view.Table && a.format != view.Wide && a.format != view.Text {
		return err
	}
	return a.show().Print("%s", w.note)
}
