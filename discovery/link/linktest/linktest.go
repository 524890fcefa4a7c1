// SPDX-License-Identifier: Apache-2.0

// Package linktest is a kernel in memory: network devices that a test sets and
// changes at will.
package linktest

import (
	"slices"
	"sync"

	"github.com/colvin-net/colvin/discovery"
)

// Links is a set of network devices.
type Links struct {
	mu    sync.Mutex
	links []discovery.Interface
	gone  map[int]uint32 // how often the device with that ifindex went
	hint  chan struct{}
	aside chan struct{}
}

// New returns the given devices.
func New(links ...discovery.Interface) *Links {
	l := &Links{gone: make(map[int]uint32), hint: make(chan struct{}, 1), aside: make(chan struct{}, 1)}
	for _, i := range links {
		l.Set(i)
	}
	return l
}

// Set adds or replaces the device with i's ifindex, and hints.
func (l *Links) Set(i discovery.Interface) {
	l.SetQuietly(i)
	l.Hint()
}

// SetAside adds or replaces a device of a container, and hints as link.Subscription does then.
func (l *Links) SetAside(i discovery.Interface) {
	l.SetQuietly(i)
	select {
	case l.aside <- struct{}{}:
	default:
	}
}

// SetQuietly adds or replaces a device as when its notification is lost.
func (l *Links) SetQuietly(i discovery.Interface) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.links = slices.DeleteFunc(l.links, func(o discovery.Interface) bool { return o.Index == i.Index })
	l.links = append(l.links, i)
	slices.SortFunc(l.links, func(a, b discovery.Interface) int { return a.Index - b.Index })
}

// Remove deletes a device, and hints. One with its ifindex that is Set later, even before
// anybody lists, is another instance.
func (l *Links) Remove(index int) {
	l.mu.Lock()
	l.gone[index]++
	l.links = slices.DeleteFunc(l.links, func(o discovery.Interface) bool { return o.Index == index })
	l.mu.Unlock()
	l.Hint()
}

// SetCarrier gives or takes the carrier of a device, counting as the kernel does.
func (l *Links) SetCarrier(index int, carrier bool) {
	l.mu.Lock()
	for k := range l.links {
		if i := &l.links[k]; i.Index == index && i.Carrier != carrier {
			i.Carrier = carrier
			i.CarrierChanges++
		}
	}
	l.mu.Unlock()
	l.Hint()
}

// Hint makes Hints deliver.
func (l *Links) Hint() {
	select {
	case l.hint <- struct{}{}:
	default:
	}
}

// List returns the devices, as link.List does.
func (l *Links) List() ([]discovery.Interface, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.Clone(l.links)
	for i := range list {
		list[i].Instance = max(list[i].Instance, l.gone[list[i].Index])
	}
	return list, nil
}

// Asides delivers a hint after each SetAside.
func (l *Links) Asides() <-chan struct{} { return l.aside }

// Hints delivers a hint after each change, as link.Subscription does.
func (l *Links) Hints() <-chan struct{} { return l.hint }
