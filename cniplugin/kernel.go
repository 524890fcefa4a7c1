// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"errors"
	"fmt"
	"slices"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/colvin-net/colvin/cniplugin/attach"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// kernel is what the plugin asks the node's kernel.
type kernel interface {
	// ByIndex returns the interface with that ifindex, or link.ErrNotFound.
	ByIndex(index int) (discovery.Interface, error)
	// List returns all interfaces.
	List() ([]discovery.Interface, error)
	// InNetns returns the interface with that name in the network namespace at
	// path, or link.ErrNotFound.
	InNetns(path, ifname string) (discovery.Interface, error)
	// ListIn returns all interfaces in the network namespace at path.
	ListIn(path string) ([]discovery.Interface, error)
	// OriginIn returns the same with what is below it.
	OriginIn(path, ifname string) (link.Origin, error)
	// Enter opens the network namespace at path, for an interface to be made or removed in it.
	Enter(path string) (container, error)
	// DeleteIn removes the interface with that name in the network namespace at path,
	// or returns link.ErrNotFound.
	DeleteIn(path, ifname string) error
	// MoveOut moves the interface ifname out of the network namespace at path and names it
	// back, where that is not empty; link.ErrNotFound where there is none.
	MoveOut(path, ifname, back string) error
	// Restore gives an interface that is down the name it had, without an alias.
	Restore(index int, name string) error
	// RemoveAltNamesIn takes alternative names from the interface ifname in the
	// network namespace at path.
	RemoveAltNamesIn(path, ifname string, altNames []string) error
	// AddVLAN makes a VLAN device and sets it up; fs.ErrExist where its name or its
	// VLAN is taken.
	AddVLAN(parent int, vid uint16, name, alias string) error
	// SetUp sets an interface administratively up.
	SetUp(index int) error
	// Delete removes an interface, or returns link.ErrNotFound.
	Delete(index int) error
	// UsageOf returns what the node uses an interface for.
	UsageOf(index int) (link.Usage, error)
	// VFVLAN returns the VLAN that a virtual function bears, by its number on the PF.
	VFVLAN(pf, number int) (uint16, error)
	// FindPCI returns the device with that PCI address or auxiliary name, or
	// link.ErrNotFound.
	FindPCI(address string) (link.PCIDevice, error)
	// Sights are what can be told of network namespaces for certain.
	Sights(all []record.Netns) []record.Sight
	// BootID changes with every boot.
	BootID() (string, error)
}

// container is what the plugin asks of a container's kernel, to make an interface itself;
// package attach says what each does.
type container interface {
	Make(parent int, s *attach.Spec, name string, up bool) error
	Origin(name string) (link.Origin, error)
	Rename(index int, name string) error
	SetUp(index int) error
	Configure(index int, name string, result *current.Result) error
	Check(name string, conf *attach.Config, result *current.Result) error
	Remove(index int) error
	Inode() (uint64, error)
	Close()
}

var _ container = (*attach.Container)(nil)

type hostKernel struct{}

var _ kernel = hostKernel{}

func (hostKernel) ByIndex(index int) (discovery.Interface, error) { return link.ByIndex(index) }

func (hostKernel) List() ([]discovery.Interface, error) { return link.List() }

func (hostKernel) InNetns(path, ifname string) (discovery.Interface, error) {
	return link.InNetns(path, ifname)
}

func (hostKernel) ListIn(path string) ([]discovery.Interface, error) { return link.ListIn(path) }

func (hostKernel) OriginIn(path, ifname string) (link.Origin, error) {
	return link.OriginIn(path, ifname)
}

func (hostKernel) Enter(path string) (container, error) { return attach.Open(path) }

func (hostKernel) DeleteIn(path, ifname string) error { return link.DeleteIn(path, ifname) }

func (hostKernel) MoveOut(path, ifname, back string) error { return link.MoveOut(path, ifname, back) }

func (hostKernel) Restore(index int, name string) error { return link.Restore(index, name) }

func (hostKernel) RemoveAltNamesIn(path, ifname string, altNames []string) error {
	return link.RemoveAltNamesIn(path, ifname, altNames)
}

func (hostKernel) AddVLAN(parent int, vid uint16, name, alias string) error {
	return link.AddVLAN(parent, vid, name, alias)
}

func (hostKernel) SetUp(index int) error { return link.SetUp(index) }

func (hostKernel) Delete(index int) error { return link.Delete(index) }

func (hostKernel) UsageOf(index int) (link.Usage, error) { return link.UsageOf(index) }

func (hostKernel) VFVLAN(pf, number int) (uint16, error) { return link.VFVLAN(pf, number) }

func (hostKernel) FindPCI(address string) (link.PCIDevice, error) { return link.FindPCI(address) }

func (hostKernel) Sights(all []record.Netns) []record.Sight {
	return record.NewStrictObserver().Look(all)
}

func (hostKernel) BootID() (string, error) { return bootid.Read() }

// listedOnce is a kernel that is asked for all its interfaces where that is needed
// only, and once.
type listedOnce struct {
	kernel
	list func() ([]discovery.Interface, error)
}

func (k listedOnce) List() ([]discovery.Interface, error) { return k.list() }

// A leg is what frames take between the device that the delegate is told and a port.
type leg struct {
	on   nodefile.Link
	vid  uint16 // the tag that is added on the way
	port nodefile.Port
}

// verify asks the kernel whether the leg is still as the node file says, and returns its
// device as it is now. Only this makes the file safe to use when the agent is dead or
// behind.
func (l leg) verify(k kernel) (discovery.Interface, error) {
	port, err := same(k, l.port.Link)
	if err != nil {
		return discovery.Interface{}, err
	}
	switch {
	case !port.Up:
		return discovery.Interface{}, isDown(port)
	case !port.Operational():
		return discovery.Interface{}, hasNoLink(port.Name)
	case port.CarrierChanges != l.port.CarrierChanges:
		return discovery.Interface{}, fmt.Errorf(
			"%s lost its link since the switch was heard there (carrier changes %d, known at %d), and a cable can have moved",
			port.Name, port.CarrierChanges, l.port.CarrierChanges)
	}
	device := port
	if l.on != l.port.Link {
		if device, err = same(k, l.on); err != nil {
			return discovery.Interface{}, err
		}
	}
	if !device.Up {
		return discovery.Interface{}, isDown(device)
	}
	return device, l.requireLeads(k, device, port)
}

// A remediedError is one that says itself what helps; waiting for the agent does not.
type remediedError struct {
	error
	remedy string
}

func isDown(i discovery.Interface) error {
	return remediedError{fmt.Errorf("%s is administratively down", i.Name), setUp(i)}
}

// setUp is the command that brings an interface up.
func setUp(i discovery.Interface) string {
	return paste.Command("ip", "link", "set", "dev", paste.Device(i.Name, i.Index), "up")
}

func hasNoLink(name string) error {
	return remediedError{fmt.Errorf("%s has no link", name), "check its cable and the switch port at the other end"}
}

// requireLeads makes sure that frames of the device leave through the port, with the
// leg's tag or with none: a port can leave its bond or bridge while its link stays.
func (l leg) requireLeads(k kernel, device, port discovery.Interface) error {
	if device.Index == port.Index {
		if l.vid != 0 {
			return fmt.Errorf("%s carries VLAN %d tagged and is no VLAN device", device.Name, l.vid)
		}
		return nil
	}
	all, err := k.List()
	if err != nil {
		return err
	}
	if reaches(all, device, port.Index, l.vid, len(all)) {
		return sameJunctions(all, l.port.Junctions)
	}
	return fmt.Errorf("%s is no longer above %s%s", device.Name, port.Name, withTag(l.vid))
}

// same finds the interface by its ifindex, since names can be exchanged, and
// makes sure it is not another one with the index of the old.
func same(k kernel, want nodefile.Link) (discovery.Interface, error) {
	got, err := k.ByIndex(want.Index)
	switch {
	case errors.Is(err, link.ErrNotFound):
		return discovery.Interface{}, fmt.Errorf("%s (ifindex %d) is gone", want.Name, want.Index)
	case err != nil:
		return discovery.Interface{}, err
	case got.MAC.String() != want.MAC && got.Kind != discovery.KindBridge: // whose MAC address changes with its ports
		return discovery.Interface{}, fmt.Errorf("%s (ifindex %d) has MAC address %s, which was %s",
			got.Name, got.Index, got.MAC, want.MAC)
	}
	return got, nil
}

func linkOf(i discovery.Interface) nodefile.Link {
	return nodefile.Link{Name: i.Name, Index: i.Index, MAC: i.MAC.String()}
}

// sameJunctions makes sure that what joins ports still sends through those on which
// the switches were heard.
func sameJunctions(all []discovery.Interface, want []nodefile.Junction) error {
	for _, j := range want {
		i := slices.IndexFunc(all, func(i discovery.Interface) bool { return i.Index == j.Index })
		switch {
		case i < 0:
			return fmt.Errorf("%s (ifindex %d) is gone", j.Name, j.Index)
		case !slices.Equal(discovery.Carrying(all[i], all), j.Members):
			return fmt.Errorf("%s sends through other members since the switch was heard", all[i].Name)
		}
	}
	return nil
}

// reaches walks down from device: to the lower device of a VLAN device, else to
// the members of a bridge or bond. Depth bounds a walk in a circle.
func reaches(all []discovery.Interface, device discovery.Interface, port int, vid uint16, depth int) bool {
	if device.Index == port {
		return vid == 0
	}
	if depth == 0 || device.VLAN != 0 && device.VLAN != vid || device.VLANFiltering {
		return false
	}
	if device.VLAN != 0 {
		vid = 0 // this device adds the tag
	}
	for _, lower := range all {
		if lower.Master == device.Index || lower.Index == device.Parent {
			if reaches(all, lower, port, vid, depth-1) {
				return true
			}
		}
	}
	return false
}

func withTag(vid uint16) string {
	if vid == 0 {
		return ""
	}
	return fmt.Sprintf(" with VLAN %d", vid)
}
