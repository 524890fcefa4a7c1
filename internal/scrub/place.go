// SPDX-License-Identifier: Apache-2.0

package scrub

// A place is where in a JSON document a text stands: its key, and the key above. Elements
// of a list have the list's.
type place struct {
	above, key string
	foreign    bool // in what a plugin says
}

// A treatment is what becomes of a text. Others than these are classes of names.
type treatment string

const (
	keep       treatment = "keep"       // one of Colvin's own words, or a time
	prose      treatment = "prose"      // a sentence that may contain what is replaced
	label      treatment = "label"      // the same, of one word: networks and interfaces keep their names
	identifier treatment = "identifier" // a chassis or port ID: a subtype, a colon and the value
	owner      treatment = "owner"      // a pod with its namespace, or a container
	end        treatment = "end"        // a switch and its port in words
	arguments  treatment = "arguments"  // CNI_ARGS
	octets     treatment = "octets"     // in hexadecimal digits
	opaque     treatment = "opaque"     // whatever nobody knows: replaced as a whole
)

// byPlace is for keys that mean something else below others.
var byPlace = map[[2]string]treatment{
	{"switches", "name"}: System, {"bearers", "name"}: System, {"pod", "name"}: Pod,
	{"vlans", "name"}: label, {"unknownTLVs", "value"}: octets,
	{"dns", "search"}: opaque, {"dns", "domain"}: opaque, {"bearers", "addresses"}: label,
	{"returned", "name"}: label, {"capabilities", "available"}: keep, {"capabilities", "enabled"}: keep,
	{"changes", "from"}: end, {"changes", "to"}: end, {"changes", "reason"}: prose, {"changes", "pod"}: owner,
	{"identity", "says"}: label, {"identity", "switch"}: identifier, {"pfc", "enabled"}: keep,
}

// byKey is for all others. What is in neither table is opaque, so that a new key tells
// nothing.
var byKey = map[string]treatment{
	"version": keep, "time": keep, "type": keep, "what": keep, "status": keep, "certainty": keep, "kind": keep, "protocol": keep,
	"state": keep, "cause": keep, "phase": keep, "vlanSource": keep, "mode": keep, "driver": keep, "bus": keep, "selector": keep,
	"algorithms": keep, "isolation": keep, "delegateType": keep, "madeBy": keep, "cniVersion": keep, "cniVersions": keep, "silence": keep, "goodbye": keep,
	"statusReason": keep, "scope": keep, "preference": keep,

	"message": prose, "reason": prose, "problem": prose, "notes": prose, "sentences": prose, "remedy": prose, "warnings": prose,
	"failed": prose, "stuck": prose, "orphaned": prose, "unseen": prose, "rulesProblem": prose, "why": prose,
	"routerProblem": prose,

	"name": label, "altNames": label, "aliases": label, "colour": label, "interface": label, "ifName": label, "network": label,
	"toNetwork": label, "pending": label, "master": label, "device": label, "knownNames": label, "knownPatterns": label,
	"ruleSets": label, "file": label, "path": label, "rule": label, "mac": label, "source": label, "destination": label, "oui": label,
	"identity": label, "otherIdentities": label, "joined": label, "to": label, "address": label, "gateway": label, "dst": label, "gw": label,
	"managementAddresses": label, "subnet": label, "range": label, "rangeStart": label, "rangeEnd": label, "exclude": label, "bridge": label,
	"prefix": label, "prefixes": label, "heardPrefixes": label, "peer": label, "pci": label,

	"chassis": identifier, "port": identifier, "switchPort": identifier, "id": identifier,
	"neighbor": end, "args": arguments,

	"node": Node, "system": System, "systemName": System, "systemDescription": said, "portDescription": said, "alias": said,
	"namespace": namespace, "uid": container, "containerID": container,
}

// everybodysKeys are those of CNI, with values that plugins have for them; where others use
// a key of ours, nobody knows what they say.
var everybodysKeys = map[string]bool{"type": true, "mode": true, "cniVersion": true, "cniVersions": true, "protocol": true}

// how says what becomes of a text at a place.
func (p place) how(text string) treatment {
	if isTime(text) {
		return keep
	}
	if p.above == "netns" && p.key == "path" || p.key == "sandbox" {
		return opaque
	}
	if t, ok := byPlace[[2]string{p.above, p.key}]; ok {
		return t
	}
	t, ok := byKey[p.key]
	switch {
	case p.foreign && t == keep && !everybodysKeys[p.key]:
		return opaque
	case t == identifier && octetsLike.MatchString(text): // an address alone
		return label
	case ok:
		return t
	}
	return opaque
}

// isAddress reports whether an ID of a subtype is an address, which is replaced as one.
func isAddress(sub string) bool { return sub == "mac" || sub == "ip" || sub == "pin" }

// kept reports whether the values of a subtype of IDs stay: names of a switch's ports.
// Addresses among the others are replaced as addresses.
func kept(at place, sub string) bool {
	return isAddress(sub) || at.key != "chassis" && at.key != "id" && sub == "ifname"
}
