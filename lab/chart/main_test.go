// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"flag"
	"os"
	"testing"

	"github.com/colvin-net/colvin/internal/leaktest"
)

var update = flag.Bool("update", false, "write deploy/manifests")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(leaktest.Run(m))
}
