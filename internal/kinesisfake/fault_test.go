package kinesisfake_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/transport/http"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fault  kinesisfake.Fault
		stored string // of the records a, b and c
		check  func(*testing.T, *kinesis.PutRecordsOutput, error)
	}{
		{"drop", kinesisfake.Fault{Drop: true}, "", wantBroken},
		{"error", kinesisfake.Fault{ErrorCode: "ProvisionedThroughputExceededException"}, "",
			func(t *testing.T, _ *kinesis.PutRecordsOutput, err error) {
				wantError[*types.ProvisionedThroughputExceededException](world{T: t}, err)
			}},
		{"partial failure", kinesisfake.Fault{FailEntries: map[int]string{1: "InternalFailure"}}, "ac",
			func(t *testing.T, out *kinesis.PutRecordsOutput, err error) {
				if err != nil || *out.FailedRecordCount != 1 || *out.Records[1].ErrorCode != "InternalFailure" || out.Records[2].ErrorCode != nil {
					t.Errorf("%+v, %v", out, err)
				}
			}},
		{"lost response", kinesisfake.Fault{LoseResponse: true}, "abc", wantBroken},
		{"duplicate", kinesisfake.Fault{Duplicate: true}, "abcabc",
			func(t *testing.T, out *kinesis.PutRecordsOutput, err error) {
				if err != nil || *out.FailedRecordCount != 0 {
					t.Errorf("%+v, %v", out, err)
				}
			}},
	} {
		opts := kinesisfake.Options{Fault: func(r kinesisfake.Request) kinesisfake.Fault {
			if r.Operation == "PutRecords" {
				return tt.fault
			}
			return kinesisfake.Fault{}
		}}
		t.Run(tt.name, func(t *testing.T) {
			both(t, opts, func(w world) {
				w.create("s", 1)
				in := &kinesis.PutRecordsInput{StreamName: aws.String("s")}
				for _, text := range []string{"a", "b", "c"} {
					in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: []byte(text)})
				}
				out, err := w.PutRecords(w.ctx, in)
				tt.check(w.T, out, err)
				stored := ""
				for _, r := range w.server.Records("s")[*id(0)] {
					stored += string(r.Data)
				}
				if stored != tt.stored {
					w.Errorf("stored %q, want %q", stored, tt.stored)
				}
			})
		})
	}
}

func wantBroken(t *testing.T, _ *kinesis.PutRecordsOutput, err error) {
	t.Helper()
	var send *http.RequestSendError
	if !errors.As(err, &send) {
		t.Errorf("got %v, want a broken connection", err)
	}
}

func TestDelayAndContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{Fault: func(kinesisfake.Request) kinesisfake.Fault {
			return kinesisfake.Fault{Delay: time.Minute}
		}})
		start := time.Now()
		w.create("s", 1)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("took %v", took)
		}
		ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
		defer cancel()
		_, err := w.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("t"), ShardCount: aws.Int32(1)})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 70*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if w.server.Records("t") != nil {
			t.Error("the request that was given up happened")
		}
	})
}

func TestRequestsToFault(t *testing.T) {
	var seen []kinesisfake.Request
	s := kinesisfake.New(kinesisfake.Options{Fault: func(r kinesisfake.Request) kinesisfake.Fault {
		seen = append(seen, r)
		return kinesisfake.Fault{}
	}})
	defer s.Close()
	for _, body := range []string{`{"StreamName":"s","ShardCount":1}`, ` {"ShardCount":1, "StreamName":"s"}`} {
		r := request("CreateStream", body)
		r.Header.Set(kinesisfake.HostHeader, "worker-1")
		if _, err := s.Transport().RoundTrip(r); err != nil {
			t.Fatal(err)
		}
	}
	if seen[0].Operation != "CreateStream" || seen[0].Host != "worker-1" || !bytes.Equal(seen[0].Body(), seen[1].Body()) ||
		!strings.Contains(string(seen[0].Body()), `"StreamName":"s"`) {
		t.Errorf("%s %s: %s and %s", seen[0].Host, seen[0].Operation, seen[0].Body(), seen[1].Body())
	}
}

func TestSDKRetriesALostResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		w := inProcess(t, kinesisfake.Options{Fault: func(r kinesisfake.Request) kinesisfake.Fault {
			return kinesisfake.Fault{LoseResponse: r.Operation == "PutRecord" && calls.Add(1) == 1}
		}})
		w.create("s", 1)
		retrying := kinesis.New(w.Options(), func(o *kinesis.Options) { o.Retryer = retry.NewStandard() })
		_, err := retrying.PutRecord(w.ctx, &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"), Data: []byte("x")})
		must(w, 0, err)
		if got := len(w.server.Records("s")[*id(0)]); got != 2 {
			t.Errorf("stored %d times, want 2: the lost one and its repetition", got)
		}
	})
}

func TestRateLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{RateLimits: true})
		w.create("s", 1)
		puts := func(n, size int) (failed int) {
			in := &kinesis.PutRecordsInput{StreamName: aws.String("s")}
			for range n {
				in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: make([]byte, size-1)})
			}
			out := must1(w.PutRecords(w.ctx, in))
			for _, r := range out.Records {
				if r.ErrorCode != nil && *r.ErrorCode != "ProvisionedThroughputExceededException" {
					t.Errorf("error code %s", *r.ErrorCode)
				}
			}
			return int(*out.FailedRecordCount)
		}
		if a, b, c := puts(500, 10), puts(500, 10), puts(7, 10); a != 0 || b != 0 || c != 7 {
			t.Errorf("of 500, 500 and 7 records in a second failed %d, %d, %d", a, b, c)
		}
		time.Sleep(time.Second)
		if failed := puts(4, 1<<18+1); failed != 1 {
			t.Errorf("of 1 MiB and 4 bytes in a second failed %d, want 1", failed)
		}
		_, err := w.PutRecord(w.ctx, &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"), Data: make([]byte, 1<<19)})
		wantError[*types.ProvisionedThroughputExceededException](w, err)
		it := w.iterator("s", 0, types.ShardIteratorTypeLatest)
		for range 5 {
			w.get(it)
		}
		_, err = w.GetRecords(w.ctx, &kinesis.GetRecordsInput{ShardIterator: it})
		wantError[*types.ProvisionedThroughputExceededException](w, err)
		for range 10 {
			time.Sleep(time.Second)
			w.bulk(1, 1<<20)
		}
		time.Sleep(time.Second)
		it = w.iterator("s", 0, types.ShardIteratorTypeTrimHorizon)
		w.get(it) // 10 MiB
		time.Sleep(3 * time.Second)
		_, err = w.GetRecords(w.ctx, &kinesis.GetRecordsInput{ShardIterator: it})
		wantError[*types.ProvisionedThroughputExceededException](w, err)
		time.Sleep(2 * time.Second)
		must1(w.GetRecords(w.ctx, &kinesis.GetRecordsInput{ShardIterator: it, Limit: aws.Int32(1)}))
	})
}
