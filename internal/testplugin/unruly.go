// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

const (
	unrulyOrigin = "https://unruly.example"
	unrulyKey    = "EXAMPLE-unruly-key"
	elsewhere    = "https://elsewhere.example"
)

// The mishaps of [Unruly], as its answer has them. They happen in Grant.
const (
	MishapNone        = "none"        // none
	MishapPanic       = "panic"       // panics, with the key in its words
	MishapExit        = "exit"        // ends the program with status 3
	MishapHang        = "hang"        // never returns
	MishapWait        = "wait"        // returns when ctx ends
	MishapPrint       = "print"       // prints the key in every way there is
	MishapQuote       = "quote"       // fails with an error that is no *sdk.Error and quotes the key
	MishapElsewhere   = "elsewhere"   // sends a request to an origin that is not its own
	MishapDetached    = "detached"    // sends a request that does not descend from its ctx
	MishapOutside     = "outside"     // wants its grant to go to an origin that is not its own
	MishapHeader      = "header"      // sets a header that belongs to the connection
	MishapLarge       = "large"       // returns a state of 2 MiB
	MishapExpired     = "expired"     // returns a grant that has ended already
	MishapSign        = "sign"        // asks for signatures, which it does not make
	MishapDial        = "dial"        // connects to its target, a host:port, by itself
	MishapRead        = "read"        // reads its target, a file
	MishapRun         = "run"         // runs its target, a program
	MishapEnvironment = "environment" // returns the names in its environment
	MishapMemory      = "memory"      // takes a GiB of memory
)

var mishaps = map[string]func(context.Context, sdk.Input) (sdk.Grant, error){
	MishapNone:  func(_ context.Context, in sdk.Input) (sdk.Grant, error) { return unrulyGrant(in), nil },
	MishapPanic: func(_ context.Context, in sdk.Input) (sdk.Grant, error) { panic("the key is " + in.Get(unrulyAPIKey)) },
	MishapExit:  func(context.Context, sdk.Input) (sdk.Grant, error) { os.Exit(3); return sdk.Grant{}, nil },
	MishapHang:  func(context.Context, sdk.Input) (sdk.Grant, error) { select {} },
	MishapWait: func(ctx context.Context, _ sdk.Input) (sdk.Grant, error) {
		<-ctx.Done()
		return sdk.Grant{}, ctx.Err()
	},
	MishapPrint: printKey,
	MishapQuote: func(_ context.Context, in sdk.Input) (sdk.Grant, error) {
		return sdk.Grant{}, errors.New("the service does not like " + in.Get(unrulyAPIKey))
	},
	MishapElsewhere: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
		return unrulyGrant(in), sdk.Probe(ctx, unrulyGrant(in), elsewhere+"/me", nil)
	},
	MishapDetached: func(_ context.Context, in sdk.Input) (sdk.Grant, error) {
		return unrulyGrant(in), sdk.Probe(context.Background(), unrulyGrant(in), unrulyOrigin+"/me", nil)
	},
	MishapOutside: func(_ context.Context, in sdk.Input) (sdk.Grant, error) {
		g := unrulyGrant(in)
		g.Origins = []string{unrulyOrigin, elsewhere}
		return g, nil
	},
	MishapHeader: func(context.Context, sdk.Input) (sdk.Grant, error) {
		return sdk.Grant{Header: http.Header{"Host": {"elsewhere.example"}}}, nil
	},
	MishapLarge: func(context.Context, sdk.Input) (sdk.Grant, error) {
		return sdk.Grant{State: make([]byte, 2<<20)}, nil
	},
	MishapExpired: func(_ context.Context, in sdk.Input) (sdk.Grant, error) {
		g := unrulyGrant(in)
		g.Expiry = time.Now().Add(-time.Hour)
		return g, nil
	},
	MishapSign: func(context.Context, sdk.Input) (sdk.Grant, error) { return sdk.Grant{Sign: sdk.SignURL}, nil },
	MishapDial: func(_ context.Context, in sdk.Input) (sdk.Grant, error) {
		conn, err := net.DialTimeout("tcp", in.Get(target), 5*time.Second)
		if err == nil {
			conn.Close()
		}
		return tried(in, "connected", err)
	},
	MishapRead: func(_ context.Context, in sdk.Input) (sdk.Grant, error) {
		_, err := os.ReadFile(in.Get(target))
		return tried(in, "read", err)
	},
	MishapRun: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
		return tried(in, "run", exec.CommandContext(ctx, in.Get(target)).Run())
	},
	MishapEnvironment: func(_ context.Context, in sdk.Input) (sdk.Grant, error) {
		var names []string
		for _, pair := range os.Environ() {
			name, _, _ := strings.Cut(pair, "=")
			names = append(names, name)
		}
		return tried(in, strings.Join(names, " "), nil)
	},
	MishapMemory: func(_ context.Context, in sdk.Input) (sdk.Grant, error) {
		b := bytes.Repeat([]byte{1}, 1<<30) // written to, or it would take none
		return tried(in, fmt.Sprint(len(b)), nil)
	},
}

var (
	mishap = sdk.Field{Name: "mishap", Title: "What goes wrong", Kind: sdk.Choice, Default: MishapNone, Options: []sdk.Option{
		{Value: MishapNone}, {Value: MishapPanic}, {Value: MishapExit}, {Value: MishapHang}, {Value: MishapWait},
		{Value: MishapPrint}, {Value: MishapQuote}, {Value: MishapElsewhere}, {Value: MishapDetached},
		{Value: MishapOutside}, {Value: MishapHeader}, {Value: MishapLarge}, {Value: MishapExpired}, {Value: MishapSign},
		{Value: MishapDial}, {Value: MishapRead}, {Value: MishapRun}, {Value: MishapEnvironment}, {Value: MishapMemory},
	}}
	target       = sdk.Field{Name: "target", Title: "Target", Optional: true}
	unrulyAPIKey = sdk.Field{Name: "apiKey", Title: "API key", Secret: true, Help: "Any page of the service shows it."}
)

// Unruly is the type unruly: it does what plugins must not, as its answer
// mishap says. Where it tries what a sandbox prevents, the fact "did" of the
// grant says that it succeeded, and the fact "failed" that it did not.
type Unruly struct{}

var _ sdk.Tester = Unruly{}

// Schema implements [sdk.Plugin].
func (Unruly) Schema() sdk.Schema {
	return sdk.Schema{Name: "unruly", Title: "Unruly", Fields: []sdk.Field{mishap, target, unrulyAPIKey}, Origins: []string{unrulyOrigin}}
}

func unrulyGrant(in sdk.Input) sdk.Grant {
	return sdk.Grant{Header: http.Header{"X-Api-Key": {in.Get(unrulyAPIKey)}}}
}

// Grant implements [sdk.Plugin].
func (Unruly) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	return mishaps[in.Get(mishap)](ctx, in)
}

// tried returns a grant that says what became of an attempt.
func tried(in sdk.Input, what string, err error) (sdk.Grant, error) {
	g := unrulyGrant(in)
	g.Facts = map[string]string{"did": what}
	if err != nil {
		g.Facts = map[string]string{"failed": err.Error()}
	}
	return g, nil
}

func printKey(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	key := in.Get(unrulyAPIKey)
	fmt.Println("printed:", key)
	fmt.Fprintln(os.Stderr, "written:", key)
	log.Println("logged:", key)
	println("said:", key)
	return unrulyGrant(in), nil
}

// Test implements [sdk.Tester].
func (Unruly) Test(ctx context.Context, _ sdk.Input, g sdk.Grant) error {
	return sdk.Probe(ctx, g, unrulyOrigin+"/me", nil)
}

// UnrulyStandin stands in for the service of unruly.
type UnrulyStandin struct{}

// ServeHTTP implements [http.Handler].
func (UnrulyStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if key := r.Header.Get("X-Api-Key"); key != unrulyKey {
		refuse(w, http.StatusUnauthorized, "wrong key: "+key)
		return
	}
	reply(w, map[string]string{"name": "unruly"})
}
