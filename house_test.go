// SPDX-License-Identifier: Apache-2.0

package credhost_test

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"strings"
	"testing"
)

// The most lines that a function and a file may have. Habit stays well below.
const (
	maxFunction = 60
	maxFile     = 400
)

func TestLicenceLine(t *testing.T) {
	for _, file := range sources(t) {
		if !strings.HasPrefix(file.text, "// SPDX-License-Identifier: Apache-2.0\n\n") {
			t.Errorf("%s:1: must begin with the SPDX line and an empty line", file.path)
		}
	}
}

// A name that says nothing of what is inside soon has everything inside.
func TestNamesSaySomething(t *testing.T) {
	empty := regexp.MustCompile(`(^|[/_.-])(util|common|helper|manager)s?([/_.-]|$)|(^|/)(service|shared)s?/`)
	for _, file := range sources(t) {
		if empty.MatchString(file.path) {
			t.Errorf("%s: name it after what it holds", file.path)
		}
	}
}

func TestNothingLeftForLater(t *testing.T) {
	later := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	for _, file := range sources(t) {
		for _, comment := range file.syntax.Comments {
			if word := later.FindString(comment.Text()); word != "" && !file.generated {
				t.Errorf("%s: %s: do it, or say what is so instead", file.at(comment), word)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for _, file := range sources(t) {
		if file.generated || file.test {
			continue
		}
		if n := strings.Count(file.text, "\n"); n > maxFile {
			t.Errorf("%s: %d lines, at most %d: one concept a file", file.path, n, maxFile)
		}
		ast.Inspect(file.syntax, func(node ast.Node) bool {
			switch node.(type) {
			case *ast.FuncDecl, *ast.FuncLit:
				if n := file.lines.Line(node.End()) - file.lines.Line(node.Pos()) + 1; n > maxFunction {
					t.Errorf("%s: a function of %d lines, at most %d", file.at(node), n, maxFunction)
				}
			}
			return true
		})
	}
}

func TestPackageComments(t *testing.T) {
	commented := make(map[string]bool)
	for _, file := range sources(t) {
		if file.pkg() != "." { // a package of tests alone
			commented[file.pkg()] = commented[file.pkg()] || file.syntax.Doc != nil || file.generated
		}
	}
	for pkg, ok := range commented {
		if !ok {
			t.Errorf("%s: no file has a package comment", pkg)
		}
	}
}

// Programs are left out: nothing can import their names. So are the fields of a
// struct, where the type's comment and a good name often say it all.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, file := range sources(t) {
		if file.test || file.generated || file.syntax.Name.Name == "main" {
			continue
		}
		for _, decl := range file.syntax.Decls {
			for _, name := range undocumented(file.lines, decl) {
				t.Errorf("%s: %s.%s is exported and has no comment", file.at(name), path.Base(file.pkg()), name.Name)
			}
		}
	}
}

// undocumented answers the exported names of a declaration that no comment explains.
func undocumented(lines *token.File, decl ast.Decl) []*ast.Ident {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Doc == nil && decl.Name.IsExported() && receiverIsExported(decl) {
			return []*ast.Ident{decl.Name}
		}
	case *ast.GenDecl:
		var names []*ast.Ident
		for _, spec := range decl.Specs {
			names = append(names, undocumentedSpec(lines, spec, decl.Doc != nil)...)
		}
		return names
	}
	return nil
}

// undocumentedSpec is undocumented for one line of a declaration; explained
// says that a comment stands above all its lines.
func undocumentedSpec(lines *token.File, spec ast.Spec, explained bool) []*ast.Ident {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		if !explained && spec.Doc == nil && spec.Comment == nil {
			return exported(spec.Names)
		}
	case *ast.TypeSpec:
		if !spec.Name.IsExported() {
			return nil
		}
		var names []*ast.Ident
		if !explained && spec.Doc == nil {
			names = append(names, spec.Name)
		}
		if kind, ok := spec.Type.(*ast.InterfaceType); ok {
			names = append(names, undocumentedMethods(lines, kind.Methods.List)...)
		}
		return names
	}
	return nil
}

// undocumentedMethods looks into an interface. Its own comment explains a
// single method, and a method's comment holds for those that follow without a gap.
func undocumentedMethods(lines *token.File, methods []*ast.Field) []*ast.Ident {
	if len(methods) == 1 {
		return nil
	}
	var names []*ast.Ident
	explained, next := false, 0
	for _, method := range methods {
		adjacent := lines.Line(method.Pos()) == next
		explained = method.Doc != nil || method.Comment != nil || explained && adjacent
		if !explained {
			names = append(names, exported(method.Names)...)
		}
		next = lines.Line(method.End()) + 1
	}
	return names
}

func exported(names []*ast.Ident) []*ast.Ident {
	var out []*ast.Ident
	for _, name := range names {
		if name.IsExported() {
			out = append(out, name)
		}
	}
	return out
}

// receiverIsExported tells whether a function is no method, or one of an exported type.
func receiverIsExported(decl *ast.FuncDecl) bool {
	if decl.Recv == nil {
		return true
	}
	kind := decl.Recv.List[0].Type
	for {
		switch of := kind.(type) {
		case *ast.StarExpr:
			kind = of.X
		case *ast.IndexExpr: // T[P]
			kind = of.X
		case *ast.IndexListExpr: // T[P, Q]
			kind = of.X
		case *ast.Ident:
			return of.IsExported()
		default:
			return true
		}
	}
}
