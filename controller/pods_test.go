// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/recorder"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
)

// somePods answers who asks for a pod. It keeps who was asked for, and may refuse.
type somePods struct {
	client.Reader

	pods  []corev1.Pod
	err   error
	asked []string
}

// Get implements client.Reader.
func (s *somePods) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	s.asked = append(s.asked, key.String())
	if s.err != nil {
		return s.err
	}
	pod, ok := into.(*corev1.Pod)
	for _, p := range s.pods {
		if ok && key == client.ObjectKeyFromObject(&p) {
			p.DeepCopyInto(pod)
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, key.Name)
}

// heard are the Events that were recorded.
type heard struct {
	recorder.EventRecorder

	all []string
}

// Eventf implements recorder.EventRecorder.
func (h *heard) Eventf(regarding, _ runtime.Object, _, reason, _, note string, args ...any) {
	about, ok := regarding.(*corev1.ObjectReference)
	if !ok {
		about = &corev1.ObjectReference{}
	}
	h.all = append(h.all, fmt.Sprintf("%s %s %s: ", about.Kind, about.Name, reason)+fmt.Sprintf(note, args...))
}

var node1 = plan.Node{Name: "node1", UID: "uid-of-node1"}

func movedPod(container string, pod *v1alpha1.PodReference) plan.Moved {
	return plan.Moved{Node: node1, MovedAttachment: v1alpha1.MovedAttachment{
		Pod: pod, ContainerID: container, IfName: "net1", Network: "green", Device: "eth1", From: "mac:x vlan 100", To: "mac:x vlan 7",
	}}
}

func aPod(name string, uid types.UID, node string) corev1.Pod {
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: uid}, Spec: corev1.PodSpec{NodeName: node}}
}

// TestPodOf holds that a node speaks for the pods that run on it, and for no other.
func TestPodOf(t *testing.T) {
	static := aPod("static-node1", "of-the-mirror", "node1")
	static.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "of-the-kubelet"}
	pods := []corev1.Pod{aPod("web", "1", "node1"), aPod("db", "2", "node2"), aPod("pending", "3", ""), static}
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web", errors.New("no"))
	for name, tt := range map[string]struct {
		said  *v1alpha1.PodReference
		err   error
		want  types.UID // empty for none
		asked int
	}{
		"its own":          {&v1alpha1.PodReference{Namespace: "default", Name: "web", UID: "1"}, nil, "1", 1},
		"no UID known":     {&v1alpha1.PodReference{Namespace: "default", Name: "web"}, nil, "1", 1},
		"a static pod":     {&v1alpha1.PodReference{Namespace: "default", Name: "static-node1", UID: "of-the-kubelet"}, nil, "of-the-mirror", 1},
		"a namesake":       {&v1alpha1.PodReference{Namespace: "default", Name: "web", UID: "0"}, nil, "", 1},
		"another node's":   {&v1alpha1.PodReference{Namespace: "default", Name: "db", UID: "2"}, nil, "", 1},
		"nobody's yet":     {&v1alpha1.PodReference{Namespace: "default", Name: "pending", UID: "3"}, nil, "", 1},
		"gone":             {&v1alpha1.PodReference{Namespace: "default", Name: "gone"}, nil, "", 1},
		"no right":         {&v1alpha1.PodReference{Namespace: "default", Name: "web", UID: "1"}, forbidden, "", 1},
		"none":             {nil, nil, "", 0},
		"no name":          {&v1alpha1.PodReference{Namespace: "default"}, nil, "", 0},
		"a path":           {&v1alpha1.PodReference{Namespace: "default", Name: "../../nodes/node2"}, nil, "", 0},
		"a namespace path": {&v1alpha1.PodReference{Namespace: "..", Name: "web"}, nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			live := &somePods{pods: pods, err: tt.err}
			r := &reconciler{controller: &controller{Options: Options{Log: slog.New(slog.DiscardHandler)}}, live: live}
			m := movedPod("c1", tt.said)
			got, err := r.podOf(t.Context(), &m)
			var uid types.UID
			if got != nil {
				uid = got.UID
			}
			if uid != tt.want || err != nil || len(live.asked) != tt.asked {
				t.Errorf("got %v, %v after asking for %v; want UID %q after asking %d times", got, err, live.asked, tt.want, tt.asked)
			}
		})
	}
}

// TestAnnounceMoved holds who is told, that it is told once, and later where the API server
// did not answer.
func TestAnnounceMoved(t *testing.T) {
	live := &somePods{pods: []corev1.Pod{aPod("web", "1", "node1"), aPod("db", "2", "node2")}, err: errors.New("connection refused")}
	told := &heard{}
	r := &reconciler{controller: &controller{Options: Options{Log: slog.New(slog.DiscardHandler)}}, live: live, tell: told}
	all := []plan.Moved{
		movedPod("c1", &v1alpha1.PodReference{Namespace: "default", Name: "web", UID: "1"}),
		movedPod("c2", &v1alpha1.PodReference{Namespace: "default", Name: "db", UID: "2"}),
		movedPod("c3", nil),
	}
	if err := r.announceMoved(t.Context(), all); err == nil || len(told.all) != 1 {
		t.Errorf("the API server does not answer: %v, told %v", err, told.all)
	}
	live.err = nil
	for range 2 {
		if err := r.announceMoved(t.Context(), all); err != nil {
			t.Error(err)
		}
	}
	const leads = "and eth1 on node node1 leads to chassis mac:x VLAN 7 now; nothing was changed in the pod"
	if diff := cmp.Diff([]string{
		"Node node1 NetworkMoved: container c3 (net1) asked for green, " + leads,
		"Pod web NetworkMoved: net1 asked for green, " + leads,
		"Node node1 NetworkMoved: pod default/db (net1) asked for green, " + leads,
	}, told.all); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestAnnounceMany bounds what one node costs.
func TestAnnounceMany(t *testing.T) {
	live, told := &somePods{}, &heard{}
	r := &reconciler{controller: &controller{Options: Options{Log: slog.New(slog.DiscardHandler)}}, live: live, tell: told}
	var all []plan.Moved
	for i := range v1alpha1.MaxMoved {
		all = append(all, movedPod(fmt.Sprint("c", i), &v1alpha1.PodReference{Namespace: "default", Name: fmt.Sprint("web-", i)}))
	}
	other := movedPod("of-another", &v1alpha1.PodReference{Namespace: "default", Name: "web"})
	other.Node = plan.Node{Name: "node2", UID: "uid-of-node2"}
	all = append(all, other)
	for range 2 {
		if err := r.announceMoved(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	if len(live.asked) != maxMoved+1 || len(told.all) != maxMoved+1 {
		t.Errorf("asked for %d pods, and told %d times; want %d", len(live.asked), len(told.all), maxMoved+1)
	}
}
