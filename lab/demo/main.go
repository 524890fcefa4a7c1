// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command demo shows Colvin's main job on real input: four nodes whose NICs have
// different names, two switches that speak LLDP and one that does not, and one CNI
// configuration.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	svg := flag.String("svg", "", "write a picture of the topology to this `file`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *svg)
	stop()
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "demo: interrupted")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
