// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The bounds of lists and texts that Colvin itself writes, as the markers of the types
// have them. An API server refuses all of an object that goes beyond one of them.
const (
	MaxID      = 1152 // a chassis ID or port ID, and what stands for one
	MaxKey     = 1280 // the key of an identity
	MaxName    = 63   // an interface, a network or a namespace
	MaxText    = 1024 // a text of a switch
	MaxSummary = 256  // a column

	// Of a NodeTopology.
	MaxInterfaces  = 2048
	MaxOthers      = 64
	MaxAgainst     = 16
	MaxProblem     = 512
	MaxDriver      = 64
	MaxRemedy      = 256
	MaxVLANs       = 1024
	MaxVLANName    = 1024
	MaxSwitches    = 1024
	MaxAddresses   = 64
	MaxAddress     = 128
	MaxMoved       = 256
	MaxContainerID = 256
	MaxPodName     = 253
	MaxUID         = 64

	// Of a NodeTopology, over all its interfaces.
	MaxPorts     = 256
	MaxNamed     = 8192    // VLANs that holders list
	MaxNeighbors = 2048    // others, and against
	MaxTopology  = 1 << 20 // octets as JSON: an API server refuses objects of more than 1.5 MiB as a rule

	// Of a Network.
	MaxIdentities = 4096
	MaxAliases    = 1024
	MaxNamedBy    = 64
	MaxRef        = 512

	// Of a RuleSet.
	MaxRules       = 128 // networks
	MaxMatches     = 32  // of one of them
	MaxRuleAliases = 16  // of one of them
	MaxMistakes    = 16  // and warnings
	MaxMistake     = 1024
)
