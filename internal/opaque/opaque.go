// Package opaque takes user records through a library that knows only the SDK's records and would take aggregates apart by
// itself: a stored record comes out of the client as something that nobody takes for an aggregate, and what it holds goes along.
package opaque

import (
	"context"
	"strings"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/wire"
)

type wanted struct{}

// Records is the option of a Kinesis client with deaggaws.WithDeaggregation that has its aggregates sealed.
func Records(o *kinesis.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("kplkit opaque records",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(middleware.WithStackValue(ctx, wanted{}, true), in)
			}), middleware.Before)
	})
}

// Wanted reports whether the call that ctx is of has its aggregates sealed.
func Wanted(ctx context.Context) bool { return middleware.GetStackValue(ctx, wanted{}) != nil }

// sealed is where the sequence number of a sealed record stands: the one pointer in types.Record that every copy of it keeps.
type sealed struct {
	number string    // of text
	text   [129]byte // as long as the API has them
	users  []deagg.UserRecord
}

// mark is the EncryptionType of a sealed record. It is known by where it stands, so that no text from outside is taken for it.
var mark = strings.Clone("kplkit")

// Seal returns r, which begins with the magic, as a record that holds users, of which there is at least one. Its data is without the
// first byte of the magic: what counts bytes counts nearly right.
func Seal(r types.Record, users []deagg.UserRecord) types.Record {
	s := &sealed{users: users}
	s.number = unsafe.String(&s.text[0], copy(s.text[:], aws.ToString(r.SequenceNumber)))
	r.SequenceNumber, r.EncryptionType = &s.number, types.EncryptionType(mark)
	r.Data = r.Data[1:]
	return r
}

// Open returns the user records that r holds, and false if it is not sealed. There are none if somebody has given it another
// sequence number since: they went with the old one, and Data is what is left of them.
func Open(r *types.Record) ([]deagg.UserRecord, bool) {
	if len(r.EncryptionType) != len(mark) || unsafe.StringData(string(r.EncryptionType)) != unsafe.StringData(mark) {
		return nil, false
	}
	// A text that stands where that of a sealed stands is in one: nobody else has a string just before its own text.
	number := r.SequenceNumber
	if number == nil || uintptr(unsafe.Pointer(unsafe.StringData(*number))) != uintptr(unsafe.Pointer(number))+unsafe.Offsetof(sealed{}.text) {
		return nil, true
	}
	return (*sealed)(unsafe.Pointer(number)).users, true
}

// Data returns the data that a sealed record had.
func Data(r *types.Record) []byte { return append([]byte(wire.Magic[:1]), r.Data...) }
