// SPDX-License-Identifier: Apache-2.0

// Package nodefile reads and writes networks.json, the small file through which
// the agent tells the CNI plugin what each network name means on this node. It
// uses the standard library only, because the plugin links it.
package nodefile

import (
	"path"
	"slices"
	"time"
)

// Version is the format this package writes, and the only one it reads: what one
// version says of an uplink another could take for something else.
const Version = 4

// File is the content of networks.json. But for the deadlines, which an agent that lives
// renews, it holds nothing that changes while the truth does not: no ages, no counters.
type File struct {
	Version   int       `json:"version"`
	Node      string    `json:"node"`
	BootID    string    `json:"bootID"`            // /proc/sys/kernel/random/boot_id when it was written
	Written   time.Time `json:"written"`           // when this content was true last
	Converged bool      `json:"converged"`         // every port has been heard or waited for
	Pending   []string  `json:"pending,omitempty"` // ports not heard yet while not converged

	// Networks are the names that mean something on this node, aliases and colours
	// among them, ordered by name.
	Networks []Network `json:"networks"`

	// KnownNames and KnownPatterns are what the rules could name anywhere, so
	// that the plugin can tell an unknown name from one that is not on this
	// node. A pattern is a glob such as "rail-*".
	KnownNames    []string `json:"knownNames"`
	KnownPatterns []string `json:"knownPatterns"`

	// Moved are the attachments of containers whose device leads to another network
	// by now. Only here are they known: Networks has no place for what has no name.
	Moved []Moved `json:"moved,omitempty"`

	// Isolation is what holds for attachments whose configuration says nothing of it;
	// empty is IsolationOff.
	Isolation string `json:"isolation,omitempty"`

	// RulesProblem is set while the rules in force are not those that are there now.
	RulesProblem string `json:"rulesProblem,omitempty"`
}

// The values of isolation.
const (
	// IsolationOff: a container may be attached wherever its network is.
	IsolationOff = "off"
	// IsolationStrict: nobody is attached untagged to a trunk, because a container that
	// may send raw frames could tag its own and reach the tagged VLANs.
	IsolationStrict = "strict"
)

// Moved is the attachment of a container that is in another network than it asked
// for.
type Moved struct {
	Key                // of the CNI plugin's record
	Identity string    `json:"identity"` // where the device leads now
	Neighbor string    `json:"neighbor"` // switch and port, for messages
	Since    time.Time `json:"since"`
}

// Key names one attachment: the name in the CNI configuration, the container
// and the interface in it.
type Key struct {
	Name        string `json:"name"`
	ContainerID string `json:"containerID"`
	IfName      string `json:"ifName"`
}

// Network is one name with the ways from this node into it.
type Network struct {
	Name    string   `json:"name"`
	Uplinks []Uplink `json:"uplinks"`
}

// Uplink is one way from this node into a network.
type Uplink struct {
	// Identity is the key of the network identity reached, such as
	// "mac:00:1b:21:aa:bb:cc vlan 100". Uplinks with the same
	// Identity lead to the same layer-2 network.
	Identity string `json:"identity"`
	// OtherIdentities are further identities of the same network: what other members of a
	// bond or ports of a bridge lead to.
	OtherIdentities []string `json:"otherIdentities,omitempty"`

	// Device is the attachable device. It is empty where there is none; Reason then
	// says why, unless Parent is there.
	Device Link `json:"device,omitzero"`
	// Parent is what the VLAN device of a tagged network is on, or is to be made on
	// where Device is empty: below it frames bear the tag VID.
	Parent Link   `json:"parent,omitzero"`
	VID    uint16 `json:"vid,omitempty"` // the first port's

	Certainty Certainty `json:"certainty"`
	Usable    bool      `json:"usable"`           // an ADD may use it until then, if the kernel agrees
	Spans     bool      `json:"spans,omitempty"`  // the rule accepts several identities under one name
	Since     time.Time `json:"since"`            // when Certainty began; for stale: when last heard
	Reason    string    `json:"reason,omitempty"` // why it is not usable, or what to know about it
	Neighbor  string    `json:"neighbor"`         // switch and port, for messages
	Rule      string    `json:"rule,omitempty"`   // file:line of the rule, or "colour"

	// Trunk is set where frames leave untagged through a port on which tagged VLANs are
	// told or declared.
	Trunk bool `json:"trunk,omitempty"`

	// Until is the CLOCK_BOOTTIME, in nanoseconds, from which on nobody may attach by this
	// any more. What is usable has it: an agent that is dead or frozen ends by itself.
	Until time.Duration `json:"until,omitempty"`

	// Ports are all through which frames can leave, never none: the uplink is true
	// while it is true of each. The first is the one on which Neighbor was heard.
	Ports []Port `json:"ports"`
}

// Port is an interface on which a switch is heard.
type Port struct {
	Link
	// CarrierChanges is the port's IFLA_CARRIER_CHANGES during which the uplink is
	// known to be true.
	CarrierChanges uint32 `json:"carrierChanges"`
	VID            uint16 `json:"vid,omitempty"` // frames are tagged with this VID here; 0 is untagged
	// Junctions are the bonds, teams and bridges between this port and the device, the
	// lowest first: the uplink is true while they send through the same members.
	Junctions []Junction `json:"junctions,omitempty"`
}

// Knows reports whether the rules could give a name to something, here or on another node.
func (f *File) Knows(name string) bool {
	return slices.Contains(f.KnownNames, name) || slices.ContainsFunc(f.KnownPatterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// Identities are Identity and OtherIdentities.
func (a *Uplink) Identities() []string { return append([]string{a.Identity}, a.OtherIdentities...) }

// SameBeside reports whether two uplinks are the same beside their deadlines.
func (a *Uplink) SameBeside(b *Uplink) bool {
	return a.Identity == b.Identity && slices.Equal(a.OtherIdentities, b.OtherIdentities) && a.Device == b.Device && a.Parent == b.Parent && a.VID == b.VID &&
		a.Certainty == b.Certainty && a.Usable == b.Usable && a.Spans == b.Spans && a.Since.Equal(b.Since) && a.Reason == b.Reason && a.Neighbor == b.Neighbor &&
		a.Rule == b.Rule && a.Trunk == b.Trunk && slices.EqualFunc(a.Ports, b.Ports, samePort)
}

func samePort(a, b Port) bool {
	return a.Link == b.Link && a.CarrierChanges == b.CarrierChanges && a.VID == b.VID && slices.EqualFunc(a.Junctions, b.Junctions, func(a, b Junction) bool {
		return a.Link == b.Link && slices.Equal(a.Members, b.Members)
	})
}

// Attachable reports whether there is a device to attach to, or one can be made.
func (a *Uplink) Attachable() bool { return a.Device != (Link{}) || a.Parent != (Link{}) }

// Junction is a device that joins others, and the ifindexes of those through which
// it sent, in ascending order.
type Junction struct {
	Link
	Members []int `json:"members"`
}

// Link identifies one kernel network device.
type Link struct {
	Name  string `json:"name"`
	Index int    `json:"index"`
	MAC   string `json:"mac"`
}

// Certainty is how far an uplink may be relied on.
type Certainty string

// The certainties of an uplink.
const (
	// Fresh: heard within its time to live.
	Fresh Certainty = "fresh"
	// Stale: LLDP has gone silent, but the carrier was never lost.
	Stale Certainty = "stale"
	// Pinned: no switch speaks there, and a rule says where it leads.
	Pinned Certainty = "pinned"
	// Unverified: the cable or the VLAN can have changed and nothing confirms
	// that it has not.
	Unverified Certainty = "unverified"
	// Down: no carrier, or administratively down.
	Down Certainty = "down"
)

// WaitsForLLDP ends the Reason of an uplink that lacks nothing but a frame of its switch.
const WaitsForLLDP = "waiting for its LLDP"

// Known reports whether somebody says where the uplink leads, and nothing speaks against it.
func (c Certainty) Known() bool { return c == Fresh || c == Stale || c == Pinned }
