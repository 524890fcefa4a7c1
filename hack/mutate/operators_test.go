// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// operatorTests are declarations, and what the mutants of each are.
var operatorTests = map[string]struct {
	source string
	want   []string
}{
	"condition": {
		"func f(a bool, s []bool) {\nif a { // why\n}\nfor a {\n}\nswitch {\ncase a, s[len(s)-len(s)]:\n}\n}",
		[]string{
			"f: if a { -> if !(a) {", "f: if a { -> if true {", "f: if a { -> if false {",
			"f: for a { -> for false {",
			"f: case a, s[len(s)-len(s)]: -> case !(a), s[len(s)-len(s)]:",
			"f: case a, s[len(s)-len(s)]: -> case true, s[len(s)-len(s)]:",
			"f: case a, s[len(s)-len(s)]: -> case false, s[len(s)-len(s)]:",
			"f: case a, s[len(s)-len(s)]: -> case a, !(s[len(s)-len(s)]):",
			"f: case a, s[len(s)-len(s)]: -> case a, true:",
			"f: case a, s[len(s)-len(s)]: -> case a, false:",
			"f: case a, s[len(s)-len(s)]: -> case a, s[len(s)+len(s)]:",
		},
	},
	"no condition": {"func f(a int) {\nfor {\n}\nswitch a {\ncase a:\n}\n}", nil},
	"logical": {
		"func f(a, b, c bool) bool {\nreturn a || b && c\n}",
		[]string{
			"f: return a || b && c -> return b && c",
			"f: return a || b && c -> return a",
			"f: return a || b && c -> return (a && (b && c))",
			"f: return a || b && c -> return a || c",
			"f: return a || b && c -> return a || b",
			"f: return a || b && c -> return a || (b || c)",
		},
	},
	"comparison": {
		"func f(a, b int) (bool, bool, bool, bool, bool, bool) {\nreturn a < b, a <= b,\na > b, a >= b,\na == b, a != b\n}",
		[]string{
			"f: return a < b, a <= b, -> return a <= b, a <= b,",
			"f: return a < b, a <= b, -> return a < b, a < b,",
			"f: a > b, a >= b, -> a >= b, a >= b,",
			"f: a > b, a >= b, -> a > b, a > b,",
			"f: a == b, a != b -> a != b, a != b",
			"f: a == b, a != b -> a == b, a == b",
		},
	},
	"comparison that is the condition": {
		"func f(a, b int) {\nif a == b {\n}\n}",
		[]string{"f: if a == b { -> if !(a == b) {", "f: if a == b { -> if true {", "f: if a == b { -> if false {"},
	},
	"sum": {
		"func f(a int, s string) {\na = a + a\na -= a\na++\ns = s + \"+\" + s\ns += \"+\"\nfor ; ; a++ {\n}\n}",
		[]string{"f: a = a + a -> a = a - a", "f: a -= a -> a += a", "f: a++ -> a--"},
	},
	"integer": {
		"const c, d = 0x1f, 0b1\nvar e = [2]int{}\nfunc f() (int, int) {\nreturn 0o17,\n0\n}",
		[]string{
			"c: const c, d = 0x1f, 0b1 -> const c, d = 0x20, 0b1", "c: const c, d = 0x1f, 0b1 -> const c, d = 0x1e, 0b1",
			"c: const c, d = 0x1f, 0b1 -> const c, d = 0x1f, 0b10", "c: const c, d = 0x1f, 0b1 -> const c, d = 0x1f, 0b0",
			"f: return 0o17, -> return 0o20,", "f: return 0o17, -> return 0o16,",
			"f: 0 -> 1", "f: 0 -> -1",
		},
	},
	"statement": {
		"type t struct{ a []int }\nfunc (x *t) f(m chan int) {\nb := x.a\nb = nil\n_ = b\nx.a = b\nx.a[len(b)]++\nx.f(m)\ndefer x.f(\nm)\nselect {\ncase x.a[len(b)] = <-m:\n}\n}",
		[]string{
			"t.f: x.a = b -> (dropped)",
			"t.f: x.a[len(b)]++ -> (dropped)",
			"t.f: x.a[len(b)]++ -> x.a[len(b)]--",
			"t.f: x.f(m) -> (dropped)",
			"t.f: defer x.f( m) -> (dropped)",
		},
	},
	"branch": {
		"func f() {\nl:\nfor {\nfor {\nbreak\ncontinue l\n}\n}\n}",
		[]string{"f: break -> continue", "f: continue l -> break l"},
	},
	"error": {
		"type g[T any] struct{}\nfunc (g[T]) f(err error) (int, error) {\nh := func() (int, int) {\nreturn 'a', 'b'\n}\n_ = h\nif err := func() error { return err }(); err != nil {\nreturn 'a', err\n}\nreturn 'a', nil\n}",
		[]string{
			"g.f: if err := func() error { return err }(); err != nil { -> if err := func() error { return nil }(); err != nil {",
			"g.f: if err := func() error { return err }(); err != nil { -> if err := func() error { return err }(); !(err != nil) {",
			"g.f: if err := func() error { return err }(); err != nil { -> if err := func() error { return err }(); true {",
			"g.f: if err := func() error { return err }(); err != nil { -> if err := func() error { return err }(); false {",
			"g.f: return 'a', err -> return 'a', nil",
		},
	},
	"the same twice": {
		"func f(a int) {\na++\na++\n}",
		[]string{"f: a++ -> a--", "f#2: a++ -> a--"},
	},
}

func TestOperators(t *testing.T) {
	for name, tt := range operatorTests {
		t.Run(name, func(t *testing.T) {
			mutants, err := mutantsOf("x.go", []byte("package x\n\n"+tt.source))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i := range mutants {
				got = append(got, mutants[i].change())
				checkBuilds(t, &mutants[i])
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("mutants (-want +got):\n%s", diff)
			}
		})
	}
}

// checkBuilds holds that a mutant is a program, and another one.
func checkBuilds(t *testing.T, m *mutant) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, m.file, m.apply(), parser.SkipObjectResolution)
	if err == nil {
		_, err = new(types.Config).Check("x", fset, []*ast.File{file}, nil)
	}
	if err != nil {
		t.Errorf("%s: %v", m, err)
	}
	if string(m.apply()) == string(m.source) {
		t.Errorf("%s: nothing was changed", m)
	}
}

func TestMutant(t *testing.T) {
	source := "package x\n\nfunc f(a int) {\n\ta++\n\ta++\n}\n"
	mutants, err := mutantsOf("x/x.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	m := mutants[1]
	if got, want := m.String(), "x/x.go:5 f#2: a++ -> a--"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	if got, want := m.key(), "x/x.go f#2: a++ -> a--"; got != want {
		t.Errorf("key %q, want %q", got, want)
	}
	if got, want := string(m.apply()), "package x\n\nfunc f(a int) {\n\ta++\n\ta--\n}\n"; got != want {
		t.Errorf("applied %q, want %q", got, want)
	}
}

func TestGenerated(t *testing.T) {
	mutants, err := mutantsOf("x.go", []byte("// Code generated by hand. DO NOT EDIT.\n\npackage x\n\nvar a = 1\n"))
	if len(mutants) > 0 || err != nil {
		t.Errorf("mutants %v, error %v", mutants, err)
	}
}

func TestMutantOfNoCode(t *testing.T) {
	if _, err := mutantsOf("x.go", []byte("package")); err == nil {
		t.Error("no error")
	}
}

func TestOneLine(t *testing.T) {
	if got, want := oneLine("\ta  (", "b\n\t\tc", ") "), "a (b c)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r := strings.Repeat
	got := oneLine("x"+r("a", 60), r("b", 80)+"x"+r("c", 80), r("d", 60)+"x")
	if want := "..." + r("a", 60) + r("b", 80) + "..." + r("c", 80) + r("d", 60) + "..."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
