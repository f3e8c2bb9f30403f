// SPDX-License-Identifier: Apache-2.0

// Package credhost_test holds what is true of the module as a whole: which
// package may import which (imports_test.go), and the house rules that a
// reader may rely on in every file (house_test.go).
package credhost_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
)

// module is the path that the imports of this module's own packages begin with.
const module = "github.com/credhost/credhost"

// A source is one Go file of the module, whatever system it is built for.
type source struct {
	path      string // with slashes, below the module's root
	text      string
	syntax    *ast.File
	lines     *token.File
	test      bool // its name ends in _test.go
	generated bool
}

// at says where in the file a node begins, as editors and terminals understand it.
func (s source) at(node ast.Node) string {
	return s.lines.Position(node.Pos()).String()
}

// pkg is the folder of the file below the module's root; "." is the root itself.
func (s source) pkg() string {
	return path.Dir(s.path)
}

// sources answers every Go file of the module. It reads the folder rather than
// asking the go command, which leaves out the files of other systems.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := readSources()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go file found")
	}
	return all
}

var readSources = sync.OnceValues(func() ([]source, error) {
	var all []source
	root := os.DirFS(".")
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return foreign(root, name)
		case path.Ext(name) != ".go":
			return nil
		}
		file, err := readSource(root, name)
		all = append(all, file)
		return err
	})
	return all, err
})

// foreign answers fs.SkipDir for a folder whose Go files, if any, are not
// packages of this module.
func foreign(root fs.FS, folder string) error {
	base := path.Base(folder)
	if folder == "." {
		return nil
	}
	if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(root, path.Join(folder, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func readSource(root fs.FS, name string) (source, error) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return source{}, err
	}
	files := token.NewFileSet()
	syntax, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	return source{
		path:      name,
		text:      strings.ReplaceAll(string(text), "\r\n", "\n"),
		syntax:    syntax,
		lines:     files.File(syntax.FileStart),
		test:      strings.HasSuffix(name, "_test.go"),
		generated: ast.IsGenerated(syntax),
	}, nil
}
