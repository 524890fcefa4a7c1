// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A NodeTopology is what one node sees: its interfaces, the switches at the other
// end of their cables, and how sure that is. It bears the node's name, belongs to
// its Node, and is written only by the agent of that node, only when something
// changes. It holds facts only. What the networks are called is told by the
// RuleSets, and nothing here changes when they do.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,path=nodetopologies,shortName=ntopo,categories=colvin
// +kubebuilder:printcolumn:name="Ports",type=integer,JSONPath=`.spec.summary.ports`,description="Interfaces on which the agent listens."
// +kubebuilder:printcolumn:name="Heard",type=integer,JSONPath=`.spec.summary.heard`,description="Ports whose switch is known for sure: fresh or stale."
// +kubebuilder:printcolumn:name="Pinned",type=integer,JSONPath=`.spec.summary.pinned`,description="Ports on which no switch is known, and pods attach by a rule alone."
// +kubebuilder:printcolumn:name="Unsure",type=string,JSONPath=`.spec.summary.unsure`,description="Other ports with a cable whose switch is not known for sure."
// +kubebuilder:printcolumn:name="Moved",type=integer,JSONPath=`.spec.summary.moved`,description="Containers that are in another network than they asked for."
// +kubebuilder:printcolumn:name="Converged",type=boolean,JSONPath=`.spec.converged`,priority=1,description="Whether every port has been heard or waited for."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type NodeTopology struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is what the node sees.
	// +required
	Spec NodeTopologySpec `json:"spec"`
}

// A NodeTopologyList is a list of NodeTopologies.
//
// +kubebuilder:object:root=true
type NodeTopologyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []NodeTopology `json:"items"`
}

// NodeTopologySpec is what one node sees. What one node may cost the others is bounded: who
// writes it may be somebody who stole its token.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.interfaces) || self.interfaces.filter(i, has(i.port)).size() <= 256`,message="more than 256 interfaces have a port; leave the others out",fieldPath=".interfaces"
// +kubebuilder:validation:XValidation:rule=`!has(self.interfaces) || self.interfaces.map(i, has(i.port) && has(i.port.holder) && has(i.port.holder.vlans) ? i.port.holder.vlans.size() : 0).sum() <= 8192`,message="the holders of all ports together list more than 8192 VLANs; leave out ports with many",fieldPath=".interfaces"
// +kubebuilder:validation:XValidation:rule=`!has(self.interfaces) || self.interfaces.map(i, has(i.port) ? (has(i.port.others) ? i.port.others.size() : 0) + (has(i.port.holder) && has(i.port.holder.against) ? i.port.holder.against.size() : 0) : 0).sum() <= 2048`,message="others and against list more than 2048 neighbours on all ports together; leave others out",fieldPath=".interfaces"
type NodeTopologySpec struct {
	// BootID is the kernel's random ID of the boot during which this was seen
	// (/proc/sys/kernel/random/boot_id).
	// +required
	// +kubebuilder:validation:MaxLength=64
	BootID string `json:"bootID"`

	// Converged is true once every port with a cable has been heard, or waited for
	// long enough. Until then more may become known without anything changing.
	// +required
	Converged bool `json:"converged"`

	// Summary counts what is below, for people who list NodeTopologies.
	// +required
	Summary TopologySummary `json:"summary"`

	// Silence is how long a switch's word counts on the node after it fell silent, where no
	// rule says it: refuse, keep or a duration. Without it the default counts.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Silence string `json:"silence,omitempty"`

	// Goodbye is the same for a switch that said goodbye.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Goodbye string `json:"goodbye,omitempty"`

	// Interfaces are the network interfaces of the node that are ports, or that lead
	// to one: bonds, bridges and VLAN devices. Not listed is what comes and goes with the
	// containers: VLAN devices that Colvin makes, and virtual functions, which share the
	// networks of their physical function. They are in ascending order of their index. At most
	// 256 of them are ports.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=2048
	Interfaces []Interface `json:"interfaces,omitempty"`

	// Switches are the speakers heard on the ports, each listed once, in ascending
	// order of their ID.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1024
	Switches []Switch `json:"switches,omitempty"`

	// Moved are the attachments of containers whose device leads to another network
	// than they asked for. The containers are left alone.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Moved []MovedAttachment `json:"moved,omitempty"`
}

// TopologySummary counts what a NodeTopology says.
type TopologySummary struct {
	// Ports is the number of interfaces on which the agent listens.
	// +required
	Ports int32 `json:"ports"`

	// Heard is the number of ports whose switch is known for sure: certainty fresh or
	// stale.
	// +required
	Heard int32 `json:"heard"`

	// Pinned is the number of ports on which no switch is known for sure, and to which pods
	// attach because a rule says where they lead.
	// +optional
	Pinned int32 `json:"pinned,omitempty"`

	// Unsure are the names of the other ports with a cable whose switch is not known for
	// sure, with commas between them; the first few of them where there are many.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Unsure string `json:"unsure,omitempty"`

	// Moved is the number of containers that are in another network than they asked
	// for.
	// +required
	Moved int32 `json:"moved"`
}

// An Interface is a network interface of the node, as the kernel describes it.
type Interface struct {
	// Name is the name of the interface.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// Index is the kernel's number of the interface (ifindex). Others refer to it.
	// +required
	Index int32 `json:"index"`

	// MAC is the hardware address.
	// +optional
	// +kubebuilder:validation:MaxLength=17
	MAC string `json:"mac,omitempty"`

	// MTU is the largest packet that the interface sends, in octets.
	// +optional
	MTU int32 `json:"mtu,omitempty"`

	// Kind is the kernel's name for the kind of a software device, such as bond,
	// bridge or vlan. Hardware has none.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Kind string `json:"kind,omitempty"`

	// Up is true where the interface is administratively up.
	// +optional
	Up bool `json:"up,omitempty"`

	// Carrier is true where there is a link.
	// +optional
	Carrier bool `json:"carrier,omitempty"`

	// Master is the index of the bond, bridge or other device that this one is part of.
	// +optional
	Master int32 `json:"master,omitempty"`

	// Parent is the index of the device that this one is on: of a VLAN device, where
	// the frames bear the tag.
	// +optional
	Parent int32 `json:"parent,omitempty"`

	// VLAN is the VLAN ID of a VLAN device.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=4095
	VLAN int32 `json:"vlan,omitempty"`

	// VLANFiltering is true for a bridge that keeps VLANs apart. Nothing is attached
	// through it.
	// +optional
	VLANFiltering bool `json:"vlanFiltering,omitempty"`

	// Bond says how a bond works. Other interfaces have none.
	// +optional
	Bond *Bond `json:"bond,omitempty"`

	// BondMember says how the bond sees this member of it.
	// +optional
	BondMember *BondMember `json:"bondMember,omitempty"`

	// Port is what is heard on the interface. It is there where the agent listens.
	// +optional
	Port *Port `json:"port,omitempty"`
}

// A Bond says how a bond works.
type Bond struct {
	// Mode is the mode as the kernel names it, such as 802.3ad or active-backup.
	// +required
	// +kubebuilder:validation:MaxLength=32
	Mode string `json:"mode"`

	// Active is the index of the active member, in modes that have one.
	// +optional
	Active int32 `json:"active,omitempty"`

	// Aggregator is the number of the active aggregator of 802.3ad.
	// +optional
	Aggregator int32 `json:"aggregator,omitempty"`
}

// A BondMember says how a bond sees one of its members.
type BondMember struct {
	// Active is true where the member carries traffic.
	// +optional
	Active bool `json:"active,omitempty"`

	// Up is true where the bond found the member's link to work.
	// +optional
	Up bool `json:"up,omitempty"`

	// Aggregator is the number of the member's aggregator in 802.3ad.
	// +optional
	Aggregator int32 `json:"aggregator,omitempty"`
}

// A Port is what is heard on an interface.
type Port struct {
	// Problem says why the agent cannot listen.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Problem string `json:"problem,omitempty"`

	// Driver is the driver of the NIC.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Driver string `json:"driver,omitempty"`

	// Address is the address of the NIC on its bus, such as 0000:3b:00.0.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Address string `json:"address,omitempty"`

	// Silent is true where nobody was heard for so long that nobody is taken to speak. Only
	// there, as a rule, a match with silent counts.
	// +optional
	Silent bool `json:"silent,omitempty"`

	// Pinned is true where pods have attached by a match with silent since the link came up.
	// +optional
	Pinned bool `json:"pinned,omitempty"`

	// PinUntold is there where a match with address or prefix pins the port, so that where it
	// leads is known on the node only: Contradicted where a switch leads elsewhere, else Counts.
	// +optional
	PinUntold PinUntold `json:"pinUntold,omitempty"`

	// Led is who held the port last for more than a moment, where that is not the holder.
	// +optional
	Led *Neighbor `json:"led,omitempty"`

	// FirmwareLLDP is there where the firmware of the NIC takes LLDP frames before the
	// node sees them.
	// +optional
	FirmwareLLDP *FirmwareLLDP `json:"firmwareLLDP,omitempty"`

	// Pending is true while the agent still waits for what a switch may say.
	// +optional
	Pending bool `json:"pending,omitempty"`

	// TooManyNeighbors is true while more is heard than the agent keeps.
	// +optional
	TooManyNeighbors bool `json:"tooManyNeighbors,omitempty"`

	// Holder is who is, or was last known to be, at the other end of the cable. It is
	// absent where nobody has been heard.
	// +optional
	Holder *Holder `json:"holder,omitempty"`

	// Others are further neighbours heard now, in the order in which they came: those that
	// a rule ignores, that are no switches, or that say the same as the holder.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Others []Neighbor `json:"others,omitempty"`
}

// FirmwareLLDP is an LLDP agent in the firmware of a NIC.
type FirmwareLLDP struct {
	// Driver is the driver of the NIC.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Driver string `json:"driver,omitempty"`

	// Remedy is the command that leaves LLDP to the host.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Remedy string `json:"remedy,omitempty"`
}

// A Holder is the neighbour that a port is taken to lead to.
type Holder struct {
	Neighbor `json:",inline"`

	// Certainty says how far this may be relied on. Fresh: heard within its time to
	// live. Stale: silent since, but the carrier was never lost; pods still attach.
	// Unverified: the cable or the VLAN can have changed, and nothing confirms that it
	// has not; no pod attaches, unless the rule says stale: keep. Down: no carrier, or administratively down.
	// +required
	Certainty Certainty `json:"certainty"`

	// Since is when the certainty began.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`
	Since metav1.Time `json:"since,omitzero"`

	// Reason says why the certainty is not fresh.
	// +optional
	Reason DoubtReason `json:"reason,omitempty"`

	// HeldSince is since when the holder's word held the port before it was disputed.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`
	HeldSince *metav1.Time `json:"heldSince,omitempty"`

	// Against is what is said on the port that leads elsewhere: by others, or by the
	// holder itself. Where the port is disputed only what all of it leads to attaches.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Against []Neighbor `json:"against,omitempty"`

	// Before is who held the port before.
	// +optional
	Before *Neighbor `json:"before,omitempty"`

	// Unsettled is true where the holder was not heard alone for long, and frames were lost
	// since it came, so that others may be there that were not heard.
	// +optional
	Unsettled bool `json:"unsettled,omitempty"`

	// Struck is true where the holder is not heard on this carrier, or by nobody any more, and
	// its word was contradicted before: it has to be heard alone first, whatever rules keep.
	// +optional
	Struck bool `json:"struck,omitempty"`

	// Led is true where the holder has held the port for more than a moment.
	// +optional
	Led bool `json:"led,omitempty"`

	// Crowded is true where a second speaker was heard on the wire lately, so that a
	// holder that is silent need not be at its end any more.
	// +optional
	Crowded bool `json:"crowded,omitempty"`
}

// A Neighbor is what one remote speaker says on one port. All texts are as they came
// from the wire, with control characters escaped.
type Neighbor struct {
	// Switch is the ID of the speaker, as listed under switches.
	// +required
	// +kubebuilder:validation:MaxLength=1152
	Switch string `json:"switch"`

	// PortID is the port at the other end of the cable, such as ifname:Ethernet1/12.
	// +required
	// +kubebuilder:validation:MaxLength=1152
	PortID string `json:"portID"`

	// PortDescription is what the switch says the port is for.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	PortDescription string `json:"portDescription,omitempty"`

	// Source is the MAC address that the frames come from.
	// +optional
	// +kubebuilder:validation:MaxLength=17
	Source string `json:"source,omitempty"`

	// PVID is the VLAN of untagged frames on this port. It is absent where the switch
	// does not advertise it.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4094
	PVID int32 `json:"pvid,omitempty"`

	// VLANs are the VLANs that the switch lists for this port, in ascending order. The
	// list need not be complete.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1024
	VLANs []VLAN `json:"vlans,omitempty"`

	// MaxFrameSize is the largest frame that the switch port takes, in octets.
	// +optional
	MaxFrameSize int32 `json:"maxFrameSize,omitempty"`
}

// A VLAN is a VLAN that a switch lists.
type VLAN struct {
	// ID is the VLAN ID.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4094
	ID int32 `json:"id"`

	// Name is what the switch calls the VLAN.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Name string `json:"name,omitempty"`
}

// A Switch is a speaker that is heard: a switch as a rule, but other devices speak
// too.
type Switch struct {
	// ID is what the ports refer to: the chassis ID, with #2, #3 and so on behind it
	// where the device says something else of itself on some of its ports.
	// +required
	// +kubebuilder:validation:MaxLength=1152
	ID string `json:"id"`

	// Chassis is the chassis ID, such as mac:00:1b:21:aa:bb:cc.
	// +required
	// +kubebuilder:validation:MaxLength=1152
	Chassis string `json:"chassis"`

	// KnownAs is the chassis ID by which the node knows the device, where that is
	// another: the device bears several.
	// +optional
	// +kubebuilder:validation:MaxLength=1152
	KnownAs string `json:"knownAs,omitempty"`

	// Ambiguous is true where the chassis ID does not say which device it is, because
	// others at ports of this node bear it, too. Then each port counts for itself.
	// +optional
	Ambiguous bool `json:"ambiguous,omitempty"`

	// Protocol is how the device was heard.
	// +required
	Protocol Protocol `json:"protocol"`

	// SystemName is the name of the device.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	SystemName string `json:"systemName,omitempty"`

	// SystemDescription is the make and model of the device.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	SystemDescription string `json:"systemDescription,omitempty"`

	// Capabilities are what the device can do, such as bridge and router.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=16
	Capabilities []string `json:"capabilities,omitempty"`

	// Enabled are those of the capabilities that are in use.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=16
	Enabled []string `json:"enabled,omitempty"`

	// ManagementAddresses are the addresses at which the device can be managed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=128
	ManagementAddresses []string `json:"managementAddresses,omitempty"`
}

// A MovedAttachment is the attachment of a container that is in another network than
// it asked for.
type MovedAttachment struct {
	// Pod is the pod of the container, where that is known.
	// +optional
	Pod *PodReference `json:"pod,omitempty"`

	// ContainerID is the runtime's ID of the container or sandbox.
	// +required
	// +kubebuilder:validation:MaxLength=256
	ContainerID string `json:"containerID"`

	// IfName is the name of the interface in the container.
	// +required
	// +kubebuilder:validation:MaxLength=63
	IfName string `json:"ifName"`

	// Network is the name that was asked for.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Network string `json:"network"`

	// Device is the device of the node that the container is attached to.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Device string `json:"device"`

	// From is the identity of the network that was asked for: the chassis ID of the
	// switch, or group:NAME, and the VLAN.
	// +required
	// +kubebuilder:validation:MaxLength=1280
	From string `json:"from"`

	// To is the identity that the device leads to now, written the same way.
	// +required
	// +kubebuilder:validation:MaxLength=1280
	To string `json:"to"`

	// Since is when that was found.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`
	Since metav1.Time `json:"since"`
}

// A PodReference names a pod.
type PodReference struct {
	// Namespace of the pod.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`

	// Name of the pod.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// UID of the pod.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`
}

// Certainty says how far something may be relied on.
//
// +kubebuilder:validation:Enum=fresh;stale;unverified;down
type Certainty string

// The certainties.
const (
	Fresh      Certainty = "fresh"
	Stale      Certainty = "stale"
	Unverified Certainty = "unverified"
	Down       Certainty = "down"
)

// Protocol is how a neighbour speaks.
//
// +kubebuilder:validation:Enum=lldp;cdp
type Protocol string

// The protocols.
const (
	LLDP Protocol = "lldp"
	CDP  Protocol = "cdp"
)

// PinUntold says how it is about a pin of which only the node knows where it leads.
//
// +kubebuilder:validation:Enum=Counts;Contradicted
type PinUntold string

// The ways of such a pin.
const (
	PinCounts       PinUntold = "Counts"
	PinContradicted PinUntold = "Contradicted"
)

// DoubtReason says why something is not fresh.
//
// +kubebuilder:validation:Enum=Silent;SaidGoodbye;NotHeard;CarrierLost;DeviceReplaced;Rebooted;VLANChanging;Disputed
type DoubtReason string

// The reasons for doubt.
const (
	// Nothing is heard any more.
	SilentSwitch DoubtReason = "Silent"
	// The switch said that it would speak no more.
	SaidGoodbye DoubtReason = "SaidGoodbye"
	// The agent was not there for longer than the switch's word counts.
	NotHeard DoubtReason = "NotHeard"
	// The carrier was lost since the switch was last heard.
	CarrierLost DoubtReason = "CarrierLost"
	// The interface was gone, replaced or given another MAC address since.
	DeviceReplaced DoubtReason = "DeviceReplaced"
	// The node rebooted since.
	Rebooted DoubtReason = "Rebooted"
	// The switch says another VLAN than before, which is not believed yet.
	VLANChanging DoubtReason = "VLANChanging"
	// Several speakers contradict each other.
	Disputed DoubtReason = "Disputed"
)
