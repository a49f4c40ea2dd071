package kinesisfake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	fastjson "github.com/go-json-experiment/json" // records in base64: three times as fast as encoding/json
)

const (
	region    = "us-east-1"
	accountID = "000000000000"
)

// maxBody bounds a request: 10 MiB of data in base64, and what 500 entries may need around them.
const maxBody = 16 << 20

// Options are the settings of a Server. The zero value is a Kinesis that is as fast and as kind as it can be.
type Options struct {
	// Retention is how long a new stream keeps its records: 24 hours if zero.
	Retention time.Duration
	// StatusDelay is how long streams and consumers stay CREATING, UPDATING or DELETING. AWS takes seconds.
	StatusDelay time.Duration
	// RateLimits enforces a shard's documented rates: 1 MiB and 1,000 records a second in, 2 MiB and 5 GetRecords
	// calls a second out, and 2 MiB a second for each enhanced fan-out consumer.
	RateLimits bool
	// Fault, if set, is asked once for every well-formed request. It is called from many goroutines.
	Fault func(Request) Fault
}

// Server is a Kinesis. It is safe for concurrent use.
type Server struct {
	opts     Options
	open     context.Context // ends with Close
	close    context.CancelFunc
	requests atomic.Uint64

	mu      sync.Mutex // never held while waiting
	streams map[string]*stream
	born    int64 // the latest creation second of a deleted stream's shards: shards of new streams are younger
}

// New returns a Server without streams.
func New(opts Options) *Server {
	if opts.Retention == 0 {
		opts.Retention = 24 * time.Hour
	}
	s := &Server{opts: opts, streams: map[string]*stream{}}
	s.open, s.close = context.WithCancel(context.Background())
	return s
}

// Close ends all subscriptions and delayed requests; later requests get ServiceUnavailable.
func (s *Server) Close() { s.close() }

// operation is one operation of the API: an input to decode into, and what to do under the server's lock.
type operation struct {
	input func() any
	run   func(*Server, any) (any, error)
}

func handle[In any](run func(*Server, *In) (any, error)) operation {
	return operation{
		func() any { return new(In) },
		func(s *Server, in any) (any, error) { return run(s, in.(*In)) },
	}
}

var operations = map[string]operation{
	"CreateStream":                           handle((*Server).createStream),
	"DecreaseStreamRetentionPeriod":          handle((*Server).decreaseRetention),
	"DeleteStream":                           handle((*Server).deleteStream),
	"DeregisterStreamConsumer":               handle((*Server).deregisterStreamConsumer),
	"DescribeLimits":                         handle((*Server).describeLimits),
	"DescribeStream":                         handle((*Server).describeStream),
	"DescribeStreamConsumer":                 handle((*Server).describeStreamConsumer),
	"DescribeStreamSummary":                  handle((*Server).describeStreamSummary),
	"GetRecords":                             handle((*Server).getRecords),
	"GetShardIterator":                       handle((*Server).getShardIterator),
	"IncreaseStreamRetentionPeriod":          handle((*Server).increaseRetention),
	"ListShards":                             handle((*Server).listShards),
	"ListStreamConsumers":                    handle((*Server).listStreamConsumers),
	"ListStreams":                            handle((*Server).listStreams),
	"MergeShards":                            handle((*Server).mergeShards),
	"PutRecord":                              handle((*Server).putRecord),
	"PutRecords":                             handle((*Server).putRecords),
	"RegisterStreamConsumer":                 handle((*Server).registerStreamConsumer),
	"SplitShard":                             handle((*Server).splitShard),
	"SubscribeToShard":                       handle((*Server).subscribeToShard),
	"UpdateMaxRecordSize":                    handle((*Server).updateMaxRecordSize),
	"UpdateStreamMode":                       handle((*Server).updateStreamMode),
	"UpdateStreamRecordDistributionStrategy": handle((*Server).updateDistributionStrategy),
}

// ServeHTTP answers one request of the API. Where a fault breaks the connection it panics with
// http.ErrAbortHandler, as net/http asks for.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-amzn-RequestId", fmt.Sprintf("00000000-0000-4000-8000-%012x", s.requests.Add(1)))
	out, err := s.serve(r)
	if sub, ok := out.(*subscription); ok && err == nil {
		s.push(w, r, sub)
		return
	}
	s.reply(w, r, out, err)
}

// serve decodes a request, suffers its fault, and runs it.
func (s *Server) serve(r *http.Request) (any, error) {
	if s.open.Err() != nil {
		return nil, fail("ServiceUnavailable", "The server is closed.")
	}
	name, op, err := operationOf(r)
	if err != nil {
		return nil, err
	}
	in := op.input()
	if err := decode(r, in); err != nil {
		return nil, err
	}
	var fault Fault
	if s.opts.Fault != nil {
		fault = s.opts.Fault(Request{Operation: name, Host: r.Header.Get(HostHeader), input: in})
	}
	return s.suffer(r.Context(), fault, op, in)
}

func operationOf(r *http.Request) (string, operation, error) {
	target := r.Header.Get("X-Amz-Target")
	name, ours := strings.CutPrefix(target, "Kinesis_20131202.")
	op, known := operations[name]
	if r.Method != http.MethodPost || !ours || !known {
		return "", op, fail("UnknownOperationException", "%s", target)
	}
	if kind := r.Header.Get("Content-Type"); strings.Contains(kind, "cbor") {
		return "", op, fail("SerializationException",
			"Content type %s is not spoken here: switch CBOR off in the SDK and send application/x-amz-json-1.1.", kind)
	}
	return name, op, nil
}

func decode(r *http.Request, in any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		panic(http.ErrAbortHandler) // there is nobody to answer
	}
	if len(body) > maxBody {
		return fail("RequestEntityTooLargeException", "The request is larger than %d bytes.", maxBody)
	}
	if err := fastjson.Unmarshal(body, in); err != nil {
		return fail("SerializationException", "%v", err)
	}
	return nil
}

// locked runs an operation under the lock.
func (s *Server) locked(op operation, in any) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return op.run(s, in)
}

// jsonAppender is an answer with large parts, which encodes itself.
type jsonAppender interface{ appendJSON([]byte) []byte }

func (s *Server) reply(w http.ResponseWriter, r *http.Request, out any, err error) {
	status := http.StatusOK
	if err != nil {
		status, out = http.StatusBadRequest, err
		if e := (*apiError)(nil); errors.As(err, &e) {
			status = e.status()
		}
	}
	var body []byte
	switch out := out.(type) {
	case nil: // operations without a result answer nothing at all
	case jsonAppender:
		body = out.appendJSON(nil)
	default:
		body, _ = json.Marshal(out) // our own structs of texts, numbers and bytes: it can't fail
	}
	if len(body) > onePiece {
		s.pauseOnSocket(r)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	w.Write(body) // an error means that the client has gone
}

// onePiece is the size of an answer that clients have read as soon as it starts.
const onePiece = 2 << 10

// pauseOnSocket waits before a long answer over a socket. The SDK for Go closes its request's body when the answer
// starts; net/http may then still be looking for that body's end, take it for broken, and close the connection under
// the answer (smithy-go up to 1.28.9). The service is never fast enough for that to happen.
func (s *Server) pauseOnSocket(r *http.Request) {
	if r.Context().Value(http.ServerContextKey) != nil {
		s.sleep(r.Context(), 5*time.Millisecond)
	}
}
