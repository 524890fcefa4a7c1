// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command build builds the control plane that tests run, from the modules beside
// it, into the user's cache and prints where it is.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/colvin-net/colvin/lab/controlplane"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	dir, err := controlplane.Install(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
	fmt.Println(dir)
}
