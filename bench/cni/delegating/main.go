// SPDX-License-Identifier: Apache-2.0

// Command delegating is a CNI plugin that lets another do all the work.
package main

import (
	"context"

	"github.com/colvin-net/colvin/bench/cni/meta"
)

func main() {
	meta.Main(func(context.Context, *meta.Conf) error { return nil })
}
