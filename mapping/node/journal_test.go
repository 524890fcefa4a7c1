// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		j := newJournal(slog.New(slog.NewTextHandler(&out, nil)))
		taken := 0
		for range 10 * journalBurst {
			if j.takes() {
				taken++
			}
		}
		if taken != journalBurst || out.Len() != 0 {
			t.Errorf("%d changes at once, want %d; logged %q", taken, journalBurst, out.String())
		}
		time.Sleep(2 * journalEvery)
		if got := j.takes(); !got || !strings.Contains(out.String(), "omitted=900") {
			t.Errorf("afterwards %t; logged %s", got, out.String())
		}
	})
}
