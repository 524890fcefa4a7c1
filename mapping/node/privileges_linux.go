// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"fmt"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// DropPrivileges keeps CAP_NET_RAW, which the LLDP sockets need, and gives up
// every other capability for good. Files are written as the user that the agent
// was started as.
func DropPrivileges() error {
	keep := cap.NewSet()
	have, err := cap.GetPID(0)
	if err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	raw, err := have.GetFlag(cap.Permitted, cap.NET_RAW)
	if err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	if !raw {
		return errors.New("CAP_NET_RAW is missing: run colvind as root, or give it AmbientCapabilities=CAP_NET_RAW (see deploy/systemd/colvind.service)")
	}
	for _, vector := range []cap.Flag{cap.Permitted, cap.Effective} {
		if err := keep.SetFlag(vector, true, cap.NET_RAW); err != nil {
			return fmt.Errorf("drop capabilities: %w", err)
		}
	}
	if err := keep.SetProc(); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}
