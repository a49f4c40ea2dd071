package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/kplkit/kplkit/internal/wire"
)

// drawer writes the anatomy of records for people.
type drawer struct {
	pen
	all bool // every key, user record and problem
}

// Of what is not shown in full, this much is.
const (
	mostKeysShown = 10
	endsShown     = 5  // user records from the start and from the end
	mostUsers     = 12 // user records that are shown in full
)

func (d *drawer) draw(w io.Writer, a *anatomy) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	d.drawHead(t, a)
	if a.Aggregated {
		a.drawSummary(t)
		d.drawFrame(t, a)
		d.drawTable(t, "partition keys", a.PartitionKeys)
		d.drawTable(t, "explicit hash keys", a.ExplicitKeys)
	}
	d.drawProblems(t, a)
	d.drawUserRecords(t, a)
	fmt.Fprintln(t)
	return t.Flush()
}

func (d *drawer) drawHead(w io.Writer, a *anatomy) {
	title := "stored record in " + visible(a.File) + ", line " + strconv.Itoa(a.Line)
	if a.ReadAs != "" {
		title = "stored record, read as " + a.ReadAs
	}
	fmt.Fprintln(w, d.bold(title))
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

// drawSummary says what there is, in a few lines however much it is.
func (a *anatomy) drawSummary(w io.Writer) {
	var bytes, least, most, strays int
	for i, u := range a.UserRecords {
		if bytes += u.DataSize; i == 0 || u.DataSize < least {
			least = u.DataSize
		}
		most = max(most, u.DataSize)
		if u.Stray {
			strays++
		}
	}
	fmt.Fprintf(w, "  user records\t%d, %d bytes of data, %d to %d each\n", len(a.UserRecords), bytes, least, most)
	fmt.Fprintf(w, "  keys\t%d partition keys, %d explicit hash keys\n", len(a.PartitionKeys), len(a.ExplicitKeys))
	if !a.hashed.IsValid() {
		return
	}
	fmt.Fprintf(w, "  hash keys\t%v to %v", a.hashed.Start(), a.hashed.End())
	if a.hashRange.IsValid() {
		fmt.Fprintf(w, ", %d outside the shard's", strays)
	}
	fmt.Fprintln(w)
}

func (d *drawer) drawFrame(w io.Writer, a *anatomy) {
	fmt.Fprint(w, "\n  offset\tbytes\tframe\n")
	fmt.Fprintf(w, "  0\t%d\tmagic % X\n", len(wire.Magic), wire.Magic)
	if a.Checksum == nil {
		return
	}
	end := a.Checksum.Offset
	fmt.Fprintf(w, "  %d\t%d\tmessage: %d partition keys, %d explicit hash keys, %d user records\n",
		len(wire.Magic), end-len(wire.Magic), len(a.PartitionKeys), len(a.ExplicitKeys), len(a.UserRecords))
	verdict := d.green("right")
	if !a.Checksum.OK {
		verdict = d.red("WRONG, the message has " + a.Checksum.Computed)
	}
	fmt.Fprintf(w, "  %d\t%d\tchecksum %s: %s\n", end, wire.DigestSize, a.Checksum.Stored, verdict)
}

// drawTable shows the keys of a table in its order, or only those with the most user records.
func (d *drawer) drawTable(w io.Writer, name string, table []tableEntry) {
	if len(table) == 0 {
		return
	}
	order := make([]int, len(table))
	for i := range order {
		order[i] = i
	}
	if !d.all && len(table) > mostKeysShown {
		slices.SortStableFunc(order, func(i, j int) int { return table[j].Users - table[i].Users })
		order = order[:mostKeysShown]
		name = fmt.Sprintf("%s, the %d with the most user records of %d (--all shows all)", name, mostKeysShown, len(table))
	}
	fmt.Fprintf(w, "\n  %s\n  index\toffset\tbytes\tuser records\tkey\thash key\n", d.bold(name))
	for n, i := range order {
		e := &table[i]
		hash := e.HashKey
		if hash == "" {
			hash = d.yellow("none: not a number of 0 to 2^128-1")
		}
		fmt.Fprintf(w, "  %d\t%d\t%d\t%d\t%v\t%s\n", i, e.Offset, e.Size, e.Users, e.Key, hash)
		rowDone(w, n)
	}
}

// drawUserRecords shows the first and the last ones, or all.
func (d *drawer) drawUserRecords(w io.Writer, a *anatomy) {
	if len(a.UserRecords) == 0 {
		return
	}
	first, last := a.UserRecords, []userSpan(nil)
	title, left := "user records", len(first)-2*endsShown
	if !d.all && len(first) > mostUsers {
		first, last = first[:endsShown], first[len(first)-endsShown:]
		title += ", the first and the last"
	}
	fmt.Fprintf(w, "\n  %s\n  index\toffset\tbytes\tkey\texplicit\tdata at\tbytes\tdata\n", d.bold(title))
	for i := range first {
		d.drawUserRecord(w, a, &first[i])
		rowDone(w, i)
	}
	if last != nil {
		fmt.Fprintf(w, "  …\t\t\t\t\t\t\t%d more (--all shows them)\n", left)
	}
	for i := range last {
		d.drawUserRecord(w, a, &last[i])
	}
}

// rowDone writes what w has collected to align it, after each 1,000 rows.
func rowDone(w io.Writer, i int) {
	if t, ok := w.(*tabwriter.Writer); ok && i%1000 == 999 {
		_ = t.Flush() // the buffer below keeps its error
	}
}

func (d *drawer) drawUserRecord(w io.Writer, a *anatomy, u *userSpan) {
	fmt.Fprintf(w, "  %d\t%d\t%d\t%s\t%s\t", u.SubSequenceNumber, u.Offset, u.Size,
		keyAt(a.PartitionKeys, u.PartitionKeyIndex), keyAt(a.ExplicitKeys, u.ExplicitHashKeyIndex))
	if u.hasData {
		fmt.Fprintf(w, "%d\t%d\t%s", u.DataOffset, u.DataSize, shorten(a.data[u.DataOffset:u.DataOffset+u.DataSize]))
	} else {
		fmt.Fprint(w, "-\t-\t-")
	}
	if u.Stray {
		fmt.Fprint(w, d.yellow("  (stray: outside the shard's hash keys)"))
	}
	fmt.Fprintln(w)
}

func (d *drawer) drawProblems(w io.Writer, a *anatomy) {
	if len(a.Problems) == 0 {
		return
	}
	title := "WRONG"
	if a.Malformed != "" {
		title += " (" + a.Malformed + ")"
	}
	fmt.Fprintf(w, "\n  %s\n", d.red(title))
	shown := a.Problems
	if !d.all {
		shown = shown[:min(len(shown), mostKeysShown)]
	}
	for i, p := range shown {
		fmt.Fprintf(w, "  byte %d\t%s\n", p.Offset, p.Text)
		rowDone(w, i)
	}
	if more := len(a.Problems) - len(shown) + a.MoreProblems; more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}
