package deagg_test

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/kplkit/kplkit/deagg"
)

// exampleRecords are two stored records as GetRecords hands them out: an aggregate of two user records, and a plain one.
func exampleRecords() []deagg.StoredRecord {
	aggregate, err := base64.StdEncoding.DecodeString("84mawgoGdXNlci0xCgZ1c2VyLTIaCQgAGgVoZWxsbxoJCAEaBXdvcmxklJVY7Jxa81aeNYfB/y+GSQ==")
	if err != nil {
		panic(err)
	}
	return []deagg.StoredRecord{
		{SequenceNumber: "4968", PartitionKey: "a", Data: aggregate},
		{SequenceNumber: "4969", PartitionKey: "user-3", Data: []byte("alone")},
	}
}

func Example() {
	var decoder deagg.Decoder // one per shard
	for u := range decoder.UserRecords(exampleRecords()...) {
		fmt.Printf("%s %d %s %q\n", u.SequenceNumber, u.SubSequenceNumber, u.PartitionKey, u.Data)
	}
	fmt.Printf("%+v\n", decoder.Stats())
	// Output:
	// 4968 0 user-1 "hello"
	// 4968 1 user-2 "world"
	// 4969 0 user-3 "alone"
	// {Stored:2 Aggregated:1 User:3 Strays:0 Dropped:0 Skipped:0 Malformed:0}
}

// All is for what belongs to a stored record as a whole: to say which one failed, or to find what else is known of it.
func ExampleDecoder_All() {
	stored := exampleRecords()
	var decoder deagg.Decoder
	for i, u := range decoder.All(stored) {
		fmt.Printf("stored record %d of %d bytes: %q\n", i, len(stored[i].Data), u.Data)
	}
	// Output:
	// stored record 0 of 58 bytes: "hello"
	// stored record 0 of 58 bytes: "world"
	// stored record 1 of 5 bytes: "alone"
}

// A consumer stores the Position of what it has processed and goes on after it, also inside an aggregate.
func ExampleDecoder_after() {
	var first deagg.Decoder
	for u := range first.UserRecords(exampleRecords()...) {
		position, err := u.Position()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("done:", position)

		next := deagg.Decoder{After: position}
		for u := range next.UserRecords(exampleRecords()...) {
			fmt.Printf("then: %q\n", u.Data)
		}
		break
	}
	// Output:
	// done: 4968:0
	// then: "world"
	// then: "alone"
}

func ExampleParse() {
	damaged := exampleRecords()[0]
	damaged.Data = damaged.Data[:len(damaged.Data)-1]
	_, err := deagg.Parse(damaged)
	var format *deagg.FormatError
	fmt.Println(errors.Is(err, deagg.ErrChecksum), errors.As(err, &format))
	fmt.Println(err)
	// Output:
	// true true
	// deagg: stored record 4968, byte 41: checksum mismatch: its bytes are damaged or cut off
}
