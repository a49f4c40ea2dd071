package kinesisjson

// Writer writes an answer like the one that was read, with other records in it. The zero Writer is ready for Begin.
type Writer struct {
	format Format
	out    []byte
	taken  int     // bytes that were written before out
	first  bool    // no record is written yet
	of     *Record // whose user records are being written
	rest   []byte  // what they have from it, and their end
	lexers lexers
}

// around is what stands between the values of a user record.
type around struct{ open, key, data []byte }

var arounds = [...]around{JSON: aroundIn(JSON), CBOR: aroundIn(CBOR)}

func aroundIn(f Format) around {
	return around{
		open: f.appendName(f.appendOpen(nil, false), "SequenceNumber"),
		key:  f.appendName(f.appendComma(nil, false), "PartitionKey"),
		data: f.appendName(f.appendComma(nil, false), "Data"),
	}
}

// Begin begins to append an answer like a to dst. The records come first, since the other fields may hang on them.
func (w *Writer) Begin(a *Answer, dst []byte) {
	w.format, w.taken, w.first, w.of = a.format, 0, true, nil
	w.out = w.format.appendName(w.format.appendOpen(dst, false), "Records")
	w.out = w.format.appendOpen(w.out, true)
}

// Record writes a record of the answer as it came.
func (w *Writer) Record(r *Record) {
	w.comma()
	w.out = append(w.out, r.raw...)
}

// UserRecord writes a record that is like a stored record of the answer but for what is given. What is not UTF-8 in the
// key becomes U+FFFD.
func (w *Writer) UserRecord(stored *Record, sequenceNumber, partitionKey string, data []byte) {
	f, between := w.format, &arounds[w.format]
	if w.of != stored {
		w.of, w.rest = stored, f.appendClose(stored.appendRest(w.rest[:0], f, &w.lexers), false)
	}
	w.comma()
	out := f.appendText(append(w.out, between.open...), sequenceNumber)
	out = f.appendText(append(out, between.key...), partitionKey)
	out = f.appendBlob(append(out, between.data...), data)
	w.out = append(out, w.rest...)
}

func (w *Writer) comma() {
	w.out = w.format.appendComma(w.out, w.first)
	w.first = false
}

// Len returns how many bytes there are, with those of dst and those that were taken.
func (w *Writer) Len() int { return w.taken + len(w.out) }

// Room returns how many more bytes fit where it writes; it makes room of its own for others.
func (w *Writer) Room() int { return cap(w.out) - len(w.out) }

// Take returns what is written since Begin or the last Take, between two records. What follows is appended to dst.
func (w *Writer) Take(dst []byte) (written []byte) {
	written, w.out = w.out, dst
	w.taken += len(written) - len(dst)
	return written
}

// End writes the fields beside the records, the answer's own or a changed clone of them, and returns all that was not taken.
func (w *Writer) End(fields *Object) []byte {
	w.out = fields.appendFields(w.format.appendClose(w.out, true), false)
	out := w.format.appendClose(w.out, false)
	w.out, w.of = nil, nil
	return out
}
