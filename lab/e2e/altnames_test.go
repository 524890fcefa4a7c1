// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/lab"
)

// macvlanOnGreen is a definition for all nodes that knows nothing of Colvin, with the label that
// has pods placed (docs/scheduling.md).
const macvlanOnGreen = `apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: macvlan, labels: {colvin.dev/network: green}}
spec:
  config: '{"cniVersion": "1.0.0", "name": "macvlan", "type": "macvlan", "master": "green", "mode": "bridge",
            "ipam": {"type": "whereabouts", "range": "10.10.0.0/24", "exclude": ["10.10.0.0/28"]}}'
`

// altNames has pods on green by the macvlan plugin as it comes from its makers.
func altNames(b *bench) {
	began := time.Now()
	b.setAltNames("on")
	b.await(func() error { return b.altNamesAre(speakingGreen()...) })
	b.t.Logf("green is a name of devices after %.0f s", time.Since(began).Seconds())
	b.apply(macvlanOnGreen)
	b.awaitPlaced("macvlan")
	b.apply(deployment("macvlan", "macvlan", 6))
	began = time.Now()
	pods := b.ready("app=macvlan", 6)
	b.t.Logf("six pods are Ready after %.0f s", time.Since(began).Seconds())
	for _, p := range pods {
		b.overGreen(p)
	}
	b.pingEachOther(pods)
	b.kubectl("delete", "deployment", "macvlan")
	b.kubectl("delete", "pods", "--selector=app=macvlan", "--wait")
	b.kubectl("delete", "net-attach-def", "macvlan")
	b.setAltNames("off")
	b.await(func() error { return b.altNamesAre() })
}

// setAltNames sets the value of the chart, and waits until all agents go by it.
func (b *bench) setAltNames(value string) {
	b.t.Helper()
	b.helm("upgrade", release, filepath.Join(b.top, "deploy/chart"), "--namespace="+namespace, "--reset-then-reuse-values",
		"--set=agent.config.altnames="+value, "--set=agent.updateStrategy.rollingUpdate.maxUnavailable=100%")
	b.kubectl("--namespace="+namespace, "rollout", "status", "daemonset/colvin-agent", "--timeout=120s")
}

// speakingGreen are the devices that lead to green by the word of a switch, as "node device".
func speakingGreen() (all []string) {
	for _, c := range lab.Cabling {
		all = append(all, c.Node+" "+c.Green)
	}
	slices.Sort(all)
	return all
}

// altNamesAre compares the devices that have the alternative name green, but for the pinned.
func (b *bench) altNamesAre(want ...string) error {
	var got []string
	for _, n := range b.Kubelets {
		links, err := n.Netlink().LinkList()
		if err != nil {
			return err
		}
		for _, l := range links {
			if slices.Contains(l.Attrs().AltNames, "green") && n.String() != lab.OldNode {
				got = append(got, n.String()+" "+l.Attrs().Name)
			}
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("devices called green (-want +got):\n%s", cmp.Diff(want, got))
	}
	return nil
}
