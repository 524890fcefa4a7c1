// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"cmp"
	"slices"

	"github.com/colvin-net/colvin/mapping/nodefile"
)

// isolated keeps the uplinks through which a container reaches its own network only, where
// that is wanted. Where the node or the NIC adds the tag, what the container adds stays
// inside. An untagged port passes a container's own tags on: through an interface over the
// device (ipvlan in its L3 modes does not, but another container can switch the mode for
// all on a device), through a bridge, from a NIC that was moved, and from a virtual
// function that has no VLAN.
func isolated(c *conf, node *nodefile.File, all []nodefile.Uplink) ([]nodefile.Uplink, error) {
	set := `"isolation" in the configuration`
	if c.isolation == "" {
		set = "isolation in colvind.yaml"
	}
	if cmp.Or(c.isolation, node.Isolation) != nodefile.IsolationStrict {
		return all, nil
	}
	return only(all, func(a *nodefile.Uplink) bool { return !exposes(a) }, func(a *nodefile.Uplink) error {
		return fail(errUnsafe, "%s: network %q: it is untagged on %s, which carries tagged VLANs too, so a container that sends raw frames could tag its own and reach those, and %s is strict; "+
			"have the switch port carry this network alone, or have it tag the network, or accept it with \"isolation\": \"off\"",
			node.Node, c.network, deviceName(a), set)
	})
}

// exposes reports whether a container that is attached through the uplink can reach the
// tagged VLANs of a port.
func exposes(a *nodefile.Uplink) bool {
	return a.Trunk && slices.ContainsFunc(a.Ports, func(p nodefile.Port) bool { return p.VID == 0 })
}
