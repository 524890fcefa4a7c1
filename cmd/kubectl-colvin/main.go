// SPDX-License-Identifier: Apache-2.0

// Command kubectl-colvin is kubectl colvin: what the nodes of a cluster hear from the switches,
// and what network names mean there.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/colvin-net/colvin/cli/kubectl"
	"github.com/colvin-net/colvin/internal/logline"
)

// version is set when the binary is built.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := kubectl.New(version, genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}).ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	if !errors.Is(err, kubectl.ErrSilent) {
		logline.Fail(os.Stderr, kubectl.Name, err)
	}
	os.Exit(1)
}
