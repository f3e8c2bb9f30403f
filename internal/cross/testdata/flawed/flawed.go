// SPDX-License-Identifier: Apache-2.0

// Package flawed is sound everywhere but on Windows.
package flawed
