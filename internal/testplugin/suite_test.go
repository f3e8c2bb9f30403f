// SPDX-License-Identifier: Apache-2.0

package testplugin_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/plugintest"
)

// what a type needs beside its good answers.
type more struct {
	answers map[string]sdk.Values // changes of the good answers, by the name of the set
	suite   func(s *plugintest.Suite)
}

var extra = map[string]more{
	"sigv4": {
		answers: map[string]sdk.Values{"key": {}, "service": {"service": "sts"}},
		suite: func(s *plugintest.Suite) {
			s.Request = func(sdk.Input) *http.Request {
				r, _ := http.NewRequest(http.MethodPut, "https://s3.eu-central-1.amazonaws.com/bucket/a%20file?x-id=Put&a", strings.NewReader("contents"))
				r.Header.Set("Content-Type", "text/plain")
				return r
			}
			s.Forbidden = &testplugin.SigV4Standin{Keys: s.Service.(*testplugin.Standins).SigV4.Keys, Deny: true}
		},
	},
	"digest": {suite: func(s *plugintest.Suite) {
		s.Random = true // the client's nonce
		s.Request = func(in sdk.Input) *http.Request {
			base, _ := in.Lookup("baseUrl")
			r, _ := http.NewRequest(http.MethodPost, base+"/things?a=b%20c", strings.NewReader("{}"))
			return r
		}
	}},
	"database": {suite: func(s *plugintest.Suite) { s.TCP = testplugin.ServeDatabase }},
	"renamed":  {suite: func(s *plugintest.Suite) { s.Old = map[int][]sdk.Values{1: {testplugin.RenamedAnswers()}} }},
	"clients": {
		answers: clientsAnswers(),
		suite:   func(s *plugintest.Suite) { s.Wrong = testplugin.ClientsForeign() },
	},
	"account": {suite: func(s *plugintest.Suite) { s.Wrong = sdk.Values{"keyFile": testplugin.AccountFile(true)} }},
	"placed": {
		answers: map[string]sdk.Values{"header": {}, "cookie": {"place": "cookie"}, "query": {"place": "query"}, "path": {"place": "path"}},
		suite: func(s *plugintest.Suite) {
			s.Request = func(in sdk.Input) *http.Request {
				r, _ := http.NewRequest(http.MethodGet, "https://placed.example/key-{key}/things?key", nil)
				r.Header.Set("Cookie", "session=the-callers-own; other=1")
				return r
			}
		},
	},
}

// clientsAnswers are those of each way to authenticate.
func clientsAnswers() map[string]sdk.Values {
	all := map[string]sdk.Values{}
	for _, method := range testplugin.ClientsMethods() {
		all[string(method)] = testplugin.ClientsAnswers(method)
	}
	return all
}

func TestTypesPassTheSuite(t *testing.T) {
	types := map[string]sdk.Plugin{"many007": testplugin.Many(7)}
	for _, p := range testplugin.Plugins()[:14] {
		types[p.Schema().Name] = p
	}
	for name, p := range types {
		t.Run(name, func(t *testing.T) {
			s := plugintest.Suite{
				New:     func() sdk.Plugin { return p },
				Service: testplugin.NewStandins(),
				Answers: map[string]sdk.Values{"good": testplugin.Answers(name)},
			}
			for set, changes := range extra[name].answers {
				delete(s.Answers, "good")
				s.Answers[set] = testplugin.Answers(name)
				maps.Copy(s.Answers[set], changes)
			}
			if more := extra[name].suite; more != nil {
				more(&s)
			}
			plugintest.Run(t, s)
		})
	}
	t.Run("renamed, as it was", func(t *testing.T) {
		plugintest.Run(t, plugintest.Suite{
			New:     func() sdk.Plugin { return testplugin.RenamedOld{} },
			Service: testplugin.NewStandins(),
			Answers: map[string]sdk.Values{"good": testplugin.RenamedAnswers()},
		})
	})
}
