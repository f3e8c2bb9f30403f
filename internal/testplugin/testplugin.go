// SPDX-License-Identifier: Apache-2.0

// Package testplugin holds credential plugins for the tests of hosts: one type
// for each optional interface of package sdk, and one for each way in which a
// grant can differ from a header that lasts.
//
//	sigv4     signs requests, with their headers and the digest of their body (AWS)
//	digest    answers challenges, and counts (RFC 7616)
//	homed     connects in a browser; its refresh tokens work once; where the grant may go comes with the token
//	device    connects with a code that a person types elsewhere (RFC 8628)
//	database  is only ever released, and tests itself over tcp://
//	sites     asks the service what there is to choose from
//	renamed   has an older version, with other fields
//	placed    puts its key into a header, a cookie, the query or the path
//	unruly    does what plugins must not
//	clients   authenticates as a client in every way that there is, and with a certificate
//	account   signs for itself, and acts for others (RFC 7523)
//	exchanged has a token exchanged for one of several resources (RFC 8693, RFC 8707)
//	pushed    pushes what a person approves (RFC 9126), and proves that what it revokes is dead
//	mortal    dies with the service's answer in its hands, and has tokens that end
//	many001   and so on to many400: an API key each
//
// Each has a stand-in that checks what it gets as strictly as the service
// would; [Standins] is all of them behind one handler, told apart by the Host
// of a request. [Build] makes the program that serves the plugins.
package testplugin

import (
	"fmt"
	"maps"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

// Plugins returns a plugin of every type.
func Plugins() []sdk.Plugin {
	return append([]sdk.Plugin{
		SigV4{}, Digest{}, Homed{}, Device{}, Database{}, Sites{}, Renamed{}, Placed{}, Unruly{},
		Clients{}, Account{}, Exchanged{}, Pushed{}, Mortal{},
	}, many()...)
}

// OldPlugins returns what an earlier release of the program served: renamed
// has the version before.
func OldPlugins() []sdk.Plugin {
	all := Plugins()
	for i, p := range all {
		if _, ok := p.(Renamed); ok {
			all[i] = RenamedOld{}
		}
	}
	return all
}

// manyTypes is how many types are of one Go type.
const manyTypes = 400

func many() []sdk.Plugin {
	all := make([]sdk.Plugin, manyTypes)
	for i := range all {
		all[i] = Many(i + 1)
	}
	return all
}

// Answers returns a complete set of good answers for a type, or nil if there
// is no such type. It is the caller's to change. Addresses are the usual ones,
// so that a host needs the routes of [Standins.Routes].
func Answers(typ string) sdk.Values {
	var n int
	if _, err := fmt.Sscanf(typ, "many%03d", &n); err == nil {
		return sdk.Values{"apiKey": manyKey(n)}
	}
	switch typ {
	case "clients":
		return ClientsAnswers(oauth.AuthPost)
	case "account":
		return sdk.Values{"keyFile": AccountFile(false), "user": accountUser}
	}
	return maps.Clone(answers[typ])
}

// answers are good ones, by type. Whatever is secret among them says EXAMPLE.
var answers = map[string]sdk.Values{
	"sigv4":    {"accessKeyId": sigv4KeyID, "secretAccessKey": sigv4Secret, "region": "eu-central-1"},
	"digest":   {"baseUrl": digestOrigin, "username": digestUser, "password": digestPassword},
	"homed":    {"clientId": homedClientID, "clientSecret": homedClientSecret},
	"device":   {"clientId": deviceClientID},
	"database": {"host": "db.example", "port": "6379", "username": databaseUser, "password": databasePassword},
	"sites":    {"apiKey": sitesKey, "site": "north"},
	"renamed":  {"account": "example", "apiKey": renamedKey},
	"placed":   {"place": "header", "apiKey": placedKey},
	"unruly":   {"mishap": "none", "apiKey": unrulyKey},

	"exchanged": {"subjectToken": exchangedSubject, "actorToken": exchangedActor},
	"pushed":    {"clientId": pushedClientID, "clientSecret": pushedGoodSecret},
	"mortal":    {"apiKey": mortalKey},
}

// Secrets returns every secret among the answers: canaries to search logs,
// errors and stores for.
func Secrets() []string {
	all := []string{
		sigv4Secret, digestPassword, homedClientSecret, databasePassword, sitesKey, renamedKey, placedKey, unrulyKey,
		clientsGoodSecret, exchangedSubject, exchangedActor, pushedGoodSecret, mortalKey,
	}
	for i := range manyTypes {
		all = append(all, manyKey(i+1))
	}
	return all
}
