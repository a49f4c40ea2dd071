package deagglambda_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/deagg/deagglambda"
)

// The events as AWS documents them.
const (
	lambdaEvent = `{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"1",
"sequenceNumber":"49590338271490256608559692538361571095921575989136588898","data":"SGVsbG8=","approximateArrivalTimestamp":1545084650.987},
"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
"eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::123456789012:role/lambda-role","awsRegion":"us-east-2",
"eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"}]}`
	windowEvent = `{"Records":[],"window":{"start":"2020-12-09T07:04:00Z","end":"2020-12-09T07:06:00Z"},"state":{"1":282,"2":715},
"shardId":"shardId-000000000006","eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/lambda-stream",
"isFinalInvokeForWindow":true,"isWindowTerminatedEarly":false}`
	pipesEvent = `[{"kinesisSchemaVersion":"1.0","partitionKey":"1","sequenceNumber":"49590338271490256608559692538361571095921575989136588898",
"data":"SGVsbG8=","approximateArrivalTimestamp":1545084650.987,"eventSource":"aws:kinesis","eventVersion":"1.0",
"eventID":"shardId-000000000006:49590338271490256608559692538361571095921575989136588898","eventName":"aws:kinesis:record",
"invokeIdentityArn":"arn:aws:iam::123456789012:role/lambda-role","awsRegion":"us-east-2",
"eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"}]`
)

func onFailure(payload string) string {
	return `{"requestContext":{"requestId":"c9b8fa9f","functionArn":"arn:aws:lambda:us-east-2:123456789012:function:f","condition":"RetryAttemptsExhausted",
"approximateInvokeCount":1},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"version":"1.0",
"timestamp":"2019-11-14T00:38:06.021Z","KinesisBatchInfo":{"shardId":"shardId-000000000001","startSequenceNumber":"5","endSequenceNumber":"7",
"approximateArrivalOfFirstRecord":"2019-11-14T00:38:04.835Z","approximateArrivalOfLastRecord":"2019-11-14T00:38:05.580Z","batchSize":500,
"streamArn":"arn:aws:kinesis:us-east-2:123456789012:stream/mystream"}` + payload + `}`
}

func quoted(t *testing.T, text string) string { return string(marshal(t, text)) }

// Each form of an event gives the same record.
func TestForms(t *testing.T) {
	var e deagglambda.Event // the same each time: nothing is left of the last
	for name, text := range map[string]string{
		"lambda":               lambdaEvent,
		"pipes":                pipesEvent,
		"lambda, and more":     `{"payload":{"Records":[]},` + lambdaEvent[1:],
		"on failure":           onFailure(`,"payload":` + quoted(t, lambdaEvent)),
		"on failure, as it is": onFailure(`,"payload":` + lambdaEvent),
		"on failure, of Pipes": onFailure(`,"payload":` + quoted(t, " "+pipesEvent)),
		"on failure, twice":    onFailure(`,"payload":` + quoted(t, onFailure(`,"payload":`+quoted(t, " "+lambdaEvent)))),
	} {
		if err := json.Unmarshal([]byte(windowEvent), &e); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e.State != nil || e.ShardID != "" {
			t.Errorf("%s: the state of another event", name)
		}
		r := e.Records[0].StoredRecord()
		if len(e.Records) != 1 || string(r.Data) != "Hello" || r.PartitionKey != "1" || r.SequenceNumber[:5] != "49590" || r.ArrivalTime.UnixMilli() != 1545084650987 {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// A time that can't be is none.
func TestArrival(t *testing.T) {
	for _, seconds := range []float64{0, -1, 1e300} {
		r := deagglambda.Record{Kinesis: deagglambda.KinesisRecord{ApproximateArrivalTimestamp: seconds}}
		if at := r.StoredRecord().ArrivalTime; !at.IsZero() {
			t.Errorf("%g: %v", seconds, at)
		}
	}
}

// What can't be processed is refused with the reason and the way out.
func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"invocationId":"i","deliveryStreamArn":"arn:aws:firehose:x","region":"us-east-1","records":[{"recordId":"4","data":"SGk="}]}`: "of Firehose, which takes aggregates apart",
		`{"invocationId":"i","applicationArn":"arn:x","streamArn":"s","records":[]}`:                                                    "one row for each stored record",
		`{"Records":[{"eventSource":"aws:sqs","body":"x"}]}`:                                                                            "record 0 is of aws:sqs",
		`{"Records":[{"kinesis":{"data":"SGk="}}]}`:                                                                                     "record 0 has no sequenceNumber",
		`{"Records":[{"kinesis":{"sequenceNumber":"5"}}]}`:                                                                              "record 0 has no data",
		`[{"sequenceNumber":"5","data":"SGk="}]`:                                                                                        "no eventID, by which a failure is reported",
		`{}`:                                                                                                                            "neither Records nor a window",
		`[1]`:                                                                                                                           "cannot unmarshal",
		onFailure(``):                                                                                                                   `shard "shardId-000000000001", sequence numbers "5" to "7"`,
		onFailure(`,"payload":null`):                                                                                                    "only an S3 bucket",
		onFailure(`,"payload":""`):                                                                                                      "payload of an on-failure object",
		onFailure(`,"payload":7`):                                                                                                       "payload of an on-failure object",
	} {
		var e deagglambda.Event
		err := json.Unmarshal([]byte(text), &e)
		if !errors.Is(err, deagglambda.ErrEvent) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
		if e.Records != nil {
			t.Errorf("%s: records beside an error", text)
		}
	}
	deep := lambdaEvent
	for range 6 {
		deep = onFailure(`,"payload":` + quoted(t, deep))
	}
	var e deagglambda.Event
	if err := json.Unmarshal([]byte(deep), &e); !errors.Is(err, deagglambda.ErrEvent) {
		t.Errorf("documents within each other: %v", err)
	}
}

// A text that is read has records whose failures can be reported, and is read alike after it was written.
func FuzzEvent(f *testing.F) {
	for _, text := range []string{lambdaEvent, windowEvent, pipesEvent, onFailure(`,"payload":"[]"`)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var e deagglambda.Event
		if err := json.Unmarshal(text, &e); err != nil {
			return
		}
		for _, r := range e.Records {
			if r.Kinesis.SequenceNumber == "" || r.Kinesis.Data == nil {
				t.Fatalf("%+v", r)
			}
		}
	})
}
