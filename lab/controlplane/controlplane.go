// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	certs "k8s.io/client-go/util/cert"
)

// Options say what runs beside etcd and the API server.
type Options struct {
	Scheduler bool
}

// A ControlPlane is a cluster without nodes. As nothing in it looks after nodes
// and namespaces, nodes that are created are ready for pods, and pods need no
// service account. The embedded Client may do everything.
type ControlPlane struct {
	*Client

	programs  string // directory
	dir       string // of all files, removed by Close
	port      *port
	etcd      *process
	apiServer *process // nil while stopped
	scheduler *process
	relays    relays
}

// Who has a token in the file of tokens. The API server binds the group and the
// user to what they may do when it first starts.
const (
	adminUser     = "admin"
	adminGroup    = "system:masters"
	schedulerUser = "system:kube-scheduler"
)

// Files in ControlPlane.dir; a socket is named by a short path.
const (
	certFile       = "cert.pem"
	keyFile        = "key.pem"
	tokenFile      = "tokens.csv"
	etcdSocket     = "etcd.sock"
	adminFile      = "admin.kubeconfig"
	schedulerFile  = "scheduler.kubeconfig"
	requestTimeout = 30 * time.Second
)

// Start starts a control plane, which outlives the context, and waits until it is
// ready. The programs must have been installed.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	c := &ControlPlane{}
	if err := c.start(ctx, options); err != nil {
		return nil, errors.Join(fmt.Errorf("start the control plane: %w", err), c.Close())
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context, options Options) (err error) {
	if c.programs, err = controlPlane.Installed(); err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp("", "colvin-kubernetes-"); err != nil {
		return err
	}
	if c.port, err = holdPort(); err != nil {
		return err
	}
	if err := c.prepare(); err != nil {
		return err
	}
	if err := c.startETCD(); err != nil {
		return err
	}
	if err := c.StartAPIServer(ctx); err != nil || !options.Scheduler {
		return err
	}
	return c.startScheduler()
}

// prepare writes the files that the programs read and makes the client.
func (c *ControlPlane) prepare() error {
	// The key also signs the tokens of service accounts.
	cert, key, err := certs.GenerateSelfSignedCertKey(loopback.String(), nil, nil)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	c.Client = &Client{
		Host:  "https://" + c.port.address().String(),
		CA:    cert,
		Token: rand.Text(),
		http: &http.Client{
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
			Timeout:   requestTimeout,
		},
	}
	scheduler := c.as(rand.Text())
	users := fmt.Sprintf("%s,%s,1,%s\n%s,%s,2\n", c.Token, adminUser, adminGroup, scheduler.Token, schedulerUser)
	for name, content := range map[string][]byte{
		certFile: cert, keyFile: key, tokenFile: []byte(users), adminFile: c.Kubeconfig(),
		schedulerFile: scheduler.Kubeconfig(),
	} {
		if err := os.WriteFile(c.path(name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c *ControlPlane) path(name string) string { return filepath.Join(c.dir, name) }

// startETCD starts etcd on sockets: nobody else can take them or reach them.
func (c *ControlPlane) startETCD() (err error) {
	c.etcd, err = start(c.dir, filepath.Join(c.programs, "etcd"),
		"--data-dir="+c.path("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=unix://"+c.path(etcdSocket), "--listen-peer-urls=unix://"+c.path("peer.sock"),
		"--advertise-client-urls=http://"+loopback.String()+":1") // it wants one; nobody asks for it
	return err
}

// StartAPIServer starts the API server where it was before, with the objects it
// had, and waits until it is ready.
func (c *ControlPlane) StartAPIServer(ctx context.Context) (err error) {
	c.apiServer, err = start(c.dir, filepath.Join(c.programs, "kube-apiserver"),
		"--etcd-servers=unix://"+c.path(etcdSocket),
		"--bind-address="+loopback.String(), "--secure-port="+strconv.Itoa(c.port.number), "--permit-port-sharing",
		"--advertise-address="+loopback.String(), "--endpoint-reconciler-type=none", // no Service stands for it
		"--tls-cert-file="+c.path(certFile), "--tls-private-key-file="+c.path(keyFile),
		"--token-auth-file="+c.path(tokenFile), "--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+c.path(certFile), "--service-account-signing-key-file="+c.path(keyFile),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--enable-admission-plugins=NodeRestriction", "--allow-privileged", // as clusters do
		// What these ask for is done by controllers that do not run.
		"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
	)
	if err != nil {
		return err
	}
	return c.apiServer.await(ctx, func(ctx context.Context) error {
		if err := c.Do(ctx, http.MethodGet, "/readyz", nil, nil); err != nil {
			return err
		}
		return c.Do(ctx, http.MethodGet, "/api/v1/namespaces/default", nil, nil) // made a moment later
	})
}

// StopAPIServer kills the API server, as a failure would. Its port stays taken and
// refuses connections.
func (c *ControlPlane) StopAPIServer() error {
	p := c.apiServer
	c.apiServer = nil
	c.http.CloseIdleConnections()
	return p.kill()
}

func (c *ControlPlane) startScheduler() (err error) {
	c.scheduler, err = start(c.dir, filepath.Join(c.programs, "kube-scheduler"),
		"--kubeconfig="+c.path(schedulerFile), "--leader-elect=false", "--secure-port=0")
	return err
}

// Close ends what was started and removes its files. It fails where something had
// ended before.
func (c *ControlPlane) Close() error {
	var errs []error
	for _, p := range []*process{c.scheduler, c.apiServer, c.etcd} {
		if p != nil {
			errs = append(errs, p.kill())
		}
	}
	c.relays.close()
	if c.Client != nil {
		c.http.CloseIdleConnections()
	}
	if c.port != nil {
		errs = append(errs, c.port.close())
	}
	if c.dir != "" {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	return errors.Join(errs...)
}

// Kubectl runs kubectl as the user who may do everything and returns what it
// prints.
func (c *ControlPlane) Kubectl(ctx context.Context, args ...string) (string, error) {
	out, _, err := c.KubectlTold(ctx, args...)
	return out, err
}

// KubectlTold is Kubectl, and returns what it says beside, such as warnings.
func (c *ControlPlane) KubectlTold(ctx context.Context, args ...string) (out, told string, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.programs, "kubectl"),
		append([]string{"--kubeconfig=" + c.path(adminFile)}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+c.dir) // for its cache, and no settings of the user
	var printed, said strings.Builder
	cmd.Stdout, cmd.Stderr = &printed, &said
	if err := cmd.Run(); err != nil {
		return "", said.String(), fmt.Errorf("run kubectl %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return printed.String(), said.String(), nil
}
