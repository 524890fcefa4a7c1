// SPDX-License-Identifier: Apache-2.0

package fit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/fit"
)

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"", 4, ""},
		{"leaf", 4, "leaf"},
		{"leaf-1.example.net", 10, "leaf-1…net"},
		{"überlänge", 4, "üb…e"},
		{"abc", 1, "…"},
	} {
		if got := fit.Cut(tt.in, tt.n); got != tt.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"", []string{""}},
		{"no carrier", []string{"no carrier"}},
		{"no cable, or  the other end", []string{"no cable,", "or the", "other end"}},
		{"administratively down", []string{"administratively", "down"}},
	} {
		if diff := cmp.Diff(tt.want, fit.Wrap(tt.in, 10)); diff != "" {
			t.Errorf("Wrap(%q) (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestList(t *testing.T) {
	for _, tt := range []struct {
		items []string
		want  string
	}{
		{nil, ""},
		{[]string{"one"}, "one"},
		{[]string{"one", "two"}, "one, two"},
		{[]string{"one", "two", "three", "four"}, "one, two and 2 more"},
		{[]string{"longer than that", "two"}, "longer than that and 1 more"},
	} {
		if got := fit.List(tt.items, 10); got != tt.want {
			t.Errorf("List(%q) = %q, want %q", tt.items, got, tt.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got, want := fit.Printable("wéb-0\x1b[31m\n\xff"), "wéb-0�[31m��"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "one": "one", "one\n": "one", "one\ntwo": "one; two", "these:\n  one\n\n  two": "these: one; two",
	} {
		if got := fit.Line(in); got != want {
			t.Errorf("%q in a line is %q, want %q", in, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	among := []string{"green", "blue", "storage", "eth1", "ens8f0", "übung"}
	for word, want := range map[string]string{
		"gren": "green", "Green": "green", "grene": "green", "grenn": "green", "egren": "green", "greening-up": "",
		"sotrage": "storage", "storages": "storage", "stare": "", "eth9": "eth1", "eth": "eth1", "ubung": "übung",
		"ens8f1": "ens8f0", "": "", "x": "", "blue": "blue",
	} {
		if got := fit.Nearest(word, among); got != want {
			t.Errorf("near %q is %q, want %q", word, got, want)
		}
	}
	if got := fit.Nearest("green", nil); got != "" {
		t.Errorf("near green in nothing is %q", got)
	}
}

func TestVisible(t *testing.T) {
	for _, r := range " aé日\u0301\U0001f600\ufffd-" {
		if !fit.Visible(r) {
			t.Errorf("%U cannot be seen", r)
		}
	}
	for _, r := range "\x00\n\t\x1b\x7f\u0085\u00a0\u00ad\u034f\u115f\u1160\u17b4\u180b\u200b\u202e\u2066\u2800\u3164\ufe0f\ufeff\uffa0\U000e0001\U000e0100" {
		if fit.Visible(r) || fit.Printable(string(r)) == string(r) {
			t.Errorf("%U can be seen", r)
		}
	}
}
