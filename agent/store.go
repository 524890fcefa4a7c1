// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/colvin-net/colvin/internal/atomicfile"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/colour"
	"github.com/colvin-net/colvin/mapping/identity"
)

// A store keeps the agent's own files: what must outlive a restart.
type store struct{ statefile.Dir }

// clusterColoursVersion is the one that is written.
const clusterColoursVersion = 2

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
	if f.Of != cluster { // as where there is no file, or none that can be read
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
