// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/kit"
)

// What is built for nodes, and of what; scripts and manifests beside it are as released.
const (
	makeE2E        = "make e2e"
	containerdTree = "github.com/containerd/containerd/v2/cmd/"
	multusModule   = "gopkg.in/k8snetworkplumbingwg/multus-cni.v4"
	packSource     = "hack/release/pack"
	imageDir       = "images" // of archives, one for each of the names below
)

// The images on nodes, those of releases by the names that their manifests have.
const (
	MultusImage      = "ghcr.io/k8snetworkplumbingwg/multus-cni:snapshot"
	WhereaboutsImage = "ghcr.io/k8snetworkplumbingwg/whereabouts:latest"
	PauseImage       = "localhost/pause:1"
	ToolsImage       = "localhost/tools:1" // busybox
)

// nodePrograms is what runs on nodes, with the controllers that look after them: kubelet,
// containerd, and the images of Multus and whereabouts with the manifests of their releases.
var nodePrograms = kit.Kit{
	Name: "nodes", Origin: "k8s.io/kubernetes", Modules: []string{"kubernetes", "containerd", "multus", "whereabouts"}, Took: "25 minutes", Target: "make e2e-tools",
	Sources: []string{packSource},
	Build: func(ctx context.Context, p *kit.Programs, dir string) error {
		for _, b := range []struct {
			module   string
			packages []string
		}{
			{"kubernetes", []string{kubernetesCommands + "kubelet", kubernetesCommands + "kube-controller-manager"}},
			{"containerd", []string{containerdTree + "containerd", containerdTree + "containerd-shim-runc-v2", containerdTree + "ctr"}},
		} {
			if err := p.Build(ctx, b.module, dir+"/", b.packages...); err != nil {
				return err
			}
		}
		if err := buildMultus(ctx, p, dir); err != nil {
			return err
		}
		if err := buildWhereabouts(ctx, p, dir); err != nil {
			return err
		}
		for file, name := range map[string]string{"pause": PauseImage, "tools": ToolsImage} {
			if err := pack(ctx, dir, file, name, "", "/bin/sleep", "1000000000"); err != nil {
				return err
			}
		}
		return nil
	},
}

// NodePrograms is the feature of having what runs on nodes, built by make e2e-tools, and runc.
var NodePrograms = netnstest.NewFeature("e2e", makeE2E, func() error {
	_, missing := exec.LookPath("runc")
	_, unbuilt := nodePrograms.Installed()
	return errors.Join(missing, unbuilt)
}).OnRequest()

// NodeProgram returns the path of one of the programs of nodes, or of what is beside them.
func NodeProgram(name string) (string, error) {
	dir, err := nodePrograms.Installed()
	return filepath.Join(dir, name), err
}

// buildMultus makes Multus' image, with what the Dockerfiles of its release put there, and gets
// its manifests.
func buildMultus(ctx context.Context, p *kit.Programs, dir string) error {
	return inTemp(func(root string) error {
		const bin = "usr/src/multus-cni/bin"
		if err := p.BuildTools(ctx, "multus", filepath.Join(root, bin)+"/"); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(root, bin, "passthru-cni"), filepath.Join(root, bin, "passthru")); err != nil { // the plugin's type
			return err
		}
		for _, name := range []string{"install_multus", "thin_entrypoint"} { // which are at the top, too
			if err := os.Symlink(filepath.Join(bin, name), filepath.Join(root, name)); err != nil {
				return err
			}
		}
		if err := pack(ctx, dir, "multus", MultusImage, root); err != nil {
			return err
		}
		return copyFrom(ctx, p, "multus", multusModule, "deployments", filepath.Join(dir, "multus"))
	})
}

// buildWhereabouts makes whereabouts' image, likewise.
func buildWhereabouts(ctx context.Context, p *kit.Programs, dir string) error {
	return inTemp(func(root string) error {
		if err := copyFrom(ctx, p, "whereabouts", whereaboutsModule, "script", root); err != nil {
			return err
		}
		for name, program := range map[string]string{"whereabouts": "/cmd", "ip-control-loop": "/cmd/controlloop"} {
			if err := p.Build(ctx, "whereabouts", filepath.Join(root, name), whereaboutsModule+program); err != nil {
				return err
			}
		}
		return pack(ctx, dir, "whereabouts", WhereaboutsImage, root)
	})
}

// pack makes an image of what is below root and busybox, which runs a command.
func pack(ctx context.Context, dir, file, name, root string, command ...string) error {
	top, err := kit.Top()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, imageDir), 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{
		"run", ".", "-out=" + filepath.Join(dir, imageDir, file+".tar"), "-name=" + name, "-root=" + root, "--",
	}, command...)...)
	cmd.Dir = filepath.Join(top, packSource)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make the image %s: %w: %s", name, err, said)
	}
	return nil
}

// inTemp does something with a directory that is gone afterwards.
func inTemp(f func(dir string) error) error {
	dir, err := os.MkdirTemp("", "colvin-image-")
	if err != nil {
		return err
	}
	return errors.Join(f(dir), os.RemoveAll(dir))
}
