// SPDX-License-Identifier: Apache-2.0

package credhost_test

import (
	"path"
	"strconv"
	"strings"
	"testing"
)

// importRules says for each package which packages of this module it may
// import, and which of the modules named below. Imports run one way:
//
//	plugins, examples → sdk/* → sdk ← internal/wire ← host/registry, host/egress ← host ← host/* ← cmd
//
// Host and plugins meet only in sdk, and sdk imports the standard library alone.
// A pattern as of path.Match stands for packages of one kind; "x/..." is every
// package below x. Tests may import any package of the module, and testOthers.
var importRules = []struct{ pkg, own, others string }{
	{".", "", ""},
	{"schemas", "", ""},

	{"sdk", "", ""},
	{"sdk/oauth", "sdk", "oauth2"},
	{"sdk/serve", "sdk internal/wire", "go-plugin hclog grpc protobuf"},
	{"sdk/plugintest", "sdk internal/wire", "go-plugin hclog grpc protobuf"},

	{"internal/wire", "sdk internal/defence internal/wire/pluginv1", "go-plugin hclog grpc protobuf x/net"},
	{"internal/wire/pluginv1", "", "grpc protobuf"},
	{"internal/wire/protogen", "", "protocompile protobuf"},
	{"internal/apitest", "", ""},
	{"internal/attack", "", ""},
	{"internal/attack/credhost-plugin-mallory", "sdk sdk/oauth sdk/serve", ""},
	{"internal/bench", "", ""},
	{"internal/canary", "", "x/sys"},
	{"internal/cross", "", "x/tools"},
	{"internal/defence", "", ""},
	{"internal/door", "", ""},
	{"internal/formtest", "sdk host/form", ""},
	{"internal/formtest/credhost-plugin-torture", "sdk sdk/serve internal/formtest", ""},
	{"internal/ground", "sdk host host/... internal/standin", ""},
	{"internal/front", "host", "acme otel systemd"},
	{"internal/hostile", "internal/defence", ""},
	{"internal/hostile/credhost-plugin-hostile", "sdk sdk/oauth sdk/serve", ""},
	{"internal/hostile/credhost-plugin-rogue", "sdk internal/wire internal/wire/pluginv1", "go-plugin grpc protobuf x/sys"},
	{"internal/hostile/secdoc", "internal/hostile", ""},
	{"internal/openapi", "host/httpapi", ""},
	{"internal/observed", "", ""},
	{"internal/postgres", "", ""},
	{"internal/publish", "sdk host/form", ""},
	{"internal/realoauth", "", ""},
	{"internal/screen", "", "pty x/term"},
	{"internal/standin", "", ""},
	{"internal/telemetry", "", "otel otelhttp prometheus"},
	{"internal/storm", "", ""},
	{"internal/testplugin", "sdk sdk/oauth", ""},
	{"internal/testplugin/credhost-plugin-test", "internal/testplugin sdk/serve", ""},

	{"host/egress", "sdk internal/defence", "otel ssrf x/net"},
	{"host/sandbox", "", "x/sys"},
	{"host/registry", "host/sandbox sdk internal/defence internal/wire host/egress", "minisign go-plugin hclog grpc otel x/sys x/time x/sync publicsuffix"},
	{"host", "sdk host/registry host/egress host/sandbox internal/defence", "otel x/net x/sync x/sys"},
	{"host/form", "sdk", "x/text"},
	{"host/form/terminal", "sdk host/form", "huh bubbletea lipgloss x/sys x/term"},
	{"host/sealer", "", "tink x/sys"},
	{"host/access", "sdk host", "go-oidc oauth2 x/time"},
	{"host/audit", "sdk host", "otel"},
	{"host/backup", "host host/audit host/memstore", "age"},
	{"host/connectflow", "sdk host", ""},
	{"host/events", "sdk host host/access host/egress", "otel"},
	{"host/httpapi", "sdk schemas host host/access host/audit host/connectflow host/events host/form host/registry", "huma"},
	{"host/proxy", "sdk host host/access host/audit", "x/net"},
	{"host/web", "sdk host host/access host/audit host/connectflow host/events host/form host/registry", ""},
	{"host/memstore", "host", ""},
	{"internal/sqlrow", "host", ""},
	{"internal/nameserver", "", "x/net"},
	{"internal/tools", "", ""},
	{"host/sqlitestore", "host internal/sqlrow", "sqlite"},
	{"host/pgstore", "host internal/sqlrow", "pgx"},
	{"host/storetest", "host", ""},

	{"plugins/*", "sdk sdk/oauth sdk/serve", ""},
	{"examples", "", ""},
	{"examples/apikey", "sdk sdk/serve", ""},
	{"examples/embed", "sdk host host/sealer host/memstore host/sqlitestore", ""},
	{"examples/oidc", "sdk sdk/oauth sdk/serve", ""},
	{"examples/webform", "sdk host host/form host/sealer host/memstore", ""},
	{"cmd/credhost", "sdk host host/... internal/front internal/standin internal/telemetry", "acme age cobra pflag systemd otel otelhttp prometheus yaml x/term"},
}

// testOthers is what the tests of any package may import of other modules.
const testOthers = "go-cmp go-oidc goleak grpc jsonschema jwt minisign oauth2 oauth2-server otel otlp protobuf rapid testscript websocket x/net"

// others gives the names that the rules use for other modules, or for the one
// package of a module that is wanted.
var others = map[string]string{
	"age":           "filippo.io/age",
	"acme":          "golang.org/x/crypto/acme",
	"bubbletea":     "charm.land/bubbletea/v2",
	"cobra":         "github.com/spf13/cobra",
	"go-cmp":        "github.com/google/go-cmp",
	"go-oidc":       "github.com/coreos/go-oidc/v3",
	"go-plugin":     "github.com/hashicorp/go-plugin",
	"goleak":        "go.uber.org/goleak",
	"grpc":          "google.golang.org/grpc",
	"hclog":         "github.com/hashicorp/go-hclog",
	"huh":           "charm.land/huh/v2",
	"huma":          "github.com/danielgtaylor/huma/v2",
	"jsonschema":    "github.com/santhosh-tekuri/jsonschema/v6",
	"jwt":           "github.com/golang-jwt/jwt/v5",
	"lipgloss":      "charm.land/lipgloss/v2",
	"minisign":      "aead.dev/minisign",
	"oauth2":        "golang.org/x/oauth2",
	"oauth2-server": "github.com/go-oauth2/oauth2/v4",
	"otel":          "go.opentelemetry.io/otel",
	"otelhttp":      "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
	"otlp":          "go.opentelemetry.io/proto/otlp",
	"pflag":         "github.com/spf13/pflag",
	"pgx":           "github.com/jackc/pgx/v5",
	"prometheus":    "github.com/prometheus/client_golang",
	"protobuf":      "google.golang.org/protobuf",
	"protocompile":  "github.com/bufbuild/protocompile",
	"pty":           "github.com/creack/pty",
	"publicsuffix":  "golang.org/x/net/publicsuffix",
	"rapid":         "pgregory.net/rapid",
	"sqlite":        "modernc.org/sqlite",
	"ssrf":          "code.dny.dev/ssrf",
	"testscript":    "github.com/rogpeppe/go-internal/testscript",
	"systemd":       "github.com/coreos/go-systemd/v22",
	"tink":          "github.com/tink-crypto/tink-go/v2",
	"websocket":     "github.com/coder/websocket",
	"x/net":         "golang.org/x/net",
	"x/sync":        "golang.org/x/sync",
	"x/sys":         "golang.org/x/sys",
	"x/term":        "golang.org/x/term",
	"x/text":        "golang.org/x/text",
	"x/tools":       "golang.org/x/tools",
	"x/time":        "golang.org/x/time",
	"yaml":          "go.yaml.in/yaml/v3",
}

func TestImports(t *testing.T) {
	ruled := make(map[string]bool)
	for _, file := range sources(t) {
		own, other, ok := importRule(file.pkg())
		if !ok {
			if !ruled[file.pkg()] {
				t.Errorf("%s has no import rule: add one to imports_test.go", file.pkg())
			}
			ruled[file.pkg()] = true
			continue
		}
		if file.test {
			own, other = "...", other+" "+testOthers
		}
		for _, spec := range file.syntax.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !mayImport(name, own, other) {
				t.Errorf("%s: %s may not import %s", file.at(spec), file.pkg(), name)
			}
		}
	}
}

// A rule that names no module would allow nothing and say nothing.
func TestImportRulesNameModules(t *testing.T) {
	for _, rule := range importRules {
		for name := range strings.FieldsSeq(rule.others + " " + testOthers) {
			if others[name] == "" {
				t.Errorf("the rule of %s allows %q, which others does not explain", rule.pkg, name)
			}
		}
	}
}

// importRule finds the rule of a package: its own, or else its kind's.
func importRule(pkg string) (own, other string, ok bool) {
	for _, rule := range importRules {
		if rule.pkg == pkg {
			return rule.own, rule.others, true
		}
	}
	for _, rule := range importRules {
		if match, _ := path.Match(rule.pkg, pkg); match {
			return rule.own, rule.others, true
		}
	}
	return "", "", false
}

// mayImport tells whether a rule allows an import.
func mayImport(name, own, other string) bool {
	if ours, ok := within(name, module); ok {
		for allowed := range strings.FieldsSeq(own) {
			if tree, ok := strings.CutSuffix(allowed, "..."); ok && strings.HasPrefix(ours, tree) || allowed == ours {
				return true
			}
		}
		return false
	}
	if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	for allowed := range strings.FieldsSeq(other) {
		if _, ok := within(name, others[allowed]); ok {
			return true
		}
	}
	return false
}

// within cuts the path of a module or package off the front of an import.
func within(name, root string) (rest string, ok bool) {
	if name == root {
		return ".", true
	}
	return strings.CutPrefix(name, root+"/")
}
