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

	"github.com/colvin-net/colvin/internal/fit"
)

// The CNI module's own pkg/invoke is not used: through its tracing it links
// net/http, and it cannot hand a file to the delegate.

// maxStderr bounds what of a delegate's last words goes into an error.
const maxStderr = 1024

// maxStdout bounds what a delegate may answer.
const maxStdout = 8 << 20

// program is another plugin, a delegate or its IPAM plugin, ready to be called.
type program struct {
	kind     string
	path     string
	patience patience
	deadline time.Time // of all that is called; zero for none
	lock     *os.File  // inherited, so that a killed plugin's delegate still holds it; may be nil
	env      []string
}

// What a plugin is called for.
const (
	roleDelegate = "delegate"
	roleIPAM     = "IPAM"
)

// program finds a plugin in CNI_PATH.
func (p *Plugin) program(role, kind string, args *skel.CmdArgs) (*program, error) {
	path, err := findBinary(role, kind, args.Path)
	if err != nil {
		return nil, err
	}
	return &program{kind: kind, path: path, patience: p.patience, env: append(os.Environ(),
		"CNI_CONTAINERID="+args.ContainerID, "CNI_NETNS="+args.Netns, "CNI_IFNAME="+args.IfName,
		"CNI_ARGS="+args.Args, "CNI_PATH="+args.Path)}, nil
}

// program finds a plugin that works on the attachment.
func (a *operation) program(role, kind string, args *skel.CmdArgs) (*program, error) {
	d, err := a.Plugin.program(role, kind, args)
	if err == nil {
		d.lock, d.deadline = a.lock.File(), a.deadline
	}
	return d, err
}

// within is how long the program may take for a verb.
func (d *program) within(verb string) time.Duration {
	wait := d.patience.delegate
	if verb == "ADD" {
		wait = d.patience.delegateAdd
	}
	if !d.deadline.IsZero() {
		wait = min(wait, time.Until(d.deadline))
	}
	return max(wait, 0)
}

// findBinary is the path of a plugin in CNI_PATH.
func findBinary(role, kind, cniPath string) (string, error) {
	for _, dir := range filepath.SplitList(cniPath) {
		path := filepath.Join(dir, filepath.Base(kind))
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			return path, nil
		}
	}
	hint := ""
	if _, known := profiles[kind]; !known { // a known one is what was meant
		if s := fit.Suggest(kind, programsIn(cniPath)); s != "" {
			hint = ", or " + s
		}
	}
	return "", fail(types.ErrPluginNotAvailable, "the %s plugin %s is not in CNI_PATH (%s): install it there%s", role, kind, cniPath, hint)
}

// programsIn are the names of what is in CNI_PATH, to tell a typing error from what is not
// installed.
func programsIn(cniPath string) (names []string) {
	for _, dir := range filepath.SplitList(cniPath) {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries[:min(len(entries), 256)] {
			names = append(names, e.Name())
		}
	}
	return names
}

// call runs one verb. The error is a *types.Error that keeps the delegate's code.
func (d *program) call(verb string, conf []byte) ([]byte, error) {
	wait := d.within(verb)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	stdout, stderr := &bounded{most: maxStdout}, &bounded{most: maxStdout}
	cmd := exec.CommandContext(ctx, d.path)
	cmd.Env = append(slices.Clone(d.env), "CNI_COMMAND="+verb)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(conf), stdout, stderr
	if d.lock != nil {
		cmd.ExtraFiles = []*os.File{d.lock}
	}
	// When time is up its children (IPAM) must end too, or they would go on
	// behind the back of the DEL that follows.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = d.patience.output
	err := cmd.Run()
	switch {
	case stdout.over:
		return nil, fail(types.ErrInternal, "%s %s: printed more than %d octets", d.kind, verb, maxStdout)
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success(): // a child of its goes on
		return stdout.taken.Bytes(), nil
	case ctx.Err() != nil:
		return nil, noAnswer{fail(types.ErrTryAgainLater, "%s gave no answer to %s within %v", d.kind, verb, wait.Round(time.Millisecond))}
	}
	err = d.error(verb, err, stdout.taken.Bytes(), stderr.taken.Bytes())
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its IPAM plugin, too
		return nil, noAnswer{err}
	}
	return nil, err
}

// bounded is a buffer that takes no more than so many octets.
type bounded struct {
	taken bytes.Buffer // not embedded: io.Copy would fill it by another way than Write
	most  int
	over  bool
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	room := min(len(p), b.most-b.taken.Len())
	b.over = b.over || room < len(p)
	_, err := b.taken.Write(p[:room])
	return len(p), err
}

// noAnswer is the error of a program that was ended: nobody knows how far it came.
type noAnswer struct{ error }

func (e noAnswer) Unwrap() error { return e.error }

func (d *program) error(verb string, err error, stdout, stderr []byte) error {
	var e types.Error
	if json.Unmarshal(stdout, &e) == nil && (e.Code != 0 || e.Msg != "") {
		return types.NewError(cmp.Or(e.Code, types.ErrInternal), oneLine(fmt.Sprintf("%s %s: %s", d.kind, verb, e.Msg)), oneLine(e.Details))
	}
	if len(stderr) > maxStderr {
		stderr = stderr[len(stderr)-maxStderr:]
	}
	said := oneLine(string(stderr))
	if said != "" {
		said = ": " + said
	}
	return fail(types.ErrInternal, "%s %s: %v%s", d.kind, verb, err, said)
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
