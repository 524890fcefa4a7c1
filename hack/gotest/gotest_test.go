// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// took is what differs each time.
var took = regexp.MustCompile(`\d+\.\d+s|\(cached\)`)

// module writes the module of testdata into a directory of its own.
func module(t *testing.T) (dir string) {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/module.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, f := range archive.Files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRun(t *testing.T) {
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "off")
	dir := module(t)
	for _, tt := range []struct {
		name, want string
		args       []string
		code       int
	}{
		{
			name: "passes", args: []string{"./none", "./passes"},
			want: "?   \texample.org/m/none\t[no test files]\nok  \texample.org/m/passes\tTIME\ntests: none skipped\n",
		},
		{
			name: "nothing to run", args: []string{"-run", "Nothing", "./passes"},
			want: "ok  \texample.org/m/passes\tTIME [no tests to run]\ntests: none skipped\n",
		},
		{
			name: "skips", args: []string{"./skips"},
			want: "ok  \texample.org/m/skips\tTIME\n" +
				"tests: 5 skipped, for want of bonding, dummy: 3 (make test-vm); /proc: 1; lldpd: 1 (apt-get install lldpd)\n",
		},
		{
			name: "fails", args: []string{"-p", "1", "./fails", "./passes"}, code: 1,
			want: "--- FAIL: TestFails (TIME)\nprinted\n    fails_test.go:10: logged\n--- FAIL: TestFails/part (TIME)\n" +
				"    fails_test.go:12: wrong\n    fails_test.go:13: two\n        lines\nFAIL\nFAIL\texample.org/m/fails\tTIME\n" +
				"ok  \texample.org/m/passes\tTIME\nFAIL\ntests: none skipped\n",
		},
		{
			name: "refused by the compiler", args: []string{"./broken"}, code: 1,
			want: "# example.org/m/broken [example.org/m/broken.test]\nbroken/broken_test.go:5:33: undefined: x\n" +
				"FAIL\texample.org/m/broken [build failed]\nFAIL\ntests: none skipped\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			code, err := run(dir, tt.args, &out, io.Discard)
			if diff := cmp.Diff(tt.want, took.ReplaceAllString(out.String(), "TIME")); diff != "" || code != tt.code || err != nil {
				t.Errorf("exit code %d, %v, shown (-want +got):\n%s", code, err, diff)
			}
		})
	}
}

// TestRunEndsEarly has a test panic, and go test not know its arguments.
func TestRunEndsEarly(t *testing.T) {
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "off")
	dir := module(t)
	var out, said strings.Builder
	code, err := run(dir, []string{"./panics"}, &out, &said)
	for _, want := range []string{"--- FAIL: TestPanics (", "panic: oh", "goroutine ", "FAIL\texample.org/m/panics\t", "\nFAIL\ntests: none skipped\n"} {
		if !strings.Contains(out.String(), want) || code != 1 || err != nil {
			t.Errorf("exit code %d, %v, no %q in\n%s", code, err, want, out.String())
		}
	}
	code, err = run(dir, []string{"-timeout", "never"}, io.Discard, &said)
	if code == 0 || err != nil || !strings.Contains(said.String(), "never") {
		t.Errorf("exit code %d, %v, said %q", code, err, said.String())
	}
}

// TestReport has what go test does not come to the end of shown, and what is no event.
func TestReport(t *testing.T) {
	var out strings.Builder
	r := newReport(&out)
	events := `exit status 3
{"no":"event"}
{"Action":"run","Package":"p","Test":"TestHangs"}
{"Action":"output","Package":"p","Test":"TestHangs","Output":"=== RUN   TestHangs\n"}
{"Action":"output","Package":"p","Test":"TestHangs","Output":"waits\n"}
{"Action":"output","Package":"p","Test":"TestEnds","Output":"is quiet\n"}
{"Action":"pass","Package":"p","Test":"TestEnds"}`
	if err := errors.Join(r.read(strings.NewReader(events)), r.end(true)); err != nil {
		t.Error(err)
	}
	want := "exit status 3\n{\"no\":\"event\"}\nwaits\nFAIL\ntests: none skipped\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	broken := errors.New("broken")
	if err := r.read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestSummary(t *testing.T) {
	for want, reasons := range map[string][]string{
		"none skipped": nil,
		"1 skipped, for want of a reason that it does not tell: 1":                                       {reason([]string{"printed\n"})},
		"1 skipped, for want of minutes: 1 (make test-attacks)":                                          {"needs minutes: COLVIN_ATTACKS=1 asks for it; make test-attacks runs it"},
		"2 skipped, for want of COLVIN_ROUNDS is not set: 1 (make bench-e2e); e2e: 1 (make e2e)":         {"e2e is missing: make e2e runs the tests that need it", "COLVIN_ROUNDS is not set; make bench-e2e runs it"},
		"1 skipped, for want of kubernetes: 1 (make test-cluster)":                                       {"kubernetes is missing: make kubernetes builds it; make test-cluster runs the tests that need it"},
		"3 skipped, for want of the right to do it: 2; netns: 1 (run as root, or allow user namespaces)": {"needs the right to do it: denied", "netns is missing: no (run as root, or allow user namespaces)", "needs the right to do it: none"},
	} {
		if got := summary(reasons); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
