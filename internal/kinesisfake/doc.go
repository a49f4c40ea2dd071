// Package kinesisfake is a Kinesis in one process: an http.Handler that speaks the service's JSON 1.1 protocol and
// event streams, so that the AWS SDK for Go talks to it over sockets or, by Transport, without any.
//
// It has what readers of a stream stumble over: sequence numbers of version 2 that name their shard, splits and
// merges with lineage, shard iterators that expire, retention, enhanced fan-out, service-managed streams, the
// service's limits and errors, and faults on demand. All time is the time package's, so that it runs in a
// testing/synctest bubble (make the Server inside it); the same calls at the same instants get the same answers.
//
// # Where it differs from AWS
//
//   - Any credentials are accepted, and none; region and account are always us-east-1 and 000000000000.
//   - Streams, consumers, splits and merges are ready at once unless Options.StatusDelay is set; rates are unlimited
//     unless Options.RateLimits is set; limits of calls per second to the control plane are never enforced.
//   - Changes of mode, record size, retention and distribution never make a stream UPDATING.
//   - Over a socket, answers of more than 2 KiB and subscriptions start five milliseconds late: a client that is
//     answered faster than any service can may break the connection itself (see pauseOnSocket).
//   - Records of one PutRecords request keep their order in each shard. AWS does not promise that.
//   - The last records of a closed shard come with ChildShards and without a NextShardIterator; AWS may take one more
//     empty answer for that.
//   - A stream for records of up to 1 MiB takes 5 MiB in a PutRecords request, as AWS had it until it allowed larger
//     records; one for larger records takes 10 MiB.
//   - AUTO places records on the open shards in turn. AWS does not say how it places them.
//   - A Timestamp before 1970 is refused. The SDK for Go sends one for a time from 2262 to 2554, and for the year 9999.
//   - CBOR is refused with SerializationException. Operations about tags, encryption, monitoring, policies, channels,
//     account settings, warm throughput and UpdateShardCount are unknown to it.
package kinesisfake
