// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// DropPrivileges keeps CAP_NET_RAW, which the LLDP sockets need, and CAP_NET_ADMIN
// where the agent sets alternative names, and gives up every other capability for
// good. Files are written as the user that the agent was started as.
func DropPrivileges(altNames bool) error {
	have, keep := cap.GetProc(), cap.NewSet()
	err := retain(keep, have, cap.NET_RAW,
		"CAP_NET_RAW is missing: run colvind as root; in a unit with AmbientCapabilities=CAP_NET_RAW (see deploy/systemd/colvind.service), in a pod with securityContext.capabilities.add: [NET_RAW]")
	if altNames {
		err = errors.Join(err, retain(keep, have, cap.NET_ADMIN,
			"CAP_NET_ADMIN is missing, which altnames: on takes: run colvind as root; for a unit install deploy/systemd/colvind-altnames.conf, in a pod have NET_ADMIN in securityContext.capabilities.add; or set altnames: off"))
	}
	if err != nil {
		return err
	}
	if err := keep.SetProc(); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}

// retain adds a capability to those that are kept.
func retain(keep, have *cap.Set, capability cap.Value, missing string) error {
	permitted, err := have.GetFlag(cap.Permitted, capability)
	if err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	if !permitted {
		return errors.New(missing)
	}
	for _, vector := range []cap.Flag{cap.Permitted, cap.Effective} {
		if err := keep.SetFlag(vector, true, capability); err != nil {
			return fmt.Errorf("drop capabilities: %w", err)
		}
	}
	return nil
}
