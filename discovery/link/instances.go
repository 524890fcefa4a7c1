// SPDX-License-Identifier: Apache-2.0

package link

import (
	"sync"

	"github.com/colvin-net/colvin/discovery"
)

// maxGone is of how many devices that are gone the count is kept: containers come and go,
// and hardly ever with the ifindex of another.
const maxGone = 4096

// instances count how often the device with an ifindex went. It is safe for concurrent use.
type instances struct {
	mu    sync.Mutex
	of    map[int]uint32 // by ifindex, of those in the last list and of some that are gone
	floor uint32         // the least of those that are not in the map
	seen  []int          // in the last list
	lost  bool           // notifications were lost since
}

// went counts a device that went.
func (c *instances) went(index int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(index)
}

func (c *instances) count(index int) {
	if c.of == nil {
		c.of = make(map[int]uint32)
	}
	c.of[index] = c.get(index) + 1
}

func (c *instances) get(index int) uint32 {
	if n, ok := c.of[index]; ok {
		return n
	}
	return c.floor
}

// missed has the devices count as gone that the next list does not have.
func (c *instances) missed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = true
}

// number writes the instances of a list's devices into it.
func (c *instances) number(list []discovery.Interface) {
	c.mu.Lock()
	defer c.mu.Unlock()
	present := make(map[int]bool, len(list))
	for i := range list {
		present[list[i].Index] = true
	}
	for _, index := range c.seen {
		if c.lost && !present[index] {
			c.count(index)
		}
	}
	c.lost, c.seen = false, c.seen[:0]
	for i := range list {
		index := list[i].Index
		list[i].Instance = c.get(index)
		c.seen = append(c.seen, index)
	}
	c.forget(list, present)
}

// forget makes room: what was forgotten would begin above what it had.
func (c *instances) forget(list []discovery.Interface, present map[int]bool) {
	if len(c.of) <= len(list)+maxGone {
		return
	}
	floor := c.floor
	for index, n := range c.of {
		if !present[index] {
			floor = max(floor, n+1)
			delete(c.of, index)
		}
	}
	for i := range list { // those that never went keep what they have
		c.of[list[i].Index] = list[i].Instance
	}
	c.floor = floor
}
