// SPDX-License-Identifier: Apache-2.0

// Package speaker sends LLDP as a switch would: exact frames for tests, and
// where lldpd is not installed. It never receives, and the product never
// imports it.
package speaker

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

// oui8021 is the organisation of the 802.1 TLVs (IEEE Std 802.1Q-2018, D.1).
var oui8021 = [3]byte{0x00, 0x80, 0xc2}

const (
	subtypePVID     = 1 // Port VLAN ID (IEEE Std 802.1Q-2018, D.2.1)
	subtypeVLANName = 3 // VLAN Name (IEEE Std 802.1Q-2018, D.2.3)
)

// A Frame is what a switch says on one port. Zero fields are not said, except
// the mandatory ones: chassis ID, port ID and time to live.
type Frame struct {
	Source      discovery.MAC
	Destination discovery.MAC // zero: NearestBridge
	Tag         uint16        // VID of the 802.1Q tag the frame carries; 0: none

	Chassis lldp.ChassisID
	Port    lldp.PortID
	TTL     time.Duration

	PortDescription     string
	SystemName          string
	SystemDescription   string
	ManagementAddresses []netip.Addr
	PVID                uint16
	VLANs               []discovery.VLANName
	Extra               []lldp.TLV // appended as they are
}

// MACChassis returns the chassis ID that most switches send.
func MACChassis(mac discovery.MAC) lldp.ChassisID {
	return lldp.ChassisID{Subtype: lldp.ChassisIDSubtypeMACAddress, ID: mac[:]}
}

// NamedPort returns the port ID that most switches send.
func NamedPort(name string) lldp.PortID {
	return lldp.PortID{Subtype: lldp.PortIDSubtypeInterfaceName, ID: []byte(name)}
}

// OrgTLV returns an organisationally specific TLV (IEEE Std 802.1AB-2016,
// 8.6.1).
func OrgTLV(oui [3]byte, subtype byte, value []byte) lldp.TLV {
	return tlv(lldp.TLVTypeOrganizationSpecific, append(append(oui[:], subtype), value...))
}

// Shutdown returns the frame by which the same port says goodbye: the mandatory
// TLVs with a time to live of zero (IEEE Std 802.1AB-2016, 9.1.2.2).
func (f Frame) Shutdown() Frame {
	return Frame{Source: f.Source, Destination: f.Destination, Tag: f.Tag, Chassis: f.Chassis, Port: f.Port}
}

// Marshal returns the whole Ethernet frame, padded to the minimum length.
func (f Frame) Marshal() ([]byte, error) {
	optional := f.optional()
	pdu := lldp.Frame{ChassisID: &f.Chassis, PortID: &f.Port, TTL: f.TTL}
	for i := range optional {
		pdu.Optional = append(pdu.Optional, &optional[i])
	}
	payload, err := pdu.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("marshal LLDPDU: %w", err)
	}
	frame := ethernet.Frame{
		Destination: f.destination(),
		Source:      f.Source[:],
		EtherType:   lldp.EtherType,
		Payload:     payload,
	}
	if f.Tag != 0 {
		frame.VLAN = &ethernet.VLAN{ID: f.Tag}
	}
	b, err := frame.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("marshal Ethernet frame: %w", err)
	}
	return b, nil
}

func (f Frame) destination() net.HardwareAddr {
	if f.Destination == (discovery.MAC{}) {
		return discovery.NearestBridge[:]
	}
	return f.Destination[:]
}

func (f Frame) optional() []lldp.TLV {
	var tlvs []lldp.TLV
	for _, text := range []struct {
		kind  lldp.TLVType
		value string
	}{
		{lldp.TLVTypePortDescription, f.PortDescription},
		{lldp.TLVTypeSystemName, f.SystemName},
		{lldp.TLVTypeSystemDescription, f.SystemDescription},
	} {
		if text.value != "" {
			tlvs = append(tlvs, tlv(text.kind, []byte(text.value)))
		}
	}
	for _, a := range f.ManagementAddresses {
		tlvs = append(tlvs, tlv(lldp.TLVTypeManagementAddress, managementAddress(a)))
	}
	if f.PVID != 0 {
		tlvs = append(tlvs, OrgTLV(oui8021, subtypePVID, PVIDInfo(f.PVID)))
	}
	for _, v := range f.VLANs {
		tlvs = append(tlvs, OrgTLV(oui8021, subtypeVLANName, VLANNameInfo(v)))
	}
	return append(tlvs, f.Extra...)
}

// PVIDInfo returns the information string of a Port VLAN ID TLV.
func PVIDInfo(vid uint16) []byte { return binary.BigEndian.AppendUint16(nil, vid) }

// VLANNameInfo returns the information string of a VLAN Name TLV. The standard
// allows 32 octets of name; more are not refused here.
func VLANNameInfo(v discovery.VLANName) []byte {
	b := binary.BigEndian.AppendUint16(nil, v.ID)
	return append(append(b, byte(len(v.Name))), v.Name...)
}

// managementAddress encodes an address without interface number or OID (IEEE
// Std 802.1AB-2016, 8.5.9).
func managementAddress(a netip.Addr) []byte {
	const ipv4, ipv6 = 1, 2 // IANA address family numbers
	family := byte(ipv6)
	if a.Is4() {
		family = ipv4
	}
	b := append([]byte{byte(1 + len(a.AsSlice())), family}, a.AsSlice()...)
	const unknownInterface = 1
	return append(b, unknownInterface, 0, 0, 0, 0, 0)
}

func tlv(kind lldp.TLVType, value []byte) lldp.TLV {
	return lldp.TLV{Type: kind, Length: uint16(len(value)), Value: value}
}
