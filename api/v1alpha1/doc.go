// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the kinds of API group colvin.dev as Kubernetes stores
// them: RuleSet, Colour, NodeTopology and Network, all of them cluster-scoped. It is
// types and their bounds alone, for anybody to import: what a RuleSet means is decided in package rules,
// what the others mean in package mapping, and internal/clusterview converts between
// them.
//
// The comments are what "kubectl explain" shows. "make generate" writes
// zz_generated.deepcopy.go and the CRDs in deploy/chart from this package.
//
// +kubebuilder:object:generate=true
// +groupName=colvin.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of all kinds here.
var GroupVersion = schema.GroupVersion{Group: "colvin.dev", Version: "v1alpha1"}

// AddToScheme makes the kinds known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&RuleSet{}, &RuleSetList{}, &Colour{}, &ColourList{},
		&NodeTopology{}, &NodeTopologyList{}, &Network{}, &NetworkList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

// Resource returns the resource of one of the kinds, such as "rulesets".
func Resource(plural string) schema.GroupVersionResource { return GroupVersion.WithResource(plural) }

// The plural names of the kinds.
const (
	RuleSets       = "rulesets"
	Colours        = "colours"
	NodeTopologies = "nodetopologies"
	Networks       = "networks"
)
