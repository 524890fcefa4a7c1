// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// containers are attachments of every status.
func attachedContainers() []agentapi.ContainerAttachment {
	const green, other = "mac:00:00:5e:00:53:01 vlan 100", "mac:00:00:5e:00:53:02 vlan 200"
	eth1 := record.Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:02"}
	at := func(container, pod string, status agentapi.ContainerStatus, ago time.Duration) agentapi.ContainerAttachment {
		return agentapi.ContainerAttachment{
			Key: record.Key{Name: "green", ContainerID: container, IfName: "net1"}, Phase: record.Added, Pod: record.Pod{Namespace: "default", Name: pod},
			Network: "green", Identity: green, Device: eth1, Port: eth1, Status: status, Since: now.Add(-ago).UTC(),
			Neighbor: "sw-green mac:00:00:5e:00:53:01 port ifname:Ethernet1/7",
		}
	}
	ok := at("0ea1c7e4d1a2b3c4d5e6", "web-0", agentapi.ContainerOK, time.Hour)
	ok.MadeBy = "colvin"
	moved := at("1ea1c7e4d1a2b3c4d5e6", "web-1", agentapi.ContainerMoved, 10*time.Minute)
	moved.To, moved.ToNetwork, moved.Neighbor = other, "teal-heron", "mac:00:00:5e:00:53:02 port ifname:Ethernet1/8"
	down := at("2ea1c7e4d1a2b3c4d5e6", "", agentapi.ContainerDown, time.Minute)
	down.Pod, down.Reason, down.Neighbor, down.Orphaned, down.Gone = record.Pod{}, "eth1 is gone", "", "its network namespace is gone", now.Add(-time.Minute).UTC()
	odd := at("3ea1c7e4d1a2b3c4d5e6", "\x1b]0;web-3\a", agentapi.ContainerUnverified, 72*time.Hour)
	odd.IfName, odd.Reason = "net\n1", "waiting for its LLDP"
	begun := at("4ea1c7e4d1a2b3c4d5e6", "web-4", agentapi.ContainerFailed, time.Hour)
	begun.Phase, begun.Orphaned, begun.Reason = record.Adding, "its ADD failed", "its ADD failed: host-local ADD: no IP ranges\x07"
	exposed := at("5ea1c7e4d1a2b3c4d5e6", "web-5", agentapi.ContainerOK, time.Hour)
	exposed.Exposed, exposed.MadeBy = true, "macvlan"
	adding := at("6ea1c7e4d1a2b3c4d5e6", "web-6", agentapi.ContainerAdding, time.Second)
	adding.Phase, adding.Reason = record.Adding, "its ADD is at work"
	deleting := at("7ea1c7e4d1a2b3c4d5e6", "web-7", agentapi.ContainerDeleting, time.Second)
	deleting.Reason = "host-local DEL: no"
	stuck := at("8ea1c7e4d1a2b3c4d5e6", "web-8", agentapi.ContainerStuck, time.Hour)
	stuck.Orphaned, stuck.Reason = "its DEL fails", "host-local DEL: no"
	stuckAndGone := at("9ea1c7e4d1a2b3c4d5e6", "web-9", agentapi.ContainerStuck, time.Hour)
	stuckAndGone.Orphaned, stuckAndGone.Reason, stuckAndGone.Gone = "its network namespace is gone", "host-local DEL: no", now.Add(-time.Minute).UTC()
	back := at("aea1c7e4d1a2b3c4d5e6", "web-a", agentapi.ContainerDown, time.Minute)
	back.Taken, back.Returned = true, &agentapi.ReturnedDevice{Link: record.Link{Name: "net1", Index: 2, MAC: "02:00:00:00:00:02"}}
	back.Reason = `eth1 came back to the node by itself, as net1 (ifindex 2), down; DEL or "colvin gc" restores it`
	return []agentapi.ContainerAttachment{ok, moved, down, odd, begun, exposed, adding, deleting, stuck, stuckAndGone, back}
}

// TestAgentHasNoAnswer holds that an agent which runs is not said to be gone.
func TestAgentHasNoAnswer(t *testing.T) {
	for name, file := range map[string]*nodefile.File{"first": nil, "again": {Version: nodefile.Version, Node: "node1", BootID: "boot-1"}} {
		dir := t.TempDir()
		if file != nil {
			if err := nodefile.Write(filepath.Join(dir, nodefile.FileName), file); err != nil {
				t.Fatal(err)
			}
		}
		serveState(t, dir, func() (*agentapi.State, error) { return nil, agentapi.ErrNotReady },
			func(time.Time) (agentapi.Changes, error) {
				return agentapi.Changes{}, errors.New("read changes: input/output error")
			})
		for _, command := range []string{"attachments", "networks", "neighbors", "changes"} {
			got := run(t, dir, command)
			if !strings.HasPrefix(got, "error: the agent runs, but has no answer: ask agent at RUN/agent.sock: ") || strings.Count(got, "\n") != 1 {
				t.Errorf("%s, %s: %s", name, command, got)
			}
		}
	}
}

// TestAgentHangs has an agent that holds its lock and does not listen.
func TestAgentHangs(t *testing.T) {
	dir := t.TempDir()
	lock, err := agentlock.Take(filepath.Join(dir, agentlock.Name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if got := run(t, dir, "attachments"); !strings.HasPrefix(got, "error: the agent runs, but has no answer: ") {
		t.Error(got)
	}
}

// TestAttachmentsUnknown holds that a program is not told of an empty list, or of a
// short one, as if it were all.
func TestAttachmentsUnknown(t *testing.T) {
	for name, attached := range map[string][]agentapi.ContainerAttachment{"none": nil, "some": attachedContainers()[:1]} {
		dir := t.TempDir()
		s := &agentapi.State{Attachments: attached}
		s.View.Conditions = []mapping.Condition{{Type: mapping.RecordsUnreadable, Message: "open /d: permission denied"}}
		serveState(t, dir, func() (*agentapi.State, error) { return s, nil }, changesSince)
		records := filepath.Join(dir, "attachments")
		expect(t, "attachments-unknown-"+name, run(t, dir, "attachments", "--record-directory", records))
		expect(t, "attachments-unknown-"+name+"-json", run(t, dir, "attachments", "--record-directory", records, "-o", "json"))
	}
}

func changesSince(t time.Time) (agentapi.Changes, error) {
	all := []agentapi.Change{
		{Time: now.Add(-26 * time.Hour).UTC(), What: agentapi.ChangeAgent, To: "started", Reason: "version v0.1.0"},
		{Time: now.Add(-10 * time.Minute).UTC(), What: agentapi.ChangeNeighbor, Interface: "eth1", From: "sw-green mac:00:00:5e:00:53:01 port ifname:Ethernet1/7", To: "mac:00:00:5e:00:53:02 port ifname:Ethernet1/8"},
		{Time: now.Add(-10 * time.Minute).UTC(), What: agentapi.ChangeNetwork, Network: "storage", Interface: "eth1", VID: 300, From: "unverified", Reason: "waiting for its LLDP"},
		{Time: now.Add(-9 * time.Minute).UTC(), What: agentapi.ChangePod, Network: "green", Interface: "eth1", Pod: "default/web-1", From: "green (chassis mac:00:00:5e:00:53:01 VLAN 100)", To: "teal-heron (chassis mac:00:00:5e:00:53:02 VLAN 200)"},
		{Time: now.Add(-9 * time.Minute).UTC(), What: agentapi.ChangePrefix, Interface: "eth1", VID: 300, From: "2001:db8:1::/64", To: "2001:db8:300::/64", Reason: "router fe80::2 (00:00:5e:00:02:02) withdrew 2001:db8:1::/64"},
		{Time: now.Add(-510 * time.Second).UTC(), What: agentapi.ChangeCondition, Interface: "eth1", To: "Conflict", Reason: "eth1: sw-blue, chassis mac:00:00:5e:00:53:02 port ifname:Ethernet1/8 (VLAN 200), from 00:00:5e:00:53:09, contradicts sw-green, chassis mac:00:00:5e:00:53:01 port ifname:Ethernet1/7 (VLAN 100), which keeps the port while it is heard in time"},
		{Time: now.Add(-500 * time.Second).UTC(), What: agentapi.ChangeCondition, Interface: "eth1", From: "Conflict", Reason: "sw-green is believed, and nobody contradicts it"},
		{Time: now.Add(-8 * time.Minute).UTC(), What: agentapi.ChangeOmitted, Reason: "900 changes came too fast to record them all"},
	}
	out := agentapi.Changes{Damaged: 2}
	for _, c := range all {
		if !c.Time.Before(t) {
			out.Changes = append(out.Changes, c)
		}
	}
	if t.After(now.Add(-2 * time.Minute)) {
		out.Damaged = 0
	}
	return out, nil
}

// recorded is the history of an agent that is gone.
const recorded = `{"time":"2026-01-02T09:00:00Z","what":"name","network":"green","interface":"eth1","vid":0,"pod":"","from":"teal-heron","to":"green","reason":"/etc/colvin/rules.yaml:5"}
{"time":"2026-01-02T09:30:00Z","what":"condition","network":"","interface":"\u001b[31m","vid":0,"pod":"","from":"","to":"Conflict","reason":"hostile"}
{"time":
`
