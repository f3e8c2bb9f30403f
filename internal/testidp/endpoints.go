// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"html/template"
	"net/http"
	"time"

	"github.com/ory/fosite"
)

// metadata tells where everything is (RFC 8414), and that people come back
// with an iss (RFC 9207).
func (s *server) metadata(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]any{
		"issuer":                                         s.Issuer,
		"authorization_endpoint":                         s.Issuer + "/authorize",
		"token_endpoint":                                 s.Issuer + "/token",
		"introspection_endpoint":                         s.Issuer + "/introspect",
		"revocation_endpoint":                            s.Issuer + "/revoke",
		"userinfo_endpoint":                              s.Issuer + "/userinfo",
		"code_challenge_methods_supported":               []string{"S256"},
		"response_types_supported":                       []string{"code"},
		"introspection_endpoint_auth_methods_supported":  []string{"client_secret_basic"},
		"authorization_response_iss_parameter_supported": true,
	})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) // a client that left needs no answer
}

var page = template.Must(template.New("").Parse(`<!DOCTYPE html><title>{{.Title}}</title>
<h1>{{.Title}}</h1><form method="post">{{if .Client}}<p>{{.Client}} wants {{range .Scopes}}{{.}} {{end}}</p>
<input type="hidden" name="approve" value="yes">{{else}}
<input name="login" required><input type="password" name="password" required>{{end}}
<button type="submit">Continue</button></form>`))

// authorize has a person sign in, then asks for approval, then sends them back.
func (s *server) authorize(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	ar, err := s.fosite.NewAuthorizeRequest(ctx, r)
	if err != nil {
		s.fosite.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	cookie, err := r.Cookie("__Host-person")
	login := r.PostFormValue("login")
	switch {
	case err != nil && login != "":
		http.SetCookie(w, &http.Cookie{Name: "__Host-person", Value: login, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		http.Redirect(w, r, r.URL.RequestURI(), http.StatusSeeOther)
		return
	case err != nil:
		page.Execute(w, map[string]any{"Title": "Sign in"})
		return
	case r.PostFormValue("approve") == "":
		page.Execute(w, map[string]any{"Title": "Approve access", "Client": ar.GetClient().GetID(), "Scopes": ar.GetRequestedScopes()})
		return
	}
	for _, scope := range ar.GetRequestedScopes() {
		ar.GrantScope(scope)
	}
	resp, err := s.fosite.NewAuthorizeResponse(ctx, ar, &fosite.DefaultSession{Subject: cookie.Value, ExpiresAt: map[fosite.TokenType]time.Time{}})
	if err != nil {
		s.fosite.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	resp.AddParameter("iss", s.Issuer)
	s.fosite.WriteAuthorizeResponse(ctx, w, ar, resp)
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	ar, err := s.fosite.NewAccessRequest(ctx, r, new(fosite.DefaultSession))
	if err != nil {
		s.fosite.WriteAccessError(ctx, w, ar, err)
		return
	}
	if ar.GetGrantTypes().ExactOne("client_credentials") {
		for _, scope := range ar.GetRequestedScopes() {
			ar.GrantScope(scope)
		}
	}
	resp, err := s.fosite.NewAccessResponse(ctx, ar)
	if err != nil {
		s.fosite.WriteAccessError(ctx, w, ar, err)
		return
	}
	s.fosite.WriteAccessResponse(ctx, w, ar, resp)
}

func (s *server) introspect(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	resp, err := s.fosite.NewIntrospectionRequest(ctx, r, new(fosite.DefaultSession))
	if err != nil {
		s.fosite.WriteIntrospectionError(ctx, w, err)
		return
	}
	s.fosite.WriteIntrospectionResponse(ctx, w, resp)
}

func (s *server) revoke(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	s.fosite.WriteRevocationResponse(ctx, w, s.fosite.NewRevocationRequest(ctx, r))
}

// userinfo is the protected resource.
func (s *server) userinfo(w http.ResponseWriter, r *http.Request) {
	_, ar, err := s.fosite.IntrospectToken(r.Context(), fosite.AccessTokenFromRequest(r), fosite.AccessToken, new(fosite.DefaultSession), "openid")
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	sub := ar.GetSession().GetSubject()
	reply(w, map[string]string{"sub": sub, "email": sub + "@example.com"})
}
