// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

func (a *app) attachments() *cobra.Command {
	var everywhere bool
	cmd := a.command(&cobra.Command{
		Use:   "attachments",
		Short: "Show the pods that are attached to networks, and where these lead now (-A: of all namespaces)",
		Long: "attachments shows the pods that Multus attached to networks of Colvin's, by what it wrote on them, and where these networks lead\n" +
			"now by what the nodes publish. Whether an interface is still in its container is known on the node only (colvin attachments).",
		Args: cobra.NoArgs,
	}, func(ctx context.Context, c *client, _ []string) error {
		namespace := c.namespace
		if everywhere {
			namespace = ""
		}
		catalog, err := c.catalog(ctx, "")
		if catalog != nil && catalog.note != "" && namespace != "" { // those of the namespace may be read all the same
			catalog, err = c.catalog(ctx, namespace)
		}
		if err != nil {
			return err
		}
		all, err := c.attachments(ctx, query{resource: pods, namespace: namespace, form: asTable}, catalog, func(*attachment) bool { return true })
		if err != nil {
			return err
		}
		note, err := a.judgeAll(ctx, c, all)
		if err != nil {
			return err
		}
		if printed, err := a.data(append([]attachment{}, all...)); printed {
			return errors.Join(err, incomplete(catalog.note, note))
		}
		var notes []string
		for _, text := range []string{catalog.note, note} {
			if text != "" {
				notes = append(notes, text)
			}
		}
		return attachmentTable(a.show(), all, true, notes...)
	})
	cmd.Flags().BoolVarP(&everywhere, "all-namespaces", "A", false, "those of all namespaces")
	return a.watched(cmd)
}

// incomplete is the error where a list for programs cannot say that it is not whole.
func incomplete(notes ...string) error {
	for _, text := range notes {
		if text != "" {
			return errors.New(text)
		}
	}
	return nil
}
