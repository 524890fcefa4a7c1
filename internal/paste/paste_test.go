// SPDX-License-Identifier: Apache-2.0

package paste_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/internal/paste/pastetest"
	"github.com/colvin-net/colvin/internal/yamlfile"
)

func TestCommand(t *testing.T) {
	for _, tt := range []struct {
		words []string
		want  string
	}{
		{[]string{"ip", "link", "set", "dev", "eth0.100", "up"}, "ip link set dev eth0.100 up"},
		{[]string{"x", "", "=a", "~", "it's", `\`}, `x '' '=a' '~' 'it'\''s' '\'`},
		{[]string{"x", "é ö", "a\x1b[0m", "a\xff1", "\u202e!"}, `x 'é ö' $'a\033\133\060m' $'a\3771' $'\342\200\256\041'`},
	} {
		want := strings.ReplaceAll(tt.want, `\060`, "0")
		if got := paste.Command(tt.words...); got != want {
			t.Errorf("%q: %s, want %s", tt.words, got, want)
		}
	}
	if got := paste.Operand("-x", "colvin", "explain"); got != "colvin explain -- -x" {
		t.Error(got)
	}
}

// TestCommandPasted holds that a shell reads the words that were written.
func TestCommandPasted(t *testing.T) {
	for _, text := range pastetest.Texts {
		if strings.ContainsRune(text, 0) {
			continue // which no argument can hold
		}
		want := []string{"set", text, "-x", text}
		if got := pastetest.Shell(t, paste.Command(append([]string{"tool"}, want...)...)); !slices.Equal(got, append([]string{"tool"}, want...)) {
			t.Errorf("%q: pasted as %q", text, got)
		}
	}
}

func TestYAMLPasted(t *testing.T) {
	for _, text := range pastetest.Texts {
		if !utf8.ValidString(text) {
			if paste.Whole(text) {
				t.Errorf("%q is whole", text)
			}
			continue
		}
		checkYAML(t, text)
	}
}

func checkYAML(t *testing.T, text string) {
	t.Helper()
	line := paste.YAML(text)
	doc := yamlfile.Parse("f.yaml", []byte("x: [{a: "+line+", b: 1}]"))
	list := doc.Mapping().Get("x").List()
	if len(list) != 1 || !paste.Printable(line) {
		t.Fatalf("%q: %s: %v", text, line, doc.Err())
	}
	m := list[0].Mapping()
	if got := m.Get("a").Text("nothing"); got != text || m.Get("b").Raw() != "1" {
		t.Errorf("%q: %s reads %q: %v", text, line, got, doc.Err())
	}
}

func FuzzYAML(f *testing.F) {
	for _, text := range pastetest.Texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if utf8.ValidString(text) {
			checkYAML(t, text)
		}
	})
}
