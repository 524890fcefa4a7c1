// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notRunHere is where docs/troubleshooting.md has words that nothing of this repository says.
const notRunHere = "\n## Multus and Cilium\n"

// reasons are what Kubernetes and Multus call their Events.
var reasons = []string{"AddedInterface", "ErrImagePull", "FailedKillPod", "FailedMount", "NoNetworkFound"}

// program is what a command begins with.
var program = regexp.MustCompile("^`(?:kubectl|colvin) ")

// firstCell is that of a table's row.
var firstCell = regexp.MustCompile(`(?m)^\| (.*?) \|`)

// TestTroubleshooting holds that what users look for in docs/troubleshooting.md is what they
// are told: each quoted message is in the source, or a test has heard it from others.
func TestTroubleshooting(t *testing.T) {
	var said strings.Builder
	walk(t, func(file string) {
		if !strings.HasSuffix(file, "troubleshooting_test.go") {
			said.WriteString(strings.ReplaceAll(read(t, file), `\"`, `"`))
		}
	}, ".go", ".yaml")
	all := said.String()
	page, others, _ := strings.Cut(read(t, "docs/troubleshooting.md"), notRunHere)
	if others == "" {
		t.Fatal("docs/troubleshooting.md does not say what was not run here")
	}
	quotes := 0
	for _, cell := range firstCell.FindAllStringSubmatch(page, -1) {
		for _, quote := range span.FindAllString(cell[1], -1) {
			if program.MatchString(quote) || slices.Contains(reasons, strings.Trim(quote, "`")) {
				continue
			}
			quotes++
			for part := range strings.SplitSeq(strings.Trim(quote, "`"), "...") {
				if part = strings.Trim(part, ` "`); !strings.Contains(all, part) {
					t.Errorf("docs/troubleshooting.md: %s: nobody says %q", quote, part)
				}
			}
		}
	}
	if quotes == 0 {
		t.Error("docs/troubleshooting.md quotes nothing")
	}
}
