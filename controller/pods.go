// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
)

// podOf is the pod of a container that is in another network than it asked for, or nil
// where no such pod runs on the node that tells of it: whoever took over a node may name
// any. The pod is asked for by itself, with no other right than that; without the right
// the answer is nil, too.
func (r *reconciler) podOf(ctx context.Context, m *plan.Moved) (*corev1.ObjectReference, error) {
	said := m.Pod
	if said == nil || len(validation.IsDNS1123Label(said.Namespace)) > 0 || len(validation.IsDNS1123Subdomain(said.Name)) > 0 {
		return nil, nil // what cannot be a name cannot be asked for, however often it is tried
	}
	var pod corev1.Pod
	err := r.live.Get(ctx, client.ObjectKey{Namespace: said.Namespace, Name: said.Name}, &pod)
	switch {
	case apierrors.IsForbidden(err):
		r.Log.Debug("the controller may not read pods, so their nodes are told", "error", err)
		return nil, nil
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read pod %s/%s: %w", said.Namespace, said.Name, err)
	case !isPod(&pod, said, m.Node.Name):
		return nil, nil
	}
	return &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}, nil
}

// isPod reports whether a pod is the one that the agent of a node means. A static pod is
// known to the node by what the API server has in an annotation.
func isPod(pod *corev1.Pod, said *v1alpha1.PodReference, node string) bool {
	return pod.Spec.NodeName == node &&
		(said.UID == "" || said.UID == string(pod.UID) || said.UID == pod.Annotations[corev1.MirrorPodAnnotationKey])
}
