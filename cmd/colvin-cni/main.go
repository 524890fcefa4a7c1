// SPDX-License-Identifier: Apache-2.0

// Command colvin-cni is the CNI plugin "colvin"; package cniplugin does the work.
package main

import (
	"fmt"
	"os"

	"github.com/containernetworking/cni/pkg/skel"
	cniversion "github.com/containernetworking/cni/pkg/version"

	"github.com/colvin-net/colvin/cniplugin"
)

// version is set when the binary is built.
var version = "devel"

func main() {
	err := skel.PluginMainFuncsWithError(cniplugin.FromEnvironment(os.Getenv).Funcs(), cniversion.All, about())
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
	return "CNI plugin colvin " + version + ": attaches containers by network name; called by container runtimes, see docs/cni.md"
}
