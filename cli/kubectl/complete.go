// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"strings"

	"github.com/spf13/cobra"
)

// completeNames offers the names of objects.
func (a *app) completeNames(of resource) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
		c, err := a.connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		q := query{resource: of, form: metadata}
		if of.namespaced() {
			q.namespace = c.namespace
		}
		names, err := list(cmd.Context(), c, q, func(o *object) (string, bool) { return o.Metadata.Name, strings.HasPrefix(o.Metadata.Name, begin) })
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
