// SPDX-License-Identifier: Apache-2.0

// Package latest hands values from one task to another that is to have the latest only.
// It uses the standard library only.
package latest

// Put puts a value into a channel that holds one, in place of what nobody took. It never
// waits, as long as there is one producer only: two at once can each make room, and then
// the second waits until somebody takes the first's.
func Put[T any](c chan T, v T) {
	select {
	case <-c:
	default:
	}
	c <- v
}
