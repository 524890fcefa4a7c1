// SPDX-License-Identifier: Apache-2.0

package mapping

// ResolveWithin is Resolve where fewer ways count than MaxUplinks.
var ResolveWithin = resolve
