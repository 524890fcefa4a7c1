// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

const reexecEnv = "COLVIN_NETNSTEST_USERNS" // set in the copy that runs as root of a user namespace

// Main runs the tests of a package as root. Without root it runs the same
// binary again as root of a user namespace of its own, where the kernel allows
// that; where not, it runs the tests as they are, and Require skips. Use it as
//
//	func TestMain(m *testing.M) { os.Exit(netnstest.Main(m.Run)) }
func Main(run func() int) int {
	if os.Geteuid() == 0 || os.Getenv(reexecEnv) != "" {
		return run()
	}
	code, err := reexec()
	if err != nil {
		return run()
	}
	return code
}

// reexec fails only if the copy did not start.
func reexec() (int, error) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), reexecEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// inUserNamespace reports whether not all users exist here.
func inUserNamespace() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	var inside, outside, count uint32
	if _, err := fmt.Sscan(string(b), &inside, &outside, &count); err != nil {
		return false
	}
	return count != 1<<32-1
}
