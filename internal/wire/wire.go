// Package wire holds the facts of the KPL's aggregated record that both its reader and its writer need:
// the header, the protobuf field numbers and the marks that tell who wrote an aggregate.
//
//	F3 89 9A C2 | protobuf AggregatedRecord | MD5 of the protobuf bytes
//
// Source: the KPL's published format and the captures of KPL 0.12.11, 0.14.13 and 1.0.7 in testdata.
package wire

// Magic opens every aggregated record.
const Magic = "\xf3\x89\x9a\xc2"

// DigestSize is the length of the MD5 that closes an aggregated record.
const DigestSize = 16

// Overhead is what an aggregated record is longer than its protobuf bytes.
const Overhead = len(Magic) + DigestSize

// Field numbers of message AggregatedRecord.
const (
	PartitionKeyTable    = 1
	ExplicitHashKeyTable = 2
	Records              = 3
)

// Field numbers of message Record.
const (
	PartitionKeyIndex    = 1
	ExplicitHashKeyIndex = 2
	Data                 = 3
	Tags                 = 4
)

// Field numbers of message Tag.
const (
	TagKey   = 1
	TagValue = 2
)

// MarkKPL and MarkKplkit are the outer partition keys by which an aggregate tells its writer. Both writers store
// a user record again that landed in a shard it does not belong to; nobody else may use these keys.
const (
	MarkKPL    = "a"
	MarkKplkit = "kplkit"
)
