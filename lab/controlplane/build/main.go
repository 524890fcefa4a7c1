// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command build builds the control plane that tests run and the IPAM plugin whereabouts,
// from the modules beside it, into the user's cache and prints where they are.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/colvin-net/colvin/lab/controlplane"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	dirs, err := controlplane.Install(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
	fmt.Println(strings.Join(dirs, "\n"))
}
