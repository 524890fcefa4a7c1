// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// target is the uplink an ADD uses, with its device as the kernel has it.
type target struct {
	nodefile.Uplink
	device discovery.Interface // what the delegate is told; the VLAN device's parent until there is one
	make   bool                // the delegate needs a VLAN device on it
	takes  bool                // the delegate moves it into the container
	chosen nodefile.Link       // the network device that a device plugin chose, if it has one
	names  []string            // of the networks that it leads to
}

// confirm asks the kernel about an uplink, and makes sure that the delegate can use its
// device.
func (p *Plugin) confirm(c *conf, node *nodefile.File, a *nodefile.Uplink) (*target, error) {
	there := a.Device != (nodefile.Link{})
	if c.profile.use == bridged && !there {
		return nil, unsafe("there is no bridge over %s for VLAN %d, and the bridge plugin takes nothing else; make one, or use macvlan", a.Parent.Name, a.VID)
	}
	device, err := p.verifyAll(c, a)
	if err != nil {
		return nil, err
	}
	if err := p.suits(c, a.Ports[0].Link, device); err != nil {
		return nil, err
	}
	moved, err := p.moved(c, device)
	if err != nil {
		return nil, err
	}
	if err := p.free(moved); err != nil {
		return nil, err
	}
	return &target{
		Uplink: *a, device: device, make: c.profile.use == over && !there,
		takes: moved.Index == device.Index, names: node.NamesOf(a.Device), chosen: p.chosenLink(c),
	}, nil
}

// verifyAll makes sure that the kernel agrees about every port below the device, since
// frames can leave through any of them, and returns what the delegate is told.
func (p *Plugin) verifyAll(c *conf, a *nodefile.Uplink) (device discovery.Interface, err error) {
	k := listedOnce{p.kernel, sync.OnceValues(p.kernel.List)}
	for _, l := range c.legs(a) {
		if device, err = l.verify(k); err != nil {
			return discovery.Interface{}, err
		}
	}
	return device, nil
}

// legs are an uplink as the delegate uses it.
func (c *conf) legs(a *nodefile.Uplink) []leg {
	var out []leg
	for _, p := range a.Ports {
		l := leg{on: a.Device, vid: p.VID, port: p}
		switch {
		case c.profile.use == function || c.profile.use == taken && c.chosen != "":
			l.on, l.vid = p.Link, 0
		case a.Device == (nodefile.Link{}):
			l.on, l.vid = a.Parent, 0 // the tag is added on top of it
		}
		out = append(out, l)
	}
	return out
}

// unsafeError is why a device that leads to the network must not be used.
type unsafeError struct{ error }

func unsafe(format string, args ...any) error { return unsafeError{fmt.Errorf(format, args...)} }

// suits makes sure that the device is of the kind that the delegate needs, and that
// what a device plugin chose on the port leads where the port does.
func (p *Plugin) suits(c *conf, port nodefile.Link, device discovery.Interface) error {
	if c.chosen != "" {
		if err := errors.Join(p.bonded(port), p.untagged(c, port)); err != nil {
			return err
		}
	}
	if c.profile.use == bridged && device.Kind != discovery.KindBridge {
		return unsafe("%s is no bridge, and the bridge plugin takes nothing else; make a bridge over it, or use macvlan", device.Name)
	}
	return nil
}

// moved is the device of the node that the delegate moves into the container: this one,
// or what a device plugin chose; none where that is bound to a driver for user space.
func (p *Plugin) moved(c *conf, device discovery.Interface) (discovery.Interface, error) {
	if c.profile.use != taken {
		return discovery.Interface{}, nil
	}
	if c.chosen == "" {
		return device, nil
	}
	pci, err := p.kernel.FindPCI(c.chosen)
	if err != nil || len(pci.Names) == 0 {
		return discovery.Interface{}, err
	}
	return byName(p.kernel, pci.Names[0])
}

// chosenLink is the network device that a device plugin chose; the zero value where it has
// none on the node.
func (p *Plugin) chosenLink(c *conf) nodefile.Link {
	if c.chosen == "" {
		return nodefile.Link{}
	}
	pci, err := p.kernel.FindPCI(c.chosen)
	if err != nil || len(pci.Names) != 1 {
		return nodefile.Link{}
	}
	device, err := byName(p.kernel, pci.Names[0])
	if err != nil {
		return nodefile.Link{}
	}
	return linkOf(device)
}

// free makes sure that the node can do without a device that is moved.
func (p *Plugin) free(device discovery.Interface) error {
	if device.Index == 0 {
		return nil
	}
	if device.Kind.JoinsPorts() {
		return unsafe("%s is a %s, and its ports would stay behind; use macvlan", device.Name, device.Kind)
	}
	u, err := p.kernel.UsageOf(device.Index)
	if err != nil {
		return err
	}
	if by := inUse(u); by != "" {
		return unsafe("the node itself uses %s: %s; host-device would take it away: free it, or use macvlan", device.Name, by)
	}
	return nil
}

// inUse is what the node uses a device for, or nothing.
func inUse(u link.Usage) string {
	var by []string
	if len(u.Addresses) > 0 {
		by = append(by, fmt.Sprintf("it has address %s", u.Addresses[0]))
	}
	if len(u.Routes) > 0 {
		by = append(by, fmt.Sprintf("route %s leads through it", u.Routes[0]))
	}
	if u.Master != 0 {
		by = append(by, "it belongs to a bridge, bond or other master")
	}
	if len(u.Uppers) > 0 {
		by = append(by, strings.Join(u.Uppers, ", ")+" is on top of it")
	}
	return strings.Join(by, "; ")
}

// bonded refuses a chosen device of a port that a bond sends through: it would
// bypass the bond.
func (p *Plugin) bonded(on nodefile.Link) error {
	port, err := p.kernel.ByIndex(on.Index)
	if err != nil || port.Master == 0 {
		return err
	}
	master, err := p.kernel.ByIndex(port.Master)
	if err != nil {
		return err
	}
	if master.Kind.Aggregates() {
		return unsafe("%s is a member of %s, and the device that was chosen on it would bypass that", port.Name, master.Name)
	}
	return nil
}

// untagged refuses a virtual function that somebody gave a VLAN, where the delegate
// leaves it as it is.
func (p *Plugin) untagged(c *conf, port nodefile.Link) error {
	if c.profile.use == function {
		return nil
	}
	pci, err := p.kernel.FindPCI(c.chosen)
	if err != nil || !pci.VF || pci.Number < 0 {
		return err
	}
	vid, err := p.kernel.VFVLAN(port.Index, pci.Number)
	switch {
	case err != nil:
		err = unsafe("nobody tells which VLAN virtual function %d of %s bears: %v; use sriov, which sets it", pci.Number, port.Name, err)
	case vid != 0:
		err = unsafe("virtual function %d of %s bears VLAN %d, which is another network; %s takes it off",
			pci.Number, port.Name, vid, paste.Command("ip", "link", "set", "dev", paste.Device(port.Name, port.Index), "vf", strconv.Itoa(pci.Number), "vlan", "0"))
	}
	return err
}

func byName(k kernel, name string) (discovery.Interface, error) {
	all, err := k.List()
	if err != nil {
		return discovery.Interface{}, err
	}
	i := slices.IndexFunc(all, func(i discovery.Interface) bool { return i.Name == name })
	if i < 0 {
		return discovery.Interface{}, fmt.Errorf("%s is gone", name)
	}
	return all[i], nil
}

// usableBy keeps the uplinks that the delegate can use at all, and says why
// where there is none.
func (p *Plugin) usableBy(c *conf, node *nodefile.File, all []nodefile.Uplink) ([]nodefile.Uplink, error) {
	about := fmt.Sprintf("%s: network %q", node.Node, c.network)
	switch {
	case c.profile.use == function && c.chosen == "":
		return nil, fail(types.ErrInvalidNetworkConfig,
			`%s: "deviceID" is missing: %s attaches a virtual function that a device plugin chose; ask for one with the annotation k8s.v1.cni.cncf.io/resourceName`, about, c.delegateType)
	case c.chosen != "":
		return p.chosenOnly(c, node, all)
	case c.profile.use == tagged:
		return only(all, func(a *nodefile.Uplink) bool {
			return a.Parent != (nodefile.Link{}) && a.Device == (nodefile.Link{})
		},
			func(a *nodefile.Uplink) error {
				if a.VID == 0 {
					return fail(errUnsafe, "%s: it is untagged on %s, and vlan makes VLAN interfaces only; use macvlan", about, a.Ports[0].Name)
				}
				return fail(errUnsafe, "%s: the node has the VLAN device %s already, and the kernel allows one for each VLAN; use macvlan, which shares it", about, a.Device.Name)
			})
	case c.profile.use == taken:
		return only(all, func(a *nodefile.Uplink) bool { return a.Device != (nodefile.Link{}) },
			func(a *nodefile.Uplink) error {
				return fail(errUnsafe, "%s: it is tagged with VLAN %d on %s, and containers share the VLAN device that Colvin makes; host-device can take one that you make, or use macvlan",
					about, a.VID, a.Parent.Name)
			})
	}
	return all, nil
}

// only keeps what is good; where nothing is, it says why the first is not.
func only(all []nodefile.Uplink, good func(*nodefile.Uplink) bool, why func(*nodefile.Uplink) error) ([]nodefile.Uplink, error) {
	var out []nodefile.Uplink
	for i := range all {
		if good(&all[i]) {
			out = append(out, all[i])
		}
	}
	if len(out) == 0 {
		return nil, why(&all[0])
	}
	return out, nil
}

// chosenOnly keeps the uplinks through the port of the device that a device
// plugin chose. It knows nothing of networks, so the device can be of any.
func (p *Plugin) chosenOnly(c *conf, node *nodefile.File, all []nodefile.Uplink) ([]nodefile.Uplink, error) {
	about := fmt.Sprintf("%s: network %q", node.Node, c.network)
	pci, err := p.kernel.FindPCI(c.chosen)
	switch {
	case errors.Is(err, link.ErrNotFound):
		return nil, fail(types.ErrInvalidNetworkConfig, "%s: there is no device %q on this node", about, c.chosen)
	case err != nil:
		return nil, fail(types.ErrInvalidNetworkConfig, "%s: %v", about, err)
	}
	ports := pci.Names
	if pci.VF {
		ports = pci.PF
	}
	if len(ports) > 1 {
		return nil, fail(errUnsafe, "%s: the device plugin chose %s, which has several ports (%s), and nothing tells which of them it uses; use macvlan without a device plugin",
			about, c.chosen, strings.Join(ports, ", "))
	}
	var out []nodefile.Uplink
	if len(ports) == 1 {
		port, err := byName(p.kernel, ports[0])
		if err != nil {
			return nil, fail(types.ErrTryAgainLater, "%s: the port of device %s: %v", about, c.chosen, err)
		}
		out = through(all, port.Index)
	}
	if len(out) > 0 {
		return only(out, func(a *nodefile.Uplink) bool { return a.VID == 0 || c.profile.vidKey != "" },
			func(a *nodefile.Uplink) error {
				return fail(errUnsafe, "%s: it is tagged with VLAN %d on %s, and %s does not tag what it gives to a container; use sriov, or macvlan without a device plugin",
					about, a.VID, a.Ports[0].Name, c.delegateType)
			})
	}
	where := "which has no port that Colvin listens on"
	if len(ports) > 0 {
		where = fmt.Sprintf("whose port %s leads to %s", ports[0], leadsTo(node, ports[0]))
	}
	return nil, fail(errUnsafe, "%s: the device plugin chose %s, %s; give each network a resource of its own in the device plugin's configuration",
		about, c.chosen, where)
}

// through are the uplinks through a port, as far as they are through that port.
func through(all []nodefile.Uplink, port int) []nodefile.Uplink {
	var out []nodefile.Uplink
	for _, a := range all {
		for _, p := range a.Ports {
			if p.Index == port {
				a.Ports, a.VID = []nodefile.Port{p}, p.VID
				out = append(out, a)
			}
		}
	}
	return out
}

// leadsTo lists the networks of a port.
func leadsTo(node *nodefile.File, port string) string {
	var names []string
	for _, n := range node.Networks {
		if slices.ContainsFunc(n.Uplinks, func(a nodefile.Uplink) bool {
			return slices.ContainsFunc(a.Ports, func(p nodefile.Port) bool { return p.Name == port })
		}) {
			names = append(names, n.Name)
		}
	}
	if len(names) == 0 {
		return "no network that has a name"
	}
	return some(names)
}
