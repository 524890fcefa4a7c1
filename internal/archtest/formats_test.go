// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// stored are the types that are kept in files and ConfigMaps, as in docs/formats.md.
// With them goes every type of ours that they are made of.
var stored = []string{
	"agent.memoryFile", "agent.clusterColoursFile", "agent/altnames.recordFile", "agent/rulebook.lastGoodFile", "agent/agentapi.Change",
	"cniplugin/record.file", "controller.storedFile", "mapping/colour.state", "mapping/nodefile.File",
}

// A catalogue is every type of ours, by directory and name.
type catalogue map[string]described

type described struct {
	file *ast.File
	dir  string
	expr ast.Expr
}

func newCatalogue(dirs map[string][]*ast.File) catalogue {
	out := catalogue{}
	for dir, files := range dirs {
		for _, f := range files {
			for n := range ast.Preorder(f) {
				if spec, ok := n.(*ast.TypeSpec); ok {
					out[dir+"."+spec.Name.Name] = described{f, dir, spec.Type}
				}
			}
		}
	}
	return out
}

// untagged lists the fields without a tag in a type and in those that it is made of. A
// field that JSON never sees has the tag "-".
func (c catalogue) untagged(name string, seen map[string]bool) (missing []string) {
	d, ok := c[name]
	if !ok || seen[name] {
		return nil
	}
	seen[name] = true
	s, ok := d.expr.(*ast.StructType)
	if !ok { // such as a named slice
		for _, of := range c.mentioned(d, d.expr) {
			missing = append(missing, c.untagged(of, seen)...)
		}
		return missing
	}
	for _, f := range s.Fields.List {
		tag := ""
		if f.Tag != nil {
			text, _ := strconv.Unquote(f.Tag.Value) // it is a literal
			tag = reflect.StructTag(text).Get("json")
		}
		for _, n := range f.Names {
			if tag == "" && n.IsExported() {
				missing = append(missing, name+"."+n.Name)
			}
		}
		if tag != "-" {
			for _, of := range c.mentioned(d, f.Type) {
				missing = append(missing, c.untagged(of, seen)...)
			}
		}
	}
	return missing
}

// mentioned are the types of ours in a type's expression.
func (c catalogue) mentioned(d described, expr ast.Expr) (names []string) {
	selected := map[*ast.Ident]bool{}
	for n := range ast.Preorder(expr) {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if !ok {
				continue
			}
			selected[pkg], selected[n.Sel] = true, true
			for _, spec := range d.file.Imports {
				p, _ := strconv.Unquote(spec.Path.Value)
				if dir, ours := strings.CutPrefix(p, module+"/"); ours && importName(d.file, p) == pkg.Name {
					names = append(names, dir+"."+n.Sel.Name)
				}
			}
		case *ast.Ident:
			if !selected[n] {
				names = append(names, d.dir+"."+n.Name)
			}
		}
	}
	return names
}

// words are the methods that say something for people.
var words = []string{"String", "Named", "Sentence"}

// keys are the fields that are kept as keys and codes. They get no words by assignment
// either, whatever struct they belong to.
var keys = []string{"Identity", "OtherIdentities", "LostWhy", "Gone"}

// sentences lists where a value of a stored type is made with the words for something,
// which are for people. An address is the same for both.
func sentences(fset *token.FileSet, dir string, files []*ast.File, types map[string]bool) (found []string) {
	for _, f := range files {
		for n := range ast.Preorder(f) {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					field, ok := left.(*ast.SelectorExpr)
					if ok && len(n.Rhs) == len(n.Lhs) && slices.Contains(keys, field.Sel.Name) {
						found = append(found, wordsIn(fset, n.Rhs[i])...)
					}
				}
			case *ast.CompositeLit:
				if !types[typeName(f, dir, n.Type)] {
					continue
				}
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok {
						if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "MAC" {
							continue
						}
						e = kv.Value
					}
					found = append(found, wordsIn(fset, e)...)
				}
			}
		}
	}
	return found
}

// wordsIn lists the calls in an expression that make words. A struct within is looked at
// for itself.
func wordsIn(fset *token.FileSet, expr ast.Expr) (found []string) {
	ast.Inspect(expr, func(v ast.Node) bool {
		call, ok := v.(*ast.CallExpr)
		if !ok {
			_, inner := v.(*ast.CompositeLit)
			return !inner
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains(words, sel.Sel.Name) {
			found = append(found, fset.Position(call.Pos()).String())
		}
		return true
	})
	return found
}

// typeName is the directory and name of a composite literal's type, where it is ours.
func typeName(f *ast.File, dir string, expr ast.Expr) string {
	switch t := expr.(type) {
	case *ast.Ident:
		return dir + "." + t.Name
	case *ast.SelectorExpr:
		if pkg, ok := t.X.(*ast.Ident); ok {
			for _, spec := range f.Imports {
				p, _ := strconv.Unquote(spec.Path.Value)
				if of, ours := strings.CutPrefix(p, module+"/"); ours && importName(f, p) == pkg.Name {
					return of + "." + t.Sel.Name
				}
			}
		}
	}
	return ""
}

// formats lists the types whose files statefile reads and writes.
func formats(dir string, files []*ast.File) (types []string) {
	for _, f := range files {
		for n := range ast.Preorder(f) {
			index, ok := n.(*ast.IndexExpr)
			if ok && typeName(f, dir, index.X) == "internal/statefile.Format" {
				types = append(types, typeName(f, dir, index.Index))
			}
		}
	}
	return types
}

// TestStored holds that what is kept has the names that somebody gave it, whatever the
// fields are called, and that no sentence for people is among the values.
func TestStored(t *testing.T) {
	fset := token.NewFileSet()
	dirs := map[string][]*ast.File{}
	for dir, files := range sources(t, fset) {
		dirs[path.Clean(dir)] = slices.DeleteFunc(files, func(f *ast.File) bool { return isTest(fset, f) })
	}
	all, seen := newCatalogue(dirs), map[string]bool{}
	for _, name := range stored {
		if _, ok := all[name]; !ok {
			t.Errorf("there is no struct %s", name)
		}
		for _, missing := range all.untagged(name, seen) {
			t.Errorf("%s is stored without a json tag", missing)
		}
	}
	delete(seen, "agent/agentapi.Change") // the history is for people
	for dir, files := range dirs {
		for _, name := range formats(dir, files) {
			if dir != "internal/statefile" && !slices.Contains(stored, name) {
				t.Errorf("%s has a format, and is not among the stored", name)
			}
		}
		for _, place := range sentences(fset, dir, files, seen) {
			t.Errorf("%s: words for people are stored: store a key", place)
		}
	}
}

// TestStoredBites holds that both are found.
func TestStoredBites(t *testing.T) {
	fset := token.NewFileSet()
	parse := func(dir, text string) []*ast.File {
		f, err := parser.ParseFile(fset, dir+"/x.go", text, 0)
		if err != nil {
			t.Fatal(err)
		}
		return []*ast.File{f}
	}
	dirs := map[string][]*ast.File{
		"a": parse("a", "package a\nimport \""+module+"/b/c\"\nimport \""+module+"/internal/statefile\"\ntype File struct {\nA int `json:\"a\"`\nB int\nC []*c.D `json:\"c\"`\nd int\nE F `json:\"-\"`\nG map[string]H `json:\"g\"`\n}\n"+
			"type F struct { No int }\ntype H []*I\ntype I struct { J int `yaml:\"j\"` }\n"+
			"var _ = File{A: x.String(), B: 1}\nvar _ = F{No: x.String()}\nvar _ = c.D{K: y(x.Named()), MAC: m.String()}\nvar _ = H{x.Sentence()}\n"+
			"var _ = statefile.Format[File]{}\n"+
			"func f() {\nz.A, z.Identity = x.String(), string(x.Key())\nz.Identity = y(x.Named())\n}\n"),
		"b/c": parse("b/c", "package c\ntype D struct { K string; MAC string `json:\"mac\"` }\n"),
	}
	seen := map[string]bool{}
	got := newCatalogue(dirs).untagged("a.File", seen)
	if want := []string{"a.File.B", "b/c.D.K", "a.I.J"}; !slices.Equal(got, want) {
		t.Errorf("without a tag: %q, want %q", got, want)
	}
	got = sentences(fset, "a", dirs["a"], seen)
	if want := []string{"a/x.go:15:17", "a/x.go:17:18", "a/x.go:18:11", "a/x.go:22:16"}; !slices.Equal(got, want) {
		t.Errorf("sentences: %q, want %q", got, want)
	}
	if got, want := formats("a", dirs["a"]), []string{"a.File"}; !slices.Equal(got, want) {
		t.Errorf("formats: %q, want %q", got, want)
	}
}
