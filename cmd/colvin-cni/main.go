// SPDX-License-Identifier: Apache-2.0

// Command colvin-cni is the CNI plugin "colvin"; package cniplugin does the work.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/colvin-net/colvin/cniplugin"
)

func main() {
	err := skel.PluginMainFuncsWithError(cniplugin.New().Funcs(), version.All, about())
	if err == nil {
		return
	}
	if e := err.Print(); e != nil {
		fmt.Fprintln(os.Stderr, "write error:", e)
	}
	os.Exit(1)
}

// about is printed where no CNI command is given.
func about() string {
	release := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		release = info.Main.Version
	}
	return "CNI plugin colvin " + release + ": attaches containers by network name; called by container runtimes, see docs/cni.md"
}
