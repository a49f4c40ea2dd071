package producer

import (
	"bytes"
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// protocol writes the bodies of PutRecords requests; all else is the SDK's business, which would take several times as long
// for them and copy all data several times. The signature, retries and whatever middleware a client has come later, and find
// a request as the SDK makes it.
type protocol struct{ smithyhttp.ClientProtocol }

// setProtocol leaves a protocol that does not write as the SDK's own as it is. What a layer of deaggaws around it reads, it
// reads as before.
func setProtocol(o *kinesis.Options) {
	if sdk, ok := writer(o.Protocol).(*awsjson.Protocol); ok && sdk.ID().Name == "awsJson1_1" {
		o.Protocol = protocol{o.Protocol}
	}
}

// writer is the protocol that writes the requests of p: inside of layers that only read.
func writer(p smithyhttp.ClientProtocol) smithyhttp.ClientProtocol {
	for {
		layer, ok := p.(interface {
			WritesAs() smithyhttp.ClientProtocol
		})
		if !ok {
			return p
		}
		p = layer.WritesAs()
	}
}

// SerializeRequest lets the SDK make a request without records, for its head.
func (p protocol) SerializeRequest(ctx context.Context, schema *smithy.OperationSchema, in smithy.Serializable, r *smithyhttp.Request) error {
	put, ok := in.(*kinesis.PutRecordsInput)
	if !ok || put.DryRun != nil || put.StreamId != nil {
		return p.ClientProtocol.SerializeRequest(ctx, schema, in, r)
	}
	if err := p.ClientProtocol.SerializeRequest(ctx, schema, &kinesis.PutRecordsInput{}, r); err != nil {
		return err
	}
	full, err := r.SetStream(bytes.NewReader(body(put)))
	if err != nil {
		return err
	}
	*r = *full
	return nil
}

// body is that of a request.
func body(in *kinesis.PutRecordsInput) []byte {
	size := 0
	for _, r := range in.Records {
		size += kinesisjson.PutSize(len(r.Data), len(deref(r.PartitionKey))+len(deref(r.ExplicitHashKey)))
	}
	var w kinesisjson.PutWriter
	w.Begin(size)
	for _, r := range in.Records {
		w.Record(r.Data, r.PartitionKey, r.ExplicitHashKey)
	}
	return w.End(in.StreamName, in.StreamARN)
}
