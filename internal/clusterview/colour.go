// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
)

// ColourIdentity is the identity that a Colour was given to, by what its spec says of
// switch and VLAN. A switch that is no key was written before there were keys.
func ColourIdentity(spec string, vlan int32) mapping.Identity {
	id, err := identity.ParseSwitch(spec)
	if err != nil {
		id = identity.UpgradeChassis(spec)
	}
	id.VLAN = uint16(vlan)
	return id
}
