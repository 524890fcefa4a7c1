// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cni

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// limits are what the ways may cost at most, by the ratio of their medians.
var limits = []struct {
	way, base string
	most      float64
}{
	{altname, bare, 1.10},
	{colvin, delegating, 1.15},
	{colvin, lookup, 1},
}

// percentile is for d in any order.
func percentile(d []time.Duration, p int) time.Duration {
	return slices.Sorted(slices.Values(d))[min(len(d)-1, len(d)*p/100)]
}

func median(d []time.Duration) time.Duration { return percentile(d, 50) }

// comparison is a ratio of medians, with the interval that holds 95 of 100 ratios
// of rounds drawn anew.
type comparison struct{ ratio, low, high float64 }

func compare(took map[string][]time.Duration, way, base string) comparison {
	const draws = 1000
	a, b := took[way], took[base]
	ratio := func(a, b []time.Duration) float64 { return float64(median(a)) / float64(median(b)) }
	random := rand.New(rand.NewPCG(1, 2))
	x, y := make([]time.Duration, len(a)), make([]time.Duration, len(a))
	var drawn []float64
	for range draws {
		for i := range x {
			round := random.IntN(len(a))
			x[i], y[i] = a[round], b[round]
		}
		drawn = append(drawn, ratio(x, y))
	}
	slices.Sort(drawn)
	return comparison{ratio: ratio(a, b), low: drawn[draws*25/1000], high: drawn[draws*975/1000]}
}

func table(took map[string][]time.Duration) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	row("way\tmedian\t90th percentile\ttimes bare\n")
	for _, name := range allWays {
		d := took[name]
		row("%s\t%v\t%v\t%.3f\n", name, round(median(d)), round(percentile(d, 90)), compare(took, name, bare).ratio)
	}
	_ = w.Flush()
	row("ratio of medians\tmeasured\t95%% interval\tmust\n")
	for _, l := range limits {
		c := compare(took, l.way, l.base)
		row("%s / %s\t%.3f\t%.3f to %.3f\t%.2f or less\n", l.way, l.base, c.ratio, c.low, c.high, l.most)
	}
	_ = w.Flush()
	return b.String()
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
