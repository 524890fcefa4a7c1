// SPDX-License-Identifier: Apache-2.0

// Package cluster tries all of Colvin together: agents in namespaces that hear switches, a
// real control plane, the controller, the CNI plugin. It holds tests only; what they
// run on is made in lab and lab/controlplane.
package cluster
