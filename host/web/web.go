// SPDX-License-Identifier: Apache-2.0

// Package web is the page on which people see to their credentials.
package web
