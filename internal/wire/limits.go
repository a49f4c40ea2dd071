package wire

// What a stream takes as one record, data and partition key together, in bytes (source: PutRecord in the Kinesis API
// reference).
const (
	UsualRecord   = 1 << 20  // unless it is set to more
	LargestRecord = 10 << 20 // the most it can be set to
)
