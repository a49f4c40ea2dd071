package kplpipe

import (
	"bytes"
	"io"
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
	f.Add(append(data, data[2:]...))                                               // the record twice
	f.Add(append(data, data[:2]...))                                               // the id twice
	f.Add(append(data, 0x22, 0))                                                   // a flush after it: the last of them counts
	f.Add([]byte("\x08\x01\x1a\x0f\x0a\x01a\x0a\x01b\x12\x01k\x22\x01d\x22\x01e")) // fields twice
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

// What was read stays as it is when the Reader goes on, and appending to data changes no key.
func TestPutIsItsOwn(t *testing.T) {
	first := frame([]byte("\x08\x01\x1a\x0b\x22\x01d\x0a\x03abc\x12\x01k")...) // data before the keys
	second := frame([]byte("\x08\x02\x1a\x0b\x22\x01D\x0a\x03ABC\x12\x01K")...)
	r := NewReader(io.MultiReader(bytes.NewReader(first), &endless{data: second}), DaemonLimit)
	got, _, err := r.ReadPut()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * ReadBuffer / len(second) { // until the first has been overwritten in the buffer
		if _, _, err := r.ReadPut(); err != nil {
			t.Fatal(err)
		}
	}
	_ = append(got.Data, "more"...)
	if want := (Put{ID: 1, Stream: "abc", PartitionKey: "k", Data: []byte("d")}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
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
