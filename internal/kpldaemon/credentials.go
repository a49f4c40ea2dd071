package kpldaemon

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// Keys are credentials: what set_credentials holds, or a provider to ask.
type Keys struct {
	Pipe     *kplpb.Credentials
	Provider aws.CredentialsProvider // where Pipe is nil
}

// credentials are the newest, or those of another while there are none. It is an aws.CredentialsProvider.
type credentials struct {
	known chan struct{} // closed when there are some

	mu      sync.Mutex
	current aws.CredentialsProvider
}

func newCredentials() *credentials { return &credentials{known: make(chan struct{})} }

func (c *credentials) set(p aws.CredentialsProvider) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil {
		close(c.known)
	}
	c.current = p
}

func (c *credentials) isKnown() bool {
	select {
	case <-c.known:
		return true
	default:
		return false
	}
}

// orElse asks the second while the first has none.
type orElse struct{ first, second *credentials }

func (o orElse) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if o.first.isKnown() {
		return o.first.Retrieve(ctx)
	}
	return o.second.Retrieve(ctx)
}

var errNoCredentials = errors.New("no credentials have come: send set_credentials, or give --kinesis-credentials")

// await waits for the first credentials. Where they are there it waits for nothing, and also with a context that has ended.
func (c *credentials) await(ctx context.Context) error {
	if c.isKnown() {
		return nil
	}
	select {
	case <-c.known:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errNoCredentials, ctx.Err())
	}
}

// Retrieve waits for the first credentials.
func (c *credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if err := c.await(ctx); err != nil {
		return aws.Credentials{}, err
	}
	c.mu.Lock()
	p := c.current
	c.mu.Unlock()
	return p.Retrieve(ctx)
}

// setKeys makes these the newest credentials, if there are any.
func (d *Daemon) setKeys(k Keys, forMetrics bool) {
	to := d.keys
	if forMetrics {
		to = d.metrics
	}
	switch {
	case k.Pipe != nil:
		to.set(fixed(aws.Credentials{
			AccessKeyID: k.Pipe.GetAkid(), SecretAccessKey: k.Pipe.GetSecretKey(), SessionToken: k.Pipe.GetToken(), Source: "set_credentials",
		}))
	case k.Provider != nil:
		to.set(k.Provider)
	}
}

type fixed aws.Credentials

func (f fixed) Retrieve(context.Context) (aws.Credentials, error) { return aws.Credentials(f), nil }
