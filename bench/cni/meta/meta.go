// SPDX-License-Identifier: Apache-2.0

// Package meta is the least that a plugin which delegates consists of; what
// Colvin's does besides stays out.
package meta

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// Conf is the configuration of such a plugin.
type Conf struct {
	CNIVersion string            `json:"cniVersion"`
	Name       string            `json:"name"`
	Delegate   map[string]string `json:"delegate"`
	URL        string            `json:"url,omitempty"`    // of what there is to look up
	CAFile     string            `json:"caFile,omitempty"` // who may answer there
}

// Main answers ADD and DEL. It lets prepare complete the delegate's
// configuration first.
func Main(prepare func(context.Context, *Conf) error) {
	p := plugin{prepare}
	skel.PluginMainFuncs(skel.CNIFuncs{Add: p.add, Del: p.del}, version.All, "delegates, for a benchmark")
}

type plugin struct {
	prepare func(context.Context, *Conf) error
}

func (p plugin) add(args *skel.CmdArgs) error {
	ctx := context.Background()
	c, stdin, err := p.read(ctx, args)
	if err != nil {
		return err
	}
	result, err := invoke.DelegateAdd(ctx, c.Delegate["type"], stdin, nil)
	if err != nil {
		return err
	}
	return types.PrintResult(result, c.CNIVersion)
}

func (p plugin) del(args *skel.CmdArgs) error {
	ctx := context.Background()
	c, stdin, err := p.read(ctx, args)
	if err != nil {
		return err
	}
	return invoke.DelegateDel(ctx, c.Delegate["type"], stdin, nil)
}

// read returns the configuration and the one that the delegate gets.
func (p plugin) read(ctx context.Context, args *skel.CmdArgs) (*Conf, []byte, error) {
	var c Conf
	if err := json.Unmarshal(args.StdinData, &c); err != nil {
		return nil, nil, fmt.Errorf("parse configuration: %w", err)
	}
	if err := p.prepare(ctx, &c); err != nil {
		return nil, nil, err
	}
	c.Delegate["cniVersion"], c.Delegate["name"] = c.CNIVersion, c.Name
	stdin, err := json.Marshal(c.Delegate)
	if err != nil {
		return nil, nil, fmt.Errorf("encode configuration: %w", err)
	}
	return &c, stdin, nil
}
