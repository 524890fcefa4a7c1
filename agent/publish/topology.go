// SPDX-License-Identifier: Apache-2.0

package publish

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/internal/fit"
)

// topology is what is published of what the agent knows, and in words what is not.
func topology(s *agentapi.State) (*v1alpha1.NodeTopologySpec, string) {
	spec := clusterview.NodeTopologySpec(&s.View, s.Snapshot, s.Memory)
	for i := range s.Attachments {
		if a := &s.Attachments[i]; a.Away() {
			spec.Moved = append(spec.Moved, moved(a))
		}
	}
	spec.Summary.Moved = int32(len(spec.Moved))
	return clusterview.Within(&spec)
}

// moved bounds what comes from the CNI plugin's records, where it is as the container
// runtime said.
func moved(a *agentapi.ContainerAttachment) v1alpha1.MovedAttachment {
	out := v1alpha1.MovedAttachment{
		ContainerID: text(a.ContainerID, v1alpha1.MaxContainerID), IfName: text(a.IfName, v1alpha1.MaxName),
		Network: text(a.Network, v1alpha1.MaxName), Device: text(a.Device.Name, v1alpha1.MaxName),
		From: text(a.Identity, v1alpha1.MaxKey), To: text(a.To, v1alpha1.MaxKey), Since: metav1.NewTime(a.Since.UTC()).Rfc3339Copy(),
	}
	if a.Pod.Name != "" && a.Pod.Namespace != "" {
		out.Pod = &v1alpha1.PodReference{
			Namespace: text(a.Pod.Namespace, v1alpha1.MaxName), Name: text(a.Pod.Name, v1alpha1.MaxPodName), UID: text(a.Pod.UID, v1alpha1.MaxUID),
		}
	}
	return out
}

func text(s string, most int) string { return fit.Cut(fit.Printable(s), most) }
