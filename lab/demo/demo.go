// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// rules name both networks by the switch's system name, so that a replaced
// switch keeps its networks. Of the one port whose switch says nothing they say where it leads.
const rules = `networks:
  - name: green
    match:
      - {system: sw-green, vlan: 100}
      - {node: node4, interface: eth1, silent: now}
  - name: blue
    match: [{system: sw-blue, vlan: 200}]
`

// conf is the one CNI configuration for all nodes. Addresses come from the
// runtime, as with a pod annotation.
const conf = `{
  "cniVersion": "1.1.0", "name": "green", "type": "colvin",
  "network": "green",
  "delegate": {"type": "macvlan", "mode": "bridge"},
  "ipam": {"type": "static"}
}
`

// limit ends a demo that hangs. Building is not part of it.
const limit = 110 * time.Second

// A demo tells a story on a lab.
type demo struct {
	*lab.Lab
	began, built time.Time // the whole, and what it took to get there
	steps        int
	colvinPath   string
	pods         []*lab.Pod
}

func run(ctx context.Context, began time.Time, svg string) (err error) {
	d := &demo{began: began}
	fmt.Println("\nColvin's main job on real input: four nodes with unlike NICs, two switches that speak LLDP and one that does not, one CNI configuration.")
	dir, err := os.MkdirTemp("", "colvin-demo-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d.step("Build Colvin and the reference CNI plugins (minutes the first time, seconds afterwards)")
	bin, err := lab.BuildFrom(ctx, dir, "", func(how string) { d.say("%s", how) })
	if err != nil {
		return err
	}
	d.built, d.colvinPath = time.Now(), bin.Colvin
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	d.step("Make three switches and four nodes, each in namespaces of its own")
	if d.Lab, err = lab.Start(ctx, lab.Options{Binaries: bin, Old: true}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.clean(context.WithoutCancel(ctx))) }()
	for _, act := range []func(context.Context) error{d.cabling, d.discover, d.name, d.explain, d.attach, d.ping} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	if svg != "" {
		if err := d.picture(ctx, svg); err != nil {
			return err
		}
	}
	return d.move(ctx)
}

func (d *demo) step(what string) {
	d.steps++
	fmt.Printf("\n[%5.1fs] %d. %s\n", time.Since(d.began).Seconds(), d.steps, what)
}

// say prints text; several lines stand as a paragraph.
func (*demo) say(format string, args ...any) {
	text := strings.TrimSpace(fmt.Sprintf(format, args...))
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Println("    " + line)
	}
	if strings.Contains(text, "\n") {
		fmt.Println()
	}
}

func (d *demo) colvin(ctx context.Context, n *lab.Node, args ...string) error {
	out, err := n.Colvin(ctx, args...)
	if err != nil {
		return err
	}
	d.say("%s$ colvin %s\n%s", n, strings.Join(args, " "), out)
	return nil
}

func (d *demo) cabling(context.Context) error {
	d.say("The switches speak LLDP with %s.", d.Green.Speaker())
	if d.Green.Speaker() == netnstest.Builtin {
		d.say("lldpd is not installed, so the lab's own speaker stands in for it (apt-get install lldpd).")
	}
	for _, c := range lab.Cabling {
		d.say("%s: %-4s goes to sw-green, %-4s to sw-blue", c.Node, c.Green, c.Blue)
	}
	d.say("%s: %-4s goes to sw-old, which speaks no LLDP and has a cable to sw-green", lab.OldNode, lab.OldPort)
	d.say("ens4 is green on one node and blue on another, and nobody tells Colvin.")
	return nil
}

func (d *demo) discover(ctx context.Context) error {
	d.step("Start colvind on each node; it hears the switches, and what has no name gets a colour")
	for _, n := range d.Nodes {
		if err := n.StartAgent(ctx); err != nil {
			return err
		}
	}
	for i, n := range d.Nodes[:len(lab.Cabling)] {
		both := func(f *nodefile.File) bool { return len(f.Networks) == 2 }
		if err := n.Await(ctx, "two networks", both); err != nil {
			return err
		}
		show := [][]string{{"networks"}}
		if i == 0 {
			show = [][]string{{"neighbors"}, {"networks"}}
		}
		for _, args := range show {
			if err := d.colvin(ctx, n, args...); err != nil {
				return err
			}
		}
	}
	return d.colvin(ctx, d.old(), "neighbors")
}

// old is the node whose switch says nothing.
func (d *demo) old() *lab.Node { return d.Nodes[len(lab.Cabling)] }

func (d *demo) name(ctx context.Context) error {
	d.step("Name the two networks: the same rules file on every node, read without a restart; where no switch speaks it says what is there")
	d.say("%s", rules)
	for _, n := range d.Nodes {
		if err := n.WriteFile("/etc/colvin/rules.yaml", rules); err != nil {
			return err
		}
	}
	for i, n := range d.Nodes {
		ok := lab.Resolves("green", lab.OldPort, nodefile.Pinned)
		if n != d.old() {
			ok = lab.Resolves("green", lab.Cabling[i].Green, nodefile.Fresh)
		}
		if err := n.Await(ctx, "green", ok); err != nil {
			return err
		}
		if err := d.colvin(ctx, n, "networks"); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) explain(ctx context.Context) error {
	d.step("Ask why")
	return errors.Join(d.colvin(ctx, d.Nodes[2], "explain", "ens4"), d.colvin(ctx, d.old(), "explain", lab.OldPort))
}

func (d *demo) attach(ctx context.Context) error {
	d.step("Run the same CNI configuration on all four nodes")
	d.say("%s", conf)
	for i, n := range d.Nodes {
		pod, err := n.NewPod(ctx, fmt.Sprintf("pod%d", i+1), conf, fmt.Sprintf("10.10.0.%d/24", i+1))
		if err != nil {
			return err
		}
		d.pods = append(d.pods, pod)
		result, err := pod.Add(ctx)
		if err != nil {
			return err
		}
		device, err := hostDevice(result)
		if err != nil {
			return err
		}
		d.say("%s: CNI ADD attached %s to %s", n, pod, device)
		if said := pod.Said(); said != "" {
			d.say("%s: and it says, for the runtime's log: %s", n, said)
		}
	}
	return nil
}

// hostDevice is the device that the result names last, without a sandbox.
func hostDevice(result string) (string, error) {
	var r struct {
		Interfaces []struct{ Name, Sandbox string }
	}
	if err := json.Unmarshal([]byte(result), &r); err != nil {
		return "", fmt.Errorf("read CNI result: %w", err)
	}
	if n := len(r.Interfaces); n > 0 && r.Interfaces[n-1].Sandbox == "" {
		return r.Interfaces[n-1].Name, nil
	}
	return "", fmt.Errorf("CNI result names no host device: %s", result)
}

func (d *demo) ping(ctx context.Context) error {
	d.step("Ping between the containers")
	for i, from := range d.pods {
		for j, to := range d.pods {
			if i == j {
				continue
			}
			rtt, err := from.Ping(ctx, netip.AddrFrom4([4]byte{10, 10, 0, byte(j + 1)}))
			if err != nil {
				return err
			}
			d.say("%s reaches %s in %.2f ms", from, to, float64(rtt.Microseconds())/1000)
		}
	}
	return nil
}

// move re-plugs a cable and shows that no pod follows it into the wrong network.
func (d *demo) move(ctx context.Context) error {
	n := d.Nodes[1]
	d.step("Move the cable of ens2 on node2 from sw-green to sw-blue")
	if err := n.Move(ctx, "ens2", d.Blue, "p4", lab.BlueVLAN); err != nil {
		return err
	}
	if err := d.refused(ctx, n, "pod5", "right after the move"); err != nil {
		return err
	}
	if err := n.Await(ctx, "blue on ens2", lab.Resolves("blue", "ens2", nodefile.Fresh)); err != nil {
		return err
	}
	if err := d.colvin(ctx, n, "networks"); err != nil {
		return err
	}
	if err := d.refused(ctx, n, "pod6", "now that the new switch was heard"); err != nil {
		return err
	}
	d.step("Ask where the container sits that was attached before; it is left alone")
	moved := func(f *nodefile.File) bool { return len(f.Moved) > 0 }
	if err := n.Await(ctx, "a container that has moved", moved); err != nil {
		return err
	}
	if err := d.colvin(ctx, n, "attachments"); err != nil {
		return err
	}
	d.step("Move it back")
	if err := n.Move(ctx, "ens2", d.Green, "p2", lab.GreenVLAN); err != nil {
		return err
	}
	if err := n.Await(ctx, "green on ens2", lab.Resolves("green", "ens2", nodefile.Fresh)); err != nil {
		return err
	}
	return d.colvin(ctx, n, "resolve", "green")
}

// refused tries to attach a pod to green and expects the plugin to say no.
func (d *demo) refused(ctx context.Context, n *lab.Node, name, when string) error {
	pod, err := n.NewPod(ctx, name, conf, "10.10.0.9/24")
	if err != nil {
		return err
	}
	d.pods = append(d.pods, pod)
	_, err = pod.Add(ctx)
	said, ok := errors.AsType[*lab.CNIError](err)
	if !ok {
		return fmt.Errorf("CNI ADD of green on %s %s: want a refusal, got %w", n, when, err)
	}
	var e struct {
		Code int
		Msg  string
	}
	if err := json.Unmarshal([]byte(said.Output), &e); err != nil {
		return fmt.Errorf("read CNI error %q: %w", said.Output, err)
	}
	d.say("CNI ADD of green on %s, %s, is refused with error %d:\n%s", n, when, e.Code, e.Msg)
	return nil
}

func (d *demo) picture(ctx context.Context, file string) error {
	d.step("Draw what the four agents know: \"colvin topology -o json\" of each goes into \"colvin topology -o svg --unfold -\"")
	var seen strings.Builder
	for _, n := range d.Nodes {
		s, err := n.Colvin(ctx, "topology", "-o", "json")
		if err != nil {
			return err
		}
		seen.WriteString(s)
	}
	draw := exec.CommandContext(ctx, d.colvinPath, "topology", "-o", "svg", "--unfold", "-")
	draw.Stdin = strings.NewReader(seen.String())
	svg, err := draw.Output()
	if err == nil {
		err = os.WriteFile(file, svg, 0o644)
	}
	if err != nil {
		return fmt.Errorf("draw picture: %w", err)
	}
	d.say("It is in %s.", file)
	return nil
}

func (d *demo) clean(ctx context.Context) error {
	d.step("Clean up")
	var errs []error
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, p := range d.pods {
		errs = append(errs, p.Del(ctx), p.Close())
	}
	errs = append(errs, d.Close())
	if err := errors.Join(errs...); err != nil {
		return err
	}
	d.say("Nothing is left behind. %s", took(d.began, d.built, time.Now()))
	return nil
}

// took says how long the demo took, with what it was built in.
func took(began, built, ended time.Time) string {
	round := func(d time.Duration) string { return d.Round(time.Second).String() }
	return fmt.Sprintf("It took %s: %s to get and build what it needs, and %s for the rest.",
		round(ended.Sub(began)), round(built.Sub(began)), round(ended.Sub(built)))
}
