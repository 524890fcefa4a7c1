// SPDX-License-Identifier: Apache-2.0

package cdp

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"

	"github.com/colvin-net/colvin/discovery"
)

// The types of the TLVs that are understood.
const (
	typeDeviceID          = 0x01
	typeAddresses         = 0x02
	typePortID            = 0x03
	typeCapabilities      = 0x04
	typeSoftware          = 0x05
	typePlatform          = 0x06
	typeNativeVLAN        = 0x0a
	typeMTU               = 0x11
	typeSystemName        = 0x14
	typeManagementAddress = 0x16
)

// decoders are the TLVs beside the two IDs that are understood, by type, at most
// 32. A decoder reports whether the value is well formed; if not, it leaves the
// packet as it was. What is behind the fields of a value is ignored.
var decoders = [...]func(*packet, []byte) bool{
	typeAddresses:         (*packet).readAddresses,
	typeCapabilities:      (*packet).readCapabilities,
	typeSoftware:          (*packet).readSoftware,
	typePlatform:          (*packet).readPlatform,
	typeNativeVLAN:        (*packet).readNativeVLAN,
	typeMTU:               (*packet).readMTU,
	typeSystemName:        (*packet).readSystemName,
	typeManagementAddress: (*packet).readAddresses,
}

const maxID = 255 // octets, as an LLDP chassis ID or port ID

// readDeviceID takes the device ID for the system's name as well, unless the
// system tells another: it is the host name, with a serial number on some, but a
// MAC address in binary on a few.
func (p *packet) readDeviceID(v []byte) Reason {
	switch n := &p.neighbor; {
	case len(v) == 0 || len(v) > maxID:
		return DeviceIDLength
	case n.Chassis != "":
		return DuplicateID
	default:
		n.Chassis = textID("cdp", v)
	}
	name := printable(v)
	if p.neighbor.SystemName == "" && name == string(bytes.TrimRight(v, "\x00")) {
		p.neighbor.SystemName = name
	}
	return Accepted
}

func (p *packet) readPortID(v []byte) Reason {
	switch n := &p.neighbor; {
	case len(v) == 0 || len(v) > maxID:
		return PortIDLength
	case n.Port != "":
		return DuplicateID
	default:
		n.Port = textID("ifname", v)
		return Accepted
	}
}

func (p *packet) readSystemName(v []byte) bool {
	if name := printable(v); name != "" {
		p.neighbor.SystemName = name
	}
	return true
}

func (p *packet) readSoftware(v []byte) bool {
	p.software = printable(v)
	return true
}

func (p *packet) readPlatform(v []byte) bool {
	p.platform = printable(v)
	return true
}

// describe joins platform and software to what LLDP calls a system description.
func describe(platform, software string) string {
	if platform != "" && software != "" {
		return platform + ", " + software
	}
	return platform + software
}

// capabilities are CDP's bits, the lowest first, as LLDP has them. Bits that say
// nothing of forwarding, such as "IGMP capable", are none of LLDP's.
var capabilities = [...]discovery.CapabilitySet{
	0:  discovery.CapabilityRouter,
	1:  discovery.CapabilityBridge, // transparent bridge
	2:  discovery.CapabilityBridge, // source-route bridge
	3:  discovery.CapabilityBridge, // switch
	4:  discovery.CapabilityStation,
	6:  1 << 1,  // repeater
	7:  1 << 5,  // telephone
	10: 1 << 10, // two-port MAC relay
}

// readCapabilities takes a capability for enabled where it is there: CDP tells
// one set only.
func (p *packet) readCapabilities(v []byte) bool {
	if len(v) < 4 {
		return false
	}
	told := binary.BigEndian.Uint32(v)
	var set discovery.CapabilitySet
	for i, c := range capabilities {
		if told&(1<<i) != 0 {
			set |= c
		}
	}
	p.neighbor.Capabilities = discovery.Capabilities{Available: set, Enabled: set}
	return true
}

// readNativeVLAN leaves the PVID unadvertised where the VID names no VLAN.
func (p *packet) readNativeVLAN(v []byte) bool {
	if len(v) < 2 {
		return false
	}
	if vid := binary.BigEndian.Uint16(v); discovery.ValidVID(vid) {
		p.neighbor.PVID = vid
	}
	return true
}

// readMTU makes the frame size of the MTU, which leaves out the Ethernet header
// and the frame check sequence.
func (p *packet) readMTU(v []byte) bool {
	const overhead = 14 + 4
	if len(v) < 4 {
		return false
	}
	mtu := binary.BigEndian.Uint32(v)
	if mtu == 0 || mtu > math.MaxUint16-overhead {
		return false
	}
	p.neighbor.MaxFrameSize = uint16(mtu + overhead)
	return true
}

// Protocols of addresses, with the type of protocol in front and its length.
var (
	protocolIPv4 = []byte{1, 1, 0xcc}                                  // an NLPID
	protocolIPv6 = []byte{2, 8, 0xaa, 0xaa, 0x03, 0, 0, 0, 0x86, 0xdd} // an 802.2 header
)

// readAddresses takes the IP addresses of a list: how many there are, and for
// each its protocol, its length and itself. Addresses of other protocols are
// passed over, and so is 0.0.0.0: a switch without an address says it, and it
// would make all of these look like one.
func (p *packet) readAddresses(v []byte) bool {
	const countLen = 4
	if len(v) < countLen {
		return false
	}
	addresses := slices.Clip(p.neighbor.ManagementAddresses)
	count, v := binary.BigEndian.Uint32(v), v[countLen:]
	for ; count > 0; count-- {
		protocol, address, rest, ok := cutAddress(v)
		if !ok {
			return false
		}
		if a, ok := ip(protocol, address); ok && !a.IsUnspecified() && !slices.Contains(addresses, a.String()) {
			addresses = append(addresses, a.String())
		}
		v = rest
	}
	p.neighbor.ManagementAddresses = addresses
	return true
}

// cutAddress splits the first address off a list.
func cutAddress(b []byte) (protocol, address, rest []byte, ok bool) {
	const (
		protocolHeaderLen = 2 // type and length of the protocol
		lengthLen         = 2
	)
	if len(b) < protocolHeaderLen {
		return nil, nil, nil, false
	}
	n := protocolHeaderLen + int(b[1])
	if len(b) < n+lengthLen {
		return nil, nil, nil, false
	}
	protocol, b = b[:n], b[n:]
	n = lengthLen + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return nil, nil, nil, false
	}
	return protocol, b[lengthLen:n], b[n:], true
}

// ip returns an IP address whose length is that of its protocol.
func ip(protocol, v []byte) (netip.Addr, bool) {
	a, ok := netip.AddrFromSlice(v)
	if !ok || (a.Is4() && !bytes.Equal(protocol, protocolIPv4)) || (a.Is6() && !bytes.Equal(protocol, protocolIPv6)) {
		return netip.Addr{}, false
	}
	return a, true
}
