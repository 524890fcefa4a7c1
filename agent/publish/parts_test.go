// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

// kubeconfig is the file of a cluster that nobody runs.
func kubeconfig(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	const text = `{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}], contexts: [{name: c, context: {cluster: c}}], current-context: c}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestIdentityOfCluster(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, []byte("in a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ca := func(data, file string) *rest.Config {
		return &rest.Config{Host: "https://192.0.2.1", TLSClientConfig: rest.TLSClientConfig{CAData: []byte(data), CAFile: file}}
	}
	for _, tt := range []struct {
		name string
		a, b *rest.Config
		same bool
	}{
		{"by its CA", ca("a", ""), ca("a", ""), true},
		{"of two CAs", ca("a", ""), ca("b", ""), false},
		{"whatever space is around it", ca("\n a\n", ""), ca("a", ""), true},
		{"in a file", ca("", file), ca("in a file", ""), true},
		{"data before the file", ca("a", file), ca("a", ""), true},
	} {
		a, b := identity(tt.a), identity(tt.b)
		if (a == b) != tt.same || !strings.HasPrefix(a, "ca-") {
			t.Errorf("%s: %s and %s, want them the same: %t", tt.name, a, b, tt.same)
		}
	}
	for _, none := range []*rest.Config{ca("", ""), ca(" \n", ""), ca("", file+"2")} {
		if got := identity(none); got != "https://192.0.2.1" {
			t.Errorf("without a CA: %s", got)
		}
	}
}

// TestOutsideOfACluster holds that without a file the service account of a pod counts,
// and nothing else that may be on the node.
func TestOutsideOfACluster(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBECONFIG", kubeconfig(t))
	_, err := New(Config{Node: "node1"})
	if !errors.Is(err, rest.ErrNotInCluster) || !strings.HasPrefix(err.Error(), "find the API server: kubernetes.kubeconfig in colvind.yaml names no file, and colvind runs in no pod (") {
		t.Errorf("error %v, want %v", err, rest.ErrNotInCluster)
	}
}

// TestPodWithoutAccount runs in a pod that has no token.
func TestPodWithoutAccount(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	c, err := New(Config{Node: "node1"})
	if c != nil || err == nil || !strings.HasPrefix(err.Error(), "find the API server: read the pod's service account: ") {
		t.Errorf("%v, %v", c, err)
	}
}

// TestBadKubeconfig holds that what is wrong with the file names the key that names it.
func TestBadKubeconfig(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"empty": "", "no YAML": "{", "no cluster": "{apiVersion: v1, kind: Config}", "missing": ""} {
		file := filepath.Join(dir, name)
		if name != "missing" {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := New(Config{Node: "node1", Kubeconfig: file})
		want := "find the API server: read " + file + ", which kubernetes.kubeconfig in colvind.yaml names: "
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s...", name, err, want)
		}
	}
}

// TestBadCA is told at once, not as an API server that is away.
func TestBadCA(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kubeconfig")
	const text = `{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: "https://127.0.0.1:1", certificate-authority-data: "bm9uZQ=="}}], contexts: [{name: c, context: {cluster: c}}], current-context: c}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := New(Config{Node: "node1", Kubeconfig: file}); c != nil || err == nil || !strings.HasPrefix(err.Error(), "find the API server: unable to load root certificates") {
		t.Errorf("%v, %v", c, err)
	}
}

func TestOldestColourFirst(t *testing.T) {
	colour := func(name string, second int, vlan int64) *unstructured.Unstructured {
		c := named(name, map[string]any{"switch": "mac:00:00:5e:00:53:01", "vlan": vlan})
		c.SetCreationTimestamp(metav1.NewTime(time.Unix(int64(second), 0)))
		return c
	}
	var got []string
	for _, c := range book([]*unstructured.Unstructured{
		colour("c", 3, 1), colour("b", 2, 4094), colour("a", 2, 7), colour("z", 1, 7), colour("x", 1, 0), colour("y", 1, 4095), colour("w", 1, -1),
	}) {
		got = append(got, fmt.Sprint(c.Name, " ", c.Identity.VLAN))
	}
	if diff := cmp.Diff([]string{"z 7", "a 7", "b 4094", "c 1"}, got); diff != "" {
		t.Errorf("colours (-want +got):\n%s", diff)
	}
}

func TestWhatIsPermanent(t *testing.T) {
	kind := v1alpha1.Resource(v1alpha1.NodeTopologies).GroupResource()
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("connection refused"), false},
		{apierrors.NewConflict(kind, "node1", errors.New("changed")), false},
		{apierrors.NewTooManyRequests("later", 1), false},
		{apierrors.NewInternalError(errors.New("no")), false},
		{fmt.Errorf("%w: another node", errIdentity), true},
		{apierrors.NewForbidden(kind, "node1", errors.New("no")), true},
		{apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind("NodeTopology").GroupKind(), "node1", nil), true},
		{apierrors.NewUnauthorized("no"), true},
		{fmt.Errorf("write: %w", apierrors.NewNotFound(kind, "")), true},
	} {
		if got := permanent(tt.err); got != tt.want {
			t.Errorf("%v: %t, want %t", tt.err, got, tt.want)
		}
	}
}

// TestWatched holds that some objects are not taken for all of them.
func TestWatched(t *testing.T) {
	object := func(name string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": name}}}
	}
	told := 0
	w := newWatched(dynamic.New(nil), v1alpha1.Resource(v1alpha1.Colours), func() { told++ })
	for what, do := range map[string]func(any) error{
		"added": w.Add, "updated": w.Update, "deleted": w.Delete, "in a list": func(o any) error { return w.Replace([]any{o}, "1") },
	} {
		if err := do("no object"); err == nil || told != 0 || w.known.Load() {
			t.Errorf("what has no name is %s: %v, told %d times, known: %t", what, err, told, w.known.Load())
		}
	}
	for i, tt := range []struct {
		do    func() error
		want  []string
		known bool
	}{
		{func() error { return w.Add(object("amber-auk")) }, nil, false},
		{func() error { return w.Replace([]any{object("blue-bee"), object("coral-cat")}, "1") }, []string{"blue-bee", "coral-cat"}, true},
		{func() error { return w.Add(object("amber-auk")) }, []string{"amber-auk", "blue-bee", "coral-cat"}, true},
		{func() error { return w.Update(object("amber-auk")) }, []string{"amber-auk", "blue-bee", "coral-cat"}, true},
		{func() error { return w.Delete(object("blue-bee")) }, []string{"amber-auk", "coral-cat"}, true},
		{func() error { return w.Replace(nil, "2") }, nil, true},
	} {
		if err := tt.do(); err != nil {
			t.Fatal(err)
		}
		objects, known := w.list()
		var got []string
		for _, o := range objects {
			got = append(got, o.GetName())
		}
		slices.Sort(got)
		if !slices.Equal(got, tt.want) || known != tt.known || told != i+1 {
			t.Errorf("step %d: %v, known: %t, told %d times; want %v, %t", i, got, known, told, tt.want, tt.known)
		}
	}
}

// TestProblemsInWords holds what an admin reads, and that it is logged when it begins,
// when it changes and when it ends.
func TestProblemsInWords(t *testing.T) {
	var log bytes.Buffer
	c, err := New(Config{Node: "node1", Kubeconfig: kubeconfig(t), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("connection refused")
	forbidden := apierrors.NewForbidden(v1alpha1.Resource(v1alpha1.NodeTopologies).GroupResource(), "node1", errors.New("no"))
	for _, tt := range []struct {
		name   string
		do     func()
		want   []mapping.ConditionType
		words  string // in the first
		logged []string
	}{
		{"nothing is wrong", func() {}, nil, "", nil},
		{"away from the beginning", func() { c.ruleSets.trouble.note(t.Context(), refused) }, []mapping.ConditionType{mapping.ClusterUnreachable}, "so what an earlier run knew counts", []string{"level=WARN"}},
		{"the same", func() { c.colours.trouble.note(t.Context(), refused) }, []mapping.ConditionType{mapping.ClusterUnreachable}, "rulesets", nil},
		{"not written either", func() { c.publisher.trouble.note(t.Context(), refused) }, []mapping.ConditionType{mapping.ClusterUnreachable}, "rulesets", nil},
		{"nor allowed", func() { c.publisher.trouble.note(t.Context(), forbidden) }, []mapping.ConditionType{mapping.ClusterUnreachable, mapping.NotPublished}, "rulesets", []string{"level=WARN"}},
		{"reached", func() {
			for _, trouble := range []*trouble{&c.publisher.trouble, &c.colours.trouble, &c.ruleSets.trouble} {
				trouble.note(t.Context(), nil)
			}
		}, nil, "", []string{"cluster is reached"}},
		{"still reached", func() {
			if err := errors.Join(c.ruleSets.Replace(nil, ""), c.colours.Replace(nil, "")); err != nil {
				t.Error(err)
			}
		}, nil, "", nil},
		{"away later", func() { c.colours.trouble.note(t.Context(), refused) }, []mapping.ConditionType{mapping.ClusterUnreachable}, ", so what was known then counts: connection refused", []string{"level=WARN"}},
		{"not written", func() {
			c.colours.trouble.note(t.Context(), nil)
			c.publisher.trouble.note(t.Context(), refused)
		}, []mapping.ConditionType{mapping.NotPublished}, "is not published", []string{"cluster is reached", "level=WARN"}},
	} {
		log.Reset()
		tt.do()
		var got []mapping.ConditionType
		all := c.problems()
		for _, p := range all {
			got = append(got, p.Type)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || len(all) > 0 && !strings.Contains(all[0].Message, tt.words) {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, all, diff)
		}
		if strings.Count(log.String(), "\n") != len(tt.logged) {
			t.Errorf("%s: logged\n%s", tt.name, &log)
		}
		for _, want := range tt.logged {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: logged\n%s, want %s", tt.name, &log, want)
			}
		}
	}
}

// TestTroubleIsToldOf holds that the agent hears of what goes wrong.
func TestTroubleIsToldOf(t *testing.T) {
	c, err := New(Config{Node: "node1", Kubeconfig: kubeconfig(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c.ruleSets.trouble.note(t.Context(), errors.New("connection refused"))
	if u := <-c.Updates(); len(u.Problems) != 1 || u.RuleSets != nil {
		t.Errorf("update %+v", u)
	}
}

// TestBothAreKnown holds that rules are not told without the colours, nor these without the
// rules: as long as one is not known, nothing is.
func TestBothAreKnown(t *testing.T) {
	for name, first := range map[string]func(*Cluster) (one, other *watched){
		"rules first":   func(c *Cluster) (one, other *watched) { return c.ruleSets, c.colours },
		"colours first": func(c *Cluster) (one, other *watched) { return c.colours, c.ruleSets },
	} {
		c, err := New(Config{Node: "node1", Kubeconfig: kubeconfig(t), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		one, other := first(c)
		for _, step := range []struct {
			known *watched
			want  agentapi.ClusterUpdate
		}{{one, agentapi.ClusterUpdate{}}, {other, agentapi.ClusterUpdate{RuleSets: []rules.Source{}, Colours: []mapping.Colour{}}}} {
			if err := step.known.Replace(nil, ""); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step.want, <-c.Updates()); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, step.known.resource.Resource, diff)
			}
		}
	}
}
