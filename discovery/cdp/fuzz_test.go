// SPDX-License-Identifier: Apache-2.0

package cdp

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
)

func FuzzDecode(f *testing.F) {
	for _, b := range labFrames(f) {
		f.Add(b)
	}
	whole := frame()
	f.Add(join(whole[:12], 0x81, 0, 0, 9, whole[12:]))
	f.Add(frame(tlv(2, 0, 0, 0, 2, ipv4, 192, 0, 2, 1, ipv6, v6a), tlv(0x0a, 1, 0x85), tlv(0x11, 0, 0, 5, 0xdc)))
	f.Add(ieee8023(llc, "\x01\x00\x00\x00", tlv(1, "\x00\x0b\xbe\x18\x9a\x41"), tlv(0x14, "red"), tlv(0x1003, "x")))
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
			if diff := cmp.Diff(discovery.Neighbor{}, got); diff != "" {
				t.Fatalf("%v with content (-want +got):\n%s", reason, diff)
			}
			return
		}
		checkInvariants(t, &got, b)
	})
}

// checkInvariants checks what holds for every accepted frame.
func checkInvariants(t *testing.T, n *discovery.Neighbor, b []byte) {
	t.Helper()
	for id, prefixes := range map[discovery.ID][]string{n.Chassis: {"cdp"}, n.Port: {"ifname", "mac"}} {
		prefix, value, _ := strings.Cut(string(id), ":")
		if !slices.Contains(prefixes, prefix) || value == "" || strings.ContainsFunc(string(id), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("ID %q", id)
		}
	}
	for _, s := range []string{n.SystemName, n.SystemDescription} {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !fit.Visible(r) }) {
			t.Errorf("text %q is not printable", s)
		}
	}
	for i, s := range n.ManagementAddresses {
		if a, err := netip.ParseAddr(s); err != nil || a.IsUnspecified() || a.String() != s || slices.Contains(n.ManagementAddresses[:i], s) {
			t.Errorf("management addresses %q", n.ManagementAddresses)
		}
	}
	if n.PVID > discovery.MaxVID || n.TTL > 255 {
		t.Errorf("PVID %d, TTL %d", n.PVID, n.TTL)
	}
	if n.Capabilities.Available != n.Capabilities.Enabled || n.Capabilities.Available&^discovery.KnownCapabilities != 0 {
		t.Errorf("capabilities %v", n.Capabilities)
	}
	octets := 4 * len(n.UnknownTLVs)
	for _, u := range n.UnknownTLVs {
		octets += len(u.Value)
	}
	if octets > len(b) || len(n.ManagementAddresses) > len(b)/9 {
		t.Errorf("%d octets of unknown TLVs and %d addresses out of %d octets", octets, len(n.ManagementAddresses), len(b))
	}
	if !n.FirstHeard.IsZero() || !n.LastHeard.IsZero() || n.Protocol != discovery.ProtocolCDP {
		t.Errorf("protocol %q, times %v and %v", n.Protocol, n.FirstHeard, n.LastHeard)
	}
}
