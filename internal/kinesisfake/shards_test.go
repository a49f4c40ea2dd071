package kinesisfake_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/seqnum"
)

const half = "170141183460469231731687303715884105728"

func TestLineage(t *testing.T) {
	both(t, kinesisfake.Options{}, func(w world) {
		w.create("s", 1)
		w.put("s", "k", "a", "b")
		w.split("s", 0, half)
		w.merge("s", 2, 1) // in either order
		w.put("s", "k", "c")
		type shard struct{ start, end, parent, adjacent string }
		const last = "340282366920938463463374607431768211455"
		want := []shard{
			{"0", last, "", ""},
			{"0", "170141183460469231731687303715884105727", *id(0), ""},
			{half, last, *id(0), ""},
			{"0", last, *id(2), *id(1)},
		}
		var got []shard
		for i, sh := range must1(w.ListShards(w.ctx, &kinesis.ListShardsInput{StreamName: aws.String("s")})).Shards {
			got = append(got, shard{*sh.HashKeyRange.StartingHashKey, *sh.HashKeyRange.EndingHashKey,
				aws.ToString(sh.ParentShardId), aws.ToString(sh.AdjacentParentShardId)})
			if closed := sh.SequenceNumberRange.EndingSequenceNumber != nil; closed != (i < 3) {
				t.Errorf("%s closed: %v", *sh.ShardId, closed)
			}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(shard{})); diff != "" {
			t.Error(diff)
		}
		if got := w.listed(nil); got != "0123" {
			t.Errorf("listed %s", got)
		}

		first := must1(w.GetRecords(w.ctx, &kinesis.GetRecordsInput{Limit: aws.Int32(1),
			ShardIterator: w.iterator("s", 0, types.ShardIteratorTypeTrimHorizon)}))
		if first.NextShardIterator == nil || first.ChildShards != nil {
			t.Fatalf("the closed shard ended before its last record")
		}
		end := w.get(first.NextShardIterator)
		children := end.ChildShards
		if end.NextShardIterator != nil || len(end.Records) != 1 || len(children) != 2 ||
			*children[0].ShardId != *id(1) || *children[1].ShardId != *id(2) ||
			!cmp.Equal(children[0].ParentShards, []string{*id(0)}) || *children[1].HashKeyRange.StartingHashKey != half {
			t.Errorf("at the end of a split shard: %+v", end)
		}
		merged := w.get(w.iterator("s", 1, types.ShardIteratorTypeLatest))
		if merged.NextShardIterator != nil || len(merged.ChildShards) != 1 ||
			!cmp.Equal(merged.ChildShards[0].ParentShards, []string{*id(2), *id(1)}) {
			t.Errorf("at the end of a merged shard: %+v", merged)
		}
		if got := texts(w.get(w.iterator("s", 3, types.ShardIteratorTypeTrimHorizon)).Records); !cmp.Equal(got, []string{"c"}) {
			t.Errorf("the merged shard holds %q", got)
		}
	})
}

func TestBadReshards(t *testing.T) {
	w := inProcess(t, kinesisfake.Options{})
	w.create("s", 3)
	split := func(shard int, at string) error {
		_, err := w.SplitShard(w.ctx, &kinesis.SplitShardInput{StreamName: aws.String("s"), ShardToSplit: id(shard), NewStartingHashKey: &at})
		return err
	}
	merge := func(a, b int) error {
		_, err := w.MergeShards(w.ctx, &kinesis.MergeShardsInput{StreamName: aws.String("s"), ShardToMerge: id(a), AdjacentShardToMerge: id(b)})
		return err
	}
	wantError[*types.ResourceNotFoundException](w, split(9, "5"))
	wantError[*types.InvalidArgumentException](w, split(0, "1"))
	wantError[*types.InvalidArgumentException](w, split(0, half))
	wantError[*types.ValidationException](w, split(0, "half"))
	wantError[*types.InvalidArgumentException](w, merge(0, 2))
	wantError[*types.InvalidArgumentException](w, merge(1, 1))
	must(w, 0, split(0, "2"))
	wantError[*types.InvalidArgumentException](w, split(0, "5"))
	wantError[*types.InvalidArgumentException](w, merge(0, 1))
	if got := *w.summary("s").OpenShardCount; got != 4 {
		t.Errorf("%d open shards, want 4", got)
	}
	must1(w.UpdateStreamMode(w.ctx, &kinesis.UpdateStreamModeInput{StreamARN: aws.String(arnPrefix + "s"),
		StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}}))
	wantError[*types.InvalidArgumentException](w, merge(1, 2))
}

func TestShardFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{})
		w.create("s", 2) // 0 1
		created := time.Now()
		time.Sleep(time.Hour)
		w.split("s", 0, "1000") // 0 -> 2 3
		split := time.Now()
		time.Sleep(time.Hour)
		w.merge("s", 3, 1) // 3 1 -> 4
		merged := time.Now()
		time.Sleep(time.Hour)
		for _, tt := range []struct {
			kind types.ShardFilterType
			at   time.Time
			id   *string
			want string
		}{
			{kind: "AT_LATEST", want: "24"},
			{kind: "AT_TRIM_HORIZON", want: "01"},
			{kind: "FROM_TRIM_HORIZON", want: "01234"},
			{kind: "AFTER_SHARD_ID", id: id(1), want: "234"},
			{kind: "AT_TIMESTAMP", at: created.Add(-time.Hour), want: "01"},
			{kind: "AT_TIMESTAMP", at: created.Add(time.Minute), want: "01"},
			{kind: "AT_TIMESTAMP", at: split.Add(time.Minute), want: "123"},
			{kind: "AT_TIMESTAMP", at: merged.Add(time.Minute), want: "24"},
			{kind: "FROM_TIMESTAMP", at: created.Add(-time.Hour), want: "01234"},
			{kind: "FROM_TIMESTAMP", at: created.Add(time.Minute), want: "01234"},
			{kind: "FROM_TIMESTAMP", at: split.Add(time.Minute), want: "1234"},
			{kind: "FROM_TIMESTAMP", at: merged.Add(time.Minute), want: "24"},
		} {
			f := &types.ShardFilter{Type: tt.kind, ShardId: tt.id}
			if !tt.at.IsZero() {
				f.Timestamp = &tt.at
			}
			if got := w.listed(f); got != tt.want {
				t.Errorf("%s %v: %s, want %s", tt.kind, tt.at, got, tt.want)
			}
		}
		// In a day, the shard that was split first is gone, and its children were there at the horizon.
		time.Sleep(time.Until(split.Add(24*time.Hour + time.Minute)))
		if got := w.listed(&types.ShardFilter{Type: "AT_TRIM_HORIZON"}); got != "123" {
			t.Errorf("AT_TRIM_HORIZON a day after the split: %s", got)
		}
		for _, kind := range []types.ShardFilterType{"AFTER_SHARD_ID", "AT_TIMESTAMP"} {
			_, err := w.ListShards(w.ctx, &kinesis.ListShardsInput{StreamName: aws.String("s"), ShardFilter: &types.ShardFilter{Type: kind}})
			wantError[*types.InvalidArgumentException](w, err)
		}
	})
}

func TestListShardsPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{})
		w.create("s", 4)
		w.split("s", 1, "100000000000000000000000000000000000000") // 1 -> 4 5
		got, token := "", (*string)(nil)
		in := &kinesis.ListShardsInput{StreamName: aws.String("s"), MaxResults: aws.Int32(2), ExclusiveStartShardId: id(0),
			ShardFilter: &types.ShardFilter{Type: "AT_LATEST"}}
		for pages := 0; ; pages++ {
			out := must1(w.ListShards(w.ctx, in))
			got += numbers(out.Shards) + " "
			if out.NextToken == nil {
				break
			}
			token = out.NextToken
			in = &kinesis.ListShardsInput{NextToken: token, MaxResults: aws.Int32(2)}
		}
		if got != "23 45 " {
			t.Errorf("pages %q, want 23 45", got)
		}
		_, err := w.ListShards(w.ctx, &kinesis.ListShardsInput{NextToken: token, StreamName: aws.String("s")})
		wantError[*types.InvalidArgumentException](w, err)
		_, err = w.ListShards(w.ctx, &kinesis.ListShardsInput{NextToken: aws.String("garbage")})
		wantError[*types.InvalidArgumentException](w, err)
		time.Sleep(5*time.Minute + time.Second)
		_, err = w.ListShards(w.ctx, &kinesis.ListShardsInput{NextToken: token})
		wantError[*types.ExpiredNextTokenException](w, err)
	})
}

func TestStreams(t *testing.T) {
	both(t, kinesisfake.Options{}, func(w world) {
		for _, name := range []string{"c", "a", "b"} {
			w.create(name, 2)
		}
		_, err := w.CreateStream(w.ctx, &kinesis.CreateStreamInput{StreamName: aws.String("a"), ShardCount: aws.Int32(1)})
		wantError[*types.ResourceInUseException](w, err)
		_, err = w.CreateStream(w.ctx, &kinesis.CreateStreamInput{StreamName: aws.String("no blanks"), ShardCount: aws.Int32(1)})
		wantError[*types.ValidationException](w, err)
		_, err = w.CreateStream(w.ctx, &kinesis.CreateStreamInput{StreamName: aws.String("big"), ShardCount: aws.Int32(9995)})
		wantError[*types.LimitExceededException](w, err)

		var names []string
		for pages := kinesis.NewListStreamsPaginator(w, &kinesis.ListStreamsInput{Limit: aws.Int32(2)}); pages.HasMorePages(); {
			names = append(names, strings.Join(must1(pages.NextPage(w.ctx)).StreamNames, ""))
		}
		if !cmp.Equal(names, []string{"ab", "c"}) {
			t.Errorf("pages %q", names)
		}
		d := must1(w.DescribeStream(w.ctx, &kinesis.DescribeStreamInput{StreamARN: aws.String(arnPrefix + "a"), Limit: aws.Int32(1)})).StreamDescription
		if len(d.Shards) != 1 || !*d.HasMoreShards || d.StreamStatus != types.StreamStatusActive || *d.RetentionPeriodHours != 24 {
			t.Errorf("described as %+v", d)
		}
		l := must1(w.DescribeLimits(w.ctx, &kinesis.DescribeLimitsInput{}))
		if *l.OpenShardCount != 6 || *l.ShardLimit != 10_000 || *l.OnDemandStreamCount != 0 {
			t.Errorf("limits %+v", l)
		}
		must1(w.IncreaseStreamRetentionPeriod(w.ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: aws.String("a"), RetentionPeriodHours: aws.Int32(48)}))
		if got := *w.summary("a").RetentionPeriodHours; got != 48 {
			t.Errorf("retention of %d hours, want 48", got)
		}
		_, err = w.DecreaseStreamRetentionPeriod(w.ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: aws.String("a"), RetentionPeriodHours: aws.Int32(72)})
		wantError[*types.InvalidArgumentException](w, err)
		must1(w.DeleteStream(w.ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("a")}))
		_, err = w.DescribeStreamSummary(w.ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("a")})
		wantError[*types.ResourceNotFoundException](w, err)
		if w.server.Records("a") != nil {
			t.Error("a deleted stream still holds records")
		}
	})
}

func TestStatusDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{StatusDelay: 10 * time.Second})
		name := aws.String("s")
		put := func() error {
			_, err := w.PutRecord(w.ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String("k"), Data: []byte("x")})
			return err
		}
		status := func(want types.StreamStatus) {
			t.Helper()
			if got := w.summary("s").StreamStatus; got != want {
				t.Errorf("status %s, want %s", got, want)
			}
		}
		w.create("s", 1)
		status(types.StreamStatusCreating)
		wantError[*types.ResourceNotFoundException](w, put())
		time.Sleep(10 * time.Second)
		status(types.StreamStatusActive)
		must(w, 0, put())

		w.split("s", 0, half)
		status(types.StreamStatusUpdating)
		must(w, 0, put())
		if got := w.listed(nil); got != "0" {
			t.Errorf("children before the split is over: %s", got)
		}
		_, err := w.MergeShards(w.ctx, &kinesis.MergeShardsInput{StreamName: name, ShardToMerge: id(0), AdjacentShardToMerge: id(0)})
		wantError[*types.ResourceInUseException](w, err)
		time.Sleep(10 * time.Second)
		status(types.StreamStatusActive)
		if got := w.listed(nil); got != "012" {
			t.Errorf("shards after the split: %s", got)
		}
		must1(w.DeleteStream(w.ctx, &kinesis.DeleteStreamInput{StreamName: name}))
		status(types.StreamStatusDeleting)
		wantError[*types.ResourceNotFoundException](w, put())
		time.Sleep(10 * time.Second)
		if out := must1(w.ListStreams(w.ctx, &kinesis.ListStreamsInput{})); len(out.StreamNames) != 0 {
			t.Errorf("still listed: %q", out.StreamNames)
		}
	})
}

// TestStreamMadeAnew: a shard of a stream that was deleted and made anew in the same second has the same id and another,
// later creation second, so that numbers of the two tell them apart.
func TestStreamMadeAnew(t *testing.T) {
	w := inProcess(t, kinesisfake.Options{})
	var last time.Time
	for range 3 {
		w.create("s", 1)
		put := w.put("s", "k", "d")
		created, ok := seqnum.MustParse(*put.SequenceNumber).ShardCreated()
		if !ok || !created.After(last) || *put.ShardId != *id(0) {
			t.Errorf("%s was created at %v, %v, after one of %v", *put.ShardId, created, ok, last)
		}
		last = created
		must1(w.DeleteStream(w.ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s")}))
	}
}
