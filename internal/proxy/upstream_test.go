package proxy

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"
)

// TestEndpoints: a request goes to the host to which the SDK itself sends it, for each operation, and whatever names an
// account. Requests in CBOR go to the region's host.
func TestEndpoints(t *testing.T) {
	const stream = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
	for _, tt := range []struct {
		name, region, account, stream string
		change                        func(*aws.Config)
	}{
		{name: "plain", region: "us-east-1"},
		{name: "a stream's ARN", region: "us-east-1", stream: stream},
		{name: "another partition", region: "cn-north-1", stream: strings.NewReplacer("aws", "aws-cn", "us-east-1", "cn-north-1").Replace(stream)},
		{name: "isolated", region: "us-iso-east-1", stream: strings.NewReplacer("aws", "aws-iso", "us-east-1", "us-iso-east-1").Replace(stream)},
		{name: "credentials that name their account", region: "eu-west-1", account: "210987654321"},
		{name: "an upstream of one's own", region: "us-east-1", stream: stream, account: "210987654321",
			change: func(c *aws.Config) { c.BaseEndpoint = aws.String("https://vpce.test:8443/base/") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := aws.Config{Region: tt.region, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: ourKey, SecretAccessKey: ourSecret, AccountID: tt.account}, nil
			})}
			if tt.change != nil {
				tt.change(&cfg)
			}
			hosts := map[string]int{}
			for _, name := range slices.Sorted(maps.Keys(operations)) {
				direct := sentTo(t, cfg, name, tt.stream, nil)
				h, _ := newHandler(t, Config{AWS: cfg, Transport: noting(new(string))})
				through := sentTo(t, cfg, name, tt.stream, h)
				hosts[direct]++
				if direct == "" || direct != through {
					t.Errorf("%s: the SDK sends it to %q, the proxy to %q", name, direct, through)
				}
			}
			t.Log(hosts)
		})
	}
}

// noting is a transport that notes where a request goes.
func noting(at *string) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		*at = r.URL.Scheme + "://" + r.URL.Host + r.URL.Path
		return nil, errors.New("noted")
	}
}

// sentTo returns where the SDK's call goes, through a proxy unless it is nil.
func sentTo(t *testing.T, cfg aws.Config, operation, arn string, through *Handler) (at string) {
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	cfg.HTTPClient = &http.Client{Transport: noting(&at)}
	if through != nil {
		through.upstream.transport = noting(&at)
		cfg.BaseEndpoint = aws.String("http://localhost")
		cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			r = r.Clone(r.Context())
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			r.URL.RawPath = "" // as a server reads it
			through.ServeHTTP(&recorder{header: http.Header{}}, r)
			return nil, errors.New("proxied")
		})}
	}
	call := reflect.ValueOf(kinesis.NewFromConfig(cfg)).MethodByName(operation)
	input := reflect.New(call.Type().In(1).Elem())
	if field := input.Elem().FieldByName("StreamARN"); arn != "" && field.IsValid() {
		field.Set(reflect.ValueOf(&arn))
	}
	consumer := arn + "/consumer/c:1"
	if field := input.Elem().FieldByName("ConsumerARN"); arn != "" && field.IsValid() {
		field.Set(reflect.ValueOf(&consumer))
	}
	if field := input.Elem().FieldByName("ResourceARN"); arn != "" && field.IsValid() {
		field.Set(reflect.ValueOf(&arn))
	}
	unchecked := func(o *kinesis.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			_, _ = s.Initialize.Remove("OperationInputValidation") // some have none
			return nil
		})
	}
	call.Call([]reflect.Value{reflect.ValueOf(t.Context()), input, reflect.ValueOf(unchecked)})
	return at
}

// TestHostileARN: an ARN that is none, or one that tries to be a host, leads to the region's host.
func TestHostileARN(t *testing.T) {
	for _, arn := range []string{"x", "arn:aws:kinesis:us-east-1:evil.test/:stream/s", "arn:aws:kinesis:us-east-1:a.b:stream/s",
		"arn:aws:kinesis:us-east-1:#@:stream/s", "arn:aws:s3:us-east-1:123456789012:stream/s", "arn:aws:kinesis:evil.test/:123456789012:stream/s"} {
		var at string
		h, _ := newHandler(t, Config{AWS: aws.Config{Region: "us-east-1", Credentials: keyPair("a", "b")}, Transport: noting(&at)})
		r, _ := http.NewRequest(http.MethodPost, "http://evil.test/", strings.NewReader(`{"StreamARN":"`+arn+`"}`))
		r.Header.Set("X-Amz-Target", targetPrefix+"ListShards")
		h.ServeHTTP(&recorder{header: http.Header{}}, r)
		if at != "https://kinesis.us-east-1.amazonaws.com/" {
			t.Errorf("%s led to %s", arn, at)
		}
	}
}

// TestARNInCBOR: an ARN decides in CBOR as in JSON; where it can't be read, the account of the credentials decides nothing.
func TestARNInCBOR(t *testing.T) {
	for body, want := range map[string]string{
		"\xa1\x69StreamARN\x78\x2farn:aws:kinesis:eu-west-1:1234567:stream/orders": "https://1234567.control-kinesis.us-east-1.amazonaws.com/",
		`{"StreamARN":"arn:aws:kinesis:eu-west-1:1234567:stream/orders"}`:          "https://1234567.control-kinesis.us-east-1.amazonaws.com/",
		"\xa1\x69StreamARN\x61x":   "https://kinesis.us-east-1.amazonaws.com/",
		"\xa1\x6aStreamName\x61s":  "https://1.control-kinesis.us-east-1.amazonaws.com/",
		`{"StreamName":"s"}`:       "https://1.control-kinesis.us-east-1.amazonaws.com/",
		`{"StreamARN":"arn:aws:`:   "https://kinesis.us-east-1.amazonaws.com/",
		`{"StreamARN":null,"x":1}`: "https://1.control-kinesis.us-east-1.amazonaws.com/",
	} {
		var at string
		h, _ := newHandler(t, Config{Transport: noting(&at), AWS: aws.Config{Region: "us-east-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b", AccountID: "1"}, nil
		})}})
		r, _ := http.NewRequest(http.MethodPost, "http://localhost/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", targetPrefix+"ListShards")
		h.ServeHTTP(&recorder{header: http.Header{}}, r)
		if at != want {
			t.Errorf("%q went to %s, want %s", body, at, want)
		}
	}
}

// TestSettingsOfUpstream: what can't work is said at once.
func TestSettingsOfUpstream(t *testing.T) {
	both := aws.Config{Region: "us-east-1", Credentials: keyPair("a", "b"), BaseEndpoint: aws.String("http://a.test"),
		ConfigSources: []any{fips{}}}
	for _, cfg := range []aws.Config{{Region: "us-east-1"}, {Credentials: keyPair("a", "b")}, both} {
		if _, err := New(Config{AWS: cfg}); err == nil {
			t.Errorf("%v %v was taken", cfg.Region, aws.ToString(cfg.BaseEndpoint))
		}
	}
}

type fips struct{}

func (fips) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	return aws.FIPSEndpointStateEnabled, true, nil
}
