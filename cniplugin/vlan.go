// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
)

// A VLAN device that the plugin makes is there for the containers of one tagged
// network and belongs to none of them: the first ADD makes it, the DEL or GC that
// drops the last record removes it. Its alias marks it as Colvin's. Whoever makes
// one and writes a record, or drops a record and removes one, holds the lock of its
// parent and VLAN ID meanwhile.

// makeVLAN finds or makes the VLAN device that the target needs, and returns the target
// with it. The function returned lets go of its lock, once a record names the device.
func (a *operation) makeVLAN(t *target) (made *target, release func(), err error) {
	release, err = a.lockDevice(t.device.Index, t.VID)
	if err != nil {
		return nil, nil, err
	}
	device, err := a.findOrMake(t.device, t.VID)
	if err != nil {
		release()
		return nil, nil, err
	}
	out := *t
	out.device = device
	return &out, release, nil
}

// lockDevice is store.LockDevice, no longer than for one lock.
func (a *operation) lockDevice(index int, vid uint16) (release func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), a.patience.lock)
	defer cancel()
	release, err = a.store.LockDevice(ctx, index, vid)
	if errors.Is(err, record.ErrLocked) {
		return nil, fail(types.ErrTryAgainLater, "another plugin works on the device: %v; try again", err)
	}
	return release, err
}

func (a *operation) findOrMake(parent discovery.Interface, vid uint16) (discovery.Interface, error) {
	found, err := a.find(parent, vid)
	if err != nil || found.Index != 0 {
		return found, err
	}
	all, err := a.kernel.List()
	if err != nil {
		return discovery.Interface{}, err
	}
	err = a.kernel.AddVLAN(parent.Index, vid, vlanName(all, parent, vid), vlanAlias(a.store))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return discovery.Interface{}, err
	}
	if found, err := a.find(parent, vid); err != nil || found.Index != 0 {
		return found, err
	}
	return discovery.Interface{}, fail(errUnsafe,
		"VLAN %d of %s has a device in another network namespace already, and the kernel allows one for each VLAN; remove the container that has it: %v", vid, parent.Name, err)
}

// find returns the VLAN device if there is one that can be used, and removes one that
// a killed plugin left half made.
func (a *operation) find(parent discovery.Interface, vid uint16) (discovery.Interface, error) {
	for start := time.Now(); ; time.Sleep(settlePause) {
		all, err := a.kernel.List()
		if err != nil {
			return discovery.Interface{}, err
		}
		i := slices.IndexFunc(all, isVLAN(parent.Index, vid))
		switch {
		case i < 0:
			return discovery.Interface{}, nil
		case all[i].Unfinished && time.Since(start) > settleTime:
			return discovery.Interface{}, a.kernel.Delete(all[i].Index)
		case all[i].Unfinished: // somebody with other records may be at it
			continue
		}
		return all[i], a.usable(all[i])
	}
}

// usable reports why a VLAN device cannot be used.
func (a *operation) usable(device discovery.Interface) error {
	switch {
	case device.Own() && device.Alias != vlanAlias(a.store):
		return fail(errUnsafe, "VLAN device %s is shared by containers whose records are elsewhere (%s); give the container runtime, and what else runs this plugin, the same %s",
			device.Name, device.Alias, recordDirVar)
	case !device.Up:
		return fail(types.ErrTryAgainLater, "VLAN device %s is administratively down; %s",
			device.Name, setUp(device))
	}
	return nil
}

// vlanAlias marks a VLAN device as Colvin's, and says which records count its users.
func vlanAlias(store *record.Store) string {
	const maxAlias = 255 // IFALIASZ, with the closing NUL
	alias := discovery.OwnAlias + "shared by containers; records in " + store.Dir()
	return alias[:min(len(alias), maxAlias)]
}

func isVLAN(parent int, vid uint16) func(discovery.Interface) bool {
	return func(i discovery.Interface) bool {
		return i.Kind == discovery.KindVLAN && i.Parent == parent && i.VLAN == vid
	}
}

// vlanName is a free name for a VLAN device: as an operator would call it, or one
// that is always short enough.
func vlanName(all []discovery.Interface, parent discovery.Interface, vid uint16) string {
	name := fmt.Sprintf("%s.%d", parent.Name, vid)
	taken := slices.ContainsFunc(all, func(i discovery.Interface) bool { return i.Name == name || slices.Contains(i.AltNames, name) })
	if len(name) > discovery.MaxInterfaceName || taken {
		name = fmt.Sprintf("cv%d.%d", parent.Index, vid)
	}
	return name
}

// forget removes the record, and the VLAN device with the last record that names it.
// r is nil where the record cannot be read.
func (a *operation) forget(r *record.Record) error {
	if r == nil || r.Parent.Index == 0 || r.Taken || !a.isOfThisBoot(r) {
		return a.lock.Remove()
	}
	release, err := a.lockDevice(r.Parent.Index, r.VID)
	if err != nil {
		return err
	}
	defer release()
	if err := a.lock.Remove(); err != nil {
		return err
	}
	return a.removeUnused(r.Device.Index)
}

// removeUnused removes a VLAN device that Colvin made and no record of this boot
// names any more. The caller holds its lock.
func (s *session) removeUnused(index int) error {
	device, err := s.kernel.ByIndex(index)
	if errors.Is(err, link.ErrNotFound) {
		return nil
	}
	if err != nil || device.Alias != vlanAlias(s.store) {
		return err // it is not ours, or the records of its users are elsewhere
	}
	records, err := s.store.List()
	if errors.Is(err, record.ErrDamaged) || errors.Is(err, record.ErrLater) {
		return nil // it may be one that names the device
	}
	if err != nil || slices.ContainsFunc(records, func(r record.Record) bool { return s.isOfThisBoot(&r) && !r.Detached && r.Device.Index == index }) {
		return err
	}
	usage, err := s.kernel.UsageOf(index)
	if err != nil || inUse(usage) != "" { // somebody has made it his own
		return err
	}
	if err := s.kernel.Delete(index); !errors.Is(err, link.ErrNotFound) {
		return err
	}
	return nil
}

// sweepVLANs removes the VLAN devices that killed plugins left.
func (s *session) sweepVLANs(deadline time.Time) error {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	all, err := s.kernel.List()
	if err != nil {
		return err
	}
	var errs []error
	for _, i := range all {
		if !i.Own() || i.Kind != discovery.KindVLAN {
			continue
		}
		release, err := s.store.LockDevice(ctx, i.Parent, i.VLAN)
		if err == nil {
			err = s.sweepVLAN(i)
			release()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// sweepVLAN removes a VLAN device that was left, half made or without a record.
func (s *session) sweepVLAN(device discovery.Interface) error {
	for start := time.Now(); device.Unfinished && time.Since(start) <= settleTime; time.Sleep(settlePause) {
		now, err := s.kernel.ByIndex(device.Index)
		if err != nil {
			return nil // it is gone
		}
		device = now
	}
	if !device.Unfinished {
		return s.removeUnused(device.Index)
	}
	if err := s.kernel.Delete(device.Index); !errors.Is(err, link.ErrNotFound) {
		return err
	}
	return nil
}
