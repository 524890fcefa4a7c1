// SPDX-License-Identifier: Apache-2.0

package lldp

// A Reason says what became of a received frame: Accepted, or why it is
// discarded as a whole. Its text names the reason in logs, counters and tests.
type Reason uint8

// The reasons.
const (
	Accepted Reason = iota

	FrameTooShort // no complete Ethernet header
	NotLLDP       // another EtherType

	// The mandatory TLVs (IEEE Std 802.1AB-2016, 9.2.7.7.1).
	ChassisIDMissing // the first TLV is not the chassis ID
	ChassisIDLength  // subtype and 1 to 255 octets are needed
	PortIDMissing    // the second TLV is not the port ID
	PortIDLength     // subtype and 1 to 255 octets are needed
	TTLMissing       // the third TLV is not the time to live
	TTLLength        // less than the 2 octets of the time to live

	DuplicateMandatory // chassis ID, port ID or time to live a second time
	TruncatedTLV       // a TLV runs past the end of the LLDPDU
	EndLength          // the End Of LLDPDU TLV has a value
	NoEnd              // no End Of LLDPDU TLV
)

var reasonNames = [...]string{
	Accepted:           "accepted",
	FrameTooShort:      "frameTooShort",
	NotLLDP:            "notLLDP",
	ChassisIDMissing:   "chassisIDMissing",
	ChassisIDLength:    "chassisIDLength",
	PortIDMissing:      "portIDMissing",
	PortIDLength:       "portIDLength",
	TTLMissing:         "ttlMissing",
	TTLLength:          "ttlLength",
	DuplicateMandatory: "duplicateMandatory",
	TruncatedTLV:       "truncatedTLV",
	EndLength:          "endLength",
	NoEnd:              "noEnd",
}

// String returns the reason in a form that also suits a metric label.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}
