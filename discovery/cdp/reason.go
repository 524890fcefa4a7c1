// SPDX-License-Identifier: Apache-2.0

package cdp

// A Reason says what became of a received frame: Accepted, or why it is
// discarded as a whole. Its text names the reason in logs, counters and tests.
type Reason uint8

// The reasons.
const (
	Accepted Reason = iota

	FrameTooShort // no complete Ethernet, LLC or CDP header
	NotCDP        // another EtherType, LLC or SNAP header
	BadVersion    // neither version 1 nor 2

	TruncatedTLV // a TLV runs past the end of the frame
	TLVLength    // a TLV claims to be shorter than its own header

	DeviceIDMissing // no device ID
	DeviceIDLength  // 1 to 255 octets are needed
	PortIDLength    // 1 to 255 octets are needed
	DuplicateID     // device ID or port ID a second time
)

var reasonNames = [...]string{
	Accepted:        "accepted",
	FrameTooShort:   "frameTooShort",
	NotCDP:          "notCDP",
	BadVersion:      "badVersion",
	TruncatedTLV:    "truncatedTLV",
	TLVLength:       "tlvLength",
	DeviceIDMissing: "deviceIDMissing",
	DeviceIDLength:  "deviceIDLength",
	PortIDLength:    "portIDLength",
	DuplicateID:     "duplicateID",
}

// String returns the reason in a form that also suits a metric label.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}
