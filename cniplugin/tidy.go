// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"time"

	"github.com/colvin-net/colvin/cniplugin/record"
)

// What an ADD or DEL does for others at most: most runtimes call GC never, and an agent in
// a pod cannot tell what is gone. Looking costs less than a millisecond; what is garbage
// costs a DEL each, which ends when the time is up and is tried again by another.
const (
	tidyLooks = 16
	tidyMost  = 2
	tidyTime  = time.Second
	// tidyAgain is after how long a DEL that failed is tried again.
	tidyAgain = 10 * time.Minute
)

// tidy detaches a few containers that are gone for certain. It is no matter of the call that
// it follows: what it cannot do it leaves.
func (p *Plugin) tidy(c *conf, cniPath string) {
	some, err := record.Some(c.recordDir, tidyLooks)
	if err != nil || len(some) == 0 {
		return
	}
	boot, err := p.bootID()
	if err != nil {
		return
	}
	store, err := record.Open(c.recordDir)
	if err != nil {
		return
	}
	impatient := *p
	impatient.patience = patience{delegate: tidyTime}
	w := &collector{Plugin: &impatient, runDir: c.runDir, until: time.Now().Add(tidyTime), path: func(r *record.Record) string { return r.Path }}
	s := &session{Plugin: &impatient, boot: boot, store: store}
	observer, done := record.NewPathObserver(), 0
	for i := range some {
		r := &some[i].Record
		if done == tidyMost || time.Now().After(w.until) {
			return
		}
		if !r.Unwanted.IsZero() && p.now().Sub(some[i].Written) < tidyAgain {
			continue
		}
		if r.BootID == boot && observer.Look([]record.Netns{r.Netns})[0] != record.Gone {
			continue
		}
		if r.Path == "" {
			r.Path = cniPath
		}
		if got, err := w.one(s, time.Now(), r); err == nil && got != nil {
			p.say(c, "container %s (%s) is gone, and %s is detached that it had in %q", r.ContainerID, r.Pod, r.IfName, r.Network)
			done++
		}
	}
}
