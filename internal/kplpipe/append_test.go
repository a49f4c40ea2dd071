package kplpipe

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// TestAppend: both ways make the same frame, after what is there, and the reader finds what was put.
func TestAppend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 300, -1)
		p := Put{rapid.Uint64().Draw(t, "id"), text.Draw(t, "stream"), text.Draw(t, "key"), text.Draw(t, "hash key"), rapid.SliceOf(rapid.Byte()).Draw(t, "data")}
		m := &kplpb.Message{Id: &p.ID, ActualMessage: &kplpb.Message_PutRecord{PutRecord: &kplpb.PutRecord{
			StreamName: &p.Stream, PartitionKey: &p.PartitionKey, Data: p.Data,
		}}}
		if m.GetPutRecord().Data == nil {
			m.GetPutRecord().Data = []byte{}
		}
		if p.ExplicitHashKey != "" {
			m.GetPutRecord().ExplicitHashKey = &p.ExplicitHashKey
		}
		before := []byte("before")
		want, err := AppendFrame(before, m)
		if got := AppendPut(before, p); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%x, want %x (%v)", got, want, err)
		}
		read, _, err := NewReader(bytes.NewReader(want[len(before):]), DaemonLimit).ReadPut()
		if err != nil || !samePut(read, p) {
			t.Fatalf("%+v, %v, want %+v", read, err, p)
		}
	})
}

// A message without an id is no frame, and nothing is left of it.
func TestAppendHalf(t *testing.T) {
	m := &kplpb.Message{ActualMessage: &kplpb.Message_Flush{Flush: &kplpb.Flush{StreamName: proto.String("orders")}}}
	if b, err := AppendFrame([]byte("before"), m); err == nil || string(b) != "before" {
		t.Errorf("%q, %v", b, err)
	}
}
