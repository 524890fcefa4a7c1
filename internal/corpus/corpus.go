// SPDX-License-Identifier: Apache-2.0

// Package corpus opens the folder of the frame corpus for tests. The corpus is no
// part of the project, and what its comments mean is for each test to read.
package corpus

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
)

// Open returns the folder that COLVIN_FRAMES names, and its files of frames. Without
// one the test is skipped, or fails where COLVIN_REQUIRE asks for frames.
func Open(tb testing.TB) (root fs.FS, files []string) {
	tb.Helper()
	dir := os.Getenv("COLVIN_FRAMES")
	if dir == "" {
		if slices.Contains(strings.Split(os.Getenv("COLVIN_REQUIRE"), ","), "frames") {
			tb.Fatal("COLVIN_REQUIRE asks for frames, but COLVIN_FRAMES names no folder of frames")
		}
		tb.Skip("frames is missing: COLVIN_FRAMES names no folder of them")
	}
	root = os.DirFS(dir)
	files, err := fs.Glob(root, "*.txt")
	if err != nil || len(files) == 0 {
		tb.Fatalf("list frames in %s: %d files, %v", dir, len(files), err)
	}
	return root, files
}
