// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package lab is three nodes and two switches on one machine, and a fourth node behind
// a switch that says nothing where that is wanted: what the demo shows and what the
// end-to-end tests run on. The nodes run the real binaries; the switches run a real lldpd
// where there is one.
package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/buildcache"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/cniplugins"
)

// The VLANs that the switches tell.
const (
	GreenVLAN = 100
	BlueVLAN  = 200
)

// The switches' chassis IDs, such that the colours which their networks get by
// themselves suit their names.
var (
	greenChassis = discovery.MAC{2, 0, 0, 0, 0x64, 0x13} // sage-stork
	blueChassis  = discovery.MAC{2, 0, 0, 0, 0xc8, 0x05} // blue-starling
)

// Cabling says which interface of each node leads to which switch: ens4 is green
// on one node and blue on another.
var Cabling = []struct{ Node, Green, Blue string }{
	{"node1", "eth1", "eth2"},
	{"node2", "ens2", "ens4"},
	{"node3", "ens4", "ens2"},
}

// OldNode is the node behind the switch that says nothing, and OldPort its interface there.
const (
	OldNode = "node4"
	OldPort = "eth1"
)

// config is the configuration of every agent.
const config = `node: %s
interfaces: ["eth*", "ens*"]
log: {level: debug}
`

// Binaries are the programs that the nodes run.
type Binaries struct {
	Colvin, Colvind string
	CNI             string // directory of the colvin plugin and its delegates
	CNITool         string // calls plugins as container runtimes do
}

// Prebuilt returns the programs in a directory that Build has filled.
func Prebuilt(dir string) Binaries {
	return Binaries{
		Colvin: filepath.Join(dir, "colvin"), Colvind: filepath.Join(dir, "colvind"),
		CNI: filepath.Join(dir, "cni"), CNITool: filepath.Join(dir, "cnitool"),
	}
}

// Build builds the programs into dir as they are shipped, with the module in the
// working directory, and gathers the CNI plugins.
func Build(ctx context.Context, dir string) (Binaries, error) {
	return BuildFrom(ctx, dir, "", func(string) {})
}

// BuildFrom is Build with the module in another directory, such as that of an earlier
// version, unless that is empty. It tells how far it came, a line each time.
func BuildFrom(ctx context.Context, dir, source string, tell func(how string)) (Binaries, error) {
	b := Prebuilt(dir)
	if err := os.MkdirAll(b.CNI, 0o755); err != nil {
		return b, fmt.Errorf("make plugin directory: %w", err)
	}
	const module = "github.com/colvin-net/colvin/cmd/"
	build := exec.CommandContext(ctx, "go", "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w",
		"-o", dir+"/", module+"colvin", module+"colvind", module+"colvin-cni")
	build.Dir = source
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := buildcache.Run(build, "colvin, colvind and colvin-cni", tell); err != nil {
		return b, fmt.Errorf("build Colvin: %w", err)
	}
	if err := os.Rename(filepath.Join(dir, "colvin-cni"), filepath.Join(b.CNI, "colvin")); err != nil {
		return b, fmt.Errorf("name the plugin as its type: %w", err)
	}
	if err := b.link(ctx, tell); err != nil {
		return b, fmt.Errorf("link the CNI plugins: %w", err)
	}
	return b, nil
}

// link makes links to the programs of others.
func (b *Binaries) link(ctx context.Context, tell func(how string)) error {
	plugins, err := cniplugins.Install(ctx, tell)
	if err != nil {
		return err
	}
	tool, err := cniplugins.CNITool(ctx, tell)
	if err != nil {
		return err
	}
	links := map[string]string{b.CNITool: tool}
	entries, err := os.ReadDir(plugins)
	if err != nil {
		return err
	}
	for _, e := range entries {
		links[filepath.Join(b.CNI, e.Name())] = filepath.Join(plugins, e.Name())
	}
	for name, target := range links {
		if err := os.Symlink(target, name); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// Options of Start.
type Options struct {
	Binaries Binaries
	Speaker  netnstest.SpeakerKind
	// Hold is the frames' time to live in intervals; zero: 4.
	Hold int
	// Old adds a switch that speaks no LLDP, with a cable to the green one, and OldNode
	// behind it.
	Old bool
}

// A Lab is what Start made.
type Lab struct {
	Green, Blue *netnstest.Switch
	Old         *netnstest.Switch // that says nothing; nil without Options.Old
	Nodes       []*Node           // those of Cabling, then OldNode where there is one
}

// Start makes the switches and the nodes and lays the cables. No agent runs yet.
func Start(ctx context.Context, o Options) (*Lab, error) {
	l := &Lab{}
	if err := l.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("start lab: %w", err), l.Close())
	}
	return l, nil
}

func (l *Lab) start(ctx context.Context, o Options) (err error) {
	config := netnstest.SwitchConfig{Name: "sw-green", ChassisMAC: greenChassis, Speaker: o.Speaker, Hold: o.Hold}
	if l.Green, err = netnstest.NewSwitch(ctx, config); err != nil {
		return err
	}
	config.Name, config.ChassisMAC = "sw-blue", blueChassis
	if l.Blue, err = netnstest.NewSwitch(ctx, config); err != nil {
		return err
	}
	for i, c := range Cabling {
		n, err := NewNode(ctx, c.Node, o.Binaries)
		if err != nil {
			return err
		}
		l.Nodes = append(l.Nodes, n)
		port := fmt.Sprintf("p%d", i+1)
		if err := n.Cable(ctx, c.Green, l.Green, port, GreenVLAN); err != nil {
			return err
		}
		if err := n.Cable(ctx, c.Blue, l.Blue, port, BlueVLAN); err != nil {
			return err
		}
	}
	if o.Old {
		return l.startOld(ctx, o.Binaries)
	}
	return nil
}

// startOld adds the switch that says nothing, with a cable to the green one, and its node.
func (l *Lab) startOld(ctx context.Context, bin Binaries) (err error) {
	if l.Old, err = netnstest.NewSwitch(ctx, netnstest.SwitchConfig{Name: "sw-old", Speaker: netnstest.Builtin}); err != nil {
		return err
	}
	if err := l.Old.KillSpeaker(); err != nil { // until somebody starts it
		return err
	}
	if _, err := netnstest.Connect(ctx, netnstest.Endpoint{In: l.Old, Name: "up"}, netnstest.Endpoint{In: l.Green, Name: "old"}); err != nil {
		return err
	}
	n, err := NewNode(ctx, OldNode, bin)
	if err != nil {
		return err
	}
	l.Nodes = append(l.Nodes, n)
	return n.Cable(ctx, OldPort, l.Old, "p1", 0)
}

// Close ends everything that was started and leaves nothing behind.
func (l *Lab) Close() error {
	var errs []error
	for _, n := range l.Nodes {
		errs = append(errs, n.Close())
	}
	for _, s := range []*netnstest.Switch{l.Old, l.Green, l.Blue} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// A Node is a machine: a namespace with an agent, cables and CNI plugins.
type Node struct {
	*netnstest.Namespace
	Cables map[string]*netnstest.Cable // by interface
	// AgentWrapper is a command that runs the agent, as a container does; mostly none.
	AgentWrapper []string

	bin   Binaries
	agent *netnstest.Cmd
}

// NewNode makes a node without cables, on which no agent runs.
func NewNode(ctx context.Context, name string, bin Binaries) (*Node, error) {
	ns, err := netnstest.New(ctx, name)
	if err != nil {
		return nil, err
	}
	n := &Node{Namespace: ns, Cables: map[string]*netnstest.Cable{}, bin: bin}
	if err := n.WriteFile("/etc/colvin/colvind.yaml", fmt.Sprintf(config, name)); err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	return n, nil
}

// Install has the node run other programs from now on, as an upgrade does. An agent that
// runs goes on.
func (n *Node) Install(bin Binaries) { n.bin = bin }

// Close stops the agent and drops the node.
func (n *Node) Close() error { return errors.Join(n.KillAgent(), n.Namespace.Close()) }

// WriteFile writes a file of the node, in one step as editors do.
func (n *Node) WriteFile(path, content string) error {
	temp := n.Path(path) + ".new"
	err := os.WriteFile(temp, []byte(content), 0o644)
	if err == nil {
		err = os.Rename(temp, n.Path(path))
	}
	if err != nil {
		return fmt.Errorf("write %s of %s: %w", path, n, err)
	}
	return nil
}

// Cable lays a cable from an interface to a switch port that tells a VLAN; VLAN
// 0 tells none.
func (n *Node) Cable(ctx context.Context, ifname string, sw *netnstest.Switch, port string, vlan uint16) error {
	if err := sw.SetPVID(ctx, port, vlan); err != nil {
		return err
	}
	c, err := netnstest.Connect(ctx, netnstest.Endpoint{In: n.Namespace, Name: ifname}, netnstest.Endpoint{In: sw, Name: port})
	if err != nil {
		return err
	}
	n.Cables[ifname] = c
	return nil
}

// Move re-plugs the cable of an interface into a switch port that tells a VLAN.
func (n *Node) Move(ctx context.Context, ifname string, sw *netnstest.Switch, port string, vlan uint16) error {
	if err := sw.SetPVID(ctx, port, vlan); err != nil {
		return err
	}
	return n.Cables[ifname].Move(ctx, netnstest.Endpoint{In: sw, Name: port})
}

// StartAgent starts colvind. Its log goes to /run/colvind.log of the node.
func (n *Node) StartAgent(ctx context.Context) error {
	log, err := os.OpenFile(n.Path("/run/colvind.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open log of %s: %w", n, err)
	}
	defer func() { _ = log.Close() }()
	command := slices.Concat(n.AgentWrapper, []string{n.bin.Colvind, "--config", "/etc/colvin/colvind.yaml"})
	n.agent = n.Command(context.WithoutCancel(ctx), command[0], command[1:]...)
	n.agent.Stdout, n.agent.Stderr = log, log
	if err := n.agent.Start(); err != nil {
		n.agent = nil
		return fmt.Errorf("start agent on %s: %w", n, err)
	}
	return nil
}

// StopAgent ends colvind as a service manager would.
func (n *Node) StopAgent() error { return n.signalAgent(syscall.SIGTERM) }

// KillAgent ends colvind without notice.
func (n *Node) KillAgent() error { return n.signalAgent(syscall.SIGKILL) }

// SignalAgent sends colvind a signal and goes on.
func (n *Node) SignalAgent(sig syscall.Signal) error {
	if err := n.agent.Process.Signal(sig); err != nil {
		return fmt.Errorf("signal agent on %s: %w", n, err)
	}
	return nil
}

func (n *Node) signalAgent(sig syscall.Signal) error {
	if n.agent == nil {
		return nil
	}
	agent := n.agent
	n.agent = nil
	if err := agent.Process.Signal(sig); err != nil {
		return fmt.Errorf("stop agent on %s: %w", n, err)
	}
	err := agent.Wait()
	if sig == syscall.SIGKILL {
		return nil
	}
	if err != nil {
		log, _ := n.AgentLog()
		return fmt.Errorf("stop agent on %s: %w\n%s", n, err, log)
	}
	return nil
}

// AgentPID is the process ID of the running agent.
func (n *Node) AgentPID() int { return n.agent.Process.Pid }

// AgentLog returns what the node's agents have logged.
func (n *Node) AgentLog() (string, error) {
	b, err := os.ReadFile(n.Path("/run/colvind.log"))
	return string(b), err
}

// Colvin runs the colvin command on the node and returns what it prints.
func (n *Node) Colvin(ctx context.Context, args ...string) (string, error) {
	out, err := n.Command(ctx, n.bin.Colvin, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("colvin %s on %s: %w\n%s", strings.Join(args, " "), n, err, out)
	}
	return string(out), nil
}

// A Pod is a container of a node.
type Pod struct {
	*netnstest.Container
	node    *Node
	conf    string
	address string // what the pod asks its address to be, such as 10.10.0.1/24
	said    string
}

// Said is what the plugin wrote to its standard error last, which a runtime logs.
func (p *Pod) Said() string { return p.said }

// PodInterface is the interface that a Pod gets.
const PodInterface = "net1"

// NewPod makes a container that is attached to nothing. conf is a CNI
// configuration; its IPAM plugin static takes the address from here.
func (n *Node) NewPod(ctx context.Context, name, conf, address string) (*Pod, error) {
	c, err := n.NewContainer(ctx, name)
	if err != nil {
		return nil, err
	}
	return &Pod{Container: c, node: n, conf: conf, address: address}, nil
}

// Add attaches the pod as a container runtime does and returns the CNI result,
// or what the plugin complained of.
func (p *Pod) Add(ctx context.Context) (string, error) { return p.cni(ctx, "ADD") }

// Del detaches the pod.
func (p *Pod) Del(ctx context.Context) error {
	_, err := p.cni(ctx, "DEL")
	return err
}

// Command returns a call of the colvin plugin for the pod as a container runtime
// makes it, which the caller may change and starts.
func (p *Pod) Command(ctx context.Context, verb string) *netnstest.Cmd {
	cmd := p.node.Command(ctx, filepath.Join(p.node.bin.CNI, "colvin"))
	cmd.Stdin = strings.NewReader(p.conf)
	cmd.Env = append(slices.Clone(os.Environ()),
		"CNI_COMMAND="+verb, "CNI_CONTAINERID="+p.String(), "CNI_NETNS="+p.NetNS(), "CNI_IFNAME="+PodInterface,
		"CNI_PATH="+p.node.bin.CNI, "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAME="+p.String()+";IP="+p.address)
	return cmd
}

func (p *Pod) cni(ctx context.Context, command string) (string, error) {
	cmd := p.Command(ctx, command)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	p.said = said.String()
	if err != nil {
		return "", &CNIError{Command: command, Output: string(out), Err: err}
	}
	return string(out), nil
}

// A CNIError is a plugin that failed; Output is the CNI error that it printed.
type CNIError struct {
	Command string
	Output  string
	Err     error
}

// Error returns what the plugin said.
func (e *CNIError) Error() string { return fmt.Sprintf("CNI %s: %v: %s", e.Command, e.Err, e.Output) }

// Unwrap returns the process's error.
func (e *CNIError) Unwrap() error { return e.Err }
