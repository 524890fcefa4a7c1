// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
)

func FuzzDecode(f *testing.F) {
	for _, frame := range labFrames(f) {
		f.Add(frame)
	}
	for _, test := range optionalTests {
		f.Add(join(group, mac1, 0x88, 0xcc, pdu(test.tlvs)))
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
		if !validVID(v.ID) || (i > 0 && n.VLANs[i-1].ID >= v.ID) {
			t.Errorf("VLANs not valid, ordered and different: %v", n.VLANs)
		}
	}
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("text %q is not printable", s)
		}
	}
	if n.PVID != 0 && !validVID(n.PVID) {
		t.Errorf("PVID %d", n.PVID)
	}
	if f.Shutdown() != (n.TTL == 0) {
		t.Errorf("TTL %v, shutdown %t", n.TTL, f.Shutdown())
	}
	tlvs := f.Discarded + len(f.Unrecognized) + len(n.VLANs) + len(n.ManagementAddresses)
	if tlvs > len(b)/2 {
		t.Errorf("%d TLVs out of %d octets", tlvs, len(b))
	}
	if !n.FirstHeard.IsZero() || !n.LastHeard.IsZero() || n.Protocol != discovery.ProtocolLLDP {
		t.Errorf("protocol %q, times %v and %v", n.Protocol, n.FirstHeard, n.LastHeard)
	}
}
