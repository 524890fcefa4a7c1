// SPDX-License-Identifier: Apache-2.0

//go:build linux

package podrun

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TestUnderstood holds that what would be left out is refused.
func TestUnderstood(t *testing.T) {
	yes := true
	s := spec(t, nil)
	if err := understood(&s); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*corev1.PodSpec, *corev1.Container){
		"spec: hostPID is not understood":                                      func(s *corev1.PodSpec, _ *corev1.Container) { s.HostPID = true },
		"spec: hostNetwork is false, and there is no network but the node's":   func(s *corev1.PodSpec, _ *corev1.Container) { s.HostNetwork = false },
		"spec.securityContext: fsGroup is not understood":                      func(s *corev1.PodSpec, _ *corev1.Container) { s.SecurityContext.FSGroup = new(int64) },
		"spec.securityContext, seccompProfile: Localhost is not understood":    func(s *corev1.PodSpec, _ *corev1.Container) { s.SecurityContext.SeccompProfile.Type = "Localhost" },
		"container agent: lifecycle is not understood":                         func(_ *corev1.PodSpec, c *corev1.Container) { c.Lifecycle = &corev1.Lifecycle{} },
		"container agent: envFrom is not understood":                           func(_ *corev1.PodSpec, c *corev1.Container) { c.EnvFrom = []corev1.EnvFromSource{{}} },
		"container agent, securityContext, privileged: true is not understood": func(_ *corev1.PodSpec, c *corev1.Container) { c.SecurityContext.Privileged = &yes },
		"container agent, securityContext: seLinuxOptions is not understood": func(_ *corev1.PodSpec, c *corev1.Container) {
			c.SecurityContext.SELinuxOptions = &corev1.SELinuxOptions{}
		},
		"container agent, securityContext: adding ALL capabilities is not understood": func(_ *corev1.PodSpec, c *corev1.Container) { c.SecurityContext.Capabilities.Add[0] = "ALL" },
		"container agent, securityContext: capability CAP_NET_RAW is not understood":  func(_ *corev1.PodSpec, c *corev1.Container) { c.SecurityContext.Capabilities.Add[0] = "CAP_NET_RAW" },
		"container agent, mount of config: subPath is not understood":                 func(_ *corev1.PodSpec, c *corev1.Container) { c.VolumeMounts[0].SubPath = "x" },
		"container agent, limits: ephemeral-storage is not understood": func(_ *corev1.PodSpec, c *corev1.Container) {
			c.Resources.Limits[corev1.ResourceEphemeralStorage] = resource.MustParse("1Gi")
		},
		"container agent, X: secretKeyRef is not understood\ncontainer agent, X: want a fieldRef of version v1": func(_ *corev1.PodSpec, c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{}}}}
		},
		"volume config: secret is not understood": func(s *corev1.PodSpec, _ *corev1.Container) { s.Volumes[0].Secret = &corev1.SecretVolumeSource{} },
	} {
		s := spec(t, nil)
		change(&s, &s.Containers[0])
		if err := understood(&s); err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	probed := spec(t, func(s *corev1.PodSpec) {
		s.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(1)}}}
	})
	if err := (&Container{id: "agent"}).Probe(t.Context(), probed.Containers[0].LivenessProbe); err == nil {
		t.Error("a probe that is none of exec passes")
	}
}

func TestExpand(t *testing.T) {
	v := &variables{known: map[string]string{"A": "1", "B": "$(A)"}}
	for text, want := range map[string]string{
		"": "", "$(A)": "1", "x$(A)y$(B)": "x1y$(A)", "$$(A)": "$(A)", "$$$(A)": "$1", "$(C)": "$(C)", "$(A": "$(A", "$": "$", "$A": "$A", "a$$": "a$",
	} {
		if got := v.expand(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestIdentity(t *testing.T) {
	yes, no, user := true, false, int64(1000)
	for name, tt := range map[string]struct {
		pod       corev1.PodSecurityContext
		container corev1.SecurityContext
		image     string
		want      string
	}{
		"the image's":      {image: "65532:65532", want: "65532:0"},
		"the pod's":        {pod: corev1.PodSecurityContext{RunAsUser: &user, RunAsGroup: &user}, image: "0", want: "1000:1000"},
		"the container's":  {pod: corev1.PodSecurityContext{RunAsUser: new(int64), RunAsNonRoot: &yes}, container: corev1.SecurityContext{RunAsUser: &user}, want: "1000:0"},
		"root":             {pod: corev1.PodSecurityContext{RunAsNonRoot: &yes}, want: "container has runAsNonRoot and would run as root"},
		"root, and may be": {pod: corev1.PodSecurityContext{RunAsNonRoot: &yes}, container: corev1.SecurityContext{RunAsNonRoot: &no}, want: "0:0"},
		"a name":           {image: "nobody", want: `the image's user "nobody" is no number, and there are no names`},
	} {
		r := &request{}
		err := identify(r, &corev1.Container{SecurityContext: &tt.container}, &corev1.PodSpec{SecurityContext: &tt.pod}, Image{User: tt.image})
		got := fmtIdentity(r, err)
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

// TestWriteFiles holds that a volume's files change at once, seen through the same path.
func TestWriteFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "volume")
	mode := int32(0o400)
	for _, content := range []string{"first", "second"} {
		if err := writeFiles(dir, map[string]file{"a": {content: content}, "b/c": {content, &mode}}, nil); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, name := range []string{"a", "b/c"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			info, serr := os.Stat(filepath.Join(dir, name))
			if err != nil || serr != nil {
				t.Fatal(err, serr)
			}
			got[name] = info.Mode().String() + " " + string(b)
		}
		if diff := cmp.Diff(map[string]string{"a": "-rw-r--r-- " + content, "b/c": "-r-------- " + content}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	link, err := os.Readlink(filepath.Join(dir, "a"))
	versions, _ := filepath.Glob(filepath.Join(dir, "..version_*"))
	if err != nil || link != "..data/a" || len(versions) != 1 {
		t.Errorf("a leads to %s, %v; there are %v", link, err, versions)
	}
	if err := writeFiles(dir, map[string]file{"../x": {}}, nil); err == nil {
		t.Error("a file outside of the volume is written")
	}
}

func fmtIdentity(r *request, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d:%d", r.UID, r.GID)
}
