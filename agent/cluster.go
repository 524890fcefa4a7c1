// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
)

// A publisher is the sink that tells the cluster, where there is one.
type publisher struct{ to agentapi.Cluster }

// Take implements sink.
func (p publisher) Take(_ time.Time, s *Step) time.Duration {
	if p.to != nil {
		p.to.Publish(s.State)
	}
	return never
}

func identityOf(c agentapi.Cluster) string {
	if c == nil {
		return ""
	}
	return c.Identity()
}
