// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command build builds what tests run of others, from the modules beside it, into the
// user's cache and prints where it is: the kits whose names are given, or those of make
// kubernetes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"

	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/lab/kit"
	"github.com/colvin-net/colvin/lab/podrun"
)

// kits are all.
var kits = slices.Concat(controlplane.Kits(), podrun.Kits())

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	there := flags.Bool("there", false, "fail where a kit is missing, instead of building it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := choose(flags.Args())
	if err != nil {
		return err
	}
	for _, k := range wanted {
		get := k.Install
		if *there {
			get = func(context.Context) (string, error) { return k.Installed() }
		}
		dir, err := get(ctx)
		if err != nil {
			return err
		}
		fmt.Println(dir)
	}
	return nil
}

// choose finds the kits of these names, or without any those of make kubernetes.
func choose(names []string) (wanted []*kit.Kit, err error) {
	for _, k := range kits {
		if len(names) == 0 && k.Target == "make kubernetes" {
			wanted = append(wanted, k)
		}
	}
	for _, name := range names {
		i := slices.IndexFunc(kits, func(k *kit.Kit) bool { return k.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%q is no kit", name)
		}
		wanted = append(wanted, kits[i])
	}
	return wanted, nil
}
