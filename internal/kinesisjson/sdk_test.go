package kinesisjson_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// limit is far above what the tests read.
const limit = 1 << 26

var getRecords = smithy.NewOperationSchema(schemas.GetRecords, schemas.GetRecordsInput, schemas.GetRecordsOutput)

// bySDK reads an answer of GetRecords as a client of the SDK does, by its protocol. Where smithy-go v1.28.1 panics, as it
// does for a time of "NaN", it refuses.
func bySDK(body []byte) (out *kinesis.GetRecordsOutput, err error) {
	defer func() {
		if why := recover(); why != nil {
			err = fmt.Errorf("panic: %v", why)
		}
	}()
	out = &kinesis.GetRecordsOutput{}
	response := &smithyhttp.Response{Response: &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(body))}}
	err = awsjson.New11(schemas.Kinesis_20131202).DeserializeResponse(context.Background(), getRecords, kinesis.TypeRegistry, response, out)
	return out, err
}

// canned answers each request with the same bytes.
type canned struct {
	contentType string
	body        []byte
}

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {c.contentType}},
		Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body))}, nil
}

func client(contentType string, body []byte) *kinesis.Client {
	return kinesis.New(kinesis.Options{Region: "us-east-1", Credentials: aws.AnonymousCredentials{},
		HTTPClient: &http.Client{Transport: canned{contentType, body}}, Retryer: aws.NopRetryer{}})
}

// byClient reads it by a whole client.
func byClient(t *testing.T, body []byte) (*kinesis.GetRecordsOutput, error) {
	return client("application/x-amz-json-1.1", body).GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: aws.String("x")})
}

// byUs reads it by this package, as a reader that stands in the SDK's place would. ChildShards are the SDK's to read.
func byUs(body []byte) (*kinesis.GetRecordsOutput, error) {
	var a kinesisjson.Answer
	if err := a.Read(body, limit); err != nil {
		return nil, err
	}
	out := &kinesis.GetRecordsOutput{}
	if next, ok := a.Text("NextShardIterator"); ok {
		out.NextShardIterator = &next
	}
	if ms, ok := a.Int("MillisBehindLatest"); ok {
		out.MillisBehindLatest = &ms
	}
	if a.Records != nil {
		out.Records = make([]types.Record, 0, len(a.Records))
	}
	for i := range a.Records {
		r := &a.Records[i]
		data, err := r.AppendData(make([]byte, 0, r.DataLen()))
		if err != nil {
			return nil, err
		}
		record := types.Record{Data: data, SequenceNumber: &r.SequenceNumber, PartitionKey: &r.PartitionKey, EncryptionType: types.EncryptionType(r.EncryptionType)}
		if r.ArrivalTime != nil {
			ms, ok := r.ArrivalMilliseconds()
			if !ok {
				return nil, kinesisjson.ErrUnusual
			}
			record.ApproximateArrivalTimestamp = aws.Time(time.UnixMilli(ms).UTC())
		}
		out.Records = append(out.Records, record)
	}
	return out, nil
}

// asEvent turns what an answer has into what an event has.
func asEvent(a *kinesisjson.Answer, out *kinesis.GetRecordsOutput) *types.SubscribeToShardEvent {
	e := &types.SubscribeToShardEvent{Records: out.Records, MillisBehindLatest: out.MillisBehindLatest}
	if number, ok := a.Text("ContinuationSequenceNumber"); ok {
		e.ContinuationSequenceNumber = &number
	}
	return e
}

// compare holds what this package reads of a body against the SDK: it may leave to it what it likes, but what it reads
// the SDK reads, too, and reads the same. It returns whether this package has read it.
func compare(t *testing.T, body []byte) bool {
	t.Helper()
	want, refused := bySDK(body)
	got, err := byUs(body)
	event, refusedEvent := eventBySDK(kinesisjson.AppendFrame(nil, eventHeaders, body))
	var a kinesisjson.Answer
	children := a.Read(body, limit) == nil && a.Raw("ChildShards") != nil
	switch {
	case err != nil:
		return false
	case (refused != nil || refusedEvent != nil) && children:
		return true // what is in them is not looked at
	case refused != nil || refusedEvent != nil:
		t.Errorf("%.300q: read, and the SDK says %v, %v", body, refused, refusedEvent)
		return true
	}
	want.ChildShards, event.ChildShards = nil, nil
	if diff := cmp.Diff(want, got, ignoreUnexported); diff != "" {
		t.Errorf("%.300q: - SDK + we\n%s", body, diff)
	}
	if diff := cmp.Diff(event, asEvent(&a, got), ignoreUnexported); diff != "" {
		t.Errorf("%.300q: as an event: - SDK + we\n%s", body, diff)
	}
	return true
}

// eventHeaders are those that an event has to have.
var eventHeaders = []byte("\x0d:message-type\x07\x00\x05event\x0b:event-type\x07\x00\x15SubscribeToShardEvent")

var ignoreUnexported = cmp.FilterPath(func(p cmp.Path) bool {
	s, ok := p.Last().(cmp.StructField)
	return ok && (s.Name() == "noSmithyDocumentSerde" || s.Name() == "ResultMetadata")
}, cmp.Ignore())

const (
	number1, number2 = "49590338271490256608559692538361571095921575989136588898", "49590338271490256608559692540925702759324208523137515618"
	record1          = `{"SequenceNumber":"` + number1 + `","ApproximateArrivalTimestamp":1.795529850123E9,"Data":"SGVsbG8=","PartitionKey":"user-1"}`
	record2          = `{"SequenceNumber":"` + number2 + `","ApproximateArrivalTimestamp":1795529850.123,"Data":"","PartitionKey":"\u00fc","EncryptionType":"KMS"}`
	end              = `,"NextShardIterator":"AAAAAAAAAAE=","MillisBehindLatest":0}`
)

// usual are answers that have to be read, not left to the SDK.
var usual = map[string]string{
	"as Kinesis writes":        `{"Records":[` + record1 + `,` + record2 + `]` + end,
	"the longest lead":         `{"MillisBehindLatest":-9223372036854775808}`,
	"no records":               `{"Records":[]` + end,
	"fields in another order":  `{"MillisBehindLatest":9223372036854775807,"NextShardIterator":"x","Records":[` + record1 + `]}`,
	"the end of a shard":       `{"Records":[` + record1 + `],"NextShardIterator":null,"MillisBehindLatest":0,"ChildShards":[{"ShardId":"shardId-000000000001","ParentShards":["shardId-000000000000"],"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"1"}}]}`,
	"nothing":                  `{}`,
	"many fields":              `{` + manyFields(64) + `}`,
	"nulls":                    `{"Records":null,"NextShardIterator":null,"MillisBehindLatest":null}`,
	"white space":              " {\n \"Records\" : [\t" + record1 + " ,\r\n " + record2 + " ] , \"MillisBehindLatest\" : -1 } \n",
	"unknown fields":           `{"New":{"a":[1,{"b":null}],"a":true},"Records":[{"Later":[-0.5e-3,"\ud83d\ude00"],"Later":0,` + record1[1:] + `],"More":[]` + end,
	"nulls in a record":        `{"Records":[{"SequenceNumber":"1","Data":"QQ==","PartitionKey":"a","EncryptionType":null,"ApproximateArrivalTimestamp":null}]}`,
	"no time":                  `{"Records":[{"Data":"QUI=","PartitionKey":"a","SequenceNumber":"1"}]}`,
	"escapes":                  `{"Records":[{"Data":"Pz8\/Pz8+","PartitionKey":"\"\\\/\b\f\n\r\t\u0041\uD83D\uDE00","SequenceNumber":"\u0031"}]}`,
	"half a pair":              `{"Records":[{"Data":"","PartitionKey":"\ud800 \udc00\ud800\u0041\ud800\ud800\udc00","SequenceNumber":"1"}]}`,
	"not UTF-8":                "{\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"\xff\xc3\",\"SequenceNumber\":\"1\"}]}",
	"not UTF-8, and an escape": "{\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"\\n\xff\xc3\",\"SequenceNumber\":\"1\"}]}",
	"base64 in lines":          `{"Records":[{"Data":"SGVs\r\nbG8=\n","PartitionKey":"a","SequenceNumber":"1"}]}`,
	"bits beyond the data":     `{"Records":[{"Data":"SGVsbG9=","PartitionKey":"a","SequenceNumber":"1"}]}`,
	"times":                    `{"Records":[{"Data":"","PartitionKey":"a","SequenceNumber":"1","ApproximateArrivalTimestamp":0},{"Data":"","PartitionKey":"a","SequenceNumber":"1","ApproximateArrivalTimestamp":-1.9999999},{"Data":"","PartitionKey":"a","SequenceNumber":"1","ApproximateArrivalTimestamp":1795529850.9999999}]}`,
}

// unusual are answers that are left to the SDK, whether it reads them or not.
var unusual = map[string]string{
	"empty":                      ``,
	"a null":                     `null`,
	"a list":                     `[]`,
	"two lists of records":       `{"Records":[],"Records":[` + record1 + `]}`,
	"a null and a list":          `{"Records":null,"Records":[]}`,
	"an iterator twice":          `{"NextShardIterator":"a","NextShardIterator":"b"}`,
	"another field twice":        `{"a":1,"a":1}`,
	"a number twice":             `{"Records":[{"SequenceNumber":"2",` + record1[1:] + `]}`,
	"data twice":                 `{"Records":[{"Data":null,` + record1[1:] + `]}`,
	"an escape in a name":        `{"\u0052ecords":[` + record1 + `]}`,
	"an escape in a record's":    `{"Records":[{"\u0044ata":"",` + record1[1:] + `]}`,
	"no number":                  `{"Records":[{"Data":"","PartitionKey":"a"}]}`,
	"no key":                     `{"Records":[{"Data":"","SequenceNumber":"1"}]}`,
	"no data":                    `{"Records":[{"PartitionKey":"a","SequenceNumber":"1"}]}`,
	"null data":                  `{"Records":[{"Data":null,"PartitionKey":"a","SequenceNumber":"1"}]}`,
	"a record that is null":      `{"Records":[null]}`,
	"data that is a number":      `{"Records":[{"Data":1,"PartitionKey":"a","SequenceNumber":"1"}]}`,
	"not base64":                 `{"Records":[{"Data":"====","PartitionKey":"a","SequenceNumber":"1"}]}`,
	"base64 of one":              `{"Records":[{"Data":"A===","PartitionKey":"a","SequenceNumber":"1"}]}`,
	"base64 without its padding": `{"Records":[{"Data":"QQ","PartitionKey":"a","SequenceNumber":"1"}]}`,
	"base64 and more":            `{"Records":[{"Data":"QQ==QUJD","PartitionKey":"a","SequenceNumber":"1"}]}`,
	"base64url":                  `{"Records":[{"Data":"Pz8_Pz8-","PartitionKey":"a","SequenceNumber":"1"}]}`,
	"a line end in base64":       "{\"Records\":[{\"Data\":\"QU\nJD\",\"PartitionKey\":\"a\",\"SequenceNumber\":\"1\"}]}",
	"four of them":               "{\"Records\":[{\"Data\":\"QQ\n\n\n\n==\",\"PartitionKey\":\"a\",\"SequenceNumber\":\"1\"}]}",
	"a control character":        "{\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"a\tb\",\"SequenceNumber\":\"1\"}]}",
	"an unknown escape":          `{"Records":[{"Data":"","PartitionKey":"\x","SequenceNumber":"1"}]}`,
	"half an escape":             `{"Records":[{"Data":"","PartitionKey":"\u00e","SequenceNumber":"1"}]}`,
	"a huge time":                `{"Records":[{"Data":"","PartitionKey":"a","SequenceNumber":"1","ApproximateArrivalTimestamp":1e999}]}`,
	"a far time":                 `{"Records":[{"Data":"","PartitionKey":"a","SequenceNumber":"1","ApproximateArrivalTimestamp":1e12}]}`,
	"a time that is a text":      `{"Records":[{"Data":"","PartitionKey":"a","SequenceNumber":"1","ApproximateArrivalTimestamp":"NaN"}]}`,
	"a long lag":                 `{"MillisBehindLatest":9223372036854775808}`,
	"an iterator of one":         `{"NextShardIterator":1}`,
	"a list to go on at":         `{"ContinuationSequenceNumber":[]}`,
	"a longer lag":               `{"MillisBehindLatest":18446744073709551616}`,
	"the longest lag":            `{"MillisBehindLatest":99999999999999999999}`,
	"a long lead":                `{"MillisBehindLatest":-9223372036854775809}`,
	"a longer lead":              `{"MillisBehindLatest":-18446744073709551615}`,
	"a lag with a fraction":      `{"MillisBehindLatest":1.0}`,
	"a lag with an exponent":     `{"MillisBehindLatest":1e3}`,
	"a lag that is true":         `{"MillisBehindLatest":true}`,
	"a leading zero":             `{"a":01}`,
	"a point and nothing":        `{"a":1.}`,
	"a plus":                     `{"a":+1}`,
	"a comma too many":           `{"Records":[` + record1 + `,]}`,
	"a comma at the end":         `{"a":1,}`,
	"a comma missing":            `{"Records":[` + record1 + record2 + `]}`,
	"a colon missing":            `{"Records"[]}`,
	"something after the end":    `{"Records":[]}x`,
	"another object":             `{"Records":[]}{}`,
	"a zero byte after the end":  "{\"Records\":[]}\x00",
	"cut":                        `{"Records":[` + record1,
	"deep":                       `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
	"deep and cut":               `{"a":` + strings.Repeat("[", 1<<16),
	"many fields":                `{` + manyFields(65) + `}`,
	"a wrong word":               `{"a":nul}`,
	"another kind of list":       `{"Records":{}}`,
}

func manyFields(n int) string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf(`"%d":0`, i)
	}
	return strings.Join(fields, ",")
}

// TestUsual: what Kinesis writes, and what differs from it only in what JSON leaves open, is read, and as the SDK's
// client reads it.
func TestUsual(t *testing.T) {
	for name, body := range usual {
		if !compare(t, []byte(body)) {
			_, err := byUs([]byte(body))
			t.Errorf("%s: %v", name, err)
		}
		want, err := byClient(t, []byte(body))
		got, _ := bySDK([]byte(body))
		if diff := cmp.Diff(want, got, ignoreUnexported); err != nil || diff != "" {
			t.Errorf("%s: the SDK's protocol alone reads something else: %v %s", name, err, diff)
		}
	}
}

// TestUnusual: what is damaged or odd is left to the SDK.
func TestUnusual(t *testing.T) {
	for name, body := range unusual {
		if compare(t, []byte(body)) {
			t.Errorf("%s: read", name)
		}
	}
	var a kinesisjson.Answer
	if body := []byte(usual["no records"]); a.Read(body, len(body)) != nil || a.Read(body, len(body)-1) == nil {
		t.Error("the limit is not the limit")
	}
}

// TestCut: no answer that is cut is read, and each byte changed, it is read as the SDK reads it or left to it.
func TestCut(t *testing.T) {
	for _, body := range usual {
		for i := range body {
			if strings.TrimSpace(body[i:]) != "" && compare(t, []byte(body[:i])) {
				t.Errorf("%q, cut, is read", body[:i])
			}
			for _, c := range []byte("\x00\"\\},0\xff") {
				compare(t, []byte(body[:i]+string([]byte{c})+body[i+1:]))
			}
		}
	}
}
