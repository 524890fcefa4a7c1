// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"cmp"
	"path/filepath"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// Where the directories are, in the environment that the container runtime gives its
// plugins. Whoever writes configurations has no say in it: what is in these directories is
// believed, and a tenant's pod can leave a directory of root's on the node.
const (
	runDirVar    = "COLVIN_RUN_DIRECTORY"
	recordDirVar = "COLVIN_RECORD_DIRECTORY"
)

// directories are those of a node.
type directories struct{ run, records string }

func (d *directories) nodeFile() string  { return filepath.Join(d.run, nodefile.FileName) }
func (d *directories) agentLock() string { return filepath.Join(d.run, agentlock.Name) }

func defaultDirectories() directories { return directories{nodefile.DefaultDir, record.DefaultDir} }

// directoriesOf reads an environment.
func directoriesOf(getenv func(string) string) (directories, error) {
	d := defaultDirectories()
	for name, dir := range map[string]*string{runDirVar: &d.run, recordDirVar: &d.records} {
		*dir = filepath.Clean(cmp.Or(getenv(name), *dir))
		if !filepath.IsAbs(*dir) {
			return d, fail(types.ErrInvalidEnvironmentVariables,
				"%s is %q, want an absolute path; correct it in the environment of the container runtime", name, *dir)
		}
	}
	return d, nil
}

// agentAdvice is what to do when only the agent can improve the situation.
func (d *directories) agentAdvice() string {
	if agentlock.Held(d.agentLock()) {
		return "try again when colvind has heard the switch, which usually takes 30 seconds at most"
	}
	return "colvind does not run on this node: start it"
}
