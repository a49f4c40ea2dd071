// Package separate puts records through a process of its own: a child, which the program survives. When it crashes,
// hangs or is killed, it is started again and gets all that has no result yet.
//
//	p, err := separate.Start(ctx, separate.Config{Region: "us-east-1", Credentials: cfg.Credentials})
//	err = p.Put(ctx, "orders", producer.Record{PartitionKey: "customer-7", Data: data}, func(r producer.Record, res producer.Result) {
//		// called once: res.Err, or res.ShardID and res.Position
//	})
//	err = p.Close(ctx) // sends what is left, and ends the child
//
// The child is `kplkit daemon`, or the KPL's own native binary: both speak the KPL's pipe protocol
// (docs/separate-process.md). kplkit is asked through its standard input and output, the native binary through two FIFOs.
//
// # Guarantees
//
// Every record that Put took gets exactly one result, however often the child ends. A result without an error means
// that the child said that the record is stored. What the child had stored but not said so before it ended is stored
// twice. Records are sent to the child in the order of their Puts; after a restart what has no result yet is sent again in
// that order, before anything new.
//
// A record without a result after [Config].RecordTTL, counted from its Put, gets [producer.ErrExpired]: from the child, which
// knows why, or from the parent a tenth of that time later, 1 s at most. A later result of the child is ignored: the record
// may be stored all the same.
//
// # Errors
//
// The error of a result is of package producer's kinds, as far as the child says why: ErrExpired, ErrThrottled, ErrTooLarge,
// or ErrRefused, which is a *producer.RefusedError. Where the service has answered, its code is there as a smithy.APIError.
// Its Tries are the child's attempts, of which kplkit keeps 48. A name that no stream can have is a *producer.RefusedError of Put.
// A child that can't go on is a [ChildError], which the errors of results and of Put wrap.
//
// Package producer has more: PutSync, TryPut, a Trace, and the Position of each user record.
//
// # The child's life
//
// Any frame from the child is a sign of life. A child that sends none for 30 s while a question of the parent is open hangs, and is
// killed. A child that ended is started again at once, and if that does not help after waits that double from 100 ms to 5 s.
// Ten ends in a row without a result in between, with whatever exit code, are a crash loop: all outstanding records get a
// [ChildError] within their error, which says what the child said last, and so does every later Put. A first child that ends before it has
// answered, for example for a bad setting, is not started again: that is the error of Start.
//
// The child is in a process group of its own where the platform has them: Ctrl-C at the terminal does not reach it, so the
// program can still flush. When the program dies, the child sees the end of its input. kplkit then sends what it holds, for 4 s at
// most, and the native binary aborts. No signal is tied to the program's death, since it would take that time away.
//
// # How it works
//
//	callers of Put ---> book ---frames---> child      (one goroutine sends, in the book's order)
//	                    ^ | <---results---            (one reads)
//	       expire ------+ +---> deliver: calls done, one after the other, without a lock
//
// The book holds every record without a result, in the order of the Puts. A new child begins with the book's first.
package separate
