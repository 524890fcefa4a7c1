// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
)

// TestArguments holds that what is wrong with a call is one line, which shows the usage.
func TestArguments(t *testing.T) {
	for call, want := range map[string]string{
		"explain":                  "INTERFACE|NETWORK is missing; usage: colvin explain INTERFACE|NETWORK [flags]",
		"explain eth1 eth2":        `unexpected argument "eth2"; usage: colvin explain INTERFACE|NETWORK [flags]`,
		"resolve":                  "NAME is missing; usage: colvin resolve NAME [flags]",
		"neighbors a b":            `unexpected argument "b"; usage: colvin neighbors [INTERFACE] [flags]`,
		"rules check":              "FILE is missing; usage: colvin rules check FILE [flags]",
		"rules replace":            "OLD and NEW are missing; usage: colvin rules replace OLD NEW [FILE] [flags]",
		"networks green":           `unexpected argument "green"; usage: colvin networks [flags]`,
		"version now":              `unexpected argument "now"; usage: colvin version [flags]`,
		"networs":                  `there is no command "colvin networs"; did you mean "networks"? "colvin --help" lists them`,
		"frobnicate":               `there is no command "colvin frobnicate"; "colvin --help" lists them`,
		"rules chek":               `there is no command "colvin rules chek"; did you mean "check"? "colvin rules --help" lists them`,
		"networks --al":            `unknown flag: --al; usage: colvin networks [flags]; "colvin networks --help" lists the flags`,
		"--al":                     `unknown flag: --al; usage: colvin [flags]; "colvin --help" lists the flags`,
		"networks -o":              `flag needs an argument: 'o' in -o; usage: colvin networks [flags]; "colvin networks --help" lists the flags`,
		"explain \x1b[31m eth\x07": `unexpected argument "eth\a"; usage: colvin explain INTERFACE|NETWORK [flags]`,
	} {
		if got := run(t, t.TempDir(), strings.Fields(call)...); got != "error: "+want+"\n" {
			t.Errorf("%s:\ngot  %swant error: %s", call, got, want)
		}
	}
	for _, call := range []string{"", "rules"} {
		if got := run(t, t.TempDir(), strings.Fields(call)...); !strings.Contains(got, "Available Commands:") {
			t.Errorf("colvin %s: %s", call, got)
		}
	}
}
