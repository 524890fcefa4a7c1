// SPDX-License-Identifier: Apache-2.0

// Command images builds Colvin's container images without a container engine: an OCI
// archive for each, for all platforms, and a list of what is in it as CycloneDX. The same
// source gives the same digest.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// An image is a name with the programs in it; the first is what it runs.
type image struct {
	name, title string
	programs    []string
	user        string
}

// images are all.
var images = []image{
	// The agent is root without capabilities but those its pod gives, as kubelet gives no
	// ambient ones; the installer writes into root's directories.
	{"colvin", "Colvin's agent, CNI plugin, installer and command", []string{"colvind", "colvin-cni", "colvin"}, "0:0"},
	{"colvin-controller", "Colvin's controller", []string{"colvin-controller"}, "65532:65532"},
	// Of no release: for jobs that somebody wants to run, such as deploy/examples/plan-check.yaml.
	{"kubectl-colvin", "kubectl colvin, for jobs in a cluster", []string{"kubectl-colvin"}, "65532:65532"},
}

// platforms are those that images are for.
var platforms = []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}

// local is the registry in the names that archives have: whoever imports one finds the image
// as the kubelet will look for it, and none is ever fetched by that name.
const local = "localhost"

const source = "https://github.com/colvin-net/colvin"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	out := flags.String("out", "dist", "`directory` of the archives")
	version := flags.String("version", "", "`version` of the programs; empty: what git describe says")
	push := flags.String("push", "", "also push to this `registry`, with the path before the image's name")
	only := flags.String("architecture", "", "build for this `architecture` only, such as amd64, to try the images")
	root := flags.String("source", ".", "`directory` of the source")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	b := builder{root: *root, version: *version, out: *out}
	for _, p := range platforms {
		if *only == "" || *only == p.Architecture {
			b.platforms = append(b.platforms, p)
		}
	}
	if len(b.platforms) == 0 {
		return fmt.Errorf("--architecture %s: images are for %v", *only, platforms)
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	for _, i := range images {
		index, err := b.index(ctx, i)
		if err != nil {
			return fmt.Errorf("build %s: %w", i.name, err)
		}
		archive := filepath.Join(*out, i.name+"-"+b.version+".tar")
		size, digest, err := write(archive, local+"/"+i.name+":"+b.version, index)
		if err != nil {
			return fmt.Errorf("write %s: %w", archive, err)
		}
		fmt.Printf("%s\t%s\t%s\n", archive, digest, size)
		if *push == "" {
			continue
		}
		if err := pushIndex(ctx, strings.TrimSuffix(*push, "/")+"/"+i.name+":"+b.version, index); err != nil {
			return fmt.Errorf("push %s: %w", i.name, err)
		}
	}
	return nil
}

// A builder builds the programs of images.
type builder struct {
	root, version, out string
	platforms          []v1.Platform
	revision           string
	created            time.Time
	programs           string // the directory of those built
}

// prepare asks git what is built. SOURCE_DATE_EPOCH says when, where it is set.
func (b *builder) prepare(ctx context.Context) error {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", b.root}, args...)...)
		out, err := cmd.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("git %s: %w: %s", args[0], err, exit.Stderr)
		}
		return strings.TrimSpace(string(out)), err
	}
	described, err := git("describe", "--tags", "--always", "--dirty")
	if err == nil {
		b.revision, err = git("rev-parse", "HEAD")
	}
	var at string
	if err == nil {
		at, err = git("log", "-1", "--format=%ct")
	}
	if err != nil {
		return err
	}
	b.version = cmp.Or(b.version, described)
	var seconds int64
	if _, err := fmt.Sscan(cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), at), &seconds); err != nil {
		return fmt.Errorf("read the time of the commit: %w", err)
	}
	b.created = time.Unix(seconds, 0).UTC()
	return os.MkdirAll(b.out, 0o755)
}

// build builds the programs of an image for a platform into a directory.
func (b *builder) build(ctx context.Context, i image, p v1.Platform, dir string) error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version=" + b.version, "-o", dir + "/"}
	for _, program := range i.programs {
		args = append(args, "./cmd/"+program)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.root
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "GOFLAGS=") || strings.HasPrefix(e, "GOAMD64=") }),
		"CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Architecture)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}
