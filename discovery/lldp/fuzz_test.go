// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
)

func FuzzDecode(f *testing.F) {
	for _, frame := range labFrames(f) {
		f.Add(frame)
	}
	for _, test := range optionalTests {
		f.Add(join(group, mac1, 0x88, 0xcc, pdu(test.tlvs)))
	}
	for _, test := range fixedTests {
		f.Add(join(group, mac1, 0x88, 0xcc, pdu(tlv(test.typ, test.value, "more"))))
	}
	f.Add(join(group, mac1, 0x81, 0, 0, 9, 0x88, 0xcc, pdu()))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		got, reason := Decode(b)
		if !slices.Equal(before, b) {
			t.Fatal("Decode changed its input")
		}
		again, reasonAgain := Decode(b)
		if diff := cmp.Diff(got, again); diff != "" || reason != reasonAgain {
			t.Fatalf("decoded twice: %v, then %v (-first +second):\n%s", reason, reasonAgain, diff)
		}
		if reason != Accepted {
			if diff := cmp.Diff(Frame{}, got); diff != "" {
				t.Fatalf("%v with content (-want +got):\n%s", reason, diff)
			}
			return
		}
		checkInvariants(t, &got, b)
	})
}

// checkInvariants checks what holds for every accepted frame.
func checkInvariants(t *testing.T, f *Frame, b []byte) {
	t.Helper()
	n := &f.Neighbor
	for _, id := range []discovery.ID{n.Chassis, n.Port} {
		prefix, value, _ := strings.Cut(string(id), ":")
		if prefix == "" || value == "" || strings.ContainsFunc(string(id), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("ID %q", id)
		}
		if prefix == "mac" {
			if m, err := discovery.ParseMAC(value); err != nil || m.String() != value {
				t.Errorf("ID %q is no MAC address", id)
			}
		}
	}
	texts := append([]string{n.PortDescription, n.SystemName, n.SystemDescription}, n.ManagementAddresses...)
	for i, v := range n.VLANs {
		texts = append(texts, v.Name)
		if !discovery.ValidVID(v.ID) || (i > 0 && n.VLANs[i-1].ID >= v.ID) {
			t.Errorf("VLANs not valid, ordered and different: %v", n.VLANs)
		}
	}
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !fit.Visible(r) }) {
			t.Errorf("text %q is not printable", s)
		}
	}
	for _, vid := range []uint16{n.PVID, n.ManagementVID} {
		if vid != 0 && !discovery.ValidVID(vid) {
			t.Errorf("VID %d", vid)
		}
	}
	if f.Shutdown() != (n.TTL == 0) {
		t.Errorf("TTL %d, shutdown %t", n.TTL, f.Shutdown())
	}
	checkSaid(t, n)
	checkSize(t, f, b)
	if !n.FirstHeard.IsZero() || !n.LastHeard.IsZero() || n.Protocol != discovery.ProtocolLLDP {
		t.Errorf("protocol %q, times %v and %v", n.Protocol, n.FirstHeard, n.LastHeard)
	}
}

// checkSaid checks what holds for the optional parts of a neighbour.
func checkSaid(t *testing.T, n *discovery.Neighbor) {
	t.Helper()
	if c := n.Capabilities; c.Enabled&^c.Available != 0 || c.Available&^discovery.KnownCapabilities != 0 {
		t.Errorf("capabilities %+v", c)
	}
	if n.MED != nil {
		if len(n.MED.NetworkPolicies) == 0 {
			t.Error("MED without a policy")
		}
		applications := map[uint8]bool{}
		for _, p := range n.MED.NetworkPolicies {
			if applications[p.Application] || p.VID > 0xfff || p.Priority > 7 || p.DSCP > 63 {
				t.Errorf("policy out of range or told twice: %+v", p)
			}
			applications[p.Application] = true
		}
	}
	if d := n.DCBX; d != nil {
		if c := d.ETSConfiguration; c != nil && (c.MaxTrafficClasses < 1 || c.MaxTrafficClasses > 8) {
			t.Errorf("%d traffic classes", c.MaxTrafficClasses)
		}
		for _, a := range d.ApplicationPriorities {
			if a.Priority > 7 || a.Selector > 7 {
				t.Errorf("application priority out of range: %+v", a)
			}
		}
		if d.ApplicationPriorities != nil && len(d.ApplicationPriorities) == 0 {
			t.Error("an empty list of application priorities")
		}
	}
	for _, u := range n.UnknownTLVs {
		org := lldp.TLVType(u.Type) == lldp.TLVTypeOrganizationSpecific
		if u.Type < 9 || u.Type > 127 || (!org && (u.OUI != discovery.OUI{} || u.Subtype != 0)) || cap(u.Value) != len(u.Value) {
			t.Errorf("unknown TLV %+v", u)
		}
		if org && cmp.Equal(u.OUI, discovery.OUI{0, 0x80, 0xc2}) && slices.Contains([]uint8{1, 3, 6, 7, 9, 10, 11, 12}, u.Subtype) {
			t.Errorf("TLV that is decoded is unknown: %+v", u)
		}
	}
}

// checkSize checks that a frame is no larger than its octets allow: what floods a
// port does not fill the memory.
func checkSize(t *testing.T, f *Frame, b []byte) {
	t.Helper()
	n := &f.Neighbor
	tlvs := f.Discarded + len(n.UnknownTLVs) + len(n.VLANs) + len(n.ManagementAddresses)
	octets := 0
	for _, u := range n.UnknownTLVs {
		octets += len(u.Value)
	}
	if n.MED != nil {
		tlvs += len(n.MED.NetworkPolicies)
	}
	if n.DCBX != nil {
		octets += 3 * cap(n.DCBX.ApplicationPriorities)
	}
	text := len(n.Chassis) + len(n.Port) + len(n.PortDescription) + len(n.SystemName) + len(n.SystemDescription)
	for _, a := range n.ManagementAddresses {
		text += len(a)
	}
	for _, v := range n.VLANs {
		text += len(v.Name)
	}
	const escaped, prefixes = 4, 32 // one octet as \xNN; "portcomponent:" and the like
	if tlvs > len(b)/2 || octets > len(b) || text > escaped*len(b)+prefixes || cap(n.VLANs) > len(b) || cap(n.UnknownTLVs) > len(b) {
		t.Errorf("%d TLVs, %d octets and %d of text out of %d octets, room for %d VLANs and %d TLVs",
			tlvs, octets, text, len(b), cap(n.VLANs), cap(n.UnknownTLVs))
	}
}
