package separate

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

const (
	retrieveTimeout = time.Minute     // of one question to the provider
	retrieveRetry   = 5 * time.Second // after an error
)

// retrieve asks the provider, and sends what it has to this child and the next ones.
func (p *Parent) retrieve(ctx context.Context) (expires time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, retrieveTimeout)
	defer cancel()
	c, err := p.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("separate: no credentials: %w", err)
	}
	p.book.renew(&kplpb.Credentials{Akid: &c.AccessKeyID, SecretKey: &c.SecretAccessKey, Token: set(c.SessionToken)})
	if !c.CanExpire {
		return time.Time{}, nil
	}
	return c.Expires, nil
}

// setCredentials is the message for Kinesis, or for CloudWatch. It has no id yet.
func setCredentials(c *kplpb.Credentials, forMetrics bool) *kplpb.Message {
	return &kplpb.Message{ActualMessage: &kplpb.Message_SetCredentials{SetCredentials: &kplpb.SetCredentials{
		ForMetrics: proto.Bool(forMetrics), Credentials: c,
	}}}
}

// keepCredentials asks again after half of the time that they have left, since a provider with a cache may give the
// same ones until shortly before their end. Those without an end are kept.
func (p *Parent) keepCredentials(expires time.Time) {
	for !expires.IsZero() {
		if !sleep(p.ending, max(time.Until(expires)/2, time.Second)) {
			return
		}
		next, err := p.retrieve(p.ending)
		for err != nil && p.ending.Err() == nil {
			p.cfg.Logger.Warn("separate: credentials are not renewed, asking again", slog.Any("error", err), slog.Time("expire", expires))
			if sleep(p.ending, retrieveRetry) {
				next, err = p.retrieve(p.ending)
			}
		}
		expires = next
	}
}

// sleep reports false if ctx is done before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
