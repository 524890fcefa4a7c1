// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
)

// TestLog holds that a line has what there is to say, and nothing else.
func TestLog(t *testing.T) {
	for _, tt := range []struct {
		noted noted
		want  string
	}{
		{noted{agentapi.Change{What: agentapi.ChangeAgent, To: "started"}, false}, "level=INFO msg=change what=agent to=started\n"},
		{
			noted{agentapi.Change{What: agentapi.ChangePod, Network: "green", Interface: "eth1", VID: 1, Pod: "web-0", From: "a", To: "b", Reason: "c"}, true},
			"level=WARN msg=change what=pod network=green interface=eth1 pod=web-0 from=a to=b reason=c vid=1\n",
		},
	} {
		var out bytes.Buffer
		tt.noted.log(slog.New(slog.NewTextHandler(&out, nil)))
		if _, got, _ := strings.Cut(out.String(), " "); got != tt.want {
			t.Errorf("got  %swant %s", got, tt.want)
		}
	}
}

// TestUrgentChanges holds that a flood on a port leaves room for what containers and
// operators are told, and that these have a bound of their own.
func TestUrgentChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := NewJournal(slog.New(slog.DiscardHandler), t.TempDir())
		var flood []noted
		for range 3 * journalBurst {
			for _, what := range []agentapi.ChangeKind{agentapi.ChangeNetwork, agentapi.ChangePod, agentapi.ChangeCondition} {
				flood = append(flood, noted{agentapi.Change{Time: time.Now(), What: what}, false})
			}
		}
		j.note(flood)
		got, err := j.Since(time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		count := map[agentapi.ChangeKind]int{}
		for _, c := range got.Changes {
			count[c.What]++
		}
		want := map[agentapi.ChangeKind]int{agentapi.ChangeNetwork: journalBurst, agentapi.ChangePod: journalBurst / 2, agentapi.ChangeCondition: journalBurst / 2}
		delete(count, agentapi.ChangeOmitted)
		if diff := cmp.Diff(want, count); diff != "" {
			t.Errorf("recorded (-want +got):\n%s", diff)
		}
	})
}

func TestJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		j := NewJournal(slog.New(slog.NewTextHandler(&out, nil)), t.TempDir())
		var flood []noted
		for i := range 10 * journalBurst {
			flood = append(flood, noted{agentapi.Change{Time: time.Now(), What: agentapi.ChangeNeighbor, To: fmt.Sprint("switch", i)}, false})
		}
		j.note(flood)
		if got := strings.Count(out.String(), "msg=change"); got != journalBurst {
			t.Errorf("%d changes logged at once, want %d", got, journalBurst)
		}
		time.Sleep(2 * journalEvery)
		j.note([]noted{{agentapi.Change{Time: time.Now(), What: agentapi.ChangeName, To: "green"}, false}})
		if want := "level=WARN msg=change what=omitted reason=\"900 changes came too fast to record them all\""; !strings.Contains(out.String(), want) {
			t.Errorf("afterwards logged %s, want %s", out.String(), want)
		}
		j.note([]noted{{agentapi.Change{Time: time.Now(), What: agentapi.ChangeName, To: "blue"}, false}})
		got, err := j.Since(time.Time{})
		if err != nil || len(got.Changes) != journalBurst+3 {
			t.Fatalf("%d changes recorded, want %d (%v)", len(got.Changes), journalBurst+3, err)
		}
		if last := got.Changes[journalBurst:]; last[2].To != "blue" || last[0].What != agentapi.ChangeOmitted || last[1].To != "green" {
			t.Errorf("recorded last: %+v", last)
		}
	})
}

// TestJournalCannotKeep holds that it is told, and kept when that is possible.
func TestJournalCannotKeep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	j := NewJournal(slog.New(slog.DiscardHandler), dir)
	j.Note(nil, &agentapi.State{Version: "v1"}, nil)
	if j.Problem() == nil {
		t.Error("nobody is told")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	j.KeepUnsaved()
	got, err := j.Since(time.Time{})
	if err != nil || j.Problem() != nil || len(got.Changes) != 1 || got.Changes[0].What != agentapi.ChangeAgent {
		t.Errorf("kept %+v, %v; problem %v", got, err, j.Problem())
	}
}
