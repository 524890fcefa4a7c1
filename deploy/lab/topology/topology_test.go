// SPDX-License-Identifier: Apache-2.0

package topology_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/deploy/lab/topology"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/node"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// TestSVG draws names that try to break out of the picture.
func TestSVG(t *testing.T) {
	state := &node.State{Node: "node1", View: mapping.View{Attachments: []mapping.Attachment{
		{
			Name: "green", Colour: "teal-heron", Certainty: nodefile.Stale, Port: nodefile.Link{Name: "eth1"}, System: `</text><script>`,
			Identity: mapping.Identity{Switch: "mac:1", VLAN: 100}, Neighbor: discovery.MSAP{Chassis: "mac:1", Port: `ifname:"<&`},
		},
		{Port: nodefile.Link{Name: "eth2"}, Neighbor: discovery.MSAP{Chassis: "mac:2", Port: "ifname:p1"}},
		{VID: 300, Port: nodefile.Link{Name: "eth2"}, Neighbor: discovery.MSAP{Chassis: "mac:2", Port: "ifname:p1"}},
	}}}
	var out strings.Builder
	if err := topology.SVG(&out, []*node.State{state}); err != nil {
		t.Fatal(err)
	}
	elements := map[string]int{}
	for dec := xml.NewDecoder(strings.NewReader(out.String())); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, &out)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
		}
	}
	if elements["script"] != 0 || elements["path"] != 2 || elements["circle"] != 4 {
		t.Errorf("elements %v, want no script, 2 cables and 4 ports in\n%s", elements, &out)
	}
}
