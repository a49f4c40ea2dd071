package bench

import (
	"fmt"
	"math/rand/v2"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// usualAggregate is the KPL's limit of an aggregate.
const usualAggregate = 51_200

// sizes are those of user records, in bytes, in tables and plots.
var sizes = []int{10, 100, 1000, 10_000}

// userRecords returns n user records of random bytes; keys is how many partition keys they have, 0 for one each.
func userRecords(n, size, keys int) []aggregator.Record {
	random := rand.NewChaCha8([32]byte{byte(size)})
	all := make([]aggregator.Record, n)
	memory := make([]byte, n*size)
	random.Read(memory)
	for i := range all {
		k := i
		if keys > 0 {
			k %= keys
		}
		all[i] = aggregator.Record{PartitionKey: fmt.Sprintf("device-%08d", k), Data: memory[i*size : (i+1)*size]}
	}
	return all
}

// dataSet is a number of stored records, of which all that is measured sees the same.
type dataSet struct {
	stored []deagg.StoredRecord
	batch  []types.Record
	users  int
	bytes  int // of the stored records
}

// aggregates returns so many bytes of aggregates, one at least, of limit bytes each.
func aggregates(bytes, limit, size, keys int) (d dataSet) {
	e := aggregator.Encoder{MaxBytes: limit}
	for _, r := range userRecords(max(bytes, limit)/(size+8)+1, size, keys) {
		for ok := false; !ok; {
			var err error
			if ok, err = e.Add(r); err != nil {
				panic(err)
			}
			if !ok {
				d.add(&e)
			}
		}
		if d.bytes >= bytes {
			return d
		}
	}
	d.add(&e)
	return d
}

func (d *dataSet) add(e *aggregator.Encoder) {
	d.users += e.Len()
	d.addStored(e.AppendTo(nil))
	e.Reset()
}

func (d *dataSet) addStored(data []byte) {
	n := fmt.Sprintf("4959033827149025660855969253836157109592157598913%07d", len(d.stored))
	d.stored = append(d.stored, deagg.StoredRecord{SequenceNumber: n, PartitionKey: "a", Data: data})
	d.batch = append(d.batch, types.Record{SequenceNumber: &n, PartitionKey: aws.String("a"), Data: data})
	d.bytes += len(data)
}

// plain returns n stored records that are no aggregates.
func plain(n, size int) (d dataSet) {
	for _, r := range userRecords(n, size, 0) {
		d.addStored(r.Data)
	}
	d.users = n
	return d
}
