// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/boottime"
)

// addressMessage writes an RTM_NEWADDR message of interface 7.
func addressMessage(family, bits, flags, scope uint8, attrs ...*nl.RtAttr) []byte {
	b := binary.NativeEndian.AppendUint32([]byte{family, bits, flags, scope}, 7)
	for _, a := range attrs {
		b = append(b, a.Serialize()...)
	}
	return b
}

func ipAttr(kind int, address string) *nl.RtAttr {
	return nl.NewRtAttr(kind, netip.MustParseAddr(address).AsSlice())
}

func cacheAttr(preferred, valid, updated uint32) *nl.RtAttr {
	b := binary.NativeEndian.AppendUint32(nil, preferred)
	b = binary.NativeEndian.AppendUint32(b, valid)
	b = binary.NativeEndian.AppendUint32(b, 1) // made
	return nl.NewRtAttr(unix.IFA_CACHEINFO, binary.NativeEndian.AppendUint32(b, updated))
}

func TestParseAddress(t *testing.T) {
	now := boottime.At(100 * time.Hour)
	hour := uint32(time.Hour / stampUnit)
	for name, tt := range map[string]struct {
		msg  []byte
		want discovery.Address
	}{
		"IPv4": {
			addressMessage(unix.AF_INET, 24, unix.IFA_F_PERMANENT, unix.RT_SCOPE_UNIVERSE,
				ipAttr(unix.IFA_ADDRESS, "192.0.2.1"), ipAttr(unix.IFA_LOCAL, "192.0.2.1"), cacheAttr(math.MaxUint32, math.MaxUint32, 99*hour)),
			discovery.Address{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Updated: boottime.At(99 * time.Hour)},
		},
		"IPv6, a lease": {
			addressMessage(unix.AF_INET6, 64, 0, unix.RT_SCOPE_UNIVERSE, ipAttr(unix.IFA_ADDRESS, "2001:db8::1"), cacheAttr(60, 3600, 100*hour-1)),
			discovery.Address{
				Prefix: netip.MustParsePrefix("2001:db8::1/64"), Dynamic: true, Updated: now.Add(-stampUnit),
				PreferredUntil: now.Add(time.Minute), ValidUntil: now.Add(time.Hour),
			},
		},
		"peer": {
			addressMessage(unix.AF_INET6, 128, unix.IFA_F_PERMANENT, unix.RT_SCOPE_UNIVERSE, ipAttr(unix.IFA_LOCAL, "2001:db8::1"), ipAttr(unix.IFA_ADDRESS, "2001:db8::2")),
			discovery.Address{Prefix: netip.MustParsePrefix("2001:db8::1/128"), Peer: netip.MustParseAddr("2001:db8::2")},
		},
		"flags of 32 bits": {
			addressMessage(unix.AF_INET6, 64, 0, unix.RT_SCOPE_LINK, ipAttr(unix.IFA_ADDRESS, "fe80::1"),
				nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(unix.IFA_F_PERMANENT|unix.IFA_F_SECONDARY|unix.IFA_F_DEPRECATED|unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED|unix.IFA_F_NOPREFIXROUTE))),
			discovery.Address{Prefix: netip.MustParsePrefix("fe80::1/64"), Scope: discovery.ScopeLink, Secondary: true, Deprecated: true, Tentative: true, DADFailed: true},
		},
		"a tick ahead": {
			addressMessage(unix.AF_INET6, 64, unix.IFA_F_PERMANENT, 200, ipAttr(unix.IFA_ADDRESS, "fec0::1"), cacheAttr(math.MaxUint32, math.MaxUint32, 100*hour+1)),
			discovery.Address{Prefix: netip.MustParsePrefix("fec0::1/64"), Scope: discovery.ScopeSite, Updated: now},
		},
		"of a time to come": {
			addressMessage(unix.AF_INET6, 64, unix.IFA_F_PERMANENT, 0, ipAttr(unix.IFA_ADDRESS, "2001:db8::1"), cacheAttr(math.MaxUint32, math.MaxUint32, 200*hour)),
			discovery.Address{Prefix: netip.MustParsePrefix("2001:db8::1/64")},
		},
		"short cache info": {
			addressMessage(unix.AF_INET6, 64, unix.IFA_F_PERMANENT, 0, ipAttr(unix.IFA_ADDRESS, "2001:db8::1"), nl.NewRtAttr(unix.IFA_CACHEINFO, make([]byte, 12))),
			discovery.Address{Prefix: netip.MustParsePrefix("2001:db8::1/64")},
		},
	} {
		index, got, ok := parseAddress(tt.msg, now)
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" || index != 7 || !ok {
			t.Errorf("%s: of %d, %t (-want +got):\n%s", name, index, ok, diff)
		}
	}
	for name, msg := range map[string][]byte{
		"nothing":         nil,
		"cut off":         addressMessage(unix.AF_INET, 24, 0, 0)[:7],
		"no address":      addressMessage(unix.AF_INET, 24, 0, 0),
		"too long prefix": addressMessage(unix.AF_INET, 33, 0, 0, ipAttr(unix.IFA_LOCAL, "192.0.2.1")),
		"five octets":     addressMessage(unix.AF_INET, 24, 0, 0, nl.NewRtAttr(unix.IFA_LOCAL, make([]byte, 5))),
	} {
		if _, a, ok := parseAddress(msg, now); ok {
			t.Errorf("%s: taken for %v", name, a)
		}
	}
}

// TestStampsWrap reads a stamp after the kernel's count began anew.
func TestStampsWrap(t *testing.T) {
	const round = (math.MaxUint32 + 1) * stampUnit
	now := boottime.At(round + time.Minute)
	for stamp, want := range map[uint32]time.Duration{
		uint32(30 * time.Second / stampUnit): 30 * time.Second, math.MaxUint32 - 99: 61 * time.Second, uint32(time.Hour / stampUnit): round - 59*time.Minute,
	} {
		if got := now.Sub(since(now, stamp)); got != want {
			t.Errorf("stamp %d: %v ago, want %v", stamp, got, want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add(addressMessage(unix.AF_INET, 24, 0, 0, ipAttr(unix.IFA_ADDRESS, "192.0.2.1"), cacheAttr(1, 2, 3)))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if _, a, ok := parseAddress(msg, boottime.Now()); ok && (!a.Prefix.IsValid() || !a.Subnet().IsValid() && !a.Peer.IsValid()) {
			t.Errorf("%v", a)
		}
	})
}
