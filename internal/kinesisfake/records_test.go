package kinesisfake_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/seqnum"
)

func TestPutAndGet(t *testing.T) {
	both(t, kinesisfake.Options{}, func(w world) {
		w.create("s", 3)
		key := "Schlüssel \"\\\n"
		data := []byte{0, 1, 0xff}
		before := time.Now().Add(-time.Second)
		out, err := w.PutRecords(w.ctx, &kinesis.PutRecordsInput{StreamARN: aws.String(arnPrefix + "s"), Records: []types.PutRecordsRequestEntry{
			{PartitionKey: &key, Data: data},
			{PartitionKey: &key, Data: []byte{}, ExplicitHashKey: aws.String(hashkey.Max().String())},
			{PartitionKey: &key, Data: data, ExplicitHashKey: aws.String("0")},
		}})
		must(w, out, err)
		wantShards := []string{"", *id(2), *id(0)}
		for i, r := range hashkey.Whole().Split(3) {
			if r.Contains(hashkey.Of(key)) {
				wantShards[0] = *id(i)
			}
		}
		for i, entry := range out.Records {
			if *entry.ShardId != wantShards[i] {
				t.Errorf("record %d went to %s, want %s", i, *entry.ShardId, wantShards[i])
			}
		}
		if *out.FailedRecordCount != 0 {
			t.Errorf("%d failed", *out.FailedRecordCount)
		}
		got := w.get(w.iterator("s", 2, types.ShardIteratorTypeTrimHorizon))
		last := got.Records[len(got.Records)-1]
		if *last.PartitionKey != key || len(last.Data) != 0 || *last.SequenceNumber != *out.Records[1].SequenceNumber {
			t.Errorf("read %q %q %s", *last.PartitionKey, last.Data, *last.SequenceNumber)
		}
		if at := *last.ApproximateArrivalTimestamp; at.Before(before) || at.After(time.Now()) {
			t.Errorf("arrived at %v", at)
		}
		if stored := w.server.Records("s")[*id(0)]; stored[len(stored)-1].ExplicitHashKey != "0" {
			t.Errorf("Records lost the explicit hash key: %+v", stored)
		}
		if *got.MillisBehindLatest != 0 || got.NextShardIterator == nil || got.ChildShards != nil {
			t.Errorf("at the tip of an open shard: %+v", got)
		}
	})
}

func TestSequenceNumbersNameTheirShardAndGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{})
		w.create("s", 1)
		w.split("s", 0, "12345678901234567890")
		w.merge("s", 1, 2)
		var last seqnum.Number
		for i := range 100 {
			time.Sleep(time.Duration(i) * 37 * time.Millisecond)
			text := *w.put("s", "k", "x").SequenceNumber
			n := seqnum.MustParse(text)
			if shard, ok := n.ShardIndex(); shard != 3 || !ok || n.Version() != 2 || len(text) != 56 {
				t.Fatalf("%v: shard %d, %v, version %d", n, shard, ok, n.Version())
			}
			if !last.Less(n) {
				t.Fatalf("%v is followed by %v", last, n)
			}
			last = n
		}
		shards := must1(w.ListShards(w.ctx, &kinesis.ListShardsInput{StreamName: aws.String("s")})).Shards
		for _, sh := range shards[1:] {
			parent := shards[strings.IndexByte("0123", (*sh.ParentShardId)[19])]
			start := seqnum.MustParse(*sh.SequenceNumberRange.StartingSequenceNumber)
			if end := seqnum.MustParse(*parent.SequenceNumberRange.EndingSequenceNumber); !end.Less(start) {
				t.Errorf("%s starts at %v, before its parent's end %v", *sh.ShardId, start, end)
			}
		}
	})
}

func must1[T any](out T, err error) T {
	if err != nil {
		panic(err)
	}
	return out
}

func TestIteratorTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{})
		w.create("s", 1)
		a := w.put("s", "k", "a")
		time.Sleep(time.Second)
		between := time.Now()
		time.Sleep(time.Second)
		b := w.put("s", "k", "b")
		atB := time.Now()
		w.put("s", "k", "c")
		shards := must1(w.ListShards(w.ctx, &kinesis.ListShardsInput{StreamName: aws.String("s")})).Shards
		start := shards[0].SequenceNumberRange.StartingSequenceNumber
		for _, tt := range []struct {
			name string
			it   *string
			want []string
		}{
			{"TRIM_HORIZON", w.iterator("s", 0, types.ShardIteratorTypeTrimHorizon), []string{"a", "b", "c"}},
			{"LATEST", w.iterator("s", 0, types.ShardIteratorTypeLatest), nil},
			{"AT a", w.iterator("s", 0, types.ShardIteratorTypeAtSequenceNumber, number(a.SequenceNumber)), []string{"a", "b", "c"}},
			{"AFTER a", w.iterator("s", 0, types.ShardIteratorTypeAfterSequenceNumber, number(a.SequenceNumber)), []string{"b", "c"}},
			{"AT b", w.iterator("s", 0, types.ShardIteratorTypeAtSequenceNumber, number(b.SequenceNumber)), []string{"b", "c"}},
			{"AFTER the start", w.iterator("s", 0, types.ShardIteratorTypeAfterSequenceNumber, number(start)), []string{"a", "b", "c"}},
			{"AT_TIMESTAMP between", w.iterator("s", 0, types.ShardIteratorTypeAtTimestamp, at(between)), []string{"b", "c"}},
			{"AT_TIMESTAMP of b", w.iterator("s", 0, types.ShardIteratorTypeAtTimestamp, at(atB)), []string{"b", "c"}},
			{"AT_TIMESTAMP before all", w.iterator("s", 0, types.ShardIteratorTypeAtTimestamp, at(between.Add(-time.Hour))), []string{"a", "b", "c"}},
		} {
			if diff := cmp.Diff(tt.want, texts(w.get(tt.it).Records)); diff != "" {
				t.Errorf("%s: %s", tt.name, diff)
			}
		}
		tip := w.iterator("s", 0, types.ShardIteratorTypeLatest)
		w.put("s", "k", "d")
		if got := texts(w.get(tip).Records); !cmp.Equal(got, []string{"d"}) {
			t.Errorf("LATEST, then a put: %q", got)
		}
	})
}

func TestPagesAndMillisBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{})
		w.create("s", 1)
		w.put("s", "k", "a", "b")
		time.Sleep(1500 * time.Millisecond)
		w.put("s", "k", "c")
		time.Sleep(time.Second)
		it := w.iterator("s", 0, types.ShardIteratorTypeTrimHorizon)
		for _, want := range []struct {
			texts  []string
			behind int64
		}{{[]string{"a"}, 2500}, {[]string{"b"}, 1000}, {[]string{"c"}, 0}, {nil, 0}} {
			out := must1(w.GetRecords(w.ctx, &kinesis.GetRecordsInput{ShardIterator: it, Limit: aws.Int32(1)}))
			if got := texts(out.Records); !cmp.Equal(got, want.texts) || *out.MillisBehindLatest != want.behind {
				t.Errorf("read %q, %d ms behind, want %q, %d", got, *out.MillisBehindLatest, want.texts, want.behind)
			}
			it = out.NextShardIterator
		}
	})
}

func TestGetRecordsLimits(t *testing.T) {
	w := inProcess(t, kinesisfake.Options{})
	w.create("s", 1)
	w.create("many", 1)
	for range 11 {
		w.bulk(1, 1<<20)
	}
	out := w.get(w.iterator("s", 0, types.ShardIteratorTypeTrimHorizon))
	if len(out.Records) != 10 || len(w.get(out.NextShardIterator).Records) != 1 {
		t.Errorf("the first 10 MiB held %d records, want 10, then 1", len(out.Records))
	}
	for range 21 {
		entries := make([]types.PutRecordsRequestEntry, 500)
		for i := range entries {
			entries[i] = types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: []byte("x")}
		}
		must1(w.PutRecords(w.ctx, &kinesis.PutRecordsInput{StreamName: aws.String("many"), Records: entries}))
	}
	out = w.get(w.iterator("many", 0, types.ShardIteratorTypeTrimHorizon))
	if len(out.Records) != 10_000 || len(w.get(out.NextShardIterator).Records) != 500 {
		t.Errorf("got %d records, want 10,000, then 500", len(out.Records))
	}
}

func TestIteratorsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{})
		w.create("s", 1)
		w.create("other", 2)
		it := w.iterator("s", 0, types.ShardIteratorTypeTrimHorizon)
		refused := func(it *string, arn *string) error {
			t.Helper()
			_, err := w.GetRecords(w.ctx, &kinesis.GetRecordsInput{ShardIterator: it, StreamARN: arn})
			return err
		}
		wantError[*types.InvalidArgumentException](w, refused(aws.String("garbage"), nil))
		wantError[*types.InvalidArgumentException](w, refused(aws.String(strings.Replace(*it, (*it)[20:21], "_", 1)), nil))
		wantError[*types.InvalidArgumentException](w, refused(it, aws.String(arnPrefix+"other")))
		time.Sleep(5 * time.Minute)
		must(w, 0, refused(it, nil))
		time.Sleep(time.Millisecond)
		wantError[*types.ExpiredIteratorException](w, refused(it, nil))

		it = w.iterator("s", 0, types.ShardIteratorTypeTrimHorizon)
		must1(w.DeleteStream(w.ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s")}))
		wantError[*types.ResourceNotFoundException](w, refused(it, nil))
		w.create("s", 1)
		wantError[*types.InvalidArgumentException](w, refused(it, nil))
	})
}

func TestWrongSequenceNumbers(t *testing.T) {
	w := inProcess(t, kinesisfake.Options{})
	w.create("s", 2)
	put := func(ehk string) *string {
		return must1(w.PutRecord(w.ctx, &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"),
			ExplicitHashKey: &ehk, Data: []byte("x")})).SequenceNumber
	}
	zero, one := put("0"), put(hashkey.Max().String())
	try := func(n *string, kind types.ShardIteratorType) error {
		_, err := w.GetShardIterator(w.ctx, &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: id(0),
			ShardIteratorType: kind, StartingSequenceNumber: n})
		return err
	}
	must(w, 0, try(zero, types.ShardIteratorTypeAtSequenceNumber))
	err := try(one, types.ShardIteratorTypeAtSequenceNumber)
	wantError[*types.InvalidArgumentException](w, err)
	if !strings.Contains(err.Error(), "It encodes shardId-000000000001, while it was used in a call to a shard with shardId-000000000000") {
		t.Errorf("the shards are not named: %v", err)
	}
	for _, n := range []string{"1", strings.Repeat("9", 56)} {
		wantError[*types.InvalidArgumentException](w, try(&n, types.ShardIteratorTypeAfterSequenceNumber))
	}
	for _, n := range []string{"x", "-5", "007", *zero + ":3", strings.Repeat("9", 130)} {
		wantError[*types.ValidationException](w, try(&n, types.ShardIteratorTypeAfterSequenceNumber))
	}
	wantError[*types.InvalidArgumentException](w, try(nil, types.ShardIteratorTypeAtSequenceNumber))
	wantError[*types.InvalidArgumentException](w, try(zero, types.ShardIteratorTypeLatest))
	wantError[*types.InvalidArgumentException](w, try(nil, types.ShardIteratorTypeAtTimestamp))
	wantError[*types.ValidationException](w, try(nil, "SOMEWHERE"))
}

func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{Retention: time.Hour})
		w.create("s", 1)
		a := w.put("s", "k", "a")
		time.Sleep(40 * time.Minute)
		w.put("s", "k", "b")
		time.Sleep(20 * time.Minute)
		if got := texts(w.get(w.iterator("s", 0, types.ShardIteratorTypeTrimHorizon)).Records); len(got) != 2 {
			t.Errorf("after exactly an hour: %q", got)
		}
		time.Sleep(time.Second)
		for name, it := range map[string]*string{
			"TRIM_HORIZON": w.iterator("s", 0, types.ShardIteratorTypeTrimHorizon),
			"AT a":         w.iterator("s", 0, types.ShardIteratorTypeAtSequenceNumber, number(a.SequenceNumber)),
			"AFTER a":      w.iterator("s", 0, types.ShardIteratorTypeAfterSequenceNumber, number(a.SequenceNumber)),
		} {
			if got := texts(w.get(it).Records); !cmp.Equal(got, []string{"b"}) {
				t.Errorf("%s: %q, want b", name, got)
			}
		}
		w.split("s", 0, "1000")
		time.Sleep(61 * time.Minute)
		if got := w.listed(nil); got != "12" {
			t.Errorf("listed %s, want the expired parent gone", got)
		}
		if got := w.listed(&types.ShardFilter{Type: types.ShardFilterTypeAtTrimHorizon}); got != "12" {
			t.Errorf("AT_TRIM_HORIZON lists %s, want 12", got)
		}
		if stored := w.server.Records("s"); len(stored) != 2 || len(stored[*id(1)]) != 0 {
			t.Errorf("still held: %v", stored)
		}
		_, err := w.GetShardIterator(w.ctx, &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: id(0),
			ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		wantError[*types.ResourceNotFoundException](w, err)
	})
}

func TestBadRecords(t *testing.T) {
	both(t, kinesisfake.Options{}, func(w world) {
		w.create("s", 1)
		for name, tt := range map[string]struct {
			key, ehk string
			size     int
			check    func(world, error)
		}{
			"empty key":              {"", "", 1, wantError[*types.ValidationException]},
			"257 characters":         {strings.Repeat("ä", 257), "", 1, wantError[*types.ValidationException]},
			"hash key with a sign":   {"k", "-1", 1, wantError[*types.ValidationException]},
			"hash key leading zero":  {"k", "01", 1, wantError[*types.ValidationException]},
			"hash key of 2^128":      {"k", "340282366920938463463374607431768211456", 1, wantError[*types.InvalidArgumentException]},
			"a byte more than 1 MiB": {"k", "", 1 << 20, wantError[*types.InvalidArgumentException]},
		} {
			in := &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: &tt.key, Data: make([]byte, tt.size)}
			if tt.ehk != "" {
				in.ExplicitHashKey = &tt.ehk
			}
			_, err := w.PutRecord(w.ctx, in)
			w.Log(name, err)
			tt.check(w, err)
			good := types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: []byte("x")}
			bad := types.PutRecordsRequestEntry{PartitionKey: in.PartitionKey, ExplicitHashKey: in.ExplicitHashKey, Data: in.Data}
			_, err = w.PutRecords(w.ctx, &kinesis.PutRecordsInput{StreamName: aws.String("s"),
				Records: []types.PutRecordsRequestEntry{good, bad}})
			tt.check(w, err)
		}
		if stored := w.server.Records("s")[*id(0)]; len(stored) != 0 {
			w.Errorf("%d records of refused requests were stored", len(stored))
		}
		w.put("s", strings.Repeat("ä", 256), "x")
		w.put("s", "k", strings.Repeat("x", 1<<20-1))
	})
}

// bulk puts records of a size, partition key included, and returns the answer. Without the SDK, which takes its time
// over large requests under the race detector.
func (w world) bulk(entries, size int) string {
	entry := `{"PartitionKey":"k","Data":"` + base64.StdEncoding.EncodeToString(make([]byte, size-1)) + `"}`
	records := strings.TrimSuffix(strings.Repeat(entry+",", entries), ",")
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, request("PutRecords", `{"StreamName":"s","Records":[`+records+`]}`))
	return answer.Body.String()
}

func TestRequestSizes(t *testing.T) {
	w := inProcess(t, kinesisfake.Options{})
	w.create("s", 1)
	put := func(entries, size int, want string) {
		t.Helper()
		if got := w.bulk(entries, size); !strings.Contains(got, want) {
			t.Errorf("%d records of %d bytes: %.300s, want %s", entries, size, got, want)
		}
	}
	const stored = `"FailedRecordCount":0`
	put(0, 1, "ValidationException")
	put(501, 1, "ValidationException")
	put(500, 1, stored)
	put(5, 1<<20, stored)
	put(6, 1<<20, "InvalidArgumentException")

	must1(w.UpdateMaxRecordSize(w.ctx, &kinesis.UpdateMaxRecordSizeInput{StreamARN: aws.String(arnPrefix + "s"), MaxRecordSizeInKiB: aws.Int32(10240)}))
	put(1, 10<<20, stored)
	put(11, 1<<20, "InvalidArgumentException")
	put(13, 1<<20, "RequestEntityTooLargeException")
	if got := *w.summary("s").MaxRecordSizeInKiB; got != 10240 {
		t.Errorf("MaxRecordSizeInKiB is %d", got)
	}
}

func TestServiceManagedStream(t *testing.T) {
	w := inProcess(t, kinesisfake.Options{})
	_, err := w.CreateStream(w.ctx, &kinesis.CreateStreamInput{StreamName: aws.String("s"),
		StreamModeDetails:          &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand},
		RecordDistributionStrategy: types.RecordDistributionStrategyAuto})
	must(w, 0, err)
	for range 8 {
		// Key and hash key would send all of them to one shard.
		must1(w.PutRecord(w.ctx, &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"),
			ExplicitHashKey: aws.String("0"), Data: []byte("x")}))
	}
	for shard, records := range w.server.Records("s") {
		if len(records) != 2 {
			t.Errorf("%s holds %d records, want 2", shard, len(records))
		}
	}
	if got := w.summary("s").RecordDistributionStrategy; got != types.RecordDistributionStrategyAuto {
		t.Errorf("strategy %q", got)
	}
	must1(w.PutRecords(w.ctx, &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: []types.PutRecordsRequestEntry{{Data: []byte("bare")}}}))
	bare := 0
	for shard := range 4 {
		for _, r := range w.get(w.iterator("s", shard, types.ShardIteratorTypeTrimHorizon)).Records {
			if r.PartitionKey == nil {
				bare++
			}
		}
	}
	if bare != 1 {
		t.Errorf("%d records came without a partition key, want 1", bare)
	}

	strategy := func(name string, to types.RecordDistributionStrategy) error {
		_, err := w.UpdateStreamRecordDistributionStrategy(w.ctx, &kinesis.UpdateStreamRecordDistributionStrategyInput{
			StreamARN: aws.String(arnPrefix + name), RecordDistributionStrategy: to})
		return err
	}
	must(w, 0, strategy("s", types.RecordDistributionStrategyUserPartitionKey))
	for range 4 {
		if got := *w.put("s", "k", "x").ShardId; got != *w.put("s", "k", "x").ShardId {
			t.Errorf("the same key went to different shards, to %s too", got)
		}
	}
	_, err = w.PutRecords(w.ctx, &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: []types.PutRecordsRequestEntry{{Data: []byte("bare")}}})
	wantError[*types.ValidationException](w, err)
	w.create("provisioned", 1)
	wantError[*types.InvalidArgumentException](w, strategy("provisioned", types.RecordDistributionStrategyAuto))
}

func (w world) summary(stream string) *types.StreamDescriptionSummary {
	w.Helper()
	out, err := w.DescribeStreamSummary(w.ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &stream})
	return must(w, out, err).StreamDescriptionSummary
}

func TestUnknownThings(t *testing.T) {
	both(t, kinesisfake.Options{}, func(w world) {
		_, err := w.PutRecord(w.ctx, &kinesis.PutRecordInput{StreamName: aws.String("nowhere"), PartitionKey: aws.String("k"), Data: []byte("x")})
		wantError[*types.ResourceNotFoundException](w, err)
		if !strings.Contains(fmt.Sprint(err), "Stream nowhere under account 000000000000 not found") {
			w.Errorf("stream or account is not named: %v", err)
		}
		w.create("s", 1)
		_, err = w.GetShardIterator(w.ctx, &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: id(7), ShardIteratorType: "LATEST"})
		wantError[*types.ResourceNotFoundException](w, err)
		for _, arn := range []string{arnPrefix + "other", "arn:nonsense"} {
			_, err = w.ListShards(w.ctx, &kinesis.ListShardsInput{StreamName: aws.String("s"), StreamARN: &arn})
			wantError[*types.InvalidArgumentException](w, err)
		}
		_, err = w.ListShards(w.ctx, &kinesis.ListShardsInput{StreamARN: aws.String("arn:aws:kinesis:us-east-1:111111111111:stream/s")})
		wantError[*types.ResourceNotFoundException](w, err)
		_, err = w.UpdateShardCount(w.ctx, &kinesis.UpdateShardCountInput{StreamName: aws.String("s"), TargetShardCount: aws.Int32(2), ScalingType: "UNIFORM_SCALING"})
		wantCode(w, err, "UnknownOperationException")
	})
}

func TestDryRunDoesNothing(t *testing.T) {
	w := inProcess(t, kinesisfake.Options{})
	w.create("s", 1)
	_, err := w.PutRecord(context.Background(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"),
		Data: []byte("x"), DryRun: aws.Bool(true)})
	wantError[*types.DryRunOperationException](w, err)
	if got := w.server.Records("s")[*id(0)]; len(got) != 0 {
		t.Errorf("stored %v", got)
	}
}
