// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/lab/kubenode"
)

// The nodes that are attacked: one that green is on, and the one that it is not on, so that
// each pod that is attached to it there is in the wrong network.
const (
	greenVictim = "node3"
	blueVictim  = blueNode
)

// blueColour is what blue is called, as nobody names it.
const blueColour = "blue-starling"

// attacks is what may lead pods of kubelets into the wrong network: none gets there.
// They are the attacks that need a pod, or a cluster; make test-attacks has all others, and
// waits for what takes minutes.
func attacks(b *bench) {
	b.atOnce(
		step{"on green", func(b *bench) {
			b.take(step{"names exchanged", namesExchanged})
			b.take(step{"uplink moved", uplinkMoved})
		}},
		step{"on blue", func(b *bench) {
			b.take(step{"goodbye and lie", saysGoodbyeAndLies})
			b.take(step{"rules in halves", rulesInHalves})
			b.take(step{"from the factory", switchFromTheFactory})
		}},
	)
}

// exchangeDir is where the delegate asks before it begins, and when it has ended.
const exchangeDir = "/run/exchange"

// byDelegate is a definition for which the plugin runs a macvlan that it could make itself.
const byDelegate = `apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: by-delegate}
spec:
  config: '{"cniVersion": "1.1.0", "name": "by-delegate", "type": "colvin", "network": "green", "delegate": {"type": "macvlan", "exec": true},
            "ipam": {"type": "whereabouts", "range": "10.10.0.0/24", "exclude": ["10.10.0.0/28"]}}'
`

// namesExchanged has the node's NICs exchange their names between the plugin's check and the
// delegate, which knows its device by name, and back after it.
func namesExchanged(b *bench) {
	n, green := b.machine(greenVictim), greenPorts()[greenVictim]
	was := b.ifindex(greenVictim, green)
	exchange := func() error {
		return errors.Join(n.Rename("ens2", "other"), n.Rename("ens4", "ens2"), n.Rename("other", "ens4"))
	}
	unwrap := b.wrapMacvlan(n, exchange)
	b.lend(byDelegate)
	b.lend(pod("exchanged", "by-delegate", bypasses(greenVictim)))
	b.t.Logf("names are exchanged: %s", b.waits("exchanged", "FailedCreatePodSandBox", "in the container is over ens"))
	unwrap()
	b.overGreen(b.running("exchanged"))
	if is := b.ifindex(greenVictim, green); is != was {
		b.t.Errorf("%s is device %d, want %d as before", green, is, was)
	}
}

// wrapMacvlan has a node's macvlan wait before it does its work in ADD, and after, until
// something was done.
func (b *bench) wrapMacvlan(n *lab.Node, do func() error) (unwrap func()) {
	b.t.Helper()
	called, proceed := n.Path(exchangeDir+"/called"), n.Path(exchangeDir+"/go")
	b.ok(errors.Join(os.MkdirAll(n.Path(exchangeDir), 0o755), unix.Mkfifo(called, 0o600), unix.Mkfifo(proceed, 0o600)))
	b.answer(called, proceed, do)
	plugin, aside := n.Path(kubenode.BinDir+"/macvlan"), n.Path(kubenode.BinDir+"/macvlan.aside")
	script := fmt.Sprintf("#!/bin/sh\nreal=%s/macvlan.aside\nask() { echo asks >%[2]s/called; read -r _ <%[2]s/go; }\n"+
		"[ \"$CNI_COMMAND\" = ADD ] || exec \"$real\"\nask\n\"$real\"; code=$?\nask\nexit $code\n", kubenode.BinDir, exchangeDir)
	b.ok(errors.Join(os.Rename(plugin, aside), os.WriteFile(plugin, []byte(script), 0o755)))
	return func() { b.ok(os.Rename(aside, plugin)) }
}

// answer does something each time that somebody asks, and tells him, until the step ends.
func (b *bench) answer(called, proceed string, do func() error) {
	b.t.Helper()
	in, err := os.OpenFile(called, os.O_RDWR, 0)
	b.ok(err)
	out, err := os.OpenFile(proceed, os.O_RDWR, 0)
	b.ok(err)
	var done sync.WaitGroup
	done.Go(func() {
		for asks := make([]byte, len("asks\n")); ; {
			if _, err := io.ReadFull(in, asks); err != nil {
				return // closed
			}
			if err := do(); err != nil {
				b.t.Error(err)
			}
			if _, err := out.WriteString("go\n"); err != nil {
				return
			}
		}
	})
	b.t.Cleanup(func() {
		_ = in.Close()
		done.Wait()
		_ = out.Close()
	})
}

// uplinkMoved has the uplink of a dumb switch, behind which the node is, moved to the other
// switch: the node's carrier does not change.
func uplinkMoved(b *bench) {
	n, device := b.machine(greenVictim), greenPorts()[greenVictim]
	dumb := b.dumbSwitch()
	b.ok(b.Green.SetPVID(b.ctx, "p13", lab.GreenVLAN))
	uplink, err := netnstest.Connect(b.ctx, netnstest.Endpoint{In: dumb, Name: "up"}, netnstest.Endpoint{In: b.Green, Name: "p13"})
	b.ok(err)
	b.t.Cleanup(func() { _ = uplink.Close() })
	b.ok(n.Cables[device].Move(b.ctx, netnstest.Endpoint{In: dumb, Name: "p1"}))
	b.saysOn(greenVictim, []string{"neighbors"}, "p13")
	b.attachable(n, true)

	b.ok(b.Blue.SetPVID(b.ctx, "p13", lab.BlueVLAN))
	b.ok(uplink.Move(b.ctx, netnstest.Endpoint{In: b.Blue, Name: "p13", MAC: discovery.MAC{2, 0xcc, 0, 0, 0, 13}}))
	moved := time.Now()
	b.attachable(n, false)
	b.t.Logf("the uplink is moved: nothing is attached after %.1f s", time.Since(moved).Seconds())
	b.lend(pod("astray", "green", bypasses(greenVictim)))
	b.t.Logf("the uplink is moved: %s", b.waits("astray", "FailedCreatePodSandBox", "sw-blue", "sw-green", "contradicts it"))

	b.move(n, device, b.Green, "p3", lab.GreenVLAN)
	b.overGreen(b.running("astray"))
}

// dumbSwitch is one that says nothing, and forwards what others say to their neighbour.
func (b *bench) dumbSwitch() *netnstest.Switch {
	b.t.Helper()
	dumb, err := netnstest.NewSwitch(b.ctx, netnstest.SwitchConfig{Name: "sw-dumb", Speaker: netnstest.Builtin})
	b.ok(err)
	b.t.Cleanup(func() {
		if err := dumb.Close(); err != nil {
			b.t.Error(err)
		}
	})
	b.ok(dumb.KillSpeaker())
	nearestBridge := uint16(1 << 14)
	bridge, err := dumb.Netlink().LinkByName(netnstest.BridgeName)
	b.ok(err)
	b.ok(dumb.Netlink().LinkModify(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: netnstest.BridgeName, Index: bridge.Attrs().Index}, GroupFwdMask: &nearestBridge}))
	return dumb
}

// saysOn waits until the command says all of that on a node.
func (b *bench) saysOn(node string, args []string, want ...string) {
	b.t.Helper()
	b.await(func() error {
		out, err := b.colvin(node, args...)
		for _, w := range want {
			if err == nil && !strings.Contains(out, w) {
				err = fmt.Errorf("colvin %v on %s does not say %q:\n%s", args, node, w, out)
			}
		}
		return err
	})
}

// saysGoodbyeAndLies takes two frames: a goodbye in the switch's name, and one of 18 hours
// that says to be the switch of green.
func saysGoodbyeAndLies(b *bench) {
	n := b.machine(blueVictim)
	b.replug(n, bluePort, blueColour)
	hub := b.beside(b.Blue, "p9")
	bye := speaker.Frame{Source: rival, Chassis: speaker.MACChassis(b.Blue.ChassisMAC()), Port: speaker.NamedPort("p9")}
	b.ok(errors.Join(hub.Send(bye), hub.Send(says("sw-green", lab.GreenVLAN, 65535*time.Second))))
	b.saysOn(blueVictim, []string{"status"}, "Conflict", rival.String())
	b.lend(pod("lured", "green", bypasses(blueVictim)))
	b.t.Logf("two frames are sent: %s", b.waits("lured", "FailedCreatePodSandBox", rival.String(), "sw-blue", "contradicts it"))
	b.labelledIs(blueVictim, false)
	b.replug(n, bluePort, blueColour) // else it is disputed for 20 minutes
	b.unattached("lured")
}

// rulesInHalves applies rules of which the half would give blue the name green: a RuleSet with
// a mistake, be it one that only another shows, counts for nothing.
func rulesInHalves(b *bench) {
	const group = `apiVersion: colvin.dev/v1alpha1
kind: RuleSet
metadata: {name: %s}
spec:
  switchGroups:
    dc1:
      match: [{system: "%s"}]
%s`
	b.lend(fmt.Sprintf(group, "half-one", "leaf-*", ""))
	b.lend(fmt.Sprintf(group, "half-two", "sw-*", fmt.Sprintf("      vlans: {%d: green}\n", lab.BlueVLAN)))
	b.await(func() error {
		said, err := b.Kubectl(b.ctx, "get", "rulesets", "half-two", `--output=jsonpath={.status.conditions[?(@.type=="Accepted")].status}: {.status.conditions[?(@.type=="Accepted")].message}`)
		if err == nil && !strings.HasPrefix(said, "False: ") {
			err = fmt.Errorf("the RuleSet is accepted: %s", said)
		}
		if err == nil {
			b.t.Logf("half of the rules: %s", said)
		}
		return err
	})
	b.lend(pod("misled", "green", bypasses(blueVictim)))
	b.t.Logf("half of the rules: %s", b.waits("misled", "FailedCreatePodSandBox", `"green"`))
	b.labelledIs(blueVictim, false)
}

// The two switches as the factory made them.
var (
	oneMAC   = discovery.MAC{2, 0xfa, 0, 0, 0, 1}
	otherMAC = discovery.MAC{2, 0xfa, 0, 0, 0, 2}
)

// switchFromTheFactory moves a cable to another switch of the same name, port and VLAN: it
// inherits nothing.
func switchFromTheFactory(b *bench) {
	const device, port, vlan = "ens6", "gi5", 1
	n, colours := b.machine(blueVictim), b.colours()
	one, other := b.fromTheFactory(oneMAC), b.fromTheFactory(otherMAC)
	b.t.Cleanup(func() { b.forgetColours(colours, blueVictim, device) })
	b.lend(fmt.Sprintf(`apiVersion: colvin.dev/v1alpha1
kind: RuleSet
metadata: {name: factory}
spec:
  networks:
  - name: factory
    match: [{chassis: "mac:%s", vlan: 1}]
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: factory}
spec:
  config: '{"cniVersion": "1.1.0", "name": "factory", "type": "colvin", "network": "factory"}'
`, oneMAC))
	b.ok(n.Cable(b.ctx, device, one, port, vlan))
	b.t.Cleanup(func() {
		if err := n.Cables[device].Close(); err != nil {
			b.t.Error(err)
		}
		delete(n.Cables, device)
	})
	b.lend(pod("first", "factory", bypasses(blueVictim)))
	b.over(b.running("first"), device)

	b.move(n, device, other, port, vlan)
	b.saysOn(blueVictim, []string{"neighbors", "-o", "wide"}, otherMAC.String())
	b.lend(pod("second", "factory", bypasses(blueVictim)))
	b.t.Logf("another switch from the factory: %s", b.waits("second", "FailedCreatePodSandBox", "factory"))
	b.saysOn(blueVictim, []string{"status"}, "SwitchReplaced", "colvin rules replace mac:"+oneMAC.String())
	b.unattached("second")
}

// fromTheFactory is a switch whose name is its model.
func (b *bench) fromTheFactory(chassis discovery.MAC) *netnstest.Switch {
	b.t.Helper()
	sw, err := netnstest.NewSwitch(b.ctx, netnstest.SwitchConfig{Name: "TL-SG3428", ChassisMAC: chassis, Speaker: netnstest.Builtin})
	b.ok(err)
	b.t.Cleanup(func() {
		if err := sw.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return sw
}

func (b *bench) colours() []string {
	b.t.Helper()
	return strings.Fields(b.kubectl("get", "colours", "--output=jsonpath={.items[*].metadata.name}"))
}

// forgetColours deletes all colours but those, which nobody else does when what bore them is
// gone: a device of a node.
func (b *bench) forgetColours(kept []string, node, device string) {
	b.t.Helper()
	b.await(func() error { // else the controller gives them anew
		said, err := b.Kubectl(b.ctx, "get", "ntopo", node, "--output=yaml")
		if err == nil && strings.Contains(said, device) {
			err = fmt.Errorf("%s of %s is still there:\n%s", device, node, said)
		}
		return err
	})
	for _, name := range b.colours() {
		if !slices.Contains(kept, name) {
			b.kubectl("delete", "colours", name)
		}
	}
}
