// SPDX-License-Identifier: Apache-2.0

// Package privatedir makes the directories of tests in which only root or the caller can
// put something, as the CNI plugin wants it of its records: nothing above them is like
// /tmp, where testing.TB.TempDir makes them.
package privatedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/internal/buildcache"
	"github.com/colvin-net/colvin/internal/safefile"
)

// New makes an empty directory that goes with the test. Its path is without symbolic links.
func New(tb testing.TB) string {
	tb.Helper()
	dir, err := makeIn(places())
	if err != nil {
		tb.Fatalf("make a directory that nobody else can write above: %v; set XDG_CACHE_HOME to one", err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}

// places are where there may be such a directory, best first: programs run in the cache,
// and not everywhere in /run.
func places() []string {
	rest := []string{"/var/cache/colvin-tests", fmt.Sprintf("/run/user/%d/colvin-tests", os.Geteuid()), "/run/colvin-tests"}
	cache, err := buildcache.Path("tests")
	if err != nil { // nobody's home
		return rest
	}
	return append([]string{cache}, rest...)
}

func makeIn(places []string) (string, error) {
	var why []string
	for _, place := range places {
		dir, err := makeAt(place)
		if err == nil {
			return dir, nil
		}
		why = append(why, err.Error())
	}
	return "", errors.New(strings.Join(why, "; "))
}

func makeAt(place string) (string, error) {
	place, err := safefile.MakePrivate(place, 0o700, safefile.Trust{})
	if err != nil {
		return "", err
	}
	sweep(place)
	return os.MkdirTemp(place, "test-")
}

// stale is when a directory is no longer of a test that runs.
const stale = 48 * time.Hour

// sweep removes what killed tests left.
func sweep(place string) {
	entries, err := os.ReadDir(place)
	if err != nil {
		return
	}
	for _, e := range entries {
		if st, err := e.Info(); err == nil && time.Since(st.ModTime()) > stale {
			_ = os.RemoveAll(filepath.Join(place, e.Name()))
		}
	}
}
