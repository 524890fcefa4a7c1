// SPDX-License-Identifier: Apache-2.0

package fit_test

import (
	"testing"
	"time"

	"github.com/colvin-net/colvin/internal/fit"
)

func TestDurations(t *testing.T) {
	for _, tt := range []struct {
		d         time.Duration
		span, age string
	}{
		{-time.Hour, "0s", "0s"},
		{0, "0s", "0s"},
		{1600 * time.Millisecond, "2s", "1s"},
		{90 * time.Second, "1m30s", "90s"},
		{2*time.Minute - time.Nanosecond, "2m0s", "119s"},
		{2 * time.Minute, "2 min", "2m"},
		{5*time.Minute + 59*time.Second, "5 min", "5m"},
		{2*time.Hour - time.Nanosecond, "119 min", "119m"},
		{2 * time.Hour, "2 h", "2h"},
		{48*time.Hour - time.Nanosecond, "47 h", "47h"},
		{48 * time.Hour, "2 days", "2d"},
		{8759 * time.Hour, "364 days", "364d"},
	} {
		if span, age := fit.Span(tt.d), fit.Age(tt.d); span != tt.span || age != tt.age {
			t.Errorf("%v: Span %q and Age %q, want %q and %q", tt.d, span, age, tt.span, tt.age)
		}
	}
}

func TestStamp(t *testing.T) {
	at := time.Date(2026, 1, 2, 10, 0, 5, 999, time.Local)
	for _, in := range []time.Time{at, at.UTC()} {
		if got, want := fit.Stamp(in), "2026-01-02 10:00:05"; got != want {
			t.Errorf("Stamp(%v) = %q, want %q", in, got, want)
		}
	}
}
