// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// DCBX is what a neighbour says in TLVs of the Data Center Bridging Exchange (IEEE Std
// 802.1Q-2018, clause 38). A neighbour that sends such TLVs, but none that is well
// formed, has an empty one.
type DCBX struct {
	ETSConfiguration      *ETSConfiguration     `json:"etsConfiguration,omitempty"`
	ETSRecommendation     *ETS                  `json:"etsRecommendation,omitempty"`
	PFC                   *PFC                  `json:"pfc,omitempty"`
	ApplicationPriorities []ApplicationPriority `json:"applicationPriorities,omitempty"`
}

// ETSConfiguration is the Enhanced Transmission Selection in use (IEEE Std
// 802.1Q-2018, D.2.8).
type ETSConfiguration struct {
	Willing           bool  `json:"willing"` // to take what the peer recommends
	CreditBasedShaper bool  `json:"creditBasedShaper"`
	MaxTrafficClasses uint8 `json:"maxTrafficClasses"` // 1 to 8
	ETS
}

// ETS says which traffic class a priority belongs to, and how each class is served (IEEE
// Std 802.1Q-2018, D.2.8 and D.2.9).
type ETS struct {
	TrafficClasses [8]uint8              `json:"trafficClasses"` // of each priority; more than 7 is reserved
	Bandwidths     [8]uint8              `json:"bandwidths"`     // of each traffic class, in percent
	Algorithms     [8]TransmissionChoice `json:"algorithms"`     // of each traffic class
}

// A TransmissionChoice is how a traffic class is chosen for transmission (IEEE Std
// 802.1Q-2018, table 8-6).
type TransmissionChoice uint8

// The transmission selection algorithms.
const (
	StrictPriority    TransmissionChoice = 0
	CreditBasedShaper TransmissionChoice = 1
	EnhancedSelection TransmissionChoice = 2
	VendorSpecific    TransmissionChoice = 255
)

// Of both kinds of numbers the ones without a name are written as they are.
var (
	choiceNames   = map[uint8]string{0: "strict", 1: "cbs", 2: "ets", 255: "vendor"}
	selectorNames = map[uint8]string{1: "ethertype", 2: "tcp", 3: "udp", 4: "port", 5: "dscp"}
)

func numberText(names map[uint8]string, n uint8) string {
	if name, ok := names[n]; ok {
		return name
	}
	return strconv.Itoa(int(n))
}

func parseNumber(names map[uint8]string, text string) (uint8, error) {
	for n, name := range names {
		if name == text {
			return n, nil
		}
	}
	n, err := strconv.ParseUint(text, 10, 8)
	return uint8(n), err
}

// String returns "strict", "cbs", "ets", "vendor" or the number.
func (c TransmissionChoice) String() string { return numberText(choiceNames, uint8(c)) }

// MarshalText implements encoding.TextMarshaler.
func (c TransmissionChoice) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *TransmissionChoice) UnmarshalText(b []byte) error {
	n, err := parseNumber(choiceNames, string(b))
	*c = TransmissionChoice(n)
	return err
}

// PFC is the Priority-based Flow Control in use (IEEE Std 802.1Q-2018, D.2.10).
type PFC struct {
	Willing           bool        `json:"willing"`           // to take what the peer has
	MBC               bool        `json:"mbc"`               // MACsec cannot be bypassed while it is off
	MaxTrafficClasses uint8       `json:"maxTrafficClasses"` // that can have it at once, 0 to 15
	Enabled           PrioritySet `json:"enabled"`
}

// A PrioritySet is a set of priorities, one bit each, 0 the lowest.
type PrioritySet uint8

// List returns the priorities in order.
func (s PrioritySet) List() []uint8 {
	list := []uint8{}
	for p := range uint8(8) {
		if s&(1<<p) != 0 {
			list = append(list, p)
		}
	}
	return list
}

// MarshalJSON writes the priorities as an array of numbers.
func (s PrioritySet) MarshalJSON() ([]byte, error) {
	numbers := []int{} // an array of uint8 would be text
	for _, p := range s.List() {
		numbers = append(numbers, int(p))
	}
	return json.Marshal(numbers)
}

// UnmarshalJSON reads an array of numbers.
func (s *PrioritySet) UnmarshalJSON(b []byte) error {
	var numbers []int
	if err := json.Unmarshal(b, &numbers); err != nil {
		return err
	}
	*s = 0
	for _, p := range numbers {
		if p < 0 || p > 7 {
			return fmt.Errorf("%d is no priority from 0 to 7", p)
		}
		*s |= 1 << p
	}
	return nil
}

// An ApplicationPriority is the priority of what an application sends (IEEE Std
// 802.1Q-2018, D.2.11).
type ApplicationPriority struct {
	Priority uint8    `json:"priority"` // 0 to 7
	Selector Selector `json:"selector"`
	Protocol uint16   `json:"protocol"` // what the selector says: EtherType, port number or DSCP
}

// A Selector says by what an application is known (IEEE Std 802.1Q-2018, D.2.11, table
// of the Sel field).
type Selector uint8

// The selectors; 0, 6 and 7 are reserved.
const (
	SelectEtherType Selector = 1 // 0 in it stands for all that no other entry names
	SelectTCP       Selector = 2 // port number of TCP or SCTP
	SelectUDP       Selector = 3 // port number of UDP or DCCP
	SelectPort      Selector = 4 // port number of any of those
	SelectDSCP      Selector = 5
)

// String returns "ethertype", "tcp", "udp", "port", "dscp" or the number.
func (s Selector) String() string { return numberText(selectorNames, uint8(s)) }

// MarshalText implements encoding.TextMarshaler.
func (s Selector) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Selector) UnmarshalText(b []byte) error {
	n, err := parseNumber(selectorNames, string(b))
	*s = Selector(n)
	return err
}

// PrioritiesOf returns the priorities that belong to a traffic class.
func (e *ETS) PrioritiesOf(class int) PrioritySet {
	var s PrioritySet
	for p, c := range e.TrafficClasses {
		if int(c) == class {
			s |= 1 << p
		}
	}
	return s
}
