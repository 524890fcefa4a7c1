// SPDX-License-Identifier: Apache-2.0

// Package sdnotify tells the service manager how a service is doing, as sd_notify(3) does.
// It sends only, and uses the standard library only.
package sdnotify

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// patience is how long a service manager that does not read may keep its service waiting.
const patience = time.Second

// What a service can say.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
)

// Notify says something to the service manager; where there is none it does nothing.
func Notify(state string) error {
	name := os.Getenv("NOTIFY_SOCKET") // one that begins with @ is abstract, which package net knows
	if name == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err == nil {
		_ = c.SetWriteDeadline(time.Now().Add(patience)) // a socket of the kernel has deadlines
		_, err = c.Write([]byte(state))
		err = errors.Join(err, c.Close())
	}
	if err != nil {
		return fmt.Errorf("notify service manager of %s: %w", state, err)
	}
	return nil
}
