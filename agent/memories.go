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

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/boottime"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
)

// memoryVersion is the one that is written.
const memoryVersion = 3

// memoryFile is what memory.json holds.
type memoryFile struct {
	Version int       `json:"version"`
	Saved   time.Time `json:"saved"`
	// SinceBoot is how long the machine was up then, in nanoseconds: the time of day at which
	// the axis of its times began may be another for the next agent.
	SinceBoot time.Duration  `json:"sinceBoot"`
	Memory    mapping.Memory `json:"memory"`
}

// memoryFormat needs no sync: after a power failure the run directory is empty.
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

// memories are the two places in which what the mapping remembers is kept. A reboot clears
// the run directory, so what lies there is of this boot, and its instance says whether it is
// to be trusted. What lies in the state directory can be of any time, and is a suspicion:
// it makes the node stricter about what it hears, and has it believe nothing.
type memories struct {
	run, state statefile.Dir
	// sinceBoot is how long the machine was up at a time; nil is boottime.SinceBootAt.
	sinceBoot func(time.Time) time.Duration
}

func (k memories) up(at time.Time) time.Duration {
	if k.sinceBoot != nil {
		return k.sinceBoot(at)
	}
	return boottime.SinceBootAt(at)
}

// axisSlack is by how much two time axes may differ and be one: clocks are read in turn.
const axisSlack = 10 * time.Millisecond

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
	case f.Version != 0 && f.SinceBoot == 0: // of before there was an axis
		return f.Memory, nil
	case f.Version != 0:
		if by := f.SinceBoot - k.up(f.Saved); by.Abs() > axisSlack { // the time of day was set
			f.Memory = f.Memory.Shift(by)
		}
		return f.Memory, nil
	}
	f, suspectErr := memoryFormat.Read(k.state)
	f.Memory.BootID = "" // no instance is called so
	return f.Memory, errors.Join(err, k.state.Recover(memoryFormat.Name, suspectErr))
}

// save keeps what is remembered, for an agent that is restarted.
func (k memories) save(m mapping.Memory, now time.Time) error {
	return memoryFormat.Write(k.run, memoryFile{Version: memoryVersion, Saved: now, SinceBoot: k.up(now), Memory: m})
}

// forget removes what save kept.
func (k memories) forget() error { return remove(k.run.Path(memoryFormat.Name)) }

// copy keeps it for another boot. Where it cannot be kept what was before goes: it would
// be suspected of what has changed since.
func (k memories) copy(m mapping.Memory, now time.Time) error {
	durable := memoryFormat
	durable.Volatile = false
	err := durable.Write(k.state, memoryFile{Version: memoryVersion, Saved: now, SinceBoot: k.up(now), Memory: m})
	if err != nil {
		err = errors.Join(err, remove(k.state.Path(memoryFormat.Name)))
	}
	return err
}

// remove removes a file where there is one.
func remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// copyEvery is how often the memory is copied at most: it is for another boot, and a port
// that flaps must not wear out the disk.
const copyEvery = time.Minute

// A memoryCopy is the sink that keeps the memory for another boot.
type memoryCopy struct {
	to        memories
	clock     func() time.Time
	memory    mapping.Memory // what should be kept
	material  mapping.Memory // what is material of it
	copied    mapping.Memory // what was material of it when it was kept
	due       time.Time      // when it may be written again
	unwritten error          // why it is not kept
}

// Take implements sink.
func (c *memoryCopy) Take(now time.Time, s *Step) time.Duration {
	c.memory, c.material = s.Memory, s.material()
	wait := c.due.Sub(now)
	switch {
	case reflect.DeepEqual(c.copied, c.material):
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
		c.copied = c.material
	}
	return c.unwritten
}

// Finish keeps what the limit still held back.
func (c *memoryCopy) Finish() error {
	if reflect.DeepEqual(c.copied, c.material) {
		return nil
	}
	return c.write(c.clock())
}

// Unwritten says why the memory is not kept for another boot.
func (c *memoryCopy) Unwritten() error { return c.unwritten }
