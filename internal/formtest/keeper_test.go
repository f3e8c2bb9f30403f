// SPDX-License-Identifier: Apache-2.0

package formtest_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/sdk"
)

// programs are the plugins whose types are tested, by the package to build.
var programs = map[string]string{
	"halopsa":    "plugins/halopsa",
	"hellocloud": "plugins/hellocloud",
	"faxplus":    "plugins/faxplus",
	"torture":    "internal/formtest/credhost-plugin-torture",
}

func typeNames() []string { return slices.Sorted(maps.Keys(programs)) }

// pluginFolder is where TestMain builds the plugins.
var pluginFolder string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "credhost-formtest")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		pluginFolder, dist = filepath.Join(dir, "plugins"), filepath.Join(dir, "dist")
		for name, folder := range programs {
			program := filepath.Join(pluginFolder, "credhost-plugin-"+name)
			if runtime.GOOS == "windows" {
				program += ".exe"
			}
			build := exec.Command("go", "build", "-o", program, "github.com/credhost/credhost/"+folder)
			build.Env = append(os.Environ(), "CGO_ENABLED=0") // plugins are static
			if out, err := build.CombinedOutput(); err != nil {
				panic(name + ": " + err.Error() + "\n" + string(out))
			}
		}
		return m.Run()
	}())
}

// A keeper is a real host with the real plugins, and what the tests ask of it.
type keeper struct {
	host  *host.Host
	ws    *host.Workspace
	types map[string]host.Type

	mu    sync.Mutex
	bases map[string]string // the credential that stands for a setting, by type and setting
}

func newKeeper(t testing.TB) *keeper {
	t.Helper()
	keys, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.Open(t.Context(), host.Config{
		Plugins: []string{pluginFolder}, Lock: filepath.Join(t.TempDir(), "lock"), Dev: true,
		Store: memstore.New(), Sealer: sealer.New(keys),
		Egress: egress.Config{AllowHTTP: true, // the table has addresses that are for documents
			Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}},
		CallbackURL: "https://host.example/callback",
		Logger:      slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	k := &keeper{host: h, ws: h.Workspace("acme"), types: map[string]host.Type{}, bases: map[string]string{}}
	for _, typ := range h.Types() {
		k.types[typ.Schema.Name] = typ
	}
	return k
}

// config returns what a form of a type is for, on one of the table's occasions.
func (k *keeper) config(ctx context.Context, typ, setting string) (form.Config, error) {
	t := k.types[typ]
	cfg := form.Config{
		Schema: t.Schema, Can: t.Can, RedirectURL: k.ws.RedirectURL(typ),
		Draft: setting == "draft", Application: setting == "application" || setting == "application-edit",
	}
	if setting != "edit" && setting != "application-edit" {
		return cfg, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	id, err := k.bases[typ+setting], error(nil)
	if id == "" {
		if id, err = k.base(ctx, typ, setting); err != nil {
			return cfg, err
		}
		k.bases[typ+setting] = id
	}
	cfg.Answers, err = k.answers(ctx, id, setting)
	return cfg, err
}

// answers returns what may be seen of what is stored.
func (k *keeper) answers(ctx context.Context, id, setting string) (map[string]json.RawMessage, error) {
	if setting == "application-edit" || setting == "application" {
		app, err := k.ws.Applications().Show(ctx, id)
		return app.Answers, err
	}
	c, err := k.ws.Show(ctx, id)
	return c.Answers, err
}

// base stores the table's base of a type, to be edited.
func (k *keeper) base(ctx context.Context, typ, setting string) (string, error) {
	s := k.types[typ].Schema
	application := setting == "application-edit"
	if application {
		s = s.In(sdk.Application)
	}
	native := map[string]json.RawMessage{}
	for name, answer := range table.Bases[typ] {
		if _, ok := s.Field(name); ok {
			native[name] = answer
		}
	}
	text, err := json.Marshal(native)
	if err != nil {
		return "", err
	}
	values, err := s.Decode(text)
	if err != nil {
		return "", err
	}
	if application {
		return k.ws.Applications().Create(ctx, host.New{Type: typ, Values: values})
	}
	return k.ws.Create(ctx, typ, values)
}

// submit gives the host native answers, as a form sends them, and returns what
// may be seen of what it stored.
func (k *keeper) submit(ctx context.Context, typ, setting string, native []byte) (map[string]json.RawMessage, error) {
	values, err := k.types[typ].Schema.Decode(native)
	if err != nil {
		return nil, err
	}
	return k.store(ctx, typ, setting, values)
}

// store is submit of answers that are text.
func (k *keeper) store(ctx context.Context, typ, setting string, values sdk.Values) (map[string]json.RawMessage, error) {
	var id string
	var err error
	switch setting {
	case "edit":
		if id, err = k.base(ctx, typ, setting); err == nil {
			err = k.ws.Update(ctx, id, host.Patch{Values: values, Whole: true})
		}
	case "application":
		id, err = k.ws.Applications().Create(ctx, host.New{Type: typ, Values: values})
	case "application-edit":
		if id, err = k.base(ctx, typ, setting); err == nil {
			err = k.ws.Applications().Update(ctx, id, host.Patch{Values: values, Whole: true})
		}
	default:
		id, err = k.ws.Add(ctx, host.New{Type: typ, Values: values, Draft: setting == "draft"})
	}
	if err != nil {
		return nil, err
	}
	return k.answers(ctx, id, setting)
}
