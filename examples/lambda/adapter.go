package main

import (
	"github.com/aws/aws-lambda-go/events"

	"github.com/kplkit/kplkit/deagg/deagglambda"
)

// fromEvents is for those whose handler has an events.KinesisEvent already: it gives it to deagglambda's Handler.
// Tumbling windows and what is brought back need deagglambda's Event: this type knows neither, and Handler refuses what comes out.
func fromEvents(e events.KinesisEvent) deagglambda.Event {
	var out deagglambda.Event
	for _, r := range e.Records {
		out.Records = append(out.Records, deagglambda.Record{
			EventID: r.EventID, EventName: r.EventName, EventSource: r.EventSource, EventSourceARN: r.EventSourceArn,
			EventVersion: r.EventVersion, InvokeIdentityARN: r.InvokeIdentityArn, AWSRegion: r.AwsRegion,
			Kinesis: deagglambda.KinesisRecord{
				SchemaVersion: r.Kinesis.KinesisSchemaVersion, PartitionKey: r.Kinesis.PartitionKey, SequenceNumber: r.Kinesis.SequenceNumber,
				Data: r.Kinesis.Data, EncryptionType: r.Kinesis.EncryptionType,
				ApproximateArrivalTimestamp: float64(r.Kinesis.ApproximateArrivalTimestamp.UnixMicro()) / 1e6,
			},
		})
	}
	return out
}

// toEvents is the answer in the types of aws-lambda-go.
func toEvents(r deagglambda.Response) events.KinesisEventResponse {
	out := events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{}}
	for _, f := range r.BatchItemFailures {
		out.BatchItemFailures = append(out.BatchItemFailures, events.KinesisBatchItemFailure{ItemIdentifier: f.ItemIdentifier})
	}
	return out
}
