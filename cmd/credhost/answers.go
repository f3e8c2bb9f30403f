// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/sdk"
)

// An answering is how a command line gives answers: fields by --set, and all
// at once by --from.
type answering struct {
	set  texts
	from string

	stdin bool // standard input has been read
}

func (a *answering) flags(c *cobra.Command) {
	c.Flags().Var(&a.set, "set", "answer a field; @FILE or @- stands for what is in a file or on standard input, @@… for an answer that begins with @")
	c.Flags().StringVar(&a.from, "from", "", "answer fields with a JSON object in a `file`, or - for standard input")
}

// any reports whether there are answers.
func (a *answering) any() bool { return len(a.set) > 0 || a.from != "" }

// answers returns the answers to s. Those of --set go before those of --from.
func (a *answering) answers(p *program, s sdk.Schema) (sdk.Values, error) {
	values := sdk.Values{}
	if a.from != "" {
		data, err := a.read(p, a.from)
		if err != nil {
			return nil, err
		}
		if values, err = s.Decode(unset(s, data)); err != nil {
			return nil, err
		}
	}
	many := map[string][]string{}
	for _, one := range a.set {
		name, text, ok := strings.Cut(one, "=")
		if !ok || name == "" {
			// What was given instead may be a secret.
			return nil, &failure{code: codeUsage, text: "--set must be FIELD=ANSWER"}
		}
		v, err := a.value(p, s, name, text)
		if err != nil {
			return nil, err
		}
		f, _ := s.Field(name)
		if f.Many && !strings.HasPrefix(v, "[") {
			many[name] = append(many[name], v)
			continue
		}
		values[name] = v
	}
	for name, all := range many {
		list, _ := json.Marshal(all) // texts always encode
		values[name] = string(list)
	}
	return values, nil
}

// value returns the answer that text stands for.
func (a *answering) value(p *program, s sdk.Schema, name, text string) (string, error) {
	f, _ := s.Field(name)
	file, isFile := strings.CutPrefix(text, "@")
	switch {
	case !isFile:
		if f.Secret && text != "" {
			p.note("warning: %s is in the list of processes and in the shell's history: give it as --set %s=@FILE or @- instead", name, name)
		}
		return text, nil
	case strings.HasPrefix(file, "@"):
		return file, nil
	}
	data, err := a.read(p, file)
	if err != nil {
		return "", err
	}
	v := string(data)
	if f.Kind != sdk.LongText { // editors and echo end a line
		v = strings.TrimSuffix(strings.TrimSuffix(v, "\n"), "\r")
	}
	return v, nil
}

// read reads a file, or standard input, once.
func (a *answering) read(p *program, file string) ([]byte, error) {
	from := p.in
	switch {
	case file == "-" && a.stdin:
		return nil, &failure{code: codeUsage, text: "standard input can be read only once: give the other answers in files"}
	case file == "-":
		a.stdin = true
	default:
		f, err := os.Open(file)
		if err != nil {
			return nil, &failure{code: codeUsage, text: err.Error()}
		}
		defer f.Close()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, maxRead+1))
	switch {
	case err != nil:
		return nil, &failure{code: codeUsage, text: err.Error()}
	case len(data) > maxRead:
		return nil, &failure{code: codeUsage, text: fmt.Sprintf("%s is larger than %d MiB", file, maxRead>>20)}
	}
	return data, nil
}

// maxRead is how much is read of a file, in bytes: as much as a request may
// have, and far more than answers.
const maxRead = 16 << 20

// unset takes out of an object the secrets that show prints as {"set":true},
// so that what it printed can be changed and given back.
func unset(s sdk.Schema, object []byte) []byte {
	var answers map[string]json.RawMessage
	if json.Unmarshal(object, &answers) != nil {
		return object // Decode says what is wrong
	}
	for name, native := range answers {
		var mark struct {
			Set bool `json:"set"`
		}
		if f, ok := s.Field(name); ok && f.Secret && json.Unmarshal(native, &mark) == nil && mark.Set {
			delete(answers, name)
		}
	}
	rest, err := json.Marshal(answers)
	if err != nil {
		return object
	}
	return rest
}

// texts are a flag that is given any number of times, whose values may be
// empty or hold anything.
type texts []string

// String returns nothing: there may be secrets.
func (t *texts) String() string { return "" }

// Set adds a value.
func (t *texts) Set(v string) error {
	*t = append(*t, v)
	return nil
}

// Type is what help calls a value.
func (t *texts) Type() string { return "FIELD=ANSWER" }
