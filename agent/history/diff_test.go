// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

var when = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestDiff(t *testing.T) {
	port := nodefile.Link{Name: "eth1", Index: 2}
	green := mapping.Identity{Switch: "mac:00:00:5e:00:53:01", VLAN: 100}
	at := func(name string, id mapping.Identity, c nodefile.Certainty) mapping.Uplink {
		return mapping.Uplink{Name: name, Identity: id, Port: port, Certainty: c, Reason: "because"}
	}
	holder := func(system string) mapping.Memory {
		return mapping.Memory{Ports: []belief.Port{{Interface: "eth1", Holder: &belief.Voice{Neighbor: discovery.Neighbor{
			MSAP: discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: "ifname:p1"}, SystemName: system,
		}}}}}
	}
	pod := func(s agentapi.ContainerStatus, to string) []agentapi.ContainerAttachment {
		return []agentapi.ContainerAttachment{{
			Key: record.Key{Name: "n", ContainerID: "c1", IfName: "net1"}, Pod: record.Pod{Namespace: "default", Name: "web-\x1b0"},
			Network: "green", Identity: "A", Device: record.Link{Name: "eth1"}, Status: s, To: to,
		}}
	}
	blue := mapping.Identity{Switch: green.Switch, VLAN: 200}
	red := mapping.Identity{Switch: green.Switch, VLAN: 300}
	tagged := mapping.Identity{Switch: green.Switch, VLAN: 400}
	holders := func(ports ...string) (m mapping.Memory) {
		for _, port := range ports {
			c := holder("sw").Ports[0]
			c.Interface = port
			m.Ports = append(m.Ports, c)
		}
		return m
	}
	// pods are as many as there are networks that they moved to.
	pods := func(to ...string) (out []agentapi.ContainerAttachment) {
		for i, to := range to {
			a := pod(agentapi.ContainerOK, to)[0]
			a.ContainerID, a.Pod.Name = fmt.Sprint("c", i), fmt.Sprint("web-", i)
			if to != "" {
				a.Status = agentapi.ContainerMoved
			}
			out = append(out, a)
		}
		return out
	}
	const home, away = "green (chassis A, VLAN not advertised)", "chassis B, VLAN not advertised"
	podMoved := func(name string) noted {
		return noted{agentapi.Change{What: agentapi.ChangePod, Network: "green", Interface: "eth1", Pod: "default/" + name, From: home, To: away}, true}
	}
	podBack := func(name string) noted {
		return noted{agentapi.Change{What: agentapi.ChangePod, Network: "green", Interface: "eth1", Pod: "default/" + name, From: away, To: home, Reason: "it leads to its own network again"}, false}
	}
	conflict := mapping.Condition{Type: mapping.Conflict, Interface: "eth1", Message: "one"}
	another := mapping.Condition{Type: mapping.Conflict, Interface: "eth1", Message: "two"}
	for name, tt := range map[string]struct {
		before, after *agentapi.State
		want          []noted
	}{
		"start": {nil, &agentapi.State{Version: "v1"}, []noted{{agentapi.Change{What: agentapi.ChangeAgent, To: "started", Reason: "version v1"}, false}}},
		"same":  {&agentapi.State{Memory: holder("sw"), Attachments: pod(agentapi.ContainerMoved, "B")}, &agentapi.State{Memory: holder("sw"), Attachments: pod(agentapi.ContainerMoved, "B")}, nil},
		"neighbor": {
			&agentapi.State{}, &agentapi.State{Memory: holder("sw")},
			[]noted{{agentapi.Change{What: agentapi.ChangeNeighbor, Interface: "eth1", To: "sw mac:00:00:5e:00:53:01 port ifname:p1"}, false}},
		},
		"neighbor changed": {
			&agentapi.State{Memory: holder("")}, &agentapi.State{Memory: holder("sw")},
			[]noted{{agentapi.Change{What: agentapi.ChangeNeighbor, Interface: "eth1", From: "mac:00:00:5e:00:53:01 port ifname:p1", To: "sw mac:00:00:5e:00:53:01 port ifname:p1"}, false}},
		},
		"neighbor forgotten": {
			&agentapi.State{Memory: holder("sw")}, &agentapi.State{},
			[]noted{{agentapi.Change{What: agentapi.ChangeNeighbor, Interface: "eth1", From: "sw mac:00:00:5e:00:53:01 port ifname:p1"}, false}},
		},
		"network comes": {
			&agentapi.State{}, &agentapi.State{View: mapping.View{Uplinks: []mapping.Uplink{at("", green, nodefile.Fresh)}}},
			[]noted{{agentapi.Change{What: agentapi.ChangeNetwork, Network: green.String(), Interface: "eth1", To: "fresh", Reason: "because"}, false}},
		},
		"network goes": {
			&agentapi.State{View: mapping.View{Uplinks: []mapping.Uplink{at("green", green, nodefile.Stale)}}}, &agentapi.State{},
			[]noted{{agentapi.Change{What: agentapi.ChangeNetwork, Network: "green", Interface: "eth1", From: "stale"}, false}},
		},
		"named and doubted": {
			&agentapi.State{View: mapping.View{Uplinks: []mapping.Uplink{at("teal-heron", green, nodefile.Fresh)}}},
			&agentapi.State{View: mapping.View{Uplinks: []mapping.Uplink{at("green", green, nodefile.Unverified)}}},
			[]noted{
				{agentapi.Change{What: agentapi.ChangeNetwork, Network: "green", Interface: "eth1", From: "fresh", To: "unverified", Reason: "because"}, false},
				{agentapi.Change{What: agentapi.ChangeName, Network: "green", Interface: "eth1", From: "teal-heron", To: "green"}, false},
			},
		},
		"moved": {
			&agentapi.State{Attachments: pod(agentapi.ContainerUnverified, "")}, &agentapi.State{Attachments: pod(agentapi.ContainerMoved, "B")},
			[]noted{{agentapi.Change{What: agentapi.ChangePod, Network: "green", Interface: "eth1", Pod: "default/web-�0", From: "green (chassis A, VLAN not advertised)", To: "chassis B, VLAN not advertised"}, true}},
		},
		"moved on": {
			&agentapi.State{Attachments: pod(agentapi.ContainerMoved, "B")}, &agentapi.State{Attachments: pod(agentapi.ContainerMoved, "C")},
			[]noted{{agentapi.Change{What: agentapi.ChangePod, Network: "green", Interface: "eth1", Pod: "default/web-�0", From: "green (chassis A, VLAN not advertised)", To: "chassis C, VLAN not advertised"}, true}},
		},
		"not back yet": {&agentapi.State{Attachments: pod(agentapi.ContainerMoved, "B")}, &agentapi.State{Attachments: pod(agentapi.ContainerUnverified, "B")}, nil},
		"back": {
			&agentapi.State{Attachments: pod(agentapi.ContainerUnverified, "B")}, &agentapi.State{Attachments: pod(agentapi.ContainerOK, "")},
			[]noted{{agentapi.Change{What: agentapi.ChangePod, Network: "green", Interface: "eth1", Pod: "default/web-�0", From: "chassis B, VLAN not advertised", To: "green (chassis A, VLAN not advertised)", Reason: "it leads to its own network again"}, false}},
		},
		"condition": {
			&agentapi.State{}, &agentapi.State{View: mapping.View{Conditions: []mapping.Condition{conflict}}},
			[]noted{{agentapi.Change{What: agentapi.ChangeCondition, Interface: "eth1", To: "Conflict", Reason: "one"}, true}},
		},
		"condition's message": {
			&agentapi.State{View: mapping.View{Conditions: []mapping.Condition{conflict}}}, &agentapi.State{View: mapping.View{Conditions: []mapping.Condition{another}}},
			[]noted{{agentapi.Change{What: agentapi.ChangeCondition, Interface: "eth1", From: "Conflict", To: "Conflict", Reason: "two"}, true}},
		},
		"condition gone": {
			&agentapi.State{View: mapping.View{Conditions: []mapping.Condition{conflict}}}, &agentapi.State{},
			[]noted{{agentapi.Change{What: agentapi.ChangeCondition, Interface: "eth1", From: "Conflict", Reason: "nobody is believed there"}, false}},
		},
		"several networks": {
			&agentapi.State{View: mapping.View{Uplinks: []mapping.Uplink{at("green", green, nodefile.Stale), at("blue", blue, nodefile.Fresh), at("red", red, nodefile.Fresh)}}},
			&agentapi.State{View: mapping.View{Uplinks: []mapping.Uplink{at("blue", blue, nodefile.Fresh), at("red", red, nodefile.Down), at("lime", tagged, nodefile.Fresh)}}},
			[]noted{
				{agentapi.Change{What: agentapi.ChangeNetwork, Network: "red", Interface: "eth1", From: "fresh", To: "down", Reason: "because"}, false},
				{agentapi.Change{What: agentapi.ChangeNetwork, Network: "lime", Interface: "eth1", To: "fresh", Reason: "because"}, false},
				{agentapi.Change{What: agentapi.ChangeNetwork, Network: "green", Interface: "eth1", From: "stale"}, false},
			},
		},
		"networks of one name go": {
			&agentapi.State{View: mapping.View{Uplinks: []mapping.Uplink{at("green", green, nodefile.Stale), at("green", blue, nodefile.Fresh)}}}, &agentapi.State{},
			[]noted{
				{agentapi.Change{What: agentapi.ChangeNetwork, Network: "green", Interface: "eth1", From: "stale"}, false},
				{agentapi.Change{What: agentapi.ChangeNetwork, Network: "green", Interface: "eth1", From: "fresh"}, false},
			},
		},
		"several neighbors": {
			&agentapi.State{Memory: holders("eth1", "eth2", "eth3")}, &agentapi.State{Memory: holders("eth3", "eth4", "eth5")},
			[]noted{
				{agentapi.Change{What: agentapi.ChangeNeighbor, Interface: "eth4", To: "sw mac:00:00:5e:00:53:01 port ifname:p1"}, false},
				{agentapi.Change{What: agentapi.ChangeNeighbor, Interface: "eth5", To: "sw mac:00:00:5e:00:53:01 port ifname:p1"}, false},
				{agentapi.Change{What: agentapi.ChangeNeighbor, Interface: "eth1", From: "sw mac:00:00:5e:00:53:01 port ifname:p1"}, false},
				{agentapi.Change{What: agentapi.ChangeNeighbor, Interface: "eth2", From: "sw mac:00:00:5e:00:53:01 port ifname:p1"}, false},
			},
		},
		"several pods": {
			&agentapi.State{Attachments: pods("", "B", "B", "")}, &agentapi.State{Attachments: pods("B", "", "B", "B")},
			[]noted{podMoved("web-0"), podBack("web-1"), podMoved("web-3")},
		},
		"several conditions": {
			&agentapi.State{View: mapping.View{Conditions: []mapping.Condition{
				{Type: mapping.Conflict, Interface: "eth1"}, {Type: mapping.Conflict, Interface: "eth2", Network: "green"}, {Type: mapping.RulesInvalid},
			}}},
			&agentapi.State{View: mapping.View{Conditions: []mapping.Condition{
				{Type: mapping.RulesInvalid, Interface: "eth1"}, {Type: mapping.Conflict, Interface: "eth2", Network: "blue"}, {Type: mapping.RulesInvalid},
			}}},
			[]noted{
				{agentapi.Change{What: agentapi.ChangeCondition, Interface: "eth1", To: "RulesInvalid"}, true},
				{agentapi.Change{What: agentapi.ChangeCondition, Interface: "eth2", Network: "blue", To: "Conflict"}, true},
				{agentapi.Change{What: agentapi.ChangeCondition, Interface: "eth1", From: "Conflict", Reason: "nobody is believed there"}, false},
				{agentapi.Change{What: agentapi.ChangeCondition, Interface: "eth2", Network: "green", From: "Conflict", Reason: "nobody is believed there"}, false},
			},
		},
		"a long reason": {
			&agentapi.State{}, &agentapi.State{View: mapping.View{Conditions: []mapping.Condition{{Type: mapping.Conflict, Message: "one\ntwo " + strings.Repeat("x", 600)}}}},
			[]noted{{agentapi.Change{What: agentapi.ChangeCondition, To: "Conflict", Reason: fit.Cut("one two "+strings.Repeat("x", 600), 500)}, true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var known []agentapi.ContainerAttachment
			if tt.before != nil {
				known = tt.before.Attachments
			}
			if wrong := cmp.Diff(tt.want, diff(tt.before, tt.after, known), cmp.AllowUnexported(noted{})); wrong != "" {
				t.Errorf("changes (-want +got):\n%s", wrong)
			}
		})
	}
}
