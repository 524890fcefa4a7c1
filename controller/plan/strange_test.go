// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/mapping/rules"
)

// TestStrange plans for clusters in which one node stores what no agent would: a plan
// comes to an end, every name in it is one, and the other nodes keep their labels.
func TestStrange(t *testing.T) {
	read := 0
	for seed := range uint64(500) {
		p := large(t, 2)
		for _, err := range []error{
			p.ruleSet("wire", "networks: [{name: '{system.1}', wireNames: true, match: [{system: '(*)', vlan: '1-4094'}]}, {name: '{vlanName}', wireNames: true, match: [{vlanName: '*'}]}]"),
			p.play("node", []string{"strange"}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		s := strange{rand.New(rand.NewPCG(seed, 0))}
		p.change("strange", s.topology)
		const most = 4
		for n := 0; ; n++ {
			d := p.planner.Plan(&p.cluster, p.now)
			for _, c := range d.Networks {
				if !rules.ValidName(c.Name) {
					t.Errorf("seed %d: a Network is called %q", seed, c.Name)
				}
			}
			if len(d.Problems) == 0 {
				read++
			}
			if again := p.do(d); !again {
				break
			} else if n == most {
				t.Fatalf("seed %d: %d plans, and still something to do:\n%s", seed, n, text(d))
			}
		}
		for _, node := range []string{"node0000", "node0001"} {
			if labels := p.node(node).Labels; labels["network.colvin.dev/green"] != "true" || labels["network.colvin.dev/rail-0"] != "true" {
				t.Errorf("seed %d: %s has the labels %v", seed, node, labels)
			}
		}
	}
	if read == 0 {
		t.Error("no topology could be read")
	}
}

// strange makes what is sometimes right and sometimes not.
type strange struct{ *rand.Rand }

func one[T any](s strange, all ...T) T { return all[s.IntN(len(all))] }

func (s strange) topology(t *v1alpha1.NodeTopologySpec) {
	texts := []string{"", "leaf-0", "leaf-9", "Ä\x00", strings.Repeat("x", 1024), "192.0.2.1"}
	ids := []string{"mac:00:1b:21:00:00:00", "mac:00:1b:21:00:00:09", "group:dc1", "cdp:core", "x", ""}
	for range s.IntN(4) {
		t.Switches = append(t.Switches, v1alpha1.Switch{
			ID: one(s, ids...), Chassis: one(s, ids...), KnownAs: one(s, "", "", one(s, ids...)), Ambiguous: s.IntN(4) == 0,
			Protocol: one(s, v1alpha1.LLDP, v1alpha1.CDP, ""), SystemName: one(s, texts...), ManagementAddresses: []string{one(s, texts...)},
		})
	}
	neighbor := func() v1alpha1.Neighbor {
		return v1alpha1.Neighbor{
			Switch: one(s, ids...), PortID: one(s, texts...), Source: one(s, "", "00:00:5e:00:53:01"), PVID: int32(one(s, 0, 1, 100, 200, 4094, 4095, -1, 1<<20)),
			VLANs: []v1alpha1.VLAN{{ID: int32(one(s, 0, 100, 300, -7)), Name: one(s, texts...)}}, MaxFrameSize: int32(one(s, 0, 1500, -1)),
		}
	}
	for i := range s.IntN(6) {
		ifi := v1alpha1.Interface{
			Name: one(s, "eth0", "eth1", "bond0", "bond1", ""), Index: int32(i + one(s, 1, 1, 1, 1, 1, 1, 0)), Kind: one(s, "", "bond", "bridge", "vlan", "openvswitch"),
			Up: s.IntN(4) > 0, Carrier: s.IntN(4) > 0, Master: int32(s.IntN(6)), Parent: int32(s.IntN(6)), VLAN: int32(one(s, 0, 100, 300)),
		}
		if ifi.Kind == "bond" {
			ifi.Bond = one(s, nil, &v1alpha1.Bond{Mode: one(s, "802.3ad", "active-backup", "balance-rr"), Active: int32(s.IntN(6)), Aggregator: 1})
		}
		ifi.BondMember = one(s, nil, &v1alpha1.BondMember{Active: true, Up: true, Aggregator: 1})
		if s.IntN(4) > 0 {
			ifi.Port = &v1alpha1.Port{Pending: s.IntN(4) == 0, Problem: one(s, texts...)}
			ifi.Port.Others = []v1alpha1.Neighbor{neighbor()}[:s.IntN(2)]
			ifi.Port.Holder = &v1alpha1.Holder{
				Neighbor: neighbor(), Certainty: one(s, v1alpha1.Fresh, v1alpha1.Fresh, v1alpha1.Stale, v1alpha1.Unverified, v1alpha1.Down, "sure"),
				Since: metav1.NewTime(start.Add(one(s, 0, -time.Hour, time.Hour, 300*24*time.Hour))), Reason: one(s, "", v1alpha1.Disputed, v1alpha1.VLANChanging, v1alpha1.Rebooted, "Why"),
			}
			if s.IntN(4) == 0 {
				ifi.Port.Holder.Against = []v1alpha1.Neighbor{neighbor(), neighbor()}
			}
		}
		t.Interfaces = append(t.Interfaces, ifi)
	}
	t.Moved = []v1alpha1.MovedAttachment{{Network: one(s, "green", "nothing", ""), ContainerID: "c", Pod: one(s, nil, &v1alpha1.PodReference{})}}[:s.IntN(2)]
}
