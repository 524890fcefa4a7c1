// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// OnThread runs f on an OS thread of its own, which ends with f, so that f may
// change what cannot be changed back: a thread that has entered another mount
// namespace no longer shares its working directory with the process.
func OnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread cannot end, and /proc/self shows its namespaces:
			// hold it while another thread serves.
			defer runtime.UnlockOSThread()
			done <- OnThread(f)
			return
		}
		done <- f() // stays locked: the thread ends with the goroutine
	}()
	return <-done
}
