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
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// Deps are what a Loop is connected to.
type Deps struct {
	Config    config.Config
	Version   string
	BootID    string
	Snapshots <-chan *discovery.Snapshot
	Rules     RuleSource
	Records   RecordSource
	Log       *slog.Logger
	// Cluster is nil where the node is on its own.
	Cluster agentapi.Cluster
	// AltNames replaces the kernel where alternative names are concerned.
	AltNames altnames.Kernel
	// WriteLimit replaces the limits on writes of the node file, for benchmarks
	// that measure a single write many times.
	WriteLimit *rate.Limiter
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
	c, started := d.Config, time.Now()
	kept, lost := store{statefile.Dir(c.StateDirectory)}, &damage{log: d.Log}
	nodeFilePath := filepath.Join(c.RunDirectory, nodefile.FileName)
	m := &mapper{
		world: mapping.World{Node: c.Node, BootID: d.BootID},
		use:   mapping.Colours{Tagged: c.Colours.Of == config.ColoursOfAll, Attach: c.Colours.Attach},
		rules: inForce{d.Rules.Load()},
		containers: judged{
			records: d.Records.Load(), attached: containers.ReadMoved(nodeFilePath, d.BootID),
		},
	}
	memory, err := kept.memory(writtenAt(nodeFilePath, d.BootID))
	lost.note(err)
	m.memory = memory.Restore(d.BootID, started)
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
	nodeFiles := newFiles(nodeFilePath, kept, d.WriteLimit, d.Log)
	told := &report{
		version: d.Version, started: started,
		of: []reporter{ // as people read them
			lost, cluster, names, own,
			unwritten{nodeFiles, &m.rules, cluster, remainder{journal}},
			&m.rules, &m.containers,
		},
	}
	state := newShown()
	return &Loop{
		snapshots: d.Snapshots, rules: d.Rules, records: d.Records, cluster: cluster, mapper: m, shown: state, journal: journal,
		sinks: order(names, nodeFiles, cluster, journal, told, state, publisher{d.Cluster}),
	}
}
