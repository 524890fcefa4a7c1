// SPDX-License-Identifier: Apache-2.0

package ra

// A Reason says what became of a received frame: Accepted, or why it is
// discarded as a whole. Its text names the reason in logs, counters and tests.
type Reason uint8

// The reasons.
const (
	Accepted Reason = iota

	FrameTooShort // no complete Ethernet and IPv6 header
	NotRA         // another EtherType, version, header or type of ICMPv6

	// RFC 4861, 6.1.2.
	SourceNotLinkLocal // nor would a router's be
	HopLimit           // not 255, so it may have come from another link
	Length             // what IPv6 says of the length is more than there is, or too little
	Checksum
	Code   // not 0
	Option // one has no length, or runs past the end

	SourceIsGroup // frames come from one device
)

var reasonNames = [...]string{
	Accepted:           "accepted",
	FrameTooShort:      "frameTooShort",
	NotRA:              "notRouterAdvertisement",
	SourceNotLinkLocal: "sourceNotLinkLocal",
	HopLimit:           "hopLimit",
	Length:             "length",
	Checksum:           "checksum",
	Code:               "code",
	Option:             "option",
	SourceIsGroup:      "sourceIsGroup",
}

// String returns the reason in a form that also suits a metric label.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}
