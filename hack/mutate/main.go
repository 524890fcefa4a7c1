// SPDX-License-Identifier: Apache-2.0

// Command mutate measures what the tests notice: it changes one thing at a time in
// the code of a package, runs the tests, and prints each change that none of them
// minds. It writes nothing into the tree.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// maxMemory bounds the address space of each process: a mutant may well be a loop
// that allocates without an end.
const maxMemory = 4 << 30

func main() {
	var c config
	flag.Uint64Var(&c.seed, "seed", 1, "the `number` that the sample follows from, on the same tree")
	flag.IntVar(&c.mutants, "mutants", 50, "how many mutants of each package to try at most")
	also := flag.String("also", "./agent ./cli ./cniplugin/... ./controller/plan ./discovery/... ./mapping/...",
		"`patterns` of the packages whose tests are run, too, where they or their tests import what is changed")
	flag.StringVar(&c.equivalent, "equivalent", "hack/mutate/equivalent.txt", "the `file` of mutants that change nothing, from the top of the module")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: mutate [flags] package ...")
		flag.PrintDefaults()
	}
	flag.Parse()
	c.dir, c.packages, c.also = ".", flag.Args(), strings.Fields(*also)
	if len(c.packages) == 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := limitMemory()
	if err == nil {
		err = run(ctx, os.Stdout, c)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// limitMemory holds for whatever is started.
func limitMemory() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		return fmt.Errorf("read the limit of memory: %w", err)
	}
	limit.Cur = min(maxMemory, limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	return nil
}
