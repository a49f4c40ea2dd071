package aggregator_test

import (
	"errors"
	"fmt"

	"github.com/kplkit/kplkit/producer/aggregator"
)

// A loop that fills aggregates and puts each when it is full.
func ExampleEncoder() {
	e := aggregator.Encoder{MaxCount: 3}
	put := func() {
		partitionKey, explicitHashKey := e.Keys()
		data := e.AppendTo(nil)
		fmt.Printf("%d user records in %d bytes under %q by %s\n", e.Len(), len(data), partitionKey, explicitHashKey)
		e.Reset()
	}
	for i := range 5 {
		r := aggregator.Record{PartitionKey: fmt.Sprint("device-", i%2), ExplicitHashKey: "42", Data: []byte("21.5 °C")}
		ok, err := e.Add(r)
		if err != nil {
			fmt.Println(err) // r can't be put at all; the Encoder is as before
			continue
		}
		if !ok {
			put()
			e.Add(r) // an empty Encoder takes any user record
		}
	}
	put()
	// Output:
	// 3 user records in 92 bytes under "device-0" by 42
	// 2 user records in 76 bytes under "device-1" by 42
}

func ExampleRecordError() {
	var e aggregator.Encoder
	_, err := e.Add(aggregator.Record{PartitionKey: "k", ExplicitHashKey: "-130"})
	fmt.Println(errors.Is(err, aggregator.ErrExplicitHashKey))
	fmt.Println(err)
	// Output:
	// true
	// aggregator: user record 0: explicit hash key must be a decimal number of 0 to 2^128-1 without leading zeros: it is "-130"
}
