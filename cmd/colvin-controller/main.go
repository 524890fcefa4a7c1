// SPDX-License-Identifier: Apache-2.0

// Command colvin-controller keeps the objects of a cluster up to date: it names what no
// rule names, says what each network is and where it is wrong, and labels the nodes
// that lead to it. Nothing on a node waits for it.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/klog/v2"
	runtimelog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/colvin-net/colvin/controller"
	"github.com/colvin-net/colvin/internal/logline"
)

// version is set when the binary is built.
var version = "devel"

func main() {
	var o controller.Options
	var level slog.Level
	flags := flag.NewFlagSet(controller.Name, flag.ExitOnError) // without those of the libraries
	flags.StringVar(&o.Namespace, "namespace", cmp.Or(os.Getenv("POD_NAMESPACE"), "colvin-system"), "`name` of the namespace of the Lease and of the last good rules")
	flags.StringVar(&o.HealthAddress, "health-address", "", "`host:port` of /healthz and /readyz; empty for none")
	flags.StringVar(&o.MetricsAddress, "metrics-address", "", "`host:port` of /metrics; empty for none")
	flags.BoolVar(&o.Colours.Attach, "colours-attach", false, "pods may ask for a colour; the same as on the nodes")
	of := flags.String("colours-of", "untagged", "`untagged|all`: which networks get a colour; the same as on the nodes")
	flags.DurationVar(&o.Lease.Duration, "lease-duration", controller.DefaultLeaseTimes.Duration, "how long others wait for a leader that is silent")
	flags.DurationVar(&o.Lease.RenewDeadline, "renew-deadline", controller.DefaultLeaseTimes.RenewDeadline, "how long a leader tries to say that it is there before it gives up")
	flags.DurationVar(&o.Lease.RetryPeriod, "retry-period", controller.DefaultLeaseTimes.RetryPeriod, "how often a leader says that it is there, and others look")
	flags.BoolVar(&o.Cleanup, "cleanup", false, "remove what controllers and agents put into the cluster, in place of all else; ready when nothing is left")
	kubeconfig := flags.String("kubeconfig", "", "`file` with address and credentials of the API server; without one, what a pod has")
	format := flags.String("log-format", "text", "`text|json`: how lines of the log are written")
	flags.TextVar(&level, "log-level", slog.LevelInfo, "`debug|info|warn|error`: what is logged at least")
	showVersion := flags.Bool("version", false, "print the version and exit")
	_ = flags.Parse(os.Args[1:]) // it exits by itself
	if *showVersion {
		fmt.Println("colvin-controller", version)
		return
	}
	o.Colours.Tagged = *of == "all"
	switch {
	case flags.NArg() > 0:
		refuse("unexpected argument %q", flags.Arg(0))
	case *of != "all" && *of != "untagged":
		refuse("--colours-of %s: want untagged or all", *of)
	case *format != "text" && *format != "json":
		refuse("--log-format %s: want text or json", *format)
	}
	o.Log = logline.New(os.Stderr, level, *format == "json")
	if err := run(*kubeconfig, o); err != nil {
		logline.Fail(os.Stderr, controller.Name, err)
		os.Exit(1)
	}
}

func refuse(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "colvin-controller: "+format+"\n", args...)
	os.Exit(2)
}

func run(kubeconfig string, o controller.Options) (err error) {
	runtimelog.SetLogger(logr.FromSlogHandler(o.Log.Handler()))
	klog.SetSlogLogger(o.Log)
	if o.Config, err = controller.Connection(kubeconfig); err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	// A container that is started again in its pod is who it was, and leads at once.
	o.Identity = cmp.Or(os.Getenv("POD_NAME"), controller.Name+"-"+string(uuid.NewUUID()))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return controller.Run(ctx, o)
}
