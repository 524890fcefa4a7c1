// SPDX-License-Identifier: Apache-2.0

//go:build linux

package podrun

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/colvin-net/colvin/internal/netnstest"
)

// An Image is what an image in a registry is: programs below a directory, and what is run
// of them where a pod does not say.
type Image struct {
	Root                 string
	Entrypoint, Cmd, Env []string
	User, Dir            string
}

// A Config says what a pod is.
type Config struct {
	Spec                 corev1.PodSpec // with the node's name
	Node                 *netnstest.Namespace
	Namespace, Name, UID string
	Address              string           // the node's
	Images               map[string]Image // by the name that containers call them by
	// HostPaths are the paths of the host that the pod may have, each with the one where
	// the node has it: /run, /var/lib/colvin and a few more are a node's own, and others
	// are those of the machine.
	HostPaths  map[string]string
	ConfigMaps map[string]map[string]string          // of the pod's namespace
	Token      func(audience string) (string, error) // of the pod's account
	Services   map[string]string                     // variables such as KUBERNETES_SERVICE_HOST
	ResolvConf string                                // whatever the pod's dnsPolicy says
}

// A Pod is one that a node has, with its volumes.
type Pod struct {
	Config

	dir     string // of volumes and containers
	volumes map[string]volume
	started []*Container
}

// New makes a pod of which nothing runs yet.
func New(c Config) (*Pod, error) {
	p := &Pod{Config: c, volumes: map[string]volume{}}
	p.Spec = *c.Spec.DeepCopy()
	if err := p.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("make pod %s: %w", c.Name, err), p.Close())
	}
	return p, nil
}

func (p *Pod) prepare() (err error) {
	if p.Spec.NodeName == "" {
		return errors.New("it is on no node: spec.nodeName is empty")
	}
	addAccount(&p.Spec)
	if err := understood(&p.Spec); err != nil {
		return err
	}
	if p.dir, err = os.MkdirTemp("", "colvin-pod-"); err != nil {
		return err
	}
	hosts, err := os.ReadFile("/etc/hosts") // of the machine: nodes share it
	if err != nil {
		return err
	}
	for name, content := range map[string]string{"hosts": "# Kubernetes-managed hosts file (host network).\n" + string(hosts), "hostname": p.Spec.NodeName + "\n", "resolv.conf": p.ResolvConf} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	for _, v := range p.Spec.Volumes {
		if p.volumes[v.Name], err = p.makeVolume(v); err != nil {
			return fmt.Errorf("make volume %s: %w", v.Name, err)
		}
	}
	return nil
}

// NewT makes a pod that is closed with the test, whose log has what its containers said
// where it failed.
func NewT(tb testing.TB, c Config) *Pod {
	tb.Helper()
	netnstest.Require(tb, Runc)
	p, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		for _, c := range p.started {
			if tb.Failed() {
				tb.Logf("%s said:\n%s", c.id, c.Log())
			}
		}
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// Update writes the volumes of ConfigMaps, tokens and fields again, as the kubelet does
// a while after they changed.
func (p *Pod) Update() error {
	for _, v := range p.Spec.Volumes {
		if v.ConfigMap == nil && v.Projected == nil {
			continue
		}
		if _, err := p.makeVolume(v); err != nil {
			return fmt.Errorf("update volume %s of %s: %w", v.Name, p.Name, err)
		}
	}
	return nil
}

// Close kills what runs and removes everything.
func (p *Pod) Close() error {
	var errs []error
	for _, c := range p.started {
		errs = append(errs, c.remove())
	}
	p.started = nil
	if p.dir != "" {
		errs = append(errs, os.RemoveAll(p.dir))
	}
	return errors.Join(errs...)
}

// A Container is one that was started.
type Container struct {
	pod     *Pod
	id, dir string
	cmd     *netnstest.Cmd
	ended   chan struct{} // closed once it was waited for
	err     error         // of that
}

// stateDir is where runc keeps what it knows, in the node's own /run.
const stateDir = "/run/runc"

// patience is how long anything of runc may take on a machine under load.
const patience = time.Minute

func (p *Pod) runc(ctx context.Context, args ...string) *netnstest.Cmd {
	return p.Node.Command(ctx, "runc", append([]string{"--root", stateDir}, args...)...)
}

// Start starts a container of the pod, or one that is run before those, and returns once
// it runs or has ended. It outlives the context.
func (p *Pod) Start(ctx context.Context, name string) (*Container, error) {
	c, err := p.start(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("start container %s of %s: %w", name, p.Name, err)
	}
	return c, nil
}

func (p *Pod) start(ctx context.Context, name string) (*Container, error) {
	all := slices.Concat(p.Spec.InitContainers, p.Spec.Containers)
	i := slices.IndexFunc(all, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 {
		return nil, errors.New("there is none of that name")
	}
	id := fmt.Sprintf("colvin-%s-%s-%s", p.Name, name, strings.ToLower(rand.Text()[:8]))
	c := &Container{pod: p, id: id, dir: filepath.Join(p.dir, id), ended: make(chan struct{})}
	if err := c.bundle(ctx, &all[i]); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the container has its own descriptor
	c.cmd = p.runc(context.WithoutCancel(ctx), "run", "--bundle", c.dir, id)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	p.started = append(p.started, c)
	go func() {
		defer close(c.ended)
		c.err = c.cmd.Wait()
	}()
	return c, c.awaitRunning(ctx)
}

// bundle writes what runc reads: root, spec, and its process for others that are to run
// in the container.
func (c *Container) bundle(ctx context.Context, container *corev1.Container) error {
	image, ok := c.pod.Images[container.Image]
	if !ok {
		return fmt.Errorf("there is no image %s", container.Image)
	}
	r, err := c.pod.process(container, image)
	if err != nil {
		return err
	}
	r.NetNS, r.Cgroup = "/proc/1/ns/net", "/"+c.id // process 1 is the node's
	r.CgroupNamespace = unified()
	if err := os.CopyFS(filepath.Join(c.dir, "rootfs"), os.DirFS(image.Root)); err != nil {
		return err
	}
	if r.Mounts, err = c.mounts(container, r.ReadOnlyRoot); err != nil {
		return err
	}
	spec, err := r.spec(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.dir, "config.json"), spec, 0o600)
}

// mounts are the kubelet's and containerd's, those further up first, so that none covers
// another.
func (c *Container) mounts(container *corev1.Container, readOnly bool) ([]mount, error) {
	said := filepath.Join(c.dir, "termination-log")
	if err := os.WriteFile(said, nil, 0o666); err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(c.pod.dir, name) }
	own := []mount{
		{in("hosts"), "/etc/hosts", false},
		{said, cmp.Or(container.TerminationMessagePath, corev1.TerminationMessagePathDefault), false},
		{in("hostname"), "/etc/hostname", readOnly},
		{in("resolv.conf"), "/etc/resolv.conf", readOnly},
	}
	var all []mount
	for _, m := range container.VolumeMounts {
		v, ok := c.pod.volumes[m.Name]
		if !ok {
			return nil, fmt.Errorf("there is no volume %s", m.Name)
		}
		all = append(all, mount{v.source, filepath.Clean(m.MountPath), m.ReadOnly || v.readOnly})
	}
	for _, m := range own {
		if !slices.ContainsFunc(all, func(o mount) bool { return o.Target == m.Target }) {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b mount) int { return strings.Count(a.Target, "/") - strings.Count(b.Target, "/") })
	return all, nil
}

func (c *Container) awaitRunning(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for tick := time.Tick(20 * time.Millisecond); ; {
		if s, err := c.state(ctx); err == nil && s.Status == "running" {
			return nil
		}
		select {
		case <-c.ended:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("wait until it runs: %w; it said: %s", ctx.Err(), c.Log())
		case <-tick:
		}
	}
}

// state is what runc tells of a container.
type state struct {
	Status string
	PID    int
}

func (c *Container) state(ctx context.Context) (s state, err error) {
	out, err := c.pod.runc(ctx, "state", c.id).Output()
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(out, &s)
}

// PID is that of the container's first process, as the node counts.
func (c *Container) PID(ctx context.Context) (int, error) {
	s, err := c.state(ctx)
	if err == nil && s.Status != "running" {
		err = fmt.Errorf("container %s is %s", c.id, s.Status)
	}
	return s.PID, err
}

// Log is what the container said on both its outputs, and runc of it.
func (c *Container) Log() string {
	b, err := os.ReadFile(filepath.Join(c.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Wait waits until the container ends and returns its exit code.
func (c *Container) Wait(ctx context.Context) (int, error) {
	select {
	case <-c.ended:
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for the end of %s: %w", c.id, ctx.Err())
	}
	if exit, ok := errors.AsType[*exec.ExitError](c.err); ok && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, c.err
}

// Exec runs a program in the container as the container's own, as an exec probe does, and
// returns what it says.
func (c *Container) Exec(ctx context.Context, command ...string) (string, error) {
	b, err := os.ReadFile(filepath.Join(c.dir, "config.json"))
	if err != nil {
		return "", err
	}
	var spec struct{ Process map[string]any }
	if err := json.Unmarshal(b, &spec); err != nil {
		return "", err
	}
	spec.Process["args"] = command
	process := filepath.Join(c.dir, "process-"+rand.Text()+".json")
	if b, err = json.Marshal(spec.Process); err != nil {
		return "", err
	}
	if err := os.WriteFile(process, b, 0o600); err != nil {
		return "", err
	}
	out, err := c.pod.runc(ctx, "exec", "--process", process, c.id).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("run %s in %s: %w: %s", strings.Join(command, " "), c.id, err, out)
	}
	return string(out), nil
}

// Probe does once what an exec probe of the container does.
func (c *Container) Probe(ctx context.Context, probe *corev1.Probe) error {
	if probe == nil || probe.Exec == nil {
		return fmt.Errorf("probe %s: it is no exec probe", c.id)
	}
	limit := time.Duration(max(1, probe.TimeoutSeconds)) * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := c.Exec(ctx, probe.Exec.Command...)
	return err
}

// Stop ends the container as the kubelet does: SIGTERM, and after the pod's grace period
// SIGKILL. It returns the exit code.
func (c *Container) Stop(ctx context.Context) (int, error) {
	grace := int64(corev1.DefaultTerminationGracePeriodSeconds)
	if s := c.pod.Spec.TerminationGracePeriodSeconds; s != nil {
		grace = *s
	}
	select {
	case <-c.ended:
		return c.Wait(ctx)
	default:
	}
	if err := c.signal(ctx, "TERM"); err != nil {
		return 0, err
	}
	soft, cancel := context.WithTimeout(ctx, time.Duration(grace)*time.Second)
	defer cancel()
	code, err := c.Wait(soft)
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return code, err
	}
	if err := c.signal(ctx, "KILL"); err != nil {
		return 0, err
	}
	return c.Wait(ctx)
}

func (c *Container) signal(ctx context.Context, signal string) error {
	if out, err := c.pod.runc(ctx, "kill", c.id, signal).CombinedOutput(); err != nil {
		return fmt.Errorf("send %s to %s: %w: %s", signal, c.id, err, out)
	}
	return nil
}

// remove kills the container where it runs. Its cgroups go with it.
func (c *Container) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if out, err := c.pod.runc(ctx, "delete", "--force", c.id).CombinedOutput(); err != nil {
		return fmt.Errorf("remove %s: %w: %s", c.id, err, out)
	}
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("remove %s: it does not end", c.id)
	}
}
