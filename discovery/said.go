// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Capabilities are the system capabilities a neighbour has and has enabled.
type Capabilities struct {
	Available CapabilitySet `json:"available"`
	Enabled   CapabilitySet `json:"enabled"`
}

// A CapabilitySet is a set of system capabilities, one bit each (IEEE Std
// 802.1AB-2016, table 8-4).
type CapabilitySet uint16

// capabilityNames are the names of the bits, the lowest first.
var capabilityNames = [...]string{
	"other", "repeater", "bridge", "wlan-ap", "router", "telephone", "docsis",
	"station", "c-vlan", "s-vlan", "tpmr",
}

// The capabilities that decisions depend on.
const (
	CapabilityBridge      CapabilitySet = 1 << 2
	CapabilityAccessPoint CapabilitySet = 1 << 3
	CapabilityRouter      CapabilitySet = 1 << 4
	CapabilityTelephone   CapabilitySet = 1 << 5
	CapabilityStation     CapabilitySet = 1 << 7
)

// KnownCapabilities are all bits that have a name; the others are reserved.
const KnownCapabilities CapabilitySet = 1<<len(capabilityNames) - 1

// Names are the names of the capabilities in the set, in the order of their bits.
func (c CapabilitySet) Names() []string {
	names := make([]string, 0, bits.OnesCount16(uint16(c)))
	for i, name := range capabilityNames {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String joins the names with commas.
func (c CapabilitySet) String() string { return strings.Join(c.Names(), ",") }

// MarshalJSON writes the names as an array.
func (c CapabilitySet) MarshalJSON() ([]byte, error) { return json.Marshal(c.Names()) }

// UnmarshalJSON reads an array of names.
func (c *CapabilitySet) UnmarshalJSON(b []byte) (err error) {
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return err
	}
	*c, err = ParseCapabilities(names)
	return err
}

// ParseCapabilities reads what Names tells.
func ParseCapabilities(names []string) (CapabilitySet, error) {
	var c CapabilitySet
	for _, name := range names {
		i := slices.Index(capabilityNames[:], name)
		if i < 0 {
			return 0, fmt.Errorf("%q is no system capability", name)
		}
		c |= 1 << i
	}
	return c, nil
}

// LinkAggregation says whether the switch port is in an aggregation (IEEE Std
// 802.1AX-2014, annex F; earlier IEEE Std 802.3, 79.3.3).
type LinkAggregation struct {
	Capable bool   `json:"capable"`
	Enabled bool   `json:"enabled"`          // in an aggregation now
	PortID  uint32 `json:"portID,omitempty"` // interface number of the aggregation
}

// MACPHY is the MAC/PHY configuration and status of the switch port (IEEE Std
// 802.3-2018, 79.3.1).
type MACPHY struct {
	AutoNegotiationSupported bool   `json:"autoNegotiationSupported"`
	AutoNegotiationEnabled   bool   `json:"autoNegotiationEnabled"`
	Advertised               uint16 `json:"advertised"` // PMD auto-negotiation advertised capability, as bits
	MAUType                  uint16 `json:"mauType"`    // operational MAU type (IANA-MAU-MIB, dot3MauType)
}

// MED is what a neighbour says in TLVs of LLDP-MED (ANSI/TIA-1057).
type MED struct {
	NetworkPolicies []NetworkPolicy `json:"networkPolicies"`
}

// A NetworkPolicy is the VLAN and the priorities of one application (ANSI/TIA-1057,
// 10.2.3).
type NetworkPolicy struct {
	Application uint8  `json:"application"` // 1 voice, 2 voice signalling, ... 8 video signalling
	Unknown     bool   `json:"unknown"`     // the policy is required but not known
	Tagged      bool   `json:"tagged"`
	VID         uint16 `json:"vid"`
	Priority    uint8  `json:"priority"` // 802.1Q priority code point
	DSCP        uint8  `json:"dscp"`
}

// A TLV is one that is not decoded, as it was on the wire.
type TLV struct {
	Type    uint8  `json:"type"`
	OUI     OUI    `json:"oui,omitzero"`      // of an organizationally specific TLV
	Subtype uint8  `json:"subtype,omitempty"` // of an organizationally specific TLV
	Value   Octets `json:"value"`             // behind OUI and subtype, where there are such
}

// OUI is an organizationally unique identifier.
type OUI [3]byte

// String returns the OUI as 00:80:c2.
func (o OUI) String() string { return fmt.Sprintf("%02x:%02x:%02x", o[0], o[1], o[2]) }

// MarshalText implements encoding.TextMarshaler.
func (o OUI) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *OUI) UnmarshalText(b []byte) error {
	v, err := hex.DecodeString(strings.ReplaceAll(string(b), ":", ""))
	if err != nil || len(v) != len(o) {
		return fmt.Errorf("%q is no OUI such as 00:80:c2", b)
	}
	*o = OUI(v)
	return nil
}

// Octets are raw octets, written as hex.
type Octets []byte

// MarshalText implements encoding.TextMarshaler.
func (o Octets) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, o), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *Octets) UnmarshalText(b []byte) (err error) {
	*o, err = hex.AppendDecode(nil, b)
	return err
}
