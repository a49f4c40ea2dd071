package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	awslabs "github.com/awslabs/kinesis-aggregation/go/v2/deaggregator"

	"github.com/kplkit/kplkit/deagg/deaggaws"
)

// canned answers every request with the same output of GetRecords, so that nothing but the client is measured.
type canned []byte

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body: io.NopCloser(bytes.NewReader(c)), ContentLength: int64(len(c)),
	}, nil
}

func answerOf(d dataSet) canned {
	type record struct {
		SequenceNumber, PartitionKey string
		ApproximateArrivalTimestamp  float64
		Data                         []byte
	}
	var out struct {
		Records            []record
		NextShardIterator  string
		MillisBehindLatest int
	}
	out.NextShardIterator = strings.Repeat("A", 200)
	for _, r := range d.stored {
		out.Records = append(out.Records, record{r.SequenceNumber, r.PartitionKey, 1.795529850e9, r.Data})
	}
	body, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return body
}

func reader(c http.RoundTripper, signed bool, opts ...func(*kinesis.Options)) *kinesis.Client {
	o := kinesis.Options{Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: c}}
	if signed {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		})
	}
	return kinesis.New(o, opts...)
}

func read(c *kinesis.Client) *kinesis.GetRecordsOutput {
	out, err := c.GetRecords(context.Background(), &kinesis.GetRecordsInput{ShardIterator: aws.String("x")})
	if err != nil {
		panic(err)
	}
	return out
}

// getRecords reads the same answer by the SDK alone, by a client with deaggaws, and by awslabs' de-aggregator after the SDK.
func getRecords(s *session) {
	const sdk, ours, theirs = "SDK alone", "deaggaws", "SDK and awslabs"
	plot := s.plot("performance-get-records", "CPU time of a user record by GetRecords", "bytes of a user record", "ns")
	s.note("About 1 MB of user records an answer, aggregates of 50 KB, through the SDK with a transport that answers at once.")
	s.table("bytes", "answer", "SDK alone, ns", "deaggaws, ns", "SDK and awslabs, ns", "deaggaws of SDK alone", "awslabs of SDK alone")
	for _, set := range []struct {
		size, bytes int
		signed      bool
		goal        float64
		what        string
	}{
		{10, 1 << 20, false, 0, "1 MB"},
		{100, 1 << 20, false, 0.40, "10,000 records"},
		{100, 1 << 20, true, 0.40, "10,000 records, signed request"},
		{100, 50_000, false, 0.85, "one aggregate"},
		{100, 50_000, true, 0, "one aggregate, signed request"},
		{100, 8 << 20, false, 0, "8 MiB"},
		{1000, 1 << 20, false, 0, "1 MB"},
		{10_000, 1 << 20, false, 0, "1 MB"},
	} {
		d := aggregates(set.bytes, usualAggregate, set.size, 10)
		answer := answerOf(d)
		alone, client := reader(answer, set.signed), reader(answer, set.signed, deaggaws.WithDeaggregation())
		spent := takeTurns(s.rounds, s.each, []contender{
			{name: sdk, pass: func() { read(alone) }},
			{name: ours, pass: func() { d.check(len(read(client).Records)) }},
			{name: theirs, pass: func() {
				all, err := awslabs.DeaggregateRecords(read(alone).Records)
				if err != nil {
					panic(err)
				}
				d.check(len(all))
			}},
		})
		ratio := spent[ours].over(spent[sdk])
		cells := []string{fmt.Sprint(set.size), set.what}
		for _, name := range []string{sdk, ours, theirs} {
			ns := spent[name].per(d.users).median
			if cells = append(cells, number(ns)); set.what == "1 MB" || set.what == "10,000 records" {
				plot.add(name, float64(set.size), ns)
			}
		}
		s.row(append(cells, number(ratio.median), number(spent[theirs].over(spent[sdk]).median))...)
		if set.goal > 0 {
			s.atMost(set.goal, fmt.Sprintf("GetRecords through deaggaws, %d B, %s, CPU of the SDK alone", set.size, set.what), ratio, "")
		}
	}
}
