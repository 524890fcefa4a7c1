// SPDX-License-Identifier: Apache-2.0

// Command colvind is the agent of a node: it hears the switches and tells the
// CNI plugin what each network name means here.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/colvin-net/colvin/agent"
	"github.com/colvin-net/colvin/agent/altnames"
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/agent/publish"
	"github.com/colvin-net/colvin/internal/logline"
)

// version is set when the binary is built.
var version = "devel"

func main() {
	file := flag.String("config", "", "configuration `file`; without one the defaults hold")
	node := flag.String("node", "", "`name` of this node, as Kubernetes knows it; without one that of the configuration, or the host's")
	showVersion := flag.Bool("version", false, "print the version and exit")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "colvind: unexpected argument %q; the configuration is given with --config FILE\n", flag.Arg(0))
		os.Exit(2)
	}
	if *showVersion {
		fmt.Println("colvind", version)
		return
	}
	load := func() (config.Config, error) { return config.Load(*file) }
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "node" { // an empty one too
			load = func() (config.Config, error) { return config.LoadFor(*node, *file) }
		}
	})
	if err := run(*file, load); err != nil {
		logline.Fail(os.Stderr, "colvind", err)
		os.Exit(1)
	}
}

// gcPercent has the heap collected when it has grown by half. There is little of it,
// and little happens: memory counts here, and the collector does not.
const gcPercent = 50

func run(file string, load func() (config.Config, error)) error {
	debug.SetGCPercent(gcPercent)
	c, err := load()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := logline.New(os.Stderr, c.Log.Level, c.Log.Format == config.LogJSON)
	explainHangups(log, file, c.Rules)
	if !c.AltNames {
		clearAltNames(c, log)
	}
	if err := agent.DropPrivileges(c.AltNames); err != nil {
		return err
	}
	agent := agent.Agent{Config: c, Version: version, Log: log}
	if k := c.Kubernetes; k.Enabled {
		agent.Cluster, err = publish.New(publish.Config{Node: c.Node, Kubeconfig: k.Kubeconfig, Version: version, Log: log})
		if err != nil {
			return err
		}
	}
	return agent.Run(ctx)
}

// explainHangups says to whoever wants something read again when it is.
func explainHangups(log *slog.Logger, file, rules string) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			log.Warn("SIGHUP changes nothing: rules are read whenever their file changes, the configuration at the start only; restart colvind for that", "rules", rules, "config", file)
		}
	}()
}

// clearAltNames takes away what a killed agent left that was configured otherwise,
// while there may be the right to.
func clearAltNames(c config.Config, log *slog.Logger) {
	if err := altnames.ClearUnlessRunning(c.RunDirectory, c.StateDirectory); err != nil {
		log.Warn("altnames of an earlier run are left", "error", err)
	}
}
