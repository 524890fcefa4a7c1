// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

// A decoder reads one LLDPDU. What it hands out is allocated once for the whole
// frame, not once for each TLV. It has as few pointers as it can: to write one
// costs while the garbage collector is at work.
type decoder struct {
	Frame // what was read so far

	left int  // octets behind the TLV that is read
	seen kind // kinds of TLV that were decoded

	text        strings.Builder // the optional TLVs and, behind them, texts that are no part of them
	optionalLen int             // length of the optional TLVs, and of any padding
	octets      []byte          // the values of the unknown TLVs, behind one another
	parts       *parts
}

// parts are what a neighbour points to, and room for what most tell of those
// things of which there can be more.
type parts struct {
	aggregation discovery.LinkAggregation
	macphy      discovery.MACPHY
	med         discovery.MED
	policies    [2]discovery.NetworkPolicy
	addresses   [2]string
}

// pointees returns the decoder's parts.
func (d *decoder) pointees() *parts {
	if d.parts == nil {
		d.parts = new(parts)
	}
	return d.parts
}

// read decodes an LLDPDU. It looks at nothing behind it.
func (d *decoder) read(pdu []byte) Reason {
	pdu = slices.Clip(pdu)
	optional, reason := d.readMandatory(pdu)
	if reason != Accepted {
		return reason
	}
	return d.readOptional(pdu, optional)
}

// cut returns the TLV that begins at an offset in an LLDPDU, and the offset
// where it ends (IEEE Std 802.1AB-2016, 8.4). It reports false where the TLV runs
// past the end of the LLDPDU.
func cut(pdu []byte, start int) (typ lldp.TLVType, value []byte, end int, ok bool) {
	const headerLen = 2
	begin := start + headerLen
	if begin > len(pdu) {
		return 0, nil, 0, false
	}
	header := uint16(pdu[start])<<8 | uint16(pdu[start+1])
	end = begin + int(header&lldp.TLVLengthMax)
	if end > len(pdu) {
		return 0, nil, 0, false
	}
	return lldp.TLVType(header >> 9), pdu[begin:end], end, true
}

// readMandatory decodes the three TLVs that every LLDPDU begins with, and returns
// where they end (IEEE Std 802.1AB-2016, 9.2.7.7.1).
func (d *decoder) readMandatory(pdu []byte) (int, Reason) {
	const (
		minID, maxID = 2, 256 // subtype and 1 to 255 octets
		minTTL       = 2
	)
	chassis, end, reason := mandatory(pdu, 0, lldp.TLVTypeChassisID, ChassisIDMissing)
	switch {
	case reason != Accepted:
		return 0, reason
	case len(chassis) < minID || len(chassis) > maxID:
		return 0, ChassisIDLength
	}
	port, end, reason := mandatory(pdu, end, lldp.TLVTypePortID, PortIDMissing)
	switch {
	case reason != Accepted:
		return 0, reason
	case len(port) < minID || len(port) > maxID:
		return 0, PortIDLength
	}
	ttl, end, reason := mandatory(pdu, end, lldp.TLVTypeTTL, TTLMissing)
	switch {
	case reason != Accepted:
		return 0, reason
	case len(ttl) < minTTL: // what follows the two octets is ignored (item c)
		return 0, TTLLength
	}
	d.begin(pdu[end:])
	n := &d.Neighbor
	n.Protocol = discovery.ProtocolLLDP
	n.Chassis = d.chassisID(chassis)
	n.Port = d.portID(port)
	n.TTL = binary.BigEndian.Uint16(ttl)
	return end, Accepted
}

// mandatory returns the value and the end of a TLV that has to be of this type.
func mandatory(pdu []byte, start int, want lldp.TLVType, missing Reason) ([]byte, int, Reason) {
	if start == len(pdu) {
		return nil, 0, missing
	}
	typ, value, end, ok := cut(pdu, start)
	switch {
	case !ok:
		return nil, 0, TruncatedTLV
	case typ != want:
		return nil, 0, missing
	}
	return value, end, Accepted
}

// begin makes the optional TLVs the beginning of the text: most texts are a part
// of them as they are.
func (d *decoder) begin(optional []byte) {
	const usual = 64 // octets of those that are not: two IDs and two addresses
	d.text.Grow(len(optional) + usual)
	d.text.Write(optional)
	d.optionalLen = len(optional)
}

// readOptional decodes what follows the mandatory TLVs, up to the End Of LLDPDU
// TLV; anything behind that is padding. End is demanded, because without it a
// frame that was cut short between two TLVs would pass for a whole one.
func (d *decoder) readOptional(pdu []byte, start int) Reason {
	for start < len(pdu) {
		typ, value, end, ok := cut(pdu, start)
		if !ok {
			return TruncatedTLV
		}
		if typ <= lldp.TLVTypeTTL {
			switch {
			case typ != lldp.TLVTypeEnd:
				return DuplicateMandatory
			case len(value) > 0:
				return EndLength
			}
			return Accepted
		}
		d.left = len(pdu) - end
		switch k, ok := d.decode(typ, value); {
		case k == unknown:
			d.keep(typ, value)
		case !ok:
			d.Discarded++
		default:
			d.seen |= k
		}
		start = end
	}
	return NoEnd
}

// keep keeps a TLV that is not decoded. All that may still be kept is in what
// was not read yet, so the values' memory is allocated once.
func (d *decoder) keep(typ lldp.TLVType, value []byte) {
	const usual = 4
	if d.octets == nil {
		d.octets = make([]byte, 0, len(value)+d.left)
		d.Neighbor.UnknownTLVs = make([]discovery.TLV, 0, usual)
	}
	tlv := discovery.TLV{Type: uint8(typ)}
	if typ == lldp.TLVTypeOrganizationSpecific {
		tlv.OUI, tlv.Subtype, value = discovery.OUI(value), value[originLen-1], value[originLen:]
	}
	start := len(d.octets)
	d.octets = append(d.octets, value...)
	tlv.Value = d.octets[start:len(d.octets):len(d.octets)]
	d.Neighbor.UnknownTLVs = append(d.Neighbor.UnknownTLVs, tlv)
}
