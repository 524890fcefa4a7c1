// SPDX-License-Identifier: Apache-2.0

package yamlfile

import (
	"slices"
	"strings"
	"testing"
)

func TestRewriteTexts(t *testing.T) {
	for name, tt := range map[string]struct {
		data, now, want string
		lines           []int
	}{
		"plain":             {"a: old # old\nb: old\n", "mac:1-2", "a: mac:1-2 # old\nb: old\n", []int{1}},
		"in a flow":         {"x: [{b: \"é\", a:   \"old\"  }, {a: 'old'}]", `n"\`, "x: [{b: \"é\", a:   \"n\\\"\\\\\"  }, {a: 'n\"\\'}]", []int{1, 1}},
		"needs quotes":      {"a: old\r\nx:\r\n  - a: old\r\n", "it's: *", "a: 'it''s: *'\r\nx:\r\n  - a: 'it''s: *'\r\n", []int{1, 3}},
		"byte order mark":   {"\ufeffa: old\rx: {a: old}\r", "n-w", "\ufeffa: n-w\rx: {a: n-w}\r", []int{1, 2}},
		"escaped":           {`a: "\x6fld"` + "\n" + `x: {a: "o\u006cd"}`, "n-w", `a: "n-w"` + "\n" + `x: {a: "n-w"}`, []int{1, 2}},
		"nothing":           {"# old\nb: old\n", "new", "# old\nb: old\n", nil},
		"a number after it": {"a: old\nb: 7\n", "7", "a: '7'\nb: 7\n", []int{1}},
	} {
		got, err := RewriteTexts("f.yaml", []byte(tt.data), func(key, text string, _ int) string {
			if key == "a" && text == "old" {
				return tt.now
			}
			return text
		})
		if err != nil || string(got.Data) != tt.want || !slices.Equal(got.Lines, tt.lines) {
			t.Errorf("%s: %q, lines %v, %v; want %q, %v", name, got.Data, got.Lines, err, tt.want, tt.lines)
		}
	}
	_, err := RewriteTexts("f.yaml", []byte("b: 1\nx: {a: \"ol\n   d\"}\ny:\n  a: |-\n    old\n"), func(_, text string, _ int) string { return strings.ReplaceAll(text, "ol", "new") })
	want := `f.yaml:2:8: "ol d" cannot be replaced as it is written here; write it on one line, or edit it by hand
f.yaml:5:6: "old" cannot be replaced as it is written here; write it on one line, or edit it by hand`
	if err == nil || err.Error() != want {
		t.Errorf("over several lines: %v, want %s", err, want)
	}
}

// Whatever the document, what was not to be written anew stays as it is.
func FuzzRewriteTexts(f *testing.F) {
	f.Add([]byte("a: old\nx: [{a: \"old\", b: 'old'}]\n"), "new")
	f.Add([]byte("\ufeffa: |\r\n  old\r\nb: >-\n  old\n"), "'\"")
	f.Fuzz(func(t *testing.T, data []byte, now string) {
		if strings.IndexFunc(now, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			return
		}
		texts := func(data []byte) (out []string) {
			Parse("f.yaml", data).root.texts("", func(key string, n *node) { out = append(out, key+"="+n.text) })
			return out
		}
		got, err := RewriteTexts("f.yaml", data, func(key, text string, _ int) string {
			if key == "a" {
				return now
			}
			return text
		})
		if err != nil {
			return
		}
		want := texts(data)
		for i := range want {
			if strings.HasPrefix(want[i], "a=") {
				want[i] = "a=" + now
			}
		}
		if !slices.Equal(texts(got.Data), want) {
			t.Errorf("%q became %q", data, got.Data)
		}
	})
}
