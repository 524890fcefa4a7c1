// SPDX-License-Identifier: Apache-2.0

package cards

import (
	"fmt"
	"slices"
)

// maxLegend is how many networks the legend names.
const maxLegend = 40

// signs are what a picture may show, in words.
var signs = []struct {
	kind  Sample
	words string
}{
	{SampleSeveral, "several networks"},
	{SampleBundle, "several cables"},
	{SampleBond, "bond"},
	{SampleThin, "standby"},
	{SampleDashed, "not heard now"},
	{SampleDotted, "down"},
	{SampleWarn, "unverified: nothing confirms it now"},
	{SampleNowhere, "pinned by a rule, no switch speaks"},
}

// legend explains what the picture shows, and nothing else.
func (b *builder) legend() {
	names := b.topology.Networks()
	slices.SortFunc(names, natural)
	for _, name := range names[:min(len(names), maxLegend)] {
		b.out.Legend = append(b.out.Legend, Entry{SampleNetwork, b.hues[name], name})
	}
	if more := len(names) - maxLegend; more > 0 {
		b.out.Legend = append(b.out.Legend, Entry{SampleNetwork, grey, fmt.Sprintf("and %d more", more)})
	}
	shown := b.shown()
	for _, s := range signs {
		if shown[s.kind] {
			b.out.Legend = append(b.out.Legend, Entry{s.kind, grey, s.words})
		}
	}
}

// shown are the signs of which there is one in the picture.
func (b *builder) shown() map[Sample]bool {
	shown := map[Sample]bool{}
	see := func(l Look) {
		shown[SampleSeveral] = shown[SampleSeveral] || l.Several
		shown[SampleThin] = shown[SampleThin] || l.Thin
		shown[SampleDashed] = shown[SampleDashed] || l.Style == Dashed && !l.Warn
		shown[SampleDotted] = shown[SampleDotted] || l.Style == Dotted
		shown[SampleWarn] = shown[SampleWarn] || l.Warn
	}
	for _, l := range b.out.Lines {
		see(l.Look)
		shown[SampleBundle] = shown[SampleBundle] || l.Count > 1
	}
	for _, c := range b.out.Nodes {
		for _, p := range c.Ports {
			shown[SampleBond] = shown[SampleBond] || p.Bond
			if p.Nowhere {
				shown[SampleNowhere] = true
				shown[SampleSeveral] = shown[SampleSeveral] || p.Look.Several
				shown[SampleWarn] = shown[SampleWarn] || p.Look.Warn
			}
		}
	}
	return shown
}
