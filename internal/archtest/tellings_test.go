// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	cniTypes   = "github.com/containernetworking/cni/pkg/types"
	metav1     = "k8s.io/apimachinery/pkg/apis/meta/v1"
	prometheus = "github.com/prometheus/client_golang/prometheus"
)

// tellings are what programs tell by name, by the heading of docs/reference.md under
// which it belongs, and what of it could not be understood.
type tellings struct {
	fset      *token.FileSet
	dirs      map[string][]*ast.File
	constants map[string]string // strings, by directory and name
	under     map[string][]string
	problems  []string
}

func newTellings(fset *token.FileSet, dirs map[string][]*ast.File) *tellings {
	out := &tellings{fset: fset, dirs: dirs, constants: map[string]string{}, under: map[string][]string{}}
	out.each(func(dir string, _ *ast.File, n ast.Node) {
		spec, ok := n.(*ast.ValueSpec)
		for i := range specValues(spec, ok) {
			if text, ok := literal(spec.Values[i]); ok {
				out.constants[dir+"."+spec.Names[i].Name] = text
			}
		}
	})
	return out
}

// specValues are the values of a declaration that has one for each name.
func specValues(spec *ast.ValueSpec, ok bool) []ast.Expr {
	if !ok || len(spec.Values) != len(spec.Names) {
		return nil
	}
	return spec.Values
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

func (s *tellings) each(visit func(dir string, f *ast.File, n ast.Node)) {
	for dir, files := range s.dirs {
		for _, f := range files {
			for n := range ast.Preorder(f) {
				visit(dir, f, n)
			}
		}
	}
}

func (s *tellings) add(heading string, cells ...string) {
	if line := strings.Join(cells, " "); !slices.Contains(s.under[heading], line) {
		s.under[heading] = append(s.under[heading], line)
	}
}

func (s *tellings) fail(n ast.Node, format string, args ...any) {
	s.problems = append(s.problems, s.fset.Position(n.Pos()).String()+": "+fmt.Sprintf(format, args...))
}

// value is the string that an expression is, as far as constants tell.
func (s *tellings) value(dir string, f *ast.File, e ast.Expr) (string, bool) {
	if text, ok := literal(e); ok {
		return text, true
	}
	text, ok := s.constants[typeName(f, dir, e)]
	return text, ok
}

// pkgMember is the name in a selector of an imported package, or "".
func pkgMember(f *ast.File, e ast.Expr, pkg string) string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok || x.Name != importName(f, pkg) {
		return ""
	}
	return sel.Sel.Name
}

var (
	exposed   = regexp.MustCompile(`(?m)^# TYPE (\w+) (\w+)$`)
	newMetric = regexp.MustCompile(`^New(Desc|Counter|Gauge|Histogram|Summary|Untyped)`)
)

// metrics are what is made by desc in package agent; their types are those of an exposition
// of all of them.
func (s *tellings) metrics(exposition string) {
	kinds := map[string]string{}
	for _, m := range exposed.FindAllStringSubmatch(exposition, -1) {
		kinds[m[1]] = m[2]
	}
	s.each(func(dir string, f *ast.File, n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return
		}
		if made := pkgMember(f, call.Fun, prometheus); newMetric.MatchString(made) && (made != "NewDesc" || dir != "agent") {
			s.fail(n, "a metric is made by %s: make it by desc in agent/metrics.go, or have this test find it", made)
		}
		if typeName(f, dir, call.Fun) != "agent.desc" {
			return
		}
		var cells []string
		for _, arg := range call.Args {
			text, ok := literal(arg)
			if !ok {
				s.fail(arg, "the name, help and labels of a metric are literals")
			}
			cells = append(cells, text)
		}
		name := "colvin_" + cells[0]
		if kinds[name] == "" {
			s.fail(n, "%s is not in agent/testdata/metrics.txt, which shows each metric", name)
		}
		s.add("Metrics of the agent", slices.Concat([]string{name, kinds[name]}, cells[2:])...)
	})
}

// conditions are the constants of their type, what the planner lists for Networks, and the
// reasons of RuleSets.
func (s *tellings) conditions() {
	s.each(func(dir string, f *ast.File, n ast.Node) {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, e := range specValues(n, true) {
				text, _ := literal(e)
				switch name := n.Names[i].Name; {
				case n.Type != nil && typeName(f, dir, n.Type) == "mapping.ConditionType":
					s.add("Conditions of a node", text)
				case dir == "controller/plan" && name == "conditionReasons":
					s.pairs(dir, f, e)
				case dir == "controller/plan" && strings.HasPrefix(name, "reason"):
					s.add("Conditions of a RuleSet", s.constants["api/v1alpha1.RuleSetAccepted"], text)
				}
			}
		case *ast.CompositeLit:
			if pkgMember(f, n.Type, metav1) != "Condition" {
				return
			}
			if expr := types.ExprString(field(n, "Type", 0)); expr != "c.condition" && expr != "v1alpha1.RuleSetAccepted" {
				s.fail(n, "a condition whose type %s this test does not know", expr)
			}
		}
	})
}

func (s *tellings) pairs(dir string, f *ast.File, table ast.Expr) {
	all, _ := table.(*ast.CompositeLit)
	if all == nil {
		s.fail(table, "conditionReasons is no list")
		return
	}
	for _, e := range all.Elts {
		row, ok := e.(*ast.CompositeLit)
		if !ok {
			s.fail(e, "a condition that is no literal")
			continue
		}
		condition, known := s.value(dir, f, field(row, "condition", 0))
		reason, said := s.value(dir, f, field(row, "reason", 1))
		if !known || !said {
			s.fail(row, "a condition that is no constant")
		}
		s.add("Conditions of a Network", condition, reason)
	}
}

// field is what a literal gives to a field, by name or place; nil for nothing.
func field(lit *ast.CompositeLit, name string, index int) ast.Expr {
	for i, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		switch {
		case !ok && i == index:
			return e
		case ok && types.ExprString(kv.Key) == name:
			return kv.Value
		}
	}
	return nil
}

// events are what is recorded by an EventRecorder: a reason that is a constant, one of the
// constants of controller/plan.ProblemReason, or a condition's.
func (s *tellings) events() {
	const heading = "Events"
	s.each(func(dir string, f *ast.File, n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Eventf" {
			return
		}
		kind := strings.TrimPrefix(pkgMember(f, call.Args[2], "k8s.io/api/core/v1"), "EventType")
		if text, ok := s.value(dir, f, call.Args[3]); ok {
			s.add(heading, text, kind)
			return
		}
		switch expr := types.ExprString(call.Args[3]); expr {
		case "c.Type":
			s.add(heading, "CONDITION", kind)
		case `c.Type + "Ended"`:
			s.add(heading, "CONDITIONEnded", kind)
		case "string(p.Reason)":
			for _, reason := range s.typed("controller/plan.ProblemReason") {
				s.add(heading, reason, kind)
			}
		default:
			s.fail(n, "an Event whose reason %s this test does not know", expr)
		}
	})
}

// typed are the constants of a type.
func (s *tellings) typed(name string) (all []string) {
	s.each(func(dir string, f *ast.File, n ast.Node) {
		spec, ok := n.(*ast.ValueSpec)
		for _, e := range specValues(spec, ok) {
			if text, ok := literal(e); ok && spec.Type != nil && typeName(f, dir, spec.Type) == name {
				all = append(all, text)
			}
		}
	})
	return all
}

var alert = regexp.MustCompile(`(?s)- alert: (\w+)\n.*?severity: (\w+)`)

func (s *tellings) alerts(rules string) {
	for _, m := range alert.FindAllStringSubmatch(rules, -1) {
		s.add("Alerts", m[1], m[2])
	}
}

// codes are those of the plugin's own, and those of CNI's library that the plugin, or the
// library's own skeleton of a plugin, names.
func (s *tellings) codes(library string) {
	const heading = "CNI errors"
	values := s.numbers(s.parse(filepath.Join(library, "pkg/types")))
	mention := func(f *ast.File, n ast.Node) {
		e, ok := n.(*ast.SelectorExpr)
		if !ok {
			return
		}
		if name := pkgMember(f, e, cniTypes); strings.HasPrefix(name, "Err") && values[name] != "" {
			s.add(heading, values[name])
		}
	}
	for _, f := range s.parse(filepath.Join(library, "pkg/skel")) {
		for n := range ast.Preorder(f) {
			mention(f, n)
		}
	}
	s.each(func(dir string, f *ast.File, n ast.Node) {
		if dir == "cniplugin" || strings.HasPrefix(dir, "cniplugin/") {
			mention(f, n)
		}
	})
	for name, value := range s.numbers(s.dirs["cniplugin"]) {
		if strings.HasPrefix(name, "err") {
			s.add(heading, value)
		}
	}
}

// parse reads the files of a package elsewhere, but for its tests.
func (s *tellings) parse(dir string) (files []*ast.File) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		s.problems = append(s.problems, err.Error())
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			f, err := parser.ParseFile(s.fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				s.problems = append(s.problems, err.Error())
				continue
			}
			files = append(files, f)
		}
	}
	return files
}

// numbers are the constants of type uint of a package. What it imports is not looked at.
func (s *tellings) numbers(files []*ast.File) map[string]string {
	config := types.Config{Error: func(error) {}}
	pkg, _ := config.Check("x", s.fset, files, nil) // it knows nothing of imports, and says so
	out := map[string]string{}
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if ok && c.Type() == types.Typ[types.Uint] && c.Val().Kind() == constant.Int {
			out[name] = c.Val().String()
		}
	}
	return out
}
