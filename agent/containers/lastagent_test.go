// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

func TestJudgeWithoutAgent(t *testing.T) {
	r := func(container string) heldRecord {
		return heldRecord{record.Record{
			Key: record.Key{Name: "conf", ContainerID: container, IfName: "net1"}, Phase: record.Added, Time: when.Add(-time.Hour), BootID: "boot-1",
			Network: "green", Identity: string(idGreen.Key()), Device: nodeLink("eth1", 2), Port: nodeLink("eth1", 2),
		}, false}
	}
	tagged, taken, gone := r("c3"), r("c4"), r("c5")
	tagged.VID, tagged.Device, tagged.Parent = 300, nodeLink("eth1.300", 6), nodeLink("eth1", 2)
	taken.Taken, gone.gone = true, true
	file := &nodefile.File{
		BootID: "boot-1",
		Networks: []nodefile.Network{
			{Name: "green", Uplinks: []nodefile.Uplink{{
				Identity: string(idGreen.Key()), Device: nodeLink("eth1", 2), Ports: []nodefile.Port{{Link: nodeLink("eth1", 2)}}, Certainty: nodefile.Fresh,
			}}},
			{Name: "blue", Uplinks: []nodefile.Uplink{{
				Identity: string(idBlue.Key()), VID: 300, Parent: nodeLink("eth1", 2), Certainty: nodefile.Stale,
				Ports: []nodefile.Port{{Link: nodeLink("eth1", 2), VID: 300}},
			}}},
		},
		Moved: []nodefile.Moved{{Key: nodefile.Key{Name: "conf", ContainerID: "c2", IfName: "net1"}, Identity: string(idPeer.Key())}},
	}
	bonded := r("c6") // through the bond below its second port
	bonded.VID, bonded.Device, bonded.Network = 0, nodeLink("bond0", 8), "red"
	file.Networks = append(file.Networks, nodefile.Network{Name: "red", Uplinks: []nodefile.Uplink{{
		Identity: idPeer.String(), Device: nodeLink("br0", 9), Certainty: nodefile.Stale, VID: 7,
		Ports: []nodefile.Port{
			{Link: nodeLink("eth2", 3), VID: 7},
			{Link: nodeLink("eth3", 4), Junctions: []nodefile.Junction{{Link: nodeLink("bond0", 8)}, {Link: nodeLink("br0", 9)}}},
		},
	}}})
	for boot, want := range map[string][]string{
		"boot-1": {"c1 ok", "c2 moved " + string(idPeer.Key()), "c3 moved " + string(idBlue.Key()), "c4 unverified", "c5 ok its network namespace is gone", "c6 stale"},
		"boot-2": {
			"c1 unverified the node rebooted since", "c2 unverified the node rebooted since", "c3 unverified the node rebooted since",
			"c4 unverified the node rebooted since", "c5 unverified the node rebooted since", "c6 unverified the node rebooted since",
		},
	} {
		attached, _ := writtenIn(file, boot, when).attached([]heldRecord{r("c1"), r("c2"), tagged, taken, gone, bonded}, nil)
		var got []string
		for _, a := range attached {
			got = append(got, strings.Join(strings.Fields(strings.Join([]string{a.ContainerID, string(a.Status), a.To, a.Orphaned}, " ")), " "))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in %s (-want +got):\n%s", boot, diff)
		}
	}
}
