package deaggaws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"

	"github.com/kplkit/kplkit/internal/opaque"
	"github.com/kplkit/kplkit/internal/position"
)

// The SDK reads the events of a subscription from the body of a response, by the client's protocol. Two things stand
// there: a step that puts a subscription in the body's place, and a protocol around the client's that is handed this
// subscription to read from, and so knows whose event it has. The two can come apart: kinesis.New drops the protocol
// of the Options that it is given and keeps their steps, and each call may change either. A subscription that another
// protocol reads hands out the events encoded again; a stream without a subscription in it is refused.

var (
	errNoStep = errors.New("deaggaws: the call replaces the APIOptions of its client, and so takes WithDeaggregation's step away: append to " +
		"them, or add WithDeaggregation to the options of the call")
	errKey = errors.New("deaggaws: a partition key that is not UTF-8 can't go through the client's protocol: make the client with " +
		"WithDeaggregation, not from another one's Options alone")
	errSealed = errors.New("deaggaws: sealed records can't go through another protocol")
)

// HandleDeserialize puts a subscription in the place of a response's body, if the call is one.
func (d *deaggregation) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error,
) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	r, ok := out.RawResponse.(*smithyhttp.Response)
	if f, subscribes := frontOf(ctx); subscribes && ok && err == nil && r.StatusCode/100 == 2 {
		r.Body = &subscription{ReadCloser: r.Body, ctx: ctx, layer: d, front: f, own: awsjson.New11(schemas.Kinesis_20131202)}
	}
	return out, metadata, err
}

type frontKey struct{}

// withFront marks the context of a call of SubscribeToShard that this package's steps are in.
func withFront(ctx context.Context, f position.Front) context.Context {
	return middleware.WithStackValue(ctx, frontKey{}, f)
}

func frontOf(ctx context.Context) (position.Front, bool) {
	f, ok := middleware.GetStackValue(ctx, frontKey{}).(position.Front)
	return f, ok
}

// protocol is a client's protocol that makes user records of what its subscriptions deliver.
type protocol struct{ smithyhttp.ClientProtocol }

func protocolOf(p smithyhttp.ClientProtocol) smithyhttp.ClientProtocol {
	if _, ours := p.(protocol); ours {
		return p
	}
	return protocol{p}
}

// WritesAs returns the protocol that writes the requests: this one only reads. So a producer on the same client may write its
// requests faster than the SDK does, if the protocol is the SDK's.
func (p protocol) WritesAs() smithyhttp.ClientProtocol { return p.ClientProtocol }

// DeserializeResponse is where the SDK begins to read a response, and reads all of it but for a stream.
func (p protocol) DeserializeResponse(
	ctx context.Context, schema *smithy.OperationSchema, registry *smithy.TypeRegistry, r *smithyhttp.Response, out smithy.Deserializable,
) error {
	bySDK := func() error { return p.ClientProtocol.DeserializeResponse(ctx, schema, registry, r, out) }
	if o, ok := out.(*kinesis.GetRecordsOutput); ok && p.isSDKs() && readsHere(ctx) && r.StatusCode/100 == 2 {
		return readAnswer(r, o, bySDK)
	}
	err := bySDK()
	if _, ok := frontOf(ctx); !ok && err == nil && schema.IsOutputEventStream() {
		r.Body.Close()
		return errNoStep
	}
	return err
}

// DeserializeInitialResponse reads the first message of a stream.
func (p protocol) DeserializeInitialResponse(schema *smithy.Schema, r io.Reader, out smithy.Deserializable) (err error) {
	defer noPanic(&err)
	if s, ok := r.(*subscription); ok {
		return p.of(s).DeserializeInitialResponse(schema, s.ReadCloser, out)
	}
	return p.ClientProtocol.DeserializeInitialResponse(schema, r, out)
}

// DeserializeEventMessage reads each of the others.
func (p protocol) DeserializeEventMessage(schema *smithy.Schema, registry *smithy.TypeRegistry, r io.Reader) (smithy.Deserializable, error) {
	if s, ok := r.(*subscription); ok {
		return s.next(p.of(s), schema, registry, s.ReadCloser)
	}
	return p.ClientProtocol.DeserializeEventMessage(schema, registry, r)
}

// of returns the protocol that reads s. The SDK's (v1.56.13) is not made for two streams at once, so each has one of its own.
func (p protocol) of(s *subscription) smithyhttp.ClientProtocol {
	if p.isSDKs() {
		return s.own
	}
	return p.ClientProtocol
}

// isSDKs reports whether p is around the SDK's own protocol: of any other it is not known what it reads.
func (p protocol) isSDKs() bool {
	_, ok := p.ClientProtocol.(*awsjson.Protocol)
	return ok
}

// subscription is the body of a response whose events come as user records.
type subscription struct {
	io.ReadCloser // as it comes
	ctx           context.Context
	layer         *deaggregation
	front         position.Front // what is still to be skipped
	own           smithyhttp.ClientProtocol
	rest          *types.SubscribeToShardEvent // of an event that is encoded in parts; nil: none is
	message       bytes.Buffer
	encoded       []byte // what Read has to hand out of it
}

// next reads the next event by p, and makes its records user records.
func (s *subscription) next(p smithyhttp.ClientProtocol, schema *smithy.Schema, registry *smithy.TypeRegistry, from io.Reader) (
	smithy.Deserializable, error,
) {
	event, err := read(p, schema, registry, from)
	if e, ok := event.(*types.SubscribeToShardEvent); ok && err == nil {
		if err := s.layer.event(s.ctx, e, &s.front); err != nil {
			return nil, err // and no event whose records are as they are stored
		}
	}
	return event, err
}

func read(p smithyhttp.ClientProtocol, schema *smithy.Schema, registry *smithy.TypeRegistry, from io.Reader) (
	event smithy.Deserializable, err error,
) {
	defer noPanic(&err)
	return p.DeserializeEventMessage(schema, registry, from)
}

// noPanic makes an error of a panic. smithy-go v1.28.1 has one for a header of an unknown type (v1.28.9 has none), and
// reads headers before it looks at the checksum.
func noPanic(err *error) {
	if why := recover(); why != nil {
		*err = fmt.Errorf("deaggaws: a damaged message in the stream of events: %v", why)
	}
}

// Read serves another protocol, which does not know what it reads from.
func (s *subscription) Read(p []byte) (int, error) {
	if len(s.encoded) == 0 {
		var err error
		if s.encoded, err = s.encode(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.encoded)
	s.encoded = s.encoded[n:]
	return n, nil
}

// encode returns the next message: a part of an event of user records, or an event that has no records, as it came.
func (s *subscription) encode() ([]byte, error) {
	s.message.Reset()
	if opaque.Wanted(s.ctx) {
		return nil, errSealed
	}
	if s.rest == nil {
		event, err := s.next(s.own, schemas.SubscribeToShardEventStream, kinesis.TypeRegistry, io.TeeReader(s.ReadCloser, &s.message))
		e, ok := event.(*types.SubscribeToShardEvent)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			return s.message.Bytes(), nil
		}
		s.rest = e
		s.message.Reset()
	}
	e := s.part()
	for _, r := range e.Records {
		if !utf8.ValidString(aws.ToString(r.PartitionKey)) {
			return nil, errKey
		}
	}
	err := s.own.SerializeEventMessage(schemas.SubscribeToShardEventStream, schemas.SubscribeToShardEventStream_SubscribeToShardEvent, e, &s.message)
	return s.message.Bytes(), err
}

// atOnce is how many user records are encoded again at once: as JSON one takes up to 60 bytes for each that it had in its
// aggregate, and then it is decoded again.
const atOnce = 1000

// part takes the next records of the event that is encoded in parts. Each but the last part says that one goes on after its
// last record.
func (s *subscription) part() *types.SubscribeToShardEvent {
	part := *s.rest
	if len(part.Records) <= atOnce {
		s.rest = nil
		return &part
	}
	part.Records, s.rest.Records = part.Records[:atOnce], part.Records[atOnce:]
	part.ChildShards, part.ContinuationSequenceNumber = nil, part.Records[atOnce-1].SequenceNumber
	return &part
}

// event replaces the records of an event by user records. As long as f's position has not passed, the number to go on
// at is that position.
func (d *deaggregation) event(ctx context.Context, e *types.SubscribeToShardEvent, f *position.Front) error {
	after, err := d.expand(ctx, &e.Records, *f)
	if err == nil {
		err = d.goOn(e, after)
	}
	if err != nil {
		return fmt.Errorf("deaggaws: shard %s: %w", f.Shard, err)
	}
	f.After = after
	return nil
}
