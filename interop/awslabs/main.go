// Command awslabs de-aggregates with awslabs' Go package, of which a user record has neither an explicit hash key nor
// a sub-sequence number.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/awslabs/kinesis-aggregation/go/v2/deaggregator"
)

type record struct {
	SequenceNumber *string `json:"sequence_number"`
	PartitionKey   *string `json:"partition_key"`
	Data           []byte  `json:"data"`
}

func main() {
	run := deaggregate
	if slices.Contains(os.Args, "--versions") {
		run = versions
	}
	if err := run(json.NewEncoder(os.Stdout)); err != nil {
		log.Fatal(err)
	}
}

func versions(out *json.Encoder) error {
	found := map[string]string{"go": runtime.Version()}
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if dependency.Path == "github.com/awslabs/kinesis-aggregation/go/v2" {
			found[dependency.Path] = dependency.Version
		}
	}
	return out.Encode(found)
}

func deaggregate(out *json.Encoder) error {
	in := json.NewDecoder(os.Stdin)
	for {
		var r record
		if err := in.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		users, err := deaggregator.DeaggregateRecords([]types.Record{
			{SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey, Data: r.Data},
		})
		if err != nil {
			return err
		}
		for _, u := range users {
			if err := out.Encode(record{u.SequenceNumber, u.PartitionKey, u.Data}); err != nil {
				return err
			}
		}
	}
}
