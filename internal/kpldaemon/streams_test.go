package kpldaemon

import (
	"crypto/md5"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// TestBadNames: names that no stream can have take no place, and no memory.
func TestBadNames(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c := b.connect()
		bad := []string{"", "a b", "é", "a/b", strings.Repeat("x", 129), strings.Repeat("x", 1<<20), "arn:aws:kinesis:us-east-1:0:stream/a", "arn:aws:sqs:us-east-1:000000000000:stream/a"}
		for id, name := range bad {
			c.send(99, &kplpb.Message{ActualMessage: &kplpb.Message_StreamMetadata{StreamMetadata: &kplpb.StreamMetadata{StreamName: &name, StreamId: proto.String("id")}}})
			c.put(uint64(id), name)
		}
		for id := range bad {
			if r := c.result(uint64(id)); r.Attempts[0].GetErrorCode() != codeInvalid {
				t.Errorf("%.20q: %v", bad[id], r)
			}
		}
		if len(b.d.streams) != 0 || len(b.d.counters.all.within) != 0 || len(b.d.api.ids) != 0 {
			t.Errorf("%d streams, %d counted, %d ids", len(b.d.streams), len(b.d.counters.all.within), len(b.d.api.ids))
		}
	})
	for _, name := range []string{"a.b_c-D9", strings.Repeat("x", 128), "arn:aws-us-gov:kinesis:us-gov-west-1:000000000000:stream/a"} {
		if !kplpipe.IsStream(name) {
			t.Errorf("%s is refused", name)
		}
	}
}

// TestAggregatePut: a stored record that is put as a user record is put, with a warning once a stream.
func TestAggregatePut(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c := b.connect()
		sum := md5.Sum([]byte("\x0a\x01k"))
		aggregate := "\xf3\x89\x9a\xc2\x0a\x01k" + string(sum[:])
		damaged := aggregate[:len(aggregate)-1] + "?"
		c.putRecord(1, "b", "k", "", damaged)
		for id := range uint64(3) {
			c.putRecord(2+id, "a", "k", "", aggregate)
		}
		for id := range uint64(4) {
			if r := c.result(1 + id); !r.GetSuccess() {
				t.Errorf("put %d: %v", 1+id, r)
			}
		}
		if n := strings.Count(b.log.String(), "an aggregate in an aggregate"); n != 1 || !strings.Contains(b.log.String(), `stream="a"`) {
			t.Errorf("%d warnings:\n%s", n, b.log)
		}
	})
}

// TestPlaces: names where no stream is give their places up, and so do streams that are idle for long; one in use does not.
func TestPlaces(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c := b.connect()
		id := uint64(0)
		put := func(stream string) *kplpb.PutRecordResult {
			id++
			c.put(id, stream)
			return c.result(id)
		}
		none := func() {
			for i := range 100 {
				if r := put(fmt.Sprint("none", i)); r.Attempts[0].GetErrorCode() != "ResourceNotFoundException" {
					t.Fatalf("%v", r)
				}
			}
		}
		put("b") // idle from here on
		time.Sleep(idleTime)
		put("a")
		for i := range maxStreams - 2 { // the table is full of what stored something
			b.d.mu.Lock()
			s := &stream{d: b.d, name: fmt.Sprint("full", i), used: time.Now()}
			s.stored.Store(true)
			s.cancelled, s.cancel = b.d.streams["a"].cancelled, func() {}
			b.d.streams[s.name] = s
			b.d.mu.Unlock()
		}
		none()
		time.Sleep(time.Second)
		if _, kept := b.d.streams["a"]; !kept {
			t.Error("a stream in use lost its place")
		}
		if _, kept := b.d.streams["b"]; kept {
			t.Error("an idle stream kept its place")
		}
		if n := len(b.d.counters.all.within); n > maxStreams {
			t.Errorf("%d streams are counted", n)
		}
		if _, err := b.kin.CreateStream(b.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("c"), ShardCount: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
		if r := put("c"); !r.GetSuccess() {
			t.Errorf("a new stream: %v", r)
		}
		if r := put("b"); r.GetSuccess() || r.Attempts[0].GetErrorCode() != codeInvalid {
			t.Errorf("one too many: %v", r)
		}
		time.Sleep(idleTime)
		if r := put("b"); !r.GetSuccess() {
			t.Errorf("after all were idle: %v", r)
		}
	})
}
