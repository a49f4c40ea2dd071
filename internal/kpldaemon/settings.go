package kpldaemon

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/producer"
)

// settings are what a Configuration means here.
type settings struct {
	*kplpb.Configuration
	region, endpoint string // the latter a URL, "" for AWS's own
	caPath, caFile   string
	linger, ttl      time.Duration
	log              *slog.Logger
}

func newSettings(ctx context.Context, o Options) (*settings, error) {
	c := o.Configuration
	s := &settings{Configuration: c, caPath: o.CAPath, caFile: o.CAFile, log: o.Logger}
	s.linger, s.ttl = milliseconds(c.GetRecordMaxBufferedTime()), milliseconds(c.GetRecordTtl())
	s.endpoint = endpoint(c.GetKinesisEndpoint(), c.GetKinesisPort())
	for _, name := range s.refused() {
		s.log.Warn("This setting has no effect in kplkit: "+name.name, slog.String("why", name.why))
	}
	if s.linger >= s.ttl {
		s.linger = s.ttl / 2
		s.log.Warn("record_max_buffered_time is not less than record_ttl: records wait for half of that", slog.Duration("wait", s.linger))
	}
	var err error
	s.region, err = s.findRegion(ctx)
	return s, err
}

// longest is what longer times count as: about a century, since they are added to each other.
const longest = 100 * 365 * 24 * time.Hour

func milliseconds(n uint64) time.Duration {
	return time.Duration(min(n, uint64(longest/time.Millisecond))) * time.Millisecond
}

// endpoint is a host with its port as a URL. Of a URL the port is its own, or port if that is not the default, or
// its scheme's.
func endpoint(host string, port uint64) string {
	u, err := url.Parse(host)
	switch text := strconv.FormatUint(port, 10); {
	case host == "":
		return ""
	case err != nil || u.Host == "":
		return "https://" + net.JoinHostPort(host, text)
	case u.Port() == "" && port != uint64(kplpb.Default_Configuration_KinesisPort):
		u.Host = net.JoinHostPort(u.Hostname(), text)
		return u.String()
	}
	return host
}

// regionPatience is how long the machine is asked which region it is in.
const regionPatience = 5 * time.Second

// findRegion asks where AWS's tools do, the machine's metadata last, if the region is empty.
func (s *settings) findRegion(ctx context.Context) (string, error) {
	if s.GetRegion() != "" {
		return s.GetRegion(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, regionPatience)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithEC2IMDSRegion())
	if err == nil && cfg.Region == "" {
		err = errors.New("neither AWS_REGION, nor ~/.aws/config, nor EC2's metadata has one")
	}
	if err != nil {
		return "", setting("Could not configure the region. It was not given in the config and we were unable to retrieve it: set region: %w", err)
	}
	return cfg.Region, nil
}

// refusal is a setting that is set and has no effect.
type refusal struct{ name, why string }

// refused returns the settings that ask for what is not there. docs/separate-process.md has all of them.
func (s *settings) refused() (all []refusal) {
	add := func(asked bool, name, why string) {
		if asked {
			all = append(all, refusal{name, why})
		}
	}
	add(s.GetEnableCoreDumps(), "enable_core_dumps", "a Go program writes one only with GOTRACEBACK=crash in its environment, and as ulimit -c allows")
	add(s.GetMinConnections() != 1, "min_connections", "connections are opened when they are needed, and kept")
	add(s.GetThreadConfig() != kplpb.Configuration_PER_REQUEST, "thread_config", "requests have goroutines, as many as max_connections allows")
	add(s.ThreadPoolSize != nil && s.GetThreadPoolSize() != 64, "thread_pool_size", "requests have goroutines, as many as max_connections allows")
	return all
}

// producer returns the options of each stream's producer.
func (s *settings) producer() []producer.Option {
	options := []producer.Option{
		producer.WithAnyLoad(),
		producer.WithLinger(s.linger), producer.WithTimeToLive(s.ttl), producer.WithRequestTimeout(milliseconds(s.GetRequestTimeout())),
		producer.WithMaxAggregate(int(s.GetAggregationMaxSize()), uint32(min(s.GetAggregationMaxCount(), math.MaxUint32))),
		producer.WithMaxBatch(int(min(s.GetCollectionMaxSize(), 10<<20)), int(s.GetCollectionMaxCount())),
		producer.WithRateLimit(min(float64(s.GetRateLimit())/100, 1000)),
		producer.WithMaxInFlight(int(s.GetMaxConnections())),
	}
	if !s.GetAggregationEnabled() {
		options = append(options, producer.WithAggregation(producer.AggregateNever))
	}
	if s.GetFailIfThrottled() {
		options = append(options, producer.WithoutRetryIfThrottled())
	}
	return options
}

// proxy returns the URL of the proxy, nil without one.
func (s *settings) proxy() *url.URL {
	if s.GetProxyHost() == "" {
		return nil
	}
	u := &url.URL{Scheme: "http", Host: net.JoinHostPort(s.GetProxyHost(), strconv.FormatUint(s.GetProxyPort(), 10))}
	if given, err := url.Parse(s.GetProxyHost()); err == nil && given.Host != "" { // a URL, as for endpoints
		u.Scheme, u.Host = given.Scheme, cmp.Or(given.Port(), strconv.FormatUint(s.GetProxyPort(), 10))
		u.Host = net.JoinHostPort(given.Hostname(), u.Host)
	}
	if s.GetProxyUserName() != "" || s.GetProxyPassword() != "" {
		u.User = url.UserPassword(s.GetProxyUserName(), s.GetProxyPassword())
	}
	return u
}
