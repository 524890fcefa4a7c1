// SPDX-License-Identifier: Apache-2.0

//go:build linux

package podrun

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "colvin-podrun-")
	if err != nil {
		panic(err)
	}
	programs = dir
	code := leaktest.Run(m)
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// programs is the root of an image, which build fills once for all tests.
var (
	programs string
	build    = sync.OnceValue(func() error {
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", programs+"/", "../../cmd/colvind", "./testdata/show")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
)

// image is the agent's, with a program that looks at where it is.
func image(t *testing.T) Image {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return Image{Root: programs, Entrypoint: []string{"/colvind"}, Env: []string{"PATH=/", "OF=image"}, User: "0:0", Dir: "/"}
}

const agentSpec = `
nodeName: node1
hostNetwork: true
automountServiceAccountToken: false
terminationGracePeriodSeconds: 20
securityContext:
  seccompProfile: {type: RuntimeDefault}
initContainers:
  - name: look
    image: colvin
    command: [/show]
    args: [$(FILE), /etc/config/colvind.yaml]
    env:
      - {name: WHERE, value: /proc/self}
      - {name: FILE, value: $(WHERE)/environ}
      - {name: OF, value: the pod $$(WHERE) $(NOBODY)}
      - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    volumeMounts:
      - {name: config, mountPath: /etc/config}
  - name: stay
    image: colvin
    command: [/show, -stay]
containers:
  - name: agent
    image: colvin
    args: [--config, /etc/colvin/colvind.yaml]
    resources:
      requests: {cpu: 10m, memory: 32Mi}
      limits: {memory: 256Mi}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL], add: [NET_RAW]}
    startupProbe:
      exec: {command: [/show, /run/colvin/networks.json]}
      timeoutSeconds: 30
    volumeMounts:
      - {name: config, mountPath: /etc/colvin}
      - {name: run, mountPath: /run/colvin}
      - {name: state, mountPath: /var/lib/colvin/agent}
volumes:
  - name: config
    configMap: {name: colvin}
  - name: run
    hostPath: {path: /run/colvin, type: DirectoryOrCreate}
  - name: state
    hostPath: {path: /var/lib/colvin/agent, type: DirectoryOrCreate}
`

// spec is the agent's, changed.
func spec(t *testing.T, change func(*corev1.PodSpec)) corev1.PodSpec {
	t.Helper()
	var s corev1.PodSpec
	if err := yaml.UnmarshalStrict([]byte(agentSpec), &s); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&s)
	}
	return s
}

// newNode is a node with eth1 on a switch.
func newNode(t *testing.T) *lab.Node {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.RealLLDPD, Runc)
	sw := netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "sw-green", Speaker: netnstest.LLDPD, Hold: 30})
	node, err := lab.NewNode(t.Context(), "node1", lab.Binaries{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := node.Cable(t.Context(), "eth1", sw, "p1", lab.GreenVLAN); err != nil {
		t.Fatal(err)
	}
	return node
}

func newPod(t *testing.T, node *lab.Node, spec corev1.PodSpec) *Pod {
	t.Helper()
	return NewT(t, Config{
		Spec: spec, Node: node.Namespace, Namespace: "colvin-system", Name: "colvin-agent-x", UID: "1-2-3",
		Images:     map[string]Image{"colvin": image(t)},
		HostPaths:  map[string]string{"/run/colvin": "/run/colvin", "/var/lib/colvin/agent": "/var/lib/colvin/agent"},
		Token:      func(audience string) (string, error) { return "token for " + audience, nil },
		ConfigMaps: map[string]map[string]string{"kube-root-ca.crt": {"ca.crt": "a CA"}, "colvin": {"colvind.yaml": "node: node1\ninterfaces: [eth1]\n", "rules.yaml": rules}},
		Services:   map[string]string{"KUBERNETES_SERVICE_HOST": "127.0.0.1", "OF": "a service"},
	})
}

const rules = `networks:
  - name: green
    match: [{system: sw-green, vlan: 100}]
`

func start(t *testing.T, p *Pod, name string) *Container {
	t.Helper()
	c, err := p.Start(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ends waits for the end of a container.
func ends(t *testing.T, c *Container) (code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	code, err := c.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// TestAgent runs the agent with no capability but the one, on a root that cannot be
// written, under containerd's seccomp profile: it hears the switch and says so.
func TestAgent(t *testing.T) {
	node := newNode(t)
	p := newPod(t, node, spec(t, nil))
	c := start(t, p, "agent")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := node.Await(ctx, "green", lab.Resolves("green", "eth1", nodefile.Fresh)); err != nil {
		t.Fatalf("%v\n%s", err, c.Log())
	}
	if err := c.Probe(ctx, p.Spec.Containers[0].StartupProbe); err != nil {
		t.Error(err)
	}
	for _, of := range []string{"/proc/1/status", "/proc/self/status"} { // the agent's, and a probe's
		status, err := c.Exec(ctx, "/show", of)
		if err != nil {
			t.Fatal(err)
		}
		checkStatus(t, of, status)
	}
	if out, err := c.Exec(ctx, "/show", "-write", "/tmp"); err == nil || !strings.Contains(out, "read-only file system") {
		t.Errorf("write to the root: %v", err)
	}
	if code, err := c.Stop(ctx); code != 0 || err != nil {
		t.Errorf("stop: exit code %d, %v", code, err)
	}
}

func checkStatus(t *testing.T, of, status string) {
	t.Helper()
	want := map[string]string{
		"Uid": "0 0 0 0", "CapInh": "0000000000000000", "CapPrm": "0000000000002000", "CapEff": "0000000000002000", "CapBnd": "0000000000002000",
		"CapAmb": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2",
	}
	got := map[string]string{}
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		if want[name] != "" {
			got[name] = strings.Join(strings.Fields(value), " ")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", of, diff)
	}
}

func TestAgentWithoutCapability(t *testing.T) {
	p := newPod(t, newNode(t), spec(t, func(s *corev1.PodSpec) { s.Containers[0].SecurityContext.Capabilities.Add = nil }))
	c := start(t, p, "agent")
	if code := ends(t, c); code == 0 || !strings.Contains(c.Log(), "CAP_NET_RAW is missing") {
		t.Errorf("ended with %d, and said %s", code, c.Log())
	}
}

// TestContainers holds that containers are told who they are, and end when they are told.
func TestContainers(t *testing.T) {
	node := newNode(t)
	grace := int64(1)
	p := newPod(t, node, spec(t, func(s *corev1.PodSpec) { s.TerminationGracePeriodSeconds = &grace }))
	c := start(t, p, "look")
	code := ends(t, c)
	const want = "PATH=/\nHOSTNAME=node1\nOF=the pod $(WHERE) $(NOBODY)\nWHERE=/proc/self\nFILE=/proc/self/environ\nNODE=node1\nKUBERNETES_SERVICE_HOST=127.0.0.1\n" +
		"HOME=/\nnode: node1\ninterfaces: [eth1]\n" // a runtime gives who has none a home
	if diff := cmp.Diff(want, strings.ReplaceAll(c.Log(), "\x00", "\n")); code != 0 || diff != "" {
		t.Errorf("exit code %d, environment and configuration (-want +got):\n%s", code, diff)
	}
	c = start(t, p, "stay")
	for tick := time.Tick(10 * time.Millisecond); c.Log() == ""; {
		select {
		case <-tick:
		case <-t.Context().Done():
			t.Fatal("it says nothing")
		}
	}
	if code, err := c.Stop(t.Context()); code != 137 || err != nil {
		t.Errorf("stop of what ignores SIGTERM: exit code %d, %v, want SIGKILL's", code, err)
	}
	start(t, p, "stay") // which Close ends
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	left, err := filepath.Glob("/sys/fs/cgroup/*/colvin-colvin-agent-x-*")
	if direct, _ := filepath.Glob("/sys/fs/cgroup/colvin-colvin-agent-x-*"); err != nil || len(left)+len(direct) > 0 {
		t.Errorf("left: %v, %v", left, direct)
	}
	if _, err := os.Stat(p.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left: %s, %v", p.dir, err)
	}
	if state, err := os.ReadDir(node.Path(stateDir)); err != nil || len(state) > 0 {
		t.Errorf("left: %v, %v", state, err)
	}
}

// TestVolumes gives a container what its account has, without being asked, and shares an
// empty directory between two; what changes is there after an update.
func TestVolumes(t *testing.T) {
	p := newPod(t, newNode(t), spec(t, func(s *corev1.PodSpec) {
		s.AutomountServiceAccountToken = nil
		s.Volumes = append(s.Volumes, corev1.Volume{Name: "shared", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		for _, c := range []*corev1.Container{&s.InitContainers[0], &s.InitContainers[1]} {
			c.VolumeMounts = []corev1.VolumeMount{{Name: "shared", MountPath: "/shared"}, {Name: "config", MountPath: "/etc/config"}}
		}
		s.InitContainers[0].Args = []string{accountDir + "/token", accountDir + "/ca.crt", accountDir + "/namespace", "-write", "/shared/file", "/etc/config/new"}
	}))
	c := start(t, p, "look")
	code := ends(t, c)
	for _, said := range []string{"token for a CAcolvin-system", "show: open /etc/config/new: read-only file system\n"} { // on two outputs, in any order
		if code != 3 || !strings.Contains(c.Log(), said) {
			t.Errorf("exit code %d, and it said %s", code, c.Log())
		}
	}
	c = start(t, p, "stay")
	see := func(want string) {
		t.Helper()
		out, err := c.Exec(t.Context(), "/show", "/shared/file", "/etc/config/rules.yaml")
		if err != nil || out != want {
			t.Errorf("got %s, %v, want %s", out, err, want)
		}
	}
	see("written" + rules)
	p.ConfigMaps["colvin"] = map[string]string{"rules.yaml": "{}"}
	if err := p.Update(); err != nil {
		t.Fatal(err)
	}
	see("written{}")
}

func TestHostPath(t *testing.T) {
	node := newNode(t)
	root := t.TempDir()
	p := &Pod{Config: Config{Node: node.Namespace, HostPaths: map[string]string{
		"/run/colvin": "/run/colvin", "/run/other": "/run/other", "/opt/cni/bin": filepath.Join(root, "bin"), "/etc/file": filepath.Join(root, "file"),
	}}}
	for _, tt := range []struct {
		path string
		kind corev1.HostPathType
		want string // the error's, or the node's path
	}{
		{"/run/colvin", "Directory", "/run/colvin"},
		{"/run/colvin", "File", "hostPath /run/colvin: it is no File, or that type is not understood"},
		{"/run/other", "Directory", "hostPath /run/other: there is no such Directory"},
		{"/run/other/", "DirectoryOrCreate", "/run/other"},
		{"/run/other", "Directory", "/run/other"},
		{"/opt/cni/bin", "", filepath.Join(root, "bin")},
		{"/opt/cni/bin", "Socket", "hostPath /opt/cni/bin: it is no Socket, or that type is not understood"},
		{"/etc/file", "FileOrCreate", filepath.Join(root, "file")},
		{"/etc/file", "BlockDevice", "hostPath /etc/file: it is no BlockDevice, or that type is not understood"},
		{"/etc", "", "HostPaths has no /etc"},
	} {
		got, err := p.hostPath(&corev1.HostPathVolumeSource{Path: tt.path, Type: &tt.kind})
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s of type %s: got %s, want %s", tt.path, tt.kind, got, tt.want)
		}
	}
	if _, err := os.Stat("/run/other"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the machine has the node's directory: %v", err)
	}
}
