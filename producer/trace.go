package producer

import "time"

// Trace is told what a Producer does, for metrics. What is nil is not told. Its functions are called by the producer's
// own goroutine, one after the other: they must return soon, and may call no method of the Producer. A panic in one is logged
// and goes no further. Functions may be added.
type Trace struct {
	// Attempt is told of each PutRecords request once it is over.
	Attempt func(Attempt)
	// Retry is told of user records that will be sent again, and why, unless they get too old meanwhile.
	Retry func(why Reason, userRecords int)
}

// Attempt is one PutRecords request.
type Attempt struct {
	StoredRecords, UserRecords int // that were sent, the refused ones too; their ratio is the aggregation ratio
	Bytes                      int // data and partition keys
	Failed                     int // stored records that the answer refuses, all of them if Err is set
	Latency                    time.Duration
	Err                        error // of the whole request
}

// Reason is why something is sent again.
type Reason string

// Reasons.
const (
	Throttled   Reason = "throttled"   // a shard or the service has no capacity left
	Internal    Reason = "internal"    // an error of the service's own
	Timeout     Reason = "timeout"     // no answer in time: it may be stored
	Network     Reason = "network"     // the connection broke: it may be stored
	Credentials Reason = "credentials" // expired, or signed with a wrong clock
	Isolated    Reason = "isolated"    // the request was refused as a whole: each stored record is tried alone
	// RequestTooLarge is HTTP 413, of a proxy mostly: requests hold less from now on.
	RequestTooLarge Reason = "request too large"
	WrongShard      Reason = "wrong shard" // an aggregate landed where not all of its user records belong
)

// asWhole tells whether a request was refused for what it is: a stored record that was in it may be taken alone.
func (r Reason) asWhole() bool { return r == Isolated || r == RequestTooLarge }
