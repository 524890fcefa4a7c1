// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/internal/yamlfile"
)

// Every mistake and warning of the files in testdata, with its position.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("list testdata: %v, %d files", err, len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := diagnose(filepath.Base(file), data)
			golden.Compare(t, strings.TrimSuffix(file, ".yaml")+".golden", got)
		})
	}
}

func diagnose(file string, data []byte) string {
	_, warnings, err := Parse(file, data)
	mistakes, _ := errors.AsType[yamlfile.Mistakes](err)
	var b strings.Builder
	for _, m := range mistakes {
		b.WriteString("mistake " + m.String() + "\n")
	}
	for _, m := range warnings {
		b.WriteString("warning " + m.String() + "\n")
	}
	return b.String()
}
