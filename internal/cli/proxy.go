package cli

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/spf13/cobra"

	"github.com/kplkit/kplkit/internal/lineage"
	"github.com/kplkit/kplkit/internal/proxy"
	"github.com/kplkit/kplkit/internal/userview"
)

// proxyOptions are the flags of kplkit proxy.
type proxyOptions struct {
	awsFlags
	listen, metrics, accessKey string
	tlsCert, tlsKey            string
	positions, limit           string
	anyone, readOnly, ranges   bool
	grace                      time.Duration
}

func newProxy(s Streams) *cobra.Command {
	var o proxyOptions
	cmd := &cobra.Command{
		Use:   "proxy",
		Short: "Stands between a client of any language and Kinesis",
		Long: `Stands between a client of any language and Kinesis, until it is interrupted. Give the client its URL as the endpoint.
Each request is signed anew with the credentials that AWS's tools would find here, and sent on, once.

GetRecords and SubscribeToShard answer with user records where the stream stores aggregates of the KPL. The last one of an
aggregate keeps its sequence number; the others read SEQUENCE:SUB, and the client starts after one as after any number.
With --positions digits all of them are 65 digits, for clients that parse or compare numbers. An answer may hold more
records than Limit; with --limit strict it does not, which costs calls. docs/proxy.md says which client needs what.

It signs for whoever reaches it. So it listens on the loopback interface, and any other address needs
--require-access-key FILE, with the key pair that clients have to sign with, in the form of ~/.aws/credentials; or
--allow-anyone, where the network keeps strangers away. docs/proxy.md says what it does against them.

Clients speak HTTP/1.1, HTTP/2 without TLS, or TLS with both (--tls-cert, --tls-key).

Out, once it answers: the environment variable that leads AWS's tools and SDKs there; with --json one line with v and
url. The log, a JSON object a line for each request, goes to stderr: no data, keys, or credentials.

At SIGTERM or an interrupt it ends subscriptions, and waits for other requests for --grace at most.`,
		Example: `  kplkit proxy --region eu-west-1
  kplkit proxy --listen 127.0.0.1:0 --endpoint-url http://127.0.0.1:4567 --read-only --json
  kplkit proxy --listen :4568 --require-access-key /etc/kplkit/access-key --tls-cert cert.pem --tls-key key.pem`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			return runProxy(ctx, s, o, jsonFlag(cmd))
		},
	}
	f := cmd.Flags()
	o.add(f)
	f.StringVar(&o.listen, "listen", "127.0.0.1:4568", "`HOST:PORT` for clients; port 0: any free one")
	f.StringVar(&o.accessKey, "require-access-key", "", "serve those who sign with the key pair in `FILE`")
	f.BoolVar(&o.anyone, "allow-anyone", false, "serve whoever can connect, on an address that is not loopback, too")
	f.BoolVar(&o.readOnly, "read-only", false, "refuse all that is not known to read, before it goes to Kinesis")
	f.StringVar(&o.positions, "positions", "text", "how places inside aggregates are written: text (SEQUENCE:SUB) or digits")
	f.StringVar(&o.limit, "limit", "", "strict: an answer has no more user records than its Limit")
	f.BoolVar(&o.ranges, "hash-ranges", false, "drop what the KPL and kplkit store again after a reshard; only for streams that these alone write")
	f.StringVar(&o.tlsCert, "tls-cert", "", "serve TLS, with the certificates in `FILE` (PEM)")
	f.StringVar(&o.tlsKey, "tls-key", "", "the key of --tls-cert, in `FILE` (PEM)")
	f.StringVar(&o.metrics, "metrics", "", "serve /metrics, for Prometheus, and /healthz on `HOST:PORT`")
	f.DurationVar(&o.grace, "grace", 10*time.Second, "how long requests are waited for at the end")
	return cmd
}

// runProxy serves until ctx is done.
func runProxy(ctx context.Context, s Streams, o proxyOptions, asJSON bool) error {
	key, certificate, err := o.check()
	if err != nil {
		return err
	}
	cfg, err := o.config(ctx, &waiting{stderr: s.Err})
	if err != nil {
		return err
	}
	stdlog.SetOutput(io.Discard) // where net/http writes the beginning of what it can't read
	log := slog.New(slog.NewJSONHandler(s.Err, nil))
	view := userview.New(o.view(cfg, log))
	h, err := proxy.New(proxy.Config{AWS: cfg, AccessKey: key, ReadOnly: o.readOnly, Change: view.Change, Log: log})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	defer listener.Close()
	if isItself(listener.Addr(), cfg) {
		return usageError{errors.New("the endpoint is the proxy itself: set --endpoint-url, or unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_KINESIS here")}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan error, 1)
	if o.metrics != "" {
		metrics, err := net.Listen("tcp", o.metrics)
		if err != nil {
			return fmt.Errorf("--metrics: %w", err)
		}
		ending, end := context.WithCancel(context.WithoutCancel(ctx)) // it answers until the last request is over
		defer func() { end(); <-watched }()
		go func() { watched <- h.ServeMetrics(ending, metrics) }()
	}
	if err := o.announce(s, listener.Addr(), asJSON); err != nil {
		return err
	}
	return h.Serve(ctx, listener, certificate, o.grace)
}

// check reads what the flags name, and refuses what would sign for strangers.
func (o *proxyOptions) check() (key *proxy.AccessKey, certificate *tls.Certificate, err error) {
	host, _, err := net.SplitHostPort(o.listen)
	switch {
	case err != nil:
		return nil, nil, usageError{fmt.Errorf("--listen %s: want HOST:PORT", o.listen)}
	case o.accessKey != "" && o.anyone:
		return nil, nil, usageError{errors.New("--require-access-key and --allow-anyone exclude each other")}
	case !isLoopback(host) && o.accessKey == "" && !o.anyone:
		return nil, nil, usageError{fmt.Errorf("--listen %s: the proxy signs for all who reach it there: "+
			"set --require-access-key FILE, with a key pair that they have to know, or --allow-anyone", o.listen)}
	case o.positions != "text" && o.positions != "digits":
		return nil, nil, usageError{fmt.Errorf("--positions %s: want text or digits", o.positions)}
	case o.limit != "" && o.limit != "strict":
		return nil, nil, usageError{fmt.Errorf("--limit %s: want strict, or leave it out", o.limit)}
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return nil, nil, usageError{errors.New("--tls-cert and --tls-key go together")}
	}
	if o.accessKey != "" {
		if key, err = proxy.ReadAccessKey(o.accessKey); err != nil {
			return nil, nil, fmt.Errorf("--require-access-key: %w", err)
		}
	}
	if o.tlsCert != "" {
		pair, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
		if err != nil {
			return nil, nil, fmt.Errorf("--tls-cert: %w", err)
		}
		certificate = &pair
	}
	return key, certificate, nil
}

// view returns how clients see streams.
func (o *proxyOptions) view(cfg aws.Config, log *slog.Logger) userview.Config {
	c := userview.Config{Digits: o.positions == "digits", StrictLimit: o.limit == "strict", Log: log}
	if o.ranges {
		c.Shards = lineage.Of(kinesis.NewFromConfig(cfg))
	}
	return c
}

// isItself reports whether requests would come back: AWS_ENDPOINT_URL is meant for clients, and may be set here, too.
func isItself(addr net.Addr, cfg aws.Config) bool {
	tcp, isTCP := addr.(*net.TCPAddr)
	u, err := url.Parse(aws.ToString(kinesis.NewFromConfig(cfg).Options().BaseEndpoint))
	return isTCP && err == nil && u.Port() == fmt.Sprint(tcp.Port) && (isLoopback(u.Hostname()) || u.Hostname() == tcp.IP.String())
}

// announce says where the proxy is, once it can be reached.
func (o *proxyOptions) announce(s Streams, addr net.Addr, asJSON bool) error {
	scheme := "http"
	if o.tlsCert != "" {
		scheme = "https"
	}
	at := scheme + "://" + addr.String()
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		at = fmt.Sprintf("%s://127.0.0.1:%d", scheme, tcp.Port) // from here
	}
	if asJSON {
		return json.NewEncoder(s.Out).Encode(map[string]any{"v": 1, "url": at})
	}
	_, err := fmt.Fprintf(s.Out, "export AWS_ENDPOINT_URL_KINESIS=%s\n", at)
	return err
}
