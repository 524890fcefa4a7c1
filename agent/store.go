// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/atomicfile"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/colour"
	"github.com/colvin-net/colvin/mapping/identity"
)

// A store keeps the agent's own files: what must outlive a restart.
type store struct{ statefile.Dir }

// The versions that are written.
const (
	memoryVersion         = 3
	clusterColoursVersion = 2
)

// memoryFile is what memory.json holds.
type memoryFile struct {
	Version int            `json:"version"`
	Saved   time.Time      `json:"saved"`
	Memory  mapping.Memory `json:"memory"`
}

// memoryFormat needs no sync: after a power failure the node has rebooted, and what was
// known before only explains.
var memoryFormat = statefile.Format[memoryFile]{
	Name: "memory.json", Version: memoryVersion, Limit: 256 << 20, Volatile: true, Earlier: readEarlierMemory,
}

// readEarlierMemory reads versions 1 and 2, which had claims in place of what is believed:
// who held the ports is remembered, and trusted by nothing until it is heard. Which
// chassis are one switch is not: some were taken for the successors of others.
func readEarlierMemory(version int, data []byte) (memoryFile, error) {
	if version != 1 && version != 2 {
		return memoryFile{}, fmt.Errorf("format version %d is not known", version)
	}
	var before struct {
		Saved  time.Time `json:"saved"`
		Memory struct {
			BootID string `json:"bootID"`
			Claims []struct {
				Interface string             `json:"interface"`
				Index     int                `json:"index"`
				MAC       discovery.MAC      `json:"mac"`
				Epoch     uint32             `json:"epoch"`
				Neighbor  discovery.Neighbor `json:"neighbor"`
			} `json:"claims"`
		} `json:"memory"`
	}
	if err := json.Unmarshal(data, &before); err != nil {
		return memoryFile{}, err
	}
	f := memoryFile{Version: memoryVersion, Saved: before.Saved, Memory: mapping.Memory{BootID: before.Memory.BootID}}
	for _, c := range before.Memory.Claims {
		p := belief.Port{Interface: c.Interface, Index: c.Index, MAC: c.MAC, Epoch: c.Epoch, Holder: &belief.Voice{Neighbor: c.Neighbor}}
		f.Memory.Ports = append(f.Memory.Ports, p.Suspected(before.Saved, belief.Rebooted))
	}
	return f, nil
}

// memory reads what an earlier run remembered. A file that cannot be understood is set
// aside, not lost, and the node starts knowing nothing, which is always safe. So it does
// with one that is older than the node file, which was written then: it could contradict
// what the plugin has read.
func (s store) memory(written time.Time) (mapping.Memory, error) {
	f, err := memoryFormat.Read(s.Dir)
	if err == nil && f.Saved.Before(written) && !f.Saved.IsZero() {
		return mapping.Memory{}, fmt.Errorf("%s is older than the node file, and is not believed", s.Path(memoryFormat.Name))
	}
	return f.Memory, s.Recover(memoryFormat.Name, err)
}

func (s store) saveMemory(m mapping.Memory, now time.Time) error {
	return memoryFormat.Write(s.Dir, memoryFile{Version: memoryVersion, Saved: now, Memory: m})
}

// forgetMemory removes what earlier runs remembered.
func (s store) forgetMemory() error {
	if err := os.Remove(s.Path(memoryFormat.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

const coloursName = "colours.json"

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
	switch {
	case errors.Is(err, colour.ErrLater):
		return nil, fmt.Errorf("read %s: %w; no colours are given out", s.Path(coloursName), err)
	case err != nil:
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
	Version int             `json:"version"`
	Of      string          `json:"of"`      // the cluster
	Colours []clusterColour `json:"colours"` // oldest first
}

type clusterColour struct {
	Name     string       `json:"name"`
	Identity identity.Key `json:"identity"`
}

var clusterColoursFormat = statefile.Format[clusterColoursFile]{
	Name: "colours.cluster.json", Version: clusterColoursVersion, Limit: 16 << 20, Earlier: readClusterColours1,
}

// readClusterColours1 reads version 1, which had the names that Go gives.
func readClusterColours1(version int, data []byte) (clusterColoursFile, error) {
	if version != 1 {
		return clusterColoursFile{}, fmt.Errorf("format version %d is not known", version)
	}
	var before struct {
		Of      string `json:"of"`
		Colours []struct {
			Name     string
			Identity struct {
				Switch string `json:"switch"`
				VLAN   uint16 `json:"vlan"`
			}
		} `json:"colours"`
	}
	if err := json.Unmarshal(data, &before); err != nil {
		return clusterColoursFile{}, err
	}
	f := clusterColoursFile{Version: clusterColoursVersion, Of: before.Of}
	for _, c := range before.Colours {
		id := identity.UpgradeChassis(c.Identity.Switch)
		id.VLAN = c.Identity.VLAN
		f.Colours = append(f.Colours, clusterColour{c.Name, id.Key()})
	}
	return f, nil
}

// clusterColours reads the colours that the cluster had when it was heard last. Those of
// another cluster are none.
func (s store) clusterColours(cluster string) ([]mapping.Colour, error) {
	f, err := clusterColoursFormat.Read(s.Dir)
	if err != nil || f.Of != cluster {
		return nil, s.Recover(clusterColoursFormat.Name, err)
	}
	var out []mapping.Colour
	for _, c := range f.Colours {
		id, err := identity.Parse(c.Identity)
		if err != nil {
			return nil, fmt.Errorf("read %s: colour %s: %w", s.Path(clusterColoursFormat.Name), c.Name, err)
		}
		out = append(out, mapping.Colour{Name: c.Name, Identity: id})
	}
	return out, nil
}

func (s store) saveClusterColours(cluster string, colours []mapping.Colour) error {
	f := clusterColoursFile{Version: clusterColoursVersion, Of: cluster, Colours: []clusterColour{}}
	for _, c := range colours {
		f.Colours = append(f.Colours, clusterColour{c.Name, c.Identity.Key()})
	}
	return clusterColoursFormat.Write(s.Dir, f)
}
