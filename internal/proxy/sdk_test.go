package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

type tlsConn = tls.Conn

func newBufReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

// sawProto notes the version of HTTP in which answers come to the SDK.
func sawProto(major *int) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("sawProto", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleDeserialize(ctx, in)
			if answer, ok := out.RawResponse.(*smithyhttp.Response); ok && answer != nil {
				*major = answer.ProtoMajor
			}
			return out, meta, err
		}), middleware.After)
	}
}
