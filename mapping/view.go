// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A View is what the network names mean on one node. It is immutable.
type View struct {
	Node   string `json:"node"`
	BootID string `json:"bootID"`

	// Silence and Goodbye are what counts on this node where no rule says how long a word
	// counts after its switch fell silent, or said goodbye.
	Silence rules.Silence `json:"silence,omitempty"`
	Goodbye rules.Silence `json:"goodbye,omitempty"`

	Time time.Time `json:"time"`

	// Converged reports whether every port was heard or waited for; Pending are
	// the interfaces still waited for.
	Converged bool     `json:"converged"`
	Pending   []string `json:"pending,omitempty"`

	// Uplinks are all ways from this node into any network, named or not,
	// ordered by port, untagged first, then by VID.
	Uplinks    []Uplink    `json:"uplinks"`
	Conditions []Condition `json:"conditions,omitempty"`
	// PinNotes say why rules do not pin a port that are about it.
	PinNotes []PinNote `json:"pinNotes,omitempty"`

	// Untold are the ports that are pinned by what others are not told of, and whether a
	// switch closes the port because it leads elsewhere.
	Untold map[string]bool `json:"untold,omitempty"`

	// Uncoloured are identities that should have a colour and have none yet.
	Uncoloured []Identity `json:"-"`
	// Wake is when the view changes by itself, without anything being heard;
	// zero if it does not.
	Wake time.Time `json:"-"`
	// Turn is when an uplink changes by itself, as far as that follows from what a node
	// publishes: for who does not hear what it hears. Zero if none does.
	Turn time.Time `json:"-"`
}

// A PinNote says why a rule does not pin a port that it is about.
type PinNote struct {
	Interface string `json:"interface"`
	Note      string `json:"note"`
}

// StaleEnds are, by port, when its networks will be refused because its switch is silent.
func (v *View) StaleEnds() map[string]time.Time {
	ends := map[string]time.Time{}
	for i := range v.Uplinks {
		a := &v.Uplinks[i]
		if at, known := ends[a.Port.Name]; a.Certainty == nodefile.Stale && a.Usable && !a.Until.IsZero() && (!known || a.Until.Before(at)) {
			ends[a.Port.Name] = a.Until
		}
	}
	return ends
}

// An Uplink is one way from this node into a network.
type Uplink struct {
	// Name is empty for what no rule named and no colour was given to.
	Name string `json:"name,omitempty"`
	// Aliases are further names of this uplink: the rule's, and colours.
	Aliases []string `json:"aliases,omitempty"`
	// Colour is the colour of the identity, whether or not it has a name.
	Colour string `json:"colour,omitempty"`

	Identity   Identity   `json:"identity"`
	VLANSource VLANSource `json:"vlanSource"`
	VID        uint16     `json:"vid,omitempty"` // tagged with this VID; 0 is untagged

	// Device is the attachable device; zero where there is none. Reason says why,
	// unless it is a VLAN device that is made on Parent when a container needs it.
	Device nodefile.Link `json:"device,omitzero"`
	Parent nodefile.Link `json:"parent,omitzero"` // of the VLAN device, where VID is not 0
	Made   bool          `json:"made,omitempty"`  // Device is made and removed by Colvin, as containers need it
	Port   nodefile.Link `json:"port"`
	// Members are the ports of a bond, team or bridge through which the network is
	// reached, Port among them; empty where there is only Port.
	Members []Member `json:"members,omitempty"`
	// CarrierChanges is the port's count while this uplink is true.
	CarrierChanges uint32 `json:"carrierChanges,omitempty"` // 0 where a node publishes none

	Certainty nodefile.Certainty `json:"certainty"`
	Usable    bool               `json:"usable"`
	Until     time.Time          `json:"until,omitzero"` // when it stops being usable unless something is heard; zero: no such time
	Since     time.Time          `json:"since"`          // when Certainty began; for stale, when last heard
	Reason    string             `json:"reason,omitempty"`
	// Trunk is set where frames leave untagged through a port on which tagged VLANs are
	// told or declared: whoever may send raw frames there can tag his own.
	Trunk bool `json:"trunk,omitempty"`

	Neighbor discovery.MSAP `json:"neighbor"`
	System   string         `json:"system,omitempty"` // the neighbour's system name

	Rule  rules.Ref `json:"rule,omitzero"`
	Keep  bool      `json:"keep,omitempty"`  // the rule says stale: keep
	Spans bool      `json:"spans,omitempty"` // the rule says spans: true
	Notes []string  `json:"notes,omitempty"` // why rules that nearly matched did not
}

// Names are all names that resolve to the uplink.
func (a *Uplink) Names() []string {
	if a.Name == "" {
		return nil
	}
	return append([]string{a.Name}, a.Aliases...)
}

// Named are the uplinks that a name resolves to.
func (v *View) Named(name string) []Uplink {
	var out []Uplink
	for i := range v.Uplinks {
		if slices.Contains(v.Uplinks[i].Names(), name) {
			out = append(out, v.Uplinks[i])
		}
	}
	return out
}

// Through is the device by which the uplink is reached, with its tag.
func (a *Uplink) Through() string {
	device := cmp.Or(a.Device.Name, a.Parent.Name, a.Port.Name)
	if a.VID == 0 {
		return device
	}
	return fmt.Sprintf("%s (tagged %d)", device, a.VID)
}

// VLANSource says how the VLAN of an uplink is known.
type VLANSource string

// The ways to know a VLAN.
const (
	VLANAdvertised VLANSource = "advertised"
	VLANDeclared   VLANSource = "declared"
	VLANUnknown    VLANSource = "not advertised"
	VLANPinned     VLANSource = "pinned" // no switch speaks, and a rule says where the port leads
)

// A Condition is something about the node that an operator should know.
type Condition struct {
	Type      ConditionType `json:"type"`
	Interface string        `json:"interface,omitempty"`
	Network   string        `json:"network,omitempty"`
	Message   string        `json:"message"`
}

// ConditionType names a Condition.
type ConditionType string

// The conditions of a node.
const (
	Conflict         ConditionType = "Conflict"         // speakers contradict each other on a port
	VLANChanging     ConditionType = "VLANChanging"     // the switch announces another VLAN, not yet believed
	PinContradicted  ConditionType = "PinContradicted"  // a switch speaks where a rule says that none does, and leads elsewhere
	StaleSoon        ConditionType = "StaleSoon"        // a switch is silent, and its networks will be refused
	Spans            ConditionType = "Spans"            // one name covers several identities
	BondSplit        ConditionType = "BondSplit"        // the members of a bond lead to different networks
	BridgeSplit      ConditionType = "BridgeSplit"      // so do the ports of a bridge
	SwitchReplaced   ConditionType = "SwitchReplaced"   // another chassis looks like the successor of one
	ChassisAmbiguous ConditionType = "ChassisAmbiguous" // a chassis ID does not say which device it is
	SameName         ConditionType = "SameName"         // two live chassis bear one system name
	MTUMismatch      ConditionType = "MTUMismatch"      // the node sends frames that the switch drops
	LLDPInFirmware   ConditionType = "LLDPInFirmware"   // the NIC takes the frames
	ColourShadowed   ConditionType = "ColourShadowed"   // a rule uses a colour's name for something else
	TooManyUnnamed   ConditionType = "TooManyUnnamed"   // the colours are used up
	TooManyNeighbors ConditionType = "TooManyNeighbors" // a port's neighbour table is full
	HearsItself      ConditionType = "HearsItself"      // two ports are on one wire, or one is on a loop
	PortUnreadable   ConditionType = "PortUnreadable"   // a port cannot be listened on
	TopologyTooLarge ConditionType = "TopologyTooLarge" // more is told than counts

	RoutersContradict ConditionType = "RoutersContradict" // routers on a port announce what does not fit together
	TooManyRouters    ConditionType = "TooManyRouters"    // more routers or prefixes are announced than are kept

	AltNameAmbiguous ConditionType = "AltNameAmbiguous" // a name leads to several devices, so none gets it
	AltNameTooLong   ConditionType = "AltNameTooLong"   // a name is too long for an interface
	AltNameTaken     ConditionType = "AltNameTaken"     // an interface has a network's name, and not from Colvin
	AltNameFailed    ConditionType = "AltNameFailed"    // the kernel did not give a name, or take one away
	RulesInvalid     ConditionType = "RulesInvalid"     // the rules in force are not the latest
	FilesUnwritable  ConditionType = "FilesUnwritable"  // the agent cannot write its files
	StateDamaged     ConditionType = "StateDamaged"     // a state file was damaged and set aside
	MetricsUnserved  ConditionType = "MetricsUnserved"  // the address of the metrics is not to be had

	TrunkExposed      ConditionType = "TrunkExposed"      // containers are attached untagged where tagged VLANs can be reached
	AttachmentMoved   ConditionType = "AttachmentMoved"   // a container is in another network than it asked for
	DeviceInUse       ConditionType = "DeviceInUse"       // a device is in a container, not gone
	DeviceReturned    ConditionType = "DeviceReturned"    // a device came back from a container by itself, not as it was
	OrphanedRecords   ConditionType = "OrphanedRecords"   // containers are gone, and nobody has removed their attachments
	RecordsUnreadable ConditionType = "RecordsUnreadable" // the agent cannot read the CNI plugin's records

	ClusterUnreachable ConditionType = "ClusterUnreachable" // the API server does not answer; what it said last counts
	NotPublished       ConditionType = "NotPublished"       // the API server does not take the node's NodeTopology
)
