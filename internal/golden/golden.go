// SPDX-License-Identifier: Apache-2.0

// Package golden compares what a test made with a file in its testdata, and with
// -update writes the file. It judges nothing else.
package golden

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// Updating reports whether files are to be written rather than compared.
func Updating() bool { return *update }

// Compare compares got with the content of the file.
func Compare(tb testing.TB, file, got string) {
	tb.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		tb.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// CompareJSON compares JSON with the content of the file, in which it is indented.
func CompareJSON(tb testing.TB, file string, got []byte) {
	tb.Helper()
	var indented bytes.Buffer
	if err := json.Indent(&indented, got, "", "\t"); err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
	Compare(tb, file, indented.String())
}
