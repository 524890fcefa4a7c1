// SPDX-License-Identifier: Apache-2.0

//go:build linux

package kubenode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/lab/daemon"
)

// A Config says what node a machine becomes.
type Config struct {
	Device     string       // that leads to the API server, in the management network
	Address    netip.Prefix // of the node there
	Gateway    netip.Addr
	Pods       netip.Prefix // of the pods' own network, routed by the node
	Kubeconfig []byte       // of its kubelet
	Plugins    string       // directory with the reference CNI plugins
	Logs       string       // directory for what containerd and kubelet say
}

// A Node is a machine with a kubelet.
type Node struct {
	*netnstest.Namespace
	config     Config
	programs   string // directory
	containerd *daemon.Process
	kubelet    *daemon.Process
	cgroups    []string // that are made for it and its containers, below each hierarchy
}

// Where a node has what; all of it is the default of the program but the socket: the kubelet's
// cAdvisor looks for containerd at the default one only, and would ask it for 3 s for each
// container of every other node, as all nodes see the cgroups of all.
const (
	BinDir        = "/opt/cni/bin"
	confFile      = "/etc/cni/net.d/10-cluster.conflist"
	podBridge     = "cni0"
	runtimeConfig = "/etc/containerd/config.toml"
	runtimeSocket = "/run/containerd/cri.sock"
	runtimeTasks  = "/run/containerd/io.containerd.runtime.v2.task/k8s.io" // a directory for each container
	runtimeCgroup = "k8s.io"                                               // of all containers, of all nodes
	kubeletConfig = "/var/lib/kubelet/config.yaml"
	kubeletClient = "/var/lib/kubelet/kubeconfig"
)

// ownDirs are the directories that nodes of one machine must not share, beside those that
// each namespace has.
var ownDirs = []string{
	"/opt/cni", "/opt/containerd", "/opt/nri", "/etc/containerd", "/etc/nri", "/etc/cdi",
	"/var/lib/kubelet", "/var/lib/containerd", "/var/log/pods", "/var/log/containers",
}

// Join makes a machine a node, which is Ready once its pods have a network.
func Join(ctx context.Context, machine *netnstest.Namespace, config Config) (*Node, error) {
	n := &Node{Namespace: machine, config: config}
	if err := n.join(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("make %s a node: %w", machine, err), n.Close())
	}
	return n, nil
}

func (n *Node) join(ctx context.Context) error {
	kubelet, err := controlplane.NodeProgram("kubelet")
	if err != nil {
		return err
	}
	n.programs = filepath.Dir(kubelet)
	if err := n.makeCgroups(); err != nil {
		return err
	}
	if err := n.Own(ownDirs...); err != nil {
		return err
	}
	if err := n.configureNetwork(ctx); err != nil {
		return err
	}
	if err := n.InstallPlugins(); err != nil {
		return err
	}
	for path, content := range n.files() {
		if err := errors.Join(os.MkdirAll(filepath.Dir(n.Path(path)), 0o755), os.WriteFile(n.Path(path), content, 0o600)); err != nil {
			return err
		}
	}
	if err := n.StartContainerd(ctx); err != nil {
		return err
	}
	return n.StartKubelet(ctx)
}

// configureNetwork gives the node its address, and has it forward for its pods.
func (n *Node) configureNetwork(ctx context.Context) error {
	if err := n.AddAddress(n.config.Device, n.config.Address); err != nil {
		return err
	}
	if err := n.AddRoute(n.config.Device, netip.PrefixFrom(netip.IPv4Unspecified(), 0), n.config.Gateway); err != nil {
		return err
	}
	return n.Forward(ctx)
}

// InstallPlugins puts the reference CNI plugins where a distribution would.
func (n *Node) InstallPlugins() error {
	entries, err := os.ReadDir(n.config.Plugins)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(n.Path(BinDir), 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(n.config.Plugins, e.Name()))
		if err == nil {
			err = os.WriteFile(n.Path(filepath.Join(BinDir, e.Name())), data, 0o755)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Import gives the node images from archives.
func (n *Node) Import(ctx context.Context, archives ...string) error {
	for _, archive := range archives {
		f, err := os.Open(archive)
		if err != nil {
			return err
		}
		cmd := n.ctr(ctx, "images", "import", "--local", "-")
		cmd.Stdin = f
		said, err := cmd.CombinedOutput()
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("import %s on %s: %w: %s", archive, n, err, said)
		}
	}
	return nil
}

// Tag gives an image one more name.
func (n *Node) Tag(ctx context.Context, image, name string) error {
	said, err := n.ctr(ctx, "images", "tag", "--force", image, name).CombinedOutput()
	if err != nil {
		return fmt.Errorf("call %s %s on %s: %w: %s", image, name, n, err, said)
	}
	return nil
}

// ctr is containerd's own command, about what the kubelet runs.
func (n *Node) ctr(ctx context.Context, args ...string) *netnstest.Cmd {
	return n.Command(ctx, filepath.Join(n.programs, "ctr"), append([]string{"--address=" + runtimeSocket, "--namespace=k8s.io"}, args...)...)
}

// StartContainerd starts containerd and waits until it answers.
func (n *Node) StartContainerd(ctx context.Context) (err error) {
	n.containerd, err = n.start(ctx, "containerd", "--config="+runtimeConfig, "--address="+runtimeSocket)
	if err != nil {
		return err
	}
	return n.containerd.Await(ctx, func(ctx context.Context) error {
		said, err := n.ctr(ctx, "version").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, said)
		}
		return nil
	})
}

// StartKubelet starts the kubelet.
func (n *Node) StartKubelet(ctx context.Context) (err error) {
	n.kubelet, err = n.start(ctx, "kubelet", "--config="+kubeletConfig, "--kubeconfig="+kubeletClient,
		"--hostname-override="+n.String(), "--node-ip="+n.config.Address.Addr().String())
	return err
}

// KillContainerd and KillKubelet end one of them as a crash would. Containers go on.
func (n *Node) KillContainerd() error { return n.containerd.Kill() }

// KillKubelet ends the kubelet as a crash would. Containers go on.
func (n *Node) KillKubelet() error { return n.kubelet.Kill() }

// Halt ends every process of the machine, as when its power goes, and clears what no machine
// keeps: mounts, what is in /run, and network devices that are nobody's cable. Cables lose
// their link; addresses stay, as they are given by others, and so does the boot ID, as
// containers read the kernel's.
func (n *Node) Halt(ctx context.Context) error {
	n.remember()
	n.containerd.Forget()
	n.kubelet.Forget()
	const all = `
holder=$(cut -d " " -f 1 /proc/1/task/1/children) # what the first process waits for; later ones are orphans
for try in $(seq 200); do
  left=
  for p in /proc/[0-9]*; do
    p=${p#/proc/}
    case " 1 $$ $holder " in *" $p "*) continue;; esac
    [ -e /proc/$p/exe ] && left="$left $p"
  done
  [ -z "$left" ] && break
  kill -KILL $left 2>/dev/null
  sleep 0.05
done
[ -z "$left" ] || { echo "these processes do not end: $left"; exit 1; }
awk '$5 ~ "^/(run|var/lib/kubelet|var/lib/containerd)/" && $5 !~ "^/run/netnstest" { print $5 }' /proc/self/mountinfo | sort -r | while read m; do umount -l "$m"; done
for f in /run/* /run/.[!.]*; do [ "$f" = /run/netnstest ] || rm -rf "$f"; done
`
	if said, err := n.Command(ctx, "sh", "-c", all).CombinedOutput(); err != nil {
		return fmt.Errorf("halt %s: %w: %s", n, err, said)
	}
	return n.LosePower(n.config.Device)
}

// Boot starts a machine that was halted.
func (n *Node) Boot(ctx context.Context) error {
	if err := n.HavePower(); err != nil {
		return err
	}
	if err := n.StartContainerd(ctx); err != nil {
		return err
	}
	return n.StartKubelet(ctx)
}

// Ctr runs containerd's own command on the node, about what the kubelet runs there.
func (n *Node) Ctr(ctx context.Context, args ...string) (string, error) {
	said, err := n.ctr(ctx, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("run ctr %s on %s: %w: %s", strings.Join(args, " "), n, err, said)
	}
	return string(said), nil
}

// Close ends everything on the machine, which is gone then, with its cgroups.
func (n *Node) Close() error {
	n.remember()
	for _, p := range []*daemon.Process{n.kubelet, n.containerd} {
		p.Forget()
	}
	return errors.Join(n.Namespace.Close(), removeCgroups(n.cgroups))
}

// remember notes the cgroups of the containers that there are.
func (n *Node) remember() {
	entries, err := os.ReadDir(n.Path(runtimeTasks))
	if err != nil {
		return // there are none
	}
	for _, e := range entries {
		n.cgroups = append(n.cgroups, filepath.Join(runtimeCgroup, e.Name()))
	}
}

// hierarchies are the cgroup hierarchies of the machine, of version 1 or 2.
func hierarchies() ([]string, error) {
	const top = "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(top, "cgroup.controllers")); err == nil {
		return []string{top}, nil
	}
	entries, err := os.ReadDir(top)
	var all []string
	for _, e := range entries {
		if e.IsDir() { // links are other names of one
			all = append(all, filepath.Join(top, e.Name()))
		}
	}
	return all, err
}

// makeCgroups makes the cgroup that is the root of what the kubelet does.
func (n *Node) makeCgroups() error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	n.cgroups = append(n.cgroups, n.cgroup())
	for _, h := range all {
		dir := filepath.Join(h, n.cgroup())
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // without them nothing may be in it
			data, err := os.ReadFile(filepath.Join(h, file))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err := errors.Join(err, os.WriteFile(filepath.Join(dir, file), data, 0)); err != nil {
				return err
			}
		}
	}
	return nil
}

// cgroup is another in each process, as several may run such a cluster.
func (n *Node) cgroup() string { return fmt.Sprintf("colvin-%d-%s", os.Getpid(), n) }

// removeCgroups removes what is left of cgroups whose processes are gone.
func removeCgroups(names []string) error {
	all, err := hierarchies()
	errs := []error{err}
	for _, h := range all {
		for _, name := range names {
			errs = append(errs, removeTree(filepath.Join(h, name)))
		}
		_ = os.Remove(filepath.Join(h, runtimeCgroup)) // the last node's containers were the last there
	}
	return errors.Join(errs...)
}

// removeTree removes directories alone, as cgroups have files that cannot be removed.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() {
			err = errors.Join(err, removeTree(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(err, retryBusy(func() error { return os.Remove(dir) }))
}
