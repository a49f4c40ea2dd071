package interop

// deviation is where an emulator is known not to do what AWS does.
type deviation struct{ does, reason string }

// notAsked, as what it does, is a case that an emulator is spared.
const notAsked = "not asked"

// deviations are listed by emulator and case.
var deviations = map[string]map[string]deviation{
	"kinesis-mock": {
		"CreateStream: name with a space":                    {invalid, ownValidation},
		"CreateStream: no shards":                            {"LimitExceededException", ownValidation},
		"ListStreams: Limit 1, by name":                      {"stream-001 more true", "it ignores ExclusiveStartStreamName"},
		"PutRecord: empty partition key":                     {invalid, ownValidation},
		"PutRecord: partition key of 257 characters":         {invalid, ownValidation},
		"PutRecord: explicit hash key with a leading zero":   {invalid, ownValidation},
		"PutRecord: explicit hash key that is not a number":  {"UnknownError", "it fails, without an error code"},
		"PutRecords: 501 entries":                            {"0 1 0 1", "it does not count entries"},
		"PutRecords: no entries":                             {nothing, "it does not count entries"},
		"PutRecords: more than 10 MiB":                       {notAsked, "records of 1 MiB take it seconds"},
		"GetShardIterator: sequence number of another shard": {nothing, "it does not look at the shard that a sequence number names"},
		"GetShardIterator: sequence number that is none":     {invalid, ownValidation},
		"GetShardIterator: type that does not exist":         {"SerializationException", ownValidation},
		"GetRecords: Limit 0":                                {invalid, ownValidation},
		"GetRecords: Limit 10,001":                           {invalid, ownValidation},
		"GetRecords: iterator that is none":                  {"UnknownError", "it fails, without an error code"},
		"GetRecords: at most 10 MiB, of 12 records of 1 MiB": {notAsked, "records of 1 MiB take it seconds"},
		"SplitShard: at the shard's first hash key":          {"0 closed, 1, 2 of 0, 3 of 0", "it makes a shard without hash keys"},
		"SplitShard: hash key with a leading zero":           {invalid, ownValidation},
		"MergeShards: first number of the child":             {"that of a parent", "it gives a merged shard the StartingSequenceNumber of a parent"},
		"ListShards: filter AT_TRIM_HORIZON":                 {"0 closed, 1, 2 of 0, 3 of 0", "it lists children that did not exist then"},
		"DeregisterStreamConsumer: the consumer is gone":     {never, "a deregistered consumer is still described 5 seconds later"},
		"SubscribeToShard: records from TRIM_HORIZON":        {unreadable, noInitialResponse},
		"SubscribeToShard: unknown shard":                    {unreadable, noInitialResponse},
		"SubscribeToShard: twice at once":                    {unreadable, noInitialResponse},
	},
	"ferrokinesis": {
		"DescribeStream: Limit 2 of 3 shards, then the rest": {"0, 1, 2 more false; 0, 1, 2 more false", "it ignores Limit and ExclusiveStartShardId"},
		"PutRecord: partition key of 256 characters":         {validation, "it counts bytes"},
		"PutRecord: explicit hash key with a leading zero":   {"shard 0", "it takes numbers with leading zeros"},
		"PutRecords: more than 10 MiB":                       {notAsked, "it hangs up on a request that large, sometimes before it has answered"},
		"GetRecords: at most 10 MiB, of 12 records of 1 MiB": {"false", "it does not add up sizes"},
		"GetRecords: end of a split shard":                   {"1 2; no next iterator; children ", noChildShards},
		"GetRecords: end of a merged shard":                  {"1 2; no next iterator; children ", noChildShards},
		"SplitShard: hash key with a leading zero":           {"0 closed, 1, 2 of 0, 3 of 0", "it takes numbers with leading zeros"},
		"ListShards: filter AT_LATEST":                       {"0 closed, 1, 2 of 0, 3 of 0", noFilters},
		"ListShards: filter AT_TRIM_HORIZON":                 {"0 closed, 1, 2 of 0, 3 of 0", noFilters},
		"ListShards: filter AFTER_SHARD_ID":                  {"0 closed, 1, 2 of 0, 3 of 0", noFilters},
		"ListShards: filter AFTER_SHARD_ID without a shard":  {"0 closed, 1, 2 of 0, 3 of 0", noFilters},
		"ListShards: pages of 2":                             {notFound, "its NextToken does not work without a stream name"},
		"SubscribeToShard: twice at once":                    {accepted, "it allows any number of subscriptions"},
	},
}

// Reasons that recur.
const (
	ownValidation     = "it checks by itself what AWS's protocol layer checks, and refuses with another code"
	noChildShards     = "its last GetRecords of a closed shard has no ChildShards, without which KCL 2.x and 3.x never end the shard"
	noFilters         = "it ignores ShardFilter"
	noInitialResponse = "its event stream does not begin with the initial-response frame that the Go SDK waits for"
)
