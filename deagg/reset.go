package deagg

// Reset makes d a zero Decoder that keeps its memory, for the next one who takes it from a pool: its fields, its counts and
// what it has met are gone.
func (d *Decoder) Reset() {
	d.agg.clear()
	*d = Decoder{agg: d.agg, hashes: d.hashes, checks: d.checks, lastApart: d.lastApart[:0]}
}
