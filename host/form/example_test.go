// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"encoding/json"
	"fmt"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

var (
	hosting = sdk.Field{Name: "hosting", Title: "Hosting", Kind: sdk.Choice, Default: "own",
		Options: []sdk.Option{{Value: "own", Title: "On our own server"}, {Value: "hosted", Title: "By Acme"}}}
	tenant = sdk.Field{Name: "tenant", Title: "Tenant", When: hosting.Is("hosted")}
	secret = sdk.Field{Name: "secret", Title: "Secret", Secret: true}

	acme = sdk.Schema{Name: "acme", Title: "Acme", Fields: []sdk.Field{hosting, tenant, secret}, Origins: []string{"https://acme.example"}}
)

// What a form library needs is one document; what it sends is judged by the
// host, whose verdict goes back to the form in its language.
func Example() {
	f := form.New(form.Config{Schema: acme, Languages: "pt-BR, en;q=0.8"})

	var bundle struct{ Schema, UISchema, Data json.RawMessage }
	if err := json.Unmarshal(f.RJSF(), &bundle); err != nil {
		panic(err)
	}
	// … and it comes back with what a person filled in:
	answers, err := acme.Decode([]byte(`{"hosting":"hosted","secret":""}`))
	if err == nil {
		_, err = acme.Complete(answers) // in earnest: workspace.Create, or Update with Whole
	}
	for _, fault := range f.Faults(err) {
		fmt.Println(fault.Field, fault.Code)
	}
	// Output:
	// tenant required
	// secret required
}

// A form of a credential that is edited is made of what may be seen of it.
func ExampleNew_edit() {
	f := form.New(form.Config{Schema: acme, Answers: map[string]json.RawMessage{
		"hosting": json.RawMessage(`"own"`),
		"secret":  json.RawMessage(`{"set":true}`),
	}})
	fmt.Println(f.Check(sdk.Values{"hosting": "own"}))    // the secret stays
	fmt.Println(f.Check(sdk.Values{"hosting": "hosted"})) // and is not asked for
	// Output:
	// []
	// [{tenant required is required}]
}
