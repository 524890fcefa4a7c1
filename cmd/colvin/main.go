// SPDX-License-Identifier: Apache-2.0

// Command colvin shows what network each interface of a node is attached to.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/colvin-net/colvin/cli"
	"github.com/colvin-net/colvin/internal/logline"
)

// version is set when the binary is built.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := cli.New(version, os.Stdout).ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	if !errors.Is(err, cli.ErrSilent) {
		logline.Fail(os.Stderr, "colvin", err)
	}
	os.Exit(1)
}
