// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"testing"

	"github.com/credhost/credhost/sdk"
)

// TestMovingSecrets shows that an application, too, cannot be pointed at
// another address without its secrets.
func TestMovingSecrets(t *testing.T) {
	s := sdk.Schema{
		Fields:        []sdk.Field{{Name: "login"}, {Name: "id"}, {Name: "secret", Secret: true}},
		AnswerOrigins: []string{"{login}"},
	}
	before := map[string]string{"login": "https://a.example", "id": "1", "secret": "x"}
	for name, c := range map[string]struct {
		patch   sdk.Values
		refused bool
	}{
		"another address":           {sdk.Values{"login": "https://b.example"}, true},
		"another, with the secret":  {sdk.Values{"login": "https://b.example", "secret": "y"}, false},
		"the same address":          {sdk.Values{"login": "https://a.example"}, false},
		"something else altogether": {sdk.Values{"id": "2"}, false},
	} {
		after := &content{Values: merge(before, c.patch)}
		var err error
		if movesSecrets(s, before, after.Values) {
			err = after.freshSecrets(s, Patch{Values: c.patch}, true)
		}
		var e *sdk.Error
		if refused := errors.As(err, &e); refused != c.refused || refused && e.Field != "secret" {
			t.Errorf("%s: %v; want refused: %v", name, err, c.refused)
		}
	}
}
