// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/mapping/rules"
)

// What ends is told without the advice that was right while it held.
func TestNetworkToldOf(t *testing.T) {
	tell := events.NewFakeRecorder(4)
	r := &reconciler{controller: &controller{Options: Options{Log: slog.New(slog.DiscardHandler)}}, tell: tell}
	spans := []metav1.Condition{{Type: v1alpha1.NetworkSpans, Message: "green names two; accept it with spans: true"}}
	r.tellNetwork(networkReference("green"), nil, spans)
	r.tellNetwork(networkReference("green"), spans, nil)
	for _, want := range []string{
		"Warning Spans green names two; accept it with spans: true",
		"Normal SpansEnded the name is of one network again, or a rule accepts that it is not",
	} {
		if got := <-tell.Events; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestPack(t *testing.T) {
	for name, want := range map[string][]rules.Source{
		"none": {},
		"two":  {{Name: "ruleset/a", Root: "spec", Data: []byte(`{"networks":[]}`)}, {Name: "ruleset/b", Root: "spec", Data: []byte("{}")}},
	} {
		data, err := pack(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpack(data)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if _, err := unpack(data[:len(data)-9]); err == nil {
			t.Errorf("%s: cut short, and no error", name)
		}
	}
	if _, err := unpack(nil); err == nil {
		t.Error("nothing was unpacked")
	}
}

func TestLabelPatch(t *testing.T) {
	got, err := labelPatch(&plan.NodeChange{Node: plan.Node{Name: "node1", UID: "u1", Labels: map[string]string{"a": "b"}}, Add: []string{"green"}, Remove: []string{"blue"}})
	const want = `{"metadata":{"labels":{"network.colvin.dev/blue":null,"network.colvin.dev/green":"true"},"uid":"u1"}}`
	if string(got) != want || err != nil {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	for known, want := range map[bool]string{true: `"true"`, false: `null`} {
		got, err := labelPatch(&plan.NodeChange{Node: plan.Node{Name: "node1", UID: "u1"}, Known: &known})
		if want := `{"metadata":{"labels":{"colvin.dev/networks-known":` + want + `},"uid":"u1"}}`; string(got) != want || err != nil {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	}
}

func TestCutNote(t *testing.T) {
	for _, s := range []string{"", "short", strings.Repeat("a", maxNote), strings.Repeat("ü", maxNote)} {
		if got := cutNote(s); len(got) > maxNote || !strings.HasPrefix(s, strings.TrimSuffix(got, "...")) {
			t.Errorf("%d octets became %q", len(s), got)
		}
	}
	if got := cutNote("eth1\x1b[2J\n"); strings.ContainsAny(got, "\x1b\n") {
		t.Errorf("a terminal would do what %q says", got)
	}
}

// TestOutage holds that an outage is noticed by what gets no answer, and ends the
// manager when it is over, while a single failure does not.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage()
		begin := time.Now()
		away := func(context.Context) error {
			if since := time.Since(begin); since > time.Minute && since < 3*time.Minute {
				return errors.New("connection refused")
			}
			return nil
		}
		go func() {
			for range 3 {
				o.notice()
				time.Sleep(40 * time.Second)
			}
		}()
		err := o.watch(t.Context(), away)
		if took := time.Since(begin); !errors.Is(err, errOutage) || took < 3*time.Minute || took > 3*time.Minute+time.Second {
			t.Errorf("watch returned %v after %v", err, took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := newOutage().watch(ctx, func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

// TestBackground holds that libraries do not talk where nobody asked them to.
func TestBackground(t *testing.T) {
	var b bytes.Buffer
	level := new(slog.LevelVar)
	log := background(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})))
	log.Info("starting")
	log.WithValues("a", 1).Error(errors.New("no"), "slow", "b", 2)
	level.Set(slog.LevelDebug)
	log.Info("stopping")
	if got, want := b.String(), "level=ERROR msg=slow a=1 err=no b=2\nlevel=DEBUG msg=stopping\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestServe holds that an address nobody can listen on is told, and that serving ends.
func TestServe(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		ctx           context.Context
		address, want string
	}{
		{t.Context(), "", ""},
		{ended, "127.0.0.1:0", ""},
		{t.Context(), "nowhere", "serve on nowhere: listen tcp: address nowhere: missing port in address"},
	} {
		said := ""
		if err := serve(tt.ctx, tt.address, http.NotFoundHandler()); err != nil {
			said = err.Error()
		}
		if said != tt.want {
			t.Errorf("%q: %q, want %q", tt.address, said, tt.want)
		}
	}
}

// TestGained holds that who was told of a loss is told when it is over.
func TestGained(t *testing.T) {
	labels := map[string]string{plan.LabelPrefix + "green": "true"}
	var a announcements
	for i, step := range []struct {
		change plan.NodeChange
		want   bool
	}{
		{plan.NodeChange{Node: plan.Node{UID: "u1"}, Add: []string{"green"}}, false}, // it came
		{plan.NodeChange{Node: plan.Node{UID: "u1", Labels: labels}, Add: []string{"blue"}}, true},
		{plan.NodeChange{Node: plan.Node{UID: "u1", Labels: labels}, Remove: []string{"green"}}, true},
		{plan.NodeChange{Node: plan.Node{UID: "u1"}, Add: []string{"green"}}, true}, // it is back
		{plan.NodeChange{Node: plan.Node{UID: "u2"}, Add: []string{"green"}}, false},
	} {
		if got := a.gained(&step.change); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

// A pagedClient lists names, one a page, and fails after the last where it should.
type pagedClient struct {
	client.Client

	names []string
	err   error
}

// List implements client.Reader.
func (p *pagedClient) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(options)
	at, _ := strconv.Atoi(o.Continue) // empty is 0
	if at == len(p.names) {
		return p.err
	}
	page, ok := list.(*metav1.PartialObjectMetadataList)
	if !ok || o.Limit != pageSize {
		return errors.New("not asked for a page of metadata")
	}
	page.Items = []metav1.PartialObjectMetadata{{ObjectMeta: metav1.ObjectMeta{Name: p.names[at]}}}
	if at++; at < len(p.names) || p.err != nil {
		page.Continue = strconv.Itoa(at)
	}
	return nil
}

// TestCleanerPages holds that all pages are read, and that neither what fails on one nor a
// list that ends early is taken for the end.
func TestCleanerPages(t *testing.T) {
	broken, expired := errors.New("broken"), errors.New("expired")
	for name, tt := range map[string]struct {
		client pagedClient
		fails  string
		want   []error
	}{
		"none":              {pagedClient{}, "", nil},
		"three pages":       {pagedClient{names: []string{"a", "b", "c"}}, "", nil},
		"one fails":         {pagedClient{names: []string{"a", "b", "c"}}, "b", []error{broken}},
		"the list expires":  {pagedClient{names: []string{"a", "b"}, err: expired}, "a", []error{broken, expired}},
		"no such kind":      {pagedClient{err: apierrors.NewNotFound(schema.GroupResource{Resource: "networks"}, "")}, "", nil},
		"it cannot be read": {pagedClient{err: expired}, "", []error{expired}},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []string
			p := &cleaner{client: &tt.client}
			err := p.each(t.Context(), v1alpha1.GroupVersion.WithKind("Network"), func(_ context.Context, o *metav1.PartialObjectMetadata) error {
				if seen = append(seen, o.Kind+" "+o.Name); o.Name == tt.fails {
					return broken
				}
				return nil
			})
			var want []string
			for _, name := range tt.client.names {
				want = append(want, "Network "+name)
			}
			if diff := cmp.Diff(want, seen); diff != "" || (err != nil) != (len(tt.want) > 0) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			for _, w := range tt.want {
				if !errors.Is(err, w) {
					t.Errorf("got %v, want %v", err, w)
				}
			}
		})
	}
}
