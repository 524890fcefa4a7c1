// SPDX-License-Identifier: Apache-2.0

// Package record keeps one file per attachment the CNI plugin has made or is
// making, and the lock that goes with it. What a record means is the plugin's
// business. It uses the standard library only, because the plugin links it.
package record

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/internal/safefile"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// DefaultDir is where the records are unless configured otherwise.
const DefaultDir = "/var/lib/colvin/attachments"

// Root owns the records. An agent that is not root reads them where an admin gives
// the directory to its group, with the setgid bit. Lock files are nobody else's:
// who can open one can hold it.
const (
	dirMode    = 0o750
	recordMode = 0o640
	lockMode   = 0o600
)

// maxSize bounds a record. Most of one is the CNI configuration.
const maxSize = 8 << 20

var (
	// ErrDamaged is returned for a record that cannot be understood.
	ErrDamaged = errors.New("damaged record")
	// ErrLater is returned for a record that a later version of the plugin has written.
	ErrLater = errors.New("a later version of Colvin wrote it; install that one again")
)

// file is what the file of a record holds.
type file struct {
	Version int `json:"version"`
	Record
}

// version is the format of the records that are written. Those of version 0 are without
// one, and have sentences where there are keys of identities now.
const version = 1

// Key names one attachment.
type Key = nodefile.Key

// idOf is safe as a file name whatever the key holds.
func idOf(k Key) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", k.Name, k.ContainerID, k.IfName))
	return hex.EncodeToString(sum[:16])
}

// MakingName is what an interface can be called in its container before it has its name, and
// what no other is called.
func MakingName(k Key) string {
	const most = 15 // IFNAMSIZ, without the NUL
	return ("cv" + idOf(k))[:most]
}

// Phase is how far an attachment got.
type Phase string

// The phases of an attachment.
const (
	Adding Phase = "adding" // the delegate may have run
	Added  Phase = "added"  // the delegate has succeeded
)

// Record is one attachment.
type Record struct {
	Key
	Phase Phase     `json:"phase"`
	Time  time.Time `json:"time"` // when it was added

	BootID string `json:"bootID"` // the boot in which Netns and Device are valid
	Netns  Netns  `json:"netns"`
	Args   string `json:"args,omitempty"` // CNI_ARGS
	Path   string `json:"path,omitempty"` // CNI_PATH
	Pod    Pod    `json:"pod,omitzero"`

	Network         string   `json:"network"`          // as asked for
	Identity        string   `json:"identity"`         // its key
	OtherIdentities []string `json:"joined,omitempty"` // further identities of the same network
	Device          Link     `json:"device"`
	Parent          Link     `json:"parent,omitzero"` // of the VLAN device, where VID is not 0
	Port            Link     `json:"port"`
	CarrierChanges  uint32   `json:"carrierChanges"`
	VID             uint16   `json:"vid,omitempty"`
	// Taken is set where the device itself is in the container, not one made on it.
	Taken bool `json:"taken,omitempty"`
	// Chosen is the network device that a device plugin chose, before it was moved; zero
	// where there is none, as with a driver for user space.
	Chosen Link `json:"chosen,omitzero"`

	DelegateType string          `json:"delegateType"`
	DelegateConf json.RawMessage `json:"delegateConf"` // as the delegate got it
	Result       json.RawMessage `json:"result,omitempty"`
	// Itself is set where the plugin made the interface itself, by ifindex; a delegate of that
	// type, with that configuration, undoes and checks it just as well.
	Itself bool `json:"itself,omitempty"`
	// Making is what the interface is called in the container until it can have its name.
	Making string `json:"making,omitempty"`

	// Failed is why the delegate's ADD failed, where what it began could not be undone:
	// there never was an attachment.
	Failed string `json:"failed,omitempty"`
	// Refused is set where its IPAM plugin answered DEL as it did ADD: it reserved nothing.
	Refused bool `json:"refused,omitempty"`
	// Unwanted is when the runtime's DEL could not be completed first, and Stuck what the
	// last one failed for.
	Unwanted time.Time `json:"unwanted,omitzero"`
	Stuck    string    `json:"stuck,omitempty"`
	// Detached is set where nothing is left but that, and the container has no interface of
	// the attachment any more.
	Detached bool `json:"detached,omitempty"`
}

// MadeBy is who made the interface in the container: the plugin itself, or its delegate.
func (r *Record) MadeBy() string {
	if r.Itself {
		return "colvin"
	}
	return r.DelegateType
}

// Pod is what Kubernetes tells about the container.
type Pod struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	UID       string `json:"uid,omitempty"`
}

// String is namespace/name, or what else is known.
func (p Pod) String() string {
	if p.Name == "" {
		return "no pod known"
	}
	return "pod " + p.Namespace + "/" + p.Name
}

// Link identifies one network device of the node.
type Link = nodefile.Link

// Store is the directory of the records.
type Store struct {
	dir     string
	program string // that writes them, as it was called
}

// Dir is the directory, without symbolic links.
func (s *Store) Dir() string { return s.dir }

// Open creates the directory where needed. It refuses one that somebody other than root
// or the caller could fill or exchange, also below a directory that everybody shares, such
// as /tmp: what a record says is run as root.
func Open(dir string) (*Store, error) {
	resolved, err := safefile.MakePrivate(dir, dirMode, safefile.Trust{})
	if err != nil {
		return nil, fmt.Errorf("open records %s: %w%s", dir, err, advice(err))
	}
	return &Store{dir: resolved, program: os.Args[0]}, nil
}

// advice is what to do where the directory is not private.
func advice(err error) string {
	e, ok := errors.AsType[*safefile.Exposure](err)
	switch {
	case !ok:
		return ""
	case e.UID >= 0:
		return `; give it to root, or set COLVIN_RECORD_DIRECTORY in the environment of the container runtime, and "recordDirectory" in colvind.yaml, to a directory of root's`
	case e.Shared() && e.In != "":
		return `; set COLVIN_RECORD_DIRECTORY in the environment of the container runtime, and "recordDirectory" in colvind.yaml, to a directory below root's own, such as ` + DefaultDir
	}
	return "; remove that permission"
}

// List returns all records that can be read, ordered by key, and the errors of
// those that cannot.
func (s *Store) List() ([]Record, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list records: %w", err)
	}
	var (
		records []Record
		errs    []error
	)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), recordSuffix) {
			continue
		}
		switch r, err := s.read(e.Name()); {
		case err == nil:
			records = append(records, *r)
		case !errors.Is(err, fs.ErrNotExist): // removed meanwhile
			errs = append(errs, err)
		}
	}
	order(records)
	return records, errors.Join(errs...)
}

func order(records []Record) {
	slices.SortFunc(records, func(a, b Record) int {
		return slices.Compare([]string{a.Name, a.ContainerID, a.IfName}, []string{b.Name, b.ContainerID, b.IfName})
	})
}

const (
	recordSuffix = ".json"
	lockSuffix   = ".lock"
	tempSuffix   = ".json.tmp" // left by a writer that was killed
)

func (s *Store) read(name string) (*Record, error) {
	path := filepath.Join(s.dir, name)
	data, err := safefile.ReadRegular(path, maxSize)
	if safefile.Refused(err) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	r, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if err := r.validate(name); err != nil {
		return nil, fmt.Errorf("read %s: %w: %s", path, ErrDamaged, err.Error())
	}
	return r, nil
}

// decode looks at the version before anything else: of a later one the rest may well look
// different.
func decode(data []byte) (*Record, error) {
	var head struct {
		Version int `json:"version"`
	}
	var content file
	err := json.Unmarshal(data, &head)
	switch {
	case err != nil:
	case head.Version > version:
		return nil, fmt.Errorf("format version %d, want %d at most: %w", head.Version, version, ErrLater)
	case head.Version < 0:
		err = fmt.Errorf("format version %d", head.Version)
	default:
		err = json.Unmarshal(data, &content)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s; remove it once its container is gone", ErrDamaged, err.Error())
	}
	if head.Version < version {
		content.upgrade()
	}
	return &content.Record, nil
}

// upgrade makes keys of the sentences by which identities were kept once: a container
// that was attached then goes on to be where it is.
func (r *Record) upgrade() {
	r.Identity = string(identity.UpgradeSentence(r.Identity))
	for i, id := range r.OtherIdentities {
		r.OtherIdentities[i] = string(identity.UpgradeSentence(id))
	}
}

func (r *Record) validate(name string) error {
	switch {
	case idOf(r.Key)+recordSuffix != name:
		return errors.New("it is of another attachment")
	case r.Phase != Adding && r.Phase != Added:
		return fmt.Errorf("phase is %q", r.Phase)
	case r.DelegateType == "" || len(r.DelegateConf) == 0:
		return errors.New("it names no delegate")
	}
	return nil
}
