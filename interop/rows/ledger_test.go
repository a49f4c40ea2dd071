package rows

import (
	"flag"
	"maps"
)

var (
	evidenceDir = flag.String("evidence", "", "write what was found to this folder")
	compareDir  = flag.String("compare", "", "compare what is found with the evidence in this folder")
	recordDir   = flag.String("record", "", "write all that each run has seen to this folder, for the test of the harness")
)

// ledger is what became of the user records of a run.
type ledger struct {
	Put       int    `json:"put"`       // the producer was told that they are stored
	Raw       int    `json:"raw"`       // deliveries that were still aggregates
	Delivered int    `json:"delivered"` // distinct ones
	Lost      int    `json:"lost"`      // put, never delivered
	Twice     int    `json:"twice"`     // deliveries beyond the first of each
	Refused   string `json:"refused"`   // the error, if a worker did not start or a checkpoint was refused
}

// newLedger compares what was put with what was delivered, by all workers together.
func newLedger(stored []string, delivered []event, refused string) ledger {
	l := ledger{Put: len(stored), Refused: refused}
	times := map[string]int{}
	for _, e := range delivered {
		times[string(e.Record)]++
		if isAggregate(e.Record) {
			l.Raw++
		}
	}
	for _, text := range stored {
		if n := times[text]; n > 0 {
			l.Delivered++
			l.Twice += n - 1
		}
	}
	l.Lost = l.Put - l.Delivered
	return l
}

// add adds what became of another stream's.
func (l *ledger) add(m ledger) {
	l.Put, l.Raw, l.Delivered, l.Lost, l.Twice = l.Put+m.Put, l.Raw+m.Raw, l.Delivered+m.Delivered, l.Lost+m.Lost, l.Twice+m.Twice
	if l.Refused == "" {
		l.Refused = m.Refused
	}
}

// merged returns the union of both; what is in over counts.
func merged(under, over map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, under)
	maps.Copy(all, over)
	return all
}
