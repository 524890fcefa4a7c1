// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"os"
	"testing"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/colvin-net/colvin/internal/leaktest"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard()) // it complains otherwise
	// A watch of metadata that is stopped at the wrong moment leaves a goroutine behind
	// (newGVKFixupWatcher of controller-runtime), once for each end of a manager.
	os.Exit(leaktest.Run(m, goleak.IgnoreTopFunction("k8s.io/apimachinery/pkg/watch.(*filteredWatch).loop")))
}
