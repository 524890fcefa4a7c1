// SPDX-License-Identifier: Apache-2.0

// Package kubenode makes machines of the lab nodes of a cluster: containerd and kubelet, and
// pods as everywhere, each node in a network namespace, with processes and directories of
// its own, so that all paths are the default ones; what runs in the pods is for others.
package kubenode
