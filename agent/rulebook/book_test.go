// SPDX-License-Identifier: Apache-2.0

package rulebook

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/settle"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

const (
	fileGreen  = "networks:\n  - name: green\n    match: [{vlan: 100}]\n"
	specBlue   = `{"networks": [{"name": "blue", "match": [{"vlan": 100}]}]}`
	specIgnore = `{"ignore": [{"system": "leaf-*"}]}`
)

// TestRuleSetsSettle holds that a rule that moves from one RuleSet to another is never
// missed.
func TestRuleSetsSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := New("", "test", t.TempDir(), slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- book.Run(ctx) }()
		<-book.Updates() // waits for the cluster
		set := func(specs ...string) (out []rules.Source) {
			for i, spec := range specs {
				out = append(out, rules.Source{Name: fmt.Sprint("ruleset/", i), Root: "spec", Data: []byte(spec)})
			}
			return out
		}
		begin := time.Now()
		book.Offer(set(`{}`, `{}`))
		time.Sleep(settle.Rest / 2)
		book.Offer(set(specBlue))
		if got := (<-book.Updates()).Set.KnownNames(); time.Since(begin) != settle.Rest*3/2 || !slices.Equal(got, []string{"blue"}) {
			t.Errorf("%v after %v", got, time.Since(begin))
		}
		begin = time.Now()
		for time.Since(begin) < 2*settle.Most { // it never settles
			book.Offer(set(specBlue, specIgnore))
			book.Offer(set(specBlue))
			time.Sleep(settle.Rest / 3)
			select {
			case <-book.Updates():
				t.Error("changed though it is the same in the end")
			default:
			}
		}
		book.Offer(set(specIgnore))
		if got := (<-book.Updates()).Set.KnownNames(); len(got) != 0 {
			t.Errorf("names %v", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestRulesOfAnEarlierRun(t *testing.T) {
	dir := statefile.Dir(t.TempDir())
	file := rules.Source{Name: "rules.yaml", Data: []byte(fileGreen)}
	for name, want := range map[string]sources{
		"none":              {},
		"file":              {File: &file},
		"cluster":           {Of: "test", Cluster: []rules.Source{{Name: "ruleset/a", Root: "spec", Data: []byte(specBlue)}}},
		"cluster with none": {File: &file, Of: "test", Cluster: []rules.Source{}},
	} {
		if err := saveLastGood(dir, want); err != nil {
			t.Fatal(err)
		}
		got, err := readLastGood(dir, "test")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, rules (-want +got):\n%s", name, err, diff)
		}
	}
	if err := lastGoodFormat.Write(dir, lastGoodFile{Version: 7}); err != nil {
		t.Fatal(err)
	}
	if _, err := readLastGood(dir, "test"); err == nil || !strings.Contains(err.Error(), "format version 7, want 1 at most: a later version of Colvin wrote it") {
		t.Errorf("a later version: %v", err)
	}
}
