// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Network is one name, and what it means in the cluster now: which VLANs of which
// switches it stands for, and how many nodes lead there. The controller writes it out
// of what the nodes see and the RuleSets say. To change it, change a RuleSet or a
// cable; a name that nothing bears any more goes by itself.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,path=networks,shortName=cnet,categories=colvin
// +kubebuilder:printcolumn:name="VLAN",type=string,JSONPath=`.status.summary.vlans`,description="The VLANs that the name stands for."
// +kubebuilder:printcolumn:name="Switches",type=string,JSONPath=`.status.summary.switches`,description="The switches, or groups of switches, of those VLANs."
// +kubebuilder:printcolumn:name="Nodes",type=integer,JSONPath=`.status.nodes`,description="Nodes that lead there now."
// +kubebuilder:printcolumn:name="Uplinks",type=integer,JSONPath=`.status.uplinks`,description="Ways from the nodes into the network, on all nodes together."
// +kubebuilder:printcolumn:name="Problems",type=string,JSONPath=`.status.summary.problems`,description="The conditions that hold; kubectl describe tells more."
// +kubebuilder:printcolumn:name="Aliases",type=string,JSONPath=`.status.summary.aliases`,priority=1,description="Further names of the network."
// +kubebuilder:printcolumn:name="Pinned",type=integer,JSONPath=`.status.pinned`,priority=1,description="Uplinks that a rule alone tells: no switch speaks there, so nobody confirms them."
// +kubebuilder:printcolumn:name="Named by",type=string,JSONPath=`.status.namedBy[0]`,priority=1,description="The rule that gives the name."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Network struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Status is what the name means now.
	// +optional
	Status NetworkStatus `json:"status,omitzero"`
}

// A NetworkList is a list of Networks.
//
// +kubebuilder:object:root=true
type NetworkList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []Network `json:"items"`
}

// NetworkStatus is what a name means now.
type NetworkStatus struct {
	// Summary says the same in a few words, for people who list Networks.
	// +optional
	Summary NetworkSummary `json:"summary,omitzero"`

	// Identities are what bears the name, in ascending order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4096
	Identities []Identity `json:"identities,omitempty"`

	// Aliases are further names: those of the rules, and colours.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MaxLength=63
	Aliases []string `json:"aliases,omitempty"`

	// NamedBy are the rules that give the name. It is empty where the name is a colour.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=512
	NamedBy []string `json:"namedBy,omitempty"`

	// Nodes is the number of nodes that lead there now. Where the name is a colour that
	// is for reading only, no pod can be attached to it.
	// +optional
	Nodes int32 `json:"nodes"`

	// Uplinks is the number of ways from a node into the network, on all nodes
	// together: those of certainty fresh, stale or pinned.
	// +optional
	Uplinks int32 `json:"uplinks"`

	// Pinned is how many of the uplinks a rule alone tells: no switch speaks there, so
	// nobody on the wire confirms them.
	// +optional
	Pinned int32 `json:"pinned,omitempty"`

	// Conditions say what an admin should know of: Conflict, two neighbours contradict
	// each other on a port; Moved, running containers are in another network than they
	// asked for; Stale, a switch that leads there has fallen silent, and pods still
	// attach; Spans, the name covers several networks and no rule says that this is
	// meant; BondSplit, the members of a bond or bridge lead to different networks;
	// PinContradicted, a rule says that a port leads there on which no switch speaks, and one
	// does, or did, and leads elsewhere; Missing, an admin expects the network on nodes that
	// do not lead there; TopologyTooLarge, a node that leads there tells more than counts, so
	// that not all of its ways are here.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// NetworkSummary says in a few words what a Network is.
type NetworkSummary struct {
	// VLANs are the VLANs of the identities, such as "100,200", "unadvertised" where a
	// switch does not advertise it, or "untagged" where no switch speaks; the first few of
	// them where there are many.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	VLANs string `json:"vlans,omitempty"`

	// Switches are the switches of the identities by their system names where they have
	// some, and the groups, and "pinned" for ports on which none speaks; the first few of
	// them where there are many.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Switches string `json:"switches,omitempty"`

	// Aliases are the aliases, with commas between them; the first few of them where
	// there are many.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Aliases string `json:"aliases,omitempty"`

	// Problems are the types of the conditions that hold, with commas between them.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Problems string `json:"problems,omitempty"`
}

// The types of a Network's conditions. Each is True while there is something to know.
const (
	NetworkConflict  = "Conflict"
	NetworkMoved     = "Moved"
	NetworkStale     = "Stale"
	NetworkSpans     = "Spans"
	NetworkBondSplit = "BondSplit"

	NetworkMissing = "Missing"

	NetworkPinContradicted  = "PinContradicted"
	NetworkTopologyTooLarge = "TopologyTooLarge"
)

// An Identity is what a name is given to: a VLAN of a switch, or of a group of
// switches that share their VLANs; or what a port leads to on which no switch speaks.
type Identity struct {
	// Switch is the chassis ID of the switch, group:NAME for a group, or pin:MAC for a port
	// of a node, by its MAC address, on which no switch speaks.
	// +required
	// +kubebuilder:validation:MaxLength=1152
	Switch string `json:"switch"`

	// SystemName is the name of the switch, where it tells one.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	SystemName string `json:"systemName,omitempty"`

	// VLAN is the VLAN. It is absent where the switch does not advertise it, or none speaks
	// and frames are untagged.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4094
	VLAN int32 `json:"vlan,omitempty"`

	// Port is the port of the switch, where the VLAN is not advertised: then each port may be
	// a network of its own.
	// +optional
	// +kubebuilder:validation:MaxLength=1152
	Port string `json:"port,omitempty"`
}
