// SPDX-License-Identifier: Apache-2.0

// Package schemas holds the contracts of credhost that need no Go, so that
// programs in other languages, and ours, find them in one place.
package schemas

import "embed"

//go:generate go run ../internal/openapi openapi.json
//go:generate go run ../internal/publish types ../plugins/halopsa ../plugins/hellocloud ../plugins/faxplus

// Schema is the JSON Schema (2020-12) of a credential type's schema, which is
// what a plugin says of itself.
//
//go:embed schema.schema.json
var Schema []byte

// Types holds the schemas of the types that are shipped, as "types/NAME.schema.json",
// and the forms of a new credential for validators, form libraries and n8n, as
// "types/NAME.jsonschema.json", "types/NAME.rjsf.json", "types/NAME.jsonforms.json" and
// "types/NAME.n8n.json": what credhost schema NAME prints.
//
//go:embed types
var Types embed.FS

// OpenAPI is the document of the HTTP API (OpenAPI 3.1), which a host serves at
// /v1/openapi.json.
//
//go:embed openapi.json
var OpenAPI []byte
