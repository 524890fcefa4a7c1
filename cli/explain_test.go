// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// inContainer is a device that a container took.
func inContainer(device, network, pod string) agentapi.ContainerAttachment {
	link := record.Link{Name: device, Index: 90, MAC: "02:00:00:00:00:90"}
	return agentapi.ContainerAttachment{
		Key: record.Key{Name: network, ContainerID: "6ea1c7e4d1a2b3c4d5e6", IfName: "net1"}, Pod: record.Pod{Namespace: "default", Name: pod},
		Network: network, Identity: "mac:00:00:5e:00:53:01 vlan 500", Device: link, Port: link, Taken: true, Phase: record.Added,
		Status: agentapi.ContainerUnverified, Since: now.Add(-time.Hour).UTC(),
	}
}

// TestExplainNames holds that a name is explained whatever it is called by: an interface,
// a network, another name of either, and a device that is in a container.
func TestExplainNames(t *testing.T) {
	dir := t.TempDir()
	s := agentState(t)
	left := inContainer("eth21", "left", "\x1b[2Jgone")
	left.Orphaned = "its network namespace is gone"
	s.Attachments = append(s.Attachments, inContainer("eth20", "fabric", "train-0"), left)
	serveState(t, dir, func() (*agentapi.State, error) { return s, nil }, changesSince)
	for name, args := range map[string][]string{
		"explain-green":         {"explain", "green"},
		"explain-colour-json":   {"explain", "teal-heron", "-o", "json"},
		"explain-altname":       {"explain", "enp65s0f0np0"},
		"explain-taken":         {"explain", "eth20"},
		"explain-taken-json":    {"explain", "eth20", "-o", "json"},
		"explain-taken-network": {"explain", "fabric"},
		"explain-left":          {"explain", "eth21"},
		"explain-near":          {"explain", "gren"},
		"explain-far":           {"explain", "wlan0\x1b[2J"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, name, run(t, dir, args...)) })
	}
	file := &nodefile.File{
		Version: nodefile.Version, Node: "node1", BootID: "boot-1", Written: now.Add(-time.Hour).UTC(), Pending: []string{"eth6"},
		KnownNames: []string{"green", "storage"}, KnownPatterns: []string{"rail-*"},
		Networks: []nodefile.Network{{Name: "green", Uplinks: []nodefile.Uplink{{
			Identity: "mac:00:00:5e:00:53:01 vlan 100", Certainty: nodefile.Fresh, Usable: true, Until: time.Hour,
			Device: nodefile.Link{Name: "bond0", Index: 3, MAC: "02:00:00:00:00:02"}, Ports: []nodefile.Port{{Link: nodefile.Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:02"}}},
		}}}},
	}
	if err := nodefile.Write(filepath.Join(dir, nodefile.FileName), file); err != nil {
		t.Fatal(err)
	}
	for name, network := range map[string]string{
		"resolve-taken": "eth20", "resolve-taken-network": "fabric", "resolve-interface": "eth1", "resolve-device": "bond0",
		"resolve-elsewhere": "storage", "resolve-pattern": "rail-7", "resolve-near": "gren", "resolve-far": "wlan0",
	} {
		t.Run(name, func(t *testing.T) { expect(t, name, run(t, dir, "resolve", network)) })
	}
	for name, network := range map[string]string{"explain-elsewhere": "rail-7", "explain-near": "gren"} {
		t.Run(name, func(t *testing.T) { expect(t, name, run(t, dir, "explain", network)) })
	}
}
