package deaggaws_test

import (
	"bytes"
	"errors"
	"log/slog"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/seqnum"
)

// apiNumber is the pattern of a sequence number in the API.
var apiNumber = regexp.MustCompile(`^(0|[1-9][0-9]{0,128})$`)

// checkDigits wants positions of 65 digits that grow as integers.
func checkDigits(t *testing.T, rs []types.Record) {
	t.Helper()
	last := new(big.Int)
	for _, r := range rs {
		number, ok := new(big.Int).SetString(aws.ToString(r.SequenceNumber), 10)
		if !ok || len(*r.SequenceNumber) != 65 || !apiNumber.MatchString(*r.SequenceNumber) || number.Cmp(last) <= 0 {
			t.Fatalf("%q has %q, after %v", r.Data, aws.ToString(r.SequenceNumber), last)
		}
		last = number
	}
}

// TestDigitsResume is TestResumeAfterEachUserRecord with positions as digits, where every client goes on with them,
// whatever its options, and with iterators that they hand to each other. A stored record that is plain, or damaged and handed
// on whole, and the last user record of an aggregate are all of their stored record; AT that starts at the stored record.
func TestDigitsResume(t *testing.T) {
	server, raw := newStream(t, 1)
	want := fill(t, raw)
	var log bytes.Buffer
	logger := deaggaws.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
	digits, text := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithDigitPositions(), logger)), newClient(server, deaggaws.WithDeaggregation(logger))
	plain := read(t, mustIterator(t, text, types.ShardIteratorTypeTrimHorizon, ""), 9, text)
	for limit := int32(1); limit <= 9; limit += 2 {
		all := read(t, mustIterator(t, digits, types.ShardIteratorTypeTrimHorizon, ""), limit, digits)
		if got := texts(all); !slices.Equal(got, want) {
			t.Fatalf("limit %d: %q, want %q", limit, got, want)
		}
		checkDigits(t, all)
		for i, r := range all {
			position, err := seqnum.ParseDigits(*r.SequenceNumber)
			if wanted, other := seqnum.ParseExtended(*plain[i].SequenceNumber); err != nil || other != nil || position != wanted {
				t.Fatalf("%q is at %v, want %v (%v, %v)", r.Data, position, wanted, err, other)
			}
			begin := i // of what AT it brings
			for position.Whole() && begin > 0 && strings.HasPrefix(*all[begin-1].SequenceNumber, (*r.SequenceNumber)[:56]) {
				begin--
			}
			for _, clients := range [][]*kinesis.Client{{digits}, {text}, {text, digits}} {
				after := read(t, mustIterator(t, clients[0], types.ShardIteratorTypeAfterSequenceNumber, *r.SequenceNumber), limit, clients...)
				if got := texts(after); !slices.Equal(got, want[i+1:]) {
					t.Errorf("limit %d, after %s: %q, want %q", limit, *r.SequenceNumber, got, want[i+1:])
				}
				at := read(t, mustIterator(t, clients[0], types.ShardIteratorTypeAtSequenceNumber, *r.SequenceNumber), limit, clients...)
				if got := texts(at); !slices.Equal(got, want[begin:]) {
					t.Errorf("limit %d, at %s: %q, want %q", limit, *r.SequenceNumber, got, want[begin:])
				}
			}
			// What was stored before the option was set goes on as it did.
			if got := texts(read(t, mustIterator(t, digits, types.ShardIteratorTypeAfterSequenceNumber, *plain[i].SequenceNumber), limit, digits)); !slices.Equal(got, want[i+1:]) {
				t.Errorf("limit %d, after %s: %q, want %q", limit, *plain[i].SequenceNumber, got, want[i+1:])
			}
		}
	}
	if log.Len() > 0 {
		t.Errorf("logged, though no position is odd: %s", &log)
	}
}

// TestDigitsWithoutKplkit: the API's pattern takes digits, and AWS refuses them all the same: they are no shard's number.
func TestDigitsWithoutKplkit(t *testing.T) {
	_, raw := newStream(t, 1)
	number := put(t, raw, "a", aggregate(t, "A", 3))
	for _, sub := range []string{"000000001", "999999999"} {
		_, err := iterator(t.Context(), raw, types.ShardIteratorTypeAfterSequenceNumber, number+sub)
		if invalid := (*types.InvalidArgumentException)(nil); !errors.As(err, &invalid) {
			t.Errorf("%v", err)
		}
	}
}

// TestDigitsBeyond: a position as digits that can't be of its stored record is no reason to skip it, and none that
// can be is taken for one.
func TestDigitsBeyond(t *testing.T) {
	server, raw := newStream(t, 1)
	number := put(t, raw, "a", aggregate(t, "A", 3))
	put(t, raw, "k", []byte("plain"))
	client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithDigitPositions()))
	for sub, want := range map[string][]string{
		"000000001": {"A.2", "plain"}, "000000002": {"plain"}, "000000003": {"A.0", "A.1", "A.2", "plain"}, "999999998": {"A.0", "A.1", "A.2", "plain"},
		"999999999": {"plain"},
	} {
		if got := texts(read(t, mustIterator(t, client, types.ShardIteratorTypeAfterSequenceNumber, number+sub), 9, client)); !slices.Equal(got, want) {
			t.Errorf("after …%s: %q, want %q", sub, got, want)
		}
	}
	for _, text := range []string{number + "000000001:1", "00" + number + "000000001"} {
		if _, err := iterator(t.Context(), client, types.ShardIteratorTypeAfterSequenceNumber, text); !errors.Is(err, deaggaws.ErrPosition) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestDigitsSecondPass: for a consumer that de-aggregates again the numbers are the same, and its own pass changes nothing.
func TestDigitsSecondPass(t *testing.T) {
	server, raw := newStream(t, 1)
	want := fill(t, raw)
	once := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithDigitPositions()))
	both := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithDigitPositions(), deaggaws.WithSecondPass()))
	plain := read(t, mustIterator(t, once, types.ShardIteratorTypeTrimHorizon, ""), 9, once)
	wrapped := read(t, mustIterator(t, both, types.ShardIteratorTypeTrimHorizon, ""), 9, both)
	checkDigits(t, wrapped)
	for i := range wrapped {
		if *wrapped[i].SequenceNumber != *plain[i].SequenceNumber {
			t.Errorf("%s, want %s", *wrapped[i].SequenceNumber, *plain[i].SequenceNumber)
		}
		wrapped[i].SequenceNumber = aws.String("7") // the second pass knows nothing of positions
	}
	twice, err := deaggaws.DeaggregateRecords(wrapped)
	if got := texts(twice); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, want %q (%v)", got, want, err)
	}
}

// TestDigitsOfDroppedLast: where the last user records of an aggregate are dropped, the last that is delivered is all of it.
func TestDigitsOfDroppedLast(t *testing.T) {
	server, raw := newStream(t, 1)
	split(t, raw, shard0, half)
	number := put(t, raw, "a", mixed(t, low, low, high), low)
	later := put(t, raw, "k", []byte("later"), low)
	client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges(), deaggaws.WithDigitPositions()))
	from := func(kind types.ShardIteratorType, at string) (numbers []string) {
		in := &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: aws.String("shardId-000000000001"), ShardIteratorType: kind}
		if at != "" {
			in.StartingSequenceNumber = &at
		}
		out, err := client.GetShardIterator(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range read(t, out.ShardIterator, 1, client) {
			numbers = append(numbers, *r.SequenceNumber)
		}
		return numbers
	}
	want := []string{number + "000000000", number + "999999999", later + "999999999"}
	if got := from(types.ShardIteratorTypeTrimHorizon, ""); !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	for i := range want {
		if got := from(types.ShardIteratorTypeAfterSequenceNumber, want[i]); !slices.Equal(got, want[i+1:]) {
			t.Errorf("after %s: %q, want %q", want[i], got, want[i+1:])
		}
	}
}

const version1 = "24519928653854221733733552434404946937899825954937634815" // the largest of that version

// TestNoDigits: a batch with a position that has no digits fails as a whole, names it, and is delivered by the same
// iterator once the option is gone. It is not counted. One before it comes.
func TestNoDigits(t *testing.T) {
	const today = "49680523304536297513748243888185500536114644917201928194"
	plain := func(number string) types.Record { return record(number, "k", []byte("plain "+number)) }
	for name, bad := range map[string]types.Record{
		"version 1":               plain(version1),
		"version 1, an aggregate": record(version1, "a", aggregate(t, "A", 2)),
		"an emulator's":           plain("12"),
		"inside, an emulator's":   plain("12:3"),
		"none":                    {Data: []byte("x")},
		"not a number":            plain("x"),
		"beyond nine digits":      plain(today + ":999999999"),
		"far beyond":              plain(today + ":12345678901"),
	} {
		for _, batch := range []int{1, 3} { // alone, and after others in the same batch
			r := &replay{[]types.Record{plain(today), record(today+":7", "k", []byte("inside")), bad}, func() int { return batch }}
			var counted int64
			digits := r.client(deaggaws.WithDigitPositions(), deaggaws.WithStats(func(_ string, s deagg.Stats) { counted += s.User }))
			it, delivered := mustIterator(t, digits, types.ShardIteratorTypeTrimHorizon, ""), int64(0)
			var err error
			for range 3 {
				var out *kinesis.GetRecordsOutput
				if out, err = digits.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it}); err != nil {
					if out != nil {
						t.Errorf("%s: an answer, too", name)
					}
					break
				}
				checkDigits(t, out.Records)
				it, delivered = out.NextShardIterator, delivered+int64(len(out.Records))
			}
			if want := int64(2) * int64(batch%3); !errors.Is(err, deaggaws.ErrDigits) || delivered != want || counted != want {
				t.Errorf("%s, batches of %d: %d delivered, %d counted, %v", name, batch, delivered, counted, err)
			}
			out, err := r.client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
			if err != nil || len(out.Records) < batch {
				t.Errorf("%s, without the option: %v", name, err)
			}
		}
	}
}

// TestDigitsAddUp: the option of a call, or of a client made from another's Options, counts; it says so of itself; a
// partition key that is absent stays so, and a batch of nothing is one.
func TestDigitsAddUp(t *testing.T) {
	server, raw := newStream(t, 1)
	client := newClient(server, deaggaws.WithDeaggregation())
	from := mustIterator(t, client, types.ShardIteratorTypeTrimHorizon, "")
	option := deaggaws.WithDeaggregation(deaggaws.WithDigitPositions())
	if out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: from}, option); err != nil || len(out.Records) > 0 {
		t.Errorf("nothing: %v", err)
	}
	number := put(t, raw, "a", aggregate(t, "A", 2))
	perCall, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: from}, option)
	if err != nil {
		t.Fatal(err)
	}
	checkDigits(t, perCall.Records)
	checkDigits(t, read(t, from, 9, kinesis.New(client.Options(), option)))
	checkDigits(t, read(t, from, 9, kinesis.New(newClient(server, option).Options(), deaggaws.WithDeaggregation())))
	if got := read(t, from, 9, client); *got[0].SequenceNumber != number+":0" || *got[1].SequenceNumber != number {
		t.Errorf("the client itself: %q", numbered(got))
	}
	if !deaggaws.DigitPositions(nil, deaggaws.WithSecondPass(), deaggaws.WithDigitPositions()) || deaggaws.DigitPositions(deaggaws.WithSecondPass(), nil) {
		t.Error("DigitPositions does not know its option")
	}
	r := &replay{[]types.Record{{SequenceNumber: &number, Data: []byte("x")}}, func() int { return 1 }}
	keyless := r.client(deaggaws.WithDigitPositions())
	out, err := keyless.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: mustIterator(t, keyless, types.ShardIteratorTypeTrimHorizon, "")})
	if err != nil || out.Records[0].PartitionKey != nil || *out.Records[0].SequenceNumber != number+"999999999" {
		t.Errorf("%+v, %v", out, err)
	}
}
