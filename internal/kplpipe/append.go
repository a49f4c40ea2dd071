package kplpipe

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// AppendFrame appends a message as a frame. It fails where a required field is missing, and then appends nothing.
func AppendFrame(b []byte, m *kplpb.Message) ([]byte, error) {
	at := len(b)
	framed, err := proto.MarshalOptions{}.MarshalAppend(append(b, 0, 0, 0, 0), m)
	if err != nil {
		return b, fmt.Errorf("kplpipe: message %d: %w", m.GetId(), err)
	}
	binary.BigEndian.PutUint32(framed[at:], uint32(len(framed)-at-prefix))
	return framed, nil
}

// AppendPut appends a put_record as a frame: the bytes of AppendFrame, without a message made for it.
func AppendPut(b []byte, p Put) []byte {
	inner := sizeOf(p.Stream) + sizeOf(p.PartitionKey) + sizeOf(p.Data)
	if p.ExplicitHashKey != "" {
		inner += sizeOf(p.ExplicitHashKey)
	}
	message := 1 + protowire.SizeVarint(p.ID) + 1 + protowire.SizeBytes(inner)
	b = binary.BigEndian.AppendUint32(b, uint32(message))
	b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), p.ID)
	b = protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.BytesType), uint64(inner))
	b = appendField(b, 1, p.Stream)
	b = appendField(b, 2, p.PartitionKey)
	if p.ExplicitHashKey != "" {
		b = appendField(b, 3, p.ExplicitHashKey)
	}
	return appendField(b, 4, p.Data)
}

// sizeOf is the size of a field with its tag, whose number is below 16.
func sizeOf[T string | []byte](value T) int { return 1 + protowire.SizeBytes(len(value)) }

func appendField[T string | []byte](b []byte, field protowire.Number, value T) []byte {
	b = protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(len(value)))
	return append(b, value...)
}
