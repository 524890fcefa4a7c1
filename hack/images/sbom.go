// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"debug/buildinfo"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// writeSBOM writes what the programs of an image are made of, as the go command wrote it
// into them.
func (b *builder) writeSBOM(i image, p v1.Platform, dir string) error {
	modules := map[string]*debug.Module{}
	toolchain := ""
	for _, program := range i.programs {
		info, err := buildinfo.ReadFile(filepath.Join(dir, program))
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
	main := cdx.Component{Type: cdx.ComponentTypeContainer, Name: i.name, Version: b.version, Description: i.title, Licenses: &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}}}
	bom.Metadata = &cdx.Metadata{Timestamp: b.created.Format(time.RFC3339), Component: &main}
	components := []cdx.Component{{
		Type: cdx.ComponentTypeLibrary, BOMRef: "std", Name: "std", Version: toolchain, PackageURL: "pkg:golang/std@" + toolchain[len("go"):],
	}}
	for _, key := range slices.Sorted(maps.Keys(modules)) {
		m := modules[key]
		url := fmt.Sprintf("pkg:golang/%s@%s", m.Path, m.Version)
		c := cdx.Component{Type: cdx.ComponentTypeLibrary, BOMRef: url, Name: m.Path, Version: m.Version, PackageURL: url}
		components = append(components, c)
	}
	bom.Components = &components
	f, err := os.Create(filepath.Join(b.out, fmt.Sprintf("%s-%s-%s.cdx.json", i.name, b.version, p.Architecture)))
	if err != nil {
		return err
	}
	err = cdx.NewBOMEncoder(f, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	return cmp.Or(err, f.Close())
}
