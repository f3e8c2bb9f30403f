// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/internal/standin"
	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/plugintest"
)

func TestPlugin(t *testing.T) {
	clouds := map[string]http.Handler{}
	for host, version := range map[string]string{"crm.example.com": "", "old.example.com": "7.10.0", "new.example.com": "7.14.6"} {
		clouds[host] = standin.NewHelloCloud(standin.HelloCloudConfig{Behaviour: standin.HelloCloudBehaviour{Version: version}})
	}
	clouds["eight.example.com"] = standin.NewHelloCloud(standin.HelloCloudConfig{Prefix: "/legacy"})
	plugintest.Run(t, plugintest.Suite{
		New:     func() sdk.Plugin { return hellocloud{} },
		Service: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { clouds[r.Host].ServeHTTP(w, r) }),
		Answers: map[string]sdk.Values{
			"machine":        machine(),
			"person":         person(),
			"personOfOld":    person("baseUrl", "https://old.example.com", "version", "7.10.0"),
			"personOfNew":    person("baseUrl", "https://new.example.com"),
			"machineOfEight": machine("baseUrl", "https://eight.example.com/legacy/"),
		},
		Request: func(in sdk.Input) *http.Request {
			r, _ := http.NewRequest(http.MethodGet, root(in)+"/Api/V8/module/Accounts", nil)
			r.Header.Set("Accept", mediaType)
			return r
		},
	})
}

func machine(changes ...string) sdk.Values {
	return with(sdk.Values{
		"baseUrl":      "https://crm.example.com",
		"clientId":     standin.HelloCloudClientID,
		"clientSecret": standin.HelloCloudClientSecret,
	}, changes)
}

func person(changes ...string) sdk.Values {
	return with(sdk.Values{
		"baseUrl":      "https://crm.example.com",
		"grantType":    "password",
		"clientId":     standin.HelloCloudPasswordClient,
		"clientSecret": standin.HelloCloudClientSecret,
		"username":     standin.HelloCloudUsername,
		"password":     standin.HelloCloudPassword,
	}, changes)
}

// with changes answers: names and values in turn.
func with(answers sdk.Values, changes []string) sdk.Values {
	answers = maps.Clone(answers)
	for i := 0; i < len(changes); i += 2 {
		answers[changes[i]] = changes[i+1]
	}
	return answers
}

// complete returns answers as the plugin gets them.
func complete(t *testing.T, answers sdk.Values) sdk.Input {
	t.Helper()
	s := hellocloud{}.Schema()
	full, err := s.Complete(answers)
	if err != nil {
		t.Fatal(err)
	}
	return sdk.NewInput(s, full)
}

// faults returns the fields that the schema refuses, and why.
func faults(answers sdk.Values) map[string]string {
	_, err := hellocloud{}.Schema().Complete(answers)
	all := map[string]string{}
	var es sdk.Errors
	if errors.As(err, &es) {
		for _, e := range es {
			all[e.Field] = e.Reason
		}
	}
	return all
}

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answers sdk.Values
		want    map[string]string
	}{
		"nothing":                       {nil, map[string]string{"baseUrl": "required", "clientId": "required", "clientSecret": "required"}},
		"client credentials on 7.10.0":  {machine("version", "7.10.0", "grantType", "client_credentials"), map[string]string{"grantType": "option"}},
		"client credentials on 7.10.2+": {machine("version", "7.10.2+", "grantType", "client_credentials"), map[string]string{}},
		"password on 7.10.0":            {person("version", "7.10.0"), map[string]string{}},
		"another version":               {machine("version", "8.0"), map[string]string{"version": "option", "grantType": "required"}},
		"password without a person":     {machine("grantType", "password"), map[string]string{"username": "required", "password": "required"}},
		"7.10.0 without a person":       {machine("version", "7.10.0"), map[string]string{"username": "required", "password": "required"}},
		"address with a query":          {machine("baseUrl", "https://crm.example.com/?x=y"), map[string]string{"baseUrl": "kind"}},
		"address with a password":       {machine("baseUrl", "https://a:b@crm.example.com"), map[string]string{"baseUrl": "kind"}},
		"name for an ID":                {machine("clientId", "ExampleClientName"), map[string]string{}}, // the service's own example
	} {
		if diff := cmp.Diff(c.want, faults(c.answers)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The best grant that a version has is the default, and nobody's password is
// kept where none is asked for.
func TestDefaults(t *testing.T) {
	for name, c := range map[string]struct{ answers, want sdk.Values }{
		"machine": {machine("username", "left", "password", "over"), machine("version", "7.10.2+", "grantType", "client_credentials")},
		"7.10.0":  {person("version", "7.10.0", "grantType", ""), person("version", "7.10.0")},
		"spaces":  {person("username", " example ", "password", " of the password "), person("version", "7.10.2+", "password", " of the password ")},
	} {
		if diff := cmp.Diff(map[string]string(c.want), map[string]string(complete(t, c.answers).Values())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWords(t *testing.T) { plugintest.Words(t, hellocloud{}.Schema()) }

func TestHelp(t *testing.T) {
	said := ""
	for _, f := range (hellocloud{}).Schema().Fields {
		if f.Help == "" && len(f.Options) == 0 {
			t.Errorf("%s has no help", f.Name)
		}
		said += f.Help + "\n"
		for _, o := range f.Options {
			said += o.Title + ": " + o.Help + "\n"
		}
	}
	for _, fact := range []string{
		"OAuth2 Clients and Tokens", "New Client Credentials Client", "New Password Client", "Associated User", "For a machine or a service",
		"For a user", "Change secret", "cannot be read again after saving", "visible once it is saved", "not its name",
	} {
		if !strings.Contains(said, fact) {
			t.Errorf("nothing says %q", fact)
		}
	}
}

func TestTokenRequest(t *testing.T) {
	machineForm := url.Values{"grant_type": {"client_credentials"}, "client_id": {standin.HelloCloudClientID}, "client_secret": {standin.HelloCloudClientSecret}}
	personForm := url.Values{"grant_type": {"password"}, "client_id": {standin.HelloCloudPasswordClient}, "client_secret": {standin.HelloCloudClientSecret},
		"username": {standin.HelloCloudUsername}, "password": {standin.HelloCloudPassword}}
	for name, c := range map[string]struct {
		answers sdk.Values
		path    string
		form    url.Values
	}{
		"machine":                  {machine(), "/Api/access_token", machineForm},
		"person":                   {person(), "/Api/access_token", personForm},
		"slash at the end":         {machine("baseUrl", "https://crm.example.com//"), "/Api/access_token", machineForm},
		"pasted with /Api":         {machine("baseUrl", "https://crm.example.com/Api"), "/Api/access_token", machineForm},
		"pasted with the endpoint": {machine("baseUrl", "https://crm.example.com/Api/access_token"), "/Api/access_token", machineForm},
		"pasted with the API":      {machine("baseUrl", "https://crm.example.com/Api/V8/"), "/Api/access_token", machineForm},
		"in a folder":              {machine("baseUrl", "https://crm.example.com/legacy/"), "/legacy/Api/access_token", machineForm},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := standin.NewHelloCloud(standin.HelloCloudConfig{})
			hellocloud{}.Grant(plugintest.Context(t, cloud), complete(t, c.answers)) // the stand-in need not take it
			r := cloud.Requests()[0]
			if r.Method != http.MethodPost || r.Path != c.path || r.RawQuery != "" {
				t.Errorf("got %s %s?%s, want POST %s", r.Method, r.Path, r.RawQuery, c.path)
			}
			if diff := cmp.Diff(c.form, r.Form()); diff != "" { // no scope among others: any is refused
				t.Errorf("the body (-want +got):\n%s", diff)
			}
			if r.Header.Get("Content-Type") != "application/vnd.api+json" || r.Header.Get("Accept") != "application/vnd.api+json" || r.Header.Get("Authorization") != "" {
				t.Errorf("headers: %v", r.Header)
			}
		})
	}
}

// try obtains a grant and tests it.
func try(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	g, err := hellocloud{}.Grant(ctx, in)
	if err != nil {
		return g, err
	}
	return g, hellocloud{}.Test(ctx, in, g)
}

// Whatever release an instance is of, each grant that it has works, and goes
// on working when its token is renewed.
func TestReleases(t *testing.T) {
	for _, version := range []string{"7.10.0", "7.10.2", "7.10.9", "7.10.10", "7.10.15", "7.10.16", "7.10.20", "7.10.21", "7.10.25", "7.10.26",
		"7.10.36", "7.11.0", "7.11.9", "7.12.14", "7.13.3", "7.14.4", "7.14.5", "7.14.6"} {
		for name, answers := range map[string]sdk.Values{"machine": machine(), "person": person()} {
			if version == "7.10.0" && name == "machine" {
				continue // has no such grant
			}
			t.Run(version+"/"+name, func(t *testing.T) {
				cloud := standin.NewHelloCloud(standin.HelloCloudConfig{Behaviour: standin.HelloCloudBehaviour{Version: version}})
				ctx, in := plugintest.Context(t, cloud), complete(t, answers)
				for range 3 {
					g, err := try(ctx, in)
					if err != nil {
						t.Fatal(err)
					}
					if (g.State != nil) != (name == "person") {
						t.Errorf("state: %q", g.State)
					}
					in.State = g.State
				}
				if cloud.Reused() > 0 {
					t.Errorf("a refresh token was used twice")
				}
			})
		}
	}
}

// A refresh token rotates; and where it is worth nothing the password is.
func TestRefresh(t *testing.T) {
	clock := standin.NewClock(time.Now())
	cloud := standin.NewHelloCloud(standin.HelloCloudConfig{Now: clock.Now})
	ctx, in := plugintest.Context(t, cloud), complete(t, person())
	grants := func(want ...string) {
		t.Helper()
		seen := len(cloud.Requests())
		g, err := hellocloud{}.Grant(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		in.State = g.State
		var got []string
		for _, r := range cloud.Requests()[seen:] {
			got = append(got, r.Form().Get("grant_type"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	grants("password")
	grants("refresh_token")
	grants("refresh_token")
	clock.Advance(32 * 24 * time.Hour)
	grants("refresh_token", "password") // it lives for a month
	cloud.Revoke()
	grants("refresh_token", "password")
	cloud.Set(func(b *standin.HelloCloudBehaviour) { b.Version = "7.14.0" })
	grants("refresh_token", "password") // the release refuses to refresh for a password client
	cloud.Fail(standin.Token, standin.Fault{Status: 503, Times: 1})
	if _, err := (hellocloud{}).Grant(ctx, in); !errors.Is(err, sdk.Unavailable) {
		t.Errorf("a service that is down: %v: the password must not go there in its place", err)
	}
}

// An outcome tells a wrong secret from a wrong answer and from a service that
// is down, though HelloCloud reports most of it as an error of its own, and
// repeats the password.
func TestOutcomes(t *testing.T) {
	behave := func(change func(*standin.HelloCloudBehaviour)) func(*standin.HelloCloud) {
		return func(h *standin.HelloCloud) { h.Set(change) }
	}
	fail := func(part standin.Part, f standin.Fault) func(*standin.HelloCloud) {
		return func(h *standin.HelloCloud) { h.Fail(part, f) }
	}
	version := func(v string) func(*standin.HelloCloud) {
		return behave(func(b *standin.HelloCloudBehaviour) { b.Version = v })
	}
	for name, c := range map[string]struct {
		answers sdk.Values
		change  func(*standin.HelloCloud)
		code    error
		field   string
		says    string
	}{
		"wrong secret":                       {machine("clientSecret", "EXAMPLE-wrong"), nil, sdk.Denied, "", "client ID and secret"},
		"wrong secret, 7.14":                 {machine("clientSecret", "EXAMPLE-wrong"), version("7.14.6"), sdk.Denied, "", "client ID and secret"},
		"wrong ID":                           {machine("clientId", "EXAMPLE-nobody"), nil, sdk.Denied, "", "the ID is not the name"},
		"wrong ID, 7.10.0":                   {person("clientId", "EXAMPLE-nobody"), version("7.10.0"), sdk.Denied, "", "client ID and secret"},
		"wrong password":                     {person("password", "EXAMPLE-wrong"), nil, sdk.Denied, "", "username and password"},
		"wrong password with a slash":        {person("password", "EXAMPLE-wrong/ünd"), nil, sdk.Denied, "", "username and password"},
		"wrong password, 7.14":               {person("password", "EXAMPLE-wrong"), version("7.14.6"), sdk.Denied, "", "username and password"},
		"wrong password, 7.10.0":             {person("password", "EXAMPLE-wrong"), version("7.10.0"), sdk.Denied, "", "username and password"},
		"wrong user":                         {person("username", "nobody"), nil, sdk.Denied, "", "username and password"},
		"password client as a machine":       {machine("clientId", standin.HelloCloudPasswordClient), nil, sdk.Denied, "", "associated user"},
		"password client as a machine, 7.14": {machine("clientId", standin.HelloCloudPasswordClient), version("7.14.6"), sdk.Denied, "", "one for this grant type"},
		"grant that is not offered":          {machine(), version("7.10.0"), sdk.Invalid, "grantType", "offers"},
		"wrong address":                      {machine("baseUrl", "https://crm.example.com/nothing"), nil, sdk.Invalid, "baseUrl", "folder"},
		"page":                               {machine(), fail(standin.Token, standin.Fault{HTML: true}), sdk.Invalid, "baseUrl", "address"},
		"page of the API":                    {machine(), fail(standin.API, standin.Fault{HTML: true}), sdk.Invalid, "baseUrl", "address"},
		"no rewriting":                       {machine(), behave(func(b *standin.HelloCloudBehaviour) { b.NoRewrite = true }), sdk.Invalid, "baseUrl", "rewrites /Api"},
		"dropped header":                     {machine(), behave(func(b *standin.HelloCloudBehaviour) { b.Authorization = standin.HeaderDropped }), sdk.Denied, "", ".htaccess"},
		"emptied header":                     {machine(), behave(func(b *standin.HelloCloudBehaviour) { b.Authorization = standin.HeaderEmptied }), sdk.Denied, "", ".htaccess"},
		"missing permission":                 {machine(), fail(standin.API, standin.Fault{Status: 403}), sdk.Forbidden, "", "permission"},
		"broken keys":                        {machine(), behave(func(b *standin.HelloCloudBehaviour) { b.BrokenKeys = true }), sdk.Unavailable, "", "500"},
		"broken server":                      {person(), fail(standin.Token, standin.Fault{Status: 500}), sdk.Unavailable, "", "500"},
		"broken server, API":                 {person(), fail(standin.API, standin.Fault{Status: 502}), sdk.Unavailable, "", "502"},
		"neither path is there":              {machine(), fail(standin.API, standin.Fault{Status: 404, Body: `{"message":"Not found"}`}), sdk.Invalid, "baseUrl", "address"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := standin.NewHelloCloud(standin.HelloCloudConfig{})
			if c.change != nil {
				c.change(cloud)
			}
			_, err := try(plugintest.Context(t, cloud), complete(t, c.answers))
			var e *sdk.Error
			if errors.As(err, &e); !errors.Is(err, c.code) || e == nil || e.Field != c.field || !strings.Contains(e.Message, c.says) {
				t.Fatalf("got %#v, want %v in %q that says %q", err, c.code, c.field, c.says)
			}
			for _, secret := range append(cloud.Secrets(), "EXAMPLE-wrong") {
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
					t.Errorf("the error quotes a secret")
				}
			}
		})
	}
}

func TestThrottled(t *testing.T) {
	for _, part := range []standin.Part{standin.Token, standin.API} {
		cloud := standin.NewHelloCloud(standin.HelloCloudConfig{})
		cloud.Fail(part, standin.Fault{Status: http.StatusTooManyRequests, RetryAfter: "30"})
		_, err := try(plugintest.Context(t, cloud), complete(t, person()))
		var e *sdk.Error
		if !errors.As(err, &e) || e.Code != sdk.Unavailable || e.RetryAfter != 30*time.Second {
			t.Errorf("%s: got %#v", part, err)
		}
	}
}

// A log-out ends the refresh token, too, even if the access token has ended
// already and is of no use to log out with.
func TestRevoke(t *testing.T) {
	for name, before := range map[string]func(*standin.HelloCloud){
		"live":    func(*standin.HelloCloud) {},
		"expired": func(c *standin.HelloCloud) { c.Expire() },
		"revoked": func(c *standin.HelloCloud) { c.Revoke() },
	} {
		t.Run(name, func(t *testing.T) {
			cloud := standin.NewHelloCloud(standin.HelloCloudConfig{})
			ctx, in := plugintest.Context(t, cloud), complete(t, person())
			g, err := hellocloud{}.Grant(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			in.State = g.State
			before(cloud)
			if err := (hellocloud{}).Revoke(ctx, in, g); err != nil {
				t.Fatal(err)
			}
			if _, err := client(in).Refresh(ctx, in.State); !errors.Is(err, sdk.Denied) {
				t.Errorf("the refresh token: %v, want Denied", err)
			}
			if err := (hellocloud{}).Test(ctx, in, g); !errors.Is(err, sdk.Denied) {
				t.Errorf("the access token: %v, want Denied", err)
			}
		})
	}
	cloud := standin.NewHelloCloud(standin.HelloCloudConfig{})
	ctx, in := plugintest.Context(t, cloud), complete(t, person())
	g, err := hellocloud{}.Grant(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	cloud.Fail(standin.API, standin.Fault{Status: 503})
	if err := (hellocloud{}).Revoke(ctx, in, g); !errors.Is(err, sdk.Unavailable) {
		t.Errorf("a service that is down: %v: the token lives on", err)
	}
}
