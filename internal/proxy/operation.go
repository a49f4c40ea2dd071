package proxy

import (
	"net/http"
	"strings"
	"unicode"
)

const (
	targetPrefix = "Kinesis_20131202."                    // of X-Amz-Target, in JSON 1.1 and CBOR 1.1
	pathPrefix   = "/service/Kinesis_20131202/operation/" // in the newer rpc-v2-cbor
)

// operations are those of the API, and whether they only read. A new one is passed on, too, but is not known to read.
var operations = map[string]bool{
	"AddTagsToStream": false, "CreateChannel": false, "CreateStream": false, "DecreaseStreamRetentionPeriod": false,
	"DeleteChannel": false, "DeleteResourcePolicy": false, "DeleteStream": false, "DeregisterStreamConsumer": false,
	"DescribeAccountSettings": true, "DescribeChannel": true, "DescribeLimits": true, "DescribeStream": true,
	"DescribeStreamConsumer": true, "DescribeStreamSummary": true, "DisableEnhancedMonitoring": false,
	"EnableEnhancedMonitoring": false, "GetRecords": true, "GetResourcePolicy": true, "GetShardIterator": true,
	"IncreaseStreamRetentionPeriod": false, "ListChannels": true, "ListShards": true, "ListStreamConsumers": true,
	"ListStreams": true, "ListTagsForResource": true, "ListTagsForStream": true, "MergeShards": false,
	"PutRecord": false, "PutRecords": false, "PutResourcePolicy": false, "RegisterStreamConsumer": false,
	"RemoveTagsFromStream": false, "SplitShard": false, "StartStreamEncryption": false, "StopStreamEncryption": false,
	"SubscribeToShard": true, "TagResource": false, "UntagResource": false, "UpdateAccountSettings": false,
	"UpdateChannel": false, "UpdateMaxRecordSize": false, "UpdateShardCount": false, "UpdateStreamMode": false,
	"UpdateStreamRecordDistributionStrategy": false, "UpdateStreamWarmThroughput": false,
}

// dataOperations have hosts of their own where a host names an account; all others are of the control plane.
var dataOperations = map[string]bool{
	"GetRecords": true, "GetShardIterator": true, "PutRecord": true, "PutRecords": true, "SubscribeToShard": true,
}

// operationOf returns the operation that a request names, "" if that is not beyond doubt: the service may see another
// one in a request that names two, or that has a method, a path or a query which no SDK sends.
func operationOf(r *http.Request) string {
	if r.Method != http.MethodPost || r.URL.RawQuery != "" || r.URL.RawPath != "" {
		return ""
	}
	name, byPath := strings.CutPrefix(r.URL.Path, pathPrefix)
	switch targets := r.Header["X-Amz-Target"]; {
	case byPath && len(targets) == 0:
	case r.URL.Path == "/" && len(targets) == 1:
		name = strings.TrimPrefix(targets[0], targetPrefix)
		if name == targets[0] {
			return ""
		}
	default:
		return ""
	}
	if _, known := operations[name]; !known {
		return ""
	}
	return name
}

// mayReadShards reports whether the service may see an operation that reads a shard in a request of which that is not
// beyond doubt.
func mayReadShards(r *http.Request) bool {
	for _, text := range append(r.Header["X-Amz-Target"], r.URL.Path, r.URL.RawQuery) {
		for word := range strings.FieldsFuncSeq(text, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' }) {
			for name := range readingShards {
				if strings.EqualFold(word, name) {
					return true
				}
			}
		}
	}
	return false
}
