// SPDX-License-Identifier: Apache-2.0

// Package clusterview converts between what a node knows and what the cluster is told
// of it: what a node sees and remembers becomes a NodeTopologySpec, and that becomes what
// mapping.Resolve goes by; a RuleSet becomes a source of rules. Agents and the controller
// share it, so both resolve the same. It talks to no API server and resolves nothing:
// the kinds are in package v1alpha1, what they mean is decided in packages mapping and
// rules.
package clusterview
