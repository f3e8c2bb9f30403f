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
	return person{p.in, p.err}, term.IsTerminal(int(p.in.Fd()))
}

// errEnded is for a person who ends the input, by Ctrl-D for example.
var errEnded = &failure{code: codeDeclined, text: "the input ended before everything was answered"}

// say tells the person something.
func (o person) say(format string, args ...any) {
	fmt.Fprint(o.out, visible(fmt.Sprintf(format, args...)), "\n")
}

// line asks for a line of text.
func (o person) line(ctx context.Context, prompt string) (string, error) {
	fmt.Fprint(o.out, visible(prompt))
	return wait(ctx, o, func() (string, error) { return readLine(o.in) })
}

// secret asks for a line that is not shown while it is typed.
func (o person) secret(ctx context.Context, prompt string) (string, error) {
	fmt.Fprint(o.out, visible(prompt))
	fd := int(o.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("what is typed cannot be hidden on this terminal: %w", err)
	}
	text, err := wait(ctx, o, func() (string, error) {
		b, err := term.ReadPassword(fd)
		return string(b), err
	})
	if err != nil {
		term.Restore(fd, before) // the read may still be waiting, without an echo
	}
	fmt.Fprintln(o.out)
	return text, err
}

// yes asks a question that is answered by y or n; anything else is no.
func (o person) yes(ctx context.Context, question string) (bool, error) {
	text, err := o.line(ctx, question+" [y/N] ")
	if errors.Is(err, errEnded) {
		return false, nil
	}
	text = strings.ToLower(strings.TrimSpace(text))
	return text == "y" || text == "yes", err
}

// wait waits for what a person types, or for the end of ctx. A read that ctx
// cuts short goes on until the program ends, which is soon.
func wait(ctx context.Context, o person, read func() (string, error)) (string, error) {
	type typed struct {
		text string
		err  error
	}
	done := make(chan typed, 1)
	go func() {
		text, err := read()
		done <- typed{text, err}
	}()
	select {
	case t := <-done:
		if errors.Is(t.err, io.EOF) {
			fmt.Fprintln(o.out)
			return "", errEnded
		}
		return t.text, t.err
	case <-ctx.Done():
		fmt.Fprintln(o.out)
		return "", ctx.Err()
	}
}

// readLine reads a line and no more, which a buffered reader would: the next
// one may be read without an echo.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); ; {
		n, err := r.Read(one)
		switch {
		case n == 1 && one[0] == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case n == 1:
			line = append(line, one[0])
		case err != nil && len(line) > 0:
			return string(line), nil
		case err != nil:
			return "", err
		}
	}
}

// errNobody is for a question that nobody is there to answer.
func errNobody(what, flag string) error {
	return &failure{code: codeUsage, text: "nobody is there to ask whether " + what, next: "say so with " + flag}
}
