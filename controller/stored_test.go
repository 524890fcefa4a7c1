// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// kept is a ConfigMap as everybody sees it; nil while there is none.
type kept struct {
	client.Reader
	data []byte
}

// Get returns the ConfigMap.
func (k *kept) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	m, ok := o.(*corev1.ConfigMap)
	if !ok || k.data == nil {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, rulesName)
	}
	m.BinaryData = map[string][]byte{rulesKey: k.data}
	return nil
}

// TestStoredRules holds whose rules count when a controller leads again: those of who led
// meanwhile, else its own.
func TestStoredRules(t *testing.T) {
	source := func(name string) []rules.Source {
		return []rules.Source{{Name: name, Root: "spec", Data: []byte("{}")}}
	}
	store := func(s []rules.Source) []byte {
		data, err := pack(s)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	first, second, third := source("first"), source("second"), source("third")
	for name, tt := range map[string]struct {
		before storedRules
		stored []byte
		want   storedRules
	}{
		"a new process":               {storedRules{}, store(first), storedRules{first, first}},
		"there are none":              {storedRules{}, nil, storedRules{nil, nil}},
		"nobody else led":             {storedRules{first, first}, store(first), storedRules{first, first}},
		"the latest were not stored":  {storedRules{second, first}, store(first), storedRules{second, first}},
		"somebody else led":           {storedRules{first, first}, store(second), storedRules{second, second}},
		"and nothing had been stored": {storedRules{first, nil}, store(second), storedRules{second, second}},
		"the ConfigMap was deleted":   {storedRules{first, first}, nil, storedRules{first, nil}},
		"or is damaged":               {storedRules{first, first}, []byte("?"), storedRules{first, nil}},
		"or holds what is too large":  {storedRules{third, third}, []byte{}, storedRules{third, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			got := tt.before
			if err := got.load(t.Context(), &kept{data: tt.stored}, "colvin-system", slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(storedRules{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestStoredFormats holds that what each version stored is read, and what is stored now
// stays as it is.
func TestStoredFormats(t *testing.T) {
	want := []rules.Source{
		{Name: "ruleset/a", Root: "spec", Data: []byte(`{"networks":[{"name":"green"}]}`)},
		{Name: "ruleset/b", Root: "spec", Data: []byte("{}")},
	}
	now, err := pack(want)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(now))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	golden.CompareJSON(t, "testdata/rules.v1.json", text)
	before, err := os.ReadFile("testdata/rules.v0.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	for version, data := range map[string][]byte{"v0": before, "v1": now} {
		got, err := unpack(data)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", version, err, diff)
		}
	}
	later := &bytes.Buffer{}
	w := gzip.NewWriter(later)
	if _, err := w.Write([]byte(`{"version":2,"sources":7}`)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if _, err := unpack(later.Bytes()); !errors.Is(err, statefile.ErrLater) {
		t.Errorf("a later version: %v", err)
	}
}
