// SPDX-License-Identifier: Apache-2.0

package speaker

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"

	"github.com/colvin-net/colvin/discovery"
)

// AllNodes is the group that router advertisements are sent to (RFC 4291, 2.7.1), and its
// MAC address.
var (
	AllNodes    = netip.MustParseAddr("ff02::1")
	AllNodesMAC = discovery.MAC{0x33, 0x33, 0, 0, 0, 1}
)

// A RouterAdvertisement is what a router says of itself and of prefixes (RFC 4861, 4.2).
type RouterAdvertisement struct {
	discovery.Router               // with the tag that the frame carries; 0: none
	Destination      discovery.MAC // zero: AllNodesMAC
	Extra            []ndp.Option  // before the prefixes
}

// Marshal returns the whole Ethernet frame.
func (a *RouterAdvertisement) Marshal() ([]byte, error) {
	preferences := map[discovery.Preference]ndp.Preference{discovery.PreferenceHigh: ndp.High, discovery.PreferenceLow: ndp.Low}
	m := &ndp.RouterAdvertisement{
		CurrentHopLimit: 64, ManagedConfiguration: a.Managed, OtherConfiguration: a.Other,
		RouterSelectionPreference: preferences[a.Preference], RouterLifetime: time.Duration(a.Lifetime) * time.Second, Options: a.Extra,
	}
	for _, p := range a.Prefixes {
		m.Options = append(m.Options, &ndp.PrefixInformation{
			Prefix: p.Prefix.Addr(), PrefixLength: uint8(p.Prefix.Bits()), OnLink: p.OnLink, AutonomousAddressConfiguration: p.Autonomous,
			ValidLifetime: time.Duration(p.Valid) * time.Second, PreferredLifetime: time.Duration(p.Preferred) * time.Second,
		})
	}
	message, err := ndp.MarshalMessageChecksum(m, a.Address, AllNodes)
	if err != nil {
		return nil, fmt.Errorf("marshal router advertisement: %w", err)
	}
	packet := []byte{6 << 4, 0, 0, 0}
	packet = binary.BigEndian.AppendUint16(packet, uint16(len(message)))
	packet = append(packet, 58, 255) // ICMPv6, and the hop limit
	packet = append(packet, a.Address.AsSlice()...)
	packet = append(packet, AllNodes.AsSlice()...)
	frame := ethernet.Frame{Destination: AllNodesMAC[:], Source: a.Source[:], EtherType: ethernet.EtherTypeIPv6, Payload: append(packet, message...)}
	if a.Destination != (discovery.MAC{}) {
		frame.Destination = a.Destination[:]
	}
	if a.Tag != 0 {
		frame.VLAN = &ethernet.VLAN{ID: a.Tag}
	}
	b, err := frame.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("marshal Ethernet frame: %w", err)
	}
	return b, nil
}
