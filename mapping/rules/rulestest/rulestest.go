// SPDX-License-Identifier: Apache-2.0

// Package rulestest finds the valid rules files of this repository, for tests that
// hold that rules mean the same wherever they are kept. What they mean is not for it
// to know.
package rulestest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Documents are the rules files by which package rules is tested: those of its test
// data that are valid, and the blocks of the reference. Root is the way to the top of
// the repository.
func Documents(tb testing.TB, root string) map[string]string {
	tb.Helper()
	out := map[string]string{}
	for _, file := range []string{"everything.yaml", "warnings.yaml"} {
		out[file] = read(tb, root, "mapping/rules/testdata/"+file)
	}
	for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(read(tb, root, "docs/rules.md"), -1) {
		first, _, _ := strings.Cut(strings.TrimSpace(block[1]), "\n- ")
		out["rules.md "+strings.ReplaceAll(first, "\n", " ")] = block[1]
	}
	if len(out) < 8 {
		tb.Fatalf("%d documents, want 8 at least", len(out))
	}
	return out
}

func read(tb testing.TB, root, file string) string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}
