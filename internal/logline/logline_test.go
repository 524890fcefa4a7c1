// SPDX-License-Identifier: Apache-2.0

package logline_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/logline"
)

func TestHandler(t *testing.T) {
	var out strings.Builder
	log := slog.New(logline.Handler{Handler: slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})})
	log.Info("plain", "a", 1, "error", errors.New("one line"))
	log.With("file", "r.yaml").Error("rules", "error", fmt.Errorf("not valid:\n%w", errors.Join(errors.New("r.yaml:1: a"), errors.New("r.yaml:2: b"))), "n", 2)
	log.WithGroup("g").Warn("text", "said", "a\n\nb\n", "also", "c\nd")
	log.Debug("not logged", "said", "a\nb")
	many := make([]string, 25)
	for i := range many {
		many[i] = fmt.Sprint("line ", i)
	}
	log.Info("many", "said", strings.Join(many, "\n"))
	var want strings.Builder
	want.WriteString(`level=INFO msg=plain a=1 error="one line"
level=ERROR msg=rules file=r.yaml error="not valid:" n=2
level=ERROR msg=rules file=r.yaml error="r.yaml:1: a" n=2
level=ERROR msg=rules file=r.yaml error="r.yaml:2: b" n=2
level=WARN msg=text g.said=a g.also=c
level=WARN msg=text g.said=a g.also=d
level=WARN msg=text g.said=b g.also=c
level=WARN msg=text g.said=b g.also=d
`)
	for i := range 20 {
		fmt.Fprintf(&want, "level=INFO msg=many said=\"line %d\"\n", i)
	}
	want.WriteString("level=INFO msg=many said=\"and 5 more\"\n")
	if diff := cmp.Diff(want.String(), out.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestNew(t *testing.T) {
	for inJSON, want := range map[bool]string{true: `"error":"a\nb"}`, false: "msg=m error=b"} {
		var out strings.Builder
		log := logline.New(&out, slog.LevelWarn, inJSON)
		log.Info("m", "error", "x")
		log.Warn("m", "error", errors.Join(errors.New("a"), errors.New("b")))
		if got := strings.TrimSpace(out.String()); !strings.HasSuffix(got, want) || strings.Contains(got, "x") {
			t.Errorf("in JSON %t: %s, want %s", inJSON, got, want)
		}
	}
}

func TestFail(t *testing.T) {
	var out strings.Builder
	logline.Fail(&out, "colvind", errors.Join(errors.New("a"), errors.New("b")))
	logline.Fail(&out, "colvind", errors.New("c\x1b[31m\td"))
	if want := "colvind: a\ncolvind: b\ncolvind: c\uFFFD[31m d\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
