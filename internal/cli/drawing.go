package cli

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/seqnum"
)

// draw writes the anatomy of a record for a human.
func (a *anatomy) draw(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	a.drawHead(t)
	if a.Aggregated {
		a.drawFrame(t)
		drawTable(t, "partition keys", a.PartitionKeys)
		drawTable(t, "explicit hash keys", a.ExplicitKeys)
		a.drawUserRecords(t)
	}
	a.drawProblems(t)
	fmt.Fprintln(t)
	return t.Flush()
}

func (a *anatomy) drawHead(w io.Writer) {
	switch {
	case a.ReadAs != "":
		fmt.Fprintf(w, "stored record, read as %s\n", a.ReadAs)
	default:
		fmt.Fprintf(w, "stored record in %s, line %d\n", a.File, a.Line)
	}
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %s\t%s\n", name, visible(value))
		}
	}
	row("sequence number", a.SequenceNumber)
	row("", shardOf(a.SequenceNumber))
	if a.PartitionKey != nil {
		row("partition key", a.PartitionKey.String()+mark(a.PartitionKey.Text, a.Aggregated))
	}
	row("shard", a.ShardID)
	row("its hash keys", a.HashKeyRange)
	row("size", strconv.Itoa(a.Size)+" bytes")
	if !a.Aggregated {
		row("data", "plain: "+shorten(a.data))
	}
}

// mark tells whose aggregates have this partition key.
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

// shardOf tells what a sequence number says about its shard.
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

func (a *anatomy) drawFrame(w io.Writer) {
	fmt.Fprint(w, "\n  offset\tbytes\tframe\n")
	fmt.Fprintf(w, "  0\t%d\tmagic % X\n", len(wire.Magic), wire.Magic)
	if a.Checksum == nil {
		return
	}
	end := a.Checksum.Offset
	fmt.Fprintf(w, "  %d\t%d\tmessage: %d partition keys, %d explicit hash keys, %d user records\n",
		len(wire.Magic), end-len(wire.Magic), len(a.PartitionKeys), len(a.ExplicitKeys), len(a.UserRecords))
	verdict := "right"
	if !a.Checksum.OK {
		verdict = "WRONG, the message has " + a.Checksum.Computed
	}
	fmt.Fprintf(w, "  %d\t%d\tchecksum %s: %s\n", end, wire.DigestSize, a.Checksum.Stored, verdict)
}

func drawTable(w io.Writer, name string, table []tableEntry) {
	if len(table) == 0 {
		return
	}
	fmt.Fprintf(w, "\n  %s\n  index\toffset\tbytes\tkey\thash key\n", name)
	for i, e := range table {
		hash := e.HashKey
		if hash == "" {
			hash = "none: no number of 0 to 2^128-1"
		}
		fmt.Fprintf(w, "  %d\t%d\t%d\t%v\t%s\n", i, e.Offset, e.Size, e.Key, hash)
		rowDone(w, i)
	}
}

func (a *anatomy) drawUserRecords(w io.Writer) {
	if len(a.UserRecords) == 0 {
		return
	}
	fmt.Fprint(w, "\n  user records\n  index\toffset\tbytes\tkey\texplicit\tdata at\tbytes\tdata\n")
	for i, u := range a.UserRecords {
		fmt.Fprintf(w, "  %d\t%d\t%d\t%s\t%s\t", u.SubSequenceNumber, u.Offset, u.Size,
			orDash(u.PartitionKeyIndex), orDash(u.ExplicitHashKeyIndex))
		if u.hasData {
			fmt.Fprintf(w, "%d\t%d\t%s", u.DataOffset, u.DataSize, shorten(a.data[u.DataOffset:u.DataOffset+u.DataSize]))
		} else {
			fmt.Fprint(w, "-\t-\t-")
		}
		if u.Stray {
			fmt.Fprint(w, "  (stray: outside the shard's hash keys)")
		}
		fmt.Fprintln(w)
		rowDone(w, i)
	}
}

// rowDone writes what w has collected to align it, after each 1,000 rows.
func rowDone(w io.Writer, i int) {
	if t, ok := w.(*tabwriter.Writer); ok && i%1000 == 999 {
		_ = t.Flush() // the buffer below keeps its error
	}
}

func orDash(index *uint64) string {
	if index == nil {
		return "-"
	}
	return strconv.FormatUint(*index, 10)
}

func (a *anatomy) drawProblems(w io.Writer) {
	if len(a.Problems) == 0 {
		return
	}
	fmt.Fprint(w, "\n  WRONG")
	if a.Malformed != "" {
		fmt.Fprintf(w, " (%s)", a.Malformed)
	}
	fmt.Fprintln(w)
	for i, p := range a.Problems {
		fmt.Fprintf(w, "  byte %d\t%s\n", p.Offset, p.Text)
		rowDone(w, i)
	}
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
