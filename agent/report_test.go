// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/mapping"
)

// TestReportKnowsEverySink holds that nothing a sink has to say is lost, in a cluster and
// without one.
func TestReportKnowsEverySink(t *testing.T) {
	for name, prepare := range map[string]func(*bench){"alone": func(*bench) {}, "in a cluster": func(b *bench) { b.inCluster() }} {
		b := newBench(t)
		prepare(b)
		b.build()
		var said []reporter
		var kept unwritten
		for _, k := range b.loop.sinks {
			if r, ok := k.(*report); ok {
				said = r.of
			}
		}
		for _, r := range said {
			if u, ok := r.(unwritten); ok {
				kept = u
			}
		}
		for _, k := range b.loop.sinks {
			if r, ok := k.(reporter); ok && !slices.Contains(hashable(said), r) {
				t.Errorf("%s: %T has conditions that nobody tells", name, k)
			}
			if u, ok := k.(interface{ Unwritten() error }); ok && !slices.Contains(kept, u) {
				t.Errorf("%s: %T writes files, and nobody tells when it cannot", name, k)
			}
		}
	}
}

// hashable leaves out what cannot be compared.
func hashable(rs []reporter) []reporter {
	return slices.DeleteFunc(slices.Clone(rs), func(r reporter) bool { _, ok := r.(unwritten); return ok })
}

type notWritten struct{ err error }

func (n notWritten) Unwritten() error { return n.err }

// TestUnwrittenIsOneCondition holds that one full disk is one condition.
func TestUnwrittenIsOneCondition(t *testing.T) {
	if got := (unwritten{notWritten{}, notWritten{}}).Conditions(); got != nil {
		t.Errorf("all are written: %v", got)
	}
	got := unwritten{notWritten{errors.New("save memory: no room")}, notWritten{}, notWritten{errors.New("save colours: no room")}}.Conditions()
	want := []mapping.Condition{{Type: mapping.FilesUnwritable, Message: "save memory: no room\nsave colours: no room"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
