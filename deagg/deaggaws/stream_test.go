package deaggaws_test

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/eventstream"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/wire"
)

// message returns one of an event stream: kind is event, exception or error.
func message(t *testing.T, kind, name string, payload string) []byte {
	m := eventstream.Message{Payload: []byte(payload)}
	m.Headers.Set(":message-type", eventstream.StringValue(kind))
	m.Headers.Set(map[string]string{"event": ":event-type", "exception": ":exception-type", "error": ":error-code"}[kind], eventstream.StringValue(name))
	var b bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// records returns the message of an event.
func records(t *testing.T, continuation string, rs ...types.Record) []byte {
	return encoded(t, &types.SubscribeToShardEvent{Records: rs, ContinuationSequenceNumber: &continuation, MillisBehindLatest: aws.Int64(0)})
}

func encoded(t *testing.T, e *types.SubscribeToShardEvent) []byte {
	var b bytes.Buffer
	err := awsjson.New11(schemas.Kinesis_20131202).SerializeEventMessage(schemas.SubscribeToShardEventStream, schemas.SubscribeToShardEventStream_SubscribeToShardEvent, e, &b)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func record(number, key string, data []byte) types.Record {
	return types.Record{SequenceNumber: &number, PartitionKey: &key, Data: data}
}

// answer is a service that answers with one body.
type answer struct {
	body   io.Reader
	closed int
}

func (a *answer) Do(r *http.Request) (*http.Response, error) {
	body := struct {
		io.Reader
		io.Closer
	}{a.body, a}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body, Request: r}, nil
}

func (a *answer) Close() error { a.closed++; return nil }

// listen subscribes to what a says, from the start or after a position, and returns all that comes.
func listen(t *testing.T, client *kinesis.Client, a *answer, after string, opts ...func(*kinesis.Options)) (rs []types.Record, continuations []string, err error) {
	at := types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}
	if after != "" {
		at = types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: &after}
	}
	out, err := client.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: aws.String("arn:aws:kinesis:us-east-1:1:stream/s/consumer/c:1"),
		ShardId: aws.String(shard0), StartingPosition: &at},
		append(opts, func(o *kinesis.Options) { o.HTTPClient, o.Retryer = a, aws.NopRetryer{} })...)
	if err == nil {
		for event := range out.GetStream().Events() {
			if e, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); ok {
				rs, continuations = append(rs, e.Value.Records...), append(continuations, *e.Value.ContinuationSequenceNumber)
			}
		}
		err = out.GetStream().Close()
	}
	if a.closed != 1 {
		t.Errorf("the body was closed %d times", a.closed)
	}
	return rs, continuations, err
}

// readers returns a client that reads by our protocol, and one that reads what we encode again.
func readers(opts ...deaggaws.Option) map[string]*kinesis.Client {
	direct := kinesis.New(kinesis.Options{Region: "us-east-1", Credentials: aws.AnonymousCredentials{}}, deaggaws.WithDeaggregation(opts...))
	return map[string]*kinesis.Client{"direct": direct, "encoded again": kinesis.New(direct.Options())}
}

// TestDamagedStream damages every byte of a stream, and ends it at many: what comes before is delivered, nothing
// else is, and there is an error where a client without this package has one.
func TestDamagedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := slices.Concat(message(t, "event", "initial-response", "{}"),
			records(t, "7", record("7", "a", aggregate(t, "A", 2))), records(t, "9", record("8", "k", []byte("plain")), record("9", "a", aggregate(t, "B", 2))))
		bare := kinesis.New(kinesis.Options{Region: "us-east-1", Credentials: aws.AnonymousCredentials{}})
		clients := readers()
		all, _, err := listen(t, clients["direct"], &answer{body: bytes.NewReader(stream)}, "")
		if err != nil || !slices.Equal(texts(all), []string{"A.0", "A.1", "plain", "B.0", "B.1"}) {
			t.Fatalf("%q, %v", texts(all), err)
		}
		check := func(what string, i int, damaged []byte) {
			var stored []types.Record
			want := errors.New("a panic")
			if !panics(damaged) {
				stored, _, want = listen(t, bare, &answer{body: bytes.NewReader(damaged)}, "")
			}
			for name, client := range clients {
				got, _, err := listen(t, client, &answer{body: iotest.HalfReader(bytes.NewReader(damaged))}, "")
				if stored != nil && len(got) != []int{0, 2, 3, 5}[len(stored)] || !slices.Equal(numbered(got), numbered(all[:len(got)])) {
					t.Errorf("%s, %s %d: %q", name, what, i, numbered(got))
				}
				if (err == nil) != (want == nil) || errors.As(want, new(eventstream.ChecksumError)) && !errors.As(err, new(eventstream.ChecksumError)) {
					t.Errorf("%s, %s %d: %v, want %v", name, what, i, err, want)
				}
			}
		}
		for i := range stream {
			damaged := slices.Clone(stream)
			damaged[i] ^= 1 << (i % 8)
			check("damaged at", i, damaged)
			if i%7 == 0 {
				check("ends at", i, stream[:i])
			}
		}
	})
}

// panics reports whether the SDK's decoder panics somewhere in a stream, as it does for a header of an unknown type.
func panics(stream []byte) (yes bool) {
	defer func() { yes = recover() != nil }()
	for r := bytes.NewReader(stream); ; {
		if _, err := eventstream.NewDecoder().Decode(r, nil); err != nil {
			return false
		}
	}
}

// TestErrorEvents: errors that the service sends come as they are, and so does an event that this SDK does not know.
func TestErrorEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := slices.Concat(message(t, "event", "initial-response", "{}"), records(t, "7", record("7", "a", aggregate(t, "A", 2))))
		broken := errors.New("the connection broke")
		for _, c := range []struct {
			what string
			rest io.Reader
			want func(error) bool
		}{
			{"an exception", bytes.NewReader(message(t, "exception", "ResourceInUseException", `{"message":"taken over"}`)), func(err error) bool {
				e := (*types.ResourceInUseException)(nil)
				return errors.As(err, &e) && e.ErrorMessage() == "taken over"
			}},
			{"an exception of another kind", bytes.NewReader(message(t, "exception", "SoonException", `{"message":"new"}`)), func(err error) bool {
				e := smithy.APIError(nil)
				return errors.As(err, &e) && e.ErrorCode() == "SoonException" && e.ErrorMessage() == "new"
			}},
			{"an error", bytes.NewReader(message(t, "error", "Odd", "")), func(err error) bool {
				e := smithy.APIError(nil)
				return errors.As(err, &e) && e.ErrorCode() == "Odd"
			}},
			{"an unknown event", bytes.NewReader(message(t, "event", "Soon", "{}")), func(err error) bool { return err == nil }},
			{"an event that is none", bytes.NewReader(message(t, "event", "SubscribeToShardEvent", `{"Records":7}`)), func(err error) bool { return err != nil }},
			{"a broken connection", iotest.ErrReader(broken), func(err error) bool { return errors.Is(err, broken) }},
		} {
			rest, broke := io.ReadAll(c.rest)
			for name, client := range readers() {
				body := io.MultiReader(bytes.NewReader(start), bytes.NewReader(rest), iotest.ErrReader(cmp.Or(broke, io.EOF)))
				got, _, err := listen(t, client, &answer{body: body}, "")
				if !slices.Equal(texts(got), []string{"A.0", "A.1"}) || !c.want(err) {
					t.Errorf("%s, %s: %q, %v", name, c.what, texts(got), err)
				}
			}
		}
	})
}

// TestContinuationNumbers: while all that comes is skipped, an event's number to go on at is the position itself.
func TestContinuationNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := slices.Concat(message(t, "event", "initial-response", "{}"), records(t, "6"), records(t, "6"), records(t, "7", record("7", "a", aggregate(t, "A", 3))), records(t, "7"))
		for name, client := range readers() {
			got, continuations, err := listen(t, client, &answer{body: bytes.NewReader(stream)}, "7:1")
			if err != nil || !slices.Equal(texts(got), []string{"A.2"}) || !slices.Equal(continuations, []string{"7:1", "7:1", "7", "7"}) {
				t.Errorf("%s: %q, go on at %q, %v", name, texts(got), continuations, err)
			}
		}
	})
}

// TestNoStep: a call that replaces the steps of its client gets no stream, and none is left open.
func TestNoStep(t *testing.T) {
	stream := slices.Concat(message(t, "event", "initial-response", "{}"), records(t, "7", record("7", "a", aggregate(t, "A", 2))))
	got, _, err := listen(t, readers()["direct"], &answer{body: bytes.NewReader(stream)}, "", func(o *kinesis.Options) { o.APIOptions = nil })
	if len(got) > 0 || err == nil || !strings.Contains(err.Error(), "APIOptions") {
		t.Errorf("%q, %v", texts(got), err)
	}
}

// TestOddKeys: a partition key of an aggregate may be any bytes. It comes as it is, or not at all.
func TestOddKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, key := range []string{"\xff", "a\x00\"\\\u2028", "\ufffd"} {
			body := "\x0a" + string(rune(len(key))) + key + "\x1a\x05\x08\x00\x1a\x01x" // one user record, "x"
			sum := md5.Sum([]byte(body))
			stream := slices.Concat(message(t, "event", "initial-response", "{}"), records(t, "7", record("7", "a", []byte(wire.Magic+body+string(sum[:])))))
			for name, client := range readers() {
				got, _, err := listen(t, client, &answer{body: bytes.NewReader(stream)}, "")
				switch {
				case key == "\xff" && name == "encoded again":
					if len(got) > 0 || err == nil || !strings.Contains(err.Error(), "WithDeaggregation") {
						t.Errorf("%s: %q, %v", name, numbered(got), err)
					}
				case err != nil || len(got) != 1 || *got[0].PartitionKey != key:
					t.Errorf("%s: %q comes as %q, %v", name, key, numbered(got), err)
				}
			}
		}
	})
}
