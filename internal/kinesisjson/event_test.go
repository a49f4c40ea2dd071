package kinesisjson_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/eventstream"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

const event = `{"ContinuationSequenceNumber":"` + number2 + `","MillisBehindLatest":12,"ChildShards":[],"New":{"a":1},"Records":[` + record1 + `,` + record2 + `]}`

// message returns an event as the SDK frames it.
func message(t *testing.T, payload string) []byte {
	var b bytes.Buffer
	m := eventstream.Message{Payload: []byte(payload)}
	m.Headers.Set(":event-type", eventstream.StringValue("SubscribeToShardEvent"))
	m.Headers.Set("a number", eventstream.Int32Value(7))
	m.Headers.Set("bytes", eventstream.BytesValue("bytes"))
	m.Headers.Set(":content-type", eventstream.StringValue("application/json"))
	m.Headers.Set(":message-type", eventstream.StringValue("event"))
	if err := eventstream.NewEncoder().Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// eventBySDK reads an event as a subscription of the SDK does.
func eventBySDK(message []byte) (event *types.SubscribeToShardEvent, err error) {
	defer func() { // smithy-go v1.28.1 panics for a header of an unknown type
		if why := recover(); why != nil {
			err = fmt.Errorf("panic: %v", why)
		}
	}()
	e, err := awsjson.New11(schemas.Kinesis_20131202).DeserializeEventMessage(schemas.SubscribeToShardEventStream, kinesis.TypeRegistry, bytes.NewReader(message))
	event, _ = e.(*types.SubscribeToShardEvent)
	return event, err
}

// TestEvent: an event in its frame is read, split in two as the proxy splits one, and read by the SDK: all of it is
// there, and what may only be in the last one is only there.
func TestEvent(t *testing.T) {
	want, err := eventBySDK(message(t, event))
	if err != nil {
		t.Fatal(err)
	}
	f, err := kinesisjson.ReadFrame(bytes.NewReader(message(t, event)), nil, limit)
	if err != nil || f.Header(":event-type") != "SubscribeToShardEvent" || f.Header(":message-type") != "event" || f.Header("a number") != "" || f.Header("none") != "" {
		t.Fatalf("%v, %q", err, f.Headers)
	}
	var a kinesisjson.Answer
	if err := a.Read(f.Payload, limit); err != nil {
		t.Fatal(err)
	}
	first := a.Clone()
	first.Delete("ChildShards")
	first.SetText("ContinuationSequenceNumber", a.Records[0].SequenceNumber+":3")
	first.SetInt("MillisBehindLatest", max(1, 0))
	got := [2]*types.SubscribeToShardEvent{}
	for i, fields := range []*kinesisjson.Object{&first, &a.Object} {
		var w kinesisjson.Writer
		w.Begin(&a, nil)
		w.Record(&a.Records[i])
		if got[i], err = eventBySDK(kinesisjson.AppendFrame(nil, f.Headers, w.End(fields))); err != nil {
			t.Fatal(err)
		}
	}
	if got[0].ChildShards != nil || *got[0].ContinuationSequenceNumber != number1+":3" || *got[0].MillisBehindLatest != 1 {
		t.Errorf("the first one: %+v", got[0])
	}
	got[1].Records = append(got[0].Records, got[1].Records...)
	if diff := cmp.Diff(want, got[1], ignoreUnexported); diff != "" {
		t.Error(diff)
	}
}
