package cli

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/seqnum"
)

// mark says whose aggregates have this partition key.
func mark(partitionKey string, aggregated bool) string {
	switch {
	case !aggregated:
	case partitionKey == wire.MarkKPL:
		return ", the mark of the KPL's aggregates"
	case partitionKey == wire.MarkKplkit:
		return ", the mark of kplkit's aggregates"
	}
	return ""
}

// shardOf returns what a sequence number says about its shard.
func shardOf(sequenceNumber string) string {
	e, err := seqnum.ParseExtended(sequenceNumber)
	if err != nil {
		return ""
	}
	if x := explain(e); x.ShardID != "" {
		return "given out by " + x.ShardID
	}
	return ""
}

// keyAt names a key by its index and, as far as it is in its table, itself.
func keyAt(table []tableEntry, index *uint64) string {
	switch {
	case index == nil:
		return "-"
	case *index >= uint64(len(table)):
		return strconv.FormatUint(*index, 10)
	}
	return fmt.Sprintf("%d %v", *index, table[*index].Key)
}

func keyOf(b []byte) key {
	if utf8.Valid(b) {
		return key{Text: string(b)}
	}
	return key{Bytes: append([]byte(nil), b...)}
}

func (k key) String() string {
	if k.Bytes != nil {
		return shorten(k.Bytes)
	}
	return shorten([]byte(k.Text))
}

// shorten shows the start of data: quoted if it is text, else in hex.
func shorten(data []byte) string {
	const maxText, maxBytes = 48, 20
	text, more := data, ""
	if len(text) > maxText {
		text, more = text[:maxText], "…"
		for n := 1; n < utf8.UTFMax && !utf8.Valid(text); n++ { // do not cut a character
			text = text[:maxText-n]
		}
	}
	if utf8.Valid(text) && bytes.IndexFunc(text, isControl) < 0 {
		return strconv.Quote(string(text)) + more
	}
	if len(data) > maxBytes {
		return hex.EncodeToString(data[:maxBytes]) + "…"
	}
	return hex.EncodeToString(data)
}

// visible returns a text as it is, or quoted if it holds what a terminal would obey.
func visible(text string) string {
	if strings.IndexFunc(text, unicode.IsControl) >= 0 {
		return strconv.Quote(text)
	}
	return text
}

func isControl(r rune) bool {
	return !unicode.IsPrint(r) && r != '\n' && r != '\t' && r != '\r'
}
