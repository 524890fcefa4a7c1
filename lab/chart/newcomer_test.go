// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"

	"github.com/colvin-net/colvin/lab"
)

// TestNewcomer follows the README's way into a cluster, each command as it stands there, and
// then what comes later: upgrade, and taking it away.
func TestNewcomer(t *testing.T) {
	c := newCluster(t)
	commands := readmeCommands(t)
	began := time.Now()
	for i, step := range []struct {
		what  string // what the command begins with
		more  []string
		after func(*cluster)
	}{
		{what: "make images"}, // which has tests of its own; it is here as if it were pushed
		{"helm install", []string{"--set=agent.config.interfaces={eth*,ens*}"}, firstPods}, // of a veth somebody has to say that it is a cable
		{"kubectl get", nil, firstColours},
		{"kubectl apply", nil, firstName},
		{"kubectl apply", nil, firstDefinition},
		{"kubectl run", nil, firstResolve},
	} {
		if i >= len(commands) || !strings.HasPrefix(commands[i], step.what) {
			t.Fatalf("command %d of the README is %q, want %s", i+1, commands[i:], step.what)
		}
		if strings.HasPrefix(commands[i], "make") {
			continue
		}
		ok := t.Run(step.what+" "+fmt.Sprint(i), func(t *testing.T) {
			c.t = t
			t.Logf("$ %s\n%s", commands[i], c.command(commands[i], step.more))
			step.after(c)
			t.Logf("after %.1f s", time.Since(began).Seconds())
		})
		if !ok {
			return
		}
	}
	for _, step := range []struct {
		name string
		run  func(*cluster)
	}{{"cables", cables}, {"held", held}, {"nothing to install", nothingToInstall}, {"upgrade", upgrade}, {"cleanup waits", cleanupWaits}, {"cleaned", cleaned}} {
		if !t.Run(step.name, func(t *testing.T) { c.t = t; step.run(c) }) {
			return
		}
	}
}

var clusterSection = regexp.MustCompile("(?s)## Install in a cluster\n.*?```sh\n(.*?)```")

// readmeCommands are the commands of the README's section, without what is said of them.
func readmeCommands(t *testing.T) (commands []string) {
	t.Helper()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	section := clusterSection.FindSubmatch(page)
	if section == nil {
		t.Fatal("README.md does not say how to install in a cluster")
	}
	for line := range strings.Lines(string(section[1])) {
		command, _, _ := strings.Cut(line, "#")
		commands = append(commands, strings.TrimSpace(command))
	}
	return commands
}

// command runs a command of the README at the top of the repository, where files are concerned.
func (c *cluster) command(line string, more []string) string {
	c.t.Helper()
	words := append(strings.Fields(line), more...)
	for i, word := range words {
		if strings.HasPrefix(word, "deploy/") {
			words[i] = filepath.Join("../..", word)
		}
	}
	if words[0] == "helm" {
		return helm(c.t, c.ControlPlane, words[1:]...)
	}
	return kubectl(c.t, c.ControlPlane, words[1:]...)
}

// await waits until what is tried is so.
func (c *cluster) await(try func() error) {
	c.t.Helper()
	eventually(c.t, try)
}

// firstPods runs the pods that the release asks for.
func firstPods(c *cluster) {
	c.startController(1)
	for _, n := range c.nodes {
		c.startAgent(n)
	}
	for _, n := range c.nodes {
		c.await(func() error { return c.probe(n, true) })
		c.await(func() error { return c.probe(n, false) })
	}
	c.await(c.readyz)
}

// networks is the column of names of what the README asks for.
func (c *cluster) networks() string {
	var names []string
	for line := range strings.Lines(kubectl(c.t, c.ControlPlane, "get", "cnet", "--no-headers")) {
		names = append(names, strings.Fields(line)[0])
	}
	return strings.Join(names, " ")
}

func firstColours(c *cluster) {
	c.await(func() error { return differ("blue-starling sage-stork", c.networks()) })
	c.t.Logf("%s", kubectl(c.t, c.ControlPlane, "get", "cnet"))
}

func differ(want, got string) error {
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("(-want +got):\n%s", diff)
	}
	return nil
}

func firstName(c *cluster) {
	c.await(func() error { return differ("blue-starling green", c.networks()) })
	c.await(func() error {
		return differ("[node1 network.colvin.dev/green node2 network.colvin.dev/green node3 network.colvin.dev/green]", fmt.Sprint(c.labels()))
	})
}

func firstDefinition(c *cluster) {
	c.await(func() error {
		return differ("green", strings.TrimSpace(kubectl(c.t, c.ControlPlane, "get", "net-attach-def", "green", "--output=jsonpath={.metadata.labels.colvin\\.dev/network}")))
	})
	c.await(func() error { // the API server's own watch hears of the label a moment later
		said := kubectl(c.t, c.ControlPlane, "run", "probe", "--image=none", "--annotations=k8s.v1.cni.cncf.io/networks=green", "--dry-run=server", "--output=json")
		if !strings.Contains(said, `"network.colvin.dev/green"`) {
			return fmt.Errorf("a pod that asks for green is placed anywhere: %s", said)
		}
		return nil
	})
}

// firstResolve does for the pod what the runtime and Multus do: ADD on the node that the
// scheduler chose.
func firstResolve(c *cluster) {
	var pod core.Pod
	c.await(func() error {
		c.DoT(c.t, http.MethodGet, "/api/v1/namespaces/default/pods/web", nil, &pod)
		if pod.Spec.NodeName == "" {
			return fmt.Errorf("the pod is on no node: %+v", pod.Status)
		}
		return nil
	})
	if pod.Spec.Affinity == nil {
		c.t.Error("the pod was placed anywhere")
	}
	n := c.on(pod.Spec.NodeName)
	out := c.attach(n, "web")
	c.t.Logf("ADD on %s: %s", n, out)
	want := regexp.MustCompile(`(?m)^web +net1 +green +` + greenPort(n) + ` +ok`)
	c.await(func() error {
		if said := c.tool(n, "attachments"); !want.MatchString(said) {
			return fmt.Errorf("colvin-cli attachments says:\n%s", said)
		}
		return nil
	})
}

func greenPort(n *node) string {
	for _, c := range lab.Cabling {
		if c.Node == n.String() {
			return c.Green
		}
	}
	return ""
}

func (c *cluster) on(name string) *node {
	for _, n := range c.nodes {
		if n.String() == name {
			return n
		}
	}
	c.t.Fatalf("there is no node %s", name)
	return nil
}

// tool runs the command that the installer left on the node, on the node.
func (c *cluster) tool(n *node, args ...string) string {
	c.t.Helper()
	out, err := n.Command(c.t.Context(), filepath.Join(binDir, "colvin-cli"), args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("colvin-cli %s: %v\n%s", args, err, out)
	}
	return string(out)
}

// attach attaches a pod by the definition, and keeps it.
func (c *cluster) attach(n *node, name string) string {
	c.t.Helper()
	p, err := n.NewPod(c.t.Context(), name, c.definition("green"), "")
	c.ok(err)
	out, err := p.Add(c.t.Context())
	c.ok(err)
	c.attached[name] = p
	c.whole.Cleanup(func() { _ = p.Close() })
	return out
}

// held looks at what the kernel says of the agent's process, and at a pod that lacks its
// capability.
func held(c *cluster) {
	n := c.nodes[1]
	pid, err := n.agent.PID(c.t.Context())
	c.ok(err)
	status, err := os.ReadFile(n.Path(fmt.Sprintf("/proc/%d/status", pid)))
	c.ok(err)
	want := map[string]string{
		"Uid": "0 0 0 0", "NoNewPrivs": "1", "Seccomp": "2",
		"CapEff": "0000000000002000", "CapPrm": "0000000000002000", "CapBnd": "0000000000002000", "CapInh": "0000000000000000", "CapAmb": "0000000000000000",
	}
	got := map[string]string{}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		if _, ok := want[key]; ok {
			got[key] = strings.Join(strings.Fields(value), " ")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Errorf("the agent's process (-want +got):\n%s", diff)
	}

	c.stopAgent(n)
	without := c.config(n.pod.Spec, n.pod.Name, n.pod.UID, n)
	without.Spec.Containers[0].SecurityContext.Capabilities.Add = nil
	without.Token = func(string) (string, error) { return "none", nil }
	p := c.run(without)
	agent, err := p.Start(c.t.Context(), "agent")
	c.ok(err)
	code, err := agent.Wait(c.t.Context())
	if said := agent.Log(); err != nil || code == 0 || !strings.Contains(said, "CAP_NET_RAW is missing") || !strings.Contains(said, "securityContext") {
		c.t.Errorf("without its capability the agent ends with %d, %v: %s", code, err, said)
	}
	c.startAgent(n)
	c.await(func() error { return c.probe(n, true) })
}

// nothingToInstall starts a pod of the same version again: nothing is written on the node.
func nothingToInstall(c *cluster) {
	n := c.nodes[2]
	before, err := os.Stat(n.Path(filepath.Join(binDir, "colvin")))
	c.ok(err)
	c.stopAgent(n)
	c.startAgent(n)
	c.await(func() error { return c.probe(n, true) })
	after, err := os.Stat(n.Path(filepath.Join(binDir, "colvin")))
	c.ok(err)
	if !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		c.t.Error("the plugin was written again")
	}
}

// upgrade exchanges plugin and agent of a node again and again, while pods attach and detach all
// the time: none is refused.
func upgrade(c *cluster) {
	n := c.nodes[0]
	other := c.buildImages("v0.2.0")
	ctx, stop := context.WithCancel(c.t.Context())
	var adding sync.WaitGroup
	adds := 0
	conf := c.definition("green")
	adding.Go(func() {
		for ctx.Err() == nil {
			if err := addAndDelete(context.WithoutCancel(ctx), n, fmt.Sprint("upgrade-", adds), conf); err != nil {
				c.t.Errorf("ADD %d: %v", adds, err)
				return
			}
			adds++
		}
	})
	current := c.images
	for i := range 4 {
		helm(c.t, c.ControlPlane, "upgrade", "colvin", chart, "--namespace="+c.namespace, "--reuse-values", "--set=commonAnnotations.upgrade=u"+fmt.Sprint(i))
		if c.images = current; i%2 == 0 {
			c.images = other
		}
		c.stopAgent(n)
		c.startAgent(n)
		c.await(func() error { return c.probe(n, true) })
	}
	stop()
	adding.Wait()
	if c.t.Logf("%d pods came and went during 4 upgrades", adds); adds < 4 {
		c.t.Error("hardly any pod came")
	}
}

// addAndDelete attaches a pod and detaches it.
func addAndDelete(ctx context.Context, n *node, name, conf string) error {
	p, err := n.NewPod(ctx, name, conf, "")
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	if _, err := p.Add(ctx); err != nil {
		return err
	}
	return p.Del(ctx)
}

// cleanupWaits takes the first step of taking Colvin away while a pod is attached on a node:
// that one keeps the plugin, and says for whom.
func cleanupWaits(c *cluster) {
	c.attach(c.nodes[0], "last")
	helm(c.t, c.ControlPlane, "upgrade", "colvin", chart, "--namespace="+c.namespace, "--reuse-values", "--set=cleanup=true")
	c.stopController()
	c.startController(2)
	for _, n := range c.nodes {
		c.stopAgent(n)
		c.startAgent(n)
	}
	c.await(c.readyz)
	if left := c.labels(); len(left) > 0 {
		c.t.Errorf("labels that are left: %q", left)
	}
	n := c.nodes[0]
	c.await(func() error {
		if said := n.agent.Log(); !strings.Contains(said, "last") {
			return fmt.Errorf("the cleaner of %s says: %s", n, said)
		}
		return nil
	})
	c.await(func() error { // a probe may take longer than it may on a machine under load
		switch err := c.probe(n, true); {
		case err == nil:
			c.t.Fatalf("%s is clean, although a pod is attached", n)
		case !strings.Contains(err.Error(), "last"):
			return err
		}
		return nil
	})
	if _, err := os.Stat(n.Path(filepath.Join(binDir, "colvin"))); err != nil {
		c.t.Errorf("the plugin is gone: %v", err)
	}
	c.t.Logf("%s says: %s", n, n.agent.Log())
}

// cleaned ends the pods that are attached. Then nothing of Colvin's is left on nodes, and after
// helm uninstall nothing in the namespace either.
func cleaned(c *cluster) {
	for name, p := range c.attached {
		if err := p.Del(c.t.Context()); err != nil {
			c.t.Errorf("DEL of %s: %v", name, err)
		}
	}
	for _, n := range c.nodes {
		c.await(func() error { return c.probe(n, true) })
		c.t.Logf("%s says: %s", n, n.agent.Log())
		for _, dir := range []string{binDir, "/run/colvin", "/var/lib/colvin/agent", "/var/lib/colvin/attachments"} {
			entries, err := os.ReadDir(n.Path(dir))
			c.ok(err)
			for _, e := range entries {
				if dir != binDir || strings.Contains(e.Name(), "colvin") {
					c.t.Errorf("left on %s: %s/%s", n, dir, e.Name())
				}
			}
		}
		c.stopAgent(n)
	}
	c.stopController()
	c.DoT(c.t, http.MethodDelete, "/api/v1/namespaces/"+c.namespace+"/pods?labelSelector=app.kubernetes.io/name=colvin", object{"gracePeriodSeconds": 0}, nil)
	helm(c.t, c.ControlPlane, "uninstall", "colvin", "--namespace="+c.namespace)
	if said := kubectl(c.t, c.ControlPlane, "get", "all,configmaps,leases,serviceaccounts,roles,rolebindings,secrets", "--namespace="+c.namespace, "--output=name"); said != "" {
		c.t.Errorf("left in the namespace:\n%s", said)
	}
	if said := kubectl(c.t, c.ControlPlane, "get", "networks.colvin.dev,nodetopologies", "--output=name"); said != "" {
		c.t.Errorf("left in the cluster:\n%s", said)
	}
}
