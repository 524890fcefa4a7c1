// SPDX-License-Identifier: Apache-2.0

//go:build linux

package podrun

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// maskedPaths and readOnlyPaths are the kubelet's, of Kubernetes 1.37
// (pkg/securitycontext/util.go).
var (
	maskedPaths = []string{
		"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
		"/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
	}
	readOnlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// process says what a container of the pod runs as.
func (p *Pod) process(c *corev1.Container, image Image) (*request, error) {
	thermal, err := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle")
	if err != nil {
		return nil, err
	}
	r := &request{Dir: cmp.Or(c.WorkingDir, image.Dir, "/"), MaskedPaths: slices.Concat(maskedPaths, thermal), ReadOnlyPaths: readOnlyPaths}
	vars, err := p.environment(c)
	if err != nil {
		return nil, err
	}
	r.Env = slices.Concat([]string{"HOSTNAME=" + p.Spec.NodeName}, image.Env, vars.list)
	if r.Args, err = arguments(c, image, vars); err != nil {
		return nil, err
	}
	secure(r, c.SecurityContext, p.Spec.SecurityContext)
	if err := identify(r, c, &p.Spec, image); err != nil {
		return nil, err
	}
	limit(r, c)
	return r, nil
}

// secure does what the security context says; the container's comes before the pod's.
func secure(r *request, s *corev1.SecurityContext, pod *corev1.PodSecurityContext) {
	var profile *corev1.SeccompProfile
	if pod != nil {
		profile = pod.SeccompProfile
	}
	if s != nil {
		profile = cmp.Or(s.SeccompProfile, profile)
		r.ReadOnlyRoot = s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem
		r.NoNewPrivileges = s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation
		if s.Capabilities != nil {
			r.NoCapabilities = slices.Contains(s.Capabilities.Drop, "ALL")
			r.AddCapabilities, r.DropCapabilities = capabilities(s.Capabilities.Add), capabilities(s.Capabilities.Drop)
		}
	}
	r.Seccomp = profile != nil && profile.Type == corev1.SeccompProfileTypeRuntimeDefault
}

func capabilities(of []corev1.Capability) (names []string) {
	for _, c := range of {
		if c != "ALL" {
			names = append(names, "CAP_"+strings.ToUpper(string(c)))
		}
	}
	return names
}

// identify says as whom the container runs. An image of programs alone has no
// /etc/passwd, so the group is root's unless the pod says otherwise.
func identify(r *request, c *corev1.Container, pod *corev1.PodSpec, image Image) error {
	imageUser, _, _ := strings.Cut(cmp.Or(image.User, "0"), ":")
	uid, err := strconv.ParseUint(imageUser, 10, 32)
	if err != nil {
		return fmt.Errorf("the image's user %q is no number, and there are no names", image.User)
	}
	r.UID = uint32(uid)
	nonRoot := false
	for _, s := range identities(c, pod) {
		if s.user != nil {
			r.UID = uint32(*s.user)
		}
		if s.group != nil {
			r.GID = uint32(*s.group)
		}
		if s.nonRoot != nil {
			nonRoot = *s.nonRoot
		}
	}
	if nonRoot && r.UID == 0 {
		return errors.New("container has runAsNonRoot and would run as root")
	}
	return nil
}

type identity struct {
	user, group *int64
	nonRoot     *bool
}

// identities are the pod's and, which counts more, the container's.
func identities(c *corev1.Container, pod *corev1.PodSpec) (all []identity) {
	if s := pod.SecurityContext; s != nil {
		all = append(all, identity{s.RunAsUser, s.RunAsGroup, s.RunAsNonRoot})
	}
	if s := c.SecurityContext; s != nil {
		all = append(all, identity{s.RunAsUser, s.RunAsGroup, s.RunAsNonRoot})
	}
	return all
}

// limit is what the kubelet makes of resources (cm.MilliCPUToShares, MilliCPUToQuota):
// a request of memory is nothing to who runs.
func limit(r *request, c *corev1.Container) {
	cpu := c.Resources.Limits.Cpu().MilliValue()
	r.MemoryLimit = c.Resources.Limits.Memory().Value()
	r.CPUShares = max(2, cmp.Or(c.Resources.Requests.Cpu().MilliValue(), cpu)*1024/1000)
	if cpu > 0 {
		const period = 100000
		r.CPUPeriod, r.CPUQuota = period, max(1000, cpu*period/1000)
	}
}

// arguments are the command that a container runs.
func arguments(c *corev1.Container, image Image, vars *variables) ([]string, error) {
	command, args := c.Command, c.Args
	if len(command) == 0 {
		command = image.Entrypoint
		if len(args) == 0 {
			args = image.Cmd
		}
	}
	var all []string
	for _, a := range slices.Concat(command, args) {
		all = append(all, vars.expand(a))
	}
	if len(all) == 0 {
		return nil, errors.New("neither the container nor its image has a command")
	}
	return all, nil
}

// variables are the environment of a container.
type variables struct {
	list  []string // NAME=VALUE, in order
	known map[string]string
}

// environment gives a container its variables, and those of services that it has not.
func (p *Pod) environment(c *corev1.Container) (*variables, error) {
	v := &variables{known: maps.Clone(p.Services)}
	if v.known == nil {
		v.known = map[string]string{}
	}
	own := map[string]bool{}
	for _, e := range c.Env {
		value := v.expand(e.Value)
		if e.Value == "" && e.ValueFrom != nil {
			var err error
			if value, err = p.field(e.ValueFrom.FieldRef.FieldPath); err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name, err)
			}
		}
		own[e.Name], v.known[e.Name] = true, value
		v.list = append(v.list, e.Name+"="+value)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		if !own[name] {
			v.list = append(v.list, name+"="+p.Services[name])
		}
	}
	return v, nil
}

// field is a value of the downward API.
func (p *Pod) field(path string) (string, error) {
	known := map[string]string{
		"metadata.name": p.Name, "metadata.namespace": p.Namespace, "metadata.uid": p.UID, "spec.nodeName": p.Spec.NodeName,
		"spec.serviceAccountName": cmp.Or(p.Spec.ServiceAccountName, "default"), "status.hostIP": p.Address, "status.podIP": p.Address,
	}
	if value := known[path]; value != "" {
		return value, nil
	}
	return "", fmt.Errorf("field %s is not understood, or the pod has none", path)
}

// expand replaces $(NAME) by the value of a variable, where there is one; $$ is a dollar
// sign (third_party/forked/golang/expansion of Kubernetes).
func (v *variables) expand(text string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, rest, closed := strings.Cut(strings.TrimPrefix(after, "("), ")")
		value, known := v.known[name]
		switch {
		case strings.HasPrefix(after, "$"):
			out.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "(") && closed && known:
			out.WriteString(value)
			text = rest
		case strings.HasPrefix(after, "(") && closed: // as it stands
			out.WriteString("$(" + name + ")")
			text = rest
		default:
			out.WriteByte('$')
			text = after
		}
	}
}
