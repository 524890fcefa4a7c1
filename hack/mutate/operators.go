// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// visit adds the mutants of one node, whatever is below it.
func (w *walker) visit(n ast.Node, above []ast.Node) {
	if name, ok := declared(n, above); ok {
		w.function = name
	}
	switch n := n.(type) {
	case *ast.IfStmt:
		w.condition(n.Cond)
	case *ast.ForStmt:
		if n.Cond != nil { // true has no end, which only costs time
			w.force(n.Cond, false)
		}
	case *ast.SwitchStmt:
		w.cases(n)
	case *ast.BinaryExpr:
		w.binary(n, above)
	case *ast.BasicLit:
		w.integer(n, above)
	case *ast.AssignStmt:
		w.assign(n, above)
	case *ast.IncDecStmt:
		w.step(n, above)
	case *ast.ExprStmt, *ast.DeferStmt:
		w.drop(n, above)
	case *ast.BranchStmt:
		w.branch(n)
	case *ast.ReturnStmt:
		w.result(n, above)
	}
}

// declared returns the name of what n declares at the top of a file.
func declared(n ast.Node, above []ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.FuncDecl:
		if n.Recv == nil {
			return n.Name.Name, true
		}
		typ := n.Recv.List[0].Type
		if star, ok := typ.(*ast.StarExpr); ok {
			typ = star.X
		}
		switch generic := typ.(type) {
		case *ast.IndexExpr:
			typ = generic.X
		case *ast.IndexListExpr:
			typ = generic.X
		}
		if id, ok := typ.(*ast.Ident); ok {
			return id.Name + "." + n.Name.Name, true
		}
		return n.Name.Name, true
	case *ast.ValueSpec:
		return n.Names[0].Name, len(above) == 2 // the file and the declaration
	case *ast.TypeSpec:
		return n.Name.Name, len(above) == 2
	}
	return "", false
}

// condition negates what is asked, and answers it beforehand.
func (w *walker) condition(e ast.Expr) {
	negated := "!(" + w.code(e) + ")"
	w.change(e.Pos(), e.End(), negated, negated)
	w.force(e, true)
	w.force(e, false)
}

func (w *walker) force(e ast.Expr, to bool) {
	w.change(e.Pos(), e.End(), forced(w.code(e), to), strconv.FormatBool(to))
}

// forced is true or false, and uses all that the condition does.
func forced(condition string, to bool) string {
	if to {
		return "true || (" + condition + ")"
	}
	return "false && (" + condition + ")"
}

// cases are conditions where a switch has no tag.
func (w *walker) cases(s *ast.SwitchStmt) {
	if s.Tag != nil {
		return
	}
	for _, clause := range s.Body.List {
		if clause, ok := clause.(*ast.CaseClause); ok {
			for _, e := range clause.List {
				w.condition(e)
			}
		}
	}
}

// swapped are the operators that take each other's place.
var swapped = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS,
	token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.ADD: token.SUB, token.SUB: token.ADD,
	token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN,
	token.INC: token.DEC, token.DEC: token.INC,
	token.BREAK: token.CONTINUE, token.CONTINUE: token.BREAK,
}

func (w *walker) swap(at token.Pos, tok token.Token) {
	if other, ok := swapped[tok]; ok {
		w.change(at, at+token.Pos(len(tok.String())), other.String(), other.String())
	}
}

func (w *walker) binary(n *ast.BinaryExpr, above []ast.Node) {
	switch n.Op {
	case token.LAND, token.LOR:
		w.logical(n)
	case token.EQL, token.NEQ:
		if !isCondition(n, above[len(above)-1]) { // which is negated as a whole
			w.swap(n.OpPos, n.Op)
		}
	case token.ADD, token.SUB:
		if !isText(n) {
			w.swap(n.OpPos, n.Op)
		}
	default:
		w.swap(n.OpPos, n.Op)
	}
}

// logical drops either operand, and swaps && with ||.
func (w *walker) logical(n *ast.BinaryExpr) {
	other := token.LOR
	if n.Op == token.LOR {
		other = token.LAND
	}
	x, y, neutral := w.code(n.X), w.code(n.Y), n.Op == token.LAND
	w.change(n.Pos(), n.End(), fmt.Sprintf("(%s) %s %s", forced(x, neutral), n.Op, y), y)
	w.change(n.Pos(), n.End(), fmt.Sprintf("%s %s (%s)", x, n.Op, forced(y, neutral)), x)
	both := fmt.Sprintf("(%s %s %s)", w.operand(n.X), other, w.operand(n.Y))
	w.change(n.Pos(), n.End(), both, both)
}

// operand is the code of an operand that stays one beside any operator.
func (w *walker) operand(e ast.Expr) string {
	if b, ok := e.(*ast.BinaryExpr); ok && (b.Op == token.LAND || b.Op == token.LOR) {
		return "(" + w.code(e) + ")"
	}
	return w.code(e)
}

// isCondition reports whether an expression is all that its parent asks.
func isCondition(e ast.Expr, parent ast.Node) bool {
	switch parent := parent.(type) {
	case *ast.IfStmt:
		return parent.Cond == e
	case *ast.CaseClause: // with a tag it is a comparison of booleans, which nobody writes
		return true
	}
	return false
}

// isText reports whether a sum is of strings, as far as that can be seen.
func isText(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return isText(e.X) || isText(e.Y)
	case *ast.ParenExpr:
		return isText(e.X)
	case *ast.BasicLit:
		return e.Kind == token.STRING
	}
	return false
}

// integer makes a constant one more, and one less.
func (w *walker) integer(n *ast.BasicLit, above []ast.Node) {
	if n.Kind != token.INT {
		return
	}
	if array, ok := above[len(above)-1].(*ast.ArrayType); ok && array.Len == n {
		return // what has that type has to agree with it
	}
	value, err := strconv.ParseInt(n.Value, 0, 64)
	if err != nil {
		return // it is a larger one
	}
	for _, v := range []int64{value + 1, value - 1} {
		s := written(v, n.Value)
		w.change(n.Pos(), n.End(), s, s)
	}
}

// written writes a number with the base of another.
func written(v int64, like string) string {
	like = strings.ToLower(like)
	switch {
	case v < 0:
		return strconv.FormatInt(v, 10)
	case strings.HasPrefix(like, "0x"):
		return fmt.Sprintf("%#x", v)
	case strings.HasPrefix(like, "0b"):
		return fmt.Sprintf("%#b", v)
	case len(like) > 1 && like[0] == '0':
		return fmt.Sprintf("%O", v)
	}
	return strconv.FormatInt(v, 10)
}

func (w *walker) assign(n *ast.AssignStmt, above []ast.Node) {
	if !isText(n.Rhs[0]) {
		w.swap(n.TokPos, n.Tok)
	}
	for _, e := range n.Lhs {
		if _, local := e.(*ast.Ident); !local {
			w.drop(n, above)
			return
		}
	}
}

func (w *walker) step(n *ast.IncDecStmt, above []ast.Node) {
	if loop, ok := above[len(above)-1].(*ast.ForStmt); ok && loop.Post == n {
		return // it would have no end
	}
	w.swap(n.TokPos, n.Tok)
	if _, local := n.X.(*ast.Ident); !local {
		w.drop(n, above)
	}
}

// drop leaves out a statement that stands for itself, not the head of another.
func (w *walker) drop(n ast.Node, above []ast.Node) {
	switch parent := above[len(above)-1].(type) {
	case *ast.BlockStmt:
	case *ast.CaseClause:
	case *ast.CommClause:
		if parent.Comm == n {
			return
		}
	default:
		return
	}
	w.change(n.Pos(), n.End(), "if false { "+w.code(n)+" }", "(dropped)")
}

func (w *walker) branch(n *ast.BranchStmt) {
	w.swap(n.TokPos, n.Tok)
}

// result swallows an error that is returned: whatever fails is done still.
func (w *walker) result(n *ast.ReturnStmt, above []ast.Node) {
	if len(n.Results) == 0 || !returnsError(above, len(n.Results)) {
		return
	}
	last := n.Results[len(n.Results)-1]
	if id, ok := last.(*ast.Ident); ok && id.Name == "nil" {
		return
	}
	w.change(last.Pos(), last.End(), "func() error { _ = "+w.code(last)+"; return nil }()", "nil")
}

// returnsError reports whether the function around a statement has this many
// results, of which the last is an error.
func returnsError(above []ast.Node, results int) bool {
	for _, n := range slices.Backward(above) {
		var typ *ast.FuncType
		switch f := n.(type) {
		case *ast.FuncDecl:
			typ = f.Type
		case *ast.FuncLit:
			typ = f.Type
		default:
			continue
		}
		if typ.Results.NumFields() != results {
			return false
		}
		id, ok := typ.Results.List[len(typ.Results.List)-1].Type.(*ast.Ident)
		return ok && id.Name == "error"
	}
	return false
}
