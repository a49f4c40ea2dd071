package userview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/kplkit/kplkit/internal/kinesisjson"
	"github.com/kplkit/kplkit/internal/position"
	"github.com/kplkit/kplkit/seqnum"
)

// maxRecords is how many records Kinesis puts into an answer, at most and if nothing is said.
const maxRecords = 10_000

// reading is a call of GetRecords.
type reading struct {
	*call
	*batch
	front    position.Front
	iterator string   // upstream's
	limit    int      // the client's
	out      [][]byte // buffers that are written, the last one perhaps not to its end
}

func (x *call) getRecords() error {
	text, _ := x.request.Text("ShardIterator")
	f, iterator, err := position.OfProxy.Split(text)
	if err != nil {
		return invalidArgument(err)
	}
	r := &reading{call: x, front: f, iterator: iterator, limit: maxRecords}
	if limit, ok := x.request.Int("Limit"); ok {
		r.limit = int(min(max(limit, 1), maxRecords)) // any other is an error, upstream's
	}
	if iterator != text {
		x.request.SetText("ShardIterator", iterator)
		if f.AtOnce > 0 && f.AtOnce < r.limit && x.limited() {
			x.request.SetInt("Limit", int64(f.AtOnce))
		}
		x.Body = x.request.AppendTo(nil)
	}
	x.Answer = r.answer
	return nil
}

// limited reports whether the client's Limit is one that upstream takes.
func (x *call) limited() bool {
	limit, ok := x.request.Int("Limit")
	return ok && limit >= 1 && limit <= maxRecords || x.request.Raw("Limit") == nil
}

// answer puts user records into upstream's answer.
func (r *reading) answer(answer *http.Response) error {
	ctx := answer.Request.Context()
	body, err := r.whole(answer)
	if err != nil {
		return err
	}
	if r.batch, _ = r.batches.Get().(*batch); r.batch == nil {
		r.batch = new(batch)
	}
	defer func() {
		r.release(r.data)
		r.forget()
		r.batches.Put(r.batch)
	}()
	if err = r.read(body, r.bounds.body, r.cfg.Digits, r.buffer); err == nil && r.unchanged() {
		r.Metrics.UserRecords.Add(uint64(len(r.stored)))
		r.Metrics.StoredRecords.Add(uint64(len(r.stored)))
		r.replace(answer, body)
		return nil
	}
	defer r.release(body) // all that is read of it stands in it
	if err == nil {
		err = r.change(ctx, len(body))
	}
	if err != nil {
		for _, b := range r.out {
			r.release(b)
		}
		return r.answerError(err)
	}
	r.replace(answer, r.out...)
	return nil
}

// change writes the user records of an answer of so many bytes.
func (r *reading) change(ctx context.Context, size int) error {
	var w kinesisjson.Writer
	if err := r.piece(&w, min(size+size/4, pieceSize)); err != nil {
		return err
	}
	w.Begin(&r.in, r.out[0])
	later := r.prepare(ctx, &r.decoder, r.front, r.stored)
	b := writing{batch: r.batch, Writer: &w, users: r.users(0), bytes: r.bounds.answer}
	b.more = func(n int) error { return r.piece(&w, max(n, pieceSize)) }
	done, err := b.write(r.Metrics)
	switch {
	case err != nil:
	case done:
		r.next(later)
	default:
		r.rest(ctx, b.after)
	}
	r.keep(w.End(&r.in.Object))
	return err
}

// piece has w write into a buffer of n bytes from now on.
func (r *reading) piece(w *kinesisjson.Writer, n int) error {
	b := r.buffer(n)
	if b == nil {
		return errBusy
	}
	if written := w.Take(b); len(r.out) > 0 {
		r.keep(written)
	}
	r.out = append(r.out, b)
	return nil
}

// keep takes the last buffer back as it was written, or another in its place, since it had to grow.
func (r *reading) keep(written []byte) {
	last := &r.out[len(r.out)-1]
	if cap(written) != cap(*last) {
		r.instead(*last, written)
	}
	*last = written
}

// unchanged reports whether the answer can pass as it came.
func (r *reading) unchanged() bool {
	next, _ := r.in.Text("NextShardIterator")
	return r.plain && r.front == (position.Front{}) && join(r.front, next) == next && len(r.stored) <= r.users(len(r.stored))
}

// users returns how many user records the answer may have, otherwise where that is not bounded.
func (r *reading) users(otherwise int) int {
	if r.cfg.StrictLimit {
		return r.limit
	}
	return otherwise
}

// next puts what is still to be known in front of the iterator for what comes after the answer.
func (r *reading) next(later position.Front) {
	iterator, ok := r.in.Text("NextShardIterator")
	if !ok {
		return // the shard has ended
	}
	if later.AtOnce *= 2; later.AtOnce >= r.limit || r.behind() == 0 {
		later.AtOnce = 0
	}
	if ours := join(later, iterator); ours != iterator {
		r.in.SetText("NextShardIterator", ours)
	}
}

func (r *reading) behind() int64 {
	ms, _ := r.in.Int("MillisBehindLatest")
	return ms
}

// rest makes the answer one that others follow, with the rest after a position first. What was asked for is asked for
// again, or, where stream and shard are known, by an iterator at the stored record of the rest, which does not expire
// early; and only for about as many stored records as an answer takes.
func (r *reading) rest(ctx context.Context, after seqnum.Extended) {
	f := r.front
	f.After, f.AtOnce = after, r.from+r.used
	iterator, err := r.iteratorAt(ctx, f, r.numbers.Sequence)
	if err != nil {
		iterator = r.iterator // good as long as it is, and nothing is lost
	} else {
		f.AtOnce = r.used + 1
	}
	f.AtOnce = min(f.AtOnce, maxRecords)
	r.in.SetText("NextShardIterator", join(f, iterator))
	r.in.SetInt("MillisBehindLatest", max(r.behind(), 1))
	r.in.Delete("ChildShards")
}

var errNoNames = errors.New("the iterator does not say of which shard it is")

const iteratorTime = 5 * time.Second

// iteratorAt asks upstream for an iterator at a stored record: a second request for one of the client's.
func (r *reading) iteratorAt(ctx context.Context, f position.Front, number string) (string, error) {
	if f.Stream == "" || f.Shard == "" {
		return "", errNoNames
	}
	o := kinesisjson.NewObject(r.in.Format())
	if strings.HasPrefix(f.Stream, "arn:") {
		o.SetText("StreamARN", f.Stream)
	} else {
		o.SetText("StreamName", f.Stream)
	}
	o.SetText("ShardId", f.Shard)
	o.SetText("ShardIteratorType", position.AtNumber)
	o.SetText("StartingSequenceNumber", number)
	ctx, cancel := context.WithTimeout(ctx, iteratorTime)
	defer cancel()
	answer, err := r.Send(ctx, "GetShardIterator", o.AppendTo(nil))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	switch {
	case err != nil:
		return "", err
	case answer.StatusCode != http.StatusOK:
		return "", fmt.Errorf("status %d", answer.StatusCode)
	}
	if o, err = kinesisjson.ReadObject(body); err != nil {
		return "", err
	}
	iterator, ok := o.Text("ShardIterator")
	if !ok {
		return "", fmt.Errorf("%w: no iterator", kinesisjson.ErrUnusual)
	}
	return strings.Clone(iterator), nil
}
