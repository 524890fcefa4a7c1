// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/colour"
)

// Read lists what a plan depends on.
var Read = read

// Allocate gives a colour to an identity, by somebody who knows of none that is given.
func Allocate(ctx context.Context, k client.Client, id mapping.Identity) (string, error) {
	r := &reconciler{client: k, live: k}
	return r.allocate(ctx, &plan.Uncoloured{Identity: id}, &[]colour.Entry{}, func(string) bool { return false })
}
