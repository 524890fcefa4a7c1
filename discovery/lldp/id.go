// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"bytes"

	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

// chassisID returns the canonical text of a chassis ID TLV's value: the subtype
// and at least one octet (IEEE Std 802.1AB-2016, 8.5.2).
func (d *decoder) chassisID(v []byte) discovery.ID {
	switch lldp.ChassisIDSubtype(v[0]) {
	case lldp.ChassisIDSubtypeChassisComponenent:
		return d.textID("component:", v[1:])
	case lldp.ChassisIDSubtypeInterfaceAlias:
		return d.textID("ifalias:", v[1:])
	case lldp.ChassisIDSubtypePortComponent:
		return d.textID("portcomponent:", v[1:])
	case lldp.ChassisIDSubtypeMACAddress:
		return d.macID(v)
	case lldp.ChassisIDSubtypeNetworkAddress:
		return d.networkID(v)
	case lldp.ChassisIDSubtypeInterfaceName:
		return d.textID("ifname:", v[1:])
	case lldp.ChassisIDSubtypeLocallyAssigned:
		return d.textID("local:", v[1:])
	case lldp.ChassisIDSubtypeReserved:
	}
	return d.rawID(v)
}

// portID returns the canonical text of a port ID TLV's value: the subtype and
// at least one octet (IEEE Std 802.1AB-2016, 8.5.3).
func (d *decoder) portID(v []byte) discovery.ID {
	switch lldp.PortIDSubtype(v[0]) {
	case lldp.PortIDSubtypeInterfaceAlias:
		return d.textID("ifalias:", v[1:])
	case lldp.PortIDSubtypePortComponent:
		return d.textID("component:", v[1:])
	case lldp.PortIDSubtypeMACAddress:
		return d.macID(v)
	case lldp.PortIDSubtypeNetworkAddress:
		return d.networkID(v)
	case lldp.PortIDSubtypeInterfaceName:
		return d.textID("ifname:", v[1:])
	case lldp.PortIDSubtypeAgentCircuitID:
		return d.textID("circuit:", v[1:])
	case lldp.PortIDSubtypeLocallyAssigned:
		return d.textID("local:", v[1:])
	case lldp.PortIDSubtypeReserved:
	}
	return d.rawID(v)
}

// rawID is the text of an ID whose subtype is not known, or whose value is not
// one of its subtype. An ID is opaque, so such a frame is not discarded.
func (d *decoder) rawID(v []byte) discovery.ID {
	return discovery.ID(d.rawText("subtype", v[0], v[1:]))
}

func (d *decoder) macID(v []byte) discovery.ID {
	if len(v) != 1+len(discovery.MAC{}) {
		return d.rawID(v)
	}
	return discovery.ID(d.macText(v[1:]))
}

func (d *decoder) networkID(v []byte) discovery.ID {
	if a, ok := ip(v[1], v[2:]); ok {
		return discovery.ID(d.ipText("ip:", a))
	}
	return d.rawID(v)
}

// textID escapes everything but printable ASCII, and the backslash, so that
// different values stay different. Only NULs that pad a printable text are
// dropped; any other NUL counts, since binary IDs may differ just behind one.
func (d *decoder) textID(prefix string, v []byte) discovery.ID {
	start := d.text.Len()
	d.text.WriteString(prefix)
	if text := bytes.TrimRight(v, "\x00"); len(text) > 0 && plain(text) {
		d.text.Write(text)
		return discovery.ID(d.since(start))
	}
	for i := range v {
		if octet := v[i : i+1]; plain(octet) {
			d.text.Write(octet)
		} else {
			escape(&d.text, octet)
		}
	}
	return discovery.ID(d.since(start))
}

// plain reports whether nothing of v is escaped in an ID.
func plain(v []byte) bool { return ascii(v) == len(v) && bytes.IndexByte(v, '\\') < 0 }
