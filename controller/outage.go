// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"net/http"
)

// errOutage ends a manager whose API server was away.
var errOutage = errors.New("the API server was away")

// An outage notices that the API server is away, by any request that gets no answer;
// the Lease alone makes one every other second. Whatever watches the API server waits
// longer and longer then, up to half a minute, so that even a short outage would leave
// the cluster unattended for long: to begin again is faster.
type outage struct {
	doubt chan struct{} // holds one doubt at most
}

func newOutage() *outage { return &outage{doubt: make(chan struct{}, 1)} }

// wrap has requests noticed that get no answer.
func (o *outage) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil && !errors.Is(req.Context().Err(), context.Canceled) { // which is nobody's fault
			o.notice()
		}
		return resp, err
	})
}

func (o *outage) notice() {
	select {
	case o.doubt <- struct{}{}:
	default:
	}
}

// watch returns errOutage after an outage, once ask gets an answer again.
func (o *outage) watch(ctx context.Context, ask func(context.Context) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.doubt:
		}
		if ask(ctx) == nil {
			continue // it was one connection, or too short to matter
		}
		for ctx.Err() == nil {
			if pause(ctx, retryEvery); ask(ctx) == nil {
				return errOutage
			}
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }
