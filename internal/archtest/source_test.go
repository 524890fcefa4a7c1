// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sources parses every Go file, by directory.
func sources(t *testing.T, fset *token.FileSet) map[string][]*ast.File {
	t.Helper()
	dirs := map[string][]*ast.File{}
	walk(t, func(name string) {
		f, err := parser.ParseFile(fset, name, read(t, name), parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("parse: %v", err)
			return
		}
		dirs[path.Dir(name)] = append(dirs[path.Dir(name)], f)
	}, ".go")
	return dirs
}

func isTest(fset *token.FileSet, f *ast.File) bool {
	return strings.HasSuffix(fset.Position(f.Pos()).Filename, "_test.go")
}

func TestPackageDoc(t *testing.T) {
	fset := token.NewFileSet()
	for dir, files := range sources(t, fset) {
		var docs []string
		for _, f := range files {
			if !isTest(fset, f) && f.Doc != nil {
				docs = append(docs, f.Doc.Text())
			}
		}
		name := files[0].Name.Name
		want := "Package " + strings.TrimSuffix(name, "_test") + " "
		if name == "main" {
			want = "Command "
		}
		if len(docs) != 1 || !strings.HasPrefix(docs[0], want) {
			t.Errorf("%s: want one comment %q that says what lives here and what stays out, have %q", dir, want+"...", docs)
		}
	}
}

// TestSleep holds that no test waits for real time to pass: a test that sleeps is
// slow where the machine is fast, and fails where it is slow.
func TestSleep(t *testing.T) {
	fset := token.NewFileSet()
	for _, files := range sources(t, fset) {
		tests := slices.DeleteFunc(files, func(f *ast.File) bool { return !isTest(fset, f) })
		for _, pos := range sleeps(tests) {
			t.Errorf("%s: time.Sleep outside a synctest bubble: wait for what is to happen, or use testing/synctest", fset.Position(pos))
		}
	}
}

// sleeps returns the calls of time.Sleep that can run outside a synctest bubble:
// neither within the arguments of synctest.Test or of a player, nor in a function of
// these files that is mentioned in bubbles only.
func sleeps(files []*ast.File) []token.Pos {
	bubbles := map[ast.Node]bool{}
	functions := map[string][]*ast.FuncDecl{}
	played := players(files)
	for _, f := range files {
		for n := range ast.Preorder(f) {
			switch n := n.(type) {
			case *ast.CallExpr:
				if name, ok := n.Fun.(*ast.Ident); isCall(f, n, "testing/synctest", "Test") || ok && played[name.Name] {
					bubbles[n] = true
				}
			case *ast.FuncDecl:
				functions[n.Name.Name] = append(functions[n.Name.Name], n)
			}
		}
	}
	for {
		before := len(bubbles)
		used := mentions(files, bubbles)
		for name, declared := range functions {
			if outside, ok := used[name]; ok && !outside {
				for _, d := range declared {
					bubbles[d] = true
				}
			}
		}
		if len(bubbles) == before {
			break
		}
	}
	var found []token.Pos
	for _, f := range files {
		visit(f, bubbles, func(n ast.Node, inBubble bool) {
			if call, ok := n.(*ast.CallExpr); ok && !inBubble && isCall(f, call, "time", "Sleep") {
				found = append(found, call.Pos())
			}
		})
	}
	return found
}

// players are the functions that play a function which they are given in a bubble, and
// nowhere else.
func players(files []*ast.File) map[string]bool {
	played := map[string]bool{}
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil || fn.Recv != nil {
				continue
			}
			given := map[string]bool{}
			for _, p := range fn.Type.Params.List {
				if _, ok := p.Type.(*ast.FuncType); ok {
					for _, name := range p.Names {
						given[name.Name] = true
					}
				}
			}
			inside, outside := false, false
			bubbles := map[ast.Node]bool{}
			for n := range ast.Preorder(fn.Body) {
				if call, ok := n.(*ast.CallExpr); ok && isCall(f, call, "testing/synctest", "Test") {
					bubbles[n] = true
				}
			}
			visit(fn.Body, bubbles, func(n ast.Node, inBubble bool) {
				if name, ok := n.(*ast.Ident); ok && given[name.Name] {
					inside, outside = inside || inBubble, outside || !inBubble
				}
			})
			played[fn.Name.Name] = inside && !outside
		}
	}
	return played
}

// mentions returns each name that is used, and whether it is used outside bubbles.
func mentions(files []*ast.File, bubbles map[ast.Node]bool) map[string]bool {
	used := map[string]bool{}
	for _, f := range files {
		declared := map[*ast.Ident]bool{}
		visit(f, bubbles, func(n ast.Node, inBubble bool) {
			switch n := n.(type) {
			case *ast.FuncDecl:
				declared[n.Name] = true
			case *ast.Ident:
				if !declared[n] {
					used[n.Name] = used[n.Name] || !inBubble
				}
			}
		})
	}
	return used
}

// visit calls do for every node, saying whether it lies in one of bubbles.
func visit(root ast.Node, bubbles map[ast.Node]bool, do func(n ast.Node, inBubble bool)) {
	var stack []bool // for each node above, whether it lies in a bubble or is one
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		inBubble := bubbles[n] || len(stack) > 0 && stack[len(stack)-1]
		stack = append(stack, inBubble)
		do(n, inBubble)
		return true
	})
}

// isCall reports whether call is of a package's function.
func isCall(f *ast.File, call *ast.CallExpr, pkg, function string) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != function {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == importName(f, pkg)
}

// importName returns the name by which f knows an imported package.
func importName(f *ast.File, pkg string) string {
	for _, spec := range f.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil && p == pkg {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return path.Base(pkg)
		}
	}
	return ""
}

func TestSleepsAreFound(t *testing.T) {
	const head = "package x\nimport (\n\t\"testing\"\n\t\"testing/synctest\"\n\tclock \"time\"\n)\n"
	for name, tt := range map[string]struct {
		source string
		want   int
	}{
		"plain":             {"func TestX(t *testing.T) { clock.Sleep(1) }", 1},
		"bubble":            {"func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { clock.Sleep(1) }) }", 0},
		"beside the bubble": {"func TestX(t *testing.T) { synctest.Test(t, nil); clock.Sleep(1) }", 1},
		"helper of bubbles": {"func h() { clock.Sleep(1) }\nfunc g() { h() }\nfunc TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { g() }) }", 0},
		"helper of both":    {"func h() { clock.Sleep(1) }\nfunc TestX(t *testing.T) { h(); synctest.Test(t, func(t *testing.T) { h() }) }", 1},
		"function value":    {"func body(t *testing.T) { clock.Sleep(1) }\nfunc TestX(t *testing.T) { synctest.Test(t, body) }", 0},
		"player":            {"func play(t *testing.T, p func()) { synctest.Test(t, func(t *testing.T) { p() }) }\nfunc TestX(t *testing.T) { play(t, func() { clock.Sleep(1) }) }", 0},
		"player outside":    {"func play(t *testing.T, p func()) { p(); synctest.Test(t, func(t *testing.T) { p() }) }\nfunc TestX(t *testing.T) { play(t, func() { clock.Sleep(1) }) }", 1},
		"no player":         {"func play(t *testing.T, p func()) { synctest.Test(t, nil); p() }\nfunc TestX(t *testing.T) { play(t, func() { clock.Sleep(1) }) }", 1},
		"other Sleep":       {"func TestX(t *testing.T) { time.Sleep(1) }", 0},
	} {
		f, err := parser.ParseFile(token.NewFileSet(), name, head+tt.source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(sleeps([]*ast.File{f})); got != tt.want {
			t.Errorf("%s: found %d, want %d", name, got, tt.want)
		}
	}
}
