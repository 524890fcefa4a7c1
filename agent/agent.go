// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/agent/rulebook"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/discovery/nic"
	"github.com/colvin-net/colvin/discovery/observe"
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/boottime"
	"github.com/colvin-net/colvin/internal/sdnotify"
)

// A Task is long-lived work. A cancelled context is no error.
type Task interface {
	Run(ctx context.Context) error
	String() string
}

// An Agent observes the node it runs on and maps it.
type Agent struct {
	Config  config.Config
	Version string
	Cluster agentapi.Cluster // nil where the node is on its own
	Log     *slog.Logger
}

// Run runs the agent until ctx ends.
func (a *Agent) Run(ctx context.Context) error {
	c, log := a.Config, a.Log
	lock, err := claim(c)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	boot, instance, err := bootid.Instance()
	if err != nil {
		return err
	}
	links, err := link.Subscribe()
	if err != nil {
		return err
	}
	defer func() { _ = links.Close() }()
	links.SetAside(observe.Patterns(c.Interfaces).Port)
	addresses, err := link.SubscribeAddresses()
	if err != nil {
		return err
	}
	defer func() { _ = addresses.Close() }()
	tasks := a.build(ctx, boot, instance, links, addresses.Hints())
	tasks = append(tasks, announcer{tasks, sdnotify.Notify, log})
	log.Info("colvind starts", "version", a.Version, "node", c.Node, "interfaces", c.Interfaces, "rules", c.Rules)
	return runAll(ctx, tasks, log)
}

// freshWait is how long who asks the agent waits for what the plugin recorded just now.
const freshWait = time.Second

func (a *Agent) build(ctx context.Context, boot, instance string, links observe.Links, addressHints <-chan struct{}) []Task {
	c, log := a.Config, a.Log
	observer := observe.New(observe.Config{
		Links: links, Listen: ether.Listen, NIC: describeNIC(log), Log: log, Now: boottime.Now,
		Addresses: link.Addresses, AddressHints: addressHints,
		ListenOn: c.Interfaces, Protocols: socketFor(c.Protocols), RouterAdvertisements: c.RouterAdvertisements, Settings: settingsOf(c.Ports), Exceptions: exceptionsOf(c.Exceptions),
		SystemName: c.Node, SystemDescription: "Colvin " + a.Version + " on Linux", ShutdownOnExit: c.ShutdownOnExit,
	})
	book := rulebook.New(c.Rules, identityOf(a.Cluster), c.StateDirectory, log)
	records := newRecordsDir(c.RecordDirectory, log)
	metrics := newMetricsServer(c.Metrics.Address, log)
	loop := NewLoop(Deps{
		Config: c, Version: a.Version, BootID: boot, Instance: instance, Snapshots: observer, Rules: book, Records: records, Cluster: a.Cluster, Log: log,
		Now: boottime.Now, Metrics: metrics,
	})
	state := func() (*agentapi.State, error) {
		s, err := loop.State()
		if err != nil {
			return nil, err
		}
		now := *s
		now.Snapshot = observer.Snapshot() // with counters and times of this moment
		return &now, nil
	}
	fresh := func() (*agentapi.State, error) {
		ctx, cancel := context.WithTimeout(ctx, freshWait)
		defer cancel()
		if records.Renew(ctx) {
			_ = loop.Renew(ctx) // what was known before is an answer too
		}
		return state()
	}
	server := NewServer(filepath.Join(c.RunDirectory, agentapi.SocketName), fresh, loop.Changes, log)
	server.OnForget(loop.Forget)
	server.OnProbe(loop.Live, loop.Unready)
	tasks := []Task{observer, loop, book, records, memoryTrimmer{giveBack, log}, server}
	if a.Cluster != nil {
		tasks = append(tasks, a.Cluster)
	}
	if metrics != nil {
		metrics.of(newCollector(state))
		tasks = append(tasks, metrics)
	}
	return tasks
}

// describeNIC returns what asks the driver of an interface.
func describeNIC(log *slog.Logger) func(ifname string) discovery.NIC {
	return func(ifname string) discovery.NIC {
		facts, err := nic.Kernel{}.Facts(ifname)
		if err != nil {
			log.Debug("driver tells nothing", "interface", ifname, "error", err)
		}
		return nic.Describe(ifname, facts)
	}
}

// runAll runs the tasks until ctx ends or one of them fails.
func runAll(ctx context.Context, tasks []Task, log *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range tasks {
		group.Go(func() error {
			if err := t.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				return fmt.Errorf("%s: %w", t, err)
			}
			return nil
		})
	}
	err := group.Wait()
	if err == nil {
		log.Info("colvind stops")
	}
	return err // main prints it
}
