// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

var when = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// The networks of these tests.
var (
	idGreen = mapping.Identity{Switch: "mac:00:00:5e:00:53:01", VLAN: 100}
	idBlue  = mapping.Identity{Switch: "mac:00:00:5e:00:53:02", VLAN: 200}
	idPeer  = mapping.Identity{Switch: "mac:00:00:5e:00:53:03", VLAN: 100}
	idWire  = mapping.Identity{Kind: identity.Pin, Switch: "02:00:00:00:00:02"} // of eth1
)

func macOf(index int) discovery.MAC { return discovery.MAC{2, 0, 0, 0, 0, byte(index)} }

func nodeLink(name string, index int) nodefile.Link {
	return nodefile.Link{Name: name, Index: index, MAC: macOf(index).String()}
}

// A scene is a record and what is seen of its device.
type scene struct {
	record     func(*record.Record)
	gone       bool
	working    bool
	interfaces func(*discovery.Snapshot)
	view       []mapping.Uplink
	memory     mapping.Memory
	unruled    bool
	before     []agentapi.ContainerAttachment
}

// onEth1 is an attachment through eth1.
func onEth1(name string, id mapping.Identity, c nodefile.Certainty, change ...func(*mapping.Uplink)) mapping.Uplink {
	a := mapping.Uplink{
		Name: name, Identity: id, Certainty: c, Usable: c == nodefile.Fresh || c == nodefile.Stale, Since: when.Add(-time.Minute), Reason: "so " + string(c),
		Device: nodeLink("eth1", 2), Port: nodeLink("eth1", 2), Neighbor: discovery.MSAP{Chassis: discovery.ID(id.Switch), Port: "ifname:p1"},
	}
	for _, f := range change {
		f(&a)
	}
	return a
}

// heardFrom has it heard from the switch of id, whatever group that is in.
func heardFrom(id mapping.Identity) func(*mapping.Uplink) {
	return func(a *mapping.Uplink) { a.Neighbor.Chassis = discovery.ID(id.Switch) }
}

// pinned is an uplink through eth1 by a rule alone.
func pinned(name string, c nodefile.Certainty) mapping.Uplink {
	return onEth1(name, idWire, c, func(a *mapping.Uplink) {
		a.VLANSource, a.Usable, a.Neighbor = mapping.VLANPinned, c == nodefile.Pinned, discovery.MSAP{}
	})
}

// onBond has the attachment reached through a bond of eth1 and eth2.
func onBond(members ...mapping.Identity) func(*mapping.Uplink) {
	return func(a *mapping.Uplink) {
		a.Device = nodeLink("bond0", 5)
		for i, id := range members {
			a.Members = append(a.Members, mapping.Member{
				Port: nodeLink(fmt.Sprint("eth", i+1), i+2), VID: a.VID, Identity: id, Certainty: a.Certainty, Decides: true, Neighbor: discovery.MSAP{Chassis: discovery.ID(id.Switch), Port: "ifname:p1"},
				Junctions: []nodefile.Junction{{Link: nodeLink("bond0", 5), Members: []int{2, 3}}},
			})
		}
	}
}

// tagged has it reached with VID 300 through a VLAN device, or none that is there.
func tagged(device nodefile.Link) func(*mapping.Uplink) {
	return func(a *mapping.Uplink) { a.VID, a.Device, a.Parent = 300, device, nodeLink("eth1", 2) }
}

// barred takes the device away, as a bond does whose members disagree.
func barred(a *mapping.Uplink) { a.Device, a.Parent = nodefile.Link{}, nodefile.Link{} }

func (s scene) resolve() (agentapi.ContainerAttachment, time.Time) {
	r := record.Record{
		Key: record.Key{Name: "conf", ContainerID: "c1", IfName: "net1"}, Phase: record.Added, Time: when.Add(-time.Hour), BootID: "boot-1",
		Network: "green", Identity: string(idGreen.Key()), Device: nodeLink("eth1", 2), Port: nodeLink("eth1", 2),
	}
	if s.record != nil {
		s.record(&r)
	}
	snap := &discovery.Snapshot{}
	for index, name := range map[int]string{2: "eth1", 3: "eth2", 5: "bond0", 6: "eth1.300"} {
		snap.Interfaces = append(snap.Interfaces, discovery.Interface{Index: index, Name: name, MAC: macOf(index), Up: true})
	}
	if s.interfaces != nil {
		s.interfaces(snap)
	}
	k := observed(&mapping.View{BootID: "boot-1", Time: when, Uplinks: s.view}, s.memory, snap)
	k.unruled = s.unruled
	out, wake := k.attached([]heldRecord{{r, s.gone, s.working}}, s.before)
	return out[0], wake
}

func TestStatus(t *testing.T) {
	fresh, stale, unverified, down := nodefile.Fresh, nodefile.Stale, nodefile.Unverified, nodefile.Down
	onVLAN := func(r *record.Record) {
		r.VID, r.Device, r.Parent = 300, nodeLink("eth1.300", 6), nodeLink("eth1", 2)
	}
	onTheBond := func(r *record.Record) { r.Device = nodeLink("bond0", 5) }
	onTheWire := func(r *record.Record) { r.Identity = string(idWire.Key()) }
	taken := func(r *record.Record) { r.Taken, r.Device = true, nodeLink("eth7", 9) }
	anotherMAC := func(s *discovery.Snapshot) { // as a bridge has when a container joins it
		s.Interfaces = []discovery.Interface{{Index: 2, Name: "eth1", MAC: macOf(77), Up: true}}
	}
	was := func(a agentapi.ContainerAttachment) []agentapi.ContainerAttachment {
		a.Key = record.Key{Name: "conf", ContainerID: "c1", IfName: "net1"}
		return []agentapi.ContainerAttachment{a}
	}
	index := func(i int) scene {
		return scene{
			record:     func(r *record.Record) { r.Device = nodeLink("eth1", i) },
			interfaces: func(s *discovery.Snapshot) { s.Interfaces = []discovery.Interface{{Index: i, Name: "eth1", Up: true}} },
			view:       []mapping.Uplink{onEth1("green", idGreen, fresh, func(a *mapping.Uplink) { a.Device = nodeLink("eth1", i) })},
		}
	}
	// backAs has eth1, which was taken, on the node again.
	backAs := func(change func(*discovery.Interface)) scene {
		ifi := discovery.Interface{Index: 2, Name: "net1", MAC: macOf(2), Ethernet: true, Alias: "eth1"}
		change(&ifi)
		return scene{
			record: func(r *record.Record) { r.Taken = true },
			interfaces: func(s *discovery.Snapshot) {
				s.Interfaces = []discovery.Interface{{Index: 1, Name: "lo", Up: true}, {Index: 3, Name: "eth2", MAC: macOf(3), Ethernet: true, Up: true}, ifi}
			},
			view: []mapping.Uplink{onEth1("green", idGreen, fresh)},
		}
	}
	const within = "unverified||eth1 itself is in the container, where the agent cannot hear its switch"
	toPeer, toBlue := "moved|"+string(idPeer.Key())+"|", "moved|"+string(idBlue.Key())+"|"
	for name, tt := range map[string]struct {
		scene
		want string // status, identity it leads to, reason
	}{
		"fresh":      {scene{view: []mapping.Uplink{onEth1("green", idGreen, fresh)}}, "ok||so fresh"},
		"stale":      {scene{view: []mapping.Uplink{onEth1("green", idGreen, stale)}}, "stale||so stale"},
		"unverified": {scene{view: []mapping.Uplink{onEth1("green", idGreen, unverified)}}, "unverified||so unverified"},
		"down":       {scene{view: []mapping.Uplink{onEth1("green", idGreen, down)}}, "down||so down"},
		"renamed":    {scene{view: []mapping.Uplink{onEth1("lime", idGreen, fresh)}}, "ok||so fresh"},

		"moved":          {scene{view: []mapping.Uplink{onEth1("blue", idBlue, fresh)}}, "moved|" + string(idBlue.Key()) + "|so fresh"},
		"moved, unnamed": {scene{view: []mapping.Uplink{onEth1("", idBlue, fresh)}}, "moved|" + string(idBlue.Key()) + "|so fresh"},
		"moved, silent":  {scene{view: []mapping.Uplink{onEth1("blue", idBlue, stale)}}, "moved|" + string(idBlue.Key()) + "|so stale"},
		"moved, perhaps": {scene{view: []mapping.Uplink{onEth1("blue", idBlue, unverified)}}, "unverified||so unverified"},
		"moved, unplugged": {
			scene{view: []mapping.Uplink{onEth1("blue", idBlue, down)}, before: was(agentapi.ContainerAttachment{Status: agentapi.ContainerMoved, To: "B"})},
			"down|B|so down",
		},
		"moved, then in doubt": {
			scene{view: []mapping.Uplink{onEth1("blue", idBlue, unverified)}, before: was(agentapi.ContainerAttachment{Status: agentapi.ContainerMoved, To: "B"})},
			"unverified|B|so unverified",
		},
		"moved and back": {
			scene{view: []mapping.Uplink{onEth1("green", idGreen, fresh)}, before: was(agentapi.ContainerAttachment{Status: agentapi.ContainerMoved, To: "B"})},
			"ok||so fresh",
		},
		"rules unknown":       {scene{unruled: true, view: []mapping.Uplink{onEth1("blue", idBlue, fresh)}}, "unverified||the rules that name its network are not known"},
		"rules unknown, down": {scene{unruled: true, view: []mapping.Uplink{onEth1("blue", idBlue, down)}}, "down||so down"},
		"rules unknown, its own": {
			scene{unruled: true, view: []mapping.Uplink{onEth1("green", idGreen, fresh)}}, "ok||so fresh",
		},
		"the very device counts, not what passes through it": {
			scene{view: []mapping.Uplink{onEth1("green", idGreen, fresh, onBond(idGreen)), onEth1("blue", idBlue, fresh)}}, toBlue + "so fresh",
		},
		"one way of two leads to a device": {
			scene{view: []mapping.Uplink{onEth1("green", idGreen, fresh, barred), onEth1("green", idGreen, stale, onBond(idGreen))}}, "stale||so stale",
		},
		"moved, one way of two leads to a device": {
			scene{view: []mapping.Uplink{onEth1("blue", idBlue, fresh, barred), onEth1("red", idPeer, stale, onBond(idPeer))}}, toPeer + "so stale",
		},
		"VLAN on probation": {scene{view: []mapping.Uplink{onEth1("green", idGreen, unverified), onEth1("blue", idBlue, unverified)}}, "unverified||so unverified"},
		"elsewhere only": {scene{view: []mapping.Uplink{onEth1("blue", idBlue, fresh, func(a *mapping.Uplink) {
			a.Device, a.Port = nodeLink("eth2", 3), nodeLink("eth2", 3)
		})}}, "unverified||nothing tells where eth1 leads"},
		"regrouped": {scene{view: []mapping.Uplink{onEth1("green", mapping.Identity{Kind: identity.Group, Switch: "dc1", VLAN: 100}, fresh)}}, "ok||so fresh"},
		"regrouped, an alias": {scene{view: []mapping.Uplink{onEth1("lime", mapping.Identity{Kind: identity.Group, Switch: "dc1", VLAN: 100}, fresh, func(a *mapping.Uplink) {
			a.Aliases = []string{"green"}
		})}}, "ok||so fresh"},
		"regrouped, then renamed": {scene{view: []mapping.Uplink{onEth1("prod", mapping.Identity{Kind: identity.Group, Switch: "dc1", VLAN: 100}, fresh, heardFrom(idGreen))}}, "ok||so fresh"},
		"regrouped, another VLAN": {
			scene{view: []mapping.Uplink{onEth1("prod", mapping.Identity{Kind: identity.Group, Switch: "dc1", VLAN: 200}, fresh, heardFrom(idGreen))}},
			"moved|group:dc1 vlan 200|so fresh",
		},
		"regrouped, known by another chassis": {
			scene{
				view:   []mapping.Uplink{onEth1("prod", mapping.Identity{Kind: identity.Group, Switch: "dc1", VLAN: 100}, fresh, heardFrom(idPeer))},
				memory: mapping.Memory{Switches: mapping.Switches{{ID: discovery.ID(idGreen.Switch), Chassis: []discovery.ID{discovery.ID(idGreen.Switch), discovery.ID(idPeer.Switch)}}}},
			}, "ok||so fresh",
		},
		"pinned":             {scene{record: onTheWire, view: []mapping.Uplink{pinned("green", nodefile.Pinned)}}, "pinned||so pinned"},
		"pinned, waiting":    {scene{record: onTheWire, view: []mapping.Uplink{pinned("green", unverified)}}, "unverified||so unverified"},
		"pinned, down":       {scene{record: onTheWire, view: []mapping.Uplink{pinned("green", down)}}, "down||so down"},
		"pinned, renamed":    {scene{record: onTheWire, view: []mapping.Uplink{pinned("lime", nodefile.Pinned)}}, "pinned||so pinned"},
		"pinned, the switch": {scene{record: onTheWire, view: []mapping.Uplink{onEth1("green", idGreen, fresh)}}, "ok||so fresh"},
		"pinned, closed":     {scene{record: onTheWire, view: []mapping.Uplink{onEth1("blue", idBlue, fresh), pinned("green", unverified)}}, toBlue + "so fresh"},
		"pinned, closed, then silent": {
			scene{record: onTheWire, view: []mapping.Uplink{onEth1("blue", idBlue, stale), pinned("green", unverified)}}, toBlue + "so stale",
		},
		"pinned, contradicted by CDP": {scene{record: onTheWire, view: []mapping.Uplink{onEth1("blue", idBlue, fresh), pinned("green", nodefile.Pinned)}}, "pinned||so pinned"},
		"pinned, disputed":            {scene{record: onTheWire, view: []mapping.Uplink{onEth1("blue", idBlue, unverified), pinned("green", unverified)}}, "unverified||so unverified"},
		"pinned, the switch fell silent": {
			scene{view: []mapping.Uplink{onEth1("green", idGreen, unverified), pinned("green", nodefile.Pinned)}}, "pinned||so pinned",
		},
		"pinned elsewhere": {scene{view: []mapping.Uplink{pinned("blue", nodefile.Pinned)}}, "moved|" + string(idWire.Key()) + "|so pinned"},
		"pinned elsewhere, and the switch remembered": {
			scene{view: []mapping.Uplink{onEth1("green", idGreen, unverified), pinned("blue", nodefile.Pinned)}}, "unverified||so unverified",
		},
		"pinned, no device": {scene{record: onTheWire, view: []mapping.Uplink{func() mapping.Uplink { a := pinned("green", nodefile.Pinned); barred(&a); return a }()}}, "unverified||so pinned"},

		"nothing known": {scene{}, "unverified||nothing tells where eth1 leads"},

		"bond": {scene{record: onTheBond, view: []mapping.Uplink{onEth1("green", idGreen, fresh, onBond(idGreen, idGreen))}}, "ok||so fresh"},
		"MLAG, the other switch speaks": {
			scene{record: onTheBond, view: []mapping.Uplink{onEth1("lime", idPeer, fresh, onBond(idPeer, idGreen))}}, "ok||so fresh",
		},
		"MLAG, only the peer is left": {
			scene{record: func(r *record.Record) { onTheBond(r); r.OtherIdentities = []string{string(idPeer.Key())} }, view: []mapping.Uplink{onEth1("lime", idPeer, fresh, onBond(idPeer))}}, "ok||so fresh",
		},
		"MLAG, the member of old is not sure": {
			scene{record: onTheBond, view: []mapping.Uplink{onEth1("blue", idBlue, fresh, onBond(idBlue, idGreen), func(a *mapping.Uplink) {
				a.Members[1].Certainty = unverified
			})}}, "moved|" + string(idBlue.Key()) + "|so fresh",
		},
		"MLAG, the member of old is silent": {
			scene{record: onTheBond, view: []mapping.Uplink{onEth1("lime", idPeer, fresh, onBond(idPeer, idGreen), func(a *mapping.Uplink) {
				a.Members[1].Certainty = stale
			})}}, "ok||so fresh",
		},
		"MLAG, the member of old does not decide": {
			scene{record: onTheBond, view: []mapping.Uplink{onEth1("blue", idBlue, fresh, onBond(idBlue, idGreen), func(a *mapping.Uplink) {
				a.Members[1].Decides = false
			})}}, toBlue + "so fresh",
		},
		"MLAG, the peer was seen since": {
			scene{
				view:   []mapping.Uplink{onEth1("lime", idPeer, fresh)},
				before: was(agentapi.ContainerAttachment{Identity: string(idGreen.Key()), Device: nodeLink("eth1", 2), OtherIdentities: []string{string(idPeer.Key())}}),
			}, "ok||so fresh",
		},
		"attached anew, to another network": {
			scene{
				view:   []mapping.Uplink{onEth1("lime", idPeer, fresh)},
				before: was(agentapi.ContainerAttachment{Identity: string(idBlue.Key()), Device: nodeLink("eth1", 2), OtherIdentities: []string{string(idPeer.Key())}}),
			}, toPeer + "so fresh",
		},
		"attached anew, through another device": {
			scene{
				view:   []mapping.Uplink{onEth1("lime", idPeer, fresh)},
				before: was(agentapi.ContainerAttachment{Identity: string(idGreen.Key()), Device: nodeLink("eth2", 3), OtherIdentities: []string{string(idPeer.Key())}}),
			}, toPeer + "so fresh",
		},
		"bond split, silent": {
			scene{record: onTheBond, view: []mapping.Uplink{onEth1("green", idGreen, stale, onBond(idGreen), barred)}}, "unverified||so stale",
		},
		"bond split": {
			scene{record: onTheBond, view: []mapping.Uplink{
				onEth1("green", idGreen, fresh, onBond(idGreen), barred), onEth1("blue", idBlue, fresh, onBond(idBlue), barred),
			}}, "unverified||so fresh",
		},
		"bond split, neither its own": {
			scene{record: onTheBond, view: []mapping.Uplink{onEth1("blue", idBlue, fresh, onBond(idBlue), barred)}}, "unverified||so fresh",
		},
		"bond, tagged at one of its ports": {
			scene{record: func(r *record.Record) { onTheBond(r); r.VID = 300 }, view: []mapping.Uplink{onEth1("green", idGreen, fresh, onBond(idGreen, idGreen), func(a *mapping.Uplink) {
				a.Members[1].VID = 300
			})}}, "ok||so fresh",
		},
		"bond moved":           {scene{record: onTheBond, view: []mapping.Uplink{onEth1("blue", idBlue, fresh, onBond(idBlue, idBlue))}}, "moved|" + string(idBlue.Key()) + "|so fresh"},
		"bond, its VLANs":      {scene{record: onTheBond, view: []mapping.Uplink{onEth1("blue", idBlue, fresh, tagged(nodeLink("eth1.300", 6)), onBond(idBlue, idBlue))}}, "unverified||nothing tells where bond0 leads"},
		"below a bond by now":  {scene{view: []mapping.Uplink{onEth1("green", idGreen, fresh, onBond(idGreen))}}, "ok||so fresh"},
		"VLAN device":          {scene{record: onVLAN, view: []mapping.Uplink{onEth1("blue", idBlue, fresh), onEth1("green", idGreen, fresh, tagged(nodeLink("eth1.300", 6)))}}, "ok||so fresh"},
		"VLAN device moved":    {scene{record: onVLAN, view: []mapping.Uplink{onEth1("green", idGreen, fresh), onEth1("blue", idBlue, fresh, tagged(nodeLink("eth1.300", 6)))}}, "moved|" + string(idBlue.Key()) + "|so fresh"},
		"VLAN device not seen": {scene{record: onVLAN, view: []mapping.Uplink{onEth1("green", idGreen, fresh, tagged(nodefile.Link{}))}}, "ok||so fresh"},
		"VLAN device, elsewhere only": {scene{record: onVLAN, view: []mapping.Uplink{onEth1("green", idGreen, fresh, tagged(nodeLink("eth2.300", 7)), func(a *mapping.Uplink) {
			a.Port, a.Parent = nodeLink("eth2", 3), nodeLink("eth2", 3)
		})}}, "unverified||nothing tells where eth1.300 leads"},
		"VLAN in the container":   {scene{record: func(r *record.Record) { onVLAN(r); r.Device = r.Parent }, view: []mapping.Uplink{onEth1("blue", idBlue, fresh), onEth1("green", idGreen, fresh, tagged(nodefile.Link{}))}}, "ok||so fresh"},
		"VLAN no longer declared": {scene{record: onVLAN, view: []mapping.Uplink{onEth1("green", idGreen, fresh)}}, "unverified||nothing tells where eth1.300 leads"},

		"lowest index": {index(1), "ok||so fresh"},
		"no index":     {index(0), "down||eth1 is gone"},
		"device gone":  {scene{interfaces: func(s *discovery.Snapshot) { s.Interfaces = nil }, view: []mapping.Uplink{onEth1("green", idGreen, fresh)}}, "down||eth1 is gone"},
		"device down": {scene{record: onVLAN, interfaces: func(s *discovery.Snapshot) {
			s.Interfaces = []discovery.Interface{{Index: 6, Name: "eth1.300", MAC: macOf(6)}}
		}}, "down||eth1.300 is administratively down"},
		"another MAC address": {scene{interfaces: anotherMAC, view: []mapping.Uplink{onEth1("green", idGreen, fresh)}}, "ok||so fresh"},
		"another MAC address, moved": {
			scene{interfaces: anotherMAC, view: []mapping.Uplink{onEth1("blue", idBlue, fresh)}}, "moved|" + string(idBlue.Key()) + "|so fresh",
		},
		"device taken, its index is another's": {
			scene{record: func(r *record.Record) { r.Taken = true }, interfaces: anotherMAC},
			"unverified||eth1 itself is in the container, where the agent cannot hear its switch",
		},
		"device taken": {scene{record: taken}, "unverified||eth7 itself is in the container, where the agent cannot hear its switch"},
		"device taken, of no MAC address": {
			scene{record: func(r *record.Record) { taken(r); r.Device.MAC = discovery.MAC{}.String() }}, "unverified||eth7 itself is in the container, where the agent cannot hear its switch",
		},
		"device taken, back": {scene{record: func(r *record.Record) { r.Taken = true }, view: []mapping.Uplink{onEth1("green", idGreen, fresh)}}, "down||eth1 is no longer in the container"},
		"device came back":   {backAs(func(*discovery.Interface) {}), `down||eth1 came back to the node by itself, as net1 (ifindex 2), down; DEL or "colvin gc" restores it`},
		"device came back, up": {
			backAs(func(i *discovery.Interface) { i.Up = true }), `down||eth1 came back to the node by itself, as net1 (ifindex 2), up; DEL or "colvin gc" restores it`,
		},
		"device came back, its name in use": {
			backAs(func(i *discovery.Interface) { i.Name = "dev2" }), `down||eth1 came back to the node by itself, as dev2 (ifindex 2), down; DEL or "colvin gc" restores it`,
		},
		"device came back, renamed by hand": {
			backAs(func(i *discovery.Interface) { i.Name = "eth1" }), `down||eth1 came back to the node by itself, as eth1 (ifindex 2), down; DEL or "colvin gc" restores it`,
		},
		"device came back, its ifindex in use": {
			backAs(func(i *discovery.Interface) { i.Index = 77 }), `down||eth1 came back to the node by itself, as net1 (ifindex 77), down; DEL or "colvin gc" restores it`,
		},
		"device came back, both in use": {
			backAs(func(i *discovery.Interface) { i.Index, i.Name = 77, "dev77" }), `down||eth1 came back to the node by itself, as dev77 (ifindex 77), down; DEL or "colvin gc" restores it`,
		},
		"device came back with another MAC address": {
			backAs(func(i *discovery.Interface) { i.MAC = macOf(9) }), `down||eth1 came back to the node by itself, as net1 (ifindex 2), down; DEL or "colvin gc" restores it`,
		},
		"device came back, hostile name": {
			backAs(func(i *discovery.Interface) { i.Name = "net\x1b1" }), "down||eth1 came back to the node by itself, as net\ufffd1 (ifindex 2), down; DEL or \"colvin gc\" restores it",
		},
		"another has its name in the container": {backAs(func(i *discovery.Interface) { i.Index, i.MAC, i.Alias = 77, macOf(9), "" }), within},
		"another has its ifindex and that name": {backAs(func(i *discovery.Interface) { i.MAC, i.Alias = macOf(9), "" }), within},
		"another has its MAC address":           {backAs(func(i *discovery.Interface) { i.Index, i.Name, i.Alias = 77, "br0", "" }), within},
		"another has its alias":                 {backAs(func(i *discovery.Interface) { i.Index, i.Name, i.MAC = 77, "eth9", macOf(9) }), within},

		"another boot":         {scene{record: func(r *record.Record) { r.BootID = "boot-0" }, view: []mapping.Uplink{onEth1("blue", idBlue, fresh)}}, "unverified||it was attached before the node rebooted"},
		"hostile, no device":   {scene{record: func(r *record.Record) { r.Device, r.Parent = record.Link{Index: -1}, record.Link{} }, view: []mapping.Uplink{onEth1("blue", idBlue, fresh)}}, "down|| is gone"},
		"hostile, no identity": {scene{record: func(r *record.Record) { r.Identity, r.Network = "", "" }, view: []mapping.Uplink{onEth1("", idBlue, fresh)}}, "moved|" + string(idBlue.Key()) + "|so fresh"},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := tt.resolve()
			if got := fmt.Sprintf("%s|%s|%s", a.Status, a.To, a.Reason); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestUplinksOfNoDevice holds that a record which names no device is not taken for one of
// an uplink that has none.
func TestUplinksOfNoDevice(t *testing.T) {
	nowhere := mapping.View{Uplinks: []mapping.Uplink{{Name: "green", Identity: idGreen, Certainty: nodefile.Fresh}}}
	if got := newLeading(&nowhere).uplinksOf(mapping.Memory{}, &record.Record{}); got != nil {
		t.Errorf("it leads to %+v", got)
	}
}

// TestLeading compares the uplinks of a record with a look at each of the View.
func TestLeading(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	link := func() nodefile.Link { return nodefile.Link{Index: r.IntN(5)} }
	vid := func() uint16 { return uint16(r.IntN(3)) }
	found := map[int]bool{}
	for round := range 2000 {
		v := &mapping.View{}
		for i := range r.IntN(8) {
			a := mapping.Uplink{Name: fmt.Sprint(i), Port: link(), Device: link(), VID: vid()}
			for range r.IntN(3) {
				m := mapping.Member{Port: link(), VID: vid()}
				for range r.IntN(2) {
					m.Junctions = append(m.Junctions, nodefile.Junction{Link: link()})
				}
				a.Members = append(a.Members, m)
			}
			v.Uplinks = append(v.Uplinks, a)
		}
		rec := &record.Record{Device: record.Link{Index: r.IntN(6) - 1}, Parent: record.Link{Index: r.IntN(6) - 1}, VID: vid()}
		var exact, passing, got []string
		for i := range v.Uplinks {
			a, device, parent := &v.Uplinks[i], rec.Device.Index, rec.Parent.Index
			switch {
			case a.VID != rec.VID && !slices.ContainsFunc(a.Members, func(m mapping.Member) bool { return m.VID == rec.VID }):
			case device > 0 && a.Device.Index == device:
				exact = append(exact, a.Name)
			case device > 0 && a.LeadsThrough(device), parent > 0 && a.LeadsThrough(parent):
				passing = append(passing, a.Name)
			}
		}
		want := exact
		if len(exact) == 0 {
			want = passing
		}
		for _, w := range newLeading(v).uplinksOf(mapping.Memory{}, rec) {
			got = append(got, w.names[0])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d: %+v of %+v (-want +got):\n%s", round, rec, v.Uplinks, diff)
		}
		found[len(want)] = true
	}
	if len(found) < 4 {
		t.Errorf("only so many were found: %v", found)
	}
}

// TestMovedTo holds that the other network has the first of its names, for as long as it
// is not known that the container is back.
func TestMovedTo(t *testing.T) {
	before := []agentapi.ContainerAttachment{{Key: record.Key{Name: "conf", ContainerID: "c1", IfName: "net1"}, Status: agentapi.ContainerMoved, To: "B", ToNetwork: "red"}}
	alias := func(a *mapping.Uplink) { a.Aliases = []string{"azure"} }
	for name, tt := range map[string]struct {
		scene
		want string
	}{
		"moved":    {scene{before: before, view: []mapping.Uplink{onEth1("blue", idBlue, nodefile.Fresh, alias)}}, "blue"},
		"in doubt": {scene{before: before, view: []mapping.Uplink{onEth1("blue", idBlue, nodefile.Unverified)}}, "red"},
		"unnamed":  {scene{before: before, view: []mapping.Uplink{onEth1("", idBlue, nodefile.Fresh)}}, ""},
		"back":     {scene{before: before, view: []mapping.Uplink{onEth1("green", idGreen, nodefile.Fresh)}}, ""},
		"by a pin": {scene{before: before, view: []mapping.Uplink{onEth1("green", idGreen, nodefile.Pinned)}}, ""},
	} {
		if a, _ := tt.resolve(); a.ToNetwork != tt.want {
			t.Errorf("%s: moved to %q, want %q", name, a.ToNetwork, tt.want)
		}
	}
}

// TestRenamed holds that a device is told by the name that it has by now, as long as it is the
// same and was not moved into the container.
func TestRenamed(t *testing.T) {
	renamed := func(s *discovery.Snapshot) { s.Interfaces[slices.IndexFunc(s.Interfaces, isEth1)].Name = "uplink0" }
	another := func(s *discovery.Snapshot) {
		renamed(s)
		s.Interfaces[slices.IndexFunc(s.Interfaces, isIndex2)].MAC = macOf(77)
	}
	rebooted := func(r *record.Record) { r.BootID = "boot-0" }
	taken := func(r *record.Record) { r.Taken = true }
	for name, tt := range map[string]struct {
		scene
		want string
	}{
		"renamed":      {scene{interfaces: renamed}, "uplink0"},
		"another's":    {scene{interfaces: another}, "eth1"},
		"another boot": {scene{interfaces: renamed, record: rebooted}, "eth1"},
		"moved":        {scene{interfaces: renamed, record: taken}, "eth1"},
		"gone":         {scene{interfaces: func(s *discovery.Snapshot) { s.Interfaces = nil }}, "eth1"},
	} {
		if a, _ := tt.resolve(); a.Device.Name != tt.want || a.Port.Name != tt.want {
			t.Errorf("%s: device %s, port %s, want %s", name, a.Device.Name, a.Port.Name, tt.want)
		}
	}
}

func isEth1(i discovery.Interface) bool   { return i.Name == "eth1" }
func isIndex2(i discovery.Interface) bool { return i.Index == 2 }

// TestOtherIdentities holds what is remembered of a network's other switches: what was
// sure, each once, not without a bound, and never by a name alone.
func TestOtherIdentities(t *testing.T) {
	peers := func(n int) (ids []mapping.Identity, keys []string) {
		for i := range n {
			id := mapping.Identity{Switch: fmt.Sprintf("mac:00:00:5e:00:53:%02x", 0x10+i), VLAN: 100}
			ids, keys = append(ids, id), append(keys, string(id.Key()))
		}
		return ids, keys
	}
	one, oneKey := peers(1)
	many, manyKeys := peers(17)
	onTheBond := func(r *record.Record) { r.Device = nodeLink("bond0", 5) }
	mlag := func(c nodefile.Certainty, ids ...mapping.Identity) []mapping.Uplink {
		return []mapping.Uplink{onEth1("green", idGreen, c, onBond(append([]mapping.Identity{idGreen}, ids...)...))}
	}
	for name, tt := range map[string]struct {
		scene
		want []string
	}{
		"fresh":       {scene{record: onTheBond, view: mlag(nodefile.Fresh, one...)}, oneKey},
		"stale":       {scene{record: onTheBond, view: mlag(nodefile.Stale, one...)}, oneKey},
		"pinned":      {scene{record: onTheBond, view: mlag(nodefile.Pinned, one...)}, oneKey},
		"unverified":  {scene{record: onTheBond, view: mlag(nodefile.Unverified, one...)}, nil},
		"down":        {scene{record: onTheBond, view: mlag(nodefile.Down, one...)}, nil},
		"known":       {scene{record: func(r *record.Record) { onTheBond(r); r.OtherIdentities = oneKey }, view: mlag(nodefile.Fresh, one...)}, oneKey},
		"by its name": {scene{view: []mapping.Uplink{onEth1("green", idPeer, nodefile.Fresh)}}, nil},
		"too many":    {scene{record: onTheBond, view: mlag(nodefile.Fresh, many...)}, manyKeys[:16]},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := tt.resolve()
			if diff := cmp.Diff(tt.want, a.OtherIdentities); diff != "" {
				t.Errorf("other identities (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSince holds that the time goes on where nothing changes, and that no
// record can make it absurd.
func TestSince(t *testing.T) {
	key := record.Key{Name: "conf", ContainerID: "c1", IfName: "net1"}
	green := []mapping.Uplink{onEth1("green", idGreen, nodefile.Fresh)}
	at := func(added time.Time) func(*record.Record) { return func(r *record.Record) { r.Time = added } }
	for name, tt := range map[string]struct {
		scene
		want time.Time
	}{
		"first":   {scene{view: green}, when.Add(-time.Minute)},
		"same":    {scene{view: green, before: []agentapi.ContainerAttachment{{Key: key, Status: agentapi.ContainerOK, Since: when.Add(-time.Hour)}}}, when.Add(-time.Hour)},
		"changed": {scene{view: green, before: []agentapi.ContainerAttachment{{Key: key, Status: agentapi.ContainerDown, Since: when.Add(-time.Hour)}}}, when.Add(-time.Minute)},
		"moved on": {
			scene{view: []mapping.Uplink{onEth1("blue", idBlue, nodefile.Fresh)}, before: []agentapi.ContainerAttachment{{Key: key, Status: agentapi.ContainerMoved, To: "B", Since: when.Add(-time.Hour)}}},
			when.Add(-time.Minute),
		},
		"nothing known":     {scene{}, when},
		"added later":       {scene{view: green, record: at(when.Add(-time.Second))}, when.Add(-time.Second)},
		"added in future":   {scene{view: green, record: at(when.Add(time.Hour))}, when},
		"added in year 10k": {scene{view: green, record: at(time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -23*3600)))}, when},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := tt.resolve()
			if !a.Since.Equal(tt.want) {
				t.Errorf("since %v, want %v", a.Since, tt.want)
			}
			if _, err := json.Marshal(a); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUnfinished holds that what was never attached, and what the runtime wants gone, is
// not said to be well, wherever its device leads; and who can help when.
func TestUnfinished(t *testing.T) {
	adding := func(age time.Duration, change ...func(*record.Record)) func(*record.Record) {
		return func(r *record.Record) {
			r.Phase, r.Time = record.Adding, when.Add(-age)
			for _, f := range change {
				f(r)
			}
		}
	}
	failed := func(r *record.Record) { r.Failed = "host-local ADD: no\x1b range" }
	unwanted := func(age time.Duration, stuck string) func(*record.Record) {
		return func(r *record.Record) { r.Unwanted, r.Stuck = when.Add(-age), stuck }
	}
	rebooted := func(r *record.Record) { r.BootID = "boot-0" }
	both := func(a, b func(*record.Record)) func(*record.Record) { return func(r *record.Record) { a(r); b(r) } }
	const notDone, fails = "its ADD was not completed", "its DEL fails"
	for name, tt := range map[string]struct {
		scene
		want string // phase, status, age, reason, why it is orphaned
		wake time.Duration
	}{
		"attached":              {scene{}, "added|ok|60s|so fresh|", 0},
		"adding":                {scene{record: adding(0)}, "adding|adding|0s|its ADD is at work|", 2 * time.Minute},
		"adding, almost long":   {scene{record: adding(2*time.Minute - 1)}, "adding|adding|119s|its ADD is at work|", 1},
		"adding for long":       {scene{record: adding(2 * time.Minute)}, "adding|failed|2m|" + notDone + "|" + notDone, 0},
		"at work for long":      {scene{record: adding(2 * time.Minute), working: true}, "adding|adding|2m|its ADD is at work|", 3 * time.Minute},
		"at work for too long":  {scene{record: adding(5 * time.Minute), working: true}, "adding|failed|5m|" + notDone + "|" + notDone, 0},
		"failed":                {scene{record: adding(time.Second, failed)}, "adding|failed|1s|its ADD failed: host-local ADD: no\x1b range|", 119 * time.Second},
		"failed, at work again": {scene{record: adding(time.Second, failed), working: true}, "adding|failed|1s|its ADD failed: host-local ADD: no\x1b range|", 119 * time.Second},
		"failed long ago":       {scene{record: adding(time.Hour, failed)}, "adding|failed|60m|its ADD failed: host-local ADD: no\x1b range|its ADD failed", 0},
		"deleting":              {scene{record: unwanted(0, "host-local DEL: no")}, "added|deleting|0s|host-local DEL: no|", time.Minute},
		"deleting, no reason":   {scene{record: unwanted(59*time.Second, "")}, "added|deleting|59s|" + fails + "|", time.Second},
		"stuck":                 {scene{record: unwanted(time.Minute, "host-local DEL: no")}, "added|stuck|60s|host-local DEL: no|" + fails, 0},
		"stuck, no reason":      {scene{record: unwanted(time.Hour, "")}, "added|stuck|60m|" + fails + "|" + fails, 0},
		"failed, then stuck":    {scene{record: both(adding(time.Hour, failed), unwanted(30*time.Minute, "no"))}, "adding|stuck|30m|no|" + fails, 0},
		"stuck, just gone":      {scene{record: unwanted(time.Hour, "no"), gone: true}, "added|stuck|60m|no|" + fails, time.Minute},
		"failed, just gone":     {scene{record: adding(time.Second, failed), gone: true}, "adding|failed|1s|its ADD failed: host-local ADD: no\x1b range|", time.Minute},
		"stuck, moved before":   {scene{record: unwanted(time.Hour, "no"), view: []mapping.Uplink{onEth1("blue", idBlue, nodefile.Fresh)}}, "added|stuck|60m|no|" + fails, 0},
		"adding, another boot":  {scene{record: adding(time.Second, rebooted)}, "adding|failed|1s|" + notDone + "|", time.Minute},
		"stuck, another boot":   {scene{record: both(unwanted(time.Hour, "no"), rebooted)}, "added|stuck|60m|no|" + fails, time.Minute},
		"clock was set back":    {scene{record: unwanted(-time.Hour, "no")}, "added|deleting|0s|no|", time.Hour + time.Minute},
		"hostile":               {scene{record: unwanted(time.Hour, strings.Repeat("x", 10000))}, "added|stuck|60m|" + strings.Repeat("x", 200) + "…" + strings.Repeat("x", 99) + "|" + fails, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.view == nil {
				tt.view = []mapping.Uplink{onEth1("green", idGreen, nodefile.Fresh)}
			}
			a, wake := tt.resolve()
			if got := fmt.Sprintf("%s|%s|%s|%s|%s", a.Phase, a.Status, fit.Age(when.Sub(a.Since)), a.Reason, a.Orphaned); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if (tt.wake == 0) != wake.IsZero() || tt.wake != 0 && !wake.Equal(when.Add(tt.wake)) {
				t.Errorf("wake at %v, want %v", wake, when.Add(tt.wake))
			}
			if a.Exposed || a.Attached() != (a.Status == agentapi.ContainerOK) {
				t.Errorf("exposed %v, attached %v", a.Exposed, a.Attached())
			}
		})
	}
}

// TestUnfinishedMoved holds that a container which moved is not said to be back because
// the runtime wants it gone.
func TestUnfinishedMoved(t *testing.T) {
	s := scene{
		record: func(r *record.Record) { r.Unwanted = when },
		before: []agentapi.ContainerAttachment{{Key: record.Key{Name: "conf", ContainerID: "c1", IfName: "net1"}, Status: agentapi.ContainerMoved, To: "B", ToNetwork: "blue"}},
	}
	if a, _ := s.resolve(); a.To != "B" || a.ToNetwork != "blue" {
		t.Errorf("it leads to %q (%s)", a.To, a.ToNetwork)
	}
}

// TestReturned holds when a device that came back is told: not while a DEL may be bringing
// it, and at once where that is known to be stuck.
func TestReturned(t *testing.T) {
	key := record.Key{Name: "conf", ContainerID: "c1", IfName: "net1"}
	net1 := &agentapi.ReturnedDevice{Link: record.Link{Name: "net1", Index: 2, MAC: macOf(2).String()}}
	back := func(change ...func(*record.Record)) scene {
		return scene{
			record: func(r *record.Record) {
				r.Taken = true
				for _, f := range change {
					f(r)
				}
			},
			interfaces: func(s *discovery.Snapshot) {
				s.Interfaces = []discovery.Interface{{Index: 2, Name: "net1", MAC: macOf(2), Ethernet: true}}
			},
		}
	}
	since := func(s scene, d time.Duration) scene {
		s.before = []agentapi.ContainerAttachment{{Key: key, Status: agentapi.ContainerDown, Since: when.Add(-d)}}
		return s
	}
	for name, tt := range map[string]struct {
		scene
		want *agentapi.ReturnedDevice
		wake time.Duration
	}{
		"just back":     {back(), nil, 10 * time.Second},
		"almost":        {since(back(), 10*time.Second-1), nil, 1},
		"back":          {since(back(), 10*time.Second), net1, 0},
		"its DEL fails": {back(func(r *record.Record) { r.Unwanted = when.Add(-time.Hour) }), net1, 0},
		"its ADD fails": {back(func(r *record.Record) { r.Phase, r.Failed, r.Time = record.Adding, "no", when.Add(-time.Hour) }), net1, 0},
		"another boot":  {since(back(func(r *record.Record) { r.BootID = "boot-0" }), time.Hour), nil, time.Minute},
		"not taken":     {since(back(func(r *record.Record) { r.Taken = false }), time.Hour), nil, 0},
		"as it was": {func() scene {
			s := since(back(), time.Hour)
			s.interfaces = nil
			return s
		}(), nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a, wake := tt.resolve()
			if diff := cmp.Diff(tt.want, a.Returned); diff != "" {
				t.Errorf("returned (-want +got):\n%s", diff)
			}
			if (tt.wake == 0) != wake.IsZero() || tt.wake != 0 && !wake.Equal(when.Add(tt.wake)) {
				t.Errorf("wake at %v, want %v", wake, when.Add(tt.wake))
			}
		})
	}
}

func TestOrphans(t *testing.T) {
	key := record.Key{Name: "conf", ContainerID: "c1", IfName: "net1"}
	goneSince := func(d time.Duration) []agentapi.ContainerAttachment {
		return []agentapi.ContainerAttachment{{Key: key, Gone: when.Add(-d)}}
	}
	adding := func(age time.Duration) func(*record.Record) {
		return func(r *record.Record) { r.Phase, r.Time = record.Adding, when.Add(-age) }
	}
	rebooted := func(r *record.Record) { r.BootID = "boot-0" }
	for name, tt := range map[string]struct {
		scene
		want string
		wake time.Duration
	}{
		"there":              {scene{}, "", 0},
		"just gone":          {scene{gone: true}, "", time.Minute},
		"gone":               {scene{gone: true, before: goneSince(59 * time.Second)}, "", time.Second},
		"gone for long":      {scene{gone: true, before: goneSince(time.Minute)}, "its network namespace is gone", 0},
		"back":               {scene{before: goneSince(time.Hour)}, "", 0},
		"another boot":       {scene{record: rebooted}, "", time.Minute},
		"another boot, long": {scene{record: rebooted, before: goneSince(time.Hour)}, "the node rebooted since", 0},
		"adding":             {scene{record: adding(time.Minute)}, "", time.Minute},
		"adding for long":    {scene{record: adding(2 * time.Minute)}, "its ADD was not completed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			a, wake := tt.resolve()
			if a.Orphaned != tt.want || (tt.wake == 0) != wake.IsZero() || tt.wake != 0 && !wake.Equal(when.Add(tt.wake)) {
				t.Errorf("orphaned %q, wake at %v; want %q and %v", a.Orphaned, wake, tt.want, when.Add(tt.wake))
			}
		})
	}
}

// TestWake holds that the first of what is due counts, in whatever order the records are.
func TestWake(t *testing.T) {
	adding := func(container string, age time.Duration) heldRecord {
		return heldRecord{Record: record.Record{
			Key: record.Key{Name: "conf", ContainerID: container, IfName: "net1"}, Phase: record.Adding, Time: when.Add(-age), BootID: "boot-1",
		}}
	}
	soon, later, due := adding("c1", 90*time.Second), adding("c2", 30*time.Second), adding("c3", time.Hour)
	k := observed(&mapping.View{BootID: "boot-1", Time: when}, mapping.Memory{}, &discovery.Snapshot{})
	for _, held := range [][]heldRecord{{soon, later, due}, {due, later, soon}} {
		if _, wake := k.attached(held, nil); !wake.Equal(when.Add(30 * time.Second)) {
			t.Errorf("wake at %v, want %v", wake, when.Add(30*time.Second))
		}
	}
}

// TestRejudge holds that attachments as the agent tells them are judged as its records are.
func TestRejudge(t *testing.T) {
	onVLAN := func(r *record.Record) {
		r.VID, r.Device, r.Parent = 300, nodeLink("eth1.300", 6), nodeLink("eth1", 2)
	}
	named := func(name string, id mapping.Identity) []mapping.Uplink {
		return []mapping.Uplink{onEth1(name, id, nodefile.Fresh)}
	}
	below := []mapping.Uplink{onEth1("green", idGreen, nodefile.Fresh, tagged(nodefile.Link{}))} // the device is not made for it
	for name, tt := range map[string]struct {
		scene
		then     []mapping.Uplink
		now, new agentapi.ContainerStatus
		to       string
	}{
		"stays":                 {scene{view: named("green", idGreen)}, named("green", idGreen), agentapi.ContainerOK, agentapi.ContainerOK, ""},
		"is renamed":            {scene{view: named("green", idGreen)}, named("emerald", idGreen), agentapi.ContainerOK, agentapi.ContainerOK, ""},
		"loses its name":        {scene{view: named("green", idBlue)}, named("blue", idBlue), agentapi.ContainerOK, agentapi.ContainerMoved, "blue"},
		"gets its name":         {scene{view: named("blue", idBlue)}, named("green", idBlue), agentapi.ContainerMoved, agentapi.ContainerOK, ""},
		"through its parent":    {scene{record: onVLAN, view: below}, below, agentapi.ContainerOK, agentapi.ContainerOK, ""},
		"is not heard":          {scene{view: named("green", idGreen)}, nil, agentapi.ContainerOK, agentapi.ContainerUnverified, ""},
		"went before":           {scene{view: named("green", idBlue), gone: true}, named("blue", idBlue), agentapi.ContainerOK, agentapi.ContainerOK, ""},
		"is in the container":   {scene{record: func(r *record.Record) { r.Taken, r.Device = true, nodeLink("eth7", 9) }}, named("blue", idBlue), agentapi.ContainerUnverified, agentapi.ContainerUnverified, ""},
		"is of an earlier boot": {scene{record: func(r *record.Record) { r.BootID = "boot-0" }, view: named("blue", idBlue)}, named("blue", idBlue), agentapi.ContainerUnverified, agentapi.ContainerUnverified, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := tt.resolve()
			wire, err := json.Marshal([]agentapi.ContainerAttachment{a})
			if err != nil {
				t.Fatal(err)
			}
			var told []agentapi.ContainerAttachment
			if err := json.Unmarshal(wire, &told); err != nil {
				t.Fatal(err)
			}
			snap := &discovery.Snapshot{}
			for index, name := range map[int]string{2: "eth1", 6: "eth1.300"} {
				snap.Interfaces = append(snap.Interfaces, discovery.Interface{Index: index, Name: name, MAC: macOf(index), Up: true})
			}
			seen := func(uplinks []mapping.Uplink) Seen {
				return Seen{View: &mapping.View{BootID: "boot-1", Time: when, Uplinks: uplinks}, Snapshot: snap}
			}
			same := Rejudge(told, seen(tt.view))
			if diff := cmp.Diff(a, same[0]); diff != "" {
				t.Errorf("by the same rules (-records +attachments):\n%s", diff)
			}
			then := Rejudge(same, seen(tt.then))[0]
			if a.Status != tt.now || then.Status != tt.new || then.ToNetwork != tt.to {
				t.Errorf("%s, then %s, to %q", a.Status, then.Status, then.ToNetwork)
			}
		})
	}
}
