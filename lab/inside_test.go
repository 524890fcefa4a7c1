// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping"
)

// status is what "colvin attachments" says of the only pod, with the lines below.
func (r *pluginRig) status() string {
	r.t.Helper()
	said, err := r.Colvin(r.t.Context(), "attachments", "-o", "wide")
	r.ok(err)
	lines := strings.SplitN(said, "\n", 3)
	if len(lines) != 3 {
		r.t.Fatalf("no attachment in\n%s", said)
	}
	return lines[1] + "\n" + lines[2]
}

// says expects words in what "colvin attachments" says.
func (r *pluginRig) says(words ...string) {
	r.t.Helper()
	said := r.status()
	for _, w := range words {
		if !strings.Contains(said, w) {
			r.t.Errorf("want %q in\n%s", w, said)
		}
	}
}

// TestPluginsInside has somebody take the interface from a container that runs, which the
// agent cannot see.
func TestPluginsInside(t *testing.T) {
	for name, d := range delegates {
		t.Run(name, func(t *testing.T) {
			r := newPluginRig(t, d)
			p := r.pod(r.stdin(hostLocal))
			_, err := p.Add(t.Context())
			r.ok(err)
			status := " ok"
			if name == "host-device" {
				status = " unverified"
			}
			r.await(func(s *agentapi.State) string {
				if len(s.Attachments) == 1 && string(s.Attachments[0].Status) == strings.TrimSpace(status) {
					return ""
				}
				return fmt.Sprintf("%+v", s.Attachments)
			})
			if said := r.status(); !strings.Contains(said, status) || strings.Contains(said, "not looked into") {
				t.Errorf("whole: want %q in\n%s", status, said)
			}
			net1, err := p.Netlink().LinkByName(lab.PodInterface)
			r.ok(err)
			r.ok(p.Netlink().LinkSetDown(net1))
			r.says(" down", "net1 in the container is administratively down")
			r.ok(p.Netlink().LinkSetName(net1, "lan0"))
			r.says(" altered", "net1 is called lan0 in the container by now", "Interfaces that are missing or altered in their containers: 1; ")
			r.ok(p.Netlink().LinkDel(net1))
			r.says(" missing ", "net1 is no longer in the container", "Interfaces that are missing or altered in their containers: 1; ")
			r.ok(p.Del(t.Context()))
		})
	}
}

// TestPluginsDeviceReturns does what the kernel does with hardware when its namespace goes
// and nobody calls DEL.
func TestPluginsDeviceReturns(t *testing.T) {
	r := newPluginRig(t, delegates["host-device"])
	p := r.pod(r.stdin(hostLocal))
	_, err := p.Add(t.Context())
	r.ok(err)
	r.ok(giveBack(p, r.Namespace))
	r.await(func(s *agentapi.State) string {
		for _, c := range s.View.Conditions {
			if c.Type == mapping.DeviceReturned && c.Interface == lab.PodInterface && strings.HasPrefix(c.Message, "eth1 (green), which was moved into ") && strings.Contains(c.Message, "as net1 (ifindex ") {
				return ""
			}
		}
		return fmt.Sprintf("%+v", s.View.Conditions)
	})
	r.says(" down", "eth1 came back to the node by itself, as net1 (ifindex ", "Devices that came back from containers by themselves, not as they were: 1; ")
}

// giveBack moves the pod's interface to the node as it is, and down.
func giveBack(p *lab.Pod, node *netnstest.Namespace) error {
	l, err := p.Netlink().LinkByName(lab.PodInterface)
	if err != nil {
		return err
	}
	fd, err := unix.Open(node.NetNS(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return errors.Join(p.Netlink().LinkSetDown(l), p.Netlink().LinkSetNsFd(l, fd))
}
