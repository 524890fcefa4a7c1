// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

func TestConditions(t *testing.T) {
	moved := func(container, pod string) agentapi.ContainerAttachment {
		return agentapi.ContainerAttachment{
			Key: record.Key{Name: "conf", ContainerID: container, IfName: "net1"}, Pod: record.Pod{Namespace: "default", Name: pod}, Network: "green",
			Identity: "local:a vlan 1", Device: nodeLink("eth1", 2), Status: agentapi.ContainerMoved, To: "local:a vlan 2", ToNetwork: "blue", Neighbor: "sw-blue p1", Since: when.Local(),
		}
	}
	taken := agentapi.ContainerAttachment{Key: record.Key{ContainerID: "0123456789abcdef"}, Network: "green", Device: nodeLink("eth7", 9), Taken: true, Status: agentapi.ContainerUnverified}
	orphan, unfinished := moved("c3", "web-2"), moved("c4", "web-3")
	orphan.Orphaned, orphan.Gone = "its network namespace is gone", when
	unfinished.Orphaned, unfinished.Status, unfinished.Reason = "its ADD failed", agentapi.ContainerFailed, "its ADD failed: no\n range"
	stuck, stuckToo, young, stuckAndGone := moved("c5", "web-4"), moved("c6", "web-5"), moved("c7", "web-6"), moved("c8", "web-7")
	stuck.Orphaned, stuck.Status, stuck.Reason = "its DEL fails", agentapi.ContainerStuck, "host-local DEL: no\x1b"
	stuckToo.Orphaned, stuckToo.Status = "its DEL fails", agentapi.ContainerStuck
	young.Status = agentapi.ContainerDeleting
	stuckAndGone.Orphaned, stuckAndGone.Gone, stuckAndGone.Status = "its network namespace is gone", when, agentapi.ContainerStuck
	back := taken
	back.Status, back.Returned = agentapi.ContainerDown, &agentapi.ReturnedDevice{Link: nodeLink("net\x1b1", 9)}
	got := Conditions([]agentapi.ContainerAttachment{moved("c1", "web-0"), moved("c2", "web-\x1b1"), taken, orphan, unfinished, stuck, young, stuckToo, stuckAndGone, back}, &Records{problem: "why"})
	want := []mapping.Condition{
		{Type: mapping.AttachmentMoved, Interface: "eth1", Network: "green", Message: "default/web-0 (net1) and 2 more asked for green (chassis local:a VLAN 1), but eth1 leads to blue (chassis local:a VLAN 2) on sw-blue p1 since " +
			when.Local().Format(time.DateTime) + "; running containers are left alone: move the cable or the VLAN back, or restart them"},
		{Type: mapping.DeviceInUse, Interface: "eth7", Network: "green", Message: "eth7 (green) is not gone: it is in use by 01234567…cdef, into which it was moved, so nothing is heard on it"},
		{
			Type: mapping.DeviceReturned, Interface: "net\ufffd1", Network: "green",
			Message: "eth7 (green), which was moved into 01234567…cdef, came back to the node by itself, as net\ufffd1 (ifindex 9), down: the DEL of that container or \"colvin gc\" gives it back its name and sets it up",
		},
		{Type: mapping.OrphanedRecords, Message: "attachment records of containers that are gone: 2, such as default/web-2 (green on eth1: its network namespace is gone); \"colvin gc\" removes what they left"},
		{Type: mapping.OrphanedRecords, Message: "attachments that were begun and not completed: 1, such as default/web-3 (green on eth1: its ADD failed: no\ufffd range); \"colvin gc\" undoes them, and so does the runtime's next DEL"},
		{Type: mapping.OrphanedRecords, Message: "attachments whose DEL fails: 2, such as default/web-4 (green on eth1: host-local DEL: no\ufffd); mend that, or \"colvin gc\" ends them and says what it could not free"},
		{Type: mapping.RecordsUnreadable, Message: "why"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if got := movedConditions([]agentapi.ContainerAttachment{moved("c1", "web-0"), moved("c2", "web-1")}); len(got) != 1 || !strings.HasPrefix(got[0].Message, "default/web-0 (net1) and 1 more asked for green ") {
		t.Errorf("two of one kind: %+v", got)
	}
	var many []agentapi.ContainerAttachment
	for i := range 1000 {
		a := moved(fmt.Sprint(i), "web")
		a.Network = fmt.Sprint("network-", i)
		many = append(many, a)
	}
	if got := Conditions(many[:maxConditions], &Records{}); len(got) != maxConditions || !strings.HasPrefix(got[0].Message, "default/web (net1) asked for network-0 ") {
		t.Errorf("%d conditions, the first %+v", len(got), got[0])
	}
	if got := Conditions(many[:maxConditions+1], &Records{}); len(got) != maxConditions+1 || got[maxConditions].Message != `1 more; "colvin attachments" lists them all` {
		t.Errorf("%d conditions, the last %+v", len(got), got[len(got)-1])
	}
	if got := Conditions(many, &Records{}); len(got) != maxConditions+1 || got[maxConditions].Message != `984 more; "colvin attachments" lists them all` {
		t.Errorf("%d conditions, the last %+v", len(got), got[len(got)-1])
	}
}

// TestDevicesInUse holds that a device is said to be in a container only where nothing
// else is known of it.
func TestDevicesInUse(t *testing.T) {
	attached := []agentapi.ContainerAttachment{
		{Taken: true, Status: agentapi.ContainerUnverified, Device: nodeLink("eth7", 9)},
		{Taken: true, Status: agentapi.ContainerUnverified, Device: nodeLink("eth8", 10), Orphaned: "its network namespace is gone", Gone: when},
		{Taken: true, Status: agentapi.ContainerDown, Device: nodeLink("eth9", 11)},
		{Status: agentapi.ContainerUnverified, Device: nodeLink("eth10", 12)},
	}
	var got []string
	for _, c := range takenConditions(attached) {
		got = append(got, c.Interface)
	}
	if diff := cmp.Diff([]string{"eth7"}, got); diff != "" {
		t.Errorf("in use (-want +got):\n%s", diff)
	}
}

// TestExposed holds that containers on a trunk are listed by device, and no longer than
// anybody reads.
func TestExposed(t *testing.T) {
	at := func(device, pod string) agentapi.ContainerAttachment {
		return agentapi.ContainerAttachment{
			Key: record.Key{ContainerID: pod, IfName: "net1"}, Pod: record.Pod{Namespace: "default", Name: pod}, Device: nodeLink(device, 2), Exposed: true,
		}
	}
	gone, safe := at("eth1", "gone"), at("eth1", "safe")
	gone.Orphaned, gone.Gone, safe.Exposed = "its network namespace is gone", when, false
	attached := []agentapi.ContainerAttachment{at("eth1", "web-0"), at("eth2", "web-1"), gone, at("eth1", "web-\x1b2"), safe}
	const advice = "; have the switch port carry one network, or refuse such attachments with isolation: strict in colvind.yaml"
	const why = " carries tagged VLANs beside the network that it leads to untagged, and containers that may send raw frames (CAP_NET_RAW) can tag their own there: "
	want := []mapping.Condition{
		{Type: mapping.TrunkExposed, Interface: "eth1", Message: "eth1" + why + "default/web-0 (net1), default/web-\ufffd2 (net1)" + advice},
		{Type: mapping.TrunkExposed, Interface: "eth2", Message: "eth2" + why + "default/web-1 (net1)" + advice},
	}
	if diff := cmp.Diff(want, Conditions(attached, &Records{})[:2]); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	var many []agentapi.ContainerAttachment
	for i := range 1000 {
		many = append(many, at("eth1", fmt.Sprint("web-", i)))
	}
	if got := Conditions(many, &Records{}); len(got) != 1 || len(got[0].Message) > 2*maxExposed+len(why)+len(advice) || !strings.Contains(got[0].Message, " more") {
		t.Errorf("of 1000 containers: %+v", got)
	}
}

// TestJudgeExposed holds who can reach the tagged VLANs of a port: who is attached
// untagged to a trunk.
func TestJudgeExposed(t *testing.T) {
	trunk := func(a *mapping.Uplink) { a.Trunk = true }
	bearsTag := func(r *record.Record) { r.VID, r.Device, r.Parent = 300, nodeLink("eth1.300", 6), nodeLink("eth1", 2) }
	for name, tt := range map[string]struct {
		scene
		want bool
	}{
		"access port":         {scene{view: []mapping.Uplink{onEth1("green", idGreen, nodefile.Fresh)}}, false},
		"trunk":               {scene{view: []mapping.Uplink{onEth1("green", idGreen, nodefile.Fresh, trunk)}}, true},
		"trunk, moved":        {scene{view: []mapping.Uplink{onEth1("blue", idBlue, nodefile.Fresh, trunk)}}, true},
		"tagged on the trunk": {scene{record: bearsTag, view: []mapping.Uplink{onEth1("green", idGreen, nodefile.Fresh, trunk), onEth1("storage", idGreen, nodefile.Fresh, tagged(nodeLink("eth1.300", 6)))}}, false},
	} {
		if got, _ := tt.resolve(); got.Exposed != tt.want {
			t.Errorf("%s: exposed %v, want %v", name, got.Exposed, tt.want)
		}
	}
}
