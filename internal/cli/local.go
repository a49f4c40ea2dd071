package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kplkit/kplkit/internal/dynamofake"
	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// localOptions are the flags of kplkit local.
type localOptions struct {
	kinesisPort, dynamodbPort uint16
	streams                   []string
	tls                       bool
}

func newLocal(s Streams) *cobra.Command {
	var o localOptions
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Runs a Kinesis and a DynamoDB on this machine",
		Long: `Runs a Kinesis and a DynamoDB on this machine, on the loopback interface, until it is interrupted. Nothing is kept
after that. Any credentials are accepted, and none; rates are not limited, and streams, splits and merges are ready at
once.

Out, once both answer: the environment variables that lead AWS's tools and SDKs there, to paste into a shell; with
--json one line with v, kinesis and dynamodb (URLs), and with --tls ca_bundle.

--tls makes a certificate for this run, for 127.0.0.1 and localhost, and writes it to a temporary file. AWS_CA_BUNDLE
makes the AWS CLI, Python's and Go's SDKs trust it; for Node set NODE_EXTRA_CA_CERTS to that file, for Java import it
with keytool.

For Java: switch CBOR off (aws.cborEnabled=false for SDK 2, AWS_CBOR_DISABLE=true for SDK 1). The Java KCL, 1.x, 2.x
and 3.x, can't keep its leases in this DynamoDB: it sends conditions in the legacy form (Expected), which are refused.
Run Amazon's DynamoDB Local beside this Kinesis and give its URL to the KCL's DynamoDB client.`,
		Example: `  kplkit local --stream orders:4
  kplkit local --kinesis-port 0 --dynamodb-port 0 --json
  curl -d '{}' -H 'X-Amz-Target: Kinesis_20131202.ListStreams' http://127.0.0.1:4567`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			return runLocal(ctx, s, o, jsonFlag(cmd))
		},
	}
	f := cmd.Flags()
	f.Uint16Var(&o.kinesisPort, "kinesis-port", 4567, "`port` of the Kinesis; 0: any free one")
	f.Uint16Var(&o.dynamodbPort, "dynamodb-port", 8000, "`port` of the DynamoDB; 0: any free one")
	f.StringArrayVar(&o.streams, "stream", nil, "create the stream `NAME:SHARDS` (repeatable)")
	f.BoolVar(&o.tls, "tls", false, "serve HTTPS, with a certificate of its own")
	return cmd
}

// runLocal serves until ctx is done, and ends all connections then.
func runLocal(ctx context.Context, s Streams, o localOptions, asJSON bool) error {
	kinesis := kinesisfake.New(kinesisfake.Options{})
	defer kinesis.Close()
	for _, stream := range o.streams {
		if err := createStream(kinesis, stream); err != nil {
			return usageError{fmt.Errorf("--stream %s: %w", stream, err)}
		}
	}
	var l local
	defer l.close()
	if o.tls {
		var err error
		if l.certificate, err = newCertificate(); err != nil {
			return fmt.Errorf("--tls: %w", err)
		}
	}
	kinesisURL, err := l.serve(kinesis, "--kinesis-port", o.kinesisPort, s.Err)
	if err != nil {
		return err
	}
	dynamodbURL, err := l.serve(dynamofake.New(), "--dynamodb-port", o.dynamodbPort, s.Err)
	if err != nil {
		return err
	}
	a := addresses{V: 1, Kinesis: kinesisURL, DynamoDB: dynamodbURL}
	if l.certificate != nil {
		a.CABundle = l.certificate.file
	}
	if err := a.write(s, asJSON); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// createStream creates a stream as a client does.
func createStream(kinesis *kinesisfake.Server, stream string) error {
	name, count, _ := strings.Cut(stream, ":")
	shards, err := strconv.ParseUint(count, 10, 16)
	if err != nil {
		return errors.New("want NAME:SHARDS, such as orders:4")
	}
	body := fmt.Sprintf(`{"StreamName":%q,"ShardCount":%d}`, name, shards)
	r, err := http.NewRequest(http.MethodPost, "http://localhost", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.CreateStream")
	answer, err := kinesis.Transport().RoundTrip(r)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		var refusal struct{ Message string }
		if err := json.NewDecoder(answer.Body).Decode(&refusal); err != nil {
			return err
		}
		return errors.New(refusal.Message)
	}
	return nil
}

// local is the servers of a run.
type local struct {
	servers     []*http.Server
	certificate *certificate // nil without TLS
}

// serve starts a server on a port of the loopback interface, and returns its URL. It answers from then on.
func (l *local) serve(h http.Handler, flag string, port uint16, stderr io.Writer) (url string, err error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return "", fmt.Errorf("%s %d: %w", flag, port, err)
	}
	server := &http.Server{Handler: h, Protocols: new(http.Protocols), ErrorLog: log.New(stderr, "kplkit: ", 0)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true) // Java's SDK talks it to a Kinesis without TLS
	l.servers = append(l.servers, server)
	url = "http://" + listener.Addr().String()
	serve := server.Serve
	if l.certificate != nil {
		url = "https://" + listener.Addr().String()
		server.TLSConfig = l.certificate.config()
		serve = func(listener net.Listener) error { return server.ServeTLS(listener, "", "") }
	}
	go serve(listener) // until close; the listener is ours, it has no other way to end
	return url, nil
}

// close ends all servers with their connections.
func (l *local) close() {
	for _, server := range l.servers {
		server.Close()
	}
	if l.certificate != nil {
		os.Remove(l.certificate.file)
	}
}

// addresses is where the servers are. Without --tls there is no certificate.
type addresses struct {
	V        int    `json:"v"`
	Kinesis  string `json:"kinesis"`
	DynamoDB string `json:"dynamodb"`
	CABundle string `json:"ca_bundle,omitempty"`
}

func (a addresses) write(s Streams, asJSON bool) error {
	fmt.Fprintln(s.Err, localNotes)
	if asJSON {
		return json.NewEncoder(s.Out).Encode(a)
	}
	var b strings.Builder
	for _, v := range [][2]string{
		{"AWS_ENDPOINT_URL_KINESIS", a.Kinesis},
		{"AWS_ENDPOINT_URL_DYNAMODB", a.DynamoDB},
		{"AWS_REGION", "us-east-1"},
		{"AWS_DEFAULT_REGION", "us-east-1"}, // the name that Python's SDK and the AWS CLI 1 read
		{"AWS_ACCESS_KEY_ID", "any"},
		{"AWS_SECRET_ACCESS_KEY", "any"},
		{"AWS_CA_BUNDLE", a.CABundle},
	} {
		if v[1] != "" {
			fmt.Fprintf(&b, "export %s=%s\n", v[0], v[1])
		}
	}
	_, err := io.WriteString(s.Out, b.String())
	return err
}

const localNotes = "Both servers answer. Ctrl-C ends them.\n" +
	"The Java KCL (1.x, 2.x, 3.x) can't keep its leases here: use Amazon's DynamoDB Local for it (see --help)."
