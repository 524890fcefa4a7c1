// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// A RuleSet says what networks are called: by which switch, port and VLAN they are
// known, and the name. Its spec is the same as a rules file, and means the same.
//
// The rules of all RuleSets count together. Those of a node's own rules file come
// first, then the RuleSets in the order of their names; the first rule that applies
// gives the name. While one of them holds a mistake, the last good rules stay in
// force everywhere, and its condition Accepted says what the mistake is.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,path=rulesets,shortName=rules,categories=colvin
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`,description="Whether this RuleSet is without mistakes; those of another may still hold it back."
// +kubebuilder:printcolumn:name="Names",type=string,JSONPath=`.status.names`,description="The names that the rules give."
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].message`,description="What is wrong: the first mistake or warning, or the RuleSet that holds this one back."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type RuleSet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec are the rules.
	// +required
	Spec RuleSetSpec `json:"spec"`

	// Status says whether the rules can be used.
	// +optional
	Status RuleSetStatus `json:"status,omitzero"`
}

// A RuleSetList is a list of RuleSets.
//
// +kubebuilder:object:root=true
type RuleSetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []RuleSet `json:"items"`
}

// RuleSetSpec are rules, as in a rules file.
type RuleSetSpec struct {
	// Ignore are speakers that are never a network, such as BMCs and telephones.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:XValidation:rule=`!has(self.vlan) && !has(self.vlanName)`,message="vlan and vlanName cannot be used under ignore: a speaker is ignored with all its VLANs; remove them"
	// +kubebuilder:validation:items:XValidation:rule=`!has(self.address) && !has(self.prefix)`,message="address and prefix cannot be used under ignore: a speaker is ignored, and these are about ports where none speaks; remove them"
	Ignore []Match `json:"ignore,omitempty"`

	// SwitchGroups are groups of switches on which the same VLAN is the same network,
	// by the name of the group. A switch is in the first group that matches, in
	// alphabetical order of their names.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule=`self.all(name, size(name) <= 63 && name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'))`,message="holds what is not a name for a group; use at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends"
	SwitchGroups map[string]SwitchGroup `json:"switchGroups,omitempty"`

	// Networks are the rules that give names. The first that applies counts, so the
	// more specific one comes first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	Networks []NetworkRule `json:"networks,omitempty"`
}

// A NetworkRule gives a name.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.tagged) || self.match.all(m, !has(m.vlan) && !has(m.vlanName))`,message="vlan and vlanName cannot stand beside tagged, which says the VLANs already; remove one of the two",fieldPath=".match"
// +kubebuilder:validation:XValidation:rule=`!has(self.aliases) || !(self.name in self.aliases)`,message="an alias is the name itself; remove it",fieldPath=".aliases"
// +kubebuilder:validation:XValidation:rule=`!self.name.matches(r'\{chassis\.[1-9]') || self.match.all(m, has(m.chassis) && m.chassis.contains('('))`,message="{chassis.1} asks for what is not caught; put parentheses around what is to be caught in the chassis of every match, such as (*)",fieldPath=".name"
// +kubebuilder:validation:XValidation:rule=`!self.name.matches(r'\{system\.[1-9]') || self.match.all(m, has(m.system) && m.system.contains('('))`,message="{system.1} asks for what is not caught; put parentheses around what is to be caught in the system of every match, such as (*)",fieldPath=".name"
// +kubebuilder:validation:XValidation:rule=`!self.name.matches(r'\{port\.[1-9]') || self.match.all(m, has(m.port) && m.port.contains('('))`,message="{port.1} asks for what is not caught; put parentheses around what is to be caught in the port of every match, such as (*)",fieldPath=".name"
// +kubebuilder:validation:XValidation:rule=`!self.name.matches(r'\{portDescription\.[1-9]') || self.match.all(m, has(m.portDescription) && m.portDescription.contains('('))`,message="{portDescription.1} asks for what is not caught; put parentheses around what is to be caught in the portDescription of every match, such as (*)",fieldPath=".name"
// +kubebuilder:validation:XValidation:rule=`!self.name.matches(r'\{node\.[1-9]') || self.match.all(m, has(m.node) && m.node.contains('('))`,message="{node.1} asks for what is not caught; put parentheses around what is to be caught in the node of every match, such as (*)",fieldPath=".name"
// +kubebuilder:validation:XValidation:rule=`!self.name.matches(r'\{interface\.[1-9]') || self.match.all(m, has(m.interface) && m.interface.contains('('))`,message="{interface.1} asks for what is not caught; put parentheses around what is to be caught in the interface of every match, such as (*)",fieldPath=".name"
// +kubebuilder:validation:XValidation:rule=`!self.name.matches(r'\{mac\.[1-9]') || self.match.all(m, has(m.mac) && m.mac.contains('('))`,message="{mac.1} asks for what is not caught; put parentheses around what is to be caught in the mac of every match, such as (*)",fieldPath=".name"
// +kubebuilder:validation:XValidation:rule=`!self.name.matches(r'\{pci\.[1-9]') || self.match.all(m, has(m.pci) && m.pci.contains('('))`,message="{pci.1} asks for what is not caught; put parentheses around what is to be caught in the pci of every match, such as (*)",fieldPath=".name"
// +kubebuilder:validation:XValidation:rule=`!self.name.matches(r'\{driver\.[1-9]') || self.match.all(m, has(m.driver) && m.driver.contains('('))`,message="{driver.1} asks for what is not caught; put parentheses around what is to be caught in the driver of every match, such as (*)",fieldPath=".name"
// +kubebuilder:validation:XValidation:rule=`!self.name.matches(r'\{vlanName\.[1-9]') || self.match.all(m, has(m.vlanName) && m.vlanName.contains('('))`,message="{vlanName.1} asks for what is not caught; put parentheses around what is to be caught in the vlanName of every match, such as (*)",fieldPath=".name"
// +kubebuilder:validation:XValidation:rule=`has(self.wireNames) && self.wireNames || !self.name.matches(r'^(-|\{vlan\})*\{([cps]|vlanN)[^}]*\}(-|\{[cpsv][^}]*\})*$')`,message="is nothing but words of the switch, so whoever speaks on the wire chooses the name; begin it with text of your own, or set wireNames: true in the rule if that is meant",fieldPath=".name"
// +kubebuilder:validation:XValidation:rule=`has(self.wireNames) && self.wireNames || !has(self.aliases) || !self.aliases.exists(a, a.matches(r'^(-|\{vlan\})*\{([cps]|vlanN)[^}]*\}(-|\{[cpsv][^}]*\})*$'))`,message="an alias is nothing but words of the switch, so whoever speaks on the wire chooses the name; begin it with text of your own, or set wireNames: true in the rule if that is meant",fieldPath=".aliases"
type NetworkRule struct {
	// Name is the name that the rule gives: a DNS label of at most 63 lower-case
	// letters, digits and dashes. It may hold words: {vlan}, the number of the VLAN;
	// {vlanName}, the name that the switch advertises for it; {port.number}, the digits that
	// the port ID ends in; {system.1}, what the first (...) of system caught in the
	// match that applied, and likewise chassis, port, portDescription, node, interface, mac,
	// pci, driver and vlanName. What comes from the wire is made fit for a name.
	// +required
	Name NameTemplate `json:"name"`

	// Match says what the rule is about: one of the entries must hold.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Match []Match `json:"match"`

	// Aliases are further names, with the same words as name.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Aliases []NameTemplate `json:"aliases,omitempty"`

	// Tagged are the VLANs that these ports carry tagged although the switch does not
	// say so: 300, or "300,310-319". The rule names those.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 1 && self <= 4094 : self.matches(r'^( *([1-9]\d{0,2}|[1-3]\d{3}|40[0-8]\d|409[0-4]) *[-,])* *([1-9]\d{0,2}|[1-3]\d{3}|40[0-8]\d|409[0-4]) *$') && !self.matches('-[^,]*-')`,message="is no VLAN; write a number from 1 to 4094, a range such as 200-299, or a list of them such as 100-109,200"
	Tagged *intstr.IntOrString `json:"tagged,omitempty"`

	// Spans says that the name is meant to stand for several VLANs, or for switches
	// that are in no common group. Without it that is a warning.
	// +optional
	Spans bool `json:"spans,omitempty"`

	// Stale is "keep" where an uplink stays usable while it is unverified: while the
	// cable may have been moved and the switch has not been heard again. It is about a
	// carrier that was lost; silence is about one that was not.
	// +optional
	Stale StalePolicy `json:"stale,omitempty"`

	// Silence is how long an uplink stays usable once its switch is heard no more, though
	// the carrier was never lost: "refuse", "keep", or a duration of at least 1m and at
	// most 366d, such as 30m, 24h or 7d. Without it each node's configuration says so.
	// +optional
	Silence SilencePolicy `json:"silence,omitempty"`

	// Goodbye is the same after the switch said goodbye, as it does when LLDP is switched
	// off there: "refuse", or a duration.
	// +optional
	Goodbye GoodbyePolicy `json:"goodbye,omitempty"`

	// CDP says that pods attach to these networks though CDP alone tells of them. Without
	// it what CDP tells is for reading.
	// +optional
	CDP bool `json:"cdp,omitempty"`

	// WireNames says that name and aliases may be words of the switch alone, such as
	// {vlanName}: then whoever speaks on the wire chooses the name. It never equals one
	// that rules give literally.
	// +optional
	WireNames bool `json:"wireNames,omitempty"`

	// Unadvertised is "switch" where ports that advertise no VLAN are one network per switch, and
	// this rule may name them.
	// +optional
	Unadvertised UnadvertisedPolicy `json:"unadvertised,omitempty"`
}

// A SwitchGroup is a group of switches on which the same VLAN is the same network.
//
// +kubebuilder:validation:XValidation:rule=`has(self.wireNames) && self.wireNames || !has(self.vlans) || !self.vlans.exists(v, self.vlans[v].matches(r'^(-|\{vlan\})*\{([cps]|vlanN)[^}]*\}(-|\{[cpsv][^}]*\})*$'))`,message="a name is nothing but words of the switch, so whoever speaks on the wire chooses the name; begin it with text of your own, or set wireNames: true in the rule if that is meant",fieldPath=".vlans"
type SwitchGroup struct {
	// Match says which switches are in the group: one of the entries must hold. Only
	// chassis, system and managementAddress can be used.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:XValidation:rule=`!has(self.port) && !has(self.portDescription) && !has(self.group) && !has(self.vlan) && !has(self.vlanName) && !has(self.node) && !has(self.interface) && !has(self.mac) && !has(self.pci) && !has(self.driver) && !has(self.address) && !has(self.prefix)`,message="a group is of switches; use only chassis, system and managementAddress"
	Match []Match `json:"match"`

	// VLANs are names by VLAN: a number, a range such as "200-299", or a list of both,
	// each VLAN once. On trunk ports of the group they also declare the VLANs, so that
	// they are networks although the switch does not list them.
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	// +kubebuilder:validation:XValidation:rule=`self.all(vlan, vlan.matches(r'^( *([1-9]\d{0,2}|[1-3]\d{3}|40[0-8]\d|409[0-4]) *[-,])* *([1-9]\d{0,2}|[1-3]\d{3}|40[0-8]\d|409[0-4]) *$') && !vlan.matches('-[^,]*-'))`,message="holds a key that is no VLAN; write a number from 1 to 4094, a range such as 200-299, or a list of them such as 100-109,200"
	VLANs map[string]NameTemplate `json:"vlans,omitempty"`

	// WireNames says that names may be words of the switch alone, as in networks.
	// +optional
	WireNames bool `json:"wireNames,omitempty"`

	// Unadvertised is "switch" where the switches are flat: their ports that advertise no VLAN are
	// one network per group.
	// +optional
	Unadvertised UnadvertisedPolicy `json:"unadvertised,omitempty"`
}

// A Match holds when all its keys hold. What a neighbour does not tell fits no
// pattern.
//
// +kubebuilder:validation:XValidation:rule=`has(self.chassis) || has(self.system) || has(self.port) || has(self.portDescription) || has(self.managementAddress) || has(self.group) || has(self.vlan) || has(self.vlanName) || has(self.node) || has(self.interface) || has(self.mac) || has(self.pci) || has(self.driver) || has(self.address)`,message="the match says neither which switch nor which port is meant; add a key, such as system, or beside silent node, interface, mac, pci, driver or address"
// +kubebuilder:validation:XValidation:rule=`!has(self.address) && !has(self.prefix) || !has(self.chassis) && !has(self.system) && !has(self.port) && !has(self.portDescription) && !has(self.managementAddress) && !has(self.group) && !has(self.vlan) && !has(self.vlanName)`,message="address and prefix are for ports where no switch speaks, and only a switch tells chassis, system, port, portDescription, managementAddress, group, vlan and vlanName; remove one of the two"
type Match struct {
	// Chassis is a pattern for the chassis ID, which begins with the kind of ID: mac:,
	// ip:, ifname:, ifalias:, local:, component:, portcomponent: or cdp:.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.matches('^(mac|ip|if(name|alias)|local|(port)?component|circuit|cdp|subtype[^:]*):')`,message="does not say what kind of chassis ID it is; begin it with the kind and a colon, such as mac:00:1b:21:aa:bb:cc; the kinds are mac, ip, ifname, ifalias, local, component, portcomponent and cdp"
	// +kubebuilder:validation:XValidation:rule=`!self.startsWith('mac:') || self.matches(r'(?i)[*?(\\]|^mac:(([0-9a-f]{2}[:-]){5}[0-9a-f]{2}|([0-9a-f]{4}[.]){2}[0-9a-f]{4})$')`,message="is no MAC address; write six octets, such as mac:00:1b:21:aa:bb:cc, or a pattern such as mac:00:1b:21:*"
	Chassis Pattern `json:"chassis,omitempty"`

	// System is a pattern for the system name of the switch.
	// +optional
	System Pattern `json:"system,omitempty"`

	// Port is a pattern for the port ID, such as Ethernet1/12, or ifname:Ethernet1/12
	// where the kind of ID matters.
	// +optional
	Port Pattern `json:"port,omitempty"`

	// PortDescription is a pattern for the description of the port.
	// +optional
	PortDescription Pattern `json:"portDescription,omitempty"`

	// ManagementAddress is an IP address, or a CIDR, of one of the management addresses.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`isIP(self) || isCIDR(self) || self.lowerAscii().startsWith('::ffff:') && isIP(self.substring(7))`,message="is neither an IP address nor a CIDR; write one such as 192.0.2.7 or 192.0.2.0/24"
	// +kubebuilder:validation:XValidation:rule=`!isCIDR(self) || cidr(self).masked() == cidr(self)`,message="has bits beyond its length; write the first address of the network, such as 192.0.2.0/24"
	ManagementAddress string `json:"managementAddress,omitempty"`

	// Group is the name of a switch group, of this RuleSet or another: the neighbour is
	// in it.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')`,message="is not the name of a group; use at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends"
	Group string `json:"group,omitempty"`

	// VLAN is the VLAN: a number, a list such as "100-109,200", or "untagged" for the
	// VLAN of untagged frames. Without vlan and vlanName the untagged VLAN is meant.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 1 && self <= 4094 : self.matches(r'^(untagged|( *([1-9]\d{0,2}|[1-3]\d{3}|40[0-8]\d|409[0-4]) *[-,])* *([1-9]\d{0,2}|[1-3]\d{3}|40[0-8]\d|409[0-4]) *)$') && !self.matches('-[^,]*-')`,message="is no VLAN; write a number from 1 to 4094, a range such as 200-299, a list of them such as 100-109,200, or untagged"
	VLAN *intstr.IntOrString `json:"vlan,omitempty"`

	// VLANName is a pattern for the name that the switch advertises for the VLAN.
	// +optional
	VLANName Pattern `json:"vlanName,omitempty"`

	// Node is a pattern for the name of the node.
	// +optional
	Node Pattern `json:"node,omitempty"`

	// Interface is a pattern for the name of the node's interface.
	// +optional
	Interface Pattern `json:"interface,omitempty"`

	// MAC is a pattern for the MAC address of the node's interface.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'(?i)^([0-9a-f:()-]*[*?(\\][0-9a-f:*?(\\)-]*|([0-9a-f]{2}[:-]){5}[0-9a-f]{2}|([0-9a-f]{4}[.]){2}[0-9a-f]{4})$')`,message="is no MAC address; write six octets, such as 00:1b:21:aa:bb:cc, or a pattern such as 00:1b:21:*"
	MAC ShortPattern `json:"mac,omitempty"`

	// PCI is a pattern for the address of the NIC on its bus, such as 0000:3b:00.0.
	// +optional
	PCI ShortPattern `json:"pci,omitempty"`

	// Driver is a pattern for the name of the NIC's driver, such as mlx5_core.
	// +optional
	Driver ShortPattern `json:"driver,omitempty"`

	// Silent is true, or "now", for ports where no switch speaks: true where nobody was
	// heard for a while, now without waiting. Where the port leads is then the rule's word,
	// which nobody on the wire confirms. Beside it stand node, interface, mac, pci, driver,
	// address and prefix.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Enum=true;"true";now
	Silent SilentPolicy `json:"silent,omitempty"`

	// Address is an IP address, or a CIDR, of one of the interface's own addresses. It
	// stands beside silent only.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`isIP(self) || isCIDR(self) || self.lowerAscii().startsWith('::ffff:') && isIP(self.substring(7))`,message="is neither an IP address nor a CIDR; write one such as 192.0.2.7 or 192.0.2.0/24"
	// +kubebuilder:validation:XValidation:rule=`!isCIDR(self) || cidr(self).masked() == cidr(self)`,message="has bits beyond its length; write the first address of the network, such as 192.0.2.0/24"
	// +kubebuilder:validation:XValidation:rule=`isCIDR(self) ? cidr(self).ip().isGlobalUnicast() : !isIP(self) || ip(self).isGlobalUnicast()`,message="tells no port from another; write a network that only they are in, such as 192.0.2.0/24 or 2001:db8::/64"
	Address string `json:"address,omitempty"`

	// Prefix is an IPv6 prefix that routers advertise on the port. It stands beside silent
	// and something that says which port is meant.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`isCIDR(self) && cidr(self).ip().family() == 6 && cidr(self).prefixLength() < 128`,message="is no prefix that routers advertise; write an IPv6 network such as 2001:db8::/64; for the node's own addresses there is address"
	// +kubebuilder:validation:XValidation:rule=`!isCIDR(self) || cidr(self).masked() == cidr(self)`,message="has bits beyond its length; write the first address of the network, such as 2001:db8::/64"
	Prefix string `json:"prefix,omitempty"`
}

// SilentPolicy says when a match about ports where no switch speaks counts. It is written as
// in a file: true, or "now".
type SilentPolicy string

// The policies.
const (
	SilentTrue SilentPolicy = "true" // once the port was silent for a while
	SilentNow  SilentPolicy = "now"  // from the beginning
)

// MarshalJSON writes true without quotes.
func (s SilentPolicy) MarshalJSON() ([]byte, error) {
	if s == SilentTrue {
		return []byte(s), nil
	}
	return json.Marshal(string(s))
}

// UnmarshalJSON reads true with quotes and without.
func (s *SilentPolicy) UnmarshalJSON(data []byte) error {
	if text := string(data); text == "true" || text == "false" {
		*s = SilentPolicy(text)
		return nil
	}
	return json.Unmarshal(data, (*string)(s))
}

// A Pattern must fit the whole text. * is any text, also none; ? is one character;
// (...) catches what is inside, for use in a name; a backslash takes the next
// character as it is.
//
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^([^\\()]|\\.|\(([^\\()]|\\.)+\))+$')`,message="is no pattern; write some text, close each (, put no ( inside (...) and something into it, such as (*); write \\( \\) \\* \\? \\\\ for the character itself"
type Pattern string

// A ShortPattern is a Pattern for a short text.
//
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^([^\\()]|\\.|\(([^\\()]|\\.)+\))+$')`,message="is no pattern; write some text, close each (, put no ( inside (...) and something into it, such as (*); write \\( \\) \\* \\? \\\\ for the character itself"
type ShortPattern string

// A NameTemplate is a name, which may hold words such as {vlan}.
//
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^([-a-z0-9]|\{[^{}]*\}){1,63}$') && !self.startsWith('-') && !self.endsWith('-')`,message="is not a name; use at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends"
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^([^{]|\{(vlan(Name)?|port\.number|(chassis|system|port(Description)?|node|interface|mac|pci|driver|vlanName)\.[1-9]\d*)\})*$')`,message="holds an unknown word; words are {vlan}, {vlanName}, {port.number}, and {system.1} for what the first (...) of system caught; likewise chassis, port, portDescription, node, interface, mac, pci, driver and vlanName"
type NameTemplate string

// StalePolicy says what becomes of uplinks that are unverified.
//
// +kubebuilder:validation:Enum=keep
type StalePolicy string

// StaleKeep keeps them usable.
const StaleKeep StalePolicy = "keep"

// SilencePolicy says how long a switch's word counts that fell silent.
//
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule=`self == 'keep' || self == 'refuse' || self.matches(r'^([0-9]{1,3}d)?([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$') && size(self) > 0`,message="is no such duration; write refuse, keep, or a duration of at least 1m and at most 366d, such as 30m, 24h or 7d"
type SilencePolicy string

// GoodbyePolicy says how long a switch's word counts that said goodbye.
//
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule=`self == 'refuse' || self.matches(r'^([0-9]{1,3}d)?([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$') && size(self) > 0`,message="is no such duration; write refuse, or a duration of at least 1m and at most 366d, such as 30m, 24h or 7d"
type GoodbyePolicy string

// UnadvertisedPolicy says which ports that advertise no VLAN are one network.
//
// +kubebuilder:validation:Enum=switch
type UnadvertisedPolicy string

// UnadvertisedSwitch makes one network of all of a switch.
const UnadvertisedSwitch UnadvertisedPolicy = "switch"

// RuleSetStatus says whether rules can be used.
type RuleSetStatus struct {
	// ObservedGeneration is the generation of the spec that this is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Names are the names that the rules give, such as "green,rail-*"; the first few of
	// them where there are many.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Names string `json:"names,omitempty"`

	// Mistakes are what keeps the rules from being used, each with the field and what
	// to do about it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=1024
	Mistakes []string `json:"mistakes,omitempty"`

	// Warnings are about rules that can be used, but probably do not do what was meant.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=1024
	Warnings []string `json:"warnings,omitempty"`

	// Conditions are: Accepted, False while the rules hold a mistake.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// RuleSetAccepted is the condition that rules are without mistakes.
const RuleSetAccepted = "Accepted"
