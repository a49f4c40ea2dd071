package deagglambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deagglambda"
	"github.com/kplkit/kplkit/producer/aggregator"
)

func ExampleHandler() {
	process := func(_ context.Context, u deagg.UserRecord) error {
		if string(u.Data) == "order 2" {
			return errors.New("not now")
		}
		fmt.Printf("%s\n", u.Data)
		return nil
	}
	handler := deagglambda.Handler(process, deagglambda.WithLogger(slog.New(slog.DiscardHandler)))
	// lambda.Start(handler) would call it with events like this one.
	var aggregate aggregator.Encoder
	for i := range 3 {
		aggregate.Add(aggregator.Record{PartitionKey: "customer", Data: fmt.Append(nil, "order ", i+1)})
	}
	answer, err := handler(context.Background(), deagglambda.Event{Records: []deagglambda.Record{{
		EventID:        "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
		EventSourceARN: "arn:aws:kinesis:us-east-2:123456789012:stream/orders",
		Kinesis: deagglambda.KinesisRecord{
			SequenceNumber: "49590338271490256608559692538361571095921575989136588898", PartitionKey: "a", Data: aggregate.AppendTo(nil),
		},
	}}})
	text, _ := json.Marshal(answer)
	fmt.Println(string(text), err)
	// Output:
	// order 1
	// {"batchItemFailures":[{"itemIdentifier":"49590338271490256608559692538361571095921575989136588898"}]} <nil>
}
