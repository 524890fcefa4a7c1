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
	"strconv"
	"syscall"
	"time"
)

func main() {
	began := time.Now()
	flag.Func("began", "when the set-up before this program began, in `seconds` since 1970; it counts too", func(s string) error {
		seconds, err := strconv.ParseInt(s, 10, 64)
		began = time.Unix(seconds, 0)
		return err
	})
	svg := flag.String("svg", "", "write a picture of the topology to this `file`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, began, *svg)
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
