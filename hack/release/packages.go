// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the format
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// packages are all: what is in each stands in deploy/packages/NAME.yaml.
var packages = []struct {
	name, title string
	programs    []string
	scripts     bool // there are scripts for what a package manager does
}{
	{"colvin", "Colvin's agent, CNI plugin and command", []string{"colvin", "colvind", "colvin-cni"}, true},
	{kubectlPlugin, "kubectl colvin", []string{kubectlPlugin}, false},
}

// packageFormats are those that nfpm writes here.
var packageFormats = []string{"deb", "rpm"}

// writePackages builds packages of Debian's and Red Hat's kinds.
func (b *builder) writePackages(ctx context.Context) error {
	stage, err := os.MkdirTemp(b.scratch, "package-")
	if err == nil {
		err = b.stage(stage)
	}
	if err != nil {
		return err
	}
	for _, p := range b.platforms(nodePlatforms) {
		for _, k := range packages {
			programs, err := b.programs(ctx, p, k.programs...)
			if err != nil {
				return err
			}
			sbom := fmt.Sprintf("%s-package-%s-%s.cdx.json", k.name, b.version, p.arch)
			if err := b.writeSBOM(sbom, cdx.Component{Type: cdx.ComponentTypeApplication, Name: k.name, Description: k.title}, programs); err != nil {
				return err
			}
			for _, format := range packageFormats {
				if err := b.writePackage(k.name, format, p, stage, filepath.Dir(programs[0]), k.scripts); err != nil {
					return fmt.Errorf("package %s for %s as %s: %w", k.name, p, format, err)
				}
			}
		}
	}
	return nil
}

// writePackage writes one package.
func (b *builder) writePackage(name, format string, p platform, stage, programs string, scripts bool) error {
	dir := filepath.Join(b.root, "deploy/packages")
	text, err := os.ReadFile(filepath.Join(dir, name+".yaml"))
	if err != nil {
		return err
	}
	var unknown []error
	config, err := nfpm.ParseWithEnvMapping(bytes.NewReader(text), func(variable string) string {
		value, ok := map[string]string{
			"ARCH": p.arch, "VERSION": b.packageVersion(), "PROGRAMS": programs, "STAGE": stage, "SOURCE": b.root,
			// What nfpm asks for by itself: packages are not signed here.
			"NFPM_PASSPHRASE": "", "NFPM_DEB_PASSPHRASE": "", "NFPM_RPM_PASSPHRASE": "", "NFPM_APK_PASSPHRASE": "",
		}[variable]
		if !ok {
			unknown = append(unknown, fmt.Errorf("$%s is none of the variables that packages have", variable))
		}
		return value
	})
	if err = errors.Join(append(unknown, err)...); err != nil {
		return fmt.Errorf("%s.yaml: %w", name, err)
	}
	config.MTime = b.created
	config.RPM.BuildHost = "localhost" // the same wherever it is built
	if scripts {
		config.Scripts.PreInstall = filepath.Join(dir, "preinstall.sh")
		config.Scripts.PostInstall = filepath.Join(dir, "postinstall.sh")
		config.Scripts.PreRemove = filepath.Join(dir, "preremove.sh")
		config.Scripts.PostRemove = filepath.Join(dir, "postremove.sh")
	}
	info, err := config.Get(format)
	if err != nil {
		return err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(b.out, packager.ConventionalFileName(info)))
	if err != nil {
		return err
	}
	if err = errors.Join(packager.Package(info, f), f.Close()); err == nil {
		b.said(f.Name())
	}
	return err
}

// packageVersion is the version as package managers compare it: one that is no release comes
// before all that are, in the order of time.
func (b *builder) packageVersion() string {
	if isRelease(b.version) {
		return strings.Replace(strings.TrimPrefix(b.version, "v"), "-", "~", 1)
	}
	return "0~" + b.created.Format("20060102150405") + "." + strings.NewReplacer("-", ".", "_", ".").Replace(b.version)
}

// stage writes what packages have beside programs and files of the repository: pages of the
// manual, completions, and the units with the paths of packages.
func (b *builder) stage(dir string) error {
	if err := writePages(dir, b.version, b.created); err != nil {
		return err
	}
	for _, unit := range []string{"colvind.service", "colvind-altnames.conf"} {
		text, err := os.ReadFile(filepath.Join(b.root, "deploy/systemd", unit))
		if err != nil {
			return err
		}
		const ours, theirs = "/usr/local/bin/", "/usr/bin/"
		if !bytes.Contains(text, []byte(ours)) {
			return fmt.Errorf("%s: there is no program in %s", unit, ours)
		}
		if err := os.WriteFile(filepath.Join(dir, unit), bytes.ReplaceAll(text, []byte(ours), []byte(theirs)), 0o644); err != nil {
			return err
		}
	}
	return zipFile(filepath.Join(b.root, "deploy/packages/colvind.8"), filepath.Join(dir, "man8", "colvind.8.gz"))
}
