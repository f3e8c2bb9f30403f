// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/credhost/credhost/host/form/terminal"
)

// A person is somebody at a terminal who can be asked. Questions are written
// to standard error, so that results can go elsewhere.
type person struct {
	in  *os.File
	out io.Writer
}

// person returns who can be asked, and whether there is anybody: standard
// input is a terminal.
func (p *program) person() (person, bool) {
	out := p.err
	if others, ok := out.(*aside); ok {
		out = others.to
	}
	return person{p.in, out}, term.IsTerminal(int(p.in.Fd()))
}

// errEnded is for a person who ends the input, by Ctrl-D for example.
var errEnded = &failure{code: codeDeclined, text: terminal.ErrEnded.Error()}

// yes asks a question that is answered by y or n; anything else is no.
func (o person) yes(ctx context.Context, question string) (bool, error) {
	fmt.Fprint(o.out, visible(question+" [y/N] "))
	text, err := terminal.ReadLine(ctx, o.in)
	if err != nil {
		fmt.Fprintln(o.out)
	}
	if errors.Is(err, terminal.ErrEnded) {
		return false, nil
	}
	text = strings.ToLower(strings.TrimSpace(text))
	return text == "y" || text == "yes", err
}

// errNobody is for a question that nobody is there to answer.
func errNobody(what, flag string) error {
	return &failure{code: codeUsage, text: "nobody is there to ask whether " + what, next: "say so with " + flag}
}
