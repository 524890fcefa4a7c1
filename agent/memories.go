// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"time"

	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
)

// memoryVersion is the one that is written.
const memoryVersion = 2

// memoryFile is what memory.json holds.
type memoryFile struct {
	Version int            `json:"version"`
	Saved   time.Time      `json:"saved"`
	Memory  mapping.Memory `json:"memory"`
}

// memoryFormat needs no sync: after a power failure the run directory is empty.
var memoryFormat = statefile.Format[memoryFile]{
	Name: "memory.json", Version: memoryVersion, Limit: 256 << 20, Volatile: true, Earlier: readMemory1,
}

// readMemory1 reads version 1, which had the causes in the words for people of its time.
func readMemory1(version int, data []byte) (f memoryFile, err error) {
	if version != 1 {
		return f, fmt.Errorf("format version %d is not known", version)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return memoryFile{}, err
	}
	lost := map[mapping.LossCause]mapping.LossCause{
		"the carrier was lost since the switch was last heard":                                       mapping.LostCarrier,
		"the device was gone, replaced or given another MAC address since the switch was last heard": mapping.LostDevice,
		"the node rebooted since the switch was last heard":                                          mapping.LostBoot,
		"the switch announced another VLAN before it was last heard":                                 mapping.LostVLAN,
		"CDP of several devices is heard, so a switch that forwards it stands in between":            mapping.LostCDP,
	}
	gone := map[mapping.GoneCause]mapping.GoneCause{
		"its LLDP aged out": mapping.GoneAgedOut, "it said goodbye": mapping.GoneGoodbye,
		"not heard since the agent started": mapping.GoneNotHeard, "not heard any more": mapping.GoneSilent,
	}
	for i := range f.Memory.Claims {
		c := &f.Memory.Claims[i]
		c.LostWhy, c.Gone = lost[c.LostWhy], gone[c.Gone]
		if !c.Lost.IsZero() && c.LostWhy == "" {
			return memoryFile{}, fmt.Errorf("the claim on %s is lost for no known reason", c.Interface)
		}
	}
	f.Version = memoryVersion
	return f, nil
}

// memories are the two places in which what the mapping remembers is kept. A reboot clears
// the run directory, so what lies there is of this boot, and its instance says whether it is
// to be trusted. What lies in the state directory can be of any time, and is a suspicion:
// it makes the node stricter about what it hears, and has it believe nothing.
type memories struct{ run, state statefile.Dir }

// read returns what an earlier run remembered. A file that cannot be understood is set
// aside, not lost. One that is older than the node file, which was written then, could
// contradict what the plugin has read; it is not trusted either.
func (k memories) read(written time.Time) (mapping.Memory, error) {
	f, err := memoryFormat.Read(k.run)
	switch {
	case err != nil:
		err = k.run.Recover(memoryFormat.Name, err)
	case f.Saved.Before(written) && !f.Saved.IsZero():
		err = fmt.Errorf("%s is older than the node file, and is not believed", k.run.Path(memoryFormat.Name))
	case f.Version != 0:
		return f.Memory, nil
	}
	f, suspectErr := memoryFormat.Read(k.state)
	f.Memory.BootID = "" // no instance is called so
	return f.Memory, errors.Join(err, k.state.Recover(memoryFormat.Name, suspectErr))
}

// save keeps what is remembered, for an agent that is restarted.
func (k memories) save(m mapping.Memory, now time.Time) error {
	return memoryFormat.Write(k.run, memoryFile{Version: memoryVersion, Saved: now, Memory: m})
}

// forget removes what save kept.
func (k memories) forget() error { return remove(k.run) }

// copy keeps it for another boot. Where it cannot be kept what was before goes: it would
// be suspected of what has changed since.
func (k memories) copy(m mapping.Memory, now time.Time) error {
	durable := memoryFormat
	durable.Volatile = false
	err := durable.Write(k.state, memoryFile{Version: memoryVersion, Saved: now, Memory: m})
	if err != nil {
		err = errors.Join(err, remove(k.state))
	}
	return err
}

func remove(dir statefile.Dir) error {
	if err := os.Remove(dir.Path(memoryFormat.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// copyEvery is how often the memory is copied at most: it is for another boot, and a port
// that flaps must not wear out the disk.
const copyEvery = time.Minute

// A memoryCopy is the sink that keeps the memory for another boot.
type memoryCopy struct {
	to        memories
	memory    mapping.Memory // what should be kept
	copied    mapping.Memory // what was material of it when it was kept
	due       time.Time      // when it may be written again
	unwritten error          // why it is not kept
}

// Take implements sink.
func (c *memoryCopy) Take(now time.Time, s *Step) time.Duration {
	c.memory = s.Memory
	wait := c.due.Sub(now)
	switch {
	case reflect.DeepEqual(c.copied, c.memory.Material()):
		return never
	case wait > 0 && wait <= copyEvery: // else the clock was set back
		return wait
	}
	c.due = now.Add(copyEvery)
	if c.write(now) != nil {
		return copyEvery
	}
	return never
}

func (c *memoryCopy) write(now time.Time) error {
	c.unwritten = c.to.copy(c.memory, now)
	if c.unwritten == nil {
		c.copied = c.memory.Material()
	}
	return c.unwritten
}

// Finish keeps what the limit still held back.
func (c *memoryCopy) Finish() error {
	if reflect.DeepEqual(c.copied, c.memory.Material()) {
		return nil
	}
	return c.write(time.Now())
}

// Unwritten says why the memory is not kept for another boot.
func (c *memoryCopy) Unwritten() error { return c.unwritten }
