package deaggaws_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/producer/aggregator"
	"github.com/kplkit/kplkit/seqnum"
)

const shard0 = "shardId-000000000000"

// newClient returns a client of server, with or without de-aggregation.
func newClient(server *kinesisfake.Server, opts ...func(*kinesis.Options)) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String("http://kinesis.test"),
		Credentials:  aws.AnonymousCredentials{},
		HTTPClient:   &http.Client{Transport: server.Transport()},
	}, opts...)
}

func newStream(t testing.TB, shards int32) (*kinesisfake.Server, *kinesis.Client) {
	server := kinesisfake.New(kinesisfake.Options{})
	t.Cleanup(server.Close)
	client := newClient(server)
	_, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(shards)})
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

// aggregate packs user records "NAME.0", "NAME.1", … under keys of their own.
func aggregate(t testing.TB, name string, n int) []byte {
	var e aggregator.Encoder
	for i := range n {
		text := fmt.Sprintf("%s.%d", name, i)
		if ok, err := e.Add(aggregator.Record{PartitionKey: "key-" + text, Data: []byte(text)}); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	return e.AppendTo(nil)
}

func put(t testing.TB, client *kinesis.Client, key string, data []byte, explicitHashKey ...string) string {
	in := &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: &key, Data: data}
	if len(explicitHashKey) > 0 {
		in.ExplicitHashKey = &explicitHashKey[0]
	}
	out, err := client.PutRecord(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.SequenceNumber
}

// fill puts plain, aggregated and damaged stored records, and returns the texts that have to come out.
func fill(t testing.TB, client *kinesis.Client) (want []string) {
	put(t, client, "k", []byte("plain-1"))
	put(t, client, "a", aggregate(t, "A", 3))
	damaged := aggregate(t, "D", 2)
	damaged[len(damaged)-1] ^= 1
	put(t, client, "a", damaged)
	put(t, client, "a", aggregate(t, "B", 4))
	put(t, client, "a", emptyAggregate())
	var ownMagic aggregator.Encoder // its last user record starts with the magic itself
	for _, data := range []string{"M.0", string(aggregate(t, "I", 2))} {
		if ok, err := ownMagic.Add(aggregator.Record{PartitionKey: "m", Data: []byte(data)}); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	put(t, client, "a", ownMagic.AppendTo(nil))
	put(t, client, "k", []byte("plain-2"))
	put(t, client, "a", aggregate(t, "C", 2))
	return []string{
		"plain-1", "A.0", "A.1", "A.2", string(damaged), "B.0", "B.1", "B.2", "B.3", "M.0", string(aggregate(t, "I", 2)), "plain-2", "C.0", "C.1",
	}
}

// emptyAggregate holds a key and no user record.
func emptyAggregate() []byte {
	body := "\x0a\x01k"
	sum := md5.Sum([]byte(body))
	return []byte(wire.Magic + body + string(sum[:]))
}

func iterator(ctx context.Context, client *kinesis.Client, kind types.ShardIteratorType, number string) (*string, error) {
	in := &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: aws.String(shard0), ShardIteratorType: kind}
	if number != "" {
		in.StartingSequenceNumber = &number
	}
	out, err := client.GetShardIterator(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.ShardIterator, nil
}

// read polls from an iterator until nothing is left behind it, changing clients with every call.
func read(t testing.TB, from *string, limit int32, clients ...*kinesis.Client) (rs []types.Record) {
	for i, empty := 0, 0; from != nil && empty < 2; i++ {
		out, err := clients[i%len(clients)].GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: from, Limit: &limit})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Records) == 0 {
			empty++
		} else {
			empty = 0
		}
		rs, from = append(rs, out.Records...), out.NextShardIterator
	}
	return rs
}

func texts(rs []types.Record) (list []string) {
	for _, r := range rs {
		list = append(list, string(r.Data))
	}
	return list
}

func mustIterator(t testing.TB, client *kinesis.Client, kind types.ShardIteratorType, number string) *string {
	it, err := iterator(t.Context(), client, kind, number)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

// TestResumeAfterEachUserRecord stops after each user record in turn; the next client goes on with exactly the rest,
// for every limit, and with two clients that hand iterators to each other.
func TestResumeAfterEachUserRecord(t *testing.T) {
	server, raw := newStream(t, 1)
	want := fill(t, raw)
	one, other := newClient(server, deaggaws.WithDeaggregation()), newClient(server, deaggaws.WithDeaggregation())
	for limit := int32(1); limit <= 9; limit++ {
		all := read(t, mustIterator(t, one, types.ShardIteratorTypeTrimHorizon, ""), limit, one, other)
		if got := texts(all); !slices.Equal(got, want) {
			t.Fatalf("limit %d: %q, want %q", limit, got, want)
		}
		for i, r := range all {
			after := read(t, mustIterator(t, other, types.ShardIteratorTypeAfterSequenceNumber, *r.SequenceNumber), limit, one, other)
			if got := texts(after); !slices.Equal(got, want[i+1:]) {
				t.Errorf("limit %d, after %s: %q, want %q", limit, *r.SequenceNumber, got, want[i+1:])
			}
			if !strings.Contains(*r.SequenceNumber, ":") {
				continue // AT a bare number means all of the stored record, as AWS has it
			}
			at := read(t, mustIterator(t, other, types.ShardIteratorTypeAtSequenceNumber, *r.SequenceNumber), limit, other, one)
			if got := texts(at); !slices.Equal(got, want[i:]) {
				t.Errorf("limit %d, at %s: %q, want %q", limit, *r.SequenceNumber, got, want[i:])
			}
		}
	}
}

// TestSequenceNumbers: the last user record keeps the bare number, but for one that starts with the magic; what comes
// out passes a second de-aggregation unchanged.
func TestSequenceNumbers(t *testing.T) {
	server, raw := newStream(t, 1)
	fill(t, raw)
	client := newClient(server, deaggaws.WithDeaggregation())
	all := read(t, mustIterator(t, client, types.ShardIteratorTypeTrimHorizon, ""), 100, client)
	var subs []string
	for _, r := range all {
		_, sub, _ := strings.Cut(*r.SequenceNumber, ":")
		subs = append(subs, sub)
	}
	if want := []string{"", "0", "1", "", "", "0", "1", "2", "", "0", "1", "", "0", ""}; !slices.Equal(subs, want) {
		t.Errorf("%q, want %q", subs, want)
	}
	for i := 1; i < len(all); i++ {
		before, err := seqnum.ParseExtended(*all[i-1].SequenceNumber)
		if err != nil {
			t.Fatal(err)
		}
		if now, err := seqnum.ParseExtended(*all[i].SequenceNumber); err != nil || before.Compare(now) >= 0 {
			t.Errorf("%v, then %v (%v)", before, now, err)
		}
	}
	twice, err := deaggaws.DeaggregateRecords(all)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := texts(twice), texts(all); !slices.Equal(got, want) {
		t.Errorf("twice: %q, want %q", got, want)
	}
	for i := range twice {
		if *twice[i].SequenceNumber != *all[i].SequenceNumber || aws.ToString(twice[i].PartitionKey) != aws.ToString(all[i].PartitionKey) {
			t.Errorf("twice: %s %s", *twice[i].SequenceNumber, *all[i].SequenceNumber)
		}
	}
}

func TestSentinelsAndErrors(t *testing.T) {
	server, raw := newStream(t, 2)
	fill(t, raw)
	client := newClient(server, deaggaws.WithDeaggregation())
	after := types.ShardIteratorTypeAfterSequenceNumber
	if got := read(t, mustIterator(t, client, after, "TRIM_HORIZON"), 100, client); len(got) == 0 {
		t.Error("nothing from TRIM_HORIZON")
	}
	if got := read(t, mustIterator(t, client, after, "LATEST"), 100, client); len(got) != 0 {
		t.Errorf("%q from LATEST", texts(got))
	}
	if got := read(t, mustIterator(t, client, after, "AT_TIMESTAMP:1000"), 100, client); len(got) == 0 {
		t.Error("nothing from 1970 on")
	}
	for _, text := range []string{"garbage", "12:x", "12:-1", ":1", "AT_TIMESTAMP", "AT_TIMESTAMP:soon", "AT_TIMESTAMP:-1", "AT_TIMESTAMP:9223372036855", "SHARD_END"} {
		if _, err := iterator(t.Context(), client, after, text); !errors.Is(err, deaggaws.ErrPosition) || !strings.Contains(err.Error(), shard0) {
			t.Errorf("%q: %v", text, err)
		}
	}
	// Another shard's number is AWS's to refuse, as it does a bare one's.
	foreign := "49590338271490256608559692538361571095921575989136588898"
	_, bare := iterator(t.Context(), client, after, foreign)
	_, composite := iterator(t.Context(), client, after, foreign+":3")
	for _, err := range []error{bare, composite} {
		if invalid := (*types.InvalidArgumentException)(nil); !errors.As(err, &invalid) {
			t.Errorf("another shard's number: %v", err)
		}
	}
	for _, it := range []string{"kplkit1:", "kplkit1:x/s/h/AAAA", "kplkit1:1:2", "kplkit1:1:2/%/h/AAAA"} {
		if _, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: &it}); !errors.Is(err, deaggaws.ErrIterator) {
			t.Errorf("%q: %v", it, err)
		}
	}
}

// TestBeyondTheAggregate: a sub-sequence number that the aggregate does not have is no reason to skip it.
func TestBeyondTheAggregate(t *testing.T) {
	server, raw := newStream(t, 1)
	number := put(t, raw, "a", aggregate(t, "A", 3))
	put(t, raw, "k", []byte("plain"))
	client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithLogger(slog.New(slog.DiscardHandler))))
	for sub, want := range map[string][]string{
		":1": {"A.2", "plain"}, ":2": {"plain"}, ":3": {"A.0", "A.1", "A.2", "plain"}, ":99": {"A.0", "A.1", "A.2", "plain"},
		":9223372036854775807": {"plain"},
	} {
		got := texts(read(t, mustIterator(t, client, types.ShardIteratorTypeAfterSequenceNumber, number+sub), 100, client))
		if !slices.Equal(got, want) {
			t.Errorf("after %s: %q, want %q", sub, got, want)
		}
	}
}

// TestBeyondIsTold: a position that can't be of its stored record is logged, with its shard and what is done about it; no
// other is. After it nothing is left in front of the iterator.
func TestBeyondIsTold(t *testing.T) {
	server, raw := newStream(t, 1)
	whole, plain := put(t, raw, "a", aggregate(t, "A", 3)), put(t, raw, "k", []byte("plain"))
	var log bytes.Buffer
	logger := deaggaws.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
	once := newClient(server, deaggaws.WithDeaggregation(logger))
	again := (&replay{read(t, mustIterator(t, once, types.ShardIteratorTypeTrimHorizon, ""), 9, once), func() int { return 1 }}).client(logger)
	for _, c := range []struct {
		client          *kinesis.Client
		position, found string
	}{
		{once, whole + ":0", ""}, {once, whole + ":2", ""}, {once, whole + ":3", "beyond the end of its aggregate"},
		{once, plain + ":0", ""}, {once, plain + ":1", "its stored record is none"},
		{again, whole + ":0", ""}, {again, whole + ":1", ""}, {again, plain + ":0", ""},
	} {
		log.Reset()
		for it := mustIterator(t, c.client, types.ShardIteratorTypeAfterSequenceNumber, c.position); it != nil; {
			out, err := c.client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
			if err != nil {
				t.Fatal(err)
			}
			if it = out.NextShardIterator; len(out.Records) == 0 && c.client == once {
				if strings.HasPrefix(aws.ToString(it), "kplkit1:") {
					t.Errorf("after %s: the iterator is still %s", c.position, *it)
				}
				break
			}
		}
		if c.found == "" && log.Len() > 0 || strings.Count(log.String(), "\n") > 1 || !strings.Contains(log.String(), c.found) ||
			c.found != "" && !strings.Contains(log.String(), "shard=shardId-") {
			t.Errorf("after %s: logged %q, want %q", c.position, &log, c.found)
		}
	}
}

// TestLogger: what is logged goes to the logger that was set last, and only without one to slog's default.
func TestLogger(t *testing.T) {
	server, raw := newStream(t, 1)
	number := put(t, raw, "k", []byte("plain"))
	var logs [3]bytes.Buffer
	set := func(i int) deaggaws.Option { return deaggaws.WithLogger(slog.New(slog.NewTextHandler(&logs[i], nil))) }
	old := slog.Default()
	defer slog.SetDefault(old)
	slog.SetDefault(slog.New(slog.NewTextHandler(&logs[0], nil)))
	for i, c := range []struct {
		client *kinesis.Client
		call   []func(*kinesis.Options)
		want   int
	}{
		{newClient(server, deaggaws.WithDeaggregation()), nil, 0},
		{newClient(server, deaggaws.WithDeaggregation(deaggaws.WithLogger(nil))), nil, 0},
		{newClient(server, deaggaws.WithDeaggregation(set(1), deaggaws.WithLogger(nil))), nil, 1},
		{newClient(server, deaggaws.WithDeaggregation(set(1), set(2))), nil, 2},
		{newClient(server, deaggaws.WithDeaggregation(set(1)), deaggaws.WithDeaggregation()), nil, 1},
		{newClient(server, deaggaws.WithDeaggregation(set(1))), []func(*kinesis.Options){deaggaws.WithDeaggregation(set(2))}, 2},
		{newClient(server, deaggaws.WithDeaggregation(deaggaws.WithLogger(slog.New(slog.DiscardHandler)))), nil, -1},
	} {
		it := mustIterator(t, c.client, types.ShardIteratorTypeAfterSequenceNumber, number+":1")
		if _, err := c.client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it}, c.call...); err != nil {
			t.Fatal(err)
		}
		for j := range logs {
			if (logs[j].Len() > 0) != (j == c.want) {
				t.Errorf("client %d, logger %d: %q", i, j, &logs[j])
			}
			logs[j].Reset()
		}
	}
}

// TestEmptyBatches: what has to be skipped is carried through empty batches until the first record comes.
func TestEmptyBatches(t *testing.T) {
	server, raw := newStream(t, 1)
	client := newClient(server, deaggaws.WithDeaggregation())
	number := put(t, raw, "a", aggregate(t, "A", 3))
	it := mustIterator(t, client, types.ShardIteratorTypeAfterSequenceNumber, number+":0")
	// The iterator may be used again and again, as retries do.
	for range 3 {
		if got := texts(read(t, it, 100, client)); !slices.Equal(got, []string{"A.1", "A.2"}) {
			t.Errorf("%q", got)
		}
	}
	if !strings.HasPrefix(*it, "kplkit1:"+number+":0/") {
		t.Errorf("iterator %s", *it)
	}
	out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
	if err != nil || strings.HasPrefix(*out.NextShardIterator, "kplkit1") {
		t.Errorf("the next iterator still skips: %s, %v", aws.ToString(out.NextShardIterator), err)
	}
}

func TestStats(t *testing.T) {
	server, raw := newStream(t, 1)
	want := fill(t, raw)
	var total deagg.Stats
	client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithStats(func(shard string, s deagg.Stats) {
		if shard != shard0 {
			t.Errorf("shard %q", shard)
		}
		total.Stored += s.Stored
		total.User += s.User
		total.Malformed += s.Malformed
	})))
	read(t, mustIterator(t, client, types.ShardIteratorTypeTrimHorizon, ""), 2, client)
	if total.Stored != 8 || total.User != int64(len(want)) || total.Malformed != 1 {
		t.Errorf("%+v", total)
	}
}

func TestAppendStored(t *testing.T) {
	batch := []types.Record{{SequenceNumber: aws.String("7"), Data: []byte("x")}, {}}
	got := deaggaws.AppendStored([]deagg.StoredRecord{{PartitionKey: "before"}}, batch)
	if len(got) != 3 || got[1].SequenceNumber != "7" || string(got[1].Data) != "x" || got[1].PartitionKey != "" || got[2].SequenceNumber != "" {
		t.Errorf("%+v", got)
	}
}

// TestOddSequenceNumbers checks that text with a colon that is no SEQUENCE:SUB, and no sequence number at all, harm
// nothing: test doubles and other systems have such.
func TestOddSequenceNumbers(t *testing.T) {
	for number, want := range map[string][]string{
		"10:x": {"10:x:0", "10:x:1", "10:x"},
		":":    {"::0", "::1", ":"},
		"":     {"", "", ""},
	} {
		batch := []types.Record{{SequenceNumber: &number, Data: aggregate(t, "u", 3)}, {SequenceNumber: aws.String("11"), Data: []byte("plain")}}
		got, err := deaggaws.DeaggregateRecords(batch)
		if err != nil || !slices.Equal(texts(got), []string{"u.0", "u.1", "u.2", "plain"}) {
			t.Errorf("%q: %q, %v", number, texts(got), err)
			continue
		}
		for i, w := range append(want, "11") {
			if aws.ToString(got[i].SequenceNumber) != w {
				t.Errorf("%q: user record %d has %q, want %q", number, i, aws.ToString(got[i].SequenceNumber), w)
			}
		}
	}
}
