// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

const (
	// A NodeTopology is taken at once, but not more often than this in the long run. An agent
	// writes less often.
	takeBurst = 8
	takeEvery = 5 * time.Second
)

// pacing has every node planned at a bounded rate: one that changes its NodeTopology every
// moment is planned by an earlier one in between, and nobody else waits.
type pacing struct {
	mu    sync.Mutex
	nodes map[string]*paced
}

// A paced is a node, and its topology that counts.
type paced struct {
	taken *v1alpha1.NodeTopology
	limit *rate.Limiter
}

// take puts into the place of topologies that came too soon those that were taken before, and
// returns how long it is until the first of them may be taken; nothing where none waits.
func (p *pacing) take(all []*v1alpha1.NodeTopology, now time.Time) (rest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	there := make(map[string]bool, len(all))
	for i, t := range all {
		there[t.Name] = true
		n := p.nodes[t.Name]
		switch {
		case n == nil:
			if p.nodes == nil {
				p.nodes = map[string]*paced{}
			}
			n = &paced{t, rate.NewLimiter(rate.Every(takeEvery), takeBurst)}
			n.limit.AllowN(now, 1) // it is the first
			p.nodes[t.Name] = n
		case n.taken.UID == t.UID && n.taken.ResourceVersion == t.ResourceVersion, n.limit.AllowN(now, 1):
			n.taken = t
		default:
			all[i] = n.taken
			if left := n.left(now); rest == 0 || left < rest {
				rest = left
			}
		}
	}
	for name, n := range p.nodes {
		if !there[name] && n.limit.TokensAt(now) >= takeBurst { // else who is deleted and made again would be new each time
			delete(p.nodes, name)
		}
	}
	return rest
}

// wait is how long it is until a change of a node can be taken.
func (p *pacing) wait(name string, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.nodes[name]; n != nil {
		return n.left(now)
	}
	return 0
}

func (n *paced) left(now time.Time) time.Duration {
	missing := 1 - n.limit.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing*float64(takeEvery)) + time.Millisecond
}
