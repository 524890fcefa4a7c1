// SPDX-License-Identifier: Apache-2.0

package nodefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/atomicfile"
	"github.com/colvin-net/colvin/internal/safefile"
)

// Where the agent leaves the file unless it is configured otherwise.
const (
	DefaultDir = "/run/colvin"
	FileName   = "networks.json"
)

// MaxSize bounds the file. Eight ports with all 4094 VLANs each write half of it, for
// each name that they have.
const MaxSize = 32 << 20

// MaxNetworkName is the length of the longest name of a network: a DNS label (RFC 1123,
// 2.1).
const MaxNetworkName = 63

// ValidName reports whether a network can have this name: it is a DNS label.
func ValidName(s string) bool {
	const inner = "abcdefghijklmnopqrstuvwxyz0123456789-"
	return s != "" && len(s) <= MaxNetworkName && strings.Trim(s, inner) == "" && s[0] != '-' && s[len(s)-1] != '-'
}

// Problem is the kind of a ReadError.
type Problem int

// The reasons for which the file cannot be relied on.
const (
	Missing      Problem = iota + 1 // there is no file
	Unreadable                      // it cannot be opened or read
	Damaged                         // it is not what this package writes
	OtherVersion                    // another version of Colvin wrote it
	Exposed                         // somebody else than root and the agent could have written it
)

// advice is what an operator does about the problem.
func (p Problem) advice() string {
	switch p {
	case Missing:
		return "check that colvind runs on this node: it writes this file when it starts"
	case Unreadable:
		return "check its owner and permissions"
	case Damaged:
		return "restart colvind: it writes this file anew when it starts"
	case OtherVersion:
		return "install colvind, colvin and the CNI plugin of one release, then restart colvind"
	case Exposed:
		return `set "runDirectory" in colvind.yaml, and COLVIN_RUN_DIRECTORY in the environment of the container runtime, to a directory that only root or the user of colvind can write, such as ` + DefaultDir
	}
	return "problem " + strconv.Itoa(int(p))
}

// A ReadError says why the file cannot be relied on and what to do about it.
type ReadError struct {
	Path    string
	Problem Problem
	Err     error
}

// Error returns one line: what was wrong, where, and what to do.
func (e *ReadError) Error() string {
	return fmt.Sprintf("read %s: %v; %s", e.Path, e.Err, e.Problem.advice())
}

// Unwrap returns the cause.
func (e *ReadError) Unwrap() error { return e.Err }

// ReadTrusted is Read for who acts by the file as root: it is read only where nobody but
// root and one other user, the agent's, can have put it.
func ReadTrusted(path string) (*File, error) { return readTrusted(path, decode) }

func readTrusted(path string, decode decoder) (*File, error) {
	_, err := safefile.Private(filepath.Dir(path), safefile.Trust{AnyOwner: true, Sticky: true})
	if e, exposed := errors.AsType[*safefile.Exposure](err); exposed {
		return nil, &ReadError{Path: path, Problem: Exposed, Err: e}
	}
	return read(path, decode) // which says what else is wrong
}

// Read reads and validates the file at path. The error is a *ReadError.
func Read(path string) (*File, error) { return read(path, decode) }

// A decoder makes a File of what is in one.
type decoder func(data []byte) (*File, Problem, error)

func read(path string, decode decoder) (*File, error) {
	data, err := safefile.ReadRegular(path, MaxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &ReadError{Path: path, Problem: Missing, Err: errors.New("no such file")}
	case safefile.Refused(err):
		return nil, &ReadError{Path: path, Problem: Damaged, Err: fmt.Errorf("%w: %w", errDamaged, cause(err))}
	case err != nil:
		return nil, &ReadError{Path: path, Problem: Unreadable, Err: cause(err)}
	}
	f, problem, err := decode(data)
	if err != nil {
		return nil, &ReadError{Path: path, Problem: problem, Err: err}
	}
	return f, nil
}

var errDamaged = errors.New("damaged")

// cause strips the path, which the ReadError names.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// decode looks at the version before anything else: what another version of Colvin
// wrote is whole, though nothing of it can be read here.
func decode(data []byte) (*File, Problem, error) {
	if v, ok := versionOf(data); ok && v != Version {
		return nil, OtherVersion, otherVersion(v)
	}
	var f File
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, Damaged, fmt.Errorf("%w: %s", errDamaged, err.Error())
	}
	if f.Version != Version {
		return nil, OtherVersion, otherVersion(f.Version)
	}
	if err := f.validate(); err != nil {
		return nil, Damaged, fmt.Errorf("%w: %s", errDamaged, err.Error())
	}
	return &f, 0, nil
}

func otherVersion(v int) error { return fmt.Errorf("format version %d, want %d", v, Version) }

// versionOf finds the version, and needs nothing of what comes after it to be JSON.
func versionOf(data []byte) (v int, ok bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return 0, false
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return 0, false
		}
		if key == "version" {
			return v, d.Decode(&v) == nil
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return 0, false
		}
	}
	return 0, false
}

func (f *File) validate() error {
	if f.Node == "" {
		return errors.New("node is empty")
	}
	if f.BootID == "" {
		return errors.New("bootID is empty")
	}
	switch f.Isolation {
	case "", IsolationOff, IsolationStrict:
	default:
		return fmt.Errorf("isolation is %q, want off or strict", f.Isolation)
	}
	for i := range f.Networks {
		n := &f.Networks[i]
		if n.Name == "" {
			return fmt.Errorf("networks[%d].name is empty", i)
		}
		for j := range n.Uplinks {
			if err := n.Uplinks[j].validate(); err != nil {
				return fmt.Errorf("networks[%d].uplinks[%d].%w", i, j, err)
			}
		}
	}
	return nil
}

func (a *Uplink) validate() error {
	if a.Identity == "" {
		return errors.New("identity is empty")
	}
	if a.Device != (Link{}) {
		if err := a.Device.validate(); err != nil {
			return fmt.Errorf("device.%w", err)
		}
	}
	if a.Parent != (Link{}) {
		if err := a.Parent.validate(); err != nil {
			return fmt.Errorf("parent.%w", err)
		}
		if a.VID == 0 {
			return errors.New("parent is set, but vid is not")
		}
	}
	switch a.Certainty {
	case Fresh, Stale, Pinned, Unverified, Down:
	default:
		return fmt.Errorf("certainty is %q, want fresh, stale, pinned, unverified or down", a.Certainty)
	}
	if a.Usable && a.Until <= 0 {
		return errors.New("until is missing, want a time for what is usable")
	}
	if len(a.Ports) == 0 {
		return errors.New("ports is empty, want at least one")
	}
	for i := range a.Ports {
		if err := a.Ports[i].validate(); err != nil {
			return fmt.Errorf("ports[%d].%w", i, err)
		}
	}
	if first := a.Ports[0].VID; a.VID != first {
		return fmt.Errorf("vid is %d, but ports[0].vid is %d", a.VID, first)
	}
	return nil
}

func (p *Port) validate() error {
	if p.VID > discovery.MaxVID {
		return fmt.Errorf("vid is %d, want at most %d", p.VID, discovery.MaxVID)
	}
	return p.Link.validate()
}

func (l *Link) validate() error {
	if l.Name == "" {
		return errors.New("name is empty")
	}
	if l.Index <= 0 {
		return fmt.Errorf("index is %d, want 1 or more", l.Index)
	}
	if _, err := net.ParseMAC(l.MAC); err != nil {
		return fmt.Errorf("mac is %q, want a MAC address", l.MAC)
	}
	return nil
}

// Write replaces the file at path with f in one step: a reader sees the old
// content or the new, never a part. Only the holder of the agent's lock may
// write.
func Write(path string, f *File) error {
	if err := f.validate(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	data, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if data = append(data, '\n'); len(data) > MaxSize {
		return fmt.Errorf("write %s: %d bytes, want at most %d", path, len(data), MaxSize)
	}
	// No sync: the file is void after a reboot anyway.
	if err := atomicfile.Write(path, data, atomicfile.Options{Mode: 0o644}); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// NamesOf returns the names that lead to a device.
func (f *File) NamesOf(device Link) []string {
	var names []string
	for _, n := range f.Networks {
		if slices.ContainsFunc(n.Uplinks, func(a Uplink) bool { return a.Device == device }) {
			names = append(names, n.Name)
		}
	}
	return names
}

// Lookup returns the uplinks that a name stands for on this node.
func (f *File) Lookup(name string) []Uplink {
	for _, n := range f.Networks {
		if n.Name == name {
			return n.Uplinks
		}
	}
	return nil
}
