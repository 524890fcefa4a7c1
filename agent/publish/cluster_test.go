// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/mapping"
)

func named(name string, spec any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": name}, "spec": spec}}
}

// TestBookOfLaterVersions holds that a colour of which this version does not understand
// all stands for nothing.
func TestBookOfLaterVersions(t *testing.T) {
	id := mapping.Identity{Switch: "mac:00:00:5e:00:53:01", VLAN: 100}
	got := book([]*unstructured.Unstructured{
		named("red-wren", map[string]any{"switch": id.Switch, "vlan": int64(100)}),
		named("sky-emu", map[string]any{"switch": id.Switch, "vlan": int64(100), "port": "ifname:p1"}),
		named("sky-wren", map[string]any{"switch": id.Switch, "vlan": int64(4095)}),
		named("teal-emu", map[string]any{"group": "dc1", "vlan": int64(100)}),
		named("teal-wren", nil),
	})
	if diff := cmp.Diff([]mapping.Colour{{Name: "red-wren", Identity: id}}, got); diff != "" {
		t.Errorf("colours (-want +got):\n%s", diff)
	}
}

// TestSourcesAllOrNone holds that the rules of some RuleSets never count for those of all.
func TestSourcesAllOrNone(t *testing.T) {
	all := []*unstructured.Unstructured{named("a", map[string]any{}), named("b", map[string]any{"ignore": func() {}})}
	if got := sources(all[:1], slog.New(slog.DiscardHandler)); len(got) != 1 {
		t.Errorf("one: %v", got)
	}
	if got := sources(all, slog.New(slog.DiscardHandler)); got != nil {
		t.Errorf("one that cannot be read: %v", got)
	}
}

func TestTold(t *testing.T) {
	for _, tt := range []struct {
		err          error
		begins, ends string
	}{
		{errors.New("connection refused"), "connection refused", "connection refused"},
		{apierrors.NewUnauthorized("Unauthorized"), "Unauthorized; the token is not valid", "(a tokenFile is read again)"},
		{apierrors.NewNotFound(v1alpha1.Resource(v1alpha1.RuleSets).GroupResource(), ""), "rulesets.colvin.dev", "kubectl apply -f deploy/chart/crds"},
		{errors.New(strings.Repeat("a\n", 5000) + "end"), "a\ufffda", "end"},
	} {
		if got := messageOf(tt.err); !strings.HasPrefix(got, tt.begins) || !strings.HasSuffix(got, tt.ends) || len(got) > 2000 {
			t.Errorf("told %d octets, %.200s, want %s ... %s", len(got), got, tt.begins, tt.ends)
		}
	}
	long := messageOf(errors.New(strings.Repeat("a", 5000)))
	if got := utf8.RuneCountInString(long); got != 512 {
		t.Errorf("told %d characters, want 512", got)
	}
}
