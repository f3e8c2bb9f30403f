// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// resolve returns the secrets that references stand for, by field.
func (h *Host) resolve(ctx context.Context, workspace string, s sdk.Schema, references map[string]string) (sdk.Values, error) {
	values := sdk.Values{}
	for name, ref := range references {
		f, ok := s.Field(name)
		switch {
		case !ok || !f.Secret:
			return nil, &sdk.Error{Code: sdk.Invalid, Field: name, Message: "is not a secret, so it takes no reference"}
		case h.cfg.Resolve == nil:
			return nil, sdk.Errorf(sdk.Invalid, "references are not allowed on this host").In(f)
		}
		v, err := h.cfg.Resolve(ctx, workspace, ref)
		if err != nil || v == "" {
			return nil, sdk.Errorf(sdk.Invalid, "the reference stands for nothing: check that it is there, and that this host may read it").In(f).Because(err)
		}
		values[name] = v
	}
	return values, nil
}

// A Resolver resolves references to secrets that the operator has put in the
// process's environment or in files, as orchestrators do. The zero Resolver
// resolves none: whoever may create a credential may send the secret to an
// address of that person's choice, so each prefix and folder is named.
type Resolver struct {
	Env   []string // prefixes of variables, such as "HALO_": "env:HALO_SECRET"
	Files []string // folders, such as "/run/secrets": "file:/run/secrets/halo"
}

// Resolve is a [Config.Resolve].
func (r Resolver) Resolve(_ context.Context, _ string, reference string) (string, error) {
	refuse := sdk.Errorf(sdk.Invalid, "the reference is not one that the operator allows")
	scheme, name, _ := strings.Cut(reference, ":")
	switch scheme {
	case "env":
		if slices.ContainsFunc(r.Env, func(prefix string) bool { return prefix != "" && strings.HasPrefix(name, prefix) }) {
			return os.Getenv(name), nil
		}
	case "file":
		for _, folder := range r.Files {
			rel, err := filepath.Rel(folder, name)
			if err != nil || !filepath.IsLocal(rel) {
				continue
			}
			return readIn(folder, rel)
		}
	}
	return "", refuse
}

// readIn reads a file in a folder, without leaving it by a link.
func readIn(folder, name string) (string, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return "", err
	}
	defer root.Close()
	b, err := root.ReadFile(name)
	return strings.TrimRight(string(b), "\r\n"), err
}
