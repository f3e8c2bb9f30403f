// SPDX-License-Identifier: Apache-2.0

// Package screen is a terminal for tests: a real pseudo-terminal, what a person
// would see on it, and all that was ever written to it. It is for Unix.
package screen
