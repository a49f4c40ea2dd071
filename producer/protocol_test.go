package producer

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/kplkit/kplkit/deagg/deaggaws"
)

// wiretap keeps requests as they are sent, and answers them as it is told. A producer sends from many goroutines.
type wiretap struct {
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
	errs     []error // of the first requests
}

func (w *wiretap) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests, w.bodies = append(w.requests, r), append(w.bodies, string(body))
	if len(w.errs) > 0 {
		err := w.errs[0]
		w.errs = w.errs[1:]
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"Records":[]}`))}, nil
}

func (w *wiretap) client(opts ...func(*kinesis.Options)) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test/path"), HTTPClient: &http.Client{Transport: w},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret", SessionToken: "token"}, nil
		}),
	}, opts...)
}

// both sends a request as the SDK does, and as the producer has it sent, at the same time.
func both(t *testing.T, in *kinesis.PutRecordsInput, opts ...func(*kinesis.Options)) (sdk, ours *wiretap) {
	t.Helper()
	sdk, ours = &wiretap{}, &wiretap{}
	synctest.Test(t, func(t *testing.T) {
		_, errSDK := sdk.client(opts...).PutRecords(context.Background(), in)
		_, errOurs := ours.client(append(opts, setProtocol)...).PutRecords(context.Background(), in)
		if (errSDK == nil) != (errOurs == nil) || errSDK != nil && errSDK.Error() != errOurs.Error() {
			t.Fatalf("%v, the SDK has %v", errOurs, errSDK)
		}
	})
	return sdk, ours
}

// TestProtocolIsTheSDKs: a request is the SDK's, signature included, byte for byte.
func TestProtocolIsTheSDKs(t *testing.T) {
	for seed := range uint64(200) {
		in := randomInput(rand.New(rand.NewPCG(seed, 1)), "abcxyz0123456789-_:/ ")
		var opts []func(*kinesis.Options)
		if seed%2 == 0 {
			opts = append(opts, deaggaws.WithDeaggregation())
		}
		sdk, ours := both(t, in, opts...)
		if len(ours.bodies) != 1 || ours.bodies[0] != sdk.bodies[0] {
			t.Fatalf("body:\n%s\nthe SDK has\n%s", ours.bodies, sdk.bodies)
		}
		a, b := *ours.requests[0], *sdk.requests[0]
		for _, r := range []*http.Request{&a, &b} {
			for name := range r.Header { // a random number, and what depends on it
				if name == "Amz-Sdk-Invocation-Id" {
					delete(r.Header, name)
				}
			}
			r.Header.Set("Authorization", strings.Split(r.Header.Get("Authorization"), "Signature=")[0])
		}
		if !reflect.DeepEqual(a.Header, b.Header) || a.Method != b.Method || a.URL.String() != b.URL.String() || a.ContentLength != b.ContentLength {
			t.Fatalf("%s %s %v %d, the SDK has %s %s %v %d", a.Method, a.URL, a.Header, a.ContentLength, b.Method, b.URL, b.Header, b.ContentLength)
		}
	}
}

// TestProtocolMeansTheSame: whatever the keys, the bodies mean the same.
func TestProtocolMeansTheSame(t *testing.T) {
	for seed := range uint64(300) {
		in := randomInput(rand.New(rand.NewPCG(seed, 2)), "a\"\\/<>&\u2028\u2029é😀\x00\x1f\x7f\n\r\t\b\xff\xed\xa0\x80")
		sdk, ours := both(t, in)
		var a, b any
		if err := errors.Join(json.Unmarshal([]byte(ours.bodies[0]), &a), json.Unmarshal([]byte(sdk.bodies[0]), &b)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("body:\n%s\nthe SDK has\n%s", ours.bodies, sdk.bodies)
		}
	}
}

func randomInput(rnd *rand.Rand, alphabet string) *kinesis.PutRecordsInput {
	text := func() *string {
		s := ""
		for range rnd.IntN(12) {
			i := rnd.IntN(len(alphabet))
			s += alphabet[i : i+1+rnd.IntN(len(alphabet)-i)]
		}
		return &s
	}
	maybe := func() *string {
		if rnd.IntN(2) == 0 {
			return nil
		}
		return text()
	}
	in := &kinesis.PutRecordsInput{StreamName: maybe(), Records: []types.PutRecordsRequestEntry{}}
	switch rnd.IntN(6) {
	case 0:
		in.DryRun = aws.Bool(true)
	case 1:
		in.StreamId = text()
	case 2:
		in.StreamARN = aws.String("arn:aws:kinesis:us-east-1:123456789012:stream/" + strings.Repeat("s", rnd.IntN(129)))
	}
	for range rnd.IntN(6) {
		data := make([]byte, rnd.IntN(200))
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: data, PartitionKey: text(), ExplicitHashKey: maybe()})
	}
	return in
}

// TestProtocolAgain: where a client tries again, all of the body goes again.
func TestProtocolAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wiretap{errs: []error{io.ErrUnexpectedEOF, io.ErrUnexpectedEOF}}
		_, err := w.client(setProtocol).PutRecords(context.Background(), oneRecord())
		const want = `{"Records":[{"Data":"AQ==","PartitionKey":"k"}],"StreamName":"s"}`
		if err != nil || !slices.Equal(w.bodies, []string{want, want, want}) {
			t.Errorf("%v: %q", err, w.bodies)
		}
	})
}

func oneRecord() *kinesis.PutRecordsInput {
	return &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: []types.PutRecordsRequestEntry{{Data: []byte{1}, PartitionKey: aws.String("k")}}}
}

// TestProtocolMiddleware: what a client's own middleware changes before and after is what is sent, compressed and signed.
func TestProtocolMiddleware(t *testing.T) {
	before := middleware.SerializeMiddlewareFunc("before", func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error) {
		in.Parameters.(*kinesis.PutRecordsInput).Records[0].PartitionKey = aws.String("changed")
		return next.HandleSerialize(ctx, in)
	})
	compress := middleware.SerializeMiddlewareFunc("compress", func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error) {
		r := in.Request.(*smithyhttp.Request)
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := io.Copy(z, r.GetStream())
		z.Close()
		set, _ := r.SetStream(bytes.NewReader(packed.Bytes()))
		set.Header.Set("Content-Encoding", "gzip")
		in.Request = set
		if err != nil {
			t.Error(err)
		}
		return next.HandleSerialize(ctx, in)
	})
	sdk, ours := both(t, oneRecord(), kinesis.WithAPIOptions(func(s *middleware.Stack) error {
		if err := s.Serialize.Insert(before, "OperationSerializer", middleware.Before); err != nil {
			return err
		}
		return s.Serialize.Insert(compress, "OperationSerializer", middleware.After)
	}))
	z, err := gzip.NewReader(strings.NewReader(ours.bodies[0]))
	if err != nil {
		t.Fatal(err)
	}
	if plain, _ := io.ReadAll(z); ours.bodies[0] != sdk.bodies[0] || !bytes.Contains(plain, []byte("changed")) {
		t.Errorf("%s", plain)
	}
	if a, b := ours.requests[0].ContentLength, sdk.requests[0].ContentLength; a != b {
		t.Errorf("Content-Length %d, the SDK has %d", a, b)
	}
}

// ownProtocol is a protocol of a user's.
type ownProtocol struct {
	smithyhttp.ClientProtocol
	calls atomic.Int32
}

func (p *ownProtocol) SerializeRequest(ctx context.Context, schema *smithy.OperationSchema, in smithy.Serializable, r *smithyhttp.Request) error {
	p.calls.Add(1)
	return p.ClientProtocol.SerializeRequest(ctx, schema, in, r)
}

// TestProtocolOfAUser: a protocol that a client has been given stays. A producer's requests go by ours otherwise, also if answers
// are read by the one of deaggaws.
func TestProtocolOfAUser(t *testing.T) {
	used := &ownProtocol{}
	own := func(o *kinesis.Options) { used.ClientProtocol, o.Protocol = o.Protocol, used }
	for name, c := range map[string]struct {
		opts []func(*kinesis.Options)
		want string
	}{
		"none":                    {nil, "producer.protocol of *awsjson.Protocol"},
		"its own":                 {[]func(*kinesis.Options){own}, "*producer.ownProtocol"},
		"deaggaws":                {[]func(*kinesis.Options){deaggaws.WithDeaggregation()}, "producer.protocol of deaggaws.protocol"},
		"deaggaws around its own": {[]func(*kinesis.Options){own, deaggaws.WithDeaggregation()}, "deaggaws.protocol"},
		"its own around deaggaws": {[]func(*kinesis.Options){deaggaws.WithDeaggregation(), own}, "*producer.ownProtocol"},
	} {
		synctest.Test(t, func(t *testing.T) {
			used.calls.Store(0)
			w := &wiretap{}
			var seen atomic.Value
			p, err := New(spy{w.client(c.opts...), &seen}, "s", WithLinger(0), WithTimeToLive(time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Put(context.Background(), Record{PartitionKey: "k"}, nil); err != nil {
				t.Fatal(err)
			}
			_ = p.Close(context.Background())
			if seen.Load() != c.want || used.calls.Load() > 0 != strings.Contains(name, "its own") {
				t.Errorf("%s: %v, want %s; the user's wrote %d requests", name, seen.Load(), c.want, used.calls.Load())
			}
		})
	}
}

// spy sees which protocol PutRecords is called with.
type spy struct {
	*kinesis.Client
	seen *atomic.Value
}

func (s spy) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, opts ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	return s.Client.PutRecords(ctx, in, append(opts, func(o *kinesis.Options) {
		seen := reflect.TypeOf(o.Protocol).String()
		if ours, ok := o.Protocol.(protocol); ok {
			seen += " of " + reflect.TypeOf(ours.ClientProtocol).String()
		}
		s.seen.Store(seen)
	})...)
}

// TestProtocolAllocates: a body is allocated once, and its length is as foreseen.
func TestProtocolAllocates(t *testing.T) {
	in := &kinesis.PutRecordsInput{StreamName: aws.String("s")}
	for range 100 {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: make([]byte, 50_000), PartitionKey: aws.String("kplkit"), ExplicitHashKey: aws.String(strings.Repeat("1", 39))})
	}
	if n := testing.AllocsPerRun(10, func() { body(in) }); n != 1 {
		t.Errorf("%v allocations", n)
	}
	if b := body(in); cap(b)-len(b) > 9000 { // the room for the ends, and what the allocator rounds up
		t.Errorf("%d bytes, room for %d", len(b), cap(b))
	}
}
