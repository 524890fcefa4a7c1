// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/privatedir"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

func TestJudgeWithoutAgent(t *testing.T) {
	r := func(container string) heldRecord {
		return heldRecord{record.Record{
			Key: record.Key{Name: "conf", ContainerID: container, IfName: "net1"}, Phase: record.Added, Time: when.Add(-time.Hour), BootID: "boot-1",
			Network: "green", Identity: string(idGreen.Key()), Device: nodeLink("eth1", 2), Port: nodeLink("eth1", 2),
		}, false, false}
	}
	tagged, taken, gone := r("c3"), r("c4"), r("c5")
	tagged.VID, tagged.Device, tagged.Parent = 300, nodeLink("eth1.300", 6), nodeLink("eth1", 2)
	taken.Taken, gone.gone = true, true
	through := func(container string, id mapping.Identity, device record.Link) heldRecord {
		h := r(container)
		h.Network, h.Identity, h.Device = "storage", string(id.Key()), device
		return h
	}
	rebooted := r("rebooted")
	rebooted.BootID = "boot-2"
	otherInterface, otherNetwork := r("c2"), r("c2")
	otherInterface.IfName, otherNetwork.Name = "net2", "other"
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
			{Name: "storage", Uplinks: []nodefile.Uplink{
				{
					Identity: string(idPeer.Key()), Device: nodeLink("br0", 5), Certainty: nodefile.Fresh,
					Ports: []nodefile.Port{{Link: nodeLink("eth3", 4), Junctions: []nodefile.Junction{{Link: nodeLink("bond0", 8)}}}},
				},
				{Identity: string(idPeer.Key()), Ports: []nodefile.Port{{Link: nodeLink("eth4", 7)}}, Certainty: nodefile.Fresh},
			}},
		},
		Moved: []nodefile.Moved{{Key: nodefile.Key{Name: "conf", ContainerID: "c2", IfName: "net1"}, Identity: string(idPeer.Key())}},
	}
	bonded := r("c6") // through the bond below its second port
	bonded.VID, bonded.Device, bonded.Network = 0, nodeLink("bond0", 8), "red"
	file.Networks = append(file.Networks, nodefile.Network{Name: "red", Uplinks: []nodefile.Uplink{{
		Identity: string(idPeer.Key()), Device: nodeLink("br0", 9), Certainty: nodefile.Stale, VID: 7,
		Ports: []nodefile.Port{
			{Link: nodeLink("eth2", 3), VID: 7},
			{Link: nodeLink("eth3", 4), Junctions: []nodefile.Junction{{Link: nodeLink("bond0", 8)}, {Link: nodeLink("br0", 9)}}},
		},
	}}})
	for boot, want := range map[string][]string{
		"boot-1": {
			"c1 ok", "c2 moved " + string(idPeer.Key()), "c3 moved " + string(idBlue.Key()), "c4 unverified", "c5 ok its network namespace is gone", "c6 stale",
			"c2 ok", "c2 ok", // only that interface of that network has moved
			"device ok", "port ok", "junction ok", "no-device unverified", "elsewhere unverified", "nowhere unverified",
			"rebooted unverified the node rebooted since",
		},
		"boot-2": {
			"c1 unverified the node rebooted since", "c2 unverified the node rebooted since", "c3 unverified the node rebooted since",
			"c4 unverified the node rebooted since", "c5 unverified the node rebooted since", "c6 unverified the node rebooted since", "c2 unverified the node rebooted since", "c2 unverified the node rebooted since",
			"device unverified the node rebooted since", "port unverified the node rebooted since", "junction unverified the node rebooted since",
			"no-device unverified the node rebooted since", "elsewhere unverified the node rebooted since", "nowhere unverified the node rebooted since",
			"rebooted unverified", // what the agent wrote is of the boot before
		},
	} {
		attached, _ := writtenIn(file, boot, when).attached([]heldRecord{
			r("c1"), r("c2"), tagged, taken, gone, bonded, otherInterface, otherNetwork,
			through("device", idPeer, nodeLink("br0", 5)), through("port", idPeer, nodeLink("eth3", 4)), through("junction", idPeer, nodeLink("bond0", 8)),
			through("no-device", idPeer, nodeLink("eth4", 7)), through("elsewhere", idPeer, nodeLink("eth9", 19)), through("nowhere", idPeer, record.Link{}),
			rebooted,
		}, nil)
		var got []string
		for _, a := range attached {
			got = append(got, strings.Join(strings.Fields(strings.Join([]string{a.ContainerID, string(a.Status), a.To, a.Orphaned}, " ")), " "))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in %s (-want +got):\n%s", boot, diff)
		}
	}
}

// TestJudgeRecordsWithoutAgent reads the records of this boot, and one that is damaged.
func TestJudgeRecordsWithoutAgent(t *testing.T) {
	boot, err := bootid.Read()
	if err != nil {
		t.Skip("needs /proc:", err)
	}
	dir := filepath.Join(privatedir.New(t), "attachments")
	keep(t, dir, "c1", record.Netns{})
	for _, want := range []string{"", "1 attachment records cannot be read: "} {
		attached, problem, err := JudgeWithoutAgent(dir, &nodefile.File{BootID: boot})
		if err != nil || len(attached) != 1 || attached[0].Reason != "it was attached before the node rebooted" || !strings.HasPrefix(problem, want) || (problem == "") != (want == "") {
			t.Errorf("%+v, problem %q, %v", attached, problem, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "x.json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReadMoved holds that only this boot's agent is believed, and that the other network
// has the name of its identity.
func TestReadMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), nodefile.FileName)
	if got := ReadMoved(path, "boot-1"); got != nil {
		t.Errorf("without a file: %+v", got)
	}
	to := func(id mapping.Identity) nodefile.Uplink {
		return nodefile.Uplink{Identity: string(id.Key()), Device: nodeLink("eth1", 2), Ports: []nodefile.Port{{Link: nodeLink("eth1", 2)}}, Certainty: nodefile.Fresh}
	}
	moved := func(container string, id mapping.Identity) nodefile.Moved {
		return nodefile.Moved{Key: nodefile.Key{Name: "conf", ContainerID: container, IfName: "net1"}, Identity: string(id.Key()), Neighbor: "leaf-2 p1", Since: when}
	}
	if err := nodefile.Write(path, &nodefile.File{
		Version: nodefile.Version, Node: "node1", BootID: "boot-1",
		Networks: []nodefile.Network{
			{Name: "green", Uplinks: []nodefile.Uplink{to(idGreen)}},
			{Name: "azure", Uplinks: []nodefile.Uplink{to(idGreen), to(idBlue)}},
			{Name: "blue", Uplinks: []nodefile.Uplink{to(idBlue)}},
		},
		Moved: []nodefile.Moved{moved("c1", idBlue), moved("c2", idPeer)},
	}); err != nil {
		t.Fatal(err)
	}
	want := func(container string, id mapping.Identity, network string) agentapi.ContainerAttachment {
		return agentapi.ContainerAttachment{
			Key:    record.Key{Name: "conf", ContainerID: container, IfName: "net1"},
			Status: agentapi.ContainerMoved, Since: when, Neighbor: "leaf-2 p1", To: string(id.Key()), ToNetwork: network,
		}
	}
	if diff := cmp.Diff([]agentapi.ContainerAttachment{want("c1", idBlue, "azure"), want("c2", idPeer, "")}, ReadMoved(path, "boot-1")); diff != "" {
		t.Errorf("moved (-want +got):\n%s", diff)
	}
	if got := ReadMoved(path, "boot-2"); got != nil {
		t.Errorf("of another boot: %+v", got)
	}
}
