package kinesisjson_test

import (
	"bytes"
	"context"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// asked keeps the body of a request.
type asked struct{ body []byte }

func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	a.body, _ = io.ReadAll(r.Body)
	return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader([]byte("{}")))}, nil
}

// requestOf returns the body of the request that call makes.
func requestOf(call func(context.Context, *kinesis.Client) error) []byte {
	a := &asked{}
	call(context.Background(), kinesis.New(kinesis.Options{Region: "us-east-1", Credentials: aws.AnonymousCredentials{},
		HTTPClient: &http.Client{Transport: a}, Retryer: aws.NopRetryer{}}))
	return a.body
}

// TestRequests changes requests of the SDK as the proxy does, in both formats: they are then those that the SDK writes
// for what they were changed to.
func TestRequests(t *testing.T) {
	arn, shard := aws.String("arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/c:1"), aws.String("shardId-000000000000")
	at := time.UnixMilli(1795529850123)
	getIterator := func(in kinesis.GetShardIteratorInput) []byte {
		in.StreamARN, in.ShardId = arn, shard
		return requestOf(func(ctx context.Context, c *kinesis.Client) error { _, err := c.GetShardIterator(ctx, &in); return err })
	}
	getRecords := func(in kinesis.GetRecordsInput) []byte {
		return requestOf(func(ctx context.Context, c *kinesis.Client) error { _, err := c.GetRecords(ctx, &in); return err })
	}
	subscribe := func(p types.StartingPosition) []byte {
		in := kinesis.SubscribeToShardInput{ConsumerARN: arn, ShardId: shard, StartingPosition: &p}
		return requestOf(func(ctx context.Context, c *kinesis.Client) error { _, err := c.SubscribeToShard(ctx, &in); return err })
	}
	for name, c := range map[string]struct {
		from, to []byte
		change   func(o *kinesisjson.Object)
	}{
		"an iterator inside an aggregate": {
			getIterator(kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeAfterSequenceNumber, StartingSequenceNumber: aws.String("7:3")}),
			getIterator(kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: aws.String("7")}),
			func(o *kinesisjson.Object) {
				o.SetText("ShardIteratorType", "AT_SEQUENCE_NUMBER")
				o.SetText("StartingSequenceNumber", "7")
			},
		},
		"an iterator at a time": {
			getIterator(kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeAfterSequenceNumber, StartingSequenceNumber: aws.String("AT_TIMESTAMP:1795529850123")}),
			getIterator(kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeAtTimestamp, Timestamp: &at}),
			func(o *kinesisjson.Object) {
				o.SetText("ShardIteratorType", "AT_TIMESTAMP")
				o.Delete("StartingSequenceNumber")
				o.SetMilliseconds("Timestamp", at.UnixMilli())
			},
		},
		"records": {
			getRecords(kinesis.GetRecordsInput{ShardIterator: aws.String("kplkit1:7:3///AAA="), StreamARN: arn}),
			getRecords(kinesis.GetRecordsInput{ShardIterator: aws.String("AAA="), StreamARN: arn, Limit: aws.Int32(10)}),
			func(o *kinesisjson.Object) {
				iterator, _ := o.Text("ShardIterator")
				o.SetText("ShardIterator", iterator[len("kplkit1:7:3///"):])
				o.SetInt("Limit", 10)
			},
		},
		"a subscription": {
			subscribe(types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: aws.String("7:3")}),
			subscribe(types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}),
			func(o *kinesisjson.Object) {
				position, ok := o.Object("StartingPosition")
				if number, _ := position.Text("SequenceNumber"); !ok || number != "7:3" {
					t.Errorf("position %v, number %q", ok, number)
				}
				position.SetText("Type", "TRIM_HORIZON")
				position.Delete("SequenceNumber")
				o.SetObject("StartingPosition", position)
			},
		},
	} {
		for _, in := range []func([]byte) []byte{bytes.Clone, asCBOR} {
			from, to := in(c.from), in(c.to)
			o, err := kinesisjson.ReadObject(from)
			if err != nil {
				t.Fatalf("%s: %q: %v", name, from, err)
			}
			if diff := cmp.Diff(meaning(t, from), meaning(t, o.AppendTo(nil))); diff != "" {
				t.Errorf("%s: unchanged: %s", name, diff)
			}
			original := o.Clone()
			c.change(&o)
			if diff := cmp.Diff(meaning(t, to), meaning(t, o.AppendTo(nil))); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			if diff := cmp.Diff(meaning(t, from), meaning(t, original.AppendTo(nil))); diff != "" {
				t.Errorf("%s: the clone has changed: %s", name, diff)
			}
		}
	}
}

// TestSizes: lengths and integers around the bounds of what a head of CBOR holds come back.
func TestSizes(t *testing.T) {
	for _, f := range []kinesisjson.Format{kinesisjson.JSON, kinesisjson.CBOR} {
		for _, bound := range []int64{0, 24, 1 << 8, 1 << 16, 1 << 32, math.MaxInt64} {
			for n := max(bound-1, 0); n <= bound && n >= 0; n++ {
				o := kinesisjson.NewObject(f)
				o.SetText("text", strings.Repeat("x", int(n%(1<<20))))
				o.SetInt("n", n)
				o.SetInt("less", -1-n)
				m := meaning(t, o.AppendTo(nil))
				back, err := kinesisjson.ReadObject(o.AppendTo(nil))
				text, _ := back.Text("text")
				same, _ := back.Int("n")
				less, _ := back.Int("less")
				if err != nil || m == nil || int64(len(text)) != n%(1<<20) || same != n || less != -1-n {
					t.Errorf("%d: %v, %d bytes, %d, %d", n, err, len(text), same, less)
				}
				if n == math.MaxInt64 {
					break
				}
			}
		}
	}
}

// TestObject: fields of other kinds, and those that are not there, are no; others are kept byte for byte.
func TestObject(t *testing.T) {
	body := " { \"text\" : \"\\u0041\" , \"n\":-12,\"null\":null,\"o\":{\"a\":\"b\"}, \"other\":\t[ 1e0 ] } "
	for _, b := range [][]byte{[]byte(body), asCBOR([]byte(`{"text":"A","n":-12,"null":null,"o":{"a":"b"},"other":[1]}`))} {
		o, err := kinesisjson.ReadObject(b)
		if err != nil {
			t.Fatal(err)
		}
		text, isText := o.Text("text")
		n, isInt := o.Int("n")
		inner, isObject := o.Object("o")
		value, _ := inner.Text("a")
		if text != "A" || !isText || n != -12 || !isInt || !isObject || value != "b" {
			t.Errorf("%q %v %d %v %q %v", text, isText, n, isInt, value, isObject)
		}
		for _, name := range []string{"null", "none", "other"} {
			_, isText = o.Text(name)
			_, isInt = o.Int(name)
			_, isObject = o.Object(name)
			if isText || isInt || isObject || (o.Raw(name) != nil) != (name == "other") {
				t.Errorf("%s: %v %v %v", name, isText, isInt, isObject)
			}
		}
		if other := o.Raw("other"); o.Format() == kinesisjson.JSON && string(other) != "[ 1e0 ]" {
			t.Errorf("%q", other)
		}
	}
	for _, bad := range []string{"", "x", "[]", "{", `{"a":1,"a":2}`, `{"a":1}}`, "\xa1", "\x80"} {
		if _, err := kinesisjson.ReadObject([]byte(bad)); err == nil {
			t.Errorf("%q: read", bad)
		}
	}
	for f, want := range map[kinesisjson.Format]string{
		kinesisjson.JSON: `{"__type":"AccessDeniedException","n":-1,"at":-0.001,"later":1795529850.007,"o":{}}`,
		kinesisjson.CBOR: "\xbf\x66__type\x75AccessDeniedException\x61n\x20\x62at\xc1\x20\x65later\xc1\x1b\x00\x00\x01\xa2\x0d\xeb\x3c\x97\x61o\xbf\xff\xff",
	} {
		o := kinesisjson.NewObject(f)
		o.SetText("__type", "AccessDeniedException")
		o.SetInt("n", -1)
		o.SetMilliseconds("at", -1)
		o.SetMilliseconds("later", 1795529850007)
		o.SetObject("o", kinesisjson.NewObject(f))
		if got := string(o.AppendTo(nil)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
