// SPDX-License-Identifier: Apache-2.0

package leaktest

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { os.Exit(Run(m)) }

type runner func() int

func (r runner) Run() int { return r() }

func TestRun(t *testing.T) {
	// The test itself runs on goroutines of package testing.
	own := goleak.IgnoreCurrent()
	var f *os.File
	stop := make(chan struct{})
	for _, tt := range []struct {
		name string
		run  runner
		want int
	}{
		{"clean", func() int { return 0 }, 0},
		{"failing tests", func() int { return 3 }, 3},
		{"descriptor leaked", func() int { f, _ = os.Open(os.DevNull); return 0 }, 1},
		{"goroutine leaked", func() int { go func() { <-stop }(); return 0 }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Run(tt.run, own, goleak.IgnoreCurrent()); got != tt.want {
				t.Errorf("got exit code %d, want %d", got, tt.want)
			}
		})
	}
	close(stop)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
