package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// upstream is the Kinesis that requests are signed for and sent to.
type upstream struct {
	options   kinesis.Options
	signer    *v4.Signer
	transport http.RoundTripper
}

func newUpstream(cfg aws.Config, transport http.RoundTripper) (*upstream, error) {
	u := &upstream{kinesis.NewFromConfig(cfg).Options(), v4.NewSigner(), transport}
	if u.options.Credentials == nil || u.options.Region == "" {
		return nil, errors.New("proxy: there are no credentials or no region")
	}
	if _, err := u.endpoint("", aws.Credentials{}, nil); err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return u, nil
}

// newTransport returns connections to the upstream, by the certificates and proxies that the SDK's client would use.
func newTransport(client aws.HTTPClient, l limits) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if sdk, ok := client.(interface{ GetTransport() *http.Transport }); ok {
		t = sdk.GetTransport()
	}
	t.ForceAttemptHTTP2 = true // SubscribeToShard wants it of AWS
	t.DisableCompression = true
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.MaxConnsPerHost = 512, 256, 0
	t.IdleConnTimeout = 50 * time.Second
	t.TLSHandshakeTimeout = 10 * time.Second
	t.ResponseHeaderTimeout = l.answerTime
	t.MaxResponseHeaderBytes = int64(l.header)
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second}
	return t
}

const credentialsTime = 15 * time.Second

// send signs a request of the client's with the proxy's credentials, and sends it, once.
func (u *upstream) send(r *http.Request, operation string, body []byte) (*http.Response, error) {
	asking, cancel := context.WithTimeout(r.Context(), credentialsTime)
	defer cancel()
	creds, err := u.options.Credentials.Retrieve(asking)
	if err != nil {
		return nil, Unavailable(fmt.Errorf("AWS credentials: %w", err), "the proxy has no AWS credentials to sign with; its log says why")
	}
	endpoint, err := u.endpoint(operation, creds, body)
	if err != nil {
		return nil, err
	}
	r.URL.Scheme, r.URL.Host, r.Host = endpoint.Scheme, endpoint.Host, ""
	if base := strings.TrimRight(endpoint.Path, "/"); base != "" {
		r.URL = r.URL.JoinPath() // a copy
		r.URL.Path, r.URL.RawPath = base+r.URL.Path, ""
	}
	if err := u.sign(r, creds, body); err != nil {
		return nil, err
	}
	setBody(r, body)
	return u.transport.RoundTrip(r)
}

// setBody gives a request its body. net/http sends a request on another connection if the first turns out to be closed
// before anything of it is sent, for which it needs GetBody; where it would also send one again that may have arrived,
// it does not get it.
func setBody(r *http.Request, body []byte) {
	r.ContentLength = int64(len(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = nil
	again := r.Method != http.MethodPost || r.Header.Get("Idempotency-Key") != "" || r.Header.Get("X-Idempotency-Key") != ""
	if !again {
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
}

// ofTheClient are the headers by which the client's own signature is told.
var ofTheClient = []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256"}

// sign replaces the client's signature. What is signed is what AWS wants to be signed: whatever else is in the header may
// then change on its way.
func (u *upstream) sign(r *http.Request, creds aws.Credentials, body []byte) error {
	for _, name := range ofTheClient {
		r.Header.Del(name)
	}
	if strings.Contains(r.URL.RawQuery, "X-Amz-") { // or it is in the query
		q := r.URL.Query()
		for _, name := range []string{"Algorithm", "Credential", "Date", "Expires", "Security-Token", "Signature", "SignedHeaders"} {
			q.Del("X-Amz-" + name)
		}
		r.URL.RawQuery = q.Encode()
	}
	at := *r.URL // the signer sorts the query in it
	signed := &http.Request{Method: r.Method, URL: &at, Header: http.Header{}}
	for name, values := range r.Header {
		if name == "Content-Type" || strings.HasPrefix(name, "X-Amz-") {
			signed.Header[name] = values
		}
	}
	hash := sha256.Sum256(body)
	err := u.signer.SignHTTP(r.Context(), creds, signed, hex.EncodeToString(hash[:]), "kinesis", u.options.Region, time.Now())
	for _, name := range ofTheClient {
		if values := signed.Header[name]; values != nil {
			r.Header[name] = values
		}
	}
	return err
}

// endpoint returns where a request goes: to the upstream that was configured, or to the host to which AWS's SDKs send it,
// which may be one of the account that an ARN in the request names.
func (u *upstream) endpoint(operation string, creds aws.Credentials, body []byte) (*url.URL, error) {
	o := u.options.EndpointOptions
	p := kinesis.EndpointParameters{
		Region:       &u.options.Region,
		Endpoint:     u.options.BaseEndpoint,
		UseFIPS:      aws.Bool(o.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(o.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
	}
	regional := p
	if operation != "" && p.Endpoint == nil {
		p.OperationType = aws.String("control")
		if dataOperations[operation] {
			p.OperationType = aws.String("data")
		}
		mode := string(u.options.AccountIDEndpointMode)
		p.AccountIdEndpointMode = &mode
		if u.options.AccountIDEndpointMode != aws.AccountIDEndpointModeDisabled && creds.AccountID != "" {
			p.AccountId = &creds.AccountID
		}
		if !setResource(&p, body) {
			p = regional
		}
	}
	e, err := u.options.EndpointResolverV2.ResolveEndpoint(context.Background(), p)
	if err != nil && operation != "" { // an ARN that is none: what is wrong with it is AWS's to say
		e, err = u.options.EndpointResolverV2.ResolveEndpoint(context.Background(), regional)
	}
	return &e.URI, err
}

// setResource notes what a request is about. False: it may name something, but can't be read.
func setResource(p *kinesis.EndpointParameters, body []byte) bool {
	if !bytes.Contains(body, []byte("ARN")) && !bytes.Contains(body, []byte("StreamId")) {
		return true // most requests, and the large ones
	}
	members := map[string]**string{
		"StreamARN": &p.StreamARN, "ConsumerARN": &p.ConsumerARN, "ResourceARN": &p.ResourceARN, "ChannelARN": &p.ChannelARN, "StreamId": &p.StreamId,
	}
	o, err := kinesisjson.ReadObject(body)
	if err != nil {
		return false
	}
	for name, member := range members {
		if text, ok := o.Text(name); ok {
			*member = &text
		}
	}
	return true
}
