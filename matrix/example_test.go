package matrix_test

import (
	"fmt"

	"github.com/kplkit/kplkit/matrix"
)

func ExampleCheck() {
	consumer, err := matrix.ParseConsumer("java", "kcl", "1.14.10", "sequence-number")
	if err != nil {
		fmt.Println(err)
		return
	}
	consumer.NeverResharded = true // else the verdict says first what a reshard loses
	v := matrix.Check(matrix.Today, matrix.Java(), consumer)
	fmt.Println(v.Aggregation, v.Fine())
	fmt.Println(v.Change)
	// Output:
	// disable-or-extended false
	// checkpointer.checkpoint(r.getSequenceNumber(), ((UserRecord) r).getSubSequenceNumber()); or KinesisProducerConfiguration.setAggregationEnabled(false)
}
