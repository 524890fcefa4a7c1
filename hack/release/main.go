// SPDX-License-Identifier: Apache-2.0

// Command release builds what a release of Colvin consists of: container images without a
// container engine, packages, archives, charts, what they are made of (CycloneDX) and their
// checksums. The same commit gives the same bytes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "Usage: release [FLAG...] images|packages|krew|all")
		flags.PrintDefaults()
	}
	var b builder
	flags.StringVar(&b.out, "out", "dist", "`directory` of what is built")
	flags.StringVar(&b.version, "version", "", "`version` of the programs; empty: what git describe says")
	flags.StringVar(&b.push, "push", "", "also push images to this `registry`, with the path before the image's name")
	flags.StringVar(&b.root, "source", ".", "`directory` of the source")
	only := flags.String("platforms", "", "`list` of the only platforms to build for, such as linux/amd64, to try it; empty: all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	kind, ok := map[string]struct {
		build     func(context.Context) error
		platforms []platform
	}{
		"images": {b.writeImages, nodePlatforms}, "packages": {b.writePackages, nodePlatforms}, "krew": {b.writeKrew, kubectlPlatforms}, "all": {b.writeRelease, nodePlatforms},
	}[flags.Arg(0)]
	if !ok || flags.NArg() != 1 {
		return fmt.Errorf("%q is nothing to be built: want one of images, packages, krew and all", strings.Join(flags.Args(), " "))
	}
	if err := b.only(*only); err != nil {
		return err
	}
	if len(b.platforms(kind.platforms)) == 0 {
		return fmt.Errorf("-platforms: %s for none of %v; want some of %v", flags.Arg(0), b.chosen, kind.platforms)
	}
	err := b.prepare(ctx)
	if err == nil {
		err = kind.build(ctx)
	}
	return errors.Join(err, b.close())
}
