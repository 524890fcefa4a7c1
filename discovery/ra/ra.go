// SPDX-License-Identifier: Apache-2.0

// Package ra decodes router advertisements (RFC 4861, 4.2): a frame in, who sends it and
// what it says out, or why it is discarded. It asks for none, and keeps nothing.
package ra

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"

	"github.com/colvin-net/colvin/discovery"
)

// Where things are in a frame, and what must be there.
const (
	offSource    = 6
	offEtherType = 12
	ethernetLen  = 14

	// RFC 8200, 3.
	offPayloadLen = 4
	offNextHeader = 6
	offHopLimit   = 7
	offFrom       = 8
	offTo         = 24
	headerLen     = 40
	addressLen    = 16
	nextICMPv6    = 58
	hopLimit      = 255 // RFC 4861, 6.1.2

	advertisementLen = 16 // before the options (RFC 4861, 4.2)
)

// An Advertisement is a router advertisement.
type Advertisement struct {
	Router discovery.Router // without tag and times

	// Discarded is how many prefixes say nothing that could be used, and were skipped.
	Discarded int
}

// Decode decodes a frame that begins with its Ethernet header and bears no tag. The
// Advertisement is empty unless the reason is Accepted.
func Decode(frame []byte) (Advertisement, Reason) {
	if len(frame) < ethernetLen+headerLen {
		return Advertisement{}, FrameTooShort
	}
	packet := frame[ethernetLen:]
	if etherType := ethernet.EtherType(binary.BigEndian.Uint16(frame[offEtherType:])); etherType != ethernet.EtherTypeIPv6 ||
		packet[0]>>4 != 6 || packet[offNextHeader] != nextICMPv6 {
		return Advertisement{}, NotRA
	}
	message, reason := payload(packet)
	if reason != Accepted {
		return Advertisement{}, reason
	}
	said, reason := parse(message)
	if reason != Accepted {
		return Advertisement{}, reason
	}
	said.Router.Source, said.Router.Address = discovery.MAC(frame[offSource:]), address(packet[offFrom:])
	if said.Router.Source[0]&1 != 0 {
		return Advertisement{}, SourceIsGroup
	}
	return said, Accepted
}

func address(b []byte) netip.Addr { return netip.AddrFrom16([addressLen]byte(b)) }

// payload returns the router advertisement in an IPv6 packet, if it is valid (RFC 4861,
// 6.1.2). An extension header before it, which nobody sends, makes it another packet.
func payload(packet []byte) ([]byte, Reason) {
	message, size := packet[headerLen:], int(binary.BigEndian.Uint16(packet[offPayloadLen:]))
	switch {
	case size > len(message) || size == 0:
		return nil, Length
	case ipv6.ICMPType(message[0]) != ipv6.ICMPTypeRouterAdvertisement:
		return nil, NotRA
	case !address(packet[offFrom:]).IsLinkLocalUnicast():
		return nil, SourceNotLinkLocal
	case packet[offHopLimit] != hopLimit:
		return nil, HopLimit
	case size < advertisementLen:
		return nil, Length
	}
	message = message[:size]
	switch {
	case checksum(packet, message) != 0:
		return nil, Checksum
	case message[1] != 0:
		return nil, Code
	}
	return message, Accepted
}

// checksum is 0 where that of the message is right (RFC 4443, 2.3).
func checksum(packet, message []byte) uint16 {
	sum := uint32(len(message)) + nextICMPv6 // the pseudo-header (RFC 8200, 8.1)
	for _, part := range [][]byte{packet[offFrom : offTo+addressLen], message} {
		for ; len(part) > 1; part = part[2:] {
			sum += uint32(binary.BigEndian.Uint16(part))
		}
		if len(part) == 1 {
			sum += uint32(part[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// parse reads a valid router advertisement.
//
// Only what is used of it is given to package ndp: that refuses the whole message where an
// option is not to its liking, though it be for others, or longer than 248 octets.
func parse(message []byte) (Advertisement, Reason) {
	kept, discarded, ok := prefixOptions(message)
	if !ok {
		return Advertisement{}, Option
	}
	m, err := ndp.ParseMessage(kept)
	said, ok := m.(*ndp.RouterAdvertisement)
	if err != nil || !ok {
		return Advertisement{}, Option
	}
	out := Advertisement{Discarded: discarded, Router: discovery.Router{
		Preference: preference(said.RouterSelectionPreference), Lifetime: uint16(said.RouterLifetime.Seconds()),
		Managed: said.ManagedConfiguration, Other: said.OtherConfiguration,
	}}
	for _, o := range said.Options {
		if p, ok := o.(*ndp.PrefixInformation); ok {
			out.Router.Prefixes = append(out.Router.Prefixes, discovery.AdvertisedPrefix{
				Prefix: netip.PrefixFrom(p.Prefix, int(p.PrefixLength)), OnLink: p.OnLink, Autonomous: p.AutonomousAddressConfiguration,
				Valid: uint32(p.ValidLifetime.Seconds()), Preferred: uint32(p.PreferredLifetime.Seconds()),
			})
		}
	}
	return out, Accepted
}

func preference(p ndp.Preference) discovery.Preference {
	switch p {
	case ndp.High:
		return discovery.PreferenceHigh
	case ndp.Low:
		return discovery.PreferenceLow
	default: // also what is reserved (RFC 4191, 2.2)
		return discovery.PreferenceMedium
	}
}

// The option that is read (RFC 4861, 4.6.2), and where things are in it.
const (
	prefixInformation    = 3
	prefixInformationLen = 32

	optionUnit   = 8 // of the lengths of options
	offLength    = 2
	offValid     = 4
	offPreferred = 8
	offPrefix    = 16
)

// prefixOptions is the message without other options than prefixes that can be used. It is
// not ok where the options are none (RFC 4861, 6.1.2).
func prefixOptions(message []byte) (kept []byte, discarded int, ok bool) {
	kept = append(make([]byte, 0, len(message)), message[:advertisementLen]...)
	for options := message[advertisementLen:]; len(options) > 0; {
		if len(options) < 2 || options[1] == 0 || int(options[1])*optionUnit > len(options) {
			return nil, 0, false
		}
		option := options[:int(options[1])*optionUnit]
		options = options[len(option):]
		switch {
		case option[0] != prefixInformation:
		case usable(option):
			kept = append(kept, option...)
		default:
			discarded++
		}
	}
	return kept, discarded, true
}

// usable reports whether a prefix says anything of this link: one that is link-local is to be
// ignored (RFC 4861, 6.3.4), one that is preferred for longer than it is valid too (RFC 4862,
// 5.5.3), and a group's, that of all addresses, or one of IPv4 are on no link.
func usable(option []byte) bool {
	if len(option) != prefixInformationLen || option[offLength] == 0 || option[offLength] > 8*addressLen {
		return false
	}
	prefix := address(option[offPrefix:])
	return !prefix.IsLinkLocalUnicast() && !prefix.IsMulticast() && !prefix.Is4In6() &&
		binary.BigEndian.Uint32(option[offPreferred:]) <= binary.BigEndian.Uint32(option[offValid:])
}
