package kplpipe

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// TestSession reads what the real Java wrapper and the real native binary wrote, and writes it again bit for bit.
func TestSession(t *testing.T) {
	for _, version := range []string{"1.0.7", "0.14.13"} {
		t.Run(version, func(t *testing.T) {
			folder := filepath.Join("testdata", "session", version)
			seen := map[string]int{}
			for _, file := range []string{"to-child", "from-child"} {
				for _, m := range again(t, filepath.Join(folder, file), DaemonLimit) {
					seen[content(m)]++
				}
			}
			arguments, err := os.ReadFile(filepath.Join(folder, "arguments"))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(string(arguments), "\n")
			for i, option := range lines {
				if option == "-c" || option == "-k" || option == "-w" {
					seen[content(argumentAgain(t, lines[i+1]))]++
				}
			}
			want := map[string]int{
				"put_record": 9, "put_record_result": 9, "flush": 2, "metrics_request": 2, "metrics_response": 2,
				"set_credentials": 4, "configuration": 1, "stream_metadata": 1,
			}
			if version == "0.14.13" {
				delete(want, "stream_metadata") // it does not know that one
			}
			for kind, n := range want {
				if seen[kind] != n {
					t.Errorf("%d of %s, want %d", seen[kind], kind, n)
				}
			}
			if len(seen) != len(want) {
				t.Errorf("seen %v, want %v", seen, want)
			}
		})
	}
}

// content returns the name of the field that a message holds.
func content(m *kplpb.Message) string {
	oneof := m.ProtoReflect().Descriptor().Oneofs().Get(0)
	return string(m.ProtoReflect().WhichOneof(oneof).Name())
}

// again returns the messages of a file, and fails unless writing them gives the file.
func again(t *testing.T, file string, limit int) (messages []*kplpb.Message) {
	t.Helper()
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(bytes.NewReader(want), limit)
	var got bytes.Buffer
	w := NewWriter(&got, limit)
	for {
		m, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 {
			t.Errorf("%s: fields that the schema does not have: %x", file, unknown)
		}
		messages = append(messages, m)
		if err := w.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s: written again it is another:\n%x\n%x", file, got.Bytes(), want)
	}
	return messages
}

func argumentAgain(t *testing.T, text string) *kplpb.Message {
	t.Helper()
	m, err := ParseArgument(text)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := FormatArgument(m); err != nil || got != text {
		t.Errorf("argument %s written again is %s, %v", text, got, err)
	}
	if lower, err := ParseArgument(strings.ToLower(text)); err != nil || !proto.Equal(lower, m) {
		t.Errorf("argument in lower case: %v, %v", lower, err)
	}
	if c := m.GetConfiguration(); c != nil {
		if err := Validate(c); err != nil {
			t.Errorf("the KPL's own configuration: %v", err)
		}
	}
	return m
}
