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

// A limit is what a way may cost at most, by the ratio of a percentile to that of another.
type limit struct {
	verb, way, base string
	percent         int
	most            float64
}

// limits are what the ways may cost.
var limits = []limit{
	{add, altname, bare, 50, 1.10},
	{add, colvin, delegating, 50, 1.15},
	{add, colvin, lookup, 50, 1},
	{add, colvin, bare, 50, 1.25},
	{add, colvin, bare, 90, 1.25},
	{del, colvin, bare, 50, 1.15},
	{del, colvin, bare, 90, 1.15},
	{add, colvinAddressed, bareAddressed, 50, 1.25},
	{add, colvinAddressed, bareAddressed, 90, 1.25},
	{del, colvinAddressed, bareAddressed, 50, 1.15},
	{del, colvinAddressed, bareAddressed, 90, 1.15},
}

func (l limit) String() string {
	return fmt.Sprintf("%s, %s / %s, %dth percentile", l.verb, l.way, l.base, l.percent)
}

// durations are what each call took, by verb and way.
type durations map[string][]time.Duration

// percentile is for d in any order.
func percentile(d []time.Duration, p int) time.Duration {
	return slices.Sorted(slices.Values(d))[min(len(d)-1, len(d)*p/100)]
}

func median(d []time.Duration) time.Duration { return percentile(d, 50) }

// comparison is a ratio of percentiles, with the interval that holds 95 of 100 ratios
// of rounds drawn anew.
type comparison struct{ ratio, low, high float64 }

func compare(took durations, verb, way, base string, percent int) comparison {
	const draws = 1000
	a, b := took[verb+way], took[verb+base]
	ratio := func(a, b []time.Duration) float64 {
		return float64(percentile(a, percent)) / float64(percentile(b, percent))
	}
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

func table(took durations) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	row("verb and way\tmedian\t90th percentile\ttimes bare\n")
	for _, verb := range []string{add, del} {
		for _, name := range allWays {
			d := took[verb+name]
			base := bare
			if name == colvinAddressed || name == bareAddressed {
				base = bareAddressed
			}
			row("%s, %s\t%v\t%v\t%.3f\n", verb, name, round(median(d)), round(percentile(d, 90)), compare(took, verb, name, base, 50).ratio)
		}
	}
	_ = w.Flush()
	row("ratio\tmeasured\t95%% interval\tmust\n")
	for _, l := range limits {
		c := compare(took, l.verb, l.way, l.base, l.percent)
		row("%v\t%.3f\t%.3f to %.3f\t%.2f or less\n", l, c.ratio, c.low, c.high, l.most)
	}
	_ = w.Flush()
	return b.String()
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
