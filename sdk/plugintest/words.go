// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
)

// Words checks the translations of a plugin, for those that have some:
//
//	func TestWords(t *testing.T) { plugintest.Words(t, acme{}.Schema()) }
//
// Every language has every text that a person can see, and none that nobody
// can. The messages of errors are read from the Go source in the folders, or in
// that of the test if none is given: what [sdk.Errorf] is called with, and the
// Message of an [sdk.Error] that is written out. They must be constant, since
// they are looked up as they are.
//
// Examples, titles of options that have none but their value, and the title of
// the schema are often the same everywhere, so they may be left out.
func Words(t *testing.T, schema sdk.Schema, folders ...string) {
	t.Helper()
	if len(folders) == 0 {
		folders = []string{"."}
	}
	said := &source{lines: gotoken.NewFileSet(), constants: map[string]ast.Expr{}}
	for _, folder := range folders {
		if err := said.read(folder); err != nil {
			t.Fatalf("the source of the errors: %v", err)
		}
	}
	said.find()
	for _, fault := range append(said.faults, wordFaults(schema, said.messages)...) {
		t.Error(fault)
	}
}

// wordFaults returns what the translations lack, and have too much.
func wordFaults(schema sdk.Schema, messages []string) (faults []string) {
	texts, others := visible(schema)
	texts = append(texts, messages...)
	seen := map[string]bool{"": true}
	for _, text := range append(others, texts...) {
		seen[text] = true
	}
	if len(schema.Words) == 0 {
		faults = append(faults, "the schema has no Words")
	}
	for _, tag := range sortedKeys(schema.Words) {
		words := schema.Words[tag]
		missing := map[string]bool{}
		for _, text := range texts {
			if text != "" && words[text] == "" && !missing[text] {
				missing[text] = true
				faults = append(faults, fmt.Sprintf("Words[%q] lacks %q", tag, text))
			}
		}
		for _, text := range sortedKeys(words) {
			if !seen[text] {
				faults = append(faults, fmt.Sprintf("Words[%q] translates %q, which nobody sees", tag, text))
			}
		}
	}
	return faults
}

// visible returns the texts of a schema that people see: those that need a
// translation, and those that may do without.
func visible(schema sdk.Schema) (texts, others []string) {
	others = append(others, schema.Title)
	for _, f := range schema.Fields {
		if f.Kind == sdk.Hidden {
			continue
		}
		texts = append(texts, f.Title, f.Help)
		others = append(others, f.Example)
		for _, o := range f.Options {
			texts = append(texts, o.Title, o.Help)
			if o.Title == "" {
				others = append(others, o.Value)
			}
		}
	}
	for _, n := range schema.Notices {
		texts = append(texts, n.Text)
	}
	return texts, others
}

// source is Go source, and the messages of the errors that it makes.
type source struct {
	lines     *gotoken.FileSet
	files     []*ast.File
	constants map[string]ast.Expr
	messages  []string
	faults    []string
}

// read reads what a folder has, but for tests.
func (s *source) read(folder string) error {
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return err
	}
	before := len(s.files)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(s.lines, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		s.files = append(s.files, file)
	}
	if len(s.files) == before {
		return fmt.Errorf("%s has none", folder)
	}
	return nil
}

// find finds the messages.
func (s *source) find() {
	for _, file := range s.files {
		ast.Inspect(file, func(n ast.Node) bool {
			if decl, ok := n.(*ast.GenDecl); ok && decl.Tok == gotoken.CONST {
				s.keep(decl)
			}
			return true
		})
	}
	for _, file := range s.files {
		pkg := nameOfSDK(file)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if isOf(pkg, "Errorf", n.Fun) && len(n.Args) > 1 {
					s.message(n.Args[1], true)
				}
			case *ast.CompositeLit:
				for _, e := range n.Elts {
					if pair, ok := e.(*ast.KeyValueExpr); ok && isOf(pkg, "Error", n.Type) && isNamed("Message", pair.Key) {
						s.message(pair.Value, false)
					}
				}
			}
			return true
		})
	}
}

// keep notes what the constants of a declaration are.
func (s *source) keep(decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		spec := spec.(*ast.ValueSpec)
		for i, value := range spec.Values {
			s.constants[spec.Names[i].Name] = value
		}
	}
}

// message notes a message, which may be a format without verbs.
func (s *source) message(e ast.Expr, format bool) {
	text, ok := s.text(e)
	if format {
		ok = ok && !strings.Contains(strings.ReplaceAll(text, "%%", ""), "%")
		text = strings.ReplaceAll(text, "%%", "%")
	}
	if !ok {
		s.faults = append(s.faults, s.lines.Position(e.Pos()).String()+": the message is not constant, so that no translation is found for it: write one for each case")
		return
	}
	s.messages = append(s.messages, text)
}

// text returns the text of an expression, if it is a constant.
func (s *source) text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.ParenExpr:
		return s.text(e.X)
	case *ast.BinaryExpr:
		x, xOK := s.text(e.X)
		y, yOK := s.text(e.Y)
		return x + y, xOK && yOK
	case *ast.Ident:
		value, ok := s.constants[e.Name]
		if !ok {
			return "", false
		}
		return s.text(value)
	}
	return "", false
}

// nameOfSDK returns what a file calls package sdk; empty if it does not use it.
func nameOfSDK(file *ast.File) string {
	for _, i := range file.Imports {
		if i.Path.Value == `"github.com/credhost/credhost/sdk"` {
			if i.Name != nil {
				return i.Name.Name
			}
			return "sdk"
		}
	}
	return ""
}

// isOf reports whether an expression is a name of a package.
func isOf(pkg, name string, e ast.Expr) bool {
	selector, ok := e.(*ast.SelectorExpr)
	return ok && pkg != "" && isNamed(pkg, selector.X) && selector.Sel.Name == name
}

func isNamed(name string, e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}
