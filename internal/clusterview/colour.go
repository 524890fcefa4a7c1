// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
)

// ColourIdentity is the identity that a Colour was given to, by what its spec says of
// switch and VLAN.
func ColourIdentity(spec string, vlan int32) mapping.Identity {
	id := identity.UpgradeSwitch(spec)
	id.VLAN = uint16(vlan)
	return id
}
