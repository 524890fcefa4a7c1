// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"cmp"
	"slices"
	"time"

	"github.com/colvin-net/colvin/cniplugin/record"
)

// What an ADD or DEL does for others at most: most runtimes call GC never, and an agent in
// a pod cannot tell what is gone. Looking costs about a millisecond; what is garbage costs a
// DEL each, which ends when the time is up and is tried again by another, later and with
// more patience.
const (
	tidyLooks    = 16
	tidyMost     = 2
	tidyTime     = time.Second
	tidyPatience = 10 * time.Second
	// tidyAgain is after how long a DEL that failed is tried again.
	tidyAgain = 10 * time.Minute
)

// tidy detaches a few containers that are gone for certain. It is no matter of the call that
// it follows: what it cannot do it leaves.
func (p *Plugin) tidy(c *conf, cniPath string) {
	boot, err := p.bootID()
	if err != nil {
		return
	}
	gone := p.garbage(p.records, boot)
	if len(gone) == 0 {
		return
	}
	store, err := record.Open(p.records)
	if err != nil {
		return
	}
	start := time.Now()
	for i := range gone[:min(len(gone), tidyMost)] {
		r := &gone[i]
		wait := tidyTime
		if r.Stuck != "" {
			wait = tidyPatience
		}
		if i > 0 && time.Since(start) > tidyTime {
			return
		}
		impatient := *p
		impatient.patience = patience{delegate: wait, output: tidyTime / 10}
		w := &collector{
			Plugin: &impatient, until: time.Now().Add(wait),
			path: func(r *record.Record) string { return cmp.Or(r.Path, cniPath) },
		}
		s := &session{Plugin: &impatient, boot: boot, store: store}
		if got, err := w.one(s, time.Now(), r); err == nil && got != nil {
			p.say(c, "container %s (%s) is gone, and %s is detached that it had in %q", r.ContainerID, r.Pod, r.IfName, r.Network)
		}
	}
}

// garbage are some of the records whose namespace is gone for certain, and which nobody has
// just tried to collect.
func (p *Plugin) garbage(dir, boot string) (gone []record.Record) {
	some, err := record.Some(dir, tidyLooks)
	if err != nil {
		return nil
	}
	some = slices.DeleteFunc(some, func(r record.Aged) bool { return r.Stuck != "" && p.now().Sub(r.Written) < tidyAgain })
	netns := make([]record.Netns, len(some))
	for i := range some {
		netns[i] = some[i].Netns
	}
	for i, sight := range p.kernel.Sights(netns) {
		if some[i].BootID != boot || sight == record.Gone {
			gone = append(gone, some[i].Record)
		}
	}
	return gone
}
