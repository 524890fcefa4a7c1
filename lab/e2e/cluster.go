// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/cniplugins"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/lab/kit"
	"github.com/colvin-net/colvin/lab/kubenode"
)

// The fifth node, which has a cable to the blue switch alone.
const (
	blueNode = "node5"
	bluePort = "ens2"
)

// Version is that of Colvin in the cluster: the chart's, so that no image has to be named.
const Version = "v0.1.0"

// managementDevice leads to the API server, on each node.
const managementDevice = "mgmt0"

// The addresses: of the API server and nodes, and of pods, a subnet for each node.
var (
	serverAddress = netip.MustParseAddr("10.213.0.1")
	serviceRange  = netip.MustParsePrefix(controlplane.ServiceRange)
)

// nodeAddress is that of the node with a number from 1 on.
func nodeAddress(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 213, 0, byte(10 + i)}), 24)
}

// podRange is where the pods of a node have theirs.
func podRange(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 214, byte(i), 0}), 24)
}

// A Cluster is what Start made. The lab's nodes are its machines, with kubelets.
type Cluster struct {
	*controlplane.ControlPlane
	*lab.Lab
	Kubelets []*kubenode.Node // one for each of Nodes

	dir        string
	management *netnstest.Switch
}

// Options of Start.
type Options struct {
	Logs   string // directory for what the programs of nodes say
	Multus string // Thin or Thick
}

// Start makes switches, cables, control plane and nodes, with Multus and whereabouts, and with
// the images of this source on each node. Colvin is not installed.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	c := &Cluster{}
	if err := c.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("start the cluster: %w", err), c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, o Options) (err error) {
	if c.dir, err = os.MkdirTemp("", "colvin-e2e-"); err != nil {
		return err
	}
	var built errgroup.Group // while the rest starts
	built.Go(func() error { return BuildImages(ctx, c.dir, Version) })
	if err := c.startMachines(ctx); err != nil {
		return errors.Join(err, built.Wait())
	}
	if err := c.startControlPlane(ctx); err != nil {
		return errors.Join(err, built.Wait())
	}
	if err := c.startKubelets(ctx, o.Logs); err != nil {
		return errors.Join(err, built.Wait())
	}
	if err := built.Wait(); err != nil {
		return err
	}
	for _, n := range c.Kubelets {
		if err := n.Import(ctx, Archives(c.dir, Version)...); err != nil {
			return err
		}
	}
	return c.installOthers(ctx, o.Multus)
}

// Archives are those of Colvin's images in a directory.
func Archives(dir, version string) []string {
	return []string{filepath.Join(dir, "colvin-"+version+".tar"), filepath.Join(dir, "colvin-controller-"+version+".tar")}
}

// BuildImages builds the images as "make images" does, for this machine alone.
func BuildImages(ctx context.Context, dir, version string) error {
	top, err := kit.Top()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "run", ".", "-source=../..", "-out="+dir, "-version="+version, "-platforms=linux/"+runtime.GOARCH, "images")
	cmd.Dir = filepath.Join(top, "hack/release")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the images: %w\n%s", err, said)
	}
	return nil
}

// startMachines makes the switches and the machines behind them, and the network of the nodes.
func (c *Cluster) startMachines(ctx context.Context) (err error) {
	if c.Lab, err = lab.Start(ctx, lab.Options{Speaker: netnstest.LLDPD, Hold: 30, Old: true}); err != nil {
		return err
	}
	last, err := lab.NewNode(ctx, blueNode, lab.Binaries{})
	if err != nil {
		return err
	}
	c.Nodes = append(c.Nodes, last)
	if err := last.Cable(ctx, bluePort, c.Blue, "p9", lab.BlueVLAN); err != nil {
		return err
	}
	if c.management, err = netnstest.NewSwitch(ctx, netnstest.SwitchConfig{Name: "management", Speaker: netnstest.Builtin}); err != nil {
		return err
	}
	if err := c.management.KillSpeaker(); err != nil { // it says nothing
		return err
	}
	return c.configureManagement(ctx)
}

// configureManagement gives the network of nodes the API server's addresses, cables, and the way
// to the pods of each.
func (c *Cluster) configureManagement(ctx context.Context) error {
	for _, p := range []netip.Prefix{netip.PrefixFrom(serverAddress, 24), netip.PrefixFrom(serviceRange.Addr().Next(), 32)} {
		if err := c.management.AddAddress(netnstest.BridgeName, p); err != nil {
			return err
		}
	}
	if err := errors.Join(c.management.SetUp(netnstest.BridgeName), c.management.Forward(ctx)); err != nil {
		return err
	}
	for i, n := range c.Nodes {
		near := netnstest.Endpoint{In: n.Namespace, Name: managementDevice}
		if _, err := netnstest.Connect(ctx, near, netnstest.Endpoint{In: c.management, Name: n.String()}); err != nil {
			return err
		}
		if err := c.management.AddRoute(netnstest.BridgeName, podRange(i+1), nodeAddress(i+1).Addr()); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) startControlPlane(ctx context.Context) (err error) {
	var names []string
	for _, n := range c.Nodes {
		names = append(names, n.String())
	}
	c.ControlPlane, err = controlplane.Start(ctx, controlplane.Options{
		Scheduler: true, Controllers: true, Nodes: names,
		Network: &controlplane.Network{
			Namespace: c.management.Namespace,
			Addresses: []net.IP{serverAddress.AsSlice(), serviceRange.Addr().Next().AsSlice()},
		},
	})
	return err
}

// startKubelets makes the machines nodes, with the images of others.
func (c *Cluster) startKubelets(ctx context.Context, logs string) error {
	plugins, err := cniplugins.Install(ctx, func(string) {})
	if err != nil {
		return err
	}
	images, err := controlplane.NodeProgram("images")
	if err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(images, "*.tar"))
	if err != nil {
		return err
	}
	for i, machine := range c.Nodes {
		if err := os.Remove(machine.Path("/etc/colvin/colvind.yaml")); err != nil { // the chart's is another
			return err
		}
		n, err := kubenode.Join(ctx, machine.Namespace, kubenode.Config{
			Device: managementDevice, Address: nodeAddress(i + 1), Gateway: serverAddress, Pods: podRange(i + 1),
			Kubeconfig: c.Kubelet(machine.String()).Kubeconfig(), Plugins: plugins, Logs: logs,
		})
		if err != nil {
			return err
		}
		c.Kubelets = append(c.Kubelets, n)
		if err := n.Import(ctx, archives...); err != nil {
			return err
		}
	}
	return nil
}

// Close ends everything that was started and leaves nothing behind.
func (c *Cluster) Close() error {
	var errs []error
	for i := range c.Kubelets { // which closes the machine
		errs = append(errs, c.Kubelets[i].Close())
	}
	if c.ControlPlane != nil {
		errs = append(errs, c.ControlPlane.Close())
	}
	if c.Lab != nil {
		c.Nodes = c.Nodes[len(c.Kubelets):]
		errs = append(errs, c.Lab.Close())
	}
	if c.management != nil {
		errs = append(errs, c.management.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(c.dir))...)
}
