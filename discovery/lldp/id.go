// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

// chassisID returns the canonical text of a chassis ID TLV's value: the subtype
// and at least one octet (IEEE Std 802.1AB-2016, 8.5.2).
func chassisID(v []byte) discovery.ID {
	switch lldp.ChassisIDSubtype(v[0]) {
	case lldp.ChassisIDSubtypeChassisComponenent:
		return textID("component", v[1:])
	case lldp.ChassisIDSubtypeInterfaceAlias:
		return textID("ifalias", v[1:])
	case lldp.ChassisIDSubtypePortComponent:
		return textID("portcomponent", v[1:])
	case lldp.ChassisIDSubtypeMACAddress:
		return macID(v)
	case lldp.ChassisIDSubtypeNetworkAddress:
		return networkID(v)
	case lldp.ChassisIDSubtypeInterfaceName:
		return textID("ifname", v[1:])
	case lldp.ChassisIDSubtypeLocallyAssigned:
		return textID("local", v[1:])
	case lldp.ChassisIDSubtypeReserved:
	}
	return rawID(v)
}

// portID returns the canonical text of a port ID TLV's value: the subtype and
// at least one octet (IEEE Std 802.1AB-2016, 8.5.3).
func portID(v []byte) discovery.ID {
	switch lldp.PortIDSubtype(v[0]) {
	case lldp.PortIDSubtypeInterfaceAlias:
		return textID("ifalias", v[1:])
	case lldp.PortIDSubtypePortComponent:
		return textID("component", v[1:])
	case lldp.PortIDSubtypeMACAddress:
		return macID(v)
	case lldp.PortIDSubtypeNetworkAddress:
		return networkID(v)
	case lldp.PortIDSubtypeInterfaceName:
		return textID("ifname", v[1:])
	case lldp.PortIDSubtypeAgentCircuitID:
		return textID("circuit", v[1:])
	case lldp.PortIDSubtypeLocallyAssigned:
		return textID("local", v[1:])
	case lldp.PortIDSubtypeReserved:
	}
	return rawID(v)
}

// rawID is the text of an ID whose subtype is not known, or whose value is not
// one of its subtype. An ID is opaque, so such a frame is not discarded.
func rawID(v []byte) discovery.ID {
	return discovery.ID(fmt.Sprintf("subtype%d:%x", v[0], v[1:]))
}

func macID(v []byte) discovery.ID {
	if len(v) != 1+len(discovery.MAC{}) {
		return rawID(v)
	}
	return discovery.ID("mac:" + discovery.MAC(v[1:]).String())
}

func networkID(v []byte) discovery.ID {
	if address, ok := ip(v[1], v[2:]); ok {
		return discovery.ID("ip:" + address)
	}
	return rawID(v)
}

// textID escapes everything but printable ASCII, and the backslash, so that
// different values stay different. Only NULs that pad a printable text are
// dropped; any other NUL counts, since binary IDs may differ just behind one.
func textID(prefix string, v []byte) discovery.ID {
	if text := bytes.TrimRight(v, "\x00"); len(text) > 0 && !slices.ContainsFunc(text, special) {
		v = text
	}
	var s strings.Builder
	s.Grow(len(prefix) + 1 + len(v))
	s.WriteString(prefix)
	s.WriteByte(':')
	for i, c := range v {
		if special(c) {
			escape(&s, v[i:i+1])
		} else {
			s.WriteByte(c)
		}
	}
	return discovery.ID(s.String())
}

// special reports whether an octet is escaped in an ID.
func special(c byte) bool { return c < ' ' || c > '~' || c == '\\' }
