// SPDX-License-Identifier: Apache-2.0

package form

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
)

// This file finds what people are told, in the sources that tell them.

// saidTexts are what is said, and where: a text with a percent sign holds something
// else there.
type saidTexts map[string]string

// A sourceScan reads the sources of a package.
type sourceScan struct {
	t    *testing.T
	set  *token.FileSet
	pkg  []*ast.File
	body ast.Node // of the function that is read
	said saidTexts
}

// scanned returns a scan of the Go files in a folder, tests left out.
func scanned(t *testing.T, folder string, said saidTexts) *sourceScan {
	t.Helper()
	s := &sourceScan{t: t, set: token.NewFileSet(), said: said}
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("there is no Go in %s (%v)", folder, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(s.set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s.pkg = append(s.pkg, file)
	}
	return s
}

// each calls visit for every node, function by function.
func (s *sourceScan) each(visit func(node ast.Node)) {
	for _, file := range s.pkg {
		for _, decl := range file.Decls {
			s.body = decl
			ast.Inspect(decl, func(node ast.Node) bool {
				if node != nil {
					visit(node)
				}
				return true
			})
		}
	}
}

func (s *sourceScan) at(node ast.Node) string { return s.set.Position(node.Pos()).String() }

func (s *sourceScan) add(node ast.Node, all ...string) {
	for _, text := range all {
		if strings.Trim(text, "%") != "" {
			s.said[text] = cmp.Or(s.said[text], s.at(node))
		}
	}
}

// literals returns the texts that an expression may be: a literal, a sum of
// them and of other things, a variable that literals are given to, or an
// element of a list of literals. None: it cannot be seen here.
func (s *sourceScan) literals(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return s.literals(e.X)
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return []string{text}
		}
	case *ast.BinaryExpr:
		left, right := s.literals(e.X), s.literals(e.Y)
		if e.Op == token.ADD && len(left)+len(right) > 0 && len(left) < 2 && len(right) < 2 {
			return []string{orHole(left) + orHole(right)}
		}
	case *ast.Ident:
		return s.assigned(e.Name)
	case *ast.IndexExpr:
		if list, ok := e.X.(*ast.CompositeLit); ok {
			return s.elements(list)
		}
	}
	return nil
}

func orHole(texts []string) string {
	if len(texts) == 0 {
		return "%"
	}
	return texts[0]
}

func (s *sourceScan) elements(list *ast.CompositeLit) (all []string) {
	for _, e := range list.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			e = pair.Value
		}
		all = append(all, s.literals(e)...)
	}
	return all
}

// assigned returns the literals that a variable of the function, or a constant
// of the package, is given.
func (s *sourceScan) assigned(name string) (all []string) {
	take := func(names, values []ast.Expr) {
		for i, left := range names {
			if id, ok := left.(*ast.Ident); ok && id.Name == name && len(names) == len(values) {
				if lit, ok := values[i].(*ast.BasicLit); ok {
					all = append(all, s.literals(lit)...)
				}
			}
		}
	}
	look := func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.AssignStmt:
			if node.Tok != token.ADD_ASSIGN {
				take(node.Lhs, node.Rhs)
			}
		case *ast.ValueSpec:
			names := make([]ast.Expr, len(node.Names))
			for i, id := range node.Names {
				names[i] = id
			}
			take(names, node.Values)
		}
		return true
	}
	ast.Inspect(s.body, look)
	for _, file := range s.pkg {
		for _, decl := range file.Decls {
			if decl, ok := decl.(*ast.GenDecl); ok && decl != s.body {
				ast.Inspect(decl, look)
			}
		}
	}
	return all
}

// nameOf returns the last part of a name such as sdk.Errorf, "" of what is none.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

var (
	verb      = regexp.MustCompile(`%[+#]?[a-z]`)
	codeNames = []string{"Invalid", "Denied", "Forbidden", "Unavailable"} // and Internal, whose messages are for operators
)

// hostMessages returns the messages of package sdk, of sdk/oauth, and of the host
// and its way out, that are for people. Those of host/registry are for whoever
// runs the host.
func hostMessages(t *testing.T) saidTexts {
	said := saidTexts{}
	for _, folder := range []string{"../../sdk", "../../sdk/oauth", "..", "../egress"} {
		s := scanned(t, folder, said)
		s.each(s.message)
	}
	low, high := 1.0, 2.0
	for _, b := range []sdk.Bounds{{Min: &low}, {Max: &high}, {Min: &low, Max: &high}} {
		for _, kind := range []sdk.Kind{sdk.Text, sdk.Number} {
			text := sdk.Field{Kind: kind, Bounds: &b}.Message(sdk.ReasonBounds)
			said[regexp.MustCompile(`[0-9]+`).ReplaceAllString(text, "%")] = "../../sdk: Field.Message"
		}
	}
	for _, text := range unsaid {
		if said[text] == "" {
			t.Errorf("nobody says %q any more: drop it from this test", text)
		}
		delete(said, text)
	}
	return said
}

// unsaid are found and not translated: host/grant.go puts a sentence there, so
// that there is nothing to translate but that.
var unsaid = []string{"the credential cannot be used yet: %"}

// message adds what a node says to people, if it is one that says something.
func (s *sourceScan) message(node ast.Node) {
	switch node := node.(type) {
	case *ast.CallExpr:
		switch name := nameOf(node.Fun); {
		case name == "Errorf" && len(node.Args) >= 2 && slices.Contains(codeNames, nameOf(node.Args[0])):
			all := s.literals(node.Args[1])
			if len(all) == 0 {
				s.t.Errorf("%s: the message cannot be seen here", s.at(node))
			}
			for _, text := range all {
				s.add(node, verb.ReplaceAllString(text, "%"))
			}
		case name == "invalid" && len(node.Args) == 2:
			s.add(node, s.literals(node.Args[1])...)
		}
	case *ast.CompositeLit:
		s.literal(node)
	case *ast.AssignStmt:
		if to, ok := node.Lhs[0].(*ast.SelectorExpr); ok && to.Sel.Name == "Message" && len(node.Rhs) == 1 {
			s.add(node, s.literals(node.Rhs[0])...)
		}
	case *ast.ValueSpec:
		switch name := node.Names[0].Name; {
		case name == "kindMessages":
			s.add(node, s.elements(node.Values[0].(*ast.CompositeLit))...)
		case nameOf(node.Type) == "Outcome" && (name == "Works" || name == "Untested"): // the others have a text that is longer
			s.add(node, s.literals(node.Values[0])...)
		}
	case *ast.FuncDecl:
		s.tells(node)
	}
}

// literal adds the message of an error that is written as a literal, or of a
// meaning of an OAuth error.
func (s *sourceScan) literal(node *ast.CompositeLit) {
	var message ast.Expr
	for _, e := range node.Elts {
		pair, ok := e.(*ast.KeyValueExpr)
		switch {
		case ok && nameOf(pair.Key) == "Code" && nameOf(pair.Value) == "Internal":
			return
		case ok && nameOf(pair.Key) == "Message":
			message = pair.Value
		}
	}
	if len(node.Elts) == 2 && slices.Contains(codeNames, nameOf(node.Elts[0])) {
		message = node.Elts[1]
	}
	if message != nil {
		s.add(node, s.literals(message)...)
	}
}

// tells adds what a function returns that says something to people.
func (s *sourceScan) tells(f *ast.FuncDecl) {
	if !slices.Contains([]string{"Message", "patternMessage", "status", "Text"}, f.Name.Name) || f.Body == nil {
		return
	}
	ast.Inspect(f.Body, func(node ast.Node) bool {
		if back, ok := node.(*ast.ReturnStmt); ok {
			for _, e := range back.Results {
				if !isIdent(e) { // a word for programs
					s.add(back, s.literals(e)...)
				}
			}
		}
		return true
	})
}

// ownTexts returns the texts of package form, of its renderers and of the program
// that are translated: those that Word and the like are called with.
func ownTexts(t *testing.T) saidTexts {
	said := saidTexts{}
	for _, folder := range append(foldersOf(t, "."), foldersOf(t, "../../cmd")...) {
		s := scanned(t, folder, said)
		s.each(speakers(s).call)
	}
	return said
}

// foldersOf returns root and the folders in it that have Go files.
func foldersOf(t *testing.T, root string) (all []string) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			if files, _ := filepath.Glob(filepath.Join(path, "*.go")); slices.ContainsFunc(files, isNoTest) {
				all = append(all, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func isNoTest(name string) bool { return !strings.HasSuffix(name, "_test.go") }

// A speaking is the functions of a package that translate one of their
// arguments, by what they are called and where they can be: a method anywhere,
// a function that is put into a variable where that is.
type speaking struct {
	*sourceScan
	index map[string]int // of the argument
}

// speakers finds the functions that give a parameter of theirs to one that is
// known to translate it, beginning with those of this package.
func speakers(s *sourceScan) *speaking {
	sp := &speaking{s, map[string]int{".Word": 0, ".of": 0}}
	for before := 0; before != len(sp.index); {
		before = len(sp.index)
		s.each(func(node ast.Node) {
			switch node := node.(type) {
			case *ast.FuncDecl:
				if node.Recv != nil {
					sp.learn("."+node.Name.Name, node.Type, node.Body)
				} else {
					sp.learn(node.Name.Name, node.Type, node.Body)
				}
			case *ast.AssignStmt:
				for i, e := range node.Rhs {
					if f, ok := e.(*ast.FuncLit); ok && len(node.Lhs) == len(node.Rhs) {
						sp.learn(sp.local(nameOf(node.Lhs[i])), f.Type, f.Body)
					}
				}
			}
		})
	}
	return sp
}

// local returns how a function is known that a variable holds.
func (sp *speaking) local(name string) string { return fmt.Sprintf("%s in %p", name, sp.body) }

// learn notes that a function translates a parameter, if it does.
func (sp *speaking) learn(name string, f *ast.FuncType, body *ast.BlockStmt) {
	params := map[string]int{}
	for _, field := range f.Params.List {
		for _, id := range field.Names {
			params[id.Name] = len(params)
		}
	}
	if _, known := sp.index[name]; known || body == nil {
		return
	}
	ast.Inspect(body, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok {
			if arg := sp.argument(call); arg != nil {
				if i, ok := params[nameOf(arg)]; ok && isIdent(arg) {
					sp.index[name] = i
				}
			}
		}
		return true
	})
}

func isIdent(e ast.Expr) bool { _, ok := e.(*ast.Ident); return ok }

// argument returns the argument of a call that is translated, or nil.
func (sp *speaking) argument(call *ast.CallExpr) ast.Expr {
	names := []string{"." + nameOf(call.Fun)}
	if isIdent(call.Fun) {
		names = []string{sp.local(nameOf(call.Fun)), nameOf(call.Fun)}
	}
	for _, name := range names {
		if i, ok := sp.index[name]; ok && i < len(call.Args) {
			return call.Args[i]
		}
	}
	return nil
}

// call adds what a call says.
func (sp *speaking) call(node ast.Node) {
	call, ok := node.(*ast.CallExpr)
	if !ok {
		return
	}
	arg := sp.argument(call)
	if arg == nil {
		return
	}
	all := sp.literals(arg)
	if len(all) == 0 && !sp.isParameter(arg) {
		sp.t.Errorf("%s: it cannot be seen what is said here: give it a literal", sp.at(call))
	}
	sp.add(call, all...)
}

// isParameter reports whether e is a parameter of a function around it: then
// the calls of that one tell.
func (sp *speaking) isParameter(e ast.Expr) (is bool) {
	ast.Inspect(sp.body, func(node ast.Node) bool {
		if f, ok := node.(*ast.FuncType); ok {
			for _, field := range f.Params.List {
				is = is || slices.ContainsFunc(field.Names, func(id *ast.Ident) bool { return isIdent(e) && id.Name == nameOf(e) })
			}
		}
		return true
	})
	return is
}
