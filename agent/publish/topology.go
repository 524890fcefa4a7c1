// SPDX-License-Identifier: Apache-2.0

package publish

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/internal/fit"
)

// maxMoved bounds the moved attachments, as the type has it.
const maxMoved = 1024

// topology is what is published of what the agent knows.
func topology(s *agentapi.State) v1alpha1.NodeTopologySpec {
	spec := clusterview.NodeTopologySpec(&s.View, s.Snapshot, s.Memory)
	for i := range s.Attachments {
		if a := &s.Attachments[i]; a.Status == agentapi.ContainerMoved && len(spec.Moved) < maxMoved {
			spec.Moved = append(spec.Moved, moved(a))
		}
	}
	spec.Summary.Moved = int32(len(spec.Moved))
	return spec
}

// moved bounds what comes from the CNI plugin's records, where it is as the container
// runtime said.
func moved(a *agentapi.ContainerAttachment) v1alpha1.MovedAttachment {
	out := v1alpha1.MovedAttachment{
		ContainerID: text(a.ContainerID, 256), IfName: text(a.IfName, 63), Network: text(a.Network, 63), Device: text(a.Device.Name, 63),
		From: text(a.Identity, 1280), To: text(a.To, 1280), Since: metav1.NewTime(a.Since.UTC()).Rfc3339Copy(),
	}
	if a.Pod.Name != "" && a.Pod.Namespace != "" {
		out.Pod = &v1alpha1.PodReference{Namespace: text(a.Pod.Namespace, 63), Name: text(a.Pod.Name, 253), UID: text(a.Pod.UID, 64)}
	}
	return out
}

func text(s string, most int) string { return fit.Cut(fit.Printable(s), most) }
