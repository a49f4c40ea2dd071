package recordio

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read returns what Records makes of an input, a record or an error a line.
func read(input io.Reader) []string {
	var got []string
	for r, err := range sourceOf(input, &got).Records() {
		if err != nil {
			got = append(got, err.Error())
		} else {
			got = append(got, describe(r))
		}
	}
	return got
}

// sourceOf returns a Source that reads all there is, and tells what it leaves out.
func sourceOf(input io.Reader, told *[]string) *Source {
	return &Source{Reader: input, Name: "f", Text: true, Prints: true, Tell: func(err error) {
		*told = append(*told, strings.TrimSuffix(err.Error(), ": left out, here and wherever it is so in this file"))
	}}
}

func describe(r *Record) string {
	s := fmt.Sprintf("%d: %s", r.Line, r.SequenceNumber)
	if r.Finished {
		s += fmt.Sprintf(":%d", r.SubSequenceNumber)
	}
	s += fmt.Sprintf(" %q=%q", r.PartitionKey, r.Data)
	if r.ShardID != "" {
		s += " " + r.ShardID
	}
	if !r.ArrivalTime.IsZero() {
		s += " @" + string(appendSeconds(nil, r.ArrivalTime))
	}
	switch {
	case r.HashRange.IsValid():
		s += " " + r.HashRange.String()
	case r.HasRange:
		s += " unknown-range"
	}
	if r.HasAncestors {
		s += fmt.Sprint(" ", r.Ancestors)
	}
	if r.ExplicitHashKey != "" {
		s += " ehk=" + r.ExplicitHashKey
	}
	if r.Last {
		s += " last"
	}
	return s
}

const replacedAdvice = " for the bytes that are no UTF-8: they are lost, and this can't be undone; take the record again as bytes, base64 or hex"

const noData = `no data (looked for "data" and "Data", and for a list of records in "Records" or "records")`
const noPayload = "an on-failure object (KinesisBatchInfo) without the records, which have no payload here: they are in the stream"

var twice, besideList = errDataTwice.Error(), errBeside.Error()

// number is one of version 2; long and other are data of more than 100 characters, an aggregate and none.
const number = "49590338271490256608559692538361571095921575989136588898"

var long, other = pastedAggregate + strings.Repeat("AAAA", 20), strings.Repeat("AAAB", 30)

// plainBytes returns n bytes that are no text.
func plainBytes(n int) (data []byte) {
	for i := range n {
		data = append(data, byte(i*i+i/7+200))
	}
	return data
}

func binary(n int) string { return base64.StdEncoding.EncodeToString(plainBytes(n)) }

func mayBeKey(line int, text string) string {
	return fmt.Sprintf("want f:%d: columns of which one, %q, may be a partition key and not data: take --output json, or data alone, one a line (--query 'Records[].[Data]')\n", line, text)
}

func swapped(line int) string {
	return fmt.Sprintf("want f:%d: columns of which two may be the data, or in another order than time, data, partition key and sequence number: take --output json\n", line)
}

func TestForms(t *testing.T) {
	for _, tt := range []struct{ name, input string }{
		{"nothing", ""},
		{"blanks", " \r\n\n\t\n"},
		{"corpus", `{"shard_id": "shardId-7", "starting_hash_key": "0", "ending_hash_key": "99", "sequence_number": "12", "approximate_arrival_timestamp": 1795529839, "partition_key": "k", "data": "aGk="}
want 1: 12 "k"="hi" shardId-7 @1795529839 0-99`},
		{"ancestors", `{"sequence_number":"12","starting_hash_key":"0","ending_hash_key":"0","ancestor_ranges":["0-9","0-99"],"data":"aGk="}
want 1: 12 ""="hi" 0-0 [0-9 0-99]`},
		{"no ancestors", `{"data":"aGk=","ancestor_ranges":[]}
want 1:  ""="hi" []`},
		{"a fraction is kept", `{"data":"","approximate_arrival_timestamp":1795529839.123456789}
want 1:  ""="" @1795529839.123456789`},
		{"an exponent", `{"data":"","approximate_arrival_timestamp":1.795529839123E9}
want 1:  ""="" @1795529839.123`},
		{"absent and null partition key", `{"data":"aGk=","sequence_number":"1","partition_key":null}{"data":"aGk="}
want 1: 1 ""="hi"
want 1:  ""="hi"`},
		{"partition key in base64", `{"data":"aGk=","partition_key_base64":"/w=="}
want 1:  "\xff"="hi"`},
		{"explicit hash key in base64", `{"data":"aGk=","explicit_hash_key":null,"explicit_hash_key_base64":"Lf8="}
want 1:  ""="hi" ehk=` + "-\xff"},
		{"replacement characters", `{"data":"\ufffd\ufffd\n"}
want f:1: data: not base64: a UTF-8 decoder has put replacement characters (U+FFFD)` + replacedAdvice},
		{"somebody else's malformed", `{"data":"aGk=","malformed":false}{"data":"aGk=","malformed":{"x":1}}
want 1:  ""="hi"
want 1:  ""="hi"`},
		{"AWS names", `{"SequenceNumber":"1","ApproximateArrivalTimestamp":1701761035.582,"Data":"aGk=","PartitionKey":"k","EncryptionType":"KMS"}
want 1: 1 "k"="hi" @1701761035.582`},
		{"get-records", `{
    "Records": [
        {
            "SequenceNumber": "1",
            "ApproximateArrivalTimestamp": "2023-12-05T08:23:55.582000+01:00",
            "Data": "aGk=",
            "PartitionKey": "k"
        },
        {
            "SequenceNumber": "2",
            "Data": "aG8=",
            "PartitionKey": "k"
        }
    ],
    "NextShardIterator": "AAAA",
    "MillisBehindLatest": 0
}
want 3: 1 "k"="hi" @1701761035.582
want 9: 2 "k"="ho"`},
		{"get-records, compact, in any order, several", `{"MillisBehindLatest":0,"ChildShards":[{"ShardId":"s"}],"Records":[{"Data":"aGk="},{"Data":"aG8="}]}{"Records":[]}
[{"Data":"YQ=="},{"Data":"Yg=="}]
want 1:  ""="hi"
want 1:  ""="ho"
want 2:  ""="a"
want 2:  ""="b"`},
		{"Lambda", `{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"k","sequenceNumber":"1","data":"aGk=","approximateArrivalTimestamp":1545084650.987},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000006:1"}],
"window":{"start":"2020-07-30T17:00:00Z"},"state":{},"shardId":"shardId-000000000006"}
want 1: 1 "k"="hi" shardId-000000000006 @1545084650.987`},
		{"Kinesis Data Analytics", `{"invocationId":"i","records":[{"recordId":"r","data":"aGk=","kinesisStreamRecordMetadata":{"sequenceNumber":"1","partitionKey":"k","shardId":"s","approximateArrivalTimestamp":1507217624302}}]}
want 1: 1 "k"="hi" s @1507217624.302`},
		{"Firehose", `{"records":[{"recordId":"r","approximateArrivalTimestamp":1507217624302,"data":"aGk=","kinesisRecordMetadata":{"shardId":"s","partitionKey":"k","approximateArrivalTimestamp":1507217624302,"sequenceNumber":"1","subsequenceNumber":5}},{"recordId":"r","data":"aG8=","kinesisRecordMetadata":{"sequenceNumber":"2","subsequenceNumber":""}}]}
want 1: 1:5 "k"="hi" s @1507217624.302
want 1: 2 ""="ho"`},
		{"Firehose without a stream", `{"records":[{"recordId":"r","approximateArrivalTimestamp":1507217624302,"data":"aGk="}]}
want 1:  ""="hi" @1507217624.302`},
		{"what deagg writes", `{"v":1,"sequence_number":"1","sub_sequence_number":2,"aggregated":true,"last":true,"explicit_hash_key":"7","data":"aGk="}
{"v":1,"sequence_number":"1","sub_sequence_number":0,"aggregated":false,"last":true,"explicit_hash_key":null,"data":"aGk="}
want 1: 1:2 ""="hi" ehk=7 last
want 2: 1 ""="hi" last`},
		{"an excerpt of a list", "{\"data\":\"aGk=\"},\n{\"data\":\"aG8=\"},\n{\n \"data\": \"aGE=\"\n},\n" + `
want 1:  ""="hi"
want 2:  ""="ho"
want 3:  ""="ha"`},
		{"fields that come twice", `{"data":"aGk=","Data":"aG8=","sequence_number":"5"}
{"data":"aGk=","kinesis":{"data":"aG8="}}
{"data":"aGk=","data":[104,105],"Data":null}
{"Data":{"0":104},"data":""}
{"data":"aGk=","sequence_number":"5","SequenceNumber":"6","partitionKey":"k","partition_key":"k"}
want f:1: ` + twice + `
want f:2: ` + twice + `
want 3:  ""="hi"
want f:4: ` + twice + `
want f:5: the sequence number "6" comes after another one, "5", in the same object
want 5:  "k"="hi"`},
		{"what else holds data beside a list", `{"Records":[{"data":"aGk="}],"kinesis":{"data":"aG8="}}
{"payload":"[{\"data\":\"aGk=\"}]","Records":[{"data":"aG8="}]}
{"Records":[{"data":"aGk="}],"data":null,"body":"x","records":[{"data":"aG8="}]}
{"body":{"data":"aGk="},"payload":{"data":"aG8="}}
{"payload":"x","body":{"data":"aG8="},"Message":"y"}
want 1:  ""="hi"
want f:1: ` + besideList + `
want 2:  ""="ho"
want f:2: ` + besideList + `
want 3:  ""="hi"
want 3:  ""="ho"
want f:4: two documents in one object (as payload and body): write each as an object of its own
want 5:  ""="ho"`},
		{"byte order mark, CRLF", "\ufeff{\"data\":\"aGk=\"}\r\n{\"data\":\"aG8=\"}\r\nwant 1:  \"\"=\"hi\"\nwant 2:  \"\"=\"ho\""},
		{"base64 with line ends", `{"data":"aG\nk=\r\n"}
want 1:  ""="hi"`},
		{"escapes", `{"d\u0061ta":"\/\/8=","partition_key":"\u00e9\n\"","other":{"data":[1,{"x":2}]}}
want 1:  "é\n\""="\xff\xff"`},

		{"no record", `{"foo":1}
{}
[true]
want f:1: ` + noData + `
want f:2: ` + noData + `
want f:3: "true" where a record was expected: an object with data in base64, or a document of them, as get-records output and Lambda's events are`},
		{"a user file", `{"put_index":0,"partition_key":"k","data_len":1,"data_sha256":"00"}
want f:1: ` + noData},
		{"no record in a document", `{"Records":[{"body":"x"},{"Data":"aGk="}]}
want f:1: ` + noData + `
want 1:  ""="hi"`},
		{"not JSON", `hello
{"data":"aGk="}
want f:1: neither JSON nor a record as text: "hello" may be a word and not base64
want 2:  ""="hi"`},
		{"a line is cut off in a string", `{"data":"aGk=","sequence_number":"1
{"data":"aGk="}
want f:1: JSON does not parse: invalid character '\n' in string (expecting non-control character)
want 2:  ""="hi"`},
		{"a line is cut off between fields", `{"data":"aGk="
{"data":"aG8="}
{"data":"aGk="}
want f:1: JSON that does not parse begins here; in line 2: invalid character '{' after object value (expecting ',' or '}')
want 2:  ""="ho"
want 3:  ""="hi"`},
		{"the last line is cut off", `{"data":"aGk="}
{"data":"aG8=",
want 1:  ""="hi"
want f:2: JSON that does not parse begins here; in line 3: it ends in the middle of a value`},
		{"a pretty document breaks", `{
  "Records": [
    {
      "Data": "aGk="
    },
    {
      "Data": "aG8=" oops
    },
    {
      "Data": "aGE="
    }
  ],
  "MillisBehindLatest": 0
}
{"Data": "YQ=="}
want 3:  ""="hi"
want f:6: JSON that does not parse begins here; in line 7: invalid character 'o' after object value (expecting ',' or '}')
want 9:  ""="ha"
want 15:  ""="a"`},
		{"a document that is cut off is followed by another", `{"Records":[{"Data":"aGk="},{"Data":
{"Records":[{"Data":"aG8="}]}
{"Records":[{"Data":"aGE="}]}
want 1:  ""="hi"
want f:1: JSON that does not parse begins here; in line 3: invalid character '{' after object value (expecting ',' or '}')
want 2:  ""="ho"
want 3:  ""="ha"`},
		{"not base64", `{"data":"a?k="}
{"data":"a-_="}
{"data":"aGk"}
{"data":"aGl="}
{"data":7}
{"data":"aGk="}
want f:1: data: not base64: '?' at character 2; encode the bytes of the record as standard base64
want f:2: data: URL-safe base64 ('-' at character 2): write + for - and / for _
want f:3: data: not base64: it is cut off, or its padding (=) is missing or misplaced
want f:4: data: not base64: it is cut off, or its padding (=) is missing or misplaced
want f:5: data is neither a string nor a list of bytes
want 6:  ""="hi"`},
		{"what can't be read is left out", `{"data":"","sequence_number":1}
{"data":"","starting_hash_key":"5","ending_hash_key":"4"}
{"data":"","starting_hash_key":"5"}
{"data":"","starting_hash_key":{"x":1},"ending_hash_key":9}
{"data":"","ancestor_ranges":[5,"7-9"]}
{"data":"","ancestor_ranges":["9-7","0-1"]}
{"data":"","ancestor_ranges":"1-2"}
{"data":"","approximate_arrival_timestamp":"yesterday"}
{"data":"","approximate_arrival_timestamp":1e300}
{"data":"","sub_sequence_number":-1}
{"data":"","partition_key":{"a":1}}
{"data":"","partition_key_base64":"?","explicit_hash_key":7,"explicit_hash_key_base64":"?","shard_id":[],"last":"yes","aggregated":1}
{"data":"","sequence_number":4.9e55,"eventID":3}
want 1: 1 ""=""
want f:2: starting_hash_key and ending_hash_key can't be read: hashkey: range starts at 5, after its end 4
want 2:  ""="" unknown-range
want 3:  ""="" unknown-range
want 4:  ""="" unknown-range
want f:5: ancestor_ranges has an element that is not a text START-END
want 5:  ""="" unknown-range [7-9]
want 6:  ""="" unknown-range [0-1]
want 7:  ""="" unknown-range []
want f:8: the time of arrival "yesterday" is neither a number since 1970 nor a time with its zone
want 8:  ""=""
want 9:  ""=""
want f:10: the sub-sequence number "-1" is not a number of 0 to 2^63-1
want 10:  ""=""
want f:11: the partition key "{\"a\":1}" is not a string
want 11:  ""=""
want f:12: explicit_hash_key "7" is not a string
want f:12: the shard id "[]" is not a string
want f:12: last "yes" is neither true nor false
want f:12: aggregated "1" is neither true nor false
want f:12: partition_key_base64 "?" is not base64: '?' at character 1; encode the bytes of the record as standard base64
want f:12: explicit_hash_key_base64 "?" is not base64: '?' at character 1; encode the bytes of the record as standard base64
want 12:  ""=""
want f:13: the sequence number "4.9e55" was rounded by a program that took it for a floating-point number
want f:13: eventID "3" is not a string
want 13:  ""=""`},
		{"keys that are no UTF-8", "{\"data\":\"aGk=\",\"partition_key\":\"\xff\",\"\xff\":\"\xff\",\"sequence_number\":\"1\"}\n{\"data\":\"\xff\"}\n" +
			"want f:1: the partition key is not UTF-8\nwant 1: 1 \"\"=\"hi\"\n" +
			"want f:2: data: not base64: bytes that are no UTF-8; encode the bytes of the record as standard base64"},
		{"data in other forms", `{"data":[104,105]}
{"data":{"type":"Buffer","data":[104,105]}}
{"Data":{"0":104,"1":105}}
{"Data":{"bytes":[-13,-119]},"PartitionKey":"k"}
{"Data":"b'hi\\xf3\\n'"}
{"Data":"<Buffer 68 69>"}
{"type":"Buffer","data":[]}
[[104,105],[104,111]]
[104,300]
{"Data":{"1":104}}
{"Data":{"CanRead":true,"Length":611}}
{"Data":[104,"105"]}
want 1:  ""="hi"
want 2:  ""="hi"
want 3:  ""="hi"
want 4:  "k"="\xf3\x89"
want 5:  ""="hi\xf3\n"
want 6:  ""="hi"
want 7:  ""=""
want 8:  ""="hi"
want 8:  ""="ho"
want f:9: data: "300" in a list of bytes
want f:10: data is an object of bytes by their index, of which 0 is missing or comes twice: write it in base64 (Buffer.from(record.Data).toString('base64'))
want f:11: data is an object that does not have the bytes, as a stream of .NET or a buffer of Java: write them in base64 (Convert.ToBase64String(record.Data.ToArray()); Base64.getEncoder().encodeToString(bytes))
want f:12: data: "\"105\"" in a list of bytes`},
		{"envelopes", `{"version":"1.0","KinesisBatchInfo":{"shardId":"s","streamArn":"a","startSequenceNumber":"5","endSequenceNumber":"7"},
"payload":"{\"Records\":[{\"kinesis\":{\"data\":\"aGk=\",\"sequenceNumber\":\"5\"}},\n{\"kinesis\":{\"data\":\"?\"}}]}"}
{"Messages":[{"MessageId":"m","Body":"{\"Message\":\"{\\\"payload\\\":\\\"[{\\\\\\\"data\\\\\\\":\\\\\\\"aG8=\\\\\\\"}]\\\"}\"}"}]}
{"requestPayload":{"Records":[{"kinesis":{"data":"aGE="}}]},"responsePayload":{}}
{"data":"aGk=","payload":"{}"}
{"payload":"hello"}
want 1: 5 ""="hi"
want f:1: in the document that it holds: data: not base64: '?' at character 1; encode the bytes of the record as standard base64
want 3:  ""="ho"
want 4:  ""="ha"
want f:5: the payload holds a document beside data, which is not read
want 5:  ""="hi"
want f:6: ` + noData},
		{"too many envelopes", strings.Repeat(`{"payload":`, 9) + `{"data":""}` + strings.Repeat("}", 9) + "\n" + strings.Repeat(`{"payload":`, 8) + `{"data":""}` + strings.Repeat("}", 8) +
			"\nwant f:1: " + strings.Repeat("in the document that it holds: ", 8) + "more than 8 documents within each other\nwant 2:  \"\"=\"\""},
		{"an on-failure object without its event", `{"KinesisBatchInfo":{"shardId":"shardId-000000000001","streamArn":"arn:aws-cn:kinesis:cn-north-1:123456789012:stream/s","startSequenceNumber":"5","endSequenceNumber":"7"}}
{"KinesisBatchInfo":{}}
{"KinesisBatchInfo":{"shardId":"1; rm -rf ~","streamArn":"arn:aws:kinesis:us-east-1:123456789012:stream/s","startSequenceNumber":"5","endSequenceNumber":"7"}}
{"KinesisBatchInfo":{"shardId":"shardId-000000000001","streamArn":"arn:aws:kinesis:us-east-1:123456789012:stream/s\n$(x)","startSequenceNumber":"5","endSequenceNumber":"7"}}
{"KinesisBatchInfo":{"shardId":"shardId-000000000001","streamArn":"arn:aws:kinesis:us-east-1:123456789012:stream/s","startSequenceNumber":"5|x","endSequenceNumber":"7"}}
{"KinesisBatchInfo":{},"payload":"eyJSZWNvcmRzIjpbXX0="}
{"KinesisBatchInfo":{},"payload":"hello"}
want f:1: ` + noPayload + `, shard shardId-000000000001, sequence numbers 5 to 7: aws kinesis get-shard-iterator --stream-arn arn:aws-cn:kinesis:cn-north-1:123456789012:stream/s --shard-id shardId-000000000001 --shard-iterator-type AT_SEQUENCE_NUMBER --starting-sequence-number 5, then get-records
want f:2: ` + noPayload + `; where is not said in a form that is known (streamArn "", shardId "", startSequenceNumber "", endSequenceNumber "")
want f:3: ` + noPayload + `; where is not said in a form that is known (streamArn "arn:aws:kinesis:us-east-1:123456789012:stream/s", shardId "1; rm -rf ~", startSequenceNumber "5", endSequenceNumber "7")
want f:4: ` + noPayload + `; where is not said in a form that is known (streamArn "arn:aws:kinesis:us-east-1:123456789012:stream/s\n$(x)", shardId "shardId-000000000001", startSequenceNumber "5", endSequenceNumber "7")
want f:5: ` + noPayload + `; where is not said in a form that is known (streamArn "arn:aws:kinesis:us-east-1:123456789012:stream/s", shardId "shardId-000000000001", startSequenceNumber "5|x", endSequenceNumber "7")
want f:6: an on-failure object (KinesisBatchInfo) whose payload is base64: decode it first (jq -r .payload | base64 -d)
want f:7: an on-failure object (KinesisBatchInfo) whose payload, "hello", is not the JSON of an event`},
		{"data alone", `aGk=
"aGk="
["aG8=","aGk="]
f3899ac2
+/8=
-_8=
abcd

want 1:  ""="hi"
want 2:  ""="hi"
want 3:  ""="ho"
want 3:  ""="hi"
want 4:  ""="\xf3\x89\x9a\xc2"
want 5:  ""="\xfb\xff"
want 6:  ""="\xfb\xff"
want 7:  ""="i\xb7\x1d"`},
		{"hex alone", "F3899AC2\nabcd\nwant 1:  \"\"=\"\\xf3\\x89\\x9a\\xc2\"\nwant 2:  \"\"=\"\\xab\\xcd\""},
		{"wrapped", wrap(pastedAggregate, 36) + "aGk=\n" + wrap(pastedAggregate, 40) + wrap(pastedAggregate, 50) + "\n" + wrap(hexAggregate, 60) + wrap(hexAggregate[:92], 46) + wrap(hexAggregate, 53) + "aGk=\n" +
			fmt.Sprintf("want 1:  \"\"=%[1]q\nwant 3:  \"\"=\"hi\"\nwant 4:  \"\"=%[1]q\nwant 6:  \"\"=%[1]q\nwant 9:  \"\"=%[1]q\n", aggregateBytes) +
			fmt.Sprintf("want 11:  \"\"=%q\nwant 12:  \"\"=%q\nwant 13:  \"\"=%q\nwant 15:  \"\"=\"hi\"", aggregateBytes[:23], aggregateBytes[23:46], aggregateBytes)},
		{"a hex dump", "00000000  f3 89 9a c2 0a 01 61 1a  05 08 00 1a 01 62 7c 1a\n" +
			"want f:1: neither JSON nor a record as text: a hex dump, which goes over lines: 'kplkit inspect' reads it"},
		{"words", `null
last
LAST
aGk=
last
null
want f:1: neither JSON nor a record as text: "null" may be a word and not base64
want f:2: neither JSON nor a record as text: "last" may be a word and not base64
want f:3: neither JSON nor a record as text: "LAST" may be a word and not base64
want 4:  ""="hi"
want 5:  ""="\x95\xab-"
want f:6: neither JSON nor a record as text: "null" may be a word and not base64`},
		{"YAML", "MillisBehindLatest: 0\nRecords:\n- Data: aGk=\nwant f:1: the AWS CLI's YAML: take --output json"},
		{"a table", "----------------------------\n|        GetRecords        |\nwant f:1: the AWS CLI's table: take --output json"},
		{"UTF-16", "\xff\xfe{\x00\"\x00\nwant f:1: UTF-16, as Windows PowerShell writes it: write UTF-8 (Out-File -Encoding utf8, or cmd's >)"},
		{"lists within objects", `{"Data":{"data":[104,105],"0":5},"PartitionKey":"k"}
want f:1: data is an object with bytes in more than one place: write the right ones in base64`},
		{"neither hex nor base64 for sure", `ab12
49590338271490256608559692538361571095921575989136588898
[["49590338271490256608559692538361571095921575989136588898","aGk="]]
[243 137 154 194]
<Buffer f3 89 ... 412 more bytes>
{ Records: [
want f:1: neither JSON nor a record as text: "ab12" may be base64 or hex: write it as {"data":…} in base64
want f:2: neither JSON nor a record as text: digits alone, a sequence number and not data?
want f:3: "4959033827149025660855969253836157109592" where a record was expected: an object with data in base64, or a document of them, as get-records output and Lambda's events are
want f:3: "aGk=" where a record was expected: an object with data in base64, or a document of them, as get-records output and Lambda's events are
want 4:  ""="\xf3\x89\x9a\xc2"
want f:5: neither JSON nor a record as text: Node's print of a Buffer: 412 of its bytes are left out: print buffer.toString('base64')
want f:6: Node's print of an object: that can't be read back: print JSON.stringify(response)`},
		{"the AWS CLI's text", "0\tAAAAAAAAAAHSywljv0zEgPX4NyKdZ5wryMzP9yALs8NeKbUjp1IxtZs1Sp+KEd9I6AJ9ZG4lNR1EMi+9Md/nHvtLyxpfhEzYvkTZ4D9DQVz/mBYWRO6OTZRKnW9gd+efGN2aHFdkH1rJl4BL9Wyrk+ghYG22D2T1\n" +
			"CHILDSHARDS\tshardId-1\nHASHKEYRANGE\t9\t0\nPARENTSHARDS\tshardId-0\n" +
			"RECORDS\t1701761035.582\taGk=\tk\t49590338271490256608559692538361571095921575989136588898\n" +
			"RECORDS\t2023-12-05T08:23:55.582000+01:00\taGk=\tNONE\ta key\t49590338271490256608559692538361571095921575989136588899\n" +
			"1701761035.582\taGk=\ttab\tkey\t49590338271490256608559692538361571095921575989136588898\n" +
			"RECORDS\t1701761035.582\taGk=\tk\n" + "aGk=\taG8=\n" + "49590338271490256608559692538361571095921575989136588898\taGk=\n" +
			"1701761035.582\taGk=\tNONE\t49590338271490256608559692538361571095921575989136588898\n" + // a partition key
			"want 5: 49590338271490256608559692538361571095921575989136588898 \"k\"=\"hi\" @1701761035.582\n" +
			"want 6: 49590338271490256608559692538361571095921575989136588899 \"a key\"=\"hi\" @1701761035.582\n" +
			"want 7: 49590338271490256608559692538361571095921575989136588898 \"tab\\tkey\"=\"hi\" @1701761035.582\n" +
			"want f:8: a record of the AWS CLI's text output that is not whole, maybe for a tab or a line end in its partition key: take --output json\n" +
			"want 9:  \"\"=\"hi\"\nwant 9:  \"\"=\"ho\"\n" +
			"want f:10: columns that are not all data: digits alone, a sequence number and not data?; take --output json\n" +
			"want 11: 49590338271490256608559692538361571095921575989136588898 \"NONE\"=\"hi\" @1701761035.582"},
		{"fragments: the first line is missing, of base64 and of hex", wrap(binary(200)[76:], 76) + "aGk=\n" + `
want f:1: ` + errWrapped.Error() + `
want 4:  ""="hi"`},
		{"fragments: a wrapped plain record", wrap(binary(95), 76) + "want f:1: " + errWrapped.Error()},
		{"fragments: of any width, if there are two", wrap(binary(131), 68) + "want f:1: " + errWrapped.Error()},
		{"fragments: a damaged aggregate is one", strings.Replace(wrap("84mawgoB"+other, 60), "\nA", "\n?", 1) + "aGk=\n" + `
want f:1: neither JSON nor a record as text: not base64: '?' at character 61; encode the bytes of the record as standard base64
want 4:  ""="hi"`},
		{"fragments: hex that is cut off is one record", wrap(hexAggregate[:100], 60) + "aGk=\n" + fmt.Sprintf("want 1:  \"\"=%q\nwant 3:  \"\"=\"hi\"", aggregateBytes[:50])},
		{"no fragments: records of any length", binary(100) + "\n" + binary(57) + "\n" + binary(20) + "\n" +
			fmt.Sprintf("want 1:  \"\"=%q\nwant 2:  \"\"=%q\nwant 3:  \"\"=%q", plainBytes(100), plainBytes(57), plainBytes(20))},
		{"no fragments: records of one length", binary(57) + "\n" + binary(57) + "\n" +
			fmt.Sprintf("want 1:  \"\"=%[1]q\nwant 2:  \"\"=%[1]q", plainBytes(57))},
		{"Python's pprint", "(b'h'\n b'i'\n b\"'\")\naGk=\n(b'h'\naGk=\n" + `
want 1:  ""="hi'"
want 4:  ""="hi"
want f:5: neither JSON nor a record as text: Python's print of bytes: it is not whole
want 6:  ""="hi"`},
		{"a hex dump ends the file", hexdump(aggregateBytes) + "want f:1: neither JSON nor a record as text: a hex dump, which goes over lines: 'kplkit inspect' reads it"},
		{"so does Node's print", "Uint8Array(3) [\n 243, 137,\n 154\n]\nwant f:1: neither JSON nor a record as text: Node's print of bytes, which goes over lines: 'kplkit inspect' reads it"},
		{"gzip within gzip", "\x1f\x8b\x08\x00\nwant f:1: gzip within gzip: unpack it once (gunzip)"},
		{"UTF-16 without a mark", "{\x00\"\x00\nwant f:1: " + errUTF16.Error()},
		{"a narrow table", "---------\n|  GetRecords  |\nwant f:1: the AWS CLI's table: take --output json"},
		{"text columns of a key and data are no page's header", "1001\t" + long + "\n0\tAAAAAAAAAAE" + strings.Repeat("A", 100) + "\n0\t" + other + "\nRECORDS\t1\taGk=\tk\t" + number + "\n" +
			"0\tNone\nHASHKEYRANGE\t" + long + "\nCHILDSHARDS\t" + pastedAggregate + "\n" +
			"want f:1: columns that are not all data: \"1001\" may be base64 or hex: write it as {\"data\":…} in base64; take --output json\n" +
			"want 4: " + number + " \"k\"=\"hi\" @1\n" +
			"want f:6: columns that are not all data: \"HASHKEYRANGE\" may be a word and not base64; take --output json\n" +
			"want f:7: columns that are not all data: \"CHILDSHARDS\" may be a word and not base64; take --output json"},
		{"keys are not records", "user1234\taGk=\naGk=\tuser1234\n0123456789abcdef0123456789abcdef\taGk=\nXrY7u+Ae7tCTyyK7j1rNww==\taGk=\n" + pastedAggregate + "\tordr\naGk=\taGVsbG8gd29ybGQh\t" + pastedAggregate + "\n" +
			mayBeKey(1, "user1234") + mayBeKey(2, "user1234") + mayBeKey(3, "0123456789abcdef0123") + mayBeKey(4, "XrY7u+Ae7tCTyyK7j1rN") + mayBeKey(5, "ordr") +
			"want 6:  \"\"=\"hi\"\nwant 6:  \"\"=\"hello world!\"\n" + fmt.Sprintf("want 6:  \"\"=%q", aggregateBytes)},
		{"columns in another order", "1\tk\t" + pastedAggregate + "\t" + number + "\n1\tuser1234\taGk=\t" + number + "\n1\t1001\t++//\t" + number + "\nRECORDS\t1\t++//\t1001\t" + number + "\n" +
			swapped(1) + swapped(2) + swapped(3) + "want 4: " + number + " \"1001\"=\"\\xfb\\xef\\xff\" @1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			input, wanted, _ := strings.Cut(tt.input, "want ")
			var want []string
			if wanted != "" {
				want = strings.Split(wanted, "\nwant ")
			}
			got := read(strings.NewReader(input))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

var (
	aggregateBytes, _ = base64.StdEncoding.DecodeString(pastedAggregate)
	hexAggregate      = hex.EncodeToString(aggregateBytes)
)

// wrap breaks a text into lines of a width.
func wrap(text string, width int) (lines string) {
	for len(text) > width {
		lines, text = lines+text[:width]+"\n", text[width:]
	}
	return lines + text + "\n"
}

// TestDoubt: what may be bytes, and may be anything else, is a record only where it is known to be one.
func TestDoubt(t *testing.T) {
	for text, wanted := range map[string]bool{
		`[1, 2]`:                                       false,
		`{"data":[1,2]}`:                               false,
		`{"data":"[1, 2]"}`:                            false,
		`{"data":"[1, 2]","SequenceNumber":"5"}`:       false, // a payload that should have been base64
		`{"data":"bytes=0xf3","SequenceNumber":"5"}`:   false,
		`sent bytes=0xf3`:                              false,
		`[1 2]`:                                        false,
		`\xf3\x89`:                                     false,
		`[243, 137, 154, 194, 10]`:                     true,
		`[243 137 154 194 10]`:                         true,
		`Data=SdkBytes(bytes=0xf3899ac20a)`:            true,
		`{"type":"Buffer","data":[-13,-119,-102,-62]}`: true,
		`{"Data":[1,2],"PartitionKey":"k"}`:            true,
		`<Buffer 68 69>`:                               true,
		`b'hi'`:                                        true,
	} {
		for r, err := range (&Source{Reader: strings.NewReader(text), Text: true}).Records() {
			if (err == nil) != wanted {
				t.Errorf("%s: %v, %v", text, r, err)
			}
		}
	}
}

// endless repeats a text n times.
type endless struct {
	text string
	n    int
	at   int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) && e.n > 0 {
		c := copy(p[n:], e.text[e.at:])
		n, e.at = n+c, e.at+c
		if e.at == len(e.text) {
			e.at, e.n = 0, e.n-1
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// heapGrowth returns by how much the largest heap seen during f exceeds that before it.
func heapGrowth(f func(sample func())) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, largest := m.HeapAlloc, m.HeapAlloc
	f(func() {
		runtime.ReadMemStats(&m)
		largest = max(largest, m.HeapAlloc)
	})
	return largest - before
}

// TestConstantMemory reads 64 MB in each form, and a huge document.
func TestConstantMemory(t *testing.T) {
	const total, limit = 64 << 20, 12 << 20
	data := strings.Repeat("QUJD", 2000)
	line := `{"sequence_number":"1","partition_key":"k","data":"` + data + "\"}\n"
	element := "  {\n    \"SequenceNumber\": \"1\",\n    \"Data\": \"" + data + "\"\n  },\n"
	n := total / len(line)
	for name, input := range map[string]io.Reader{
		"lines":            &endless{text: line, n: n},
		"one document":     io.MultiReader(strings.NewReader("{\"Records\": [\n"), &endless{text: element, n: n - 1}, strings.NewReader(element[:len(element)-2]+"]}")),
		"one compact line": io.MultiReader(strings.NewReader("["), &endless{text: line[:len(line)-1] + ",", n: n - 1}, strings.NewReader(line[:len(line)-1]+"]")),
	} {
		t.Run(name, func(t *testing.T) {
			records := 0
			grown := heapGrowth(func(sample func()) {
				for _, err := range (&Source{Reader: input}).Records() {
					if err != nil {
						t.Fatal(err)
					}
					if records++; records%500 == 0 {
						sample()
					}
				}
			})
			if records != n {
				t.Errorf("%d records, want %d", records, n)
			}
			if grown > limit {
				t.Errorf("the heap grew by %d bytes, want at most %d", grown, limit)
			}
		})
	}
}

func TestTooLong(t *testing.T) {
	for name, open := range map[string]string{"plain": `{"data":"`, "escaped": `{"data":"\n`, "document": `{"Records":[{"Data":"`, "text": `A`} {
		t.Run(name, func(t *testing.T) {
			long := io.MultiReader(strings.NewReader("{\"data\":\"aGk=\"}\n"+open), &endless{text: strings.Repeat("A", 1<<20), n: 70},
				strings.NewReader("\"}\n{\"data\":\"aG8=\"}\n"))
			want := []string{`1:  ""="hi"`, "f:2: a JSON line or record of more than 64 MiB, which is left out", `3:  ""="ho"`}
			if diff := cmp.Diff(want, read(long)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestReadError checks that what came before an error of reading is delivered, and the error told once.
func TestReadError(t *testing.T) {
	for _, input := range []string{"{\"data\":\"aGk=\"}\n", "[{\"data\":\"aGk=\"},", "{\"data\":\"aGk=\"}\n{\"data\":\"aG"} {
		got := read(io.MultiReader(strings.NewReader(input), failing{}))
		if len(got) != 2 || got[0] != `1:  ""="hi"` || !strings.HasSuffix(got[1], ": disk on fire") {
			t.Errorf("%q: %q", input, got)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fmt.Errorf("disk on fire") }

// TestSmallReads checks that what is read does not depend on how it arrives.
func TestSmallReads(t *testing.T) {
	input := "\ufeff{\"data\":\"aGk=\",\"n\":-0.5}\n{\n \"Records\": [ {\"Data\": \"aG8=\"}, {\"Data\"oops} ]\n}\n[{\"data\":\"\\u0061Gk=\"}]"
	want := read(strings.NewReader(input))
	if diff := cmp.Diff(want, read(&oneByOne{data: []byte(input)})); diff != "" {
		t.Errorf("-at once +byte by byte\n%s", diff)
	}
}

type oneByOne struct{ data []byte }

func (o *oneByOne) Read(p []byte) (int, error) {
	if len(o.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:1], o.data)
	o.data = o.data[n:]
	return n, nil
}

// general reads as if nothing could be read the fast way.
func general(input []byte) []string {
	var got []string
	r := newReader(sourceOf(bytes.NewReader(input), &got), func(rec *Record, err error) bool {
		if err != nil {
			got = append(got, err.Error())
		} else {
			got = append(got, describe(rec))
		}
		return true
	})
	r.noFast = true
	r.run()
	return got
}

// places cuts the texts of errors off: which character they name depends on how much was there to be read.
func places(got []string) []string {
	for i, text := range got {
		if strings.HasPrefix(text, "f:") {
			got[i] = text[:strings.Index(text, ": ")]
		}
	}
	return got
}

func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		`{"shard_id": "s", "sequence_number": "12", "approximate_arrival_timestamp": 1.5, "data": "aGk="}` + "\n" + `{"data":"aG8="}`,
		`{"Records":[{"Data":"aGk="},{"kinesis":{"data":"aGk="},"eventID":"s:1"}],"MillisBehindLatest":0}`,
		"[\n  {\"Data\":\"aGk=\"},\n  {\"Data\":oops},\n  {\"Data\":\"aGk=\"}\n]\n",
		`{"data":"aG\nk=","partition_key":"\u00e9","last":true,"sub_sequence_number":007}`,
		"{\"data\":\"aG\nk=\"}{\"data\":\"\",\"x\":-0}{\"data\":\"====\"}",
		`{"data":"aGk=","ancestor_ranges":["0-1"],"starting_hash_key":"0","ending_hash_key":"1"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		fast := read(bytes.NewReader(input))
		if diff := cmp.Diff(general(input), fast); diff != "" {
			t.Errorf("-general +fast\n%s", diff)
		}
		if diff := cmp.Diff(places(fast), places(read(&oneByOne{data: input}))); diff != "" {
			t.Errorf("-at once +byte by byte\n%s", diff)
		}
	})
}
