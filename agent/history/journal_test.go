// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
)

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
		got, err := j.Since(time.Time{})
		if err != nil || len(got.Changes) != journalBurst+2 {
			t.Fatalf("%d changes recorded, want %d (%v)", len(got.Changes), journalBurst+2, err)
		}
		if last := got.Changes[journalBurst:]; last[0].What != agentapi.ChangeOmitted || last[1].To != "green" {
			t.Errorf("recorded last: %+v", last)
		}
	})
}
