// SPDX-License-Identifier: Apache-2.0

// Package storm has the test of renewal for real: three host processes on one
// PostgreSQL, or one SQLite file, ten thousand requests at once, and kill -9 for
// a minute.
package storm
