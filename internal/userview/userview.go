// Package userview is what clients of the proxy see: user records, where the stream stores aggregates. It changes calls
// that read a shard on their way upstream, and their answers on the way back: positions inside aggregates are taken, and
// answers have user records, in JSON and in CBOR, numbered as deaggaws numbers them.
//
// It keeps nothing between calls: what has to be skipped travels in front of the shard iterator, in a subscription in its
// positions. An answer that would become too large, or has more user records than --limit strict lets it have, is cut
// between two user records; the rest comes by the same stored record again.
//
// What it can't read it does not pass on, since aggregates would be taken for data: the client gets an error that its SDK
// tries again, and the log says why.
package userview

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/kinesisjson"
	"github.com/kplkit/kplkit/internal/lineage"
	"github.com/kplkit/kplkit/internal/position"
	"github.com/kplkit/kplkit/internal/proxy"
)

// Config says how clients see a stream. Log may not be nil.
type Config struct {
	Digits      bool             // positions are 65 digits, as deaggaws.WithDigitPositions has them
	StrictLimit bool             // an answer has no more user records than the client's Limit
	Shards      *lineage.Streams // drops what its writer stores again, as deaggaws.WithHashRanges does; nil: nothing is dropped
	Log         *slog.Logger
}

// View changes calls. It is safe for concurrent use.
type View struct {
	cfg    Config
	bounds bounds
	held   atomic.Int64 // bytes of answers and events
	warned atomic.Int64 // when an unusual answer was last logged, in nanoseconds since 1970

	buffers [kinds]sync.Pool // of *[]byte, that were released
	batches sync.Pool        // of *batch
}

// bounds are how much memory an answer and all of them take, in bytes.
type bounds struct {
	body   int   // of an answer as it comes: 10 MiB of data in base64, and what stands around it
	answer int   // to the client, but one record at least
	event  int   // of a subscription to the client, but one record at least
	all    int64 // of answers and events, as they come and to clients, at a time
}

// New returns a View.
func New(cfg Config) *View {
	return &View{cfg: cfg, bounds: bounds{body: 32 << 20, answer: 64 << 20, event: 8<<20 - 64<<10, all: 1 << 30}}
}

// named says whether iterators have to name their stream and shard.
func (v *View) named() bool { return v.cfg.Shards != nil || v.cfg.StrictLimit }

// Change is a proxy.Config's.
func (v *View) Change(_ context.Context, c *proxy.Call) error {
	request, err := kinesisjson.ReadObject(c.Body)
	if err != nil { // no SDK sends such a thing, and AWS may read another position in it
		return &proxy.Error{Status: http.StatusBadRequest, Code: "SerializationException",
			Message: "kplkit proxy: the request is not in a form that an SDK sends", Cause: kinesisjson.ErrUnusual}
	}
	x := &call{View: v, Call: c, request: request}
	switch c.Operation {
	case "GetShardIterator":
		return x.getShardIterator()
	case "GetRecords":
		return x.getRecords()
	case "SubscribeToShard":
		return x.subscribeToShard()
	}
	return nil
}

// call is a call on its way.
type call struct {
	*View
	*proxy.Call
	request kinesisjson.Object
}

// invalidArgument is AWS's error for a position that is none.
func invalidArgument(err error) error {
	return &proxy.Error{Status: http.StatusBadRequest, Code: "InvalidArgumentException", Message: "kplkit proxy: " + err.Error()}
}

// prepare makes d ready for a batch that is read with f, and returns what later batches have to skip.
func (x *call) prepare(ctx context.Context, d *deagg.Decoder, f position.Front, batch []deagg.StoredRecord) (later position.Front) {
	d.Reset()
	later = f
	if len(batch) == 0 {
		return later
	}
	var wrong string
	if later.After, wrong = position.Skip(d, f.After, batch); wrong != "" {
		x.cfg.Log.WarnContext(ctx, wrong)
	}
	if x.cfg.Shards != nil {
		l := x.cfg.Shards.Shard(ctx, x.cfg.Log, f.Stream, f.Shard)
		d.HashRange, d.Ancestors = l.Own, l.Ancestors
	}
	return later
}

// answerError makes what the client sees of what an answer can't be changed for. It is tried again, since nothing of it
// is delivered, except where it can't get better.
func (x *call) answerError(err error) error {
	switch {
	case err == errBusy:
		return proxy.Unavailable(nil, busy)
	case errors.Is(err, position.ErrDigits):
		return &proxy.Error{Status: http.StatusBadRequest, Code: "ValidationException", Message: "kplkit proxy: " + err.Error()}
	case errors.Is(err, kinesisjson.ErrUnusual):
		x.unusual(err)
		return proxy.Unavailable(err, "Kinesis's answer is not in a form that it knows, and may hold aggregates")
	}
	return err
}

const warnEvery = time.Minute

// unusual counts an answer that can't be read, and logs one a minute.
func (x *call) unusual(err error) {
	x.Metrics.Unusual.Add(1)
	now, last := time.Now().UnixNano(), x.warned.Load()
	if now-last >= int64(warnEvery) && x.warned.CompareAndSwap(last, now) {
		x.cfg.Log.Warn("Kinesis's answer is not in a form that kplkit proxy knows: it is not passed on, since aggregates would be taken for data",
			"operation", x.Operation, "error", err)
	}
}
