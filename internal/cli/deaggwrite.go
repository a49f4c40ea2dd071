package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/recordio"
)

// write writes or counts a user record of a shard that has a range.
func (d *deaggregation) write(u *deagg.UserRecord, r *recordio.Record, hashes hashkey.Range) {
	if d.tally != nil {
		d.tally.user(u, r.ShardID, hashes)
	}
	if d.unwrap == nil || !d.writeUnwrapped(u, r) { // a damaged aggregate starts with the magic, and with nothing that is opened
		d.put(u, r, nil)
	}
}

// put writes a line, with what more appends to its JSON.
func (d *deaggregation) put(u *deagg.UserRecord, r *recordio.Record, more func([]byte) []byte) {
	if d.tally != nil {
		return
	}
	b := d.format(d.out.buf, u, r.ShardID)
	if more != nil && !d.raw {
		const end = "}\n"
		b = append(more(b[:len(b)-len(end)]), end...)
	}
	d.out.buf = b
	d.out.lineDone()
}

func (d *deaggregation) stats() deagg.Stats {
	s := d.decoder.Stats()
	s.Stored += d.refused
	s.Malformed += d.malformed + d.refused
	return s
}

func (d *deaggregation) writeStats(w io.Writer, s deagg.Stats, asJSON bool) {
	format, more, end := "stored %d, aggregated %d, user %d, strays %d, dropped %d, skipped %d, malformed %d", ", left out %d", "\n"
	if asJSON {
		format, more, end = `{"v":1,"stored":%d,"aggregated":%d,"user":%d,"strays":%d,"dropped":%d,"skipped":%d,"malformed":%d`, `,"left_out":%d`, "}\n"
	}
	text := fmt.Sprintf(format, s.Stored, s.Aggregated, s.User, s.Strays, s.Dropped, s.Skipped, s.Malformed)
	if d.leftOut > 0 {
		text += fmt.Sprintf(more, d.leftOut)
	}
	switch {
	case d.unwrap != nil && asJSON:
		unwrapped, _ := json.Marshal(d.unwrap.counts) // numbers have no error
		text += `,"unwrapped":` + string(unwrapped)
	case d.unwrap != nil:
		text += "; unwrapped: " + d.unwrap.counts.String()
	}
	io.WriteString(w, text+end)
}

// writeTally writes the statistics, and nothing else goes to stdout.
func (d *deaggregation) writeTally(w io.Writer, s deagg.Stats, asJSON bool) error {
	var unwrapped *unwrapCounts
	if d.unwrap != nil {
		unwrapped = &d.unwrap.counts
	}
	line := d.tally.line(s, unwrapped)
	if asJSON {
		return line.writeJSON(w)
	}
	line.noRange = d.noRange
	return line.writeText(w)
}
