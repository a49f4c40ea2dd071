package kinesisjson

import "encoding/base64"

// PutWriter writes the body of a PutRecords request: JSON, in the order of the SDK. It is for whoever has a request's records
// as they are and would have each of them copied several times by the SDK.
type PutWriter struct{ out []byte }

// PutSize is how many bytes a stored record takes in a PutRecords request at most, if its keys, of so many bytes together,
// have nothing to escape.
func PutSize(data, keys int) int {
	return len(`{"Data":"","ExplicitHashKey":"","PartitionKey":""},`) + base64.StdEncoding.EncodedLen(data) + keys
}

// Begin begins a request; it allocates once if room is the sum of the PutSize of all records.
func (w *PutWriter) Begin(room int) {
	const ends = len(`{"Records":[],"StreamARN":"","StreamName":""}`) + 2048 // ARNs and names are shorter
	w.out = append(make([]byte, 0, room+ends), `{"Records":[`...)
}

// Record writes a stored record. What is nil is left out; what is not UTF-8 in a key becomes U+FFFD.
func (w *PutWriter) Record(data []byte, partitionKey, explicitHashKey *string) {
	out := append(w.out, '{')
	if data != nil {
		out = JSON.appendBlob(JSON.appendName(out, "Data"), data)
	}
	out = appendMember(out, "ExplicitHashKey", explicitHashKey)
	out = appendMember(out, "PartitionKey", partitionKey)
	w.out = append(out, '}', ',')
}

// End ends the request and returns it.
func (w *PutWriter) End(streamName, streamARN *string) []byte {
	out := w.out
	if last := len(out) - 1; out[last] == ',' {
		out = out[:last]
	}
	out = append(out, ']')
	out = appendMember(out, "StreamARN", streamARN)
	out = appendMember(out, "StreamName", streamName)
	w.out = nil
	return append(out, '}')
}

// appendMember appends a text to an object, after a comma unless it is the first member.
func appendMember(dst []byte, name string, value *string) []byte {
	if value == nil {
		return dst
	}
	dst = JSON.appendComma(dst, dst[len(dst)-1] == '{')
	return JSON.appendText(JSON.appendName(dst, name), *value)
}
