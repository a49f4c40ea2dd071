package deaggaws

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// Reading an answer costs the SDK more than taking its aggregates apart costs us. So the protocol around the client's reads
// the usual answer of GetRecords itself, in one pass and into the same output. Whatever is not usual (a damaged answer, an
// error, the end of a shard) it hands on to the SDK's as it came.

// WithSDKReader leaves the reading of answers to the SDK's own protocol, as it is for a client with a protocol of its own. The
// same comes out, for two to four times the CPU time: use it to find out whether a fault is this package's. Once it is applied, to
// a client or to a call, it holds.
func WithSDKReader() Option { return func(d *deaggregation) { d.sdkReads = true } }

type readKey struct{}

// withReader marks the context of a call of GetRecords whose answer may be read here.
func withReader(ctx context.Context) context.Context {
	return middleware.WithStackValue(ctx, readKey{}, true)
}

func readsHere(ctx context.Context) bool {
	return middleware.GetStackValue(ctx, readKey{}) != nil
}

// maxAnswer is more than any answer of Kinesis has: 10 MiB of data as base64, and what 10,000 records have besides. A longer
// one is the SDK's.
const maxAnswer = 24 << 20

// answer is the memory in which an answer is read. Nothing that the caller gets shares it.
type answer struct {
	body   []byte
	parsed kinesisjson.Answer
}

var answers = sync.Pool{New: func() any { return new(answer) }}

// readAnswer reads the answer r to out, or has the SDK read it there. Each attempt of a call has the same out: it begins anew.
func readAnswer(r *smithyhttp.Response, out *kinesis.GetRecordsOutput, bySDK func() error) error {
	*out = kinesis.GetRecordsOutput{}
	a := answers.Get().(*answer)
	defer func() {
		if cap(a.body) <= maxAnswer { // else what one answer took would stay
			answers.Put(a)
		}
	}()
	rest := a.receive(r)
	if rest == nil && a.fill(out) {
		return nil
	}
	was := r.Body
	defer func() { r.Body = was }()
	r.Body = again{io.MultiReader(bytes.NewReader(a.body), cmp.Or(rest, io.Reader(http.NoBody))), was}
	return bySDK()
}

// again is a body that was read, from its beginning.
type again struct {
	io.Reader
	io.Closer
}

// receive reads the body of r. It returns what follows: nil at its end, else the error, or what is beyond maxAnswer.
func (a *answer) receive(r *smithyhttp.Response) (rest io.Reader) {
	const atOnce = 4 << 20 // a length is only what somebody says
	a.body = slices.Grow(a.body[:0], int(min(max(r.ContentLength, 0), atOnce))+bytes.MinRead)
	for {
		if len(a.body) == cap(a.body) {
			if len(a.body) > maxAnswer {
				return r.Body
			}
			a.body = slices.Grow(a.body, min(len(a.body), maxAnswer)+bytes.MinRead)
		}
		n, err := r.Body.Read(a.body[len(a.body):cap(a.body)])
		a.body = a.body[:len(a.body)+n]
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return failing{err}
		}
	}
}

// failing is a reader that fails as the one before it did.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// fill fills out, if the answer is usual. If not, out stays empty.
func (a *answer) fill(out *kinesis.GetRecordsOutput) bool {
	p := &a.parsed
	if kinesisjson.FormatOf(a.body) != kinesisjson.JSON || p.Read(a.body, maxAnswer) != nil || p.Raw("ChildShards") != nil {
		return false
	}
	var records []types.Record
	if p.Records != nil {
		records = make([]types.Record, len(p.Records))
	}
	for i := range records {
		if !fillRecord(&records[i], &p.Records[i]) {
			return false
		}
	}
	out.Records = records
	if next, ok := p.Text("NextShardIterator"); ok {
		out.NextShardIterator = aws.String(strings.Clone(next))
	}
	if ms, ok := p.Int("MillisBehindLatest"); ok {
		out.MillisBehindLatest = &ms
	}
	return true
}

// held is what a record of the SDK points to. The texts share their memory.
type held struct {
	number, key string
	arrival     time.Time
}

// fillRecord makes r what from says. Its memory is its own, its data alone: to keep one record keeps no other.
func fillRecord(r *types.Record, from *kinesisjson.Record) bool {
	data, err := from.AppendData(make([]byte, 0, from.DataLen()))
	if err != nil {
		return false
	}
	n := len(from.SequenceNumber)
	var texts strings.Builder // of two texts of which one is empty, + makes no copy
	texts.Grow(n + len(from.PartitionKey))
	texts.WriteString(from.SequenceNumber)
	texts.WriteString(from.PartitionKey)
	h := &held{number: texts.String()[:n], key: texts.String()[n:]}
	r.Data, r.SequenceNumber, r.PartitionKey = data, &h.number, &h.key
	switch e := types.EncryptionType(from.EncryptionType); e {
	case "":
	case types.EncryptionTypeKms:
		r.EncryptionType = types.EncryptionTypeKms
	case types.EncryptionTypeNone:
		r.EncryptionType = types.EncryptionTypeNone
	default:
		r.EncryptionType = types.EncryptionType(strings.Clone(from.EncryptionType))
	}
	if from.ArrivalTime == nil {
		return true
	}
	ms, ok := from.ArrivalMilliseconds()
	h.arrival = time.UnixMilli(ms).UTC()
	r.ApproximateArrivalTimestamp = &h.arrival
	return ok
}
