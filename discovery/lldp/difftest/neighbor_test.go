// SPDX-License-Identifier: Apache-2.0

//go:build linux

package difftest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
)

// neighbor puts what tshark dissected into the form that package lldp decodes
// to. Where the two differ on purpose, tshark's reading is brought in line, and
// nowhere but here:
//
//   - Texts. tshark shows a text up to its first NUL and as it is. We cut there
//     too, and escape what is not printable (printable); an ID is escaped beyond
//     ASCII, loses NULs at its end only, and has its subtype in front (id).
//   - VLAN IDs 0 and 4095 name no VLAN, so the TLV says nothing (vlan).
//   - Capabilities that have no name are dropped. VLAN names are in order.
//   - Link aggregation as IEEE Std 802.3 had it yields to that of 802.1.
//   - tshark names the Management VID TLV but does not read it: its octets do.
//   - TLVs that we keep raw, some of which tshark dissects, are compared as octets.
func neighbor(p *dissection) (discovery.Neighbor, error) {
	n := discovery.Neighbor{Protocol: discovery.ProtocolLLDP}
	eth := tlv{field: field{Fields: p.Protocols}}
	copy(n.Destination[:], eth.octets("eth.dst"))
	copy(n.Source[:], eth.octets("eth.src"))
	pdu, ok := find(p.Protocols, "lldp")
	if !ok {
		return n, errors.New("tshark finds no LLDP")
	}
	for _, f := range pdu.Fields {
		if f.Name != "" {
			continue // about the frame
		}
		v := &tlv{field: f}
		add(&n, v)
		if v.err != nil {
			return n, v.err
		}
	}
	slices.SortFunc(n.VLANs, func(a, b discovery.VLANName) int { return cmp.Compare(a.ID, b.ID) })
	return n, eth.err
}

// add takes over what one TLV says.
func add(n *discovery.Neighbor, v *tlv) {
	switch kind := lldp.TLVType(v.number("lldp.tlv.type", 7)); kind {
	case lldp.TLVTypeEnd:
	case lldp.TLVTypeChassisID:
		n.Chassis = id(v, "lldp.chassis", [...]string{
			1: "component", 2: "ifalias", 3: "portcomponent", 4: "mac", 5: "ip", 6: "ifname", 7: "local",
		})
	case lldp.TLVTypePortID:
		n.Port = id(v, "lldp.port", [...]string{
			1: "ifalias", 2: "component", 3: "mac", 4: "ip", 5: "ifname", 6: "circuit", 7: "local",
		})
	case lldp.TLVTypeTTL:
		n.TTL = uint16(v.number("lldp.time_to_live", 16))
	case lldp.TLVTypePortDescription:
		n.PortDescription = printable(v.octets("lldp.port.desc"))
	case lldp.TLVTypeSystemName:
		n.SystemName = printable(v.octets("lldp.tlv.system.name"))
	case lldp.TLVTypeSystemDescription:
		n.SystemDescription = printable(v.octets("lldp.tlv.system.desc"))
	case lldp.TLVTypeSystemCapabilities:
		n.Capabilities = discovery.Capabilities{
			Available: discovery.CapabilitySet(v.number("lldp.tlv.system_cap", 16)) & discovery.KnownCapabilities,
			Enabled:   discovery.CapabilitySet(v.number("lldp.tlv.enable_system_cap", 16)) & discovery.KnownCapabilities,
		}
	case lldp.TLVTypeManagementAddress:
		n.ManagementAddresses = append(n.ManagementAddresses, managementAddress(v))
	case lldp.TLVTypeOrganizationSpecific:
		addOrganizational(n, v)
	default:
		n.UnknownTLVs = append(n.UnknownTLVs, discovery.TLV{Type: uint8(kind), Value: v.whole()})
	}
}

// addOrganizational takes over what a TLV of IEEE or TIA says.
func addOrganizational(n *discovery.Neighbor, v *tlv) {
	const oui8021, oui8023, ouiTIA = 0x0080c2, 0x00120f, 0x0012bb
	switch oui, value := v.number("lldp.orgtlv.oui", 24), v.whole(); oui<<8 | uint64(value[3]) {
	case oui8021<<8 | 1:
		n.PVID = vlan(v.number("lldp.ieee.802_1.port_vlan.id", 16))
	case oui8021<<8 | 3:
		n.VLANs = append(n.VLANs, discovery.VLANName{
			ID: uint16(v.number("lldp.ieee.802_1.vlan.id", 16)), Name: printable(v.octets("lldp.ieee.802_1.vlan.name")),
		})
	case oui8021<<8 | 6:
		n.ManagementVID = vlan(uint64(value[4])<<8 | uint64(value[5]))
	case oui8021<<8 | 7:
		n.LinkAggregation = linkAggregation(v, "lldp.ieee.802_1")
	case oui8021<<8 | 9, oui8021<<8 | 10, oui8021<<8 | 11, oui8021<<8 | 12:
		addDCBX(n, v, value[3])
	case oui8023<<8 | 1:
		n.MACPHY = &discovery.MACPHY{
			AutoNegotiationSupported: v.bool("lldp.ieee.802_3.mac_phy_auto_neg_status.supported"),
			AutoNegotiationEnabled:   v.bool("lldp.ieee.802_3.mac_phy_auto_neg_status.enabled"),
			Advertised:               uint16(v.number("lldp.ieee.802_3.pmd_auto_neg_advertised_caps", 16)),
			MAUType:                  uint16(v.number("lldp.ieee.802_3.pmd_mau_type", 16)),
		}
	case oui8023<<8 | 3:
		if n.LinkAggregation == nil {
			n.LinkAggregation = linkAggregation(v, "lldp.ieee.802_3")
		}
	case oui8023<<8 | 4:
		n.MaxFrameSize = uint16(v.number("lldp.ieee.802_3.max_frame_size", 16))
	case ouiTIA<<8 | 2:
		if n.MED == nil {
			n.MED = &discovery.MED{}
		}
		n.MED.NetworkPolicies = append(n.MED.NetworkPolicies, discovery.NetworkPolicy{
			Application: uint8(v.number("lldp.media.app_type", 8)),
			Unknown:     v.bool("lldp.media.policy_flag"),
			Tagged:      v.bool("lldp.media.tag_flag"),
			VID:         uint16(v.number("lldp.media.vlan_id", 12)),
			Priority:    uint8(v.number("lldp.media.l2_prio", 3)),
			DSCP:        uint8(v.number("lldp.media.dscp", 6)),
		})
	default:
		n.UnknownTLVs = append(n.UnknownTLVs, discovery.TLV{
			Type: uint8(lldp.TLVTypeOrganizationSpecific), OUI: discovery.OUI(value), Subtype: value[3], Value: value[4:],
		})
	}
}

// addDCBX takes over what a TLV of DCBX says, under names that tshark has from CEE.
func addDCBX(n *discovery.Neighbor, v *tlv, subtype byte) {
	if n.DCBX == nil {
		n.DCBX = new(discovery.DCBX)
	}
	switch d := n.DCBX; subtype {
	case 9:
		d.ETSConfiguration = &discovery.ETSConfiguration{
			Willing:           v.bool("lldp.dcbx.ieee.willing"),
			CreditBasedShaper: v.bool("lldp.dcbx.ieee.ets.cbs"),
			MaxTrafficClasses: uint8(cmp.Or(v.number("lldp.dcbx.ieee.ets.maxtcs", 3), 8)),
			ETS:               ets(v),
		}
	case 10:
		d.ETSRecommendation = new(ets(v))
	case 11:
		d.PFC = &discovery.PFC{
			Willing:           v.bool("lldp.dcbx.ieee.willing"),
			MBC:               v.bool("lldp.dcbx.ieee.pfc.mbc"),
			MaxTrafficClasses: uint8(v.number("lldp.dcbx.ieee.pfc.numtcs", 4)),
		}
		for i := range 8 {
			if v.bool(fmt.Sprintf("lldp.dcbx.feature.pfc.prio%d", i)) {
				d.PFC.Enabled |= 1 << i
			}
		}
	case 12:
		for _, f := range v.Fields {
			if entry := (&tlv{field: f}); f.Name == "" {
				d.ApplicationPriorities = append(d.ApplicationPriorities, discovery.ApplicationPriority{
					Priority: uint8(entry.number("lldp.dcbx.ieee.app.prio", 3)),
					Selector: discovery.Selector(entry.number("lldp.dcbx.iee.app.sf", 3)),
					Protocol: uint16(entry.number("lldp.dcbx.feature.app.proto", 16)),
				})
				v.err = cmp.Or(v.err, entry.err)
			}
		}
	}
}

func ets(v *tlv) (e discovery.ETS) {
	for i := range 8 {
		e.TrafficClasses[i] = uint8(v.number(fmt.Sprintf("lldp.dcbx.feature.pg.pgid_prio%d", i), 4))
		e.Bandwidths[i] = uint8(v.number(fmt.Sprintf("lldp.dcbx.feature.pg.per%d", i), 8))
		e.Algorithms[i] = discovery.TransmissionChoice(v.number(fmt.Sprintf("lldp.dcbx.ieee.ets.tsa%d", i), 8))
	}
	return e
}

func vlan(vid uint64) uint16 {
	if vid == 0 || vid >= 4095 {
		return 0
	}
	return uint16(vid)
}

func linkAggregation(v *tlv, prefix string) *discovery.LinkAggregation {
	return &discovery.LinkAggregation{
		Capable: v.bool(prefix + ".aggregation_status.cap"),
		Enabled: v.bool(prefix + ".aggregation_status.enabled"),
		PortID:  uint32(v.number(prefix+".aggregated_port_id", 32)),
	}
}

func managementAddress(v *tlv) string {
	switch {
	case v.has("lldp.mgn.addr.ip4"):
		return address(v, "lldp.mgn.addr.ip4")
	case v.has("lldp.mgn.addr.ip6"):
		return address(v, "lldp.mgn.addr.ip6")
	case v.number("lldp.mgn.address.subtype", 8) == 6: // "802", a MAC address
		return "mac:" + v.show("lldp.mgn.addr.hex")
	default:
		return fmt.Sprintf("family%s:%x", v.show("lldp.mgn.address.subtype"), v.octets("lldp.mgn.addr.hex"))
	}
}

func address(v *tlv, name string) string {
	a, err := netip.ParseAddr(v.show(name))
	if err != nil {
		v.fail(name, err)
	}
	return a.String()
}

// id reads an ID of a subtype, each of which has a name.
func id(v *tlv, prefix string, names [8]string) discovery.ID {
	name := names[v.number(prefix+".subtype", 3)]
	switch name {
	case "mac":
		return discovery.ID("mac:" + v.show(prefix+".id.mac"))
	case "ip":
		family := ".id.ip4"
		if v.has(prefix + ".id.ip6") {
			family = ".id.ip6"
		}
		return discovery.ID("ip:" + address(v, prefix+family))
	}
	octets := v.octets(prefix + ".id")
	ascii := func(c byte) bool { return ' ' <= c && c <= '~' && c != '\\' }
	isText := func(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return !ascii(c) }) }
	if unpadded := bytes.TrimRight(octets, "\x00"); isText(unpadded) && len(unpadded) > 0 {
		return discovery.ID(name + ":" + string(unpadded))
	}
	var b strings.Builder
	for _, c := range octets {
		if ascii(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return discovery.ID(name + ":" + b.String())
}

// printable returns a text up to its first NUL, with octets that make no
// printable character written \xNN.
func printable(octets []byte) string {
	octets, _, _ = bytes.Cut(octets, []byte{0})
	var b strings.Builder
	for len(octets) > 0 {
		r, n := utf8.DecodeRune(octets)
		if valid := r != utf8.RuneError || n > 1; valid && fit.Visible(r) {
			b.WriteRune(r)
		} else {
			for _, c := range octets[:n] {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		}
		octets = octets[n:]
	}
	return b.String()
}
