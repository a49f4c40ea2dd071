package kinesisjson

// Writer writes an answer like the one that was read, with other records in it. The zero Writer is ready for Begin.
type Writer struct {
	format Format
	out    []byte
	first  bool    // no record is written yet
	of     *Record // whose user records are being written
	rest   []byte  // what they have from it
	lexers lexers
}

// Begin begins to append an answer like a to dst. The records come first, since the other fields may hang on them.
func (w *Writer) Begin(a *Answer, dst []byte) {
	w.format, w.first, w.of = a.format, true, nil
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
	if w.of != stored {
		w.of, w.rest = stored, stored.appendRest(w.rest[:0], w.format, &w.lexers)
	}
	w.comma()
	f, out := w.format, w.format.appendOpen(w.out, false)
	out = f.appendText(f.appendName(out, "SequenceNumber"), sequenceNumber)
	out = f.appendText(f.appendName(f.appendComma(out, false), "PartitionKey"), partitionKey)
	out = f.appendBlob(f.appendName(f.appendComma(out, false), "Data"), data)
	w.out = f.appendClose(append(out, w.rest...), false)
}

func (w *Writer) comma() {
	w.out = w.format.appendComma(w.out, w.first)
	w.first = false
}

// Len returns how many bytes there are, with those of dst.
func (w *Writer) Len() int { return len(w.out) }

// End writes the fields beside the records, the answer's own or a changed clone of them, and returns all of it.
func (w *Writer) End(fields *Object) []byte {
	w.out = fields.appendFields(w.format.appendClose(w.out, true), false)
	out := w.format.appendClose(w.out, false)
	w.out, w.of = nil, nil
	return out
}
