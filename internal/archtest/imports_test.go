// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A ban says what packages must not depend on, directly or through others. Paths
// that begin with "./" are ours, and "/..." takes in everything below.
type ban struct {
	packages []string
	except   []string // of packages, those it does not apply to
	imports  []string
	reason   string
}

// outside stands for everything that is neither ours nor in the standard library.
const outside = "outside"

// wire are the packages that hear and speak on ports.
var wire = []string{
	"./discovery/capture", "./discovery/cdp", "./discovery/ether", "./discovery/lldp", "./discovery/neighbor",
	"./discovery/nic", "./discovery/observe", "./discovery/transmit",
}

var bans = []ban{
	{
		packages: []string{"./discovery/..."},
		imports:  []string{"./mapping/...", "./cniplugin/..."},
		reason:   "discovery is what a node sees; it knows nothing of names and containers",
	},
	{
		packages: []string{"./mapping/..."},
		imports:  append([]string{"./discovery/link", "net/http", "os/exec"}, wire...),
		reason:   "mapping is pure: the same code runs on a node and in the controller",
	},
	{
		packages: []string{"./mapping/..."},
		imports:  []string{"./cniplugin/...", "./agent/...", "./controller/...", "./api/..."},
		reason:   "what mapping resolves is for plugin, agent and controller to use, never the other way round",
	},
	{
		packages: []string{"./agent/..."},
		imports:  []string{"./cniplugin"},
		reason:   "the agent never attaches; it reads the records that the plugin leaves",
	},
	{
		packages: []string{"./agent/..."},
		imports:  []string{"./controller/..."},
		reason:   "a node knows nothing of other nodes, and a controller hears nothing: they share api and mapping",
	},
	{
		packages: []string{"./controller/..."},
		imports:  []string{"./agent/..."},
		reason:   "a node knows nothing of other nodes, and a controller hears nothing: they share api and mapping",
	},
	{
		packages: []string{"./mapping/nodefile", "./cniplugin/record", "./internal/atomicfile"},
		imports:  []string{outside},
		reason:   "the plugin links them and any program may: standard library only",
	},
	{
		packages: []string{"./cniplugin/...", "./cmd/colvin-cni"},
		imports:  append([]string{"./mapping", "./agent/...", "./mapping/rules/...", "./mapping/colour"}, wire...),
		reason:   "the plugin listens to nothing and resolves nothing: it reads the node file and asks the kernel",
	},
	{
		packages: []string{"./cniplugin/...", "./cmd/colvin-cni"},
		imports: []string{
			"net/http", "crypto/tls", "github.com/prometheus/...", "github.com/spf13/...",
			"github.com/goccy/...", "go.yaml.in/...", "sigs.k8s.io/yaml/...", "./internal/yamlfile/...",
		},
		reason: "the plugin runs once per container: it starts in milliseconds, stays small and needs no server",
	},
	{
		packages: []string{"./discovery/...", "./mapping/...", "./agent/...", "./cniplugin/...", "./cmd/colvin-cni", "./internal/..."},
		except:   []string{"./agent/publish/..."},
		imports:  []string{"k8s.io/...", "sigs.k8s.io/..."},
		reason:   "Colvin works without Kubernetes; only api, agent/publish and controller know it",
	},
	{
		packages: []string{"./controller/plan"},
		imports:  []string{"k8s.io/client-go/...", "sigs.k8s.io/controller-runtime/...", "./agent/...", "./discovery/link"},
		reason:   "a plan is pure: what a cluster should be follows from its objects alone",
	},
	{
		packages: []string{"./agent/publish/...", "./cmd/colvind"},
		imports:  []string{"./controller/...", "sigs.k8s.io/controller-runtime/...", "k8s.io/client-go/kubernetes/...", "k8s.io/api/..."},
		reason:   "an agent is small: it talks about four kinds of its own, and knows nothing of other nodes",
	},
	{
		packages: []string{"./cmd/..."},
		imports:  []string{"./internal/netnstest/...", "./discovery/ether/ethertest", "./discovery/link/linktest", "./lab/...", "./internal/buildcache", "./internal/corpus", "./internal/golden", "./internal/leaktest", "testing", "github.com/google/go-cmp/...", "go.uber.org/goleak"},
		reason:   "what is made for tests stays out of what we ship",
	},
	{
		packages: []string{"./..."},
		imports:  []string{"github.com/mdlayher/raw", "github.com/pkg/errors"},
		reason:   "nobody maintains them",
	},
}

func TestImports(t *testing.T) {
	deps := loadImports(t)
	for _, b := range bans {
		for pkg := range deps {
			if !matchAny(b.packages, pkg) || matchAny(b.except, pkg) {
				continue
			}
			banned := func(path string) bool { return deps.banned(b.imports, path) && path != pkg }
			if chain := deps.find(pkg, banned); chain != nil {
				t.Errorf("%s: %s", strings.Join(chain, " imports\n\t"), b.reason)
			}
		}
	}
}

// TestCgo holds that the commands run on every distribution.
func TestCgo(t *testing.T) {
	for pkg, p := range loadImports(t) {
		if matchAny([]string{"./..."}, pkg) && slices.Contains(p.Imports, "C") {
			t.Errorf("%s uses cgo: the commands are linked statically", pkg)
		}
	}
}

// match reports whether path is what pattern means.
func match(pattern, path string) bool {
	if rest, ok := strings.CutPrefix(pattern, "."); ok {
		pattern = module + rest
	}
	prefix, below := strings.CutSuffix(pattern, "/...")
	return path == prefix || below && strings.HasPrefix(path, prefix+"/")
}

func matchAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, path) })
}

// imports is what imports what, without tests, by package path.
type imports map[string]listed

// listed is a package as go list prints it.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

// loadImports asks the go command. Packages that do not compile are listed too.
func loadImports(t *testing.T) imports {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-json=ImportPath,Standard,Imports", "./...")
	cmd.Dir = filepath.FromSlash(root)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	deps := imports{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return deps
		case err != nil:
			t.Fatal(err)
		}
		deps[p.ImportPath] = p
	}
}

// banned reports whether path is one of the packages that patterns mean.
func (i imports) banned(patterns []string, path string) bool {
	if matchAny(patterns, path) {
		return true
	}
	p := i[path]
	return slices.Contains(patterns, outside) && !p.Standard && p.ImportPath != "" && !match("./...", path)
}

// find returns the shortest chain of imports from pkg to a package that wanted
// reports.
func (i imports) find(pkg string, wanted func(string) bool) []string {
	from := map[string]string{pkg: ""}
	for queue := []string{pkg}; len(queue) > 0; queue = queue[1:] {
		p := queue[0]
		if wanted(p) {
			chain := []string{}
			for ; p != ""; p = from[p] {
				chain = append(chain, p)
			}
			slices.Reverse(chain)
			return chain
		}
		for _, next := range i[p].Imports {
			if _, seen := from[next]; !seen {
				from[next] = p
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// TestBansBite holds that a ban finds what it is there to find.
func TestBansBite(t *testing.T) {
	deps := imports{
		module + "/a":        {Imports: []string{module + "/b", "fmt"}},
		module + "/b":        {Imports: []string{"k8s.io/api/core/v1", "fmt"}},
		"fmt":                {ImportPath: "fmt", Standard: true, Imports: []string{"os"}},
		"k8s.io/api/core/v1": {ImportPath: "k8s.io/api/core/v1"},
	}
	for _, tt := range []struct {
		ban  string
		want []string
	}{
		{"k8s.io/...", []string{module + "/a", module + "/b", "k8s.io/api/core/v1"}},
		{outside, []string{module + "/a", module + "/b", "k8s.io/api/core/v1"}},
		{"./b", []string{module + "/a", module + "/b"}},
		{"./b/...", []string{module + "/a", module + "/b"}},
		{"os", []string{module + "/a", "fmt", "os"}},
		{"./bb", nil},
		{"k8s.io/ap", nil},
		{"k8s.io/ap/...", nil},
	} {
		got := deps.find(module+"/a", func(path string) bool { return deps.banned([]string{tt.ban}, path) })
		if !slices.Equal(got, tt.want) {
			t.Errorf("chain to %s: %q, want %q", tt.ban, got, tt.want)
		}
	}
}
