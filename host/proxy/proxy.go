// SPDX-License-Identifier: Apache-2.0

// Package proxy sends its callers' requests with their credentials, so that no caller sees one.
package proxy
