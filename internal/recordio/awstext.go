package recordio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"regexp"
	"unicode"
	"unicode/utf8"

	"github.com/kplkit/kplkit/deagg"
)

// awsText reads a line of the AWS CLI's text output, in which the fields have the order of their names. It reports
// whether the line is one. next is the line after it, as far as it is known.
func (r *reader) awsText(columns [][]byte, next func() []byte) (bool, error) {
	named := false
	switch name := string(columns[0]); {
	case name == "RECORDS":
		columns, named = columns[1:], true
	case isShardLine(columns):
		return true, nil
	case len(columns) == 2 && len(name) < 15 && isDigits(name): // MillisBehindLatest and NextShardIterator, or a key and data
		return isIterator(columns[1], next), nil
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
	d, joined := &r.draft, bytes.Join(key, []byte{'\t'})
	if r.isSwapped(columns[1], joined, named) {
		return true, r.deliver(errors.New("columns of which two may be the data, or in another order than time, data, partition key and sequence number: take --output json"))
	}
	d.reset()
	d.set(arrivalField, '"', columns[0])
	d.set(dataField, '"', columns[1])
	d.set(partitionKeyField, '"', joined)
	d.set(sequenceNumberField, '"', columns[last])
	return true, r.deliver(d.finish(&r.rec))
}

// isShardLine reports whether a line is about a child of the shard: it has no data.
func isShardLine(columns [][]byte) bool {
	switch string(columns[0]) {
	case "CHILDSHARDS", "PARENTSHARDS":
		return len(columns) == 2 && bytes.HasPrefix(columns[1], []byte("shardId-"))
	case "HASHKEYRANGE":
		return len(columns) == 3 && isDigits(alias(columns[1])) && isDigits(alias(columns[2]))
	}
	return false
}

// isIterator reports whether a text is the iterator that follows a page. Those of Kinesis begin with the number 1 in
// eight bytes; any other is known by the records after it.
func isIterator(text []byte, next func() []byte) bool {
	switch {
	case string(text) == "None":
		return true
	case len(text) <= 100 || startsMagic(text):
		return false
	}
	return kinesisIterator.Match(text) || bytes.HasPrefix(next(), []byte("RECORDS\t"))
}

var kinesisIterator = regexp.MustCompile(`^A{10}[E-H]`)

// isSwapped reports whether the key may be the data. With a name before them the order of the columns is known, but for
// an aggregate in the place of the key.
func (r *reader) isSwapped(data, key []byte, named bool) bool {
	if named || startsMagic(data) {
		return startsMagic(key)
	}
	_, err := base64.StdEncoding.Strict().DecodeString(string(key))
	return r.isClearlyData(key) || err == nil && !r.isClearlyData(data)
}

// isClearlyData reports whether a text can't be a partition key by chance: an aggregate, or base64 or hex of what can be
// read, or of gzip.
func (r *reader) isClearlyData(text []byte) bool {
	if startsMagic(text) {
		return true
	}
	bare := r.bare
	defer func() { r.bare = bare }()
	r.draft.reset()
	if len(text) < 16 && !bytes.HasSuffix(text, []byte{'='}) || r.bareData(text) != nil {
		return false
	}
	data := r.draft.data
	return deagg.HasMagic(data) || bytes.HasPrefix(data, []byte("\x1f\x8b\x08")) || isReadable(data)
}

func isReadable(data []byte) bool {
	return utf8.Valid(data) && bytes.IndexFunc(data, func(c rune) bool { return c != '\n' && c != '\r' && c != '\t' && unicode.IsControl(c) }) < 0
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
	awsTable = regexp.MustCompile(`^(-{8,}|\|\s+GetRecords\s+\|)$`)
)
