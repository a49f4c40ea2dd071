package kplpipe

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// generated reads a message by the generated code alone.
func generated(data []byte) (Put, *kplpb.Message, error) {
	m := new(kplpb.Message)
	err := Unmarshal(data, m)
	if p := m.GetPutRecord(); err == nil && p != nil {
		return asPut(m.GetId(), p), nil, nil
	}
	return Put{}, m, err
}

// TestPutFields: the short way is taken for what writers write, and finds what the generated code finds.
func TestPutFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := put(rapid.Uint64().Draw(t, "id"), "")
		fill(t, m.GetPutRecord().ProtoReflect())
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := parsePut(data)
		want, _, _ := generated(data)
		if !ok || !samePut(got, want) {
			t.Fatalf("%+v, %v, want %+v", got, ok, want)
		}
	})
}

// FuzzPut: whatever the bytes, ReadPut and the generated code agree.
func FuzzPut(f *testing.F) {
	data := marshal(f, put(1, "data"))
	f.Add(data)
	f.Add(append(data, data[2:]...)) // the record twice
	f.Add(append(data, data[:2]...)) // the id twice
	f.Add([]byte{8, 1, 0x1a, 0})
	f.Add(marshal(f, &kplpb.Message{Id: proto.Uint64(1), SourceId: proto.Uint64(2), ActualMessage: put(1, "").ActualMessage}))
	f.Fuzz(func(t *testing.T, message []byte) {
		got, other, err := NewReader(bytes.NewReader(frame(message...)), WrapperLimit).ReadPut()
		want, wantOther, wantErr := generated(message)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, want %v", err, wantErr)
		}
		if err == nil && (!samePut(got, want) || (other == nil) != (wantOther == nil)) {
			t.Fatalf("%+v, %v, want %+v, %v", got, other, want, wantOther)
		}
	})
}

func samePut(a, b Put) bool {
	same := bytes.Equal(a.Data, b.Data)
	a.Data, b.Data = nil, nil
	return same && reflect.DeepEqual(a, b)
}

// What was read stays as it is when the Reader goes on.
func TestPutIsItsOwn(t *testing.T) {
	r := NewReader(bytes.NewReader(append(frame(marshal(t, put(1, "first"))...), frame(marshal(t, put(2, "other"))...)...)), DaemonLimit)
	first, _, err := r.ReadPut()
	if err != nil {
		t.Fatal(err)
	}
	_ = append(first.Data, "more"...)
	if _, _, err := r.ReadPut(); err != nil {
		t.Fatal(err)
	}
	if want := (Put{ID: 1, Stream: "orders", PartitionKey: "key", Data: []byte("first")}); !reflect.DeepEqual(first, want) {
		t.Errorf("%+v, want %+v", first, want)
	}
}

func BenchmarkRead(b *testing.B) {
	data := frame(marshal(b, put(1<<40, strings.Repeat("x", 100)))...)
	b.Run("Read", func(b *testing.B) {
		b.ReportAllocs()
		for r := NewReader(&endless{data: data}, DaemonLimit); b.Loop(); {
			if _, err := r.Read(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ReadPut", func(b *testing.B) {
		b.ReportAllocs()
		for r := NewReader(&endless{data: data}, DaemonLimit); b.Loop(); {
			if _, _, err := r.ReadPut(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// endless is the same bytes again and again.
type endless struct {
	data []byte
	rest []byte
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(e.rest) == 0 {
			e.rest = e.data
		}
		c := copy(p[n:], e.rest)
		n, e.rest = n+c, e.rest[c:]
	}
	return n, nil
}
