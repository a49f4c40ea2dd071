package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deagglambda"
)

const event = `{"Records":[
{"kinesis":{"partitionKey":"1","sequenceNumber":"41","data":"SGVsbG8=","approximateArrivalTimestamp":1545084650.987},"eventSource":"aws:kinesis",
"eventID":"shardId-000000000006:41","eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/s"},
{"kinesis":{"partitionKey":"1","sequenceNumber":"42","data":"Ynll","approximateArrivalTimestamp":1545084650.988},"eventSource":"aws:kinesis",
"eventID":"shardId-000000000006:42","eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/s"}]}`

// fails fails at the second record.
func fails(_ context.Context, u deagg.UserRecord) error {
	if string(u.Data) == "bye" {
		return errors.New("no")
	}
	return nil
}

const want = `{"batchItemFailures":[{"itemIdentifier":"42"}]}`

// aws-lambda-go calls the function as it calls any other.
func TestHandler(t *testing.T) {
	answer, err := lambda.NewHandler(deagglambda.Handler(fails)).Invoke(t.Context(), []byte(event))
	if err != nil || string(answer) != want {
		t.Errorf("%s, %v", answer, err)
	}
}

// Events and answers in aws-lambda-go's own types are the same.
func TestAdapter(t *testing.T) {
	handler := deagglambda.Handler(fails)
	old := func(ctx context.Context, e events.KinesisEvent) (events.KinesisEventResponse, error) {
		answer, err := handler(ctx, fromEvents(e))
		return toEvents(answer), err
	}
	answer, err := lambda.NewHandler(old).Invoke(t.Context(), []byte(event))
	if err != nil || string(answer) != want {
		t.Errorf("%s, %v", answer, err)
	}
	var theirs events.KinesisEvent
	var ours deagglambda.Event
	if err := errors.Join(json.Unmarshal([]byte(event), &theirs), json.Unmarshal([]byte(event), &ours)); err != nil {
		t.Fatal(err)
	}
	adapted := fromEvents(theirs)
	a, b := adapted.Records[0].StoredRecord(), ours.Records[0].StoredRecord()
	if string(a.Data) != string(b.Data) || a.SequenceNumber != b.SequenceNumber || !a.ArrivalTime.Equal(b.ArrivalTime) {
		t.Errorf("%+v\n%+v", a, b)
	}
}

// An on-failure object is no event of aws-lambda-go's: it is refused, and not taken for one without records, all of which is done.
func TestAdapterReturned(t *testing.T) {
	var theirs events.KinesisEvent
	if err := json.Unmarshal([]byte(`{"KinesisBatchInfo":{},"payload":`+event+`}`), &theirs); err != nil {
		t.Fatal(err)
	}
	if answer, err := deagglambda.Handler(fails)(t.Context(), fromEvents(theirs)); !errors.Is(err, deagglambda.ErrEvent) {
		t.Error(answer, err)
	}
}

// Without a table there is no Store, and no call to AWS.
func TestStore(t *testing.T) {
	if options, err := store(t.Context(), ""); err != nil || len(options) != 0 {
		t.Error(options, err)
	}
	if err := process(t.Context(), deagg.UserRecord{Data: []byte("x")}); err != nil {
		t.Error(err)
	}
}
