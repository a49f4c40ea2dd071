package recordio

import (
	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
)

// Record is one record of an input. Its strings and data are valid until the next one is read.
type Record struct {
	deagg.StoredRecord
	ShardID      string          // "" where the input has none
	HashRange    hashkey.Range   // of the shard; zero where the input has none, or none that can be read
	HasRange     bool            // the input has one
	Ancestors    []hashkey.Range // those that can be read, as far as HasAncestors
	HasAncestors bool
	File         string // the Source's Name
	Line         int    // where it begins there, from 1

	ExplicitHashKey string // "" where the input has none

	// UserLine says that it comes from something that takes aggregates apart: it has a sub-sequence number, or says
	// that it is not aggregated.
	UserLine bool

	// Finished says that the record was taken out of its aggregate before, and has what follows.
	Finished          bool
	SubSequenceNumber int64
	Last              bool
	Malformed         error // what was wrong with it, one of deagg's kinds, for one that is counted again

	memory *[]byte // of Data
}

// TakeData returns Data for good. The next records use the memory of spare.
func (r *Record) TakeData(spare []byte) []byte {
	*r.memory = spare[:0]
	return r.Data
}

// At returns err with the place of r, as a *LineError.
func (r *Record) At(err error) error { return &LineError{r.File, r.Line, err} }

// UserRecord returns a Finished record as the user record that it is. It shares the memory of r.
func (r *Record) UserRecord() deagg.UserRecord {
	u := deagg.UserRecord{
		SequenceNumber:    r.SequenceNumber,
		SubSequenceNumber: r.SubSequenceNumber,
		PartitionKey:      r.PartitionKey,
		ExplicitHashKey:   r.ExplicitHashKey,
		Data:              r.Data,
		ArrivalTime:       r.ArrivalTime,
		Aggregated:        true,
		Last:              r.Last,
	}
	if r.Malformed != nil {
		u.Malformed = &deagg.FormatError{SequenceNumber: u.SequenceNumber, SubSequenceNumber: u.SubSequenceNumber, Offset: -1, Err: r.Malformed}
	}
	return u
}

// field is what a key of a JSON object means in the forms that are read.
type field uint8

const (
	otherField field = iota
	sequenceNumberField
	subSequenceNumberField
	partitionKeyField
	partitionKeyBase64Field
	explicitHashKeyField
	explicitHashKeyBase64Field
	dataField
	arrivalField
	shardIDField
	eventIDField // of Lambda: SHARD-ID:SEQUENCE-NUMBER
	startingHashKeyField
	endingHashKeyField
	ancestorsField
	aggregatedField
	lastField
	malformedField
	envelopeField   // a JSON text, or an object, that holds records: see envelope.go
	batchStartField // of Lambda's KinesisBatchInfo: the first sequence number
	batchEndField   // and the last one
	streamField     // and the stream
	recordsField    // an array of records
	nestedField     // an object with more of the record's fields
	batchField      // the same, of records that are not there: KinesisBatchInfo
)

// fieldOf knows the keys of all forms: ours in snake_case, those of the Kinesis API, and those of Lambda's events.
func fieldOf(key []byte) field {
	switch string(key) {
	case "sequence_number", "SequenceNumber", "sequenceNumber":
		return sequenceNumberField
	case "sub_sequence_number", "subsequenceNumber", "subSequenceNumber":
		return subSequenceNumberField
	case "partition_key", "PartitionKey", "partitionKey":
		return partitionKeyField
	case "partition_key_base64":
		return partitionKeyBase64Field
	case "explicit_hash_key":
		return explicitHashKeyField
	case "explicit_hash_key_base64":
		return explicitHashKeyBase64Field
	case "data", "Data":
		return dataField
	case "approximate_arrival_timestamp", "ApproximateArrivalTimestamp", "approximateArrivalTimestamp":
		return arrivalField
	case "shard_id", "ShardId", "shardId":
		return shardIDField
	case "eventID":
		return eventIDField
	case "starting_hash_key":
		return startingHashKeyField
	case "ending_hash_key":
		return endingHashKeyField
	case "ancestor_ranges":
		return ancestorsField
	case "aggregated":
		return aggregatedField
	case "last":
		return lastField
	case "malformed":
		return malformedField
	case "payload", "requestPayload", "body", "Body", "Message":
		return envelopeField
	case "startSequenceNumber":
		return batchStartField
	case "endSequenceNumber":
		return batchEndField
	case "streamArn":
		return streamField
	case "Records", "records", "Messages":
		return recordsField
	case "kinesis", "kinesisRecordMetadata", "kinesisStreamRecordMetadata", "kinesisFirehoseRecordMetadata", "Sns":
		return nestedField
	case "KinesisBatchInfo":
		return batchField
	}
	return otherField
}

// fieldNames says of each field what messages call it.
var fieldNames = [...]string{
	sequenceNumberField: "the sequence number", subSequenceNumberField: "the sub-sequence number",
	partitionKeyField: "the partition key", partitionKeyBase64Field: "partition_key_base64",
	explicitHashKeyField: "explicit_hash_key", explicitHashKeyBase64Field: "explicit_hash_key_base64",
	dataField: "data", arrivalField: "the time of arrival", shardIDField: "the shard id", eventIDField: "eventID",
	startingHashKeyField: "starting_hash_key", endingHashKeyField: "ending_hash_key", ancestorsField: "ancestor_ranges",
	aggregatedField: "aggregated", lastField: "last", malformedField: "malformed", envelopeField: "the payload",
	batchStartField: "startSequenceNumber", batchEndField: "endSequenceNumber", streamField: "streamArn",
	recordsField: "records", nestedField: "kinesis", batchField: "KinesisBatchInfo",
}
