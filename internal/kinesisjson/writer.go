package kinesisjson

// Writer writes an answer like the one that was read, with other records in it. The zero Writer is ready for Begin.
type Writer struct {
	format Format
	out    []byte
	taken  int     // bytes that were written before out
	first  bool    // no record is written yet
	of     *Record // whose user records are being written
	rest   []byte  // what they have from it, and their end
	prefix string  // of their numbers, as it was given
	text   string  // and as it is written
	head   []byte  // what stands before the number; in JSON also the prefix
	lexers lexers
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

// UserRecord writes a record that is like a stored record of the answer but for what is given. Its sequence number is prefix,
// which most user records of a stored record share, and suffix, which is ASCII with nothing to escape. What is not UTF-8 in
// prefix or key becomes U+FFFD.
func (w *Writer) UserRecord(stored *Record, prefix string, suffix []byte, partitionKey string, data []byte) {
	if w.of != stored || w.prefix != prefix {
		w.begin(stored, prefix)
	}
	f, out := w.format, w.out
	if f == CBOR {
		out = appendHead(append(out, w.head...), cborText, uint64(len(w.text)+len(suffix)))
		out = append(append(out, w.text...), suffix...)
		out = f.appendText(f.appendName(out, "PartitionKey"), partitionKey)
		out = f.appendName(out, "Data")
	} else { // the same in three pieces: there may be a million
		head := w.head
		if w.first {
			head = head[len(","):]
		}
		out = append(append(out, head...), suffix...)
		out = f.appendText(append(out, `","PartitionKey":`...), partitionKey)
		out = append(out, `,"Data":`...)
	}
	w.out, w.first = append(f.appendBlob(out, data), w.rest...), false
}

// begin makes ready what user records of a stored record share.
func (w *Writer) begin(stored *Record, prefix string) {
	f := w.format
	if w.of != stored {
		w.of, w.rest = stored, f.appendClose(stored.appendRest(w.rest[:0], f, &w.lexers), false)
	}
	w.prefix, w.text = prefix, validText(prefix)
	w.head = f.appendName(f.appendOpen(f.appendComma(w.head[:0], false), false), "SequenceNumber")
	if f == JSON {
		w.head = appendJSONText(w.head, w.text)
		w.head = w.head[:len(w.head)-len(`"`)]
	}
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
	w.out, w.of, w.prefix, w.text = nil, nil, "", ""
	return out
}
