// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// TestWrittenAt holds that only a node file of this boot says how old the memory may be.
func TestWrittenAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), nodefile.FileName)
	if at := writtenAt(path, "boot-1"); !at.IsZero() {
		t.Errorf("none: written at %v", at)
	}
	if err := nodefile.Write(path, &nodefile.File{Version: nodefile.Version, Node: "node1", BootID: "boot-1", Written: saved}); err != nil {
		t.Fatal(err)
	}
	if at := writtenAt(path, "boot-1"); !at.Equal(saved) {
		t.Errorf("of this boot: written at %v", at)
	}
	if at := writtenAt(path, "boot-2"); !at.IsZero() {
		t.Errorf("of another boot: written at %v", at)
	}
}

// TestLoopClock holds that a Loop without a clock has the usual one, and another keeps its own.
func TestLoopClock(t *testing.T) {
	b := newBench(t)
	b.build()
	if by := time.Until(b.loop.now()).Abs(); by > time.Minute {
		t.Errorf("%v off", by)
	}
	d := Deps{Config: b.config, Snapshots: b.snapshots, Rules: b.rules, Records: b.records, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return saved }}
	if now := NewLoop(d).now(); !now.Equal(saved) {
		t.Errorf("its own clock says %v", now)
	}
}

// TestLoopColours holds which identities get colours.
func TestLoopColours(t *testing.T) {
	for _, want := range []mapping.Colours{{}, {Attach: true}, {Tagged: true}} {
		b := newBench(t)
		b.config.Colours = config.Colours{Attach: want.Attach, Of: config.ColoursOfUntagged}
		if want.Tagged {
			b.config.Colours.Of = config.ColoursOfAll
		}
		b.build()
		if diff := cmp.Diff(want, b.loop.mapper.use); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", b.config.Colours, diff)
		}
	}
}

// TestAltNamesDamaged holds that it is told, and logged, that the names of an earlier run are
// not known.
func TestAltNamesDamaged(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.config.AltNames, b.altNames = true, &fakeKernel{}
		var log bytes.Buffer
		b.log = slog.New(slog.NewTextHandler(&log, nil))
		b.write("altnames.json", "{")
		b.start()
		b.see()
		if got := b.conditions(); !slices.Equal(got, []mapping.ConditionType{mapping.StateDamaged}) {
			b.t.Errorf("conditions %v", got)
		}
		if said := log.String(); strings.Count(said, `level=ERROR msg="state of an earlier run cannot be used"`) != 1 {
			b.t.Errorf("log:\n%s", said)
		}
	})
}

// TestNoDamage holds that nothing is said of what can be read.
func TestNoDamage(t *testing.T) {
	d := &damage{} // which logs nothing
	if d.note(nil); d.Conditions() != nil {
		t.Errorf("conditions %v", d.Conditions())
	}
	d.log = slog.New(slog.DiscardHandler)
	d.note(errors.New("one"))
	d.note(os.ErrInvalid)
	want := []mapping.Condition{{Type: mapping.StateDamaged, Message: "one"}, {Type: mapping.StateDamaged, Message: os.ErrInvalid.Error()}}
	if diff := cmp.Diff(want, d.Conditions()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
