// SPDX-License-Identifier: Apache-2.0

//go:build linux

package podrun

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/kit"
)

// runtimeSpec is a program that makes the OCI spec of a container as containerd does,
// with its default seccomp profile.
var runtimeSpec = kit.Kit{
	Name: "containerd", Origin: "github.com/containerd/containerd/v2", Modules: []string{"containerd"}, Took: "a minute", Target: "make kubernetes",
	Build: func(ctx context.Context, p *kit.Programs, dir string) error {
		return p.BuildMain(ctx, "containerd", filepath.Join(dir, "runtimespec"))
	},
}

// Kits are what is needed beside runc.
func Kits() []*kit.Kit { return []*kit.Kit{&runtimeSpec} }

// Runc is the feature of having runc, the right to make cgroups, which it needs, and what
// makes specs for it.
var Runc = netnstest.NewFeature("runc", "make test-cluster", func() error {
	_, missing := exec.LookPath("runc")
	_, unbuilt := runtimeSpec.Installed()
	return errors.Join(missing, unbuilt, makeCgroup())
})

// makeCgroup makes one and removes it.
func makeCgroup() error {
	hierarchy := "/sys/fs/cgroup"
	if !unified() {
		hierarchy += "/devices"
	}
	dir, err := os.MkdirTemp(hierarchy, "colvin-probe-")
	if err != nil {
		return err
	}
	return os.Remove(dir)
}

// unified reports whether the machine has cgroups of version 2 alone.
func unified() bool {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	return err == nil
}

// A request is what a container is asked to be. The program has the same type.
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

// spec has the program make an OCI spec.
func (r *request) spec(ctx context.Context) ([]byte, error) {
	dir, err := runtimeSpec.Installed()
	if err != nil {
		return nil, err
	}
	in, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "runtimespec"))
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return out, err
}
