// SPDX-License-Identifier: Apache-2.0

package agent

import "github.com/colvin-net/colvin/agent/agentapi"

func identityOf(c agentapi.Cluster) string {
	if c == nil {
		return ""
	}
	return c.Identity()
}
