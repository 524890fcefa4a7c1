// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A ban says what packages must not import, themselves or through others. Paths that
// begin with "./" are ours, and "/..." takes in everything below.
type ban struct {
	packages []string
	except   []string // of packages, those it does not apply to
	imports  []string
	direct   bool // only what the packages themselves import counts
	reason   string
}

// outside stands for everything that is neither ours nor in the standard library.
const outside = "outside"

// wire are the packages that hear and speak on ports.
var wire = []string{
	"./discovery/capture", "./discovery/cdp", "./discovery/ether", "./discovery/lldp", "./discovery/neighbor",
	"./discovery/nic", "./discovery/observe", "./discovery/ra", "./discovery/router", "./discovery/transmit",
}

// system are the packages through which a program meets the outer world.
var system = []string{"os", "os/...", "io/ioutil", "log", "log/slog", "net/http", "syscall", "golang.org/x/sys/..."}

// laboratory are the packages that tests are made with.
var laboratory = []string{
	"./discovery/ether/ethertest", "./discovery/link/linktest", "./internal/buildcache", "./internal/corpus", "./internal/golden",
	"./internal/leaktest", "./internal/netnstest/...", "./internal/paste/pastetest", "./internal/privatedir", "./internal/scenario", "./lab/...", "./mapping/rules/rulestest",
	"./mapping/topology/topologytest",
}

// Which floor a package is on, and that imports go down, is in floors.
var bans = []ban{
	{
		packages: []string{
			"./discovery", "./discovery/lldp", "./discovery/cdp", "./discovery/ra", "./discovery/neighbor", "./discovery/router", "./discovery/transmit", "./discovery/capture",
		},
		imports: system,
		direct:  true,
		reason:  "a codec, a table and a state machine are pure: octets and times in, values and reasons out",
	},
	{
		packages: []string{"./mapping/..."},
		except:   []string{"./mapping/nodefile", "./mapping/rules/rulestest"},
		imports:  system,
		direct:   true,
		reason:   "mapping is pure: the same code runs on a node and in the controller; only nodefile opens its own file",
	},
	{
		packages: []string{"./mapping/..."},
		imports:  append([]string{"./discovery/link", "net/http", "os/exec"}, wire...),
		reason:   "mapping sees the domain types of package discovery only",
	},
	{
		packages: []string{"./agent/..."},
		imports:  []string{"./cniplugin"},
		reason:   "the agent never attaches; it reads the records that the plugin leaves",
	},
	{
		packages: []string{"./agent/..."},
		imports:  []string{"./controller/..."},
		reason:   "a node knows nothing of other nodes: agent and controller share api and mapping",
	},
	{
		packages: []string{"./controller/..."},
		imports:  append([]string{"./cniplugin/...", "./discovery/link"}, wire...),
		reason:   "the controller hears and attaches nothing: it knows what nodes have published",
	},
	{
		packages: []string{"./controller/plan"},
		imports:  []string{"k8s.io/client-go/...", "sigs.k8s.io/controller-runtime/..."},
		reason:   "a plan is pure: what a cluster should be follows from its objects alone",
	},
	{
		packages: []string{
			"./mapping/nodefile", "./cniplugin/record", "./internal/agentlock", "./internal/atomicfile", "./internal/latest", "./internal/safefile", "./internal/settle",
			"./internal/statefile",
		},
		imports: []string{outside},
		reason:  "the plugin links them and any program may: standard library only",
	},
	{
		packages: []string{"./cniplugin/...", "./cmd/colvin-cni"},
		imports:  append([]string{"./mapping", "./mapping/rules/...", "./mapping/colour", "./mapping/topology/..."}, wire...),
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
		packages: []string{"./..."},
		except: []string{
			"./agent/publish/...", "./api/...", "./controller/...", "./internal/clusterview", "./internal/rulesimport",
			"./cli", "./cli/kubectl", "./cmd/colvin", "./cmd/colvind", "./cmd/colvin-controller", "./cmd/kubectl-colvin", "./lab/...",
		},
		imports: []string{"k8s.io/...", "sigs.k8s.io/..."},
		reason:  "Colvin works without Kubernetes: only api, its conversions, agent/publish, controller and the command for clusters know it",
	},
	{
		packages: []string{"./api/..."},
		imports:  []string{"./...", "k8s.io/api/...", "k8s.io/client-go/...", "sigs.k8s.io/controller-runtime/...", "sigs.k8s.io/yaml/...", "github.com/goccy/..."},
		reason:   "api is types on apimachinery: they can be imported by anybody without what Colvin is made of",
	},
	{
		packages: []string{"./internal/clusterview", "./internal/rulesimport"},
		imports:  append([]string{"./discovery/link", "k8s.io/client-go/...", "sigs.k8s.io/controller-runtime/..."}, wire...),
		reason:   "a conversion is pure: agents, controller and command share it, and none brings the others what it runs on",
	},
	{
		packages: []string{"./cli", "./cmd/colvin"},
		imports:  []string{"./cli/kubectl", "k8s.io/client-go/...", "k8s.io/api/...", "k8s.io/cli-runtime/...", "sigs.k8s.io/controller-runtime/..."},
		reason:   "the command reads objects of a cluster from files and asks no API server",
	},
	{
		packages: []string{"./cli/kubectl", "./cmd/kubectl-colvin"},
		imports: []string{
			"./cli", "./agent/...", "./controller", "./cniplugin/...", "./discovery/link", "./discovery/ether", "./discovery/observe", "sigs.k8s.io/controller-runtime/...",
		},
		reason: "the command for clusters asks the API server, and links nothing that runs on a node or in the controller",
	},
	{
		packages: []string{"./cli", "./cmd/colvin"},
		imports: []string{
			"./agent", "./agent/publish", "./agent/rulebook", "./discovery/ether", "./discovery/observe", "github.com/mdlayher/packet",
			"github.com/prometheus/...", "github.com/fsnotify/...", "kernel.org/pub/linux/libs/security/libcap/...",
		},
		reason: "the command asks the agent; it is none",
	},
	{
		packages: []string{"./agent/..."},
		except:   []string{"./agent"},
		imports:  []string{"./agent"},
		reason:   "the loop puts its parts together; none of them knows it",
	},
	{
		packages: []string{"./agent/agentapi"},
		imports:  append([]string{"./discovery/link", "./agent/...", "github.com/prometheus/...", "github.com/fsnotify/..."}, wire...),
		reason:   "what the agent tells is for everybody to read, whatever they link",
	},
	{
		packages: []string{"./agent/publish/...", "./cmd/colvind"},
		imports:  []string{"./controller/...", "sigs.k8s.io/controller-runtime/...", "k8s.io/client-go/kubernetes/...", "k8s.io/api/..."},
		reason:   "an agent is small: it talks about four kinds of its own, and knows nothing of other nodes",
	},
	{
		packages: []string{"./..."},
		except:   []string{"./discovery/ether", "./internal/netnstest/speaker"},
		imports:  []string{"github.com/mdlayher/packet"},
		direct:   true,
		reason:   "only discovery/ether opens packet sockets, and the switches that tests make",
	},
	{
		packages: []string{"./..."},
		except:   []string{"./discovery/ra", "./internal/netnstest/speaker"},
		imports:  []string{"github.com/mdlayher/ndp"},
		direct:   true,
		reason:   "only discovery/ra reads router advertisements, and the routers of tests write them",
	},
	{
		packages: []string{"./..."},
		except:   []string{"./cniplugin/attach", "./discovery/link", "./internal/netnstest"},
		imports:  []string{"github.com/vishvananda/..."},
		direct:   true,
		reason:   "only discovery/link talks to the kernel about links, cniplugin/attach about those of containers, and the namespaces that tests make",
	},
	{
		packages: []string{"./..."},
		except:   []string{"./internal/yamlfile"},
		imports:  []string{"github.com/goccy/..."},
		direct:   true,
		reason:   "package yamlfile reads YAML, strictly and with positions",
	},
	{
		packages: []string{"./..."},
		except:   laboratory,
		imports:  append([]string{"testing", "github.com/google/go-cmp/...", "go.uber.org/goleak"}, laboratory...),
		direct:   true,
		reason:   "what is made for tests stays out of what we ship",
	},
	{
		packages: []string{"./cmd/..."},
		imports:  append([]string{"testing", "github.com/google/go-cmp/...", "go.uber.org/goleak"}, laboratory...),
		reason:   "what is made for tests stays out of what we ship",
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
			find := deps.find
			if b.direct {
				find = deps.findDirect
			}
			if chain := find(pkg, banned); chain != nil {
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

// findDirect is find for what pkg imports itself.
func (i imports) findDirect(pkg string, wanted func(string) bool) []string {
	at := slices.IndexFunc(i[pkg].Imports, wanted)
	if at < 0 {
		return nil
	}
	return []string{pkg, i[pkg].Imports[at]}
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
		if len(tt.want) > 2 {
			tt.want = nil
		}
		got = deps.findDirect(module+"/a", func(path string) bool { return deps.banned([]string{tt.ban}, path) })
		if !slices.Equal(got, tt.want) {
			t.Errorf("direct import of %s: %q, want %q", tt.ban, got, tt.want)
		}
	}
}

// TestBansAreOfSomething holds that no ban outlives the packages that it was made for.
func TestBansAreOfSomething(t *testing.T) {
	deps := loadImports(t)
	for _, b := range bans {
		for _, pattern := range slices.Concat(b.packages, b.except) {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(deps)), func(path string) bool { return match(pattern, path) }) {
				t.Errorf("%s: there is no %s", b.reason, pattern)
			}
		}
	}
}
