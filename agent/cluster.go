// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"reflect"

	"github.com/colvin-net/colvin/agent/agentapi"
)

// learn takes over what the cluster says.
func (l *Loop) learn(u agentapi.ClusterUpdate) {
	l.clusterProblems = u.Problems
	if u.RuleSets == nil || u.Colours == nil {
		return
	}
	if !reflect.DeepEqual(l.clusterColours, u.Colours) {
		l.clusterColours = u.Colours
		l.keepColours()
	}
	l.ruleSource.Offer(u.RuleSets)
}

// keepColours keeps the cluster's colours for the next start.
func (l *Loop) keepColours() {
	l.unkept = l.store.saveClusterColours(l.cluster.Identity(), l.clusterColours)
}

func identityOf(c agentapi.Cluster) string {
	if c == nil {
		return ""
	}
	return c.Identity()
}
