// SPDX-License-Identifier: Apache-2.0

package topology_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/topology"
)

var now = time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)

// nic adds a port, on which the neighbours are heard.
func nic(s *topology.Source, name string, up, carrier bool, neighbors ...discovery.Neighbor) {
	index := len(s.Snapshot.Interfaces) + 2
	s.Snapshot.Interfaces = append(s.Snapshot.Interfaces, discovery.Interface{
		Index: index, Name: name, MAC: discovery.MAC{2, 0, 0, 0, 0, byte(index)}, Bus: "pci", Ethernet: true, Up: up, Carrier: carrier,
	})
	s.Snapshot.Ports = append(s.Snapshot.Ports, discovery.Port{Index: index, Name: name, Since: now.Add(-time.Hour), Neighbors: neighbors})
}

func heard(chassis, port, system, description string) discovery.Neighbor {
	return discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, MSAP: discovery.MSAP{Chassis: discovery.ID(chassis), Port: discovery.ID(port)},
		SystemName: system, PortDescription: description,
	}
}

// leads adds an uplink over the last port, to what is heard there first.
func leads(s *topology.Source, name, colour string, vlan uint16, tagged bool, certainty nodefile.Certainty) {
	p := s.Snapshot.Ports[len(s.Snapshot.Ports)-1]
	at := mapping.Uplink{
		Name: name, Colour: colour, Certainty: certainty,
		Port: nodefile.Link{Name: p.Name, Index: p.Index}, Device: nodefile.Link{Name: p.Name, Index: p.Index},
		Identity: mapping.Identity{VLAN: vlan}, Neighbor: discovery.MSAP{Chassis: sw2, Port: "ifname:Ethernet8"}, System: "leaf-2.example.net",
	}
	if len(p.Neighbors) > 0 {
		at.Neighbor, at.System = p.Neighbors[0].MSAP, p.Neighbors[0].SystemName
	}
	if tagged {
		at.VID = vlan
	}
	s.View.Uplinks = append(s.View.Uplinks, at)
}

// pins adds an uplink over the last port that a rule alone tells.
func pins(s *topology.Source, name string, vid uint16, certainty nodefile.Certainty) {
	leads(s, name, "", vid, vid != 0, certainty)
	at := &s.View.Uplinks[len(s.View.Uplinks)-1]
	at.Identity.Kind, at.VLANSource, at.Neighbor, at.System = identity.Pin, mapping.VLANPinned, discovery.MSAP{}, ""
}

// bond adds an active-backup bond over two switches.
func bond(s *topology.Source) {
	s.Snapshot.Interfaces = append(s.Snapshot.Interfaces, discovery.Interface{Index: 20, Name: "bond0", Kind: "bond", Ethernet: true, Up: true, Carrier: true})
	first := len(s.Snapshot.Interfaces)
	nic(s, "ens7f0", true, true, heard(sw1, "ifname:Ethernet1/9", "leaf-1.example.net", ""))
	nic(s, "ens7f1", true, true, heard(sw2, "ifname:Ethernet9", "leaf-2.example.net", ""))
	at := mapping.Uplink{Name: "green", Certainty: nodefile.Fresh, Identity: mapping.Identity{VLAN: 100}, Device: nodefile.Link{Name: "bond0", Index: 20}}
	for i := range s.Snapshot.Interfaces[first:] {
		ifi := &s.Snapshot.Interfaces[first+i]
		ifi.Master = 20
		p, _ := s.Snapshot.Port(ifi.Index)
		at.Members = append(at.Members, mapping.Member{
			Port: nodefile.Link{Name: ifi.Name, Index: ifi.Index}, Neighbor: p.Neighbors[0].MSAP, Certainty: nodefile.Fresh, Decides: i == 0,
		})
	}
	s.View.Uplinks = append(s.View.Uplinks, at)
}

const sw1, sw2, sw3 = "mac:00:00:5e:00:53:01", "mac:00:00:5e:00:53:02", "mac:00:00:5e:00:53:03"

// rack is two nodes with everything that a picture has to show.
func rack() []topology.Source {
	a := topology.Source{Node: "node1", Snapshot: &discovery.Snapshot{}}
	nic(&a, "eth1", true, true, heard(sw1, "ifname:Ethernet1/7", "leaf-1.example.net", "to node1 eth1"))
	leads(&a, "green", "sage-stork", 100, false, nodefile.Fresh)
	nic(&a, "eth2", true, true, heard(sw2, "ifname:Ethernet2", "leaf-2.example.net", "Ethernet2"))
	leads(&a, "blue-starling", "blue-starling", 200, false, nodefile.Fresh)
	for vlan := range uint16(8) {
		leads(&a, fmt.Sprintf("tenant-%d", 300+vlan), "", 300+vlan, true, nodefile.Fresh)
	}
	nic(&a, "eth3", true, false)
	nic(&a, "eth4", true, true)
	leads(&a, "red-kestrel", "red-kestrel", 400, false, nodefile.Stale)
	bmc := heard("local:bmc", "mac:00:00:5e:00:53:77", "", "")
	bmc.Capabilities = discovery.Capabilities{Available: discovery.CapabilityStation, Enabled: discovery.CapabilityStation}
	nic(&a, "eth5", true, true, bmc)
	nic(&a, "ens2f0", false, false)
	b := topology.Source{Node: "node2.a-rather-long-domain.of-some-company.example.net", Snapshot: &discovery.Snapshot{}}
	nic(&b, "ens4", true, true, heard(sw1, "ifname:TenGigabitEthernet1/0/24", "leaf-1.example.net", "a description that goes on and on and says what nobody asked for"))
	leads(&b, "green", "sky-owl", 100, false, nodefile.Fresh)
	nic(&b, "ens5", true, true, heard(sw3, "local:513", "", ""))
	leads(&b, "", "", 0, false, nodefile.Fresh)
	bond(&b)
	b.Snapshot.Interfaces = append(b.Snapshot.Interfaces,
		discovery.Interface{Index: 21, Name: "ens6", Bus: "pci", Ethernet: true, Up: true},
		discovery.Interface{Index: 22, Name: "ens6v0", Bus: "pci", Ethernet: true, VF: true},
		discovery.Interface{Index: 23, Name: "docker0", Kind: "bridge", Ethernet: true})
	c := topology.Source{Node: "node3", Snapshot: &discovery.Snapshot{}}
	nic(&c, "eth1", true, true)
	pins(&c, "green", 0, nodefile.Pinned)
	for vid := range uint16(7) {
		pins(&c, fmt.Sprintf("san-%d", 300+vid), 300+vid, nodefile.Pinned)
	}
	nic(&c, "eth2", true, true, heard(sw1, "ifname:Ethernet1/11", "leaf-1.example.net", ""))
	leads(&c, "blue-starling", "blue-starling", 200, false, nodefile.Fresh)
	pins(&c, "green", 0, nodefile.Unverified)
	nic(&c, "eth3", true, false)
	pins(&c, "white", 0, nodefile.Down)
	return []topology.Source{a, b, c}
}

func TestGolden(t *testing.T) {
	top := topology.New(now, rack()...)
	data, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{
		"rack.svg": top.SVG(), "rack.dot": top.DOT(), "rack.mmd": top.Mermaid(), "rack.json": string(data) + "\n",
		"empty.svg": topology.New(now).SVG(),
	} {
		golden.Compare(t, filepath.Join("testdata", name), got)
	}
}

// TestHostileNames draws names that try to break out of the picture.
func TestHostileNames(t *testing.T) {
	const evil = `</text><script>"]; click n0p0 "javascript:x" ]]>` + "\\N\\\" &quot; #quot; `**x**` \x00\uffff\u202e\\"
	s := topology.Source{Node: evil, Snapshot: &discovery.Snapshot{}}
	nic(&s, "eth1", true, true, heard("local:"+evil, "ifname:"+evil, evil, evil))
	leads(&s, evil, "", 100, false, nodefile.Fresh)
	nic(&s, "eth2", true, true)
	nic(&s, "eth3", true, true)
	pins(&s, evil, 0, nodefile.Pinned)
	top := topology.New(now, s)
	elements := map[string]int{}
	for dec := xml.NewDecoder(strings.NewReader(top.SVG())); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, top.SVG())
		}
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
		}
	}
	if elements["script"] != 0 || elements["path"] != 2 || elements["circle"] != 4 {
		t.Errorf("elements %v, want no script, 2 cables and 4 ports in\n%s", elements, top.SVG())
	}
	for name, text := range map[string]string{"svg": top.SVG(), "dot": top.DOT(), "mermaid": top.Mermaid()} {
		if strings.ContainsAny(text, "\x00\uffff\u202e") || strings.Count(text, "\n") > 32 {
			t.Errorf("%s: %q", name, text)
		}
	}
	for line := range strings.Lines(top.Mermaid()) {
		if n := strings.Count(line, `"`); n != 0 && n != 2 {
			t.Errorf("a label does not end where it should: %s", line)
		}
	}
	for line := range strings.Lines(top.DOT()) {
		bare := strings.NewReplacer(`\\`, "", `\"`, "").Replace(line)
		if strings.Count(bare, `"`)%2 != 0 || strings.Contains(bare, `"];`) {
			t.Errorf("a label does not end where it should: %s", line)
		}
	}
}

// TestMerge holds that nodes which were asked one by one make the picture of all of them.
func TestMerge(t *testing.T) {
	var each []*topology.Topology
	for _, s := range rack() {
		each = append(each, topology.New(now, s))
	}
	before := each[0].SVG()
	merged, err := topology.Merge(each...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(topology.New(now, rack()...), merged); diff != "" {
		t.Errorf("not what asking all at once gives (-want +got):\n%s", diff)
	}
	if each[0].SVG() != before {
		t.Error("merging changed what was merged")
	}
	if _, err := topology.Merge(each[0], each[1], each[0]); err == nil || err.Error() != "node node1 is there twice" {
		t.Errorf("got %v, want that a node is there twice", err)
	}
}
