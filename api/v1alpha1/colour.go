// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Colour is the name that a network has until a rule names it: a hue and a bird,
// such as teal-heron. The object's name is the colour, its spec the network. A
// colour is given once and for all: Colvin never changes or deletes it, so that
// whoever used it finds the same network. A RuleSet gives the network a better name;
// the colour then remains as an alias, by which pods attach where they may attach to
// colours at all.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,path=colours,shortName=color;colors,categories=colvin
// +kubebuilder:printcolumn:name="Switch",type=string,JSONPath=`.spec.switch`,description="The chassis ID of the switch."
// +kubebuilder:printcolumn:name="VLAN",type=integer,JSONPath=`.spec.vlan`,description="The VLAN on that switch."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule=`self.metadata.name.matches(r'^(amber|ash|blue|plum|red|sage|sky|teal)-[a-z]{3,8}$')`,message="the name of a Colour is a hue and a bird, such as teal-heron; the controller chooses it: to name a network yourself, write a RuleSet"
type Colour struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is the network that has the colour. It never changes.
	// +required
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message="a colour stands for one network for good; leave it, and name the network with a RuleSet"
	Spec ColourSpec `json:"spec"`
}

// ColourSeenBy is the annotation with the name of the node that saw the network of a Colour, and
// on whose account it was given: one node may use up a share of the colours. It is no part of
// the spec, where an agent of another version takes what it does not know for a restriction.
const ColourSeenBy = "colvin.dev/seen-by"

// A ColourList is a list of Colours.
//
// +kubebuilder:object:root=true
type ColourList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []Colour `json:"items"`
}

// ColourSpec is the network that a Colour stands for.
type ColourSpec struct {
	// Switch is the chassis ID of the switch, such as mac:00:1b:21:aa:bb:cc.
	// +required
	// +kubebuilder:validation:MaxLength=1152
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z]+[0-9]*:.') && !self.startsWith('group:') && !self.startsWith('pin:')`,message="is no chassis ID; write the kind and the ID, such as mac:00:1b:21:aa:bb:cc"
	Switch string `json:"switch"`

	// VLAN is the VLAN on that switch.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4094
	VLAN int32 `json:"vlan"`
}
