// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"log/slog"
	"path/filepath"
	"time"

	"golang.org/x/time/rate"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/altnames"
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/agent/history"
	"github.com/colvin-net/colvin/internal/boottime"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// Deps are what a Loop is connected to.
type Deps struct {
	Config    config.Config
	Version   string
	BootID    string
	Instance  string // of what is known of links; empty where it is the boot's
	Snapshots SnapshotSource
	Rules     RuleSource
	Records   RecordSource
	Log       *slog.Logger
	// Now is the clock of the Snapshots; nil: time.Now.
	Now func() time.Time
	// Cluster is nil where the node is on its own.
	Cluster agentapi.Cluster
	// AltNames replaces the kernel where alternative names are concerned.
	AltNames altnames.Kernel
	// WriteLimit replaces the limits on writes of the node file, for benchmarks
	// that measure a single write many times.
	WriteLimit *rate.Limiter
	// Metrics are served by a server that has conditions; nil where there is none.
	Metrics *metricsServer
	// SinceBoot replaces CLOCK_BOOTTIME.
	SinceBoot func() time.Duration
}

// writtenAt is when an earlier agent of this boot wrote the node file; zero where none did.
func writtenAt(path, boot string) time.Time {
	f, err := nodefile.Read(path)
	if err != nil || f.BootID != boot {
		return time.Time{}
	}
	return f.Written
}

// NewLoop loads what earlier runs left and returns a Loop.
func NewLoop(d Deps) *Loop {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.SinceBoot == nil {
		d.SinceBoot = boottime.SinceBoot
	}
	c, started := d.Config, d.Now()
	kept, lost := store{statefile.Dir(c.StateDirectory)}, &damage{log: d.Log}
	nodeFilePath := filepath.Join(c.RunDirectory, nodefile.FileName)
	memory := memories{run: statefile.Dir(c.RunDirectory), state: statefile.Dir(c.StateDirectory)}
	m := &mapper{
		world: mapping.World{Node: c.Node, BootID: d.BootID, Instance: d.Instance, Silence: c.Silence, Goodbye: c.Goodbye},
		use:   mapping.Colours{Tagged: c.Colours.Of == config.ColoursOfAll, Attach: c.Colours.Attach},
		rules: inForce{d.Rules.Load()},
		containers: judged{
			records: d.Records.Load(), attached: containers.ReadMoved(nodeFilePath, d.BootID),
		},
	}
	remembered, err := memory.read(writtenAt(nodeFilePath, d.BootID))
	lost.note(err)
	m.memory = remembered.Restore(m.world.InstanceID(), started)
	own, cluster := &ownColours{}, &clusterColours{}
	if d.Cluster == nil {
		own = newOwnColours(kept, d.Log, lost)
		m.colours = own
	} else {
		cluster = newClusterColours(d.Cluster, kept, lost)
		m.colours = cluster
	}
	names, err := altnames.New(c.AltNames, d.BootID, d.AltNames, c.StateDirectory, d.Log)
	lost.note(err)
	journal := history.NewJournal(d.Log, c.StateDirectory)
	nodeFiles := newFiles(nodeFilePath, memory, d.SinceBoot, d.WriteLimit, d.Log)
	nodeFiles.isolation, nodeFiles.now = c.Isolation, d.Now
	forLater := &memoryCopy{to: memory, clock: d.Now}
	routers := &routerWatch{}
	told := &report{
		version: d.Version, started: started,
		of: []reporter{ // as people read them
			lost, cluster, names, own,
			unwritten{nodeFiles, forLater, &m.rules, cluster, remainder{journal}},
			&m.rules, routers, &m.containers, d.Metrics,
		},
	}
	state := newShown()
	return &Loop{
		now: d.Now, snapshots: d.Snapshots, rules: d.Rules, records: d.Records, cluster: cluster, metrics: d.Metrics, mapper: m, shown: state, journal: journal,
		wanted: make(chan chan<- struct{}), orders: make(chan *forgetting),
		sinks: order(names, nodeFiles, forLater, cluster, journal, routers, told, state, publisher{d.Cluster}),
	}
}
