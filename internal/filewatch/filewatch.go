// SPDX-License-Identifier: Apache-2.0

// Package filewatch tells when a file was written whole: closed by who wrote it, or put
// into its place. What is in the file is for its readers, and so is every file that
// several programs write at once.
package filewatch

import "fmt"

// An Event says what became of the file.
type Event int

// The events of a Watch.
const (
	// Writing: somebody writes to the file, so what is in it may be half of something.
	Writing Event = iota
	// Closed: who had the file open for writing has closed it, whether something was
	// written or not.
	Closed
	// Replaced: another file stands there, or none.
	Replaced
	// Lost: nobody knows what became of the file meanwhile.
	Lost
)

// String returns the name of the event.
func (e Event) String() string {
	switch e {
	case Writing:
		return "writing"
	case Closed:
		return "closed"
	case Replaced:
		return "replaced"
	case Lost:
		return "lost"
	}
	return fmt.Sprintf("event %d", int(e))
}
