// Package kinesisjson reads and writes what goes over the wire when a shard is read: answers of GetRecords, events of
// SubscribeToShard with the frames around them, and requests whose position changes on the way; in JSON, as most SDKs
// speak, and in CBOR, as the SDK for Java does. The first byte of a body shows which of the two it is.
//
// A body is read in one pass, and what is not asked for is kept as it came: [Writer] puts other records into an answer,
// and [Object] other values into fields, and all else comes out byte for byte. Strings and slices share the memory of
// the body: they are good until it is used again, and what is kept has to be cloned.
//
// What is read means the same to the AWS SDK. Whatever is damaged, or merely not as Kinesis writes it (a field that is
// there twice, an escape in a field's name, something after the end), is left to others: the error is [ErrUnusual], and
// the body is to be passed on as it came, or to be read by the SDK, which has an error of its own for what is damaged.
// Memory stays in proportion to the body, and no depth or length in it can make that more.
//
// A PutRecords request is written by [PutWriter], for the producer.
//
// In CBOR, data is a byte string or, as kinesis-mock has it, base64 text; a time is a number of milliseconds, with tag 1
// where the SDK for Java writes it; objects and lists have lengths or ends of their own. In JSON, a time is a number of
// seconds. No answer of AWS in CBOR was at hand: the form is what the SDK for Java 2.33.0 writes and reads.
package kinesisjson

import "errors"

// ErrUnusual says that a body is left to others: pass it on as it came, or have the SDK read it.
var ErrUnusual = errors.New("not in the usual form")

// Format is how a body is written.
type Format uint8

const (
	JSON Format = 1 + iota // application/x-amz-json-1.1; also all of SubscribeToShard, by the SDK for Java too
	CBOR                   // application/x-amz-cbor-1.1
)

// FormatOf returns the format of an object, and 0 for what is none.
func FormatOf(body []byte) Format {
	switch c := (&jsonLexer{cursor: cursor{b: body}}).next(); {
	case c == '{':
		return JSON
	case len(body) > 0 && body[0]>>5 == cborMap:
		return CBOR
	}
	return 0
}
