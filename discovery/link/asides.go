// SPDX-License-Identifier: Apache-2.0

package link

import (
	"sync"

	"github.com/colvin-net/colvin/discovery"
)

// asides tell the changes of containers' devices from those that somebody waits for. A node
// has thousands of them, each pod that comes or goes makes a dozen notifications, and nothing
// follows from any. A device is set aside while the last list and all notifications since say
// so: what it was, and what it becomes, must be of no account. It is safe for concurrent use.
type asides struct {
	hint chan struct{}

	mu   sync.Mutex
	port func(discovery.Interface) bool // nil: no device is set aside
	is   map[int]bool                   // by ifindex, of those that are known
}

// begin sets the devices aside that are no port.
func (a *asides) begin(port func(discovery.Interface) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.port = port
}

// listed takes note of a list, with the kinds of masters by the ifindex of who has one.
func (a *asides) listed(list []discovery.Interface, masters map[int]discovery.Kind) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.port == nil {
		return
	}
	a.is = make(map[int]bool, len(list))
	for i := range list {
		a.is[list[i].Index] = a.judge(&list[i], masters[list[i].Index])
	}
}

// judge reports whether a device is of no account: one of a container that is no port. What
// sends through a bond or team depends on each of its members; on those of bridges only where
// they are another kind of device.
func (a *asides) judge(ifi *discovery.Interface, master discovery.Kind) bool {
	joined := ifi.Master != 0 && master != discovery.KindBridge && master != discovery.KindOpenVSwitch
	return ifi.OfContainer() && !joined && !a.port(*ifi)
}

// changed reports whether a device that was told anew, or went, is of no account, and was not
// before.
func (a *asides) changed(ifi *discovery.Interface, master discovery.Kind, gone bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.port == nil {
		return false
	}
	was, known := a.is[ifi.Index]
	aside := (was || !known) && a.judge(ifi, master)
	if gone {
		delete(a.is, ifi.Index)
	} else if a.is != nil {
		a.is[ifi.Index] = aside
	}
	return aside
}

// knows reports whether a device is known to be of no account.
func (a *asides) knows(index int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.is[index]
}
