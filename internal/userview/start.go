package userview

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/kplkit/kplkit/internal/kinesisjson"
	"github.com/kplkit/kplkit/internal/position"
	"github.com/kplkit/kplkit/seqnum"
)

// maxIterator is how many characters the API lets a shard iterator have.
const maxIterator = 512

// join returns an iterator with f in front. Where that would be too long it goes without the names, so that nothing is
// dropped by hash ranges, and where --limit strict leaves a rest, it comes by an iterator that grows old.
func join(f position.Front, iterator string) string {
	text := position.OfProxy.Join(f, iterator)
	if len(text) > maxIterator {
		f.Stream, f.Shard = "", ""
		text = position.OfProxy.Join(f, iterator)
	}
	return text
}

func (x *call) getShardIterator() error {
	after, err := x.start(&x.request, "ShardIteratorType", "StartingSequenceNumber")
	if err != nil {
		return err
	}
	f := position.Front{After: after}
	if x.named() {
		f.Shard, _ = x.request.Text("ShardId")
		f.Stream, _ = x.request.Text("StreamName")
		if arn, ok := x.request.Text("StreamARN"); ok {
			f.Stream = arn
		}
	}
	x.Answer = func(answer *http.Response) error {
		body, err := x.whole(answer)
		if err != nil {
			return err
		}
		o, err := kinesisjson.ReadObject(body)
		if err != nil && f != (position.Front{}) {
			x.release(body)
			return x.answerError(err)
		}
		if iterator, ok := o.Text("ShardIterator"); ok && err == nil {
			if ours := join(f, iterator); ours != iterator {
				o.SetText("ShardIterator", ours)
				body = x.instead(body, o.AppendTo(nil))
			}
		}
		x.replace(answer, body)
		return nil
	}
	return nil
}

func (x *call) subscribeToShard() error {
	arn, _ := x.request.Text("ConsumerARN")
	stream, _, _ := strings.Cut(arn, "/consumer/")
	shard, _ := x.request.Text("ShardId")
	f := position.Front{Stream: stream, Shard: shard}
	if at, ok := x.request.Object("StartingPosition"); ok {
		var err error
		if f.After, err = x.start(&at, "Type", "SequenceNumber"); err != nil {
			return err
		}
	}
	x.Answer = func(answer *http.Response) error {
		x.stream(answer, f)
		return nil
	}
	return nil
}

// start puts a position that AWS knows in the place of the client's, which at holds, and returns what has to be skipped.
func (x *call) start(at *kinesisjson.Object, kind, number string) (seqnum.Extended, error) {
	var s position.Start
	s.Kind, _ = at.Text(kind)
	if text, ok := at.Text(number); ok {
		s.Number = &text
	}
	asked := new(time.Time) // stands for the client's, which stays as it is
	if at.Raw("Timestamp") != nil {
		s.Time = asked
	}
	to, err := s.Resolve()
	switch {
	case err != nil:
		return seqnum.Extended{}, invalidArgument(err)
	case to.Kind == s.Kind && (to.Number == s.Number || *to.Number == *s.Number):
		return to.After, nil
	}
	at.SetText(kind, to.Kind)
	if at.Delete(number); to.Number != nil {
		at.SetText(number, *to.Number)
	}
	switch {
	case to.Time == nil:
		at.Delete("Timestamp")
	case to.Time == asked:
	case x.Header.Get("Smithy-Protocol") != "":
		return seqnum.Extended{}, invalidArgument(errors.New("AT_TIMESTAMP:MILLISECONDS can't be asked for in this protocol: set Timestamp"))
	default:
		at.SetMilliseconds("Timestamp", to.Time.UnixMilli())
	}
	if x.Operation == "SubscribeToShard" {
		x.request.SetObject("StartingPosition", *at)
	}
	x.Body = x.request.AppendTo(nil)
	return to.After, nil
}
