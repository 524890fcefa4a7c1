// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/cli/plans"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/mapping/cabling"
)

// plan is about the cables of all nodes.
func (a *app) plan() *cobra.Command {
	return plans.New(&plans.Host{
		Command: Name, Format: &a.format, Print: a.tidied, More: []string{formatYAML}, Failed: ErrSilent,
		Heard: func(cmd *cobra.Command, pool string) (*cabling.Heard, error) {
			c, err := a.connect()
			if err != nil {
				return nil, err
			}
			return c.cables(cmd.Context(), pool, a.now())
		},
	})
}

// cables is what all nodes hear. It needs no names of networks, so that who checks cables may
// read Nodes and NodeTopologies, and nothing else.
func (c *client) cables(ctx context.Context, pool string, now time.Time) (*cabling.Heard, error) {
	all, err := c.nodes(ctx)
	if err != nil {
		return nil, err
	}
	known := byName(all)
	told, err := list(ctx, c, query{resource: topologies}, func(t *nodeTopology) (cabling.Source, bool) {
		of, there := known[t.Metadata.Name]
		if !there || !t.belongs(of) {
			return cabling.Source{}, false
		}
		return source(t, now), true
	})
	if err != nil {
		return nil, err
	}
	sources := map[string]cabling.Source{}
	for _, s := range told {
		sources[s.Node] = s
	}
	var nodes []cabling.Source
	for _, n := range all {
		s := sources[n.Name]
		if s.Node, s.Pool = n.Name, n.Labels[pool]; !strings.HasPrefix(n.status, "Ready") && s.Snapshot != nil {
			s.Doubt = fmt.Sprintf("the node is %s, so what it told last may be old", n.status)
		}
		nodes = append(nodes, s)
	}
	return cabling.NewHeard(now, true, nodes...), nil
}

// source is what a node publishes of its ports.
func source(t *nodeTopology, now time.Time) cabling.Source {
	s := cabling.Source{Node: t.Metadata.Name, Published: true}
	spec, _ := clusterview.Within(&t.Spec)
	in, err := clusterview.Input(spec, t.Metadata.Name, now)
	if err != nil {
		s.Doubt = "what the node publishes cannot be read: " + err.Error()
		return s
	}
	s.Snapshot, s.Memory = in.Snapshot, in.Memory
	return s
}
