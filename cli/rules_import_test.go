// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"strings"
	"testing"
)

// TestRulesImport asks an agent what it hears, or says that nobody could be asked.
func TestRulesImport(t *testing.T) {
	here := t.TempDir()
	serveGround(t, here)
	for name, tt := range map[string]struct {
		dir  string
		args []string
	}{
		"here":    {here, []string{"map.csv"}},
		"json":    {here, []string{"map.csv", "-o", "json"}},
		"ruleset": {here, []string{"map.csv", "--ruleset", "site-imported", "--name", "lab=test"}},
		"taken":   {here, []string{"map.csv", "--ruleset", "site"}},
		"alone":   {t.TempDir(), []string{"map.csv"}},
		"help":    {here, []string{"--help"}},
		"missing": {here, []string{"missing.csv"}},
		"name":    {here, []string{"map.csv", "--name", "lab=Test"}},
		"object":  {here, []string{"map.csv", "--ruleset", "My_Site"}},
	} {
		t.Chdir("testdata/import")
		got := run(t, tt.dir, append([]string{"rules", "import"}, tt.args...)...)
		t.Chdir("../..")
		expect(t, "import/"+name, strings.ReplaceAll(got, tt.dir, "RUN"))
	}
}

// TestRulesImportInPipe reads the standard input, and checks what was made of it.
func TestRulesImportInPipe(t *testing.T) {
	dir := t.TempDir()
	serveGround(t, dir)
	table, err := os.ReadFile("testdata/import/map.csv")
	if err != nil {
		t.Fatal(err)
	}
	var made, checked strings.Builder
	cmd := New("v0.1.0", &made)
	cmd.SetIn(strings.NewReader(string(table)))
	cmd.SetArgs([]string{"--run-directory", dir, "rules", "import", "-"})
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "not everything is in the rules: ") {
		t.Errorf("error %v, want one that says what is not in the rules", err)
	}
	cmd = New("v0.1.0", &checked)
	cmd.SetIn(strings.NewReader(made.String()))
	cmd.SetArgs([]string{"--run-directory", dir, "rules", "check", "-"})
	if err := cmd.ExecuteContext(t.Context()); err != nil || !strings.HasPrefix(checked.String(), "standard input: the rules are valid\n") {
		t.Errorf("%s\nerror %v, output %s", made.String(), err, checked.String())
	}
}
