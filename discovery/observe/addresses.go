// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"net/netip"
	"slices"
	"time"

	"github.com/colvin-net/colvin/discovery"
)

const (
	// addressesEvery bounds how often the IP addresses are listed: some nodes have
	// thousands, and each router advertisement may renew some.
	addressesEvery = time.Second
	// addressesSettle is how long to wait for what changes together with another.
	addressesSettle = 50 * time.Millisecond
	// addressesOld is when they are listed with the interfaces though nothing hinted.
	addressesOld = 5 * time.Second
)

// An addressList is what was last known of the node's IP addresses.
type addressList struct {
	at       time.Time            // when they were listed, or that was tried
	of       map[int]ownAddresses // by ifindex
	outdated bool                 // some are of a device that is gone, or that no list had yet
	changed  bool                 // and no Snapshot shows it yet
}

// ownAddresses are those of one instance of an interface.
type ownAddresses struct {
	instance uint32
	discovery.Addresses
}

// listAddresses lists the IP addresses of the interfaces, and notes whether that is worth a
// Snapshot: a renewed lease is none, but the first time after a cable was plugged in.
func (o *Observer) listAddresses(interfaces []discovery.Interface) {
	o.addresses.at = o.now()
	found, err := o.c.Addresses()
	if err != nil {
		o.log.Warn("IP addresses cannot be listed; keeping the last list", "error", err)
		return
	}
	list, since := make(map[int]ownAddresses, len(found)), o.plugged()
	changed, known := false, 0
	for i := range interfaces {
		index := interfaces[i].Index
		own := ownAddresses{interfaces[i].Instance, found[index]}
		if !o.aside(&interfaces[i]) { // whose addresses can wait for the next list of devices
			changed = changed || o.addresses.of[index].differ(own, since)
		}
		if len(own.Known) > 0 {
			list[index] = own
			known++
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.addresses.of, o.addresses.outdated = list, known < len(found)
	o.addresses.changed = o.addresses.changed || changed
}

// aside reports whether a device is one of a container and no port, whose addresses nobody
// waits for.
func (o *Observer) aside(ifi *discovery.Interface) bool {
	return ifi.OfContainer() && !o.c.ListenOn.Port(*ifi)
}

// plugged is when listening began on each port in its carrier epoch.
func (o *Observer) plugged() (since []time.Time) {
	for _, p := range o.ports() {
		since = append(since, p.since)
	}
	return since
}

// differ reports whether addresses differ by more than their times, or whether one was
// renewed for the first time since a port was plugged in.
func (a ownAddresses) differ(b ownAddresses, since []time.Time) bool {
	if a.instance != b.instance && len(a.Known)+len(b.Known) > 0 || a.Omitted != b.Omitted || len(a.Known) != len(b.Known) {
		return true
	}
	for i := range a.Known {
		before, after := &a.Known[i], &b.Known[i]
		renewed := func(t time.Time) bool { return before.Updated.Before(t) && !after.Updated.Before(t) }
		if before.Timeless() != after.Timeless() || after.Dynamic && slices.ContainsFunc(since, renewed) {
			return true
		}
	}
	return false
}

// addressesOf are an interface's, unless they are another's that had its ifindex. It is
// called with the Observer's lock held, or by Run.
func (o *Observer) addressesOf(ifi *discovery.Interface) discovery.Addresses {
	own, ok := o.addresses.of[ifi.Index]
	if !ok || own.instance != ifi.Instance {
		return discovery.Addresses{}
	}
	return own.Addresses
}

// outdateAddresses notes whether some addresses are those of a device that is gone.
func (o *Observer) outdateAddresses(interfaces []discovery.Interface) {
	for i := range interfaces {
		if own, ok := o.addresses.of[interfaces[i].Index]; ok && own.instance != interfaces[i].Instance {
			o.addresses.outdated = true
		}
	}
}

// lasting are the addresses of interfaces that others can be told, by ifindex.
func (o *Observer) lasting(interfaces []discovery.Interface) map[int][]netip.Addr {
	out := make(map[int][]netip.Addr)
	for i := range interfaces {
		addresses := o.addressesOf(&interfaces[i])
		for k := range addresses.Known {
			if a := &addresses.Known[k]; a.Lasting() {
				out[interfaces[i].Index] = append(out[interfaces[i].Index], a.Prefix.Addr())
			}
		}
	}
	return out
}
