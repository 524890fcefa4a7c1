// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/mapping/topology"
)

func (a *app) topology() *cobra.Command {
	d := &view.Drawing{}
	cmd := &cobra.Command{
		Use:   "topology [FILE...]",
		Short: "Show where the cable of each port ends, or why that is not known (-o svg: as a picture)",
		Long: "topology shows where the cable of each port of this node ends, or why that is not known. With files, of which - is the\n" +
			"standard input, it shows the nodes together whose \"colvin topology -o json\" is in them, and asks no agent:\n\n" +
			"  for node in node1 node2 node3; do ssh $node colvin topology -o json; done | colvin topology -o svg - > topology.svg\n\n" +
			"In a picture, nodes that lead to the same switches and networks share a card; --unfold draws each. A name of --around or --network has to be whole.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.topologyOf(cmd, args)
			if err != nil {
				return err
			}
			return a.show().Topology(cmd, t, d)
		},
	}
	d.Flags(cmd)
	return a.formats(cmd, formatTable, formatJSON, view.SVG, view.Drawio, view.DOT, view.Mermaid)
}

// topologyOf is the topology of this node, or of those in files.
func (a *app) topologyOf(cmd *cobra.Command, files []string) (*topology.Topology, error) {
	if len(files) == 0 {
		s, err := a.state(cmd.Context())
		if err != nil {
			return nil, a.needsAgent(err)
		}
		return topology.New(a.now(), topology.Source{Node: s.Node, Snapshot: s.Snapshot, View: s.View, Switches: s.Memory.Switches}), nil
	}
	var all []*topology.Topology
	for _, file := range files {
		read, err := readTopologies(cmd.InOrStdin(), file)
		if err != nil {
			return nil, err
		}
		all = append(all, read...)
	}
	merged, err := topology.Merge(all...)
	if err != nil {
		return nil, fmt.Errorf("put %s together: %w; give each node once", strings.Join(files, ", "), err)
	}
	return merged, nil
}

// maxTopologies bounds what is read of a file.
const maxTopologies = 64 << 20

// readTopologies reads a file in which what the command printed on some nodes stands one
// after another.
func readTopologies(stdin io.Reader, file string) (all []*topology.Topology, err error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read topology: %w", err)
		}
		defer func() { _ = f.Close() }() // read only
		in = f
	}
	limited := &io.LimitedReader{R: in, N: maxTopologies}
	for dec := json.NewDecoder(limited); ; {
		t := &topology.Topology{}
		switch err := dec.Decode(t); {
		case errors.Is(err, io.EOF) && len(all) > 0:
			return all, nil
		case limited.N == 0:
			return nil, fmt.Errorf("read topology from %s: it is longer than %d MiB", file, maxTopologies>>20)
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("read topology from %s: %w; \"colvin topology -o json\" prints what is wanted", file, err)
		case len(t.Nodes) == 0:
			return nil, fmt.Errorf("read topology from %s: there is no node in it; \"colvin topology -o json\" prints what is wanted", file)
		}
		all = append(all, t)
	}
}
