// SPDX-License-Identifier: Apache-2.0

package ra_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mdlayher/ndp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ra"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

var byValue = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

// said is a router that says all there is to say.
func said() discovery.Router {
	return discovery.Router{
		Source: discovery.MAC{2, 0, 0, 0, 0, 1}, Address: netip.MustParseAddr("fe80::1"), Preference: discovery.PreferenceHigh, Lifetime: 1800, Managed: true, Other: true,
		Prefixes: []discovery.AdvertisedPrefix{
			{Prefix: netip.MustParsePrefix("2001:db8:1::/64"), OnLink: true, Autonomous: true, Valid: 86400, Preferred: 14400},
			{Prefix: netip.MustParsePrefix("fd00:1::/48"), OnLink: true, Valid: discovery.Infinite, Preferred: discovery.Infinite},
			{Prefix: netip.MustParsePrefix("2001:db8:2::/64"), Autonomous: true},
		},
	}
}

func frame(tb testing.TB, r discovery.Router, extra ...ndp.Option) []byte {
	tb.Helper()
	b, err := (&speaker.RouterAdvertisement{Router: r, Extra: extra}).Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Where things are in a frame.
const (
	offIP       = 14
	offMessage  = offIP + 40
	offChecksum = offMessage + 2
	offOptions  = offMessage + 16
)

// repair makes length and checksum right again.
func repair(f []byte) []byte {
	binary.BigEndian.PutUint16(f[offIP+4:], uint16(len(f)-offMessage))
	f[offChecksum], f[offChecksum+1] = 0, 0
	sum := uint32(len(f)-offMessage) + 58
	for _, part := range [][]byte{f[offIP+8 : offIP+40], append(slices.Clone(f[offMessage:]), 0)} {
		for i := 0; i+1 < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(f[offChecksum:], ^uint16(sum))
	return f
}

func TestDecode(t *testing.T) {
	low := said()
	low.Preference, low.Lifetime, low.Managed, low.Other, low.Prefixes = discovery.PreferenceLow, 0, false, false, nil
	long := append([]byte{31, 40}, make([]byte, 318)...) // which package ndp does not take
	host := said()
	host.Prefixes = []discovery.AdvertisedPrefix{{Prefix: netip.MustParsePrefix("2001:db8::1/128"), OnLink: true, Valid: 1, Preferred: 1}}
	badDNSSL := &ndp.RawOption{Type: 31, Length: 1, Value: make([]byte, 6)}
	for name, tt := range map[string]struct {
		frame []byte
		want  discovery.Router
	}{
		"everything":    {frame(t, said()), said()},
		"nothing":       {frame(t, low), low},
		"one address":   {frame(t, host), host},
		"padded":        {append(frame(t, low), make([]byte, 20)...), low},
		"other options": {frame(t, said(), &ndp.MTU{MTU: 1500}, &ndp.LinkLayerAddress{Direction: ndp.Source, Addr: []byte{2, 0, 0, 0, 0, 1}}, badDNSSL), said()},
		"a long option": {repair(slices.Insert(frame(t, said()), offOptions, long...)), said()},
	} {
		got, reason := ra.Decode(tt.frame)
		if diff := cmp.Diff(ra.Advertisement{Router: tt.want}, got, byValue); diff != "" || reason != ra.Accepted {
			t.Errorf("%s: %v (-want +got):\n%s", name, reason, diff)
		}
	}
}

// TestReservedPreference is as good as none (RFC 4191, 2.2).
func TestReservedPreference(t *testing.T) {
	f := frame(t, said())
	f[offMessage+5] = f[offMessage+5]&^0x18 | 0x10
	if got, reason := ra.Decode(repair(f)); got.Router.Preference != discovery.PreferenceMedium || reason != ra.Accepted {
		t.Errorf("%v, %+v", reason, got)
	}
}

// TestDiscarded breaks every rule of RFC 4861, 6.1.2.
func TestDiscarded(t *testing.T) {
	for name, tt := range map[string]struct {
		change func([]byte) []byte
		want   ra.Reason
	}{
		"nothing":              {func([]byte) []byte { return nil }, ra.FrameTooShort},
		"half a header":        {func(f []byte) []byte { return f[:offMessage-1] }, ra.FrameTooShort},
		"IPv4's type":          {func(f []byte) []byte { f[12] = 8; return f }, ra.NotRA},
		"version 4":            {func(f []byte) []byte { f[offIP] = 0x40; return f }, ra.NotRA},
		"hop-by-hop options":   {func(f []byte) []byte { f[offIP+6] = 0; return f }, ra.NotRA},
		"solicitation":         {func(f []byte) []byte { f[offMessage] = 133; return repair(f) }, ra.NotRA},
		"nothing behind IPv6":  {func(f []byte) []byte { f[offIP+4], f[offIP+5] = 0, 0; return f[:offMessage] }, ra.Length},
		"source is global":     {func(f []byte) []byte { f[offIP+8], f[offIP+9] = 0x20, 1; return repair(f) }, ra.SourceNotLinkLocal},
		"forwarded":            {func(f []byte) []byte { f[offIP+7] = 254; return f }, ra.HopLimit},
		"cut off":              {func(f []byte) []byte { return f[:len(f)-1] }, ra.Length},
		"too short":            {func(f []byte) []byte { return repair(f[:offOptions-1]) }, ra.Length},
		"checksum":             {func(f []byte) []byte { f[offChecksum]++; return f }, ra.Checksum},
		"changed on the way":   {func(f []byte) []byte { f[len(f)-1]++; return f }, ra.Checksum},
		"code":                 {func(f []byte) []byte { f[offMessage+1] = 1; return repair(f) }, ra.Code},
		"option of length 0":   {func(f []byte) []byte { f[offOptions+1] = 0; return repair(f) }, ra.Option},
		"option past the end":  {func(f []byte) []byte { f[offOptions+1] = 200; return repair(f) }, ra.Option},
		"half an option":       {func(f []byte) []byte { return repair(append(f, 1)) }, ra.Option},
		"from a group address": {func(f []byte) []byte { f[6] |= 1; return f }, ra.SourceIsGroup},
	} {
		got, reason := ra.Decode(tt.change(frame(t, said())))
		if diff := cmp.Diff(ra.Advertisement{}, got, byValue); diff != "" || reason != tt.want {
			t.Errorf("%s: %v, want %v, and nothing else:\n%s", name, reason, tt.want, diff)
		}
	}
}

// TestPrefixes passes over those that say nothing of the link, and takes the others.
func TestPrefixes(t *testing.T) {
	const bits, valid, preferred, prefix = 2, 4, 8, 16 // offsets in the option
	for name, change := range map[string]func(option []byte){
		"length 0":                      func(o []byte) { o[bits] = 0 },
		"length 129":                    func(o []byte) { o[bits] = 129 },
		"link-local":                    func(o []byte) { o[prefix], o[prefix+1] = 0xfe, 0x80 },
		"group":                         func(o []byte) { o[prefix] = 0xff },
		"IPv4":                          func(o []byte) { copy(o[prefix:], netip.MustParseAddr("::ffff:192.0.2.0").AsSlice()) },
		"preferred for longer":          func(o []byte) { binary.BigEndian.PutUint32(o[preferred:], 86401) },
		"preferred for longer, a month": func(o []byte) { binary.BigEndian.PutUint32(o[valid:], 1) },
	} {
		f := frame(t, said())
		change(f[offOptions : offOptions+32])
		got, reason := ra.Decode(repair(f))
		want := ra.Advertisement{Router: said(), Discarded: 1}
		want.Router.Prefixes = want.Router.Prefixes[1:]
		if diff := cmp.Diff(want, got, byValue); diff != "" || reason != ra.Accepted {
			t.Errorf("%s: %v (-want +got):\n%s", name, reason, diff)
		}
	}
	f := frame(t, said())
	f[offOptions+1] = 5 // 40 octets, so what follows is something else
	if got, reason := ra.Decode(repair(append(f, make([]byte, 8)...))); reason != ra.Option {
		t.Errorf("a prefix of 40 octets: %v, %+v", reason, got)
	}
	host := said()
	host.Prefixes = host.Prefixes[:1]
	f = frame(t, host)
	f[len(f)-1] = 9 // behind the prefix: to be ignored
	if got, _ := ra.Decode(repair(f)); got.Router.Prefixes[0].Prefix != host.Prefixes[0].Prefix {
		t.Errorf("prefix with an address in it: %v", got.Router.Prefixes)
	}
}

func TestReason(t *testing.T) {
	for reason, want := range map[ra.Reason]string{ra.Accepted: "accepted", ra.SourceIsGroup: "sourceIsGroup", ra.SourceIsGroup + 1: "unknown", 200: "unknown"} {
		if got := reason.String(); got != want {
			t.Errorf("%d: %s, want %s", reason, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(frame(f, said()))
	f.Add(frame(f, said(), &ndp.RecursiveDNSServer{Lifetime: time.Hour, Servers: []netip.Addr{netip.MustParseAddr("2001:db8::53")}}))
	f.Add(frame(f, discovery.Router{Address: netip.MustParseAddr("fe80::2")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, repaired(b)} {
			before := slices.Clone(b)
			got, reason := ra.Decode(b)
			if !slices.Equal(before, b) {
				t.Fatal("Decode changed its input")
			}
			if reason != ra.Accepted {
				if diff := cmp.Diff(ra.Advertisement{}, got, byValue); diff != "" {
					t.Fatalf("%v with content (-want +got):\n%s", reason, diff)
				}
				continue
			}
			if r := &got.Router; !r.Address.IsLinkLocalUnicast() || r.Address.Zone() != "" || r.Preference == "" {
				t.Fatalf("router %+v", r)
			}
			for _, p := range got.Router.Prefixes {
				if !p.Prefix.IsValid() || p.Prefix != p.Prefix.Masked() || p.Preferred > p.Valid || p.Prefix.Bits() == 0 {
					t.Fatalf("prefix %+v", p)
				}
			}
		}
	})
}

// repaired is a frame as the fuzzer would never make one: with the right checksum.
func repaired(b []byte) []byte {
	if len(b) < offMessage+4 {
		return b
	}
	b = slices.Clone(b)
	b[12], b[13], b[offIP], b[offIP+6], b[offIP+7], b[offIP+8], b[offIP+9], b[offMessage], b[offMessage+1] = 0x86, 0xdd, 0x60, 58, 255, 0xfe, 0x80, 134, 0
	return repair(b)
}
