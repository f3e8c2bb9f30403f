// SPDX-License-Identifier: Apache-2.0

// Package httpapi offers a host over HTTP, to engines in any language: JSON under /v1, with an OpenAPI 3.1 document that is made of the handlers.
package httpapi
