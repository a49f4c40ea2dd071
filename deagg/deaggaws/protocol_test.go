package deaggaws_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// own is a protocol of a client's own. It counts events, and reads them through a reader of its own if indirect.
type own struct {
	smithyhttp.ClientProtocol
	indirect bool
	events   *int
}

func (o own) DeserializeEventMessage(s *smithy.Schema, types *smithy.TypeRegistry, r io.Reader) (smithy.Deserializable, error) {
	if o.indirect {
		r = struct{ io.Reader }{r}
	}
	event, err := o.ClientProtocol.DeserializeEventMessage(s, types, r)
	if err == nil {
		*o.events++
	}
	return event, err
}

// protocols returns clients of server that have the middleware, and each another protocol or another way to it. The
// protocols of their own count their events.
func protocols(server *kinesisfake.Server, events *int, opts ...deaggaws.Option) map[string]*kinesis.Client {
	layer := deaggaws.WithDeaggregation(opts...)
	with := func(indirect bool) func(*kinesis.Options) {
		return func(o *kinesis.Options) { o.Protocol = own{o.Protocol, indirect, events} }
	}
	plain := func(o *kinesis.Options) { o.Protocol = awsjson.New11(schemas.Kinesis_20131202) }
	before := kinesis.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"), Credentials: aws.AnonymousCredentials{}}
	before.HTTPClient = newClient(server).Options().HTTPClient
	layer(&before)
	return map[string]*kinesis.Client{
		"the SDK's":                   newClient(server, layer),
		"from Options":                kinesis.New(newClient(server, layer).Options()),
		"from Options, twice":         kinesis.New(kinesis.New(newClient(server, layer, layer).Options()).Options()),
		"Options before New":          kinesis.New(before),
		"its own, before":             newClient(server, with(false), layer),
		"its own, after":              newClient(server, layer, with(false)),
		"its own, between":            newClient(server, layer, with(false), layer),
		"its own, indirect, before":   newClient(server, with(true), layer),
		"its own, indirect, after":    newClient(server, layer, with(true)),
		"its own, indirect, between":  newClient(server, layer, with(true), layer),
		"another one instead of ours": newClient(server, layer, plain),
		"one that logs all bodies": newClient(server, layer, func(o *kinesis.Options) {
			o.ClientLogMode, o.Logger = aws.LogResponseWithBody, logging.Nop{}
		}),
	}
}

// TestEachProtocol: whatever becomes of a client's protocol, its subscriptions deliver the user records of the stream,
// under the numbers and with the keys that GetRecords gives them, and start after one.
func TestEachProtocol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, raw := newStream(t, 1)
		fill(t, raw)
		consumer := register(t, raw)
		var events int
		for name, client := range protocols(server, &events) {
			events = 0
			all := read(t, mustIterator(t, client, types.ShardIteratorTypeTrimHorizon, ""), 100, client)
			for _, from := range []int{0, 2, 9} {
				at := types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}
				if from > 0 {
					at = types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: all[from-1].SequenceNumber}
				}
				got, _ := subscription(t, client, consumer, at, len(all)-from)
				if !slices.Equal(numbered(got), numbered(all[from:])) {
					t.Errorf("%s, from %d: %q, want %q", name, from, numbered(got), numbered(all[from:]))
				}
				for i := range got {
					if r := all[from+i]; !got[i].ApproximateArrivalTimestamp.Equal(*r.ApproximateArrivalTimestamp) || got[i].EncryptionType != r.EncryptionType {
						t.Errorf("%s: %v %s, want %v %s", name, got[i].ApproximateArrivalTimestamp, got[i].EncryptionType,
							r.ApproximateArrivalTimestamp, r.EncryptionType)
					}
				}
				wait(t)
				synctest.Wait() // the SDK's protocol, where a stream of its own is not known to be one, is not made for two at once
			}
			if strings.Contains(name, "its own") != (events > 0) {
				t.Errorf("%s: it reads %d events", name, events)
			}
		}
		server.Close()
	})
}

// TestEachProtocolGoesOn: what has to be skipped is known through events without records, up to the end of the shard.
func TestEachProtocolGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, raw := newStream(t, 1)
		consumer := register(t, raw)
		number := put(t, raw, "a", aggregate(t, "A", 3))
		split(t, raw, shard0, half)
		var events int
		for name, client := range protocols(server, &events) {
			at := types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: aws.String(number + ":1")}
			out, err := client.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: consumer, ShardId: aws.String(shard0), StartingPosition: &at})
			if err != nil {
				t.Fatal(name, err)
			}
			var got []string
			var children int
			for event := range out.GetStream().Events() {
				e := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
				got, children = append(got, texts(e.Records)...), len(e.ChildShards)
				if e.MillisBehindLatest == nil {
					t.Errorf("%s: no MillisBehindLatest", name)
				}
			}
			if err := out.GetStream().Err(); err != nil || children != 2 || !slices.Equal(got, []string{"A.2"}) {
				t.Errorf("%s: %q, %d children, %v", name, got, children, err)
			}
			wait(t)
		}
		server.Close()
	})
}

// TestOptionsOfACall: what a call changes in its protocol or in its steps does not make aggregates come out of its
// subscription.
func TestOptionsOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, raw := newStream(t, 1)
		want := fill(t, raw)
		consumer := register(t, raw)
		layer := deaggaws.WithDeaggregation()
		var events int
		step := middleware.InitializeMiddlewareFunc("a step of the call", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
			middleware.InitializeOutput, middleware.Metadata, error,
		) {
			return next.HandleInitialize(ctx, in)
		})
		noSteps := func(o *kinesis.Options) { o.APIOptions = nil }
		for _, c := range []struct {
			name   string
			client *kinesis.Client
			opts   []func(*kinesis.Options)
			fails  bool
		}{
			{"the layer", raw, []func(*kinesis.Options){layer}, false},
			{"the layer again", newClient(server, layer), []func(*kinesis.Options){layer}, false},
			{"a protocol", newClient(server, layer), []func(*kinesis.Options){func(o *kinesis.Options) { o.Protocol = own{o.Protocol, true, &events} }}, false},
			{"another protocol", newClient(server, layer), []func(*kinesis.Options){func(o *kinesis.Options) { o.Protocol = awsjson.New10(schemas.Kinesis_20131202) }}, false},
			{"a step", newClient(server, layer), []func(*kinesis.Options){kinesis.WithAPIOptions(func(s *middleware.Stack) error {
				return s.Initialize.Add(step, middleware.Before)
			})}, false},
			{"no steps", newClient(server, layer), []func(*kinesis.Options){noSteps}, true},
			{"no steps, and the layer", newClient(server, layer), []func(*kinesis.Options){noSteps, layer}, false},
		} {
			out, err := c.client.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: consumer, ShardId: aws.String(shard0),
				StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}}, c.opts...)
			if c.fails != (err != nil && strings.Contains(err.Error(), "add WithDeaggregation")) {
				t.Errorf("%s: %v", c.name, err)
			}
			if err == nil {
				e := (<-out.GetStream().Events()).(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
				if got := texts(e.Records); !slices.Equal(got, want) {
					t.Errorf("%s: %q, want %q", c.name, got, want)
				}
				out.GetStream().Close()
			}
			wait(t)
		}
		server.Close()
	})
}

// TestSubscriptionsAtOnce reads shards by subscriptions of one client at the same time: the race detector watches. The
// subscriptions of one client of the SDK share a buffer.
func TestSubscriptionsAtOnce(t *testing.T) {
	server, raw := newStream(t, 4)
	consumer := register(t, raw)
	for i := range 4 {
		put(t, raw, "a", aggregate(t, string(rune('A'+i)), 3), []string{"0", "85070591730234615865843651857942052864", half, high}[i])
	}
	layer := deaggaws.WithDeaggregation(deaggaws.WithHashRanges())
	client := newClient(server, layer, layer)
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() {
			shard := "shardId-00000000000" + string(rune('0'+i))
			out, err := client.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: consumer, ShardId: &shard,
				StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}})
			if err != nil {
				t.Error(err)
				return
			}
			defer out.GetStream().Close()
			e := (<-out.GetStream().Events()).(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
			name := string(rune('A' + i))
			if got := texts(e.Records); !slices.Equal(got, []string{name + ".0", name + ".1", name + ".2"}) {
				t.Errorf("%s: %q", shard, got)
			}
		})
	}
	readers.Wait()
}

// TestRefusedSubscription: an error that AWS answers with comes as it is.
func TestRefusedSubscription(t *testing.T) {
	server, raw := newStream(t, 1)
	consumer := register(t, raw)
	var events int
	for name, client := range protocols(server, &events) {
		_, err := client.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: consumer, ShardId: aws.String("shardId-000000000009"),
			StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}})
		if e := (*types.ResourceNotFoundException)(nil); !errors.As(err, &e) || e.ErrorMessage() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// named is a protocol that takes down which operations it reads the answers of.
type named struct {
	smithyhttp.ClientProtocol
	mu         sync.Mutex
	operations map[string]int
}

func (n *named) DeserializeResponse(ctx context.Context, s *smithy.OperationSchema, types *smithy.TypeRegistry, r *smithyhttp.Response, out smithy.Deserializable) error {
	n.mu.Lock()
	n.operations[s.ID().Name]++
	n.mu.Unlock()
	return n.ClientProtocol.DeserializeResponse(ctx, s, types, r, out)
}

// TestListsByTheProtocol: the shards of a stream are listed by the client's own protocol.
func TestListsByTheProtocol(t *testing.T) {
	var a asked
	server, _ := child(t, &a)
	p := &named{operations: map[string]int{}}
	client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges()), func(o *kinesis.Options) {
		p.ClientProtocol, o.Protocol = o.Protocol, p
	})
	if n, _ := readChild(t, client); n != 1 || p.operations["ListShards"] != 1 {
		t.Errorf("%d user records; it has read %v", n, p.operations)
	}
}
