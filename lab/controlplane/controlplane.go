// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	certs "k8s.io/client-go/util/cert"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/daemon"
)

// Options say what runs beside etcd and the API server.
type Options struct {
	Scheduler bool
	// Controllers has the controller manager look after nodes, workloads and accounts, as
	// in a cluster with kubelets.
	Controllers bool
	// Network has the API server serve these addresses at ServicePort there, instead of
	// loopback; Host and clients of this package reach it all the same.
	Network *Network
	// Nodes are the names of those whose kubelets come: see Kubelet.
	Nodes []string
}

// A Network is a namespace and the addresses there at which nodes and pods find the API
// server.
type Network struct {
	*netnstest.Namespace
	Addresses []net.IP // first that which nodes use
}

// ServicePort is where the API server is in a Network, as in-cluster clients expect it of the
// service's address.
const ServicePort = 443

// A ControlPlane is a cluster without nodes. Where no controllers run, nothing in it looks
// after nodes and namespaces: nodes that are created are ready for pods, and pods need no
// service account. The embedded Client may do everything.
type ControlPlane struct {
	options Options
	*Client

	programs  string // directory
	dir       string // of all files, removed by Close
	port      *port
	etcd      *daemon.Process
	apiServer *daemon.Process   // nil while stopped
	others    []*daemon.Process // that are its clients
	kubelets  map[string]*Client
	relays    relays
}

// Who has a token in the file of tokens. The API server binds the group and the
// user to what they may do when it first starts.
const (
	adminUser     = "admin"
	adminGroup    = "system:masters"
	schedulerUser = "system:kube-scheduler"
	managerUser   = "system:kube-controller-manager"
	kubeletUser   = "system:node:" // and the node's name
	kubeletGroup  = "system:nodes"
)

// Files in ControlPlane.dir; a socket is named by a short path.
const (
	certFile       = "cert.pem"
	keyFile        = "key.pem"
	tokenFile      = "tokens.csv"
	etcdSocket     = "etcd.sock"
	adminFile      = "admin.kubeconfig"
	schedulerFile  = "scheduler.kubeconfig"
	managerFile    = "controller-manager.kubeconfig"
	requestTimeout = 30 * time.Second
)

// Start starts a control plane, which outlives the context, and waits until it is
// ready. The programs must have been installed.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	c := &ControlPlane{options: options, kubelets: map[string]*Client{}}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the control plane: %w", err), c.Close())
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context) (err error) {
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
	if err := c.reachNetwork(ctx); err != nil {
		return err
	}
	if err := c.StartAPIServer(ctx); err != nil {
		return err
	}
	return c.startClients()
}

// prepare writes the files that the programs read and makes the client.
func (c *ControlPlane) prepare() error {
	var addresses []net.IP
	if c.options.Network != nil {
		addresses = c.options.Network.Addresses
	}
	// The key also signs the tokens of service accounts.
	cert, key, err := certs.GenerateSelfSignedCertKey(loopback.String(), addresses, nil)
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
	scheduler, manager := c.as(rand.Text()), c.as(rand.Text())
	var users bytes.Buffer
	fmt.Fprintf(&users, "%s,%s,1,%s\n%s,%s,2\n%s,%s,3\n", c.Token, adminUser, adminGroup, scheduler.Token, schedulerUser, manager.Token, managerUser)
	for i, name := range c.options.Nodes {
		kubelet := c.as(rand.Text())
		if len(addresses) > 0 {
			kubelet.Host = "https://" + net.JoinHostPort(addresses[0].String(), strconv.Itoa(ServicePort))
		}
		c.kubelets[name] = kubelet
		fmt.Fprintf(&users, "%s,%s,%d,%s\n", kubelet.Token, kubeletUser+name, 4+i, kubeletGroup)
	}
	for name, content := range map[string][]byte{
		certFile: cert, keyFile: key, tokenFile: users.Bytes(), adminFile: c.Kubeconfig(),
		schedulerFile: scheduler.Kubeconfig(), managerFile: manager.Kubeconfig(),
	} {
		if err := os.WriteFile(c.path(name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Kubelet is the client of a node's kubelet, one of Options.Nodes, as it works on that node.
func (c *ControlPlane) Kubelet(node string) *Client { return c.kubelets[node] }

// AdminFile is the kubeconfig file of the user who may do everything.
func (c *ControlPlane) AdminFile() string { return c.path(adminFile) }

// Program is the path of one of the control plane's programs, such as kubectl.
func (c *ControlPlane) Program(name string) string { return filepath.Join(c.programs, name) }

func (c *ControlPlane) path(name string) string { return filepath.Join(c.dir, name) }

// startETCD starts etcd on sockets: nobody else can take them or reach them.
func (c *ControlPlane) startETCD() (err error) {
	c.etcd, err = start(c.dir, nil, c.Program("etcd"),
		"--data-dir="+c.path("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=unix://"+c.path(etcdSocket), "--listen-peer-urls=unix://"+c.path("peer.sock"),
		"--advertise-client-urls=http://"+loopback.String()+":1") // it wants one; nobody asks for it
	return err
}

// StartAPIServer starts the API server where it was before, with the objects it
// had, and waits until it is ready.
func (c *ControlPlane) StartAPIServer(ctx context.Context) (err error) {
	var in *netnstest.Namespace
	bind, advertised, port := loopback, loopback, c.port.number
	if n := c.options.Network; n != nil {
		in, bind, advertised, port = n.Namespace, net.IPv4zero, n.Addresses[0], ServicePort
	}
	args := []string{
		"--etcd-servers=unix://" + c.path(etcdSocket),
		"--bind-address=" + bind.String(), "--secure-port=" + strconv.Itoa(port), "--permit-port-sharing",
		"--advertise-address=" + advertised.String(), "--endpoint-reconciler-type=none", // no Service stands for it
		"--tls-cert-file=" + c.path(certFile), "--tls-private-key-file=" + c.path(keyFile),
		"--token-auth-file=" + c.path(tokenFile), "--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.path(certFile), "--service-account-signing-key-file=" + c.path(keyFile),
		"--service-cluster-ip-range=" + ServiceRange,
		"--enable-admission-plugins=NodeRestriction", "--allow-privileged", // as clusters do
		"--kubelet-preferred-address-types=InternalIP",
	}
	if !c.options.Controllers { // who would do what these ask for
		args = append(args, "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition")
	}
	c.apiServer, err = start(c.dir, in, c.Program("kube-apiserver"), args...)
	if err != nil {
		return err
	}
	return c.apiServer.Await(ctx, func(ctx context.Context) error {
		if err := c.Do(ctx, http.MethodGet, "/readyz", nil, nil); err != nil {
			return err
		}
		return c.Do(ctx, http.MethodGet, "/api/v1/namespaces/default", nil, nil) // made a moment later
	})
}

// ServiceRange is where Services have their addresses; the first is the API server's.
const ServiceRange = "10.96.0.0/16"

// StopAPIServer kills the API server, as a failure would. Its port stays taken and
// refuses connections.
func (c *ControlPlane) StopAPIServer() error {
	p := c.apiServer
	c.apiServer = nil
	c.http.CloseIdleConnections()
	return p.Kill()
}

// startClients starts what else is of the control plane.
func (c *ControlPlane) startClients() error {
	for _, client := range []struct {
		wanted bool
		dir    func() (string, error)
		name   string
		args   []string
	}{
		{c.options.Scheduler, controlPlane.Installed, "kube-scheduler", []string{"--kubeconfig=" + c.path(schedulerFile)}},
		{c.options.Controllers, nodePrograms.Installed, "kube-controller-manager", []string{
			"--kubeconfig=" + c.path(managerFile), "--use-service-account-credentials", // each controller has rights of its own
			"--service-account-private-key-file=" + c.path(keyFile), "--root-ca-file=" + c.path(certFile),
		}},
	} {
		if !client.wanted {
			continue
		}
		dir, err := client.dir()
		if err != nil {
			return err
		}
		p, err := start(c.dir, nil, filepath.Join(dir, client.name), append(client.args, "--leader-elect=false", "--secure-port=0")...)
		if err != nil {
			return err
		}
		c.others = append(c.others, p)
	}
	return nil
}

// Close ends what was started and removes its files. It fails where something had
// ended before.
func (c *ControlPlane) Close() error {
	var errs []error
	for _, p := range append(slices.Clone(c.others), c.apiServer, c.etcd) {
		if p != nil {
			errs = append(errs, p.Kill())
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
	cmd := exec.CommandContext(ctx, c.Program("kubectl"),
		append([]string{"--kubeconfig=" + c.path(adminFile)}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+c.dir) // for its cache, and no settings of the user
	var printed, said strings.Builder
	cmd.Stdout, cmd.Stderr = &printed, &said
	if err := cmd.Run(); err != nil {
		return "", said.String(), fmt.Errorf("run kubectl %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return printed.String(), said.String(), nil
}
