// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/lab/podrun"
)

// A cluster is a control plane and nodes of the lab, without kubelets: what a kubelet and
// the controllers of workloads do, the test does.
type cluster struct {
	t     *testing.T // the step
	whole *testing.T // which pods outlive
	*controlplane.ControlPlane
	*lab.Lab
	images     map[string]podrun.Image
	plugins    string // directory of the reference plugins
	namespace  string
	nodes      []*node
	controller *podrun.Container
	attached   map[string]*lab.Pod
}

// A node has the pod of the agent.
type node struct {
	*lab.Node
	pod     *podrun.Pod
	agent   *podrun.Container
	version int // of the pod
}

// binDir is where plugins are on a node. It is the node's own.
const binDir = "/run/opt/cni/bin"

func newCluster(t *testing.T) *cluster {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.MACVLAN, netnstest.RealLLDPD, controlplane.Kubernetes, controlplane.HelmInstalled, podrun.Runc)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	binaries, err := lab.Build(t.Context(), dir)
	c := &cluster{t: t, whole: t, attached: map[string]*lab.Pod{}, namespace: "colvin-system", plugins: binaries.CNI}
	c.ok(err)
	c.images = c.buildImages("v0.1.0")
	c.ControlPlane = controlplane.StartT(t, controlplane.Options{Scheduler: true})
	kubectl(t, c.ControlPlane, "apply", "--filename=../policies/testdata/definition-crd.yaml") // Multus is there
	c.Lab, err = lab.Start(t.Context(), lab.Options{Binaries: binaries, Speaker: netnstest.LLDPD, Hold: 30})
	c.ok(err)
	t.Cleanup(func() {
		if err := c.Lab.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, n := range c.Nodes {
		c.join(n)
	}
	return c
}

func (c *cluster) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// buildImages builds the images as "make images" does, for this machine alone, and unpacks
// them. Whatever version their programs say they are, they have the name that the chart has
// for them.
func (c *cluster) buildImages(version string) map[string]podrun.Image {
	c.t.Helper()
	dir := c.whole.TempDir()
	build := exec.CommandContext(c.t.Context(), "go", "run", ".", "-source=../..", "-out="+dir, "-version="+version, "-platforms=linux/"+runtime.GOARCH, "images")
	build.Dir = "../../hack/release"
	if said, err := build.CombinedOutput(); err != nil {
		c.t.Fatalf("build the images: %v\n%s", err, said)
	}
	images := map[string]podrun.Image{}
	for _, name := range []string{"colvin", "colvin-controller", "kubectl-colvin"} {
		root, err := os.MkdirTemp(dir, name)
		c.ok(err)
		c.ok(os.Chmod(root, 0o755))
		images["registry.example.com/infra/"+name+":v0.1.0"], err = podrun.Unpack(filepath.Join(dir, name+"-"+version+".tar"), runtime.GOARCH, root)
		c.ok(err)
	}
	return images
}

// join makes a machine of the lab a node of the cluster, with reference plugins and without
// Colvin's.
func (c *cluster) join(n *lab.Node) {
	c.t.Helper()
	c.DoT(c.t, http.MethodPost, "/api/v1/nodes", object{
		"metadata": object{"name": n.String()},
		"status": object{
			"allocatable": object{"pods": "110"}, "capacity": object{"pods": "110"},
			"conditions": []object{{"type": "Ready", "status": "True"}},
		},
	}, nil)
	c.ok(c.Reach(n.Namespace))
	c.ok(os.MkdirAll(n.Path(binDir), 0o755))
	plugins, err := os.ReadDir(c.plugins)
	c.ok(err)
	for _, p := range plugins {
		if p.Type() == fs.ModeSymlink { // to one that is not Colvin's
			c.ok(os.Symlink(filepath.Join(c.plugins, p.Name()), n.Path(filepath.Join(binDir, p.Name()))))
		}
	}
	n.Install(lab.Binaries{CNI: binDir})
	c.nodes = append(c.nodes, &node{Node: n})
}

// rootCA is a ConfigMap that a controller of Kubernetes makes in each namespace.
const rootCA = "kube-root-ca.crt"

// config is what is the same for all pods of the release.
func (c *cluster) config(spec core.PodSpec, name, uid string, n *node) podrun.Config {
	server, err := url.Parse(c.Host)
	c.ok(err)
	return podrun.Config{
		Spec: spec, Node: n.Namespace, Namespace: c.namespace, Name: name, UID: uid, Address: "192.0.2.1", Images: c.images,
		HostPaths: map[string]string{
			"/run/colvin": "/run/colvin", "/var/lib/colvin/agent": "/var/lib/colvin/agent",
			"/var/lib/colvin/attachments": "/var/lib/colvin/attachments", "/opt/cni/bin": binDir,
		},
		ConfigMaps: c.configMaps(spec),
		Token: func(string) (string, error) {
			out, err := c.Kubectl(c.t.Context(), "create", "token", spec.ServiceAccountName, "--namespace="+c.namespace,
				"--bound-object-kind=Pod", "--bound-object-name="+name, "--bound-object-uid="+uid)
			return strings.TrimSpace(out), err
		},
		Services: map[string]string{"KUBERNETES_SERVICE_HOST": server.Hostname(), "KUBERNETES_SERVICE_PORT": server.Port()},
	}
}

// configMaps are those that a pod mounts.
func (c *cluster) configMaps(spec core.PodSpec) map[string]map[string]string {
	out := map[string]map[string]string{rootCA: {"ca.crt": string(c.CA)}}
	for _, v := range spec.Volumes {
		if v.ConfigMap != nil {
			out[v.ConfigMap.Name] = c.configMap(v.ConfigMap.Name)
		}
	}
	return out
}

func (c *cluster) configMap(name string) map[string]string {
	var m core.ConfigMap
	c.DoT(c.t, http.MethodGet, "/api/v1/namespaces/"+c.namespace+"/configmaps/"+name, nil, &m)
	return m.Data
}

// pod makes the pod of a template on a node, as the controllers of workloads do, and runs
// what is run before its container.
func (c *cluster) pod(template core.PodTemplateSpec, name string, n *node) *podrun.Pod {
	c.t.Helper()
	spec := template.Spec
	spec.NodeName = n.String()
	var made core.Pod
	c.DoT(c.t, http.MethodPost, "/api/v1/namespaces/"+c.namespace+"/pods", object{
		"metadata": object{"name": name, "labels": template.Labels}, "spec": spec,
	}, &made)
	p := c.run(c.config(made.Spec, made.Name, string(made.UID), n))
	for _, first := range made.Spec.InitContainers {
		container, err := p.Start(c.t.Context(), first.Name)
		c.ok(err)
		if code, err := container.Wait(c.t.Context()); err != nil || code != 0 {
			c.t.Fatalf("%s ends with %d, %v: %s", first.Name, code, err, container.Log())
		}
		c.t.Logf("%s of %s said: %s", first.Name, n, container.Log())
	}
	return p
}

// run makes a pod that lasts until the test ends.
func (c *cluster) run(config podrun.Config) *podrun.Pod {
	c.t.Helper()
	p, err := podrun.New(config)
	c.ok(err)
	c.whole.Cleanup(func() {
		if err := p.Close(); err != nil {
			c.whole.Error(err)
		}
	})
	return p
}

// startAgent does what a kubelet does for the DaemonSet, as it is now.
func (c *cluster) startAgent(n *node) {
	c.t.Helper()
	var set apps.DaemonSet
	c.DoT(c.t, http.MethodGet, "/apis/apps/v1/namespaces/"+c.namespace+"/daemonsets/colvin-agent", nil, &set)
	n.version++
	n.pod = c.pod(set.Spec.Template, fmt.Sprintf("colvin-agent-%s-%d", n, n.version), n)
	container := set.Spec.Template.Spec.Containers[0]
	var err error
	n.agent, err = n.pod.Start(c.t.Context(), container.Name)
	c.ok(err)
}

// stopAgent ends the agent's pod.
func (c *cluster) stopAgent(n *node) {
	c.t.Helper()
	if code, err := n.agent.Stop(c.t.Context()); err != nil || code != 0 {
		c.t.Errorf("the agent of %s ends with %d, %v: %s", n, code, err, n.agent.Log())
	}
	c.DoT(c.t, http.MethodDelete, "/api/v1/namespaces/"+c.namespace+"/pods/"+n.pod.Name, object{"gracePeriodSeconds": 0}, nil)
}

// startController does the same for the Deployment, on the first node. There is no network
// of pods here, so it shares the node's.
func (c *cluster) startController(version int) {
	c.t.Helper()
	var d apps.Deployment
	c.DoT(c.t, http.MethodGet, "/apis/apps/v1/namespaces/"+c.namespace+"/deployments/colvin-controller", nil, &d)
	d.Spec.Template.Spec.HostNetwork = true
	for i := range d.Spec.Template.Spec.Containers[0].Ports {
		p := &d.Spec.Template.Spec.Containers[0].Ports[i]
		p.HostPort = p.ContainerPort
	}
	p := c.pod(d.Spec.Template, fmt.Sprint("colvin-controller-", version), c.nodes[0])
	var err error
	c.controller, err = p.Start(c.t.Context(), "controller")
	c.ok(err)
}

func (c *cluster) stopController() {
	c.t.Helper()
	if code, err := c.controller.Stop(c.t.Context()); err != nil || code != 0 {
		c.t.Errorf("the controller ends with %d, %v: %s", code, err, c.controller.Log())
	}
}

// probe returns what the probe of readiness, or of liveness, says of the node's agent.
func (c *cluster) probe(n *node, ready bool) error {
	container := n.pod.Spec.Containers[0]
	probe := container.LivenessProbe
	if ready {
		probe = container.ReadinessProbe
	}
	return n.agent.Probe(c.t.Context(), probe)
}

// readyz asks the controller's own probe.
func (c *cluster) readyz() error {
	out, err := c.nodes[0].Command(c.t.Context(), "bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/8081 && printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3 && cat <&3`).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	if !strings.Contains(string(out), " 200 ") {
		return fmt.Errorf("%s", out)
	}
	return nil
}

// labels are the labels of all nodes that are Colvin's.
func (c *cluster) labels() []string {
	var list core.NodeList
	c.DoT(c.t, http.MethodGet, "/api/v1/nodes", nil, &list)
	var out []string
	for _, n := range list.Items {
		for key := range n.Labels {
			if strings.Contains(key, "colvin.dev/") {
				out = append(out, n.Name+" "+key)
			}
		}
	}
	slices.Sort(out)
	return out
}

// definition is the configuration of a NetworkAttachmentDefinition, as Multus hands it to
// the plugin.
func (c *cluster) definition(name string) string {
	var d struct{ Spec struct{ Config string } }
	c.DoT(c.t, http.MethodGet, "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions/"+name, nil, &d)
	if !json.Valid([]byte(d.Spec.Config)) {
		c.t.Fatalf("definition %s: %s", name, d.Spec.Config)
	}
	return d.Spec.Config
}
