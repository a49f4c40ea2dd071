package recordio

import (
	"bytes"
	"errors"
	"regexp"
)

// awsText reads a line of the AWS CLI's text output, in which the fields have the order of their names. It reports
// whether the line is one.
func (r *reader) awsText(columns [][]byte) (bool, error) {
	switch name := string(columns[0]); {
	case name == "RECORDS":
		columns = columns[1:]
	case name == "CHILDSHARDS", name == "HASHKEYRANGE", name == "PARENTSHARDS":
		return true, nil
	case len(columns) == 2 && len(name) < 15 && isDigits(name) && (len(columns[1]) > 100 || string(columns[1]) == "None"):
		return true, nil // MillisBehindLatest and NextShardIterator
	case len(columns) < 4 || !isArrival(name) || !isSequenceNumber(columns[len(columns)-1]):
		return false, nil
	}
	last := len(columns) - 1
	if last < 3 || !isSequenceNumber(columns[last]) {
		return true, r.deliver(errors.New("a record of the AWS CLI's text output that is not whole, maybe for a tab or a line end in its partition key: take --output json"))
	}
	key := columns[2:last]
	if name := string(key[0]); len(key) > 1 && (name == "NONE" || name == "KMS") { // EncryptionType
		key = key[1:]
	}
	d := &r.draft
	d.reset()
	d.set(arrivalField, '"', columns[0])
	d.set(dataField, '"', columns[1])
	d.set(partitionKeyField, '"', bytes.Join(key, []byte{'\t'}))
	d.set(sequenceNumberField, '"', columns[last])
	return true, r.deliver(d.finish(&r.rec))
}

func isArrival(text string) bool {
	_, ok := parseArrival(text)
	return ok
}

// isSequenceNumber reports whether a text is digits alone, and more of them than any base64 has by chance.
func isSequenceNumber(text []byte) bool { return len(text) >= 20 && isDigits(alias(text)) }

// otherOutput refuses, at its first line, the AWS CLI's output in the forms that have no records a line.
func otherOutput(line []byte) error {
	switch {
	case awsYAML.Match(line):
		return errors.New("the AWS CLI's YAML: take --output json")
	case awsTable.Match(line):
		return errors.New("the AWS CLI's table: take --output json")
	}
	return nil
}

var (
	awsYAML  = regexp.MustCompile(`^(- )?(MillisBehindLatest|NextShardIterator|Records|ApproximateArrivalTimestamp|ChildShards):( |$)`)
	awsTable = regexp.MustCompile(`^(-{20,}|\|\s+GetRecords\s+\|)$`)
)
