// Package producer puts records into a Kinesis stream in the KPL's format, and leaves none behind a reshard.
//
//	p, err := producer.New(client, "orders")
//	err = p.Put(ctx, producer.Record{PartitionKey: "customer-7", Data: data}, func(r producer.Record, res producer.Result) {
//		// called once: res.Err, or res.ShardID and res.Position
//	})
//	err = p.Close(ctx) // sends what is left
//
// It is a minimal aggregating producer: user records that belong to one shard share a stored record, stored records
// share a request, what fails is sent again until it is too old.
//
// # Guarantees
//
// Every record that Put or TryPut took gets exactly one result. A result without an error means that the record is
// stored, and that every consumer finds it: also the Java KCL, which drops an aggregate whole if one of its user
// records lies outside the shard's range of hash keys. So an aggregate is acknowledged as a whole or sent again as a
// whole (docs/policies.md says what others lose). A result with an error can still mean that the record is stored,
// since an answer may have been lost; for the same reason, a record may be stored twice.
//
// On a stream in order no record gets too old, since Put waits: it takes no more for a shard than that stores in half the
// time to live. Several goroutines may put: a shard that gets more than its rate leaves room for the others.
//
// A program that is frozen or ended without notice, as a Lambda function is, has to call Flush before (docs/producing.md).
//
// User records of one partition key are stored in the order of their Puts as long as nothing has to be sent again, or
// always with [WithStrictOrder].
//
// # How it works
//
// The state belongs to one goroutine, the loop. All others leave something in its mailbox and wake it.
//
//	callers of Put ---records---> loop ----batches---> senders (one per PutRecords request under way)
//	                               ^ |                    |
//	                  lister ------+ +---results---+      +---answers---> loop
//	     (ListShards, DescribeStreamSummary)       v
//	                                           deliverer: calls done, one after the other, without a lock
//
// The loop has a lane per open shard: an aggregate that is being filled, and stored records that wait for a request.
// A lane has one request under way at a time. When a lane is due, the others travel with it. When shards come and go, what
// waits moves to the lanes of the new shards.
// While the shards of a new Producer are listed, records wait for that, for the linger time at most; then they go plain.
//
// # Attempts and tries
//
// An [Attempt] is one PutRecords request, with all that is in it: [Trace] is told of each. A [Try] is the same request as one user
// record has seen it: [Result.Tries] yields those that the record was part of, and Result.Attempts is how many there were.
//
// # Compatibility
//
// Options may be added, and fields to Result, Attempt, Trace and RefusedError. What an error says in words may change; test its
// kind. The format is the aggregator's.
package producer
