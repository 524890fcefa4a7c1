// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
)

// stacked are the kinds of devices over another, to which their IFLA_LINK leads.
var stacked = map[discovery.Kind]bool{"macvlan": true, "macvtap": true, "ipvlan": true, "ipvtap": true, discovery.KindVLAN: true}

// made makes sure that the interface in the container belongs to the device of its
// record. A delegate is told a name, and names can be exchanged before it looks that up,
// and back after; what it made tells by ifindex.
func (a *operation) made(r *record.Record) error { return a.madeIn(r, a.args.Netns) }

// madeIn is made for a container whose namespace is at a path.
func (a *operation) madeIn(r *record.Record, netns string) error {
	got, err := a.kernel.OriginIn(netns, r.IfName)
	chosen := chosenBy(r)
	p, known := profiles[r.DelegateType]
	switch {
	case errors.Is(err, link.ErrNotFound) && (chosen != "" || !known): // a driver for user space has it; or who knows
		return nil
	case err != nil:
		return err
	case r.Taken:
		return isDevice(got, r)
	case chosen != "":
		return a.isFunction(got, r, chosen)
	case p.use == bridged:
		return a.isBridged(got, r)
	case known || stacked[got.Kind]:
		return a.isOver(got, r)
	}
	return nil
}

// chosenBy is the device that a device plugin chose for the attachment; empty for none.
func chosenBy(r *record.Record) string {
	var conf struct {
		DeviceID string `json:"deviceID"`
		PCIBusID string `json:"pciBusID"`
	}
	if json.Unmarshal(r.DelegateConf, &conf) != nil {
		return ""
	}
	switch profiles[r.DelegateType].use {
	case function:
		return conf.DeviceID
	case taken:
		return conf.PCIBusID
	default:
		return ""
	}
}

// isDevice is for a device that was moved: it keeps its ifindex where that is free, and
// its MAC address until somebody gives it another.
func isDevice(got link.Origin, r *record.Record) error {
	if got.MAC.String() != r.Device.MAC && got.Index != r.Device.Index {
		return fmt.Errorf("%s in the container has MAC address %s, and %s had %s", got.Name, got.MAC, r.Device.Name, r.Device.MAC)
	}
	return nil
}

// isFunction is for what a device plugin chose. The delegate sets the VLAN of a virtual
// function at its port, which it finds by name.
func (a *operation) isFunction(got link.Origin, r *record.Record, chosen string) error {
	if got.Function != "" && got.Function != chosen {
		return fmt.Errorf("%s in the container is device %s, and %s was chosen", got.Name, got.Function, chosen)
	}
	if profiles[r.DelegateType].use != function {
		return nil
	}
	pci, err := a.kernel.FindPCI(chosen)
	if err != nil || !pci.VF || pci.Number < 0 {
		return nil //nolint:nilerr // not every driver tells
	}
	if vid, err := a.kernel.VFVLAN(r.Port.Index, pci.Number); err == nil && vid != r.VID {
		return fmt.Errorf("virtual function %d of %s (ifindex %d) bears VLAN %d, not %d", pci.Number, r.Port.Name, r.Port.Index, vid, r.VID)
	}
	return nil
}

// isBridged is for a veth whose other end the bridge has.
func (a *operation) isBridged(got link.Origin, r *record.Record) error {
	if got.Kind != "veth" || !got.Here {
		return fmt.Errorf("%s in the container is no veth with its other end on the node", got.Name)
	}
	end, err := a.kernel.ByIndex(got.Lower)
	if err != nil {
		return err
	}
	if end.Master != r.Device.Index {
		return fmt.Errorf("%s in the container is in %s, not in %s", got.Name, a.named(end.Master), named(r.Device.Name, r.Device.Index))
	}
	return nil
}

// isOver is for an interface that was made over the device.
func (a *operation) isOver(got link.Origin, r *record.Record) error {
	want := named(r.Device.Name, r.Device.Index)
	switch {
	case got.Lower == 0:
		return fmt.Errorf("%s in the container is a %s, and not over %s", got.Name, got.Kind, want)
	case !got.Here:
		return fmt.Errorf("%s in the container is over a device of another network namespace, not over %s", got.Name, want)
	case got.Lower != r.Device.Index:
		return fmt.Errorf("%s in the container is over %s, not over %s", got.Name, a.named(got.Lower), want)
	case profiles[r.DelegateType].use == tagged && got.VLAN != r.VID:
		return fmt.Errorf("%s in the container bears VLAN %d, not %d", got.Name, got.VLAN, r.VID)
	}
	return nil
}

// named names one of the node's devices as it is called now.
func (a *operation) named(index int) string {
	if index == 0 {
		return "no device"
	}
	ifi, err := a.kernel.ByIndex(index)
	if err != nil {
		return named("a device that is gone", index)
	}
	return named(ifi.Name, index)
}

func named(name string, index int) string { return fmt.Sprintf("%s (ifindex %d)", name, index) }

// removeMade removes the interface that a delegate made and does not remove: nothing is
// left that could lead to another network. Hardware can only be given back.
func (a *operation) removeMade(r *record.Record) error {
	if r.Taken || chosenBy(r) != "" {
		return nil
	}
	err := a.kernel.DeleteIn(a.args.Netns, r.IfName)
	if isGone(err) {
		return nil
	}
	return err
}
