// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// A Client is one user of the API server.
type Client struct {
	Host  string // the API server's URL
	CA    []byte // PEM of what vouches for it
	Token string // of the user

	http *http.Client
}

// A Status is an answer of the API server that is no success.
type Status struct {
	Code    int    `json:"code"`
	Reason  string `json:"reason"` // such as AlreadyExists
	Message string `json:"message"`
}

// Error returns the message for people.
func (s *Status) Error() string { return fmt.Sprintf("%d %s: %s", s.Code, s.Reason, s.Message) }

// Do calls the API server. It sends in as JSON and puts the answer into out, where
// they are not nil; a PATCH is a merge patch. What the server refuses is a *Status.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	_, err := c.Warned(ctx, method, path, in, out)
	return err
}

// Warned is Do, and returns what the API server warns of.
func (c *Client) Warned(ctx context.Context, method, path string, in, out any) (warnings []string, err error) {
	header, err := c.do(ctx, method, path, in, out)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	for _, w := range header.Values("Warning") { // CODE AGENT "TEXT" (RFC 7234, 5.5)
		_, quoted, _ := strings.Cut(w, ` "`)
		text, err := strconv.Unquote(`"` + quoted)
		if err != nil {
			return nil, fmt.Errorf("%s %s: read warning %s: %w", method, path, w, err)
		}
		warnings = append(warnings, text)
	}
	return warnings, nil
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	if in == nil {
		body = nil
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Host+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/merge-patch+json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return nil, newStatus(resp.StatusCode, answer)
	}
	if out == nil {
		return resp.Header, nil
	}
	return resp.Header, json.Unmarshal(answer, out)
}

func newStatus(code int, answer []byte) *Status {
	s := &Status{}
	if json.Unmarshal(answer, s) != nil || s.Message == "" { // not an answer of the API
		s.Message = string(bytes.TrimSpace(answer))
	}
	s.Code = code
	return s
}

// Kubeconfig returns the content of a kubeconfig file for the user.
func (c *Client) Kubeconfig() []byte {
	const name = "test"
	type object = map[string]any
	b, err := json.Marshal(object{
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []object{{"name": name, "cluster": object{"server": c.Host, "certificate-authority-data": c.CA}}},
		"users":    []object{{"name": name, "user": object{"token": c.Token}}},
		"contexts": []object{{"name": name, "context": object{"cluster": name, "user": name}}},
	})
	if err != nil {
		panic(err) // strings and octets only
	}
	return b
}

// OnNode returns a client for a service account as a pod on that node has it: its
// token is bound to the node, and the API server knows the node's name from it.
func (c *Client) OnNode(ctx context.Context, namespace, account, node string) (*Client, error) {
	type object = map[string]any
	request := object{"spec": object{"boundObjectRef": object{"apiVersion": "v1", "kind": "Node", "name": node}}}
	var answer struct{ Status struct{ Token string } }
	path := "/api/v1/namespaces/" + namespace + "/serviceaccounts/" + account + "/token"
	if err := c.Do(ctx, http.MethodPost, path, request, &answer); err != nil {
		return nil, err
	}
	return c.as(answer.Status.Token), nil
}

// as returns the client of another user.
func (c *Client) as(token string) *Client {
	other := *c
	other.Token = token
	return &other
}
