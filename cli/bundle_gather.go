// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"cmp"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/agent/history"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/safefile"
	"github.com/colvin-net/colvin/internal/scrub"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// A bundled is what goes into a bundle.
type bundled struct {
	*app
	config   config.Config
	scrubber *scrub.Scrubber // nil where all stays as it is
	from     time.Time       // of changes

	state     *agentapi.State // nil where no agent answers,
	noAnswer  error           // for this reason
	nodeFile  *nodefile.File
	attached  []shownAttachment
	problem   string // with the records
	changes   agentapi.Changes
	noChanges bool // not that there are none
	records   []record.Record
	texts     []packed // YAML as it is
	versions  [][2]string
	hostname  string

	files   []packed
	size    int
	missing []string
}

// gather asks and reads whatever there is.
func (a *app) gather(cmd *cobra.Command, o *bundleOptions, from time.Time) *bundled {
	b := &bundled{app: a, from: from}
	var err error
	if b.config, err = a.configuration(cmd, o.config); err != nil {
		b.lacks("directories of "+o.config, fmt.Errorf("the defaults were taken: %w", err))
		b.config, _ = config.Load("") // nothing to be wrong
	}
	dir := cmp.Or(o.records, b.config.RecordDirectory)
	b.askAgent(cmd.Context())
	b.readNodeFile()
	b.readRecords(cmd.Context(), dir)
	b.readText("colvind.yaml", o.config)
	b.readText("rules.yaml", b.config.Rules)
	b.tellVersions()
	return b
}

func (b *bundled) askAgent(ctx context.Context) {
	b.state, b.noAnswer = b.app.state(ctx)
	if b.noAnswer != nil {
		b.lacks("what the agent knows", b.noAnswer)
	}
	if b.state != nil {
		b.askRuleSets(ctx)
	}
	var err error
	b.changes, err = agentapi.QueryChanges(ctx, filepath.Join(b.runDir, agentapi.SocketName), b.from)
	if err != nil {
		b.changes, err = history.Read(b.config.StateDirectory, b.from)
	}
	if b.noChanges = err != nil; b.noChanges {
		b.lacks("changes", err)
	}
}

// askRuleSets asks for the rules of the cluster that are in force.
func (b *bundled) askRuleSets(ctx context.Context) {
	g, err := agentapi.QueryGround(ctx, filepath.Join(b.runDir, agentapi.SocketName))
	if err != nil {
		b.lacks("rulesets", err)
		return
	}
	if g.Basis == nil {
		return
	}
	for i, s := range g.Basis.Sources {
		if s.Root == "" { // the file
			continue
		}
		name := fmt.Sprintf("rulesets/%03d.yaml", i+1)
		data, err := withoutSecretTexts(s.Name, s.Data)
		if err != nil {
			b.lacks(name, err)
			continue
		}
		b.texts = append(b.texts, packed{name, data})
	}
}

func (b *bundled) readNodeFile() {
	f, err := b.file()
	if err != nil {
		b.lacks("networks.json", err)
		return
	}
	b.nodeFile = f
}

// readRecords reads the plugin's records, and tells where their containers are by now.
func (b *bundled) readRecords(ctx context.Context, dir string) {
	l, err := record.ListWhole(dir)
	if err = errors.Join(err, l.Why); err != nil {
		b.lacks("records", err)
	}
	b.records = l.Records
	var attached []agentapi.ContainerAttachment
	switch {
	case b.state != nil:
		attached = b.state.Attachments
	case b.nodeFile != nil:
		if attached, b.problem, err = containers.JudgeWithoutAgent(dir, b.nodeFile); err != nil {
			b.lacks("attachments", err)
		}
	default:
		return
	}
	b.attached = b.lookInside(ctx, attached, dir)
}

// maxText bounds a file that people write.
const maxText = 1 << 20

// readText reads a file of the admin's. A kubeconfig is none of a bundle's, whoever named
// it as rules.
func (b *bundled) readText(name, path string) {
	data, err := os.ReadFile(path)
	switch {
	case err == nil && len(data) > maxText:
		err = fmt.Errorf("%s is longer than %d octets", path, maxText)
	case err == nil && (path == b.config.Kubernetes.Kubeconfig || bytes.Contains(data, []byte("client-key-data")) || bytes.Contains(data, []byte("current-context"))):
		err = fmt.Errorf("%s is a kubeconfig", path)
	}
	if err == nil {
		data, err = withoutSecretTexts(path, data)
	}
	if err != nil {
		b.lacks(name, err)
		return
	}
	b.texts = append(b.texts, packed{name, data})
}

// tellVersions is about programs and kernel.
func (b *bundled) tellVersions() {
	agent := "not known"
	if b.state != nil {
		agent = b.state.Version
	}
	b.versions = [][2]string{{"colvin", b.version}, {"colvind", agent}, {"plugin", pluginVersion()}, {"go", runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}}
	b.hostname, _ = os.Hostname()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		b.lacks("uname", err)
	} else {
		b.versions = append(b.versions, [2]string{"kernel", strings.Join([]string{
			unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:]), unix.ByteSliceToString(u.Machine[:]),
		}, " ")})
	}
	b.versions = append(b.versions, [2]string{"packed", b.now().UTC().Format(time.RFC3339)}, [2]string{"as user", fmt.Sprint(os.Geteuid())})
}

// pluginVersion is what the Go toolchain wrote into the installed plugin.
func pluginVersion() string {
	f, _, err := safefile.OpenRegular(filepath.Join(defaultCNIPath, "colvin"), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return "not in " + defaultCNIPath
	}
	if err != nil {
		return "not known: " + err.Error()
	}
	defer func() { _ = f.Close() }() // read only
	info, err := buildinfo.Read(f)
	if err != nil {
		return "not known: " + err.Error()
	}
	return strings.Join(append([]string{info.Path, info.Main.Version, info.GoVersion}, settings(info)...), " ")
}

func settings(info *buildinfo.BuildInfo) (all []string) {
	for _, s := range info.Settings {
		if s.Key == "-ldflags" || strings.HasPrefix(s.Key, "vcs.") {
			all = append(all, s.Key+"="+s.Value)
		}
	}
	return all
}

// render makes the files of what was gathered.
func (b *bundled) render() {
	given := &app{version: b.version, runDir: b.runDir, now: b.now, given: &answers{b.state, b.noAnswer, b.nodeFile}}
	show := func(name string, args ...string) {
		var out bytes.Buffer
		given.out = &out
		cmd := given.root()
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SetArgs(append([]string{"--run-directory", b.runDir}, args...))
		if err := cmd.Execute(); err != nil && !errors.Is(err, ErrSilent) {
			b.lacks(name, err)
			return
		}
		b.add(name, out.Bytes())
	}
	if b.state != nil {
		b.addJSON("state.json", b.state)
		for _, command := range []string{"status", "neighbors", "interfaces"} {
			show(command+".txt", command, "-o", "wide")
		}
		show("topology.json", "topology", "-o", "json")
		for _, p := range b.state.Snapshot.Ports {
			show("explain/"+strings.ReplaceAll(p.Name, "/", "_")+".txt", "explain", "--", p.Name)
		}
	}
	if b.state != nil || b.nodeFile != nil {
		show("networks.txt", "networks", "-o", "wide")
	}
	if b.nodeFile != nil {
		b.addJSON("networks.json", b.nodeFile)
	}
	b.renderAttachments(given)
	if !b.noChanges {
		b.addJSON("changes.json", b.changes)
		b.addTable("changes.txt", given, func(a *app) error { return a.changeList(b.changes, b.from) })
	}
	for _, t := range b.texts {
		b.add(t.name, t.data)
	}
	var versions strings.Builder
	for _, v := range b.versions {
		fmt.Fprintf(&versions, "%s: %s\n", v[0], v[1])
	}
	b.add("versions.txt", []byte(versions.String()))
}

func (b *bundled) renderAttachments(given *app) {
	if b.attached != nil {
		b.addJSON("attachments.json", b.attached)
		b.addTable("attachments.txt", given, func(a *app) error { return a.attachmentTable(b.attached, b.problem) })
	}
	for i := range b.records {
		b.addJSON(fmt.Sprintf("records/%03d.json", i+1), &b.records[i])
	}
}

func (b *bundled) addTable(name string, given *app, table func(*app) error) {
	var out bytes.Buffer
	given.out, given.format = &out, formatWide
	if err := table(given); err != nil {
		b.lacks(name, err)
		return
	}
	b.add(name, out.Bytes())
}

func (b *bundled) addJSON(name string, v any) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		data, err = withoutSecretKeys(data)
	}
	if err != nil {
		b.lacks(name, err)
		return
	}
	b.add(name, append(data, '\n'))
}
