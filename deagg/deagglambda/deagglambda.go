// Package deagglambda makes a Lambda function on a Kinesis stream see user records where the stream stores aggregates of
// the Kinesis Producer Library (KPL). It takes one line:
//
//	lambda.Start(deagglambda.Handler(process)) // github.com/aws/aws-lambda-go/lambda
//
// process gets the user records of an event in order, one at a time. At the first error the answer names the stored record
// of that user record, the rest is not tried, and Lambda sends the stored record and all after it again.
//
// The event source mapping must have FunctionResponseTypes: ReportBatchItemFailures. Without it Lambda takes any answer for a
// success, and what failed is lost. An event does not say whether it is set.
//
// # What comes again
//
// Lambda knows stored records only, so what was done of the one that failed comes again; user records before it do not.
// With a Store (WithStore; package dynamostore has one in DynamoDB) each user record that succeeded is skipped when its
// stored record comes again, be it tried again, bisected, or brought back from an on-failure destination. A crash of the function
// between process and Save, such as a timeout, has what it did come again.
//
// Near the end of the function's time (in its last second, or tenth where that is less) Handler stops as at a failure, which keeps
// what is done.
//
// # Parallelization factor
//
// With a factor above 1 Lambda runs several batches of one shard at a time, each with partition keys of its own. A position
// for the whole shard then loses records: one batch moves it past what another has to try again. An event does not
// say the factor. Set PerKey for such a mapping: it keeps a position for each stored record's partition key, and writes that often.
// The KPL's aggregates all have the partition key "a".
//
// # Events
//
// An Event is read from Lambda's Kinesis event, from what EventBridge Pipes sends for a Kinesis stream, and from the object that
// an on-failure destination keeps in S3, which holds the event. An event of a tumbling window may have no
// records, and its state is the answer's state unless it is changed there: with a Store, what an attempt did before a panic is skipped the next time,
// and in no state. Events of Firehose are refused: it takes aggregates
// apart itself, and wants an answer for each record.
//
// # Compatibility
//
// The keys given to a Store stay as they are for as long as this module exists.
package deagglambda

import (
	"context"
	"errors"
	"log/slog"

	"github.com/kplkit/kplkit/deagg"
)

// Option sets up a Handler.
type Option func(*handler)

// WithStore has Handler keep in s what is done, so that a stored record that comes again goes on after it. nil is as if left out.
func WithStore(s Store) Option { return func(h *handler) { h.store = s } }

// PerKey keeps a position for each partition key of stored records, in place of one for the shard: for event source mappings
// whose ParallelizationFactor is above 1. It is of no effect without a Store.
func PerKey() Option { return func(h *handler) { h.perKey = true } }

// WithLogger sets where failures of process and of the Store are logged, and what is skipped: slog.Default() unless set. Data and
// partition keys are not logged, but for what the errors of process and of the Store say.
func WithLogger(l *slog.Logger) Option { return func(h *handler) { h.log = l } }

// Handler returns the function for lambda.Start. process is called with the user records of an event in order, one at a time. Their
// memory is the event's (deagg.UserRecord.Clone). A damaged aggregate comes whole, as one user record that is Malformed.
//
// The error of the function that it returns is for events in which nothing can be named that failed (ErrEvent), or options that
// are nil: Lambda then sends the whole event again. A panic of process passes through, after what was done is saved.
func Handler(process func(context.Context, deagg.UserRecord) error, opts ...Option) func(context.Context, Event) (Response, error) {
	h := &handler{process: process}
	if process == nil {
		h.err = errors.New("deagglambda: Handler without a function that processes user records")
	}
	for _, opt := range opts {
		if opt == nil {
			h.err = errors.New("deagglambda: an option of Handler is nil: leave it out")
			continue
		}
		opt(h)
	}
	return h.handle
}

// Response is what a function answers.
type Response struct {
	BatchItemFailures []BatchItemFailure `json:"batchItemFailures"` // none: all is done
	State             any                `json:"state,omitempty"`   // of a tumbling window
}

// BatchItemFailure names a stored record that has to come again, and all after it with it.
type BatchItemFailure struct {
	ItemIdentifier string `json:"itemIdentifier"` // its sequence number; for EventBridge Pipes its eventID
}
