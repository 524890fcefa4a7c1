// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
)

// The CNI module's own pkg/invoke is not used: through its tracing it links
// net/http, and it cannot hand a file to the delegate.

// maxStderr bounds what of a delegate's last words goes into an error.
const maxStderr = 1024

// outputWait is how long a delegate that has ended may keep its output open
// through a child.
const outputWait = 5 * time.Second

// program is another plugin, a delegate or its IPAM plugin, ready to be called.
type program struct {
	kind string
	path string
	wait time.Duration
	lock *os.File // inherited, so that a killed plugin's delegate still holds it; may be nil
	env  []string
}

// findDelegate finds the delegate of a type in CNI_PATH.
func (p *Plugin) findDelegate(kind string, args *skel.CmdArgs, lock *os.File) (*program, error) {
	return p.findProgram("delegate", kind, args, lock)
}

// findProgram finds a plugin in CNI_PATH; role says what it is for.
func (p *Plugin) findProgram(role, kind string, args *skel.CmdArgs, lock *os.File) (*program, error) {
	path, err := findBinary(role, kind, args.Path)
	if err != nil {
		return nil, err
	}
	return &program{kind: kind, path: path, wait: p.delegateWait, lock: lock, env: append(os.Environ(),
		"CNI_CONTAINERID="+args.ContainerID, "CNI_NETNS="+args.Netns, "CNI_IFNAME="+args.IfName,
		"CNI_ARGS="+args.Args, "CNI_PATH="+args.Path)}, nil
}

// findBinary is the path of a plugin in CNI_PATH.
func findBinary(role, kind, cniPath string) (string, error) {
	for _, dir := range filepath.SplitList(cniPath) {
		path := filepath.Join(dir, filepath.Base(kind))
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fail(types.ErrPluginNotAvailable, "the %s plugin %s is not in CNI_PATH (%s): install it there", role, kind, cniPath)
}

// call runs one verb. The error is a *types.Error that keeps the delegate's code.
func (d *program) call(verb string, conf []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.wait)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, d.path)
	cmd.Env = append(slices.Clone(d.env), "CNI_COMMAND="+verb)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(conf), &stdout, &stderr
	if d.lock != nil {
		cmd.ExtraFiles = []*os.File{d.lock}
	}
	// When time is up its children (IPAM) must end too, or they would go on
	// behind the back of the DEL that follows.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = outputWait
	err := cmd.Run()
	switch {
	case err == nil:
		return stdout.Bytes(), nil
	case ctx.Err() != nil:
		return nil, fail(types.ErrTryAgainLater, "%s gave no answer to %s within %v", d.kind, verb, d.wait)
	}
	return nil, d.error(verb, err, stdout.Bytes(), stderr.Bytes())
}

func (d *program) error(verb string, err error, stdout, stderr []byte) error {
	var e types.Error
	if json.Unmarshal(stdout, &e) == nil && (e.Code != 0 || e.Msg != "") {
		return types.NewError(cmp.Or(e.Code, types.ErrInternal), oneLine(fmt.Sprintf("%s %s: %s", d.kind, verb, e.Msg)), oneLine(e.Details))
	}
	if len(stderr) > maxStderr {
		stderr = stderr[len(stderr)-maxStderr:]
	}
	return fail(types.ErrInternal, "%s %s: %v: %s", d.kind, verb, err, stderr)
}

// add runs ADD and reads its result, whatever version that has.
func (d *program) add(conf []byte, confVersion string) (*current.Result, error) {
	out, err := d.call("ADD", conf)
	if err != nil {
		return nil, err
	}
	result, err := parseResult(out, confVersion)
	if err != nil {
		return nil, fail(types.ErrInternal, "%s ADD: %v", d.kind, err)
	}
	return result, nil
}

// withError adds what else went wrong to a CNI error, keeping its code.
func withError(err error, also string, second error) error {
	if second == nil {
		return err
	}
	msg := fmt.Sprintf("%v; %s: %v", err, also, second)
	if e, ok := errors.AsType[*types.Error](err); ok {
		return fail(e.Code, "%s", msg)
	}
	return fail(types.ErrInternal, "%s", msg)
}
