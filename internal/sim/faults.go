package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// Faults is what a world does to the requests of its hosts, to Kinesis and to DynamoDB alike. Rates are probabilities
// per request, from 0 to 1. The zero value is a world without faults.
type Faults struct {
	MinLatency, MaxLatency time.Duration // each way, besides a jitter below a millisecond

	Drop         float64 // the request is lost: it does not happen, the connection breaks
	LoseResponse float64 // it happens, the connection breaks
	Duplicate    float64 // it happens twice, the first answer comes back
	Throttle     float64 // the service refuses it: throughput or limit exceeded
	Errors       []Error // other refusals

	Slow []Slow // operations that take long now and then

	FailEntry float64 // of each entry of a PutRecords request: it fails, the others do not
	Cut       float64 // of each subscription: it breaks within its first minute

	StatusDelay time.Duration // how long splits, merges and new streams take
	RateLimits  bool          // shards have their documented rates
}

// Error is an error that the service answers instead of doing what it is asked.
type Error struct {
	Operation string // such as "GetRecords"; "" for all
	Code      string // such as "ExpiredIteratorException"
	Rate      float64
}

// Slow is an operation that takes long.
type Slow struct {
	Operation string
	Rate      float64
	Longest   time.Duration // on the way there, besides the latency
}

// Usual returns faults that let a patient client get its work done, and a careless one not.
func Usual() Faults {
	return Faults{
		MinLatency: 2 * time.Millisecond, MaxLatency: 40 * time.Millisecond,
		Drop: 0.02, LoseResponse: 0.03, Duplicate: 0.01, Throttle: 0.03,
		Errors: []Error{
			{"", "InternalFailure", 0.01},
			{"GetRecords", "ExpiredIteratorException", 0.02},
		},
		FailEntry: 0.02, Cut: 0.1,
		StatusDelay: 2 * time.Second,
	}
}

// fate is what befalls one request.
type fate struct {
	there, back time.Duration // on the way
	outcome     outcome
	code        string        // of outcome refused
	silent      bool          // no answer ever comes
	cut         time.Duration // when its subscription breaks; never if 0
	jitter      *rand.Rand    // for the parts of a subscription
}

type outcome string

const (
	passed       outcome = ""
	dropped      outcome = "dropped"
	refused      outcome = "refused"
	duplicated   outcome = "duplicated"
	lostResponse outcome = "response lost"
)

// draw decides the fate of a request.
func (f *Faults) draw(rnd *rand.Rand, operation string) fate {
	latency := func() time.Duration {
		span := max(0, f.MaxLatency-f.MinLatency)
		return f.MinLatency + time.Duration(rnd.Int64N(int64(span)+1)) + time.Duration(rnd.Int64N(int64(time.Millisecond)))
	}
	d := fate{there: latency(), back: latency(), jitter: rnd}
	d.outcome, d.code = f.outcome(rnd.Float64(), operation)
	if rnd.Float64() < f.Cut {
		d.cut = time.Duration(rnd.Int64N(int64(time.Minute)))
	}
	for _, s := range f.Slow {
		if s.Operation == operation && rnd.Float64() < s.Rate {
			d.there += time.Duration(rnd.Int64N(int64(s.Longest)))
		}
	}
	return d
}

// outcome maps a number from 0 to 1 to one outcome: they exclude each other.
func (f *Faults) outcome(roll float64, operation string) (outcome, string) {
	below := func(rate float64) bool {
		roll -= rate
		return roll < 0
	}
	switch {
	case below(f.Drop):
		return dropped, ""
	case below(f.LoseResponse):
		return lostResponse, ""
	case below(f.Duplicate):
		return duplicated, ""
	case below(f.Throttle):
		return refused, throttling(operation)
	}
	for _, e := range f.Errors {
		if (e.Operation == "" || e.Operation == operation) && below(e.Rate) {
			return refused, e.Code
		}
	}
	return passed, ""
}

// throttling is the code with which Kinesis and DynamoDB throttle an operation.
func throttling(operation string) string {
	switch operation {
	case "ListShards", "DescribeStream", "DescribeStreamSummary", "ListStreams", "SubscribeToShard",
		"RegisterStreamConsumer", "DescribeStreamConsumer", "CreateTable", "DescribeTable":
		return "LimitExceededException"
	}
	return "ProvisionedThroughputExceededException"
}

// failEntries is the fault that only the Kinesis itself can bring about.
func (w *World) failEntries(r kinesisfake.Request) (fault kinesisfake.Fault) {
	if r.Operation != "PutRecords" || r.Host == "" || w.faults.FailEntry == 0 {
		return fault
	}
	body := r.Body()
	var put struct{ Records []struct{} }
	_ = json.Unmarshal(body, &put) // the server has just read it
	rnd, _ := w.generatorFor(r.Host, "entries", body)
	fault.FailEntries = map[int]string{}
	for i := range put.Records {
		if rnd.Float64() < w.faults.FailEntry {
			fault.FailEntries[i] = "ProvisionedThroughputExceededException"
		}
	}
	return fault
}

// generatorFor returns the generator for a request, and a short mark of host, operation and body for the trace.
func (w *World) generatorFor(host, operation string, body []byte) (*rand.Rand, [4]byte) {
	if w.large {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.requests++
		return rand.New(rand.NewPCG(w.Seed, w.requests)), [4]byte{}
	}
	key := sha256.Sum256([]byte(host + "\x00" + operation + "\x00" + string(canonical(body))))
	w.mu.Lock()
	n := w.occurrences[key]
	w.occurrences[key]++
	w.mu.Unlock()
	return w.generator(binary.BigEndian.AppendUint64(key[:], n)), [4]byte(key[:])
}

func (w *World) generator(key []byte) *rand.Rand {
	seed := binary.BigEndian.AppendUint64(nil, w.Seed)
	return rand.New(rand.NewChaCha8(sha256.Sum256(append(seed, key...))))
}

// canonical makes a body independent of the order in which the SDK walks its maps.
func canonical(body []byte) []byte {
	v := jsontext.Value(append([]byte(nil), body...))
	if v.Canonicalize() != nil {
		return body
	}
	return v
}
