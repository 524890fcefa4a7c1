// SPDX-License-Identifier: Apache-2.0

// Package bootid tells one boot of the node from the next. What it means that the node
// was rebooted is for its callers to know.
package bootid

import (
	"fmt"
	"os"
	"strings"
)

// file is where the kernel tells which boot this is.
const file = "/proc/sys/kernel/random/boot_id"

// Read returns the ID of the present boot.
func Read() (string, error) { return read(file) }

// read refuses an empty ID, as where something is mounted over the file: it would be
// that of another boot to everybody who compares.
func read(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read boot ID: %w", err)
	}
	id := strings.TrimSpace(string(data))
	if id == "" {
		return "", fmt.Errorf("read boot ID: %s is empty", path)
	}
	return id, nil
}
