package recordio

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkRecords reads what most input looks like: lines as kplkit writes them, and those of the Kinesis API.
func BenchmarkRecords(b *testing.B) {
	data := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("payload ", 64)))
	for name, line := range map[string]string{
		"ours": `{"shard_id": "shardId-000000000001", "starting_hash_key": "0", "ending_hash_key": "170141183460469231731687303715884105727", ` +
			`"sequence_number": "49590338271490256608559692538361571095921575989136588898", "approximate_arrival_timestamp": 1795529839.123, ` +
			`"partition_key": "key", "data": "%s"}` + "\n",
		"aws": `{"SequenceNumber":"49590338271490256608559692538361571095921575989136588898",` +
			`"ApproximateArrivalTimestamp":"2023-12-05T08:23:55.582000+01:00","Data":"%s","PartitionKey":"key"}` + "\n",
		"escaped": `{"SequenceNumber":"49590338271490256608559692538361571095921575989136588898",` +
			`"ApproximateArrivalTimestamp":1795529839.123,"Data":"%s","PartitionKey":"k\u00e9"}` + "\n",
	} {
		b.Run(name, func(b *testing.B) {
			const lines = 1000
			input := strings.Repeat(fmt.Sprintf(line, data), lines)
			b.SetBytes(int64(len(input)))
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range (&Source{Reader: strings.NewReader(input)}).Records() {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != lines {
					b.Fatalf("%d records, want %d", n, lines)
				}
			}
		})
	}
}
