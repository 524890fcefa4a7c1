// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/colvin-net/colvin/internal/atomicfile"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/colour"
)

// Names of the files in the state directory.
const (
	memoryName         = "memory.json"
	coloursName        = "colours.json"
	clusterColoursName = "colours.cluster.json"
)

// The formats of the files.
const (
	memoryVersion         = 1
	clusterColoursVersion = 1
)

// memoryFile is what memory.json holds.
type memoryFile struct {
	Version int            `json:"version"`
	Saved   time.Time      `json:"saved"`
	Memory  mapping.Memory `json:"memory"`
}

// A store keeps the agent's own files: what must outlive a restart.
type store struct{ statefile.Dir }

// memory reads what an earlier run remembered. A damaged file is set aside, not
// lost, and the node starts knowing nothing, which is always safe.
func (s store) memory() (mapping.Memory, error) {
	data, err := os.ReadFile(s.Path(memoryName))
	if errors.Is(err, fs.ErrNotExist) {
		return mapping.Memory{}, nil
	}
	if err != nil {
		return mapping.Memory{}, fmt.Errorf("read memory: %w", err)
	}
	var f memoryFile
	if err = json.Unmarshal(data, &f); err == nil && f.Version != memoryVersion {
		err = fmt.Errorf("format version %d, want %d", f.Version, memoryVersion)
	}
	if err != nil {
		return mapping.Memory{}, s.SetAside(memoryName, err)
	}
	return f.Memory, nil
}

// saveMemory needs no fsync: after a power failure the node has rebooted, and
// what was known before only explains.
func (s store) saveMemory(m mapping.Memory, now time.Time) error {
	data, err := json.MarshalIndent(memoryFile{Version: memoryVersion, Saved: now, Memory: m}, "", "\t")
	if err == nil {
		err = atomicfile.Write(s.Path(memoryName), append(data, '\n'), atomicfile.Options{Mode: 0o600})
	}
	if err != nil {
		return fmt.Errorf("save memory: %w", err)
	}
	return nil
}

// colours reads the colour book. A damaged one stays where it is and no colour
// is given out: a colour given twice would lead a pod to the wrong network.
func (s store) colours() (*colour.Book, error) {
	data, err := os.ReadFile(s.Path(coloursName))
	if errors.Is(err, fs.ErrNotExist) {
		return colour.NewBook(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read colours: %w", err)
	}
	book, err := colour.Load(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w; no colours are given out: restore the file, or remove it to begin anew", s.Path(coloursName), err)
	}
	return book, nil
}

// saveColours survives a power failure: a colour is never used twice.
func (s store) saveColours(b *colour.Book) error {
	data, err := b.Marshal()
	if err == nil {
		err = atomicfile.Write(s.Path(coloursName), data, atomicfile.Options{Mode: 0o600, Sync: true})
	}
	if err != nil {
		return fmt.Errorf("save colours: %w", err)
	}
	return nil
}

// clusterColoursFile is what colours.cluster.json holds.
type clusterColoursFile struct {
	Version int              `json:"version"`
	Of      string           `json:"of"`      // the cluster
	Colours []mapping.Colour `json:"colours"` // oldest first
}

// clusterColours reads the colours that the cluster had when it was heard last. Those of
// another cluster are none.
func (s store) clusterColours(cluster string) ([]mapping.Colour, error) {
	var f clusterColoursFile
	if err := s.Read(clusterColoursName, clusterColoursVersion, &f); err != nil {
		return nil, err
	}
	if f.Of != cluster {
		return nil, nil
	}
	return f.Colours, nil
}

func (s store) saveClusterColours(cluster string, colours []mapping.Colour) error {
	return s.Write(clusterColoursName, clusterColoursFile{Version: clusterColoursVersion, Of: cluster, Colours: colours})
}
