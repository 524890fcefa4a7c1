// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/daemon"
)

// start starts a program in dir, where its log goes, with the network of a namespace, or
// with ours. It ends with the test, however that ends.
func start(dir string, in *netnstest.Namespace, program string, args ...string) (*daemon.Process, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	// An interrupt from the terminal is for the test, which ends the process.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return daemon.Start(filepath.Join(dir, filepath.Base(program)+".log"), cmd, within{cmd, in})
}

// within starts a program in a network.
type within struct {
	*exec.Cmd
	in *netnstest.Namespace
}

func (w within) Start() error {
	if w.in == nil {
		return w.Cmd.Start()
	}
	return w.in.Do(w.Cmd.Start)
}
