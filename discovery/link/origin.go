// SPDX-License-Identifier: Apache-2.0

package link

import "github.com/colvin-net/colvin/discovery"

// An Origin is a network device in another network namespace, and where its frames go
// from there.
type Origin struct {
	discovery.Interface // its Parent counts in its own namespace only, so it is of no use here

	// Lower is what the device is over, or a veth's other end; 0 where it is neither. It
	// is an ifindex of the caller's network namespace where Here is set.
	Lower int
	Here  bool
	// Function is the PCI address or auxiliary name of its hardware; empty where there is
	// none, or where the kernel does not tell it (before Linux 5.14).
	Function string
}
