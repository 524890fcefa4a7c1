// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// checksums is the file that sha256sum -c reads.
const checksums = "SHA256SUMS"

// releases are versions of releases: semantic ones, with a "v".
var releases = regexp.MustCompile(`^v(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)?$`)

// isRelease reports whether a version is a release's. What git describe says of a release that
// somebody changed is none.
func isRelease(version string) bool {
	return releases.MatchString(version) && !strings.HasSuffix(version, "-dirty")
}

// charts are the directories of the charts, by name.
var charts = []struct{ name, dir string }{{"colvin", "deploy/chart"}, {"colvin-crds", "deploy/chart-crds"}}

// writeRelease builds everything that a release consists of, into a directory that has
// nothing else.
func (b *builder) writeRelease(ctx context.Context) error {
	if err := b.ready(); err != nil {
		return fmt.Errorf("this is no release: %w", err)
	}
	for _, write := range []func(context.Context) error{b.writeImages, b.writePackages, b.writeKrew, b.writeNodeArchives, b.writeCharts} {
		if err := write(ctx); err != nil {
			return err
		}
	}
	return b.writeChecksums()
}

// ready says all that keeps the source from being a release's.
func (b *builder) ready() error {
	var errs []error
	if !isRelease(b.version) {
		errs = append(errs, fmt.Errorf("VERSION=%s: want one as v1.2.3 or v1.2.3-rc.1", b.version))
	}
	if b.dirty {
		errs = append(errs, errors.New("there are files that are not committed; nobody could build the same again"))
	}
	for _, c := range charts {
		path := filepath.Join(c.dir, "Chart.yaml")
		text, err := os.ReadFile(filepath.Join(b.root, path))
		errs = append(errs, err)
		for _, line := range []string{"version: " + strings.TrimPrefix(b.version, "v"), "appVersion: " + b.version} {
			if err == nil && !bytes.Contains(text, []byte("\n"+line+"\n")) {
				errs = append(errs, fmt.Errorf("%s: want the line %q", path, line))
			}
		}
	}
	changes, err := os.ReadFile(filepath.Join(b.root, "CHANGELOG.md"))
	errs = append(errs, err)
	if title := "\n## " + b.version + " "; err == nil && !bytes.Contains(changes, []byte(title)) {
		errs = append(errs, fmt.Errorf("CHANGELOG.md: want a section %q with a date", strings.TrimSpace(title)))
	}
	there, err := os.ReadDir(b.out)
	if errs = append(errs, err); len(there) > 0 {
		errs = append(errs, fmt.Errorf("%s: want an empty directory; remove %s and the like", b.out, there[0].Name()))
	}
	return errors.Join(errs...)
}

// writeNodeArchives writes what the packages of a node have for other systems, with the
// controller.
func (b *builder) writeNodeArchives(ctx context.Context) error {
	for _, p := range b.platforms(nodePlatforms) {
		name := fmt.Sprintf("colvin_%s_%s_%s", b.version, p.os, p.arch)
		programs, err := b.programs(ctx, p, "colvin", "colvind", "colvin-cni", "colvin-controller")
		if err != nil {
			return err
		}
		if err := b.writeSBOM(name+".cdx.json", cdx.Component{Type: cdx.ComponentTypeApplication, Name: "colvin", Description: "Colvin's programs"}, programs); err != nil {
			return err
		}
		entries, err := files(0o755, name+"/bin", programs...)
		if err != nil {
			return err
		}
		for _, part := range []struct{ dir, below string }{{"deploy/systemd", "systemd"}, {"docs", "docs"}} {
			more, err := b.tree(part.dir, name+"/"+part.below)
			if err != nil {
				return err
			}
			entries = append(entries, more...)
		}
		more, err := files(0o644, name, filepath.Join(b.root, "LICENSE"), filepath.Join(b.root, "README.md"), filepath.Join(b.root, "CHANGELOG.md"), filepath.Join(b.root, "deploy/colvind.yaml"))
		if err != nil {
			return err
		}
		if err := b.writeArchive(name+".tar.gz", append(entries, more...)); err != nil {
			return err
		}
	}
	return nil
}

// writeCharts writes the charts as Helm packs them, and the manifests.
func (b *builder) writeCharts(context.Context) error {
	for _, c := range charts {
		entries, err := b.tree(c.dir, c.name)
		if err != nil {
			return err
		}
		if err := b.writeArchive(c.name+"-"+strings.TrimPrefix(b.version, "v")+".tgz", entries); err != nil {
			return err
		}
	}
	name := "colvin-manifests_" + b.version
	entries, err := b.tree("deploy/manifests", name)
	if err != nil {
		return err
	}
	kinds, err := b.tree("deploy/chart/crds", name+"/crds")
	if err != nil {
		return err
	}
	return b.writeArchive(name+".tar.gz", append(entries, kinds...))
}

// writeChecksums writes the sum of each file that there is.
func (b *builder) writeChecksums() error {
	all, err := os.ReadDir(b.out)
	if err != nil {
		return err
	}
	var sums []string
	for _, f := range all {
		data, err := os.ReadFile(filepath.Join(b.out, f.Name()))
		if err != nil {
			return err
		}
		sums = append(sums, fmt.Sprintf("%x  %s\n", sha256.Sum256(data), f.Name()))
	}
	slices.SortFunc(sums, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	path := filepath.Join(b.out, checksums)
	b.said(path)
	return os.WriteFile(path, []byte(strings.Join(sums, "")), 0o644)
}
