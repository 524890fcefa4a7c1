// SPDX-License-Identifier: Apache-2.0

package history

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

var when = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestDiff(t *testing.T) {
	port := nodefile.Link{Name: "eth1", Index: 2}
	green := mapping.Identity{Switch: "mac:00:00:5e:00:53:01", VLAN: 100}
	at := func(name string, id mapping.Identity, c nodefile.Certainty) mapping.Uplink {
		return mapping.Uplink{Name: name, Identity: id, Port: port, Certainty: c, Reason: "because"}
	}
	claim := func(system string) mapping.Memory {
		return mapping.Memory{Claims: []mapping.Claim{{Interface: "eth1", Neighbor: discovery.Neighbor{
			MSAP: discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: "ifname:p1"}, SystemName: system,
		}}}}
	}
	pod := func(s agentapi.ContainerStatus, to string) []agentapi.ContainerAttachment {
		return []agentapi.ContainerAttachment{{
			Key: record.Key{Name: "n", ContainerID: "c1", IfName: "net1"}, Pod: record.Pod{Namespace: "default", Name: "web-\x1b0"},
			Network: "green", Identity: "A", Device: record.Link{Name: "eth1"}, Status: s, To: to,
		}}
	}
	conflict := mapping.Condition{Type: mapping.Conflict, Interface: "eth1", Message: "one"}
	another := mapping.Condition{Type: mapping.Conflict, Interface: "eth1", Message: "two"}
	for name, tt := range map[string]struct {
		before, after *agentapi.State
		want          []noted
	}{
		"start": {nil, &agentapi.State{Version: "v1"}, []noted{{agentapi.Change{What: agentapi.ChangeAgent, To: "started", Reason: "version v1"}, false}}},
		"same":  {&agentapi.State{Memory: claim("sw"), Attachments: pod(agentapi.ContainerMoved, "B")}, &agentapi.State{Memory: claim("sw"), Attachments: pod(agentapi.ContainerMoved, "B")}, nil},
		"neighbor": {
			&agentapi.State{}, &agentapi.State{Memory: claim("sw")},
			[]noted{{agentapi.Change{What: agentapi.ChangeNeighbor, Interface: "eth1", To: "sw mac:00:00:5e:00:53:01 port ifname:p1"}, false}},
		},
		"neighbor changed": {
			&agentapi.State{Memory: claim("")}, &agentapi.State{Memory: claim("sw")},
			[]noted{{agentapi.Change{What: agentapi.ChangeNeighbor, Interface: "eth1", From: "mac:00:00:5e:00:53:01 port ifname:p1", To: "sw mac:00:00:5e:00:53:01 port ifname:p1"}, false}},
		},
		"neighbor forgotten": {
			&agentapi.State{Memory: claim("sw")}, &agentapi.State{},
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
			[]noted{{agentapi.Change{What: agentapi.ChangeCondition, Interface: "eth1", From: "Conflict", Reason: "one"}, false}},
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
