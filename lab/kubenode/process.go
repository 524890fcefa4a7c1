// SPDX-License-Identifier: Apache-2.0

//go:build linux

package kubenode

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/lab/daemon"
)

// start starts one of the programs on the node. It ends with the node.
func (n *Node) start(ctx context.Context, name string, args ...string) (*daemon.Process, error) {
	cmd := n.Command(context.WithoutCancel(ctx), filepath.Join(n.programs, name), args...)
	cmd.Env = append(os.Environ(), "PATH="+n.programs+":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") // the shim is beside containerd
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}                                                                 // an interrupt from the terminal is for the test
	return daemon.Start(filepath.Join(n.config.Logs, n.String()+"-"+name+".log"), cmd.Cmd, cmd)
}

// retryBusy does again what fails for a moment, such as while processes that were killed go.
func retryBusy(f func() error) error {
	end := time.After(5 * time.Second)
	tick := time.Tick(50 * time.Millisecond)
	for {
		err := f()
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		select {
		case <-end:
			return err
		case <-tick:
		}
	}
}
