// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

const kubectlPlugin = "kubectl-colvin"

// krewManifest is the manifest in the repository, to which the platforms are added.
const krewManifest = "deploy/krew/colvin.yaml"

// writeKrew builds kubectl-colvin for each platform into an archive with what completes it, and
// writes the manifest by which krew installs them, also without a network.
func (b *builder) writeKrew(ctx context.Context) error {
	manifest, err := os.ReadFile(filepath.Join(b.root, krewManifest))
	if err != nil {
		return err
	}
	version := b.version
	if !isRelease(version) {
		version = "v0.0.0-" + version // krew wants semantic versions
	}
	manifest = bytes.ReplaceAll(manifest, []byte("VERSION"), []byte(version))
	for _, p := range b.platforms(kubectlPlatforms) {
		programs, err := b.programs(ctx, p, kubectlPlugin)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s_%s_%s", kubectlPlugin, p.os, p.arch)
		if err := b.writeSBOM(name+".cdx.json", cdx.Component{Type: cdx.ComponentTypeApplication, Name: kubectlPlugin, Description: "kubectl colvin"}, programs); err != nil {
			return err
		}
		entries, err := files(0o755, "", programs[0], filepath.Join(b.root, "deploy/krew/kubectl_complete-colvin"))
		if err != nil {
			return err
		}
		license, err := files(0o644, "", filepath.Join(b.root, "LICENSE"))
		if err != nil {
			return err
		}
		archive := name + ".tar.gz"
		if err := b.writeArchive(archive, append(entries, license...)); err != nil {
			return err
		}
		data, err := os.ReadFile(filepath.Join(b.out, archive))
		if err != nil {
			return err
		}
		manifest = fmt.Appendf(manifest, "  - selector: {matchLabels: {os: %s, arch: %s}}\n    uri: %s/releases/download/%s/%s\n    sha256: %x\n    bin: %s\n",
			p.os, p.arch, source, b.version, archive, sha256.Sum256(data), kubectlPlugin)
	}
	path := filepath.Join(b.out, "colvin.yaml")
	if err := os.WriteFile(path, manifest, 0o644); err != nil {
		return err
	}
	b.said(path, "for kubectl krew install --manifest=colvin.yaml --archive=ARCHIVE")
	return nil
}
