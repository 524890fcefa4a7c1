// SPDX-License-Identifier: Apache-2.0

// Package containers tells whether containers still are where they were attached to: it
// reads the records that the CNI plugin leaves, sees whether their network namespaces are
// gone, and holds them against what is known of the node. Watching the records, and
// attaching, stay out.
package containers
