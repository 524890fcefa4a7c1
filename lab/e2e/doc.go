// SPDX-License-Identifier: Apache-2.0

// Package e2e is a cluster of kubelets on one machine, in which all parts meet: five unlike
// nodes behind three switches, Multus, whereabouts, and Colvin as its chart installs it; its
// tests are what an admin does there, and what may happen to them.
package e2e
