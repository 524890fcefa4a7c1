// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admission "k8s.io/api/admissionregistration/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clientgo "k8s.io/client-go/kubernetes/scheme"

	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/cniplugin/record"
)

// An installation is what a variant renders.
type installation struct {
	namespace  string // that everything is in
	objects    []runtime.Object
	foreign    []string // kinds that are none of Kubernetes'
	agent      *apps.DaemonSet
	controller *apps.Deployment
	config     string // colvind.yaml
}

var (
	separator = regexp.MustCompile(`(?m)^---$`)
	kindOf    = regexp.MustCompile(`(?m)^kind: (.*)$`)
)

// read decodes what was rendered, strictly: a misspelt field is a mistake.
func read(t *testing.T, text string) *installation {
	t.Helper()
	decoder := serializer.NewCodecFactory(clientgo.Scheme, serializer.EnableStrict).UniversalDeserializer()
	in := &installation{}
	for _, document := range separator.Split(text, -1) {
		if strings.TrimSpace(document) == "" {
			continue
		}
		object, _, err := decoder.Decode([]byte(document), nil, nil)
		if runtime.IsNotRegisteredError(err) {
			in.foreign = append(in.foreign, kindOf.FindStringSubmatch(document)[1])
			continue
		}
		if err != nil {
			t.Fatalf("%v: %s", err, document)
		}
		in.objects = append(in.objects, object)
		switch o := object.(type) {
		case *apps.DaemonSet:
			in.agent, in.namespace = o, o.Namespace
		case *apps.Deployment:
			in.controller = o
		case *core.ConfigMap:
			in.config = o.Data["colvind.yaml"]
		}
	}
	if in.agent == nil || in.controller == nil || in.config == "" {
		t.Fatal("no agent, no controller, or no configuration")
	}
	return in
}

// TestVariants renders each variant and looks at what must hold for all of them.
func TestVariants(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			in := read(t, template(t, v))
			in.inOnePlace(t)
			in.policiesFollow(t)
			in.rightsFollow(t)
			in.agentIsHeld(t)
			in.controllerIsHeld(t)
			in.selectorsFit(t)
			if want := map[bool][]string{true: {"SecurityContextConstraints"}}[v.name == "OpenShift"]; !slices.Equal(want, in.foreign) {
				t.Errorf("kinds of others: %q", in.foreign)
			}
		})
	}
}

// clusterScoped are the kinds that are in no namespace.
var clusterScoped = []string{"ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "Namespace"}

// inOnePlace holds that all is in one namespace, bears the labels of the release, and that what
// is in no namespace bears a name that no other release could avoid.
func (in *installation) inOnePlace(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for _, o := range in.objects {
		kind := o.GetObjectKind().GroupVersionKind().Kind
		m, err := meta.Accessor(o)
		if err != nil {
			t.Fatal(err)
		}
		id := kind + " " + m.GetName()
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
		if m.GetLabels()["app.kubernetes.io/part-of"] != "colvin" || m.GetLabels()["app.kubernetes.io/instance"] == "" {
			t.Errorf("%s has the labels %v", id, m.GetLabels())
		}
		switch {
		case slices.Contains(clusterScoped, kind):
			if m.GetNamespace() != "" || kind != "Namespace" && !strings.HasPrefix(m.GetName(), "colvin-") {
				t.Errorf("%s: of the cluster, in namespace %q", id, m.GetNamespace())
			}
		case m.GetNamespace() != in.namespace:
			t.Errorf("%s is in %q, the agent in %q", id, m.GetNamespace(), in.namespace)
		}
		if len(m.GetName()) > 63 {
			t.Errorf("%s has %d characters", id, len(m.GetName()))
		}
	}
}

// users are agent and controller as the API server knows them.
func (in *installation) users() (agent, controller string) {
	user := func(account string) string { return "system:serviceaccount:" + in.namespace + ":" + account }
	return user(in.agent.Spec.Template.Spec.ServiceAccountName), user(in.controller.Spec.Template.Spec.ServiceAccountName)
}

var anyUser = regexp.MustCompile(`system:serviceaccount:[^']*`)

// policiesFollow holds that policies about accounts are about those of the pods, and that each
// policy has a binding.
func (in *installation) policiesFollow(t *testing.T) {
	t.Helper()
	agent, controller := in.users()
	want := map[string]string{"colvin-own-node": agent, "colvin-controller-nodes": controller, "colvin-controller-definitions": controller, "colvin-controller-events": controller}
	bound := map[string]bool{}
	for _, o := range in.objects {
		switch o := o.(type) {
		case *admission.ValidatingAdmissionPolicyBinding:
			bound["validating "+o.Spec.PolicyName] = true
		case *admission.MutatingAdmissionPolicyBinding:
			bound["mutating "+o.Spec.PolicyName] = true
		}
	}
	for _, o := range in.objects {
		switch o := o.(type) {
		case *admission.ValidatingAdmissionPolicy:
			found := anyUser.FindAllString(fmt.Sprintf("%+v", o.Spec), -1)
			if w := want[o.Name]; w == "" && len(found) > 0 || w != "" && !slices.Equal(found, []string{w}) {
				t.Errorf("policy %s is about %q, the pods are %s and %s", o.Name, found, agent, controller)
			}
			if !bound["validating "+o.Name] {
				t.Errorf("policy %s has no binding", o.Name)
			}
		case *admission.MutatingAdmissionPolicy:
			if !bound["mutating "+o.Name] {
				t.Errorf("policy %s has no binding", o.Name)
			}
		}
	}
}

// rightsFollow holds that rights are given to the accounts of the pods and to nobody else, and
// that each role that is given exists.
func (in *installation) rightsFollow(t *testing.T) {
	t.Helper()
	agent, controller := in.users()
	roles := map[string]bool{}
	for _, o := range in.objects {
		switch o := o.(type) {
		case *rbac.Role:
			roles["Role "+o.Name] = true
		case *rbac.ClusterRole:
			roles["ClusterRole "+o.Name] = true
		}
	}
	check := func(name string, ref rbac.RoleRef, subjects []rbac.Subject) {
		if !roles[ref.Kind+" "+ref.Name] || len(subjects) != 1 {
			t.Errorf("%s gives %s %s to %v", name, ref.Kind, ref.Name, subjects)
			return
		}
		want := controller
		if ref.Name == "colvin-agent" {
			want = agent
		}
		if got := "system:serviceaccount:" + subjects[0].Namespace + ":" + subjects[0].Name; got != want {
			t.Errorf("%s gives %s to %s, want %s", name, ref.Name, got, want)
		}
	}
	for _, o := range in.objects {
		switch o := o.(type) {
		case *rbac.RoleBinding:
			check(o.Name, o.RoleRef, o.Subjects)
		case *rbac.ClusterRoleBinding:
			check(o.Name, o.RoleRef, o.Subjects)
		}
	}
}

// agentIsHeld holds what the agent's pod may do on its node.
func (in *installation) agentIsHeld(t *testing.T) {
	t.Helper()
	pod := &in.agent.Spec.Template.Spec
	c, err := config.Parse("colvind.yaml", []byte(in.config))
	if err != nil {
		t.Fatalf("colvind does not start with what is rendered: %v", err)
	}
	if !pod.HostNetwork || pod.HostPID || pod.HostIPC || *pod.AutomountServiceAccountToken {
		t.Errorf("the pod shares more or less than the node's network, or has a token in all containers: %+v", pod)
	}
	main := &pod.Containers[0]
	var capabilities []core.Capability
	if main.Name == "agent" {
		capabilities = append(capabilities, "NET_RAW")
	}
	if c.AltNames {
		capabilities = append(capabilities, "NET_ADMIN")
	}
	for _, container := range slices.Concat(pod.InitContainers, pod.Containers) {
		heldContainer(t, pod, &container)
		var add []core.Capability
		if container.Name == main.Name {
			add = capabilities
		}
		if diff := cmp.Diff(add, container.SecurityContext.Capabilities.Add); diff != "" {
			t.Errorf("capabilities of %s (-want +got):\n%s", container.Name, diff)
		}
	}
	if *pod.SecurityContext.RunAsUser != 0 || pod.SecurityContext.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("security context %+v", pod.SecurityContext)
	}
	in.hostPaths(t, &c)
}

// heldContainer holds what is the same for all containers.
func heldContainer(t *testing.T, pod *core.PodSpec, c *core.Container) {
	t.Helper()
	s := c.SecurityContext
	if *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || s.Privileged != nil || s.RunAsUser != nil || s.SeccompProfile != nil || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) {
		t.Errorf("container %s: security context %+v", c.Name, s)
	}
	if len(c.Resources.Requests) == 0 || len(c.Resources.Limits) == 0 {
		t.Errorf("container %s has no resources", c.Name)
	}
	for _, m := range c.VolumeMounts {
		if !slices.ContainsFunc(pod.Volumes, func(v core.Volume) bool { return v.Name == m.Name }) {
			t.Errorf("container %s mounts %s, which is no volume", c.Name, m.Name)
		}
	}
}

// hostPaths holds which directories of the node a container has, and whether it may write there.
func (in *installation) hostPaths(t *testing.T, c *config.Config) {
	t.Helper()
	pod := &in.agent.Spec.Template.Spec
	host := map[string]string{}
	for _, v := range pod.Volumes {
		switch {
		case v.HostPath != nil:
			host[v.Name] = v.HostPath.Path
		case v.Projected == nil && v.ConfigMap == nil:
			t.Errorf("volume %s: %+v", v.Name, v)
		}
	}
	for _, container := range slices.Concat(pod.InitContainers, pod.Containers) {
		cleanup := container.Name == "cleanup" // it looks where the plugin keeps its records unless told, too
		if cleanup && !slices.ContainsFunc(container.VolumeMounts, func(m core.VolumeMount) bool { return m.MountPath == record.DefaultDir && !m.ReadOnly }) {
			t.Errorf("container %s does not see %s: it would take the plugin from pods that are recorded there", container.Name, record.DefaultDir)
		}
		for _, m := range container.VolumeMounts {
			own := m.MountPath == c.RunDirectory || m.MountPath == c.StateDirectory || m.MountPath == c.RecordDirectory || cleanup && m.MountPath == record.DefaultDir
			bin := m.Name == "cni-bin" || m.Name == "cli-bin"
			switch path := host[m.Name]; {
			case path == "" && !m.ReadOnly, path != "" && (path != m.MountPath || !own && !bin),
				own && container.Name == "install-cni", bin && container.Name == "agent",
				m.MountPath == c.RecordDirectory && container.Name == "agent" && !m.ReadOnly,
				m.Name == "token" && container.Name != "agent":
				t.Errorf("container %s has %+v of the node's %s", container.Name, m, path)
			}
		}
	}
}

// controllerIsHeld holds that the controller has nothing of its node. OpenShift gives a
// namespace users of its own, and refuses others (restricted-v2).
func (in *installation) controllerIsHeld(t *testing.T) {
	t.Helper()
	openshift := len(in.foreign) > 0
	pod := &in.controller.Spec.Template.Spec
	heldContainer(t, pod, &pod.Containers[0])
	s := pod.SecurityContext
	if pod.HostNetwork || len(pod.Containers) != 1 || len(pod.Volumes) != 1 || pod.Volumes[0].Projected == nil || !*s.RunAsNonRoot || (s.RunAsUser == nil) != openshift || !openshift && *s.RunAsUser != 65532 ||
		s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault || pod.Containers[0].SecurityContext.Capabilities.Add != nil {
		t.Errorf("the controller's pod: %+v", pod)
	}
}

// selectorsFit holds that selectors choose the pods of their own template and no others, and that
// nothing is in them that another version of the chart changes.
func (in *installation) selectorsFit(t *testing.T) {
	t.Helper()
	agent, controller := in.agent.Spec, in.controller.Spec
	for _, s := range []struct {
		selector *metav1.LabelSelector
		own      map[string]string
		others   map[string]string
	}{{agent.Selector, agent.Template.Labels, controller.Template.Labels}, {controller.Selector, controller.Template.Labels, agent.Template.Labels}} {
		selector, err := metav1.LabelSelectorAsSelector(s.selector)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.selector.MatchLabels) != 3 || !selector.Matches(labels.Set(s.own)) || selector.Matches(labels.Set(s.others)) {
			t.Errorf("selector %v: its pods have %v, others %v", s.selector, s.own, s.others)
		}
	}
}
