// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// slowEnv asks for the tests that wait for what takes minutes, too.
const slowEnv = "COLVIN_SLOW"

// Where a node has whereabouts' files.
const (
	whereaboutsDir        = "/etc/cni/net.d/whereabouts.d"
	whereaboutsConf       = whereaboutsDir + "/whereabouts.conf"
	whereaboutsKubeconfig = whereaboutsDir + "/whereabouts.kubeconfig"
)

// An addressRig is three nodes that hear where green is and attach pods by one
// definition, whose addresses whereabouts gives out.
type addressRig struct {
	t *testing.T
	*controlplane.ControlPlane
	*lab.Lab
	conf string // of the definition
}

func newAddressRig(t *testing.T) *addressRig {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.MACVLAN, controlplane.Kubernetes, controlplane.Whereabouts)
	dir := t.TempDir()
	r := &addressRig{t: t}
	r.ok(os.Chmod(dir, 0o755))
	binaries, err := lab.Build(t.Context(), dir)
	r.ok(err)
	r.ControlPlane = controlplane.StartT(t, controlplane.Options{})
	plugin, err := controlplane.InstallWhereabouts(t.Context(), r.ControlPlane)
	r.ok(err)
	r.ok(os.Symlink(plugin, filepath.Join(binaries.CNI, "whereabouts")))
	r.define()
	r.Lab, err = lab.Start(t.Context(), lab.Options{Binaries: binaries, Speaker: netnstest.Builtin, Hold: 1000})
	r.ok(err)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	for i, n := range r.Nodes {
		r.join(n)
		r.ok(n.Await(t.Context(), "green", lab.Resolves("green", lab.Cabling[i].Green, nodefile.Fresh)))
	}
	return r
}

// Close keeps the control plane, which has its own cleanup.
func (r *addressRig) Close() error { return r.Lab.Close() }

func (r *addressRig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

var definitionExample = regexp.MustCompile("(?s)```yaml\n(apiVersion: k8s.cni.cncf.io/v1\n.*?)```")

// define applies the definition of docs/cni.md and reads its configuration as Multus does.
func (r *addressRig) define() {
	r.t.Helper()
	page, err := os.ReadFile("../../docs/cni.md")
	r.ok(err)
	example := definitionExample.FindSubmatch(page)
	if example == nil {
		r.t.Fatal("docs/cni.md has no NetworkAttachmentDefinition")
	}
	file := filepath.Join(r.t.TempDir(), "definition.yaml")
	r.ok(os.WriteFile(file, example[1], 0o600))
	for _, args := range [][]string{
		{"apply", "--filename=../policies/testdata/definition-crd.yaml"},
		{"wait", "--for=condition=Established", "--timeout=30s", "--filename=../policies/testdata/definition-crd.yaml"},
		{"apply", "--filename=" + file},
	} {
		_, err := r.Kubectl(r.t.Context(), args...)
		r.ok(err)
	}
	var got struct {
		Spec struct{ Config string }
	}
	r.DoT(r.t, http.MethodGet, definitions+"/green", nil, &got)
	r.conf = got.Spec.Config
}

// join makes a machine of the lab a node of the cluster, with what whereabouts' DaemonSet
// puts there, and starts its agent.
func (r *addressRig) join(n *lab.Node) {
	r.t.Helper()
	r.DoT(r.t, http.MethodPost, "/api/v1/nodes", object{"metadata": object{"name": n.String()}}, nil)
	r.ok(r.Reach(n.Namespace))
	account, err := r.OnNode(r.t.Context(), "kube-system", "whereabouts", n.String())
	r.ok(err)
	r.ok(os.MkdirAll(n.Path(whereaboutsDir), 0o755))
	r.ok(n.WriteFile(whereaboutsKubeconfig, string(account.Kubeconfig())))
	r.ok(n.WriteFile(whereaboutsConf, fmt.Sprintf(`{"kubernetes": {"kubeconfig": %q}}`, whereaboutsKubeconfig)))
	r.ok(n.WriteFile("/etc/colvin/rules.yaml", "networks: [{name: green, match: [{system: sw-green}]}]\n"))
	r.ok(n.StartAgent(r.t.Context()))
}

func (r *addressRig) pod(n *lab.Node, name, conf string) *lab.Pod {
	r.t.Helper()
	p, err := n.NewPod(r.t.Context(), name, conf, "")
	r.ok(err)
	r.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return p
}

// call calls the plugin for a pod as a runtime of Kubernetes does.
func (r *addressRig) call(p *lab.Pod, verb string) ([]byte, error) {
	return r.callNamed(p, verb, p.String())
}

// callNamed is call with another name of the pod in Kubernetes.
func (r *addressRig) callNamed(p *lab.Pod, verb, name string) ([]byte, error) {
	out, err := r.command(p, verb, name).Output()
	if err != nil {
		return out, &lab.CNIError{Command: verb, Output: string(out), Err: err}
	}
	return out, nil
}

func (r *addressRig) command(p *lab.Pod, verb, name string) *netnstest.Cmd {
	cmd := p.Command(r.t.Context(), verb)
	cmd.Env = append(cmd.Env, "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME="+name)
	return cmd
}

// An attached pod has an address, in CIDR notation.
type attached struct {
	*lab.Pod
	address string
	took    time.Duration // the last call for it
}

// attach attaches pods on each of the nodes, all at once.
func (r *addressRig) attach(nodes []*lab.Node, perNode int, conf string) []attached {
	r.t.Helper()
	var pods []attached
	for _, n := range nodes {
		for i := range perNode {
			pods = append(pods, attached{Pod: r.pod(n, fmt.Sprintf("%s-pod%d", n, i+1), conf)})
		}
	}
	r.each("ADD", pods, func(a *attached) error {
		out, err := r.call(a.Pod, "ADD")
		if err == nil {
			a.address, err = addressOf(out)
		}
		return err
	})
	return pods
}

// addressOf is the address in a result, which has one.
func addressOf(out []byte) (string, error) {
	var result struct{ IPs []struct{ Address string } }
	if err := json.Unmarshal(out, &result); err != nil {
		return "", err
	}
	if len(result.IPs) != 1 {
		return "", fmt.Errorf("the result %s has not one address", out)
	}
	return result.IPs[0].Address, nil
}

// each does the same with each pod, with all at once, and tells how long it took.
func (r *addressRig) each(what string, pods []attached, do func(*attached) error) {
	r.t.Helper()
	var all sync.WaitGroup
	errs := make([]error, len(pods))
	for i := range pods {
		all.Go(func() {
			begin := time.Now()
			errs[i] = do(&pods[i])
			pods[i].took = time.Since(begin)
		})
	}
	all.Wait()
	r.ok(errors.Join(errs...))
	var slowest time.Duration
	for _, p := range pods {
		slowest = max(slowest, p.took)
	}
	r.t.Logf("%s of %d at once: the slowest took %v", what, len(pods), slowest.Round(time.Millisecond))
}

func (r *addressRig) detach(pods []attached) {
	r.t.Helper()
	r.each("DEL", pods, func(a *attached) error {
		_, err := r.call(a.Pod, "DEL")
		return err
	})
}

// twice are the addresses that several pods have, with the pods.
func twice(pods []attached) []string {
	by := map[string][]string{}
	for _, p := range pods {
		by[p.address] = append(by[p.address], p.String())
	}
	var out []string
	for _, address := range slices.Sorted(maps.Keys(by)) {
		if len(by[address]) > 1 {
			out = append(out, address+": "+strings.Join(by[address], ", "))
		}
	}
	return out
}

// reserved are the addresses' owners that the API server has: "default/node1-pod1".
func (r *addressRig) reserved() []string {
	r.t.Helper()
	var pools struct {
		Items []struct {
			Spec struct {
				Allocations map[string]struct{ PodRef string }
			}
		}
	}
	r.DoT(r.t, http.MethodGet, controlplane.IPPools, nil, &pools)
	var out []string
	for _, pool := range pools.Items {
		for _, a := range pool.Spec.Allocations {
			out = append(out, a.PodRef)
		}
	}
	slices.Sort(out)
	return out
}

// sub is the rig in a subtest.
func (r *addressRig) sub(f func(*addressRig)) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		inner := *r
		inner.t = t
		f(&inner)
	}
}

// TestWhereabouts runs the definition of docs/cni.md on three nodes.
func TestWhereabouts(t *testing.T) {
	r := newAddressRig(t)
	t.Run("host-local gives one address to several", r.sub((*addressRig).testHostLocal))
	t.Run("one at a time", r.sub((*addressRig).testOne))
	t.Run("many at once", r.sub((*addressRig).testMany))
	t.Run("what it wants", r.sub((*addressRig).testWants))
	t.Run("ranges that give none", r.sub((*addressRig).testWrongRanges))
	t.Run("CHECK", r.sub((*addressRig).testCheck))
}

// testHostLocal shows why docs/cni.md does without it, and that the test of the others
// would notice.
func (r *addressRig) testHostLocal() {
	pods := r.attach(r.Nodes, 1, `{"cniVersion": "1.1.0", "name": "green", "type": "colvin", "network": "green",
		"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.10.0.0/24"}]]}}`)
	want := []string{"10.10.0.2/24: node1-pod1, node2-pod1, node3-pod1"}
	if diff := cmp.Diff(want, twice(pods)); diff != "" {
		r.t.Errorf("addresses that several pods have (-want +got):\n%s", diff)
	}
	r.detach(pods)
}

// testOne shows how fast it is alone, and that it goes by the pod's name: whoever has one
// has its address.
func (r *addressRig) testOne() {
	pods := r.attach(r.Nodes[:1], 1, r.conf)
	twin := r.pod(r.Nodes[1], "twin", r.conf)
	out, err := r.callNamed(twin, "ADD", pods[0].String())
	r.ok(err)
	address, err := addressOf(out)
	r.ok(err)
	if address != pods[0].address {
		r.t.Errorf("a pod of the same name has %s, and this %s", address, pods[0].address)
	}
	_, err = r.callNamed(twin, "DEL", pods[0].String())
	r.ok(err)
	r.detach(pods)
	r.expectReserved()
}

// testMany attaches many pods everywhere at once: each has its own address, outside what
// the definition excludes, and DEL gives it back.
func (r *addressRig) testMany() {
	const perNode = 8
	excluded := netip.MustParsePrefix("10.10.0.0/28")
	pods := r.attach(r.Nodes, perNode, r.conf)
	if same := twice(pods); len(same) > 0 {
		r.t.Errorf("addresses that several pods have:\n%s", strings.Join(same, "\n"))
	}
	var owners []string
	for _, p := range pods {
		owners = append(owners, "default/"+p.String())
		if a, err := netip.ParsePrefix(p.address); err != nil || a.Bits() != 24 || excluded.Contains(a.Addr()) {
			r.t.Errorf("%s has the address %s, %v", p, p.address, err)
		}
	}
	r.expectReserved(owners...)
	_, err := pods[0].Ping(r.t.Context(), netip.MustParsePrefix(pods[len(pods)-1].address).Addr())
	r.ok(err)
	r.detach(pods)
	r.expectReserved()
	r.expectNoRecords()
}

// expectReserved expects that these have an address, and nobody else.
func (r *addressRig) expectReserved(owners ...string) {
	r.t.Helper()
	slices.Sort(owners)
	if diff := cmp.Diff(owners, r.reserved()); diff != "" {
		r.t.Errorf("who has an address reserved (-want +got):\n%s", diff)
	}
}

func (r *addressRig) expectNoRecords() {
	r.t.Helper()
	for _, n := range r.Nodes {
		left, err := os.ReadDir(n.Path("/var/lib/colvin/attachments"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) > 0 {
			r.t.Errorf("%s has the records %v, %v", n, left, err)
		}
	}
}

// testWants leaves out what whereabouts needs: its own words reach the user, and DEL
// works once it is there.
func (r *addressRig) testWants() {
	n := r.Nodes[2]
	p := r.pod(n, "wanting", r.conf)
	_, err := r.callNamed(p, "ADD", "")
	r.expectSays(err, "no pod name")
	conf := n.Path(whereaboutsConf)
	r.ok(os.Rename(conf, conf+".away"))
	_, err = r.call(p, "ADD")
	r.expectSays(err, "config file not found")
	r.ok(os.Rename(conf+".away", conf))
	_, err = r.call(p, "DEL")
	r.ok(err)
	r.expectNothing(p)
	r.expectReserved()
	r.expectNoRecords()
}

// testCheck checks a pod that is as it should be: that whereabouts has no CHECK is no
// fault of the pod.
func (r *addressRig) testCheck() {
	p := r.pod(r.Nodes[0], "checked", r.conf)
	result, err := r.call(p, "ADD")
	r.ok(err)
	conf := object{}
	r.ok(json.Unmarshal([]byte(r.conf), &conf))
	conf["prevResult"] = json.RawMessage(result)
	stdin, err := json.Marshal(conf)
	r.ok(err)
	cmd := r.command(p, "CHECK", p.String())
	cmd.Stdin = bytes.NewReader(stdin)
	if said, err := cmd.CombinedOutput(); err != nil {
		r.t.Errorf("CHECK: %v: %s", err, said)
	}
	_, err = r.call(p, "DEL")
	r.ok(err)
}

// testWrongRanges has ranges that give nobody an address: what whereabouts says reaches the
// user, and DEL works though it refuses the range there, too.
func (r *addressRig) testWrongRanges() {
	for name, tt := range map[string]struct{ ipam, says string }{
		"used-up": {`"range": "10.66.0.0/30", "exclude": ["10.66.0.0/30"]`, "Could not allocate IP in range"},
		"no-cidr": {`"range": "10.66.0.0/33"`, "invalid CIDR"},
	} {
		p := r.pod(r.Nodes[0], name, `{"cniVersion": "1.1.0", "name": "green", "type": "colvin", "network": "green", "ipam": {"type": "whereabouts", `+tt.ipam+`}}`)
		_, err := r.call(p, "ADD")
		r.t.Logf("%s: %v", name, err)
		r.expectSays(err, tt.says)
		_, err = r.call(p, "DEL")
		r.ok(err)
		r.expectNothing(p)
	}
	r.expectReserved()
	r.expectNoRecords()
}

// expectSays expects a CNI error with these words.
func (r *addressRig) expectSays(err error, words string) {
	r.t.Helper()
	if said, ok := errors.AsType[*lab.CNIError](err); !ok || !strings.Contains(said.Output, words) {
		r.t.Errorf("got %v, want an error that says %q", err, words)
	}
}

// expectNothing expects a pod without an interface.
func (r *addressRig) expectNothing(p *lab.Pod) {
	r.t.Helper()
	links, err := p.Netlink().LinkList()
	r.ok(err)
	for _, l := range links {
		if l.Attrs().Name != "lo" {
			r.t.Errorf("%s has %s", p, l.Attrs().Name)
		}
	}
}

// TestWhereaboutsAway stops the API server. Pods cannot be attached, which whereabouts
// says itself, before the runtime loses patience; and they can be detached, but their
// addresses stay reserved.
func TestWhereaboutsAway(t *testing.T) {
	if os.Getenv(slowEnv) == "" {
		t.Skipf("needs minutes: %s=1 asks for it; make test-cluster runs it", slowEnv)
	}
	const (
		patience = 240 * time.Second // of the kubelet, in all that it does for a sandbox
		addLimit = 120 * time.Second // of whereabouts
		delLimit = 60 * time.Second
	)
	r := newAddressRig(t)
	pods := append(r.attach(r.Nodes[:1], 1, r.conf), attached{Pod: r.pod(r.Nodes[1], "late", r.conf)})
	there, late := &pods[0], &pods[1]
	r.ok(r.StopAPIServer())
	var said error
	r.each("DEL and ADD", pods, func(a *attached) (err error) {
		if a == late {
			_, said = r.call(a.Pod, "ADD")
			return nil
		}
		_, err = r.call(a.Pod, "DEL")
		return err
	})
	t.Logf("DEL took %v, ADD %v: %v", there.took, late.took, said)
	r.expectSays(said, "time limit exceeded while waiting to become leader")
	if late.took < addLimit || late.took >= patience {
		t.Errorf("ADD failed after %v, want between %v and %v", late.took, addLimit, patience)
	}
	if there.took < delLimit || there.took >= 2*delLimit {
		t.Errorf("DEL took %v, want between %v and %v", there.took, delLimit, 2*delLimit)
	}
	r.expectNothing(there.Pod)
	r.expectNothing(late.Pod)
	r.ok(r.StartAPIServer(t.Context()))
	_, err := r.call(late.Pod, "DEL")
	r.ok(err)
	r.expectReserved("default/" + there.String())
	r.expectNoRecords()
}
