package deaggaws_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg/deaggaws"
)

// canned is what a server answers with, one after the other.
type canned struct {
	bodies []string
	status int
	fails  error // after each body but the last one
	taken  int
	reads  []int // how much was asked for at once, at most, of each
	closed int
}

func (c *canned) Do(r *http.Request) (*http.Response, error) {
	body, fails := c.bodies[c.taken], c.fails
	c.taken++
	if c.taken == len(c.bodies) && len(c.bodies) > 1 {
		fails = nil
	}
	c.reads = append(c.reads, 0)
	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amzn-Requestid": {"request-7"}}
	return &http.Response{StatusCode: c.status, Header: header, ContentLength: int64(len(body)), Request: r,
		Body: &cannedBody{c, strings.NewReader(body), fails}}, nil
}

type cannedBody struct {
	*canned
	from  io.Reader
	fails error
}

func (b *cannedBody) Read(p []byte) (int, error) {
	b.reads[len(b.reads)-1] = max(b.reads[len(b.reads)-1], len(p))
	n, err := b.from.Read(p)
	if err == io.EOF && b.fails != nil {
		err = b.fails
	}
	return n, err
}

func (b *cannedBody) Close() error { b.closed++; return nil }

func (c *canned) client(opts ...func(*kinesis.Options)) *kinesis.Client {
	if c.status == 0 {
		c.status = 200
	}
	return kinesis.New(kinesis.Options{Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: c, Retryer: aws.NopRetryer{}}, opts...)
}

// get returns what a call of GetRecords does. smithy-go v1.28.1 panics for a time of "NaN".
func get(t testing.TB, c *kinesis.Client) (out *kinesis.GetRecordsOutput, err error) {
	defer func() {
		if why := recover(); why != nil {
			err = fmt.Errorf("panic: %v", why)
		}
	}()
	return c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: aws.String("x")})
}

var ignoreUnexported = cmp.FilterPath(func(p cmp.Path) bool {
	s, ok := p.Last().(cmp.StructField)
	return ok && (s.Name() == "noSmithyDocumentSerde" || s.Name() == "ResultMetadata")
}, cmp.Ignore())

// sameAnswer reads a body with this package's reader and with the SDK's: the output, the error and the metadata are the same.
func sameAnswer(t *testing.T, body string, status int, fails error) {
	t.Helper()
	theirs, ours := &canned{bodies: []string{body}, status: status, fails: fails}, &canned{bodies: []string{body}, status: status, fails: fails}
	want, refused := get(t, theirs.client(deaggaws.WithDeaggregation(deaggaws.WithSDKReader())))
	got, err := get(t, ours.client(deaggaws.WithDeaggregation()))
	// The memory of the answer is used again, for something else.
	other := &canned{bodies: []string{strings.Repeat("X", len(body))}}
	get(t, other.client(deaggaws.WithDeaggregation()))
	if fmt.Sprint(refused) != fmt.Sprint(err) || fmt.Sprintf("%T", errors.Unwrap(refused)) != fmt.Sprintf("%T", errors.Unwrap(err)) {
		t.Errorf("%.300q, status %d: %v, the SDK says %v", body, status, err, refused)
	}
	for _, kind := range []any{new(*smithy.DeserializationError), new(*types.ExpiredIteratorException), new(*smithyhttp.ResponseError)} {
		if errors.As(refused, kind) != errors.As(err, kind) {
			t.Errorf("%.300q, status %d: an error of %T, or not: %v, %v", body, status, kind, err, refused)
		}
	}
	if fails != nil && errors.Is(refused, fails) != errors.Is(err, fails) {
		t.Errorf("%.300q: %v, %v", body, refused, err)
	}
	if diff := cmp.Diff(want, got, ignoreUnexported); diff != "" {
		t.Errorf("%.300q, status %d: - the SDK + here\n%s", body, status, diff)
	}
	if theirs.closed != ours.closed {
		t.Errorf("%.300q: closed %d times, by the SDK %d", body, ours.closed, theirs.closed)
	}
	if err != nil || refused != nil {
		return
	}
	id, _ := middleware.GetRequestIDMetadata(got.ResultMetadata)
	response, ok := middleware.GetRawResponse(got.ResultMetadata).(*smithyhttp.Response)
	if !ok || id != "request-7" || response.StatusCode != status {
		t.Fatalf("request %q, response %v", id, response)
	}
	if _, asItCame := response.Body.(*cannedBody); !asItCame {
		t.Errorf("the body of the response is a %T", response.Body)
	}
	for key := range middleware.GetRawResponse(want.ResultMetadata).(*smithyhttp.Response).Header {
		if response.Header.Get(key) == "" {
			t.Errorf("no header %s", key)
		}
	}
	if _, ok := middleware.GetResponseAt(got.ResultMetadata); ok != second(middleware.GetResponseAt(want.ResultMetadata)) {
		t.Error("no time of the response")
	}
}

func second[T any](_ T, ok bool) bool { return ok }

// answers are usual ones, and what they may look like besides.
func answers(t testing.TB) []string {
	const record = `{"SequenceNumber":"7","ApproximateArrivalTimestamp":1.795529850123E9,"Data":"SGVsbG8=","PartitionKey":"user-1"}`
	kms := strings.Replace(record, `}`, `,"EncryptionType":"KMS"}`, 1)
	packed := strings.Replace(record, "SGVsbG8=", base64.StdEncoding.EncodeToString(aggregate(t, "A", 3)), 1)
	const end = `,"NextShardIterator":"AAAA","MillisBehindLatest":0}`
	children := `,"ChildShards":[{"ShardId":"a","ParentShards":["b"],"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"1"}}]`
	return []string{
		`{"Records":[` + record + `,` + kms + `,` + packed + `]` + end,
		`{"Records":[` + packed + `]` + end,
		`{"Records":[` + record + `]` + children + `,"NextShardIterator":null,"MillisBehindLatest":0}`,
		`{"Records":[]` + end, `{"Records":null` + end, `{}`, ``, `null`, `[]`, ` `, "\xa1\x67Records\x80",
		`{"Records":[` + record + `],"Records":[]` + end, `{"Records":[` + record + `,]` + end, `{"Records":[` + record,
		`{"Records":[` + strings.Replace(record, "SGVsbG8=", "SGVsbG9=", 1) + `]` + end,
		`{"Records":[` + strings.Replace(record, "SGVsbG8=", `SGVs\r\nbG8=`, 1) + `]` + end,
		`{"Records":[` + strings.Replace(record, "SGVsbG8=", `SGVsbG8`, 1) + `]` + end,
		`{"Records":[` + strings.Replace(record, "SGVsbG8=", ``, 1) + `]` + end,
		`{"Records":[` + strings.Replace(record, `"SGVsbG8="`, `null`, 1) + `]` + end,
		`{"Records":[` + strings.Replace(record, `user-1`, `\u00fc\ud800`, 1) + `]` + end,
		`{"Records":[` + strings.Replace(record, `user-1`, "\xff", 1) + `]` + end,
		`{"Records":[` + strings.Replace(record, `user-1`, "", 1) + `,` + strings.Replace(record, `"7"`, `""`, 1) + `]` + end,
		`{"Records":[` + strings.Replace(kms, `KMS`, "OTHER", 1) + `,` + strings.Replace(kms, `KMS`, "NONE", 1) + `,` + strings.Replace(kms, `"KMS"`, `""`, 1) + `]` + end,
		`{"Records":[` + strings.Replace(record, `1.795529850123E9`, `"NaN"`, 1) + `]` + end,
		`{"Records":[` + strings.Replace(record, `1.795529850123E9`, `1e999`, 1) + `]` + end,
		`{"Records":[` + strings.Replace(record, `1.795529850123E9`, `null`, 1) + `]` + end,
		`{"Records":[` + strings.Replace(record, `"SequenceNumber":"7",`, ``, 1) + `]` + end,
		`{"Records":[` + record + `],"MillisBehindLatest":1.5}`, `{"NextShardIterator":1}`, `{"ContinuationSequenceNumber":1}`,
		`{"__type":"ExpiredIteratorException","message":"too late"}`,
	}
}

// TestAnswers: the client's own reader and the SDK's agree, on errors too.
func TestAnswers(t *testing.T) {
	broken := errors.New("the line is cut")
	for _, body := range answers(t) {
		for _, status := range []int{200, 201, 299, 300, 400, 500} {
			sameAnswer(t, body, status, nil)
		}
		sameAnswer(t, body, 200, broken)
		sameAnswer(t, body, 400, broken)
		sameAnswer(t, body, 200, io.ErrUnexpectedEOF)
	}
	body := answers(t)[0]
	for i := range body {
		sameAnswer(t, body[:i], 200, nil)
	}
	sameAnswer(t, strings.Repeat(" ", 25<<20)+answers(t)[0], 200, nil) // more than is read here
	sameAnswer(t, strings.Repeat(" ", 3<<20)+answers(t)[0], 200, nil)
}

// FuzzAnswer: so they do on any bytes, with the client left out, and whatever an attempt before has left in the output.
func FuzzAnswer(f *testing.F) {
	for _, body := range answers(f) {
		f.Add([]byte(body), false)
		f.Add([]byte(body), true)
	}
	operation := smithy.NewOperationSchema(schemas.GetRecords, schemas.GetRecordsInput, schemas.GetRecordsOutput)
	sdk := awsjson.New11(schemas.Kinesis_20131202)
	left := kinesis.GetRecordsOutput{NextShardIterator: aws.String("left"), Records: []types.Record{{}}, ChildShards: []types.ChildShard{{}}, MillisBehindLatest: aws.Int64(1)}
	f.Fuzz(func(t *testing.T, body []byte, fails bool) {
		read := func(body []byte, out *kinesis.GetRecordsOutput, here bool) (err error) {
			defer func() {
				if why := recover(); why != nil {
					err = fmt.Errorf("panic: %v", why)
				}
			}()
			c := &canned{bodies: []string{string(body)}, reads: []int{0}}
			from := &cannedBody{canned: c, from: bytes.NewReader(body)}
			if fails {
				from.fails = io.ErrUnexpectedEOF
			}
			r := &smithyhttp.Response{Response: &http.Response{StatusCode: 200, Body: from, ContentLength: int64(len(body) % 7)}}
			bySDK := func() error {
				return sdk.DeserializeResponse(context.Background(), operation, kinesis.TypeRegistry, r, out)
			}
			if here {
				return deaggaws.ReadAnswer(r, out, bySDK)
			}
			return bySDK()
		}
		want, got, other := new(kinesis.GetRecordsOutput), left, new(kinesis.GetRecordsOutput)
		refused, err := read(body, want, false), read(body, &got, true)
		read(bytes.Repeat([]byte("X"), len(body)), other, true) // in the same memory
		if fmt.Sprint(refused) != fmt.Sprint(err) {
			t.Errorf("%q: %v, the SDK says %v", body, err, refused)
		}
		if diff := cmp.Diff(want, &got, ignoreUnexported); diff != "" {
			t.Errorf("%q: - the SDK + here\n%s", body, diff)
		}
	})
}

// TestWhoReads: this package's reader serves clients whose protocol is the SDK's, and no others. The SDK asks for little at
// first, this package for all.
func TestWhoReads(t *testing.T) {
	body := `{"Records":[],"NextShardIterator":"` + strings.Repeat("A", 100_000) + `"}`
	layer, off := deaggaws.WithDeaggregation(), deaggaws.WithDeaggregation(deaggaws.WithSDKReader())
	var events int
	own := func(o *kinesis.Options) { o.Protocol = own{o.Protocol, false, &events} }
	noSteps := func(o *kinesis.Options) { o.APIOptions = nil }
	for name, c := range map[string]struct {
		opts []func(*kinesis.Options)
		call []func(*kinesis.Options)
		here bool
	}{
		"no layer":                {nil, nil, false},
		"a layer":                 {[]func(*kinesis.Options){layer}, nil, true},
		"twice":                   {[]func(*kinesis.Options){layer, layer}, nil, true},
		"of a call":               {nil, []func(*kinesis.Options){layer}, true},
		"off":                     {[]func(*kinesis.Options){off}, nil, false},
		"off once":                {[]func(*kinesis.Options){layer, off}, nil, false},
		"off for a call":          {[]func(*kinesis.Options){layer}, []func(*kinesis.Options){off}, false},
		"a protocol of one's own": {[]func(*kinesis.Options){own, layer}, nil, false},
		"one around":              {[]func(*kinesis.Options){layer, own}, nil, true},
		"between":                 {[]func(*kinesis.Options){layer, own, layer}, nil, true},
		"no steps":                {[]func(*kinesis.Options){layer}, []func(*kinesis.Options){noSteps}, false},
	} {
		server := &canned{bodies: []string{body}}
		out, err := server.client(c.opts...).GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: aws.String("x")}, c.call...)
		if err != nil || len(*out.NextShardIterator) != 100_000 || (server.reads[0] > len(body)) != c.here {
			t.Errorf("%s: %v; it asks for %d", name, err, server.reads[0])
		}
	}
	server := &canned{bodies: []string{body}, status: 200}
	options := (&canned{bodies: []string{body}}).client(layer).Options()
	options.HTTPClient = server
	if _, err := get(t, kinesis.New(options)); err != nil || server.reads[0] > len(body) {
		t.Errorf("from Options: %v; it asks for %d", err, server.reads[0])
	}
}

// TestAttempts: what an attempt has read before it failed is not in what the next one returns.
func TestAttempts(t *testing.T) {
	const full = `{"Records":[{"SequenceNumber":"1","PartitionKey":"a","Data":"QQ=="}],"NextShardIterator":"A","MillisBehindLatest":7,"ChildShards":[]`
	for name, c := range map[string]struct{ first, second string }{
		"cut, then usual":   {full, `{"Records":[]}`},
		"cut, then another": {full, `{"Records":null}x`},
		"usual, and cut":    {`{"Records":[{"SequenceNumber":"1","PartitionKey":"a","Data":"QQ=="}],"NextShardIterator":"A"}`, `{}`},
	} {
		server := &canned{bodies: []string{c.first, c.second}, fails: io.ErrUnexpectedEOF}
		out, err := get(t, server.client(deaggaws.WithDeaggregation(), func(o *kinesis.Options) {
			o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
				o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(error) aws.Ternary { return aws.TrueTernary })}
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		}))
		if err != nil || server.taken != 2 || len(out.Records) > 0 || out.NextShardIterator != nil || out.MillisBehindLatest != nil || out.ChildShards != nil {
			t.Errorf("%s: %v, %d attempts: %v", name, err, server.taken, out)
		}
	}
}

// TestNothingPinned: a record that is kept keeps no other one, nor what an aggregate beside it was.
func TestNothingPinned(t *testing.T) {
	var records []string
	for i := range 20 {
		data := bytes.Repeat([]byte{byte(i)}, 5000)
		if i%2 == 1 {
			data = aggregate(t, strings.Repeat("A", 200), 30)
		}
		records = append(records, fmt.Sprintf(`{"SequenceNumber":"%d","PartitionKey":"key-%d","ApproximateArrivalTimestamp":1,"Data":"%s"}`,
			1000+i, i, base64.StdEncoding.EncodeToString(data)))
	}
	server := &canned{bodies: []string{`{"Records":[` + strings.Join(records, ",") + `]}`}}
	out, err := get(t, server.client(deaggaws.WithDeaggregation()))
	if err != nil || len(out.Records) != 10+10*30 {
		t.Fatal(err)
	}
	var pins []weak.Pointer[byte]
	for i, r := range out.Records {
		if i > 30 { // the first one is plain, then come those of one aggregate
			pins = append(pins, weak.Make(&r.Data[0]))
		}
	}
	kept := slices.Clone(out.Records[:31])
	out = nil
	runtime.GC()
	for i, p := range pins {
		if p.Value() != nil {
			t.Errorf("record %d is pinned", 31+i)
		}
	}
	runtime.KeepAlive(kept)
}

// TestAllocations: an answer of plain records takes the SDK's records and, for each, its data and what else it points to.
func TestAllocations(t *testing.T) {
	var records []string
	const n = 1000
	for i := range n {
		records = append(records, fmt.Sprintf(`{"SequenceNumber":"%d","PartitionKey":"key-%d","ApproximateArrivalTimestamp":1.5,"Data":"%s"}`,
			1000+i, i, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 100))))
	}
	body := `{"Records":[` + strings.Join(records, ",") + `]}`
	layer := deaggaws.WithDeaggregation()
	if got := testing.AllocsPerRun(20, func() { get(t, (&canned{bodies: []string{body}}).client(layer)) }); got > 3*n+1000 {
		t.Errorf("%v allocations for %d records", got, n)
	}
}

// TestAnswersAtOnce: many calls at once, each with an answer of its own: the race detector watches.
func TestAnswersAtOnce(t *testing.T) {
	layer := deaggaws.WithDeaggregation()
	var readers sync.WaitGroup
	for g := range 4 {
		readers.Go(func() {
			for i := range 50 {
				name := fmt.Sprintf("%d-%d", g, i)
				body := fmt.Sprintf(`{"Records":[{"SequenceNumber":"7","PartitionKey":"%s","Data":"%s"}]}`, name,
					base64.StdEncoding.EncodeToString(aggregate(t, name, 3)))
				out, err := get(t, (&canned{bodies: []string{body}}).client(layer))
				if err != nil || !slices.Equal(texts(out.Records), []string{name + ".0", name + ".1", name + ".2"}) {
					t.Errorf("%s: %v, %v", name, out, err)
				}
			}
		})
	}
	readers.Wait()
}
