// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/lab/kubenode"
)

// uninstall takes Colvin away in the two steps of docs/install.md: the first waits for the pods
// that are attached, and names them. Afterwards nothing of Colvin's is left.
func uninstall(b *bench) {
	b.apply(deployment("last", "green", 2))
	last := b.ready("app=last", 2)
	b.upgrade("--set=cleanup=true")
	b.await(func() error {
		said, err := b.Kubectl(b.ctx, "logs", "--namespace="+namespace, "--selector=app.kubernetes.io/component=agent", "--prefix", "--tail=1")
		if err != nil {
			return err
		}
		for _, p := range last {
			if !strings.Contains(said, p.Name) {
				return fmt.Errorf("the agents do not name %s, which is attached: %s", p.Name, said)
			}
		}
		return nil
	})
	if out, err := b.Kubectl(b.ctx, "rollout", "status", "daemonset/colvin-agent", "--namespace="+namespace, "--timeout=3s"); err == nil {
		b.t.Errorf("Colvin is gone from all nodes while pods are attached: %s", out)
	}
	for _, p := range last {
		if _, err := os.Stat(b.node(p.Spec.NodeName).Path(filepath.Join(kubenode.BinDir, "colvin"))); err != nil {
			b.t.Errorf("the plugin is gone under pod %s: %v", p.Name, err)
		}
	}
	b.kubectl("delete", "deployment", "--all", "--wait")
	b.kubectl("rollout", "status", "daemonset/colvin-agent", "deployment/colvin-controller", "--namespace="+namespace, "--timeout=180s")
	b.helm("uninstall", release, "--namespace="+namespace)
	b.kubectl("delete", "namespace", namespace)
	b.kubectl("delete", "crd", "rulesets.colvin.dev", "networks.colvin.dev", "nodetopologies.colvin.dev", "colours.colvin.dev")
	b.nothingLeft()
}

// upgrade upgrades the release as docs/install.md says, all nodes at a time.
func (b *bench) upgrade(more ...string) {
	b.t.Helper()
	b.helm(append([]string{
		"upgrade", release, filepath.Join(b.top, "deploy/chart"), "--namespace=" + namespace, "--reset-then-reuse-values",
		"--set=agent.updateStrategy.rollingUpdate.maxUnavailable=100%",
	}, more...)...)
}

// nothingLeft holds that labels, objects, programs, alternative names, files and addresses are gone.
func (b *bench) nothingLeft() {
	b.t.Helper()
	for _, kind := range []string{"nodes", "net-attach-def", "all", "clusterroles", "clusterrolebindings", "validatingadmissionpolicies", "mutatingadmissionpolicies", "crds", "leases", "configmaps", "namespaces"} {
		left := b.kubectl("get", kind, "--all-namespaces", `--output=jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.labels}{"\n"}{end}`)
		for line := range strings.Lines(left) {
			if strings.Contains(line, "colvin") {
				b.t.Errorf("left in the cluster: %s", line)
			}
		}
	}
	for _, n := range b.Kubelets {
		for _, dir := range []string{kubenode.BinDir, "/run/colvin", "/var/lib/colvin/agent", "/var/lib/colvin/attachments"} {
			entries, err := os.ReadDir(n.Path(dir))
			if err != nil {
				b.t.Logf("%s of %s: %v", dir, n, err)
			}
			for _, e := range entries {
				if dir != kubenode.BinDir || strings.Contains(e.Name(), "colvin") {
					b.t.Errorf("left on %s: %s/%s", n, dir, e.Name())
				}
			}
		}
		links, err := n.Netlink().LinkList()
		b.ok(err)
		for _, l := range links {
			if names := l.Attrs().AltNames; len(names) > 0 {
				b.t.Errorf("left on %s: %s is also called %s", n, l.Attrs().Name, names)
			}
		}
	}
	b.await(func() error { return b.reserved(nil) })
}

// reserved compares the addresses that whereabouts has given out with those of pods.
func (b *bench) reserved(pods []core.Pod) error {
	want := map[string]bool{}
	for _, p := range pods {
		want[p.Namespace+"/"+p.Name] = true
	}
	var pools struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct {
				Allocations map[string]struct {
					PodRef string `json:"podref"`
				}
			}
		}
	}
	if err := b.Do(b.ctx, http.MethodGet, controlplane.IPPools, nil, &pools); err != nil {
		return err
	}
	got := map[string]bool{}
	for _, pool := range pools.Items {
		for _, a := range pool.Spec.Allocations {
			if !want[a.PodRef] {
				return fmt.Errorf("whereabouts keeps an address of %s for %s, which is none of %v", pool.Metadata.Name, a.PodRef, want)
			}
			got[a.PodRef] = true
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("whereabouts has addresses for %v, want %v", got, want)
	}
	return nil
}
