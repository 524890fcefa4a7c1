// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command runtimespec makes the OCI spec of a container as containerd's CRI plugin does,
// with containerd's own code as far as that is public: it reads what a pod asks for as
// JSON, and prints the spec.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// A request is what a container is asked to be. lab/podrun has the same type.
type request struct {
	Args, Env                                   []string
	Dir                                         string
	UID, GID                                    uint32
	NoCapabilities                              bool // but those of AddCapabilities
	AddCapabilities, DropCapabilities           []string
	NoNewPrivileges, ReadOnlyRoot, Seccomp      bool
	MaskedPaths, ReadOnlyPaths                  []string
	Mounts                                      []mount
	NetNS, Cgroup                               string
	CgroupNamespace                             bool
	MemoryLimit, CPUShares, CPUQuota, CPUPeriod int64
}

type mount struct {
	Source, Target string
	ReadOnly       bool
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "runtimespec:", err)
		os.Exit(1)
	}
}

func run() error {
	in := json.NewDecoder(os.Stdin)
	in.DisallowUnknownFields()
	var r request
	if err := in.Decode(&r); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	ctx := namespaces.WithNamespace(context.Background(), "k8s.io")
	spec, err := oci.GenerateSpec(ctx, nil, &containers.Container{ID: "container"}, r.options()...)
	if err != nil {
		return fmt.Errorf("make the spec: %w", err)
	}
	return json.NewEncoder(os.Stdout).Encode(spec)
}

// options are in the order of buildLinuxSpec and containerSpecOpts of
// internal/cri/server.
func (r *request) options() []oci.SpecOpts {
	options := []oci.SpecOpts{
		oci.WithoutRunMount, withoutDefaults, oci.WithRootFSPath("rootfs"), oci.WithProcessArgs(r.Args...),
		oci.WithDefaultPathEnv, oci.WithNewPrivileges, oci.WithProcessCwd(r.Dir),
	}
	for _, e := range r.Env { // a later one replaces an earlier one only across calls
		options = append(options, oci.WithEnv([]string{e}))
	}
	if r.CgroupNamespace {
		options = append(options, oci.WithLinuxNamespace(specs.LinuxNamespace{Type: specs.CgroupNamespace}))
	}
	options = append(options, r.withMounts, oci.WithMaskedPaths(r.MaskedPaths), oci.WithReadonlyPaths(r.ReadOnlyPaths))
	if r.NoCapabilities {
		options = append(options, oci.WithCapabilities(nil))
	}
	options = append(options, oci.WithAddedCapabilities(r.AddCapabilities), oci.WithDroppedCapabilities(r.DropCapabilities), withoutAmbient)
	if r.NoNewPrivileges {
		options = append(options, oci.WithNoNewPrivileges)
	}
	if r.ReadOnlyRoot {
		options = append(options, oci.WithRootFSReadonly())
	}
	options = append(options, r.resources()...)
	options = append(options, oci.WithCgroup(r.Cgroup),
		oci.WithLinuxNamespace(specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: r.NetNS}),
		oci.WithHostNamespace(specs.UTSNamespace), // as a pod in the host's network has it
		oci.WithUIDGID(r.UID, r.GID))
	if r.Seccomp {
		options = append(options, seccomp.WithDefaultProfile())
	}
	return options
}

func (r *request) resources() (options []oci.SpecOpts) {
	if r.MemoryLimit > 0 {
		options = append(options, oci.WithMemoryLimit(uint64(r.MemoryLimit)))
	}
	if r.CPUShares > 0 {
		options = append(options, oci.WithCPUShares(uint64(r.CPUShares)))
	}
	if r.CPUQuota > 0 {
		options = append(options, oci.WithCPUCFS(r.CPUQuota, uint64(r.CPUPeriod)))
	}
	return options
}

// withoutDefaults is WithoutDefaultSecuritySettings of internal/cri/opts.
func withoutDefaults(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
	s.Process.ApparmorProfile, s.Process.Rlimits, s.Linux.Seccomp = "", nil, nil
	return nil
}

// withoutAmbient is WithoutAmbientCaps of internal/cri/opts.
func withoutAmbient(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
	s.Process.Capabilities.Ambient = nil
	return nil
}

// withMounts is WithMounts of internal/cri/opts: a mount takes the place of a default one.
func (r *request) withMounts(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
	ours := map[string]bool{}
	for _, m := range r.Mounts {
		ours[m.Target] = true
	}
	s.Mounts = append(s.Mounts, specs.Mount{
		Source: "cgroup", Destination: "/sys/fs/cgroup", Type: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"},
	})
	var mounts []specs.Mount
	for _, m := range s.Mounts {
		if !ours[m.Destination] && !(ours["/dev"] && strings.HasPrefix(m.Destination, "/dev/")) {
			mounts = append(mounts, m)
		}
	}
	for _, m := range r.Mounts {
		mode := "rw"
		if m.ReadOnly {
			mode = "ro"
		}
		mounts = append(mounts, specs.Mount{Source: m.Source, Destination: m.Target, Type: "bind", Options: []string{"rbind", "rprivate", mode}})
	}
	s.Mounts = mounts
	return nil
}
