// SPDX-License-Identifier: Apache-2.0

package buildcache

import (
	"fmt"
	"io"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	var told []string
	tell := func(how string) { told = append(told, how) }
	err := Run(exec.CommandContext(t.Context(), "sh", "-c", "echo a.go: undefined >&2; exit 2"), "module", tell)
	if err == nil || err.Error() != "exit status 2: a.go: undefined" || told != nil {
		t.Errorf("got %v and told %q, want the status and what was said", err, told)
	}
	err = Run(exec.CommandContext(t.Context(), "true"), "module", tell)
	if diff := cmp.Diff([]string{"module: built in 0 s"}, told); err != nil || diff != "" {
		t.Errorf("%v, told (-want +got):\n%s", err, diff)
	}
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		go func() {
			time.Sleep(15 * time.Second) // downloads
			for i := range 8 {
				fmt.Fprintf(w, "p%d\n", i+1)
				time.Sleep(2 * time.Second)
			}
			_ = w.Close()
		}()
		var told []string
		if n := len(follow(r, "module", func(how string) { told = append(told, how) })); n != 8 {
			t.Errorf("%d lines, want 8", n)
		}
		want := []string{"module, after 10 s: 0 packages fetched or built, nothing yet", "module, after 20 s: 3 packages fetched or built, p3", "module, after 30 s: 8 packages fetched or built, p8"}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}
