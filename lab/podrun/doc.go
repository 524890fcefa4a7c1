// SPDX-License-Identifier: Apache-2.0

// Package podrun runs a container of a pod on a node of namespaces, by runc, as the
// kubelet and containerd would: what a container may do is what its pod spec says, for
// tests of exactly that. Whatever of a spec it does not understand is an error, so that
// no test passes because something was left out.
//
// A pod has the network of its node, and runc runs in the node's mounts, as containerd
// does, so that a hostPath is the node's own. There is no pause container, so each
// container has an IPC namespace and a /dev/shm of its own. Nobody restarts what ends or
// probes what runs, unless the test does; AppArmor and SELinux are left alone.
package podrun
