// SPDX-License-Identifier: Apache-2.0

// Package controlplane builds a real Kubernetes control plane and runs it for
// tests and the lab, etcd, API server and scheduler; what tests make of it is
// theirs, and the product never imports it.
package controlplane
