// SPDX-License-Identifier: Apache-2.0

//go:build linux

package podrun

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// A mistrust collects what of a pod is not understood.
type mistrust struct{ errs []error }

func (m *mistrust) add(format string, args ...any) {
	m.errs = append(m.errs, fmt.Errorf(format, args...))
}

// only holds that a struct has nothing but these fields, or says under which name in the
// spec it has more.
func (m *mistrust) only(what string, v any, fields ...string) {
	value := reflect.ValueOf(v)
	for i := range value.NumField() {
		field := value.Type().Field(i)
		if !value.Field(i).IsZero() && !slices.Contains(fields, field.Name) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			m.add("%s: %s is not understood", what, name)
		}
	}
}

// one holds that a field has one of these values.
func one[T comparable](m *mistrust, what string, v *T, values ...T) {
	if v != nil && !slices.Contains(values, *v) {
		m.add("%s: %v is not understood", what, *v)
	}
}

// understood says what of a pod's spec is not understood. What says where and when a pod
// runs, and what it asks for, makes no difference to one that runs.
func understood(spec *corev1.PodSpec) error {
	m := &mistrust{}
	m.only("spec", *spec, "Volumes", "InitContainers", "Containers", "RestartPolicy", "TerminationGracePeriodSeconds", "DNSPolicy", "NodeSelector",
		"ServiceAccountName", "DeprecatedServiceAccount", "AutomountServiceAccountToken", "NodeName", "HostNetwork", "SecurityContext", "ImagePullSecrets",
		"Affinity", "SchedulerName", "Tolerations", "PriorityClassName", "Priority", "EnableServiceLinks", "PreemptionPolicy")
	if !spec.HostNetwork {
		m.add("spec: hostNetwork is false, and there is no network but the node's")
	}
	if s := spec.SecurityContext; s != nil {
		const what = "spec.securityContext"
		m.only(what, *s, "RunAsUser", "RunAsGroup", "RunAsNonRoot", "SeccompProfile")
		m.seccomp(what, s.SeccompProfile)
	}
	for _, v := range spec.Volumes {
		m.volume(v)
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		m.container(c)
	}
	return errors.Join(m.errs...)
}

func (m *mistrust) container(c corev1.Container) {
	what := "container " + c.Name
	m.only(what, c, "Name", "Image", "Command", "Args", "WorkingDir", "Ports", "Env", "Resources", "VolumeMounts", "LivenessProbe", "ReadinessProbe",
		"StartupProbe", "TerminationMessagePath", "TerminationMessagePolicy", "ImagePullPolicy", "SecurityContext")
	for _, e := range c.Env {
		m.env(what+", "+e.Name, e)
	}
	for _, v := range c.VolumeMounts {
		what := what + ", mount of " + v.Name
		m.only(what, v, "Name", "ReadOnly", "RecursiveReadOnly", "MountPath", "MountPropagation")
		one(m, what, v.RecursiveReadOnly, corev1.RecursiveReadOnlyDisabled)
		one(m, what, v.MountPropagation, corev1.MountPropagationNone)
	}
	m.only(what+", resources", c.Resources, "Limits", "Requests")
	for name := range c.Resources.Limits {
		one(m, what+", limits", &name, corev1.ResourceCPU, corev1.ResourceMemory)
	}
	for name := range c.Resources.Requests {
		one(m, what+", requests", &name, corev1.ResourceCPU, corev1.ResourceMemory)
	}
	if c.SecurityContext != nil {
		m.securityContext(what+", securityContext", c.SecurityContext)
	}
}

func (m *mistrust) securityContext(what string, s *corev1.SecurityContext) {
	m.only(what, *s, "Capabilities", "Privileged", "RunAsUser", "RunAsGroup", "RunAsNonRoot", "ReadOnlyRootFilesystem", "AllowPrivilegeEscalation", "ProcMount", "SeccompProfile")
	one(m, what+", privileged", s.Privileged, false)
	one(m, what, s.ProcMount, corev1.DefaultProcMount)
	m.seccomp(what, s.SeccompProfile)
	if s.Capabilities == nil {
		return
	}
	for _, c := range slices.Concat(s.Capabilities.Add, s.Capabilities.Drop) {
		if strings.HasPrefix(string(c), "CAP_") { // containerd would make CAP_CAP_ of it
			m.add("%s: capability %s is not understood", what, c)
		}
	}
	if slices.Contains(s.Capabilities.Add, "ALL") {
		m.add("%s: adding ALL capabilities is not understood", what)
	}
}

func (m *mistrust) seccomp(what string, s *corev1.SeccompProfile) {
	if s != nil {
		m.only(what+", seccompProfile", *s, "Type")
		one(m, what+", seccompProfile", &s.Type, corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined)
	}
}

func (m *mistrust) env(what string, e corev1.EnvVar) {
	if e.ValueFrom != nil {
		m.only(what, *e.ValueFrom, "FieldRef")
		m.field(what, e.ValueFrom.FieldRef)
	}
}

func (m *mistrust) field(what string, f *corev1.ObjectFieldSelector) {
	if f == nil || f.APIVersion != "" && f.APIVersion != "v1" {
		m.add("%s: want a fieldRef of version v1", what)
	}
}

func (m *mistrust) volume(v corev1.Volume) {
	what := "volume " + v.Name
	m.only(what, v.VolumeSource, "HostPath", "EmptyDir", "ConfigMap", "Projected")
	switch {
	case v.EmptyDir != nil: // its medium makes no difference to who writes into it
		m.only(what, *v.EmptyDir, "Medium", "SizeLimit")
		one(m, what, &v.EmptyDir.Medium, corev1.StorageMediumDefault, corev1.StorageMediumMemory)
	case v.Projected != nil:
		for _, s := range v.Projected.Sources {
			m.only(what, s, "ConfigMap", "DownwardAPI", "ServiceAccountToken")
		}
	}
}
