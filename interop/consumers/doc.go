// Package consumers runs Go consumers of the field, unchanged, against kplkit local, and harlow/kinesis-consumer on a
// client with kplkit's de-aggregation. It is a module of its own, so that their dependencies stay out of kplkit's. Its
// test takes half a minute: harlow/kinesis-consumer looks for new shards that often.
package consumers
