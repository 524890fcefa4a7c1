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
func Read() (string, error) {
	id, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read boot ID: %w", err)
	}
	return strings.TrimSpace(string(id)), nil
}
