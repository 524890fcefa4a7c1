// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"debug/buildinfo"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeSBOM writes what programs are made of, as the go command wrote it into them, as a
// list of what they are parts of.
func (b *builder) writeSBOM(file string, whole cdx.Component, programs []string) error {
	modules := map[string]*debug.Module{}
	toolchain := ""
	for _, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return err
		}
		toolchain = info.GoVersion
		for _, m := range info.Deps {
			m = cmp.Or(m.Replace, m)
			modules[m.Path+"@"+m.Version] = m
		}
	}
	bom := cdx.NewBOM()
	whole.Version, whole.Licenses = b.version, &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}}
	bom.Metadata = &cdx.Metadata{Timestamp: b.created.Format(time.RFC3339), Component: &whole}
	components := []cdx.Component{{
		Type: cdx.ComponentTypeLibrary, BOMRef: "std", Name: "std", Version: toolchain, PackageURL: packageURL("std", toolchain[len("go"):]),
	}}
	for _, key := range slices.Sorted(maps.Keys(modules)) {
		m := modules[key]
		url := packageURL(m.Path, m.Version)
		c := cdx.Component{Type: cdx.ComponentTypeLibrary, BOMRef: url, Name: m.Path, Version: m.Version, PackageURL: url}
		components = append(components, c)
	}
	bom.Components = &components
	f, err := os.Create(filepath.Join(b.out, file))
	if err != nil {
		return err
	}
	err = cdx.NewBOMEncoder(f, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	return cmp.Or(err, f.Close())
}

// packageURL is the package URL (purl) of a Go module, in which a plus is encoded.
func packageURL(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}
