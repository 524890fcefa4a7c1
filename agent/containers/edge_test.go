// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"fmt"
	"testing"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// onTrunk is a node on whose first port every VLAN is a network, and so many containers, each
// in another of them.
func onTrunk(containers int) (*Records, Seen) {
	v := &mapping.View{BootID: "boot-1", Time: when}
	snap := &discovery.Snapshot{Time: when, Interfaces: []discovery.Interface{{Index: 2, Name: "eth1", MAC: macOf(2), Ethernet: true, Up: true, Carrier: true}}}
	r := &Records{}
	id := func(vid uint16) mapping.Identity { return mapping.Identity{Switch: idGreen.Switch, VLAN: vid} }
	for vid := uint16(1); vid <= discovery.MaxVID; vid++ {
		v.Uplinks = append(v.Uplinks, mapping.Uplink{
			Name: fmt.Sprint("t-", vid), Identity: id(vid), Certainty: nodefile.Fresh, Usable: true, Since: when,
			Parent: nodeLink("eth1", 2), Port: nodeLink("eth1", 2), VID: vid,
		})
	}
	for i := range containers {
		vid := uint16(1 + i)
		name, index := fmt.Sprint("eth1.", vid), 100+i
		snap.Interfaces = append(snap.Interfaces, discovery.Interface{Index: index, Name: name, Kind: discovery.KindVLAN, Parent: 2, VLAN: vid, Up: true, Carrier: true})
		r.list = append(r.list, heldRecord{Record: record.Record{
			Key: record.Key{Name: "conf", ContainerID: fmt.Sprint("c", i), IfName: "net1"}, Phase: record.Added, Time: when, BootID: "boot-1",
			Network: fmt.Sprint("t-", vid), Identity: string(id(vid).Key()), Device: record.Link{Name: name, Index: index}, Parent: record.Link{Name: "eth1", Index: 2}, VID: vid,
		}})
	}
	return r, Seen{View: v, Snapshot: snap}
}

// BenchmarkEdge measures how records are held against a trunk with every VLAN.
func BenchmarkEdge(b *testing.B) {
	r, seen := onTrunk(250)
	var attached []agentapi.ContainerAttachment
	for b.Loop() {
		attached, _ = Judge(r, seen, attached)
	}
	for i := range attached {
		if attached[i].Status != agentapi.ContainerOK {
			b.Fatalf("%+v", attached[i])
		}
	}
}
