// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"
)

// config is what the command line says.
type config struct {
	dir        string // where the packages are looked for
	packages   []string
	also       []string
	seed       uint64
	mutants    int
	equivalent string
}

// A score is what became of the mutants of one package.
type score struct {
	path   string
	counts map[outcome]int
}

// sampled are the mutants that count.
func (s *score) sampled() int {
	return s.counts[noticed] + s.counts[timedOut] + s.counts[unnoticed]
}

func (s *score) percent() string {
	if s.sampled() == 0 {
		return "-"
	}
	return fmt.Sprintf("%d%%", 100*(s.counts[noticed]+s.counts[timedOut])/s.sampled())
}

func run(ctx context.Context, w io.Writer, c config) error {
	packages, err := list(ctx, c.dir, c.packages)
	if err != nil {
		return err
	}
	also, err := list(ctx, c.dir, c.also)
	if err != nil {
		return err
	}
	root := packages[0].Module.Dir
	known, err := readEquivalents(root, c.equivalent)
	if err != nil {
		return err
	}
	var scores []score
	for i := range packages {
		p := &packages[i]
		mutants, err := p.mutants()
		if err != nil {
			return err
		}
		// The list does not decide what else is in the sample.
		shuffle(mutants, c.seed, p.ImportPath)
		mutants = slices.DeleteFunc(mutants, func(m mutant) bool { return known.keys[m.key()] > 0 })
		if len(mutants) == 0 {
			continue
		}
		t := trial{root: root, own: p.ImportPath}
		for i := range also {
			if also[i].tested(p.ImportPath) {
				t.other = append(t.other, also[i].ImportPath)
			}
		}
		fmt.Fprintf(w, "== %s: %d mutants; its tests", p.ImportPath, len(mutants))
		if len(t.other) > 0 {
			fmt.Fprintf(w, ", then those of %s", strings.Join(t.other, " "))
		}
		fmt.Fprintln(w)
		if err := t.prepare(ctx); err != nil {
			return err
		}
		s, err := measure(ctx, w, mutants, c.mutants, t.try)
		if err != nil {
			return err
		}
		s.path = p.ImportPath
		scores = append(scores, s)
	}
	return errors.Join(table(w, scores), known.check())
}

// shuffle puts mutants into an order that the seed and their package alone decide.
func shuffle(mutants []mutant, seed uint64, path string) {
	h := fnv.New64a()
	_, _ = io.WriteString(h, path)
	rnd := rand.New(rand.NewPCG(seed, h.Sum64()))
	rnd.Shuffle(len(mutants), func(i, j int) { mutants[i], mutants[j] = mutants[j], mutants[i] })
}

// measure tries mutants until there were enough that build.
func measure(ctx context.Context, w io.Writer, mutants []mutant, enough int, try func(context.Context, *mutant) (outcome, error)) (score, error) {
	s := score{counts: map[outcome]int{}}
	for i := range mutants {
		if s.sampled() == enough {
			break
		}
		m := &mutants[i]
		got, err := try(ctx, m)
		if err != nil {
			return s, err
		}
		s.counts[got]++
		switch got {
		case unnoticed:
			fmt.Fprintln(w, m)
		case timedOut:
			fmt.Fprintln(w, "timed out:", m)
		case noticed, broken:
		}
	}
	return s, nil
}

func table(w io.Writer, scores []score) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\nsampled\tnoticed\tunnoticed\ttimeout\tscore\tnot built\t  package")
	for _, s := range scores {
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%s\t%d\t  %s\n", s.sampled(), s.counts[noticed], s.counts[unnoticed], s.counts[timedOut], s.percent(), s.counts[broken], s.path)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}
