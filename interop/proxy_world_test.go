package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// proxyStream is the stream of a run. It has one shard, then two, then one: its user records come in as many parts.
const (
	proxyStream = "orders"
	proxyParts  = 3
	proxyOfEach = 200 // user records of a part, and then plainOfEach more, which are put alone
	plainOfEach = 4
	proxyStops  = 4 // of a part
)

// proxyWorld is a Kinesis and a DynamoDB, what is stored there, and the proxy before it.
type proxyWorld struct {
	name      string // of the Kinesis
	upstream  string
	dynamoDB  string
	endpoint  string // of the Kinesis that the client is given: the proxy's, or the upstream itself
	positions string // "text", "digits", or "" without a proxy
	client    *kinesis.Client

	folder      string // where the client keeps files
	consumerARN string
	tableMade   bool

	at     map[string]*proxyPlace // by the data of a user record
	stored int                    // records
	shards int                    // that have been read back
	random *rand.Rand
}

// proxyPlace is where a user record is, by a reading of the format that shares nothing with deagg.
type proxyPlace struct {
	shard, number string
	sub           int
	last          bool // of its stored record
}

// position is the sequence number that a client has to see.
func (p *proxyPlace) position(positions string) string {
	switch {
	case positions == "digits" && p.last:
		return p.number + "999999999"
	case positions == "digits":
		return fmt.Sprintf("%s%09d", p.number, p.sub)
	case p.last:
		return p.number
	}
	return fmt.Sprintf("%s:%d", p.number, p.sub)
}

// startPrinting starts a program that is kplkit's, and reads the line with which it says where it is.
func startPrinting(t *testing.T, v any, command ...string) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = anyCredentials()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, v)
	}
	if err != nil {
		t.Fatalf("%q: %s: %v", command, line, err)
	}
}

// anyCredentials is the environment in which AWS's SDKs find a region and credentials, and nothing of this machine's.
func anyCredentials(more ...string) []string {
	return append(os.Environ(), append([]string{"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"}, more...)...)
}

// newProxyWorld starts the servers, and creates the stream.
func newProxyWorld(t *testing.T, kplkit string, mock bool, positions string) *proxyWorld {
	var local struct{ Kinesis, DynamoDB string }
	startPrinting(t, &local, kplkit, "local", "--kinesis-port", "0", "--dynamodb-port", "0", "--json")
	w := &proxyWorld{name: "kplkit local", upstream: local.Kinesis, dynamoDB: local.DynamoDB, positions: positions,
		folder: t.TempDir(), at: map[string]*proxyPlace{}, random: rand.New(rand.NewPCG(*seed, 18))}
	if mock {
		w.name, w.upstream = kinesisMock.name, kinesisMock.start(t)
	}
	w.endpoint = w.upstream
	if positions != "" {
		var proxy struct{ URL string }
		startPrinting(t, &proxy, kplkit, "proxy", "--listen", "127.0.0.1:0", "--endpoint-url", w.upstream, "--positions", positions, "--json")
		w.endpoint = proxy.URL
	}
	w.client = kinesisClient(w.upstream)
	_, err := w.client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String(proxyStream), ShardCount: aws.Int32(1)})
	w.ready(t, err, 1)
	return w
}

// ready waits until the stream has so many shards, old ones included, and is ready.
func (w *proxyWorld) ready(t *testing.T, err error, shards int) {
	for range 200 {
		var status *kinesis.DescribeStreamSummaryOutput
		var list *kinesis.ListShardsOutput
		if err == nil {
			status, err = w.client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(proxyStream)})
		}
		if err == nil {
			list, err = w.client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String(proxyStream)})
		}
		if err != nil {
			t.Fatal(err)
		}
		if status.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive && len(list.Shards) == shards {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the stream does not become active")
}

// part splits or merges the shards, puts a part of the user records, and returns those before which the client is to be
// stopped: each has one before it in its aggregate, so that the client then is inside of it.
func (w *proxyWorld) part(t *testing.T, part int, plain bool) (stops map[string]bool) {
	name := aws.String(proxyStream)
	var err error
	switch part {
	case 1:

		_, err = w.client.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: name, ShardToSplit: aws.String("shardId-000000000000"),
			NewStartingHashKey: aws.String("170141183460469231731687303715884105728")})
	case 2:
		_, err = w.client.MergeShards(t.Context(), &kinesis.MergeShardsInput{StreamName: name, ShardToMerge: aws.String("shardId-000000000001"),
			AdjacentShardToMerge: aws.String("shardId-000000000002")})
	}
	w.ready(t, err, []int{1, 3, 4}[part])
	for _, keys := range hashkey.Whole().Split(1 + part%2) {
		w.put(t, part, keys, plain)
	}
	for i := range plainOfEach {
		text := fmt.Sprintf("%d.plain.%d", part, i)
		if _, err := w.client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: name, PartitionKey: &text, Data: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	return chooseStops(w.random, w.readBack(t, part), plain)
}

// put puts those user records of a part that belong into a shard: in aggregates of ten, or plain.
func (w *proxyWorld) put(t *testing.T, part int, keys hashkey.Range, plain bool) {
	var records []types.PutRecordsRequestEntry
	var e aggregator.Encoder
	flush := func() {
		if e.Len() > 0 {
			records = append(records, types.PutRecordsRequestEntry{PartitionKey: aws.String("a"), ExplicitHashKey: aws.String(keys.Start().String()), Data: e.AppendTo(nil)})
			e.Reset()
		}
	}
	for i := range proxyOfEach {
		text := fmt.Sprintf("%d.%d", part, i)
		key := "key-" + text
		switch {
		case !keys.Contains(hashkey.Of(key)):
		case plain:
			records = append(records, types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte(text)})
		default:
			if ok, err := e.Add(aggregator.Record{PartitionKey: key, Data: []byte(text)}); !ok || err != nil {
				t.Fatal(ok, err)
			}
			if e.Len() == 10 {
				flush()
			}
		}
	}
	flush()
	out, err := w.client.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String(proxyStream), Records: records})
	if err != nil || *out.FailedRecordCount > 0 {
		t.Fatal(err, out)
	}
}

// readBack notes down where the user records of a part are, and returns them by stored record. Each part has shards of its own.
func (w *proxyWorld) readBack(t *testing.T, part int) (apart [][]lies) {
	out, err := w.client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String(proxyStream)})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range out.Shards[w.shards:] {
		for _, r := range w.readShard(t, *s.ShardId) {
			users, err := takeApart(r)
			if err != nil {
				t.Fatal(err)
			}
			for sub, u := range users {
				w.at[u.data] = &proxyPlace{u.shard, u.number, sub, sub == len(users)-1}
			}
			apart = append(apart, users)
		}
	}
	w.shards, w.stored = len(out.Shards), w.stored+len(apart)
	if want := (part + 1) * (proxyOfEach + plainOfEach); len(w.at) != want {
		t.Fatalf("%d user records are stored, want %d", len(w.at), want)
	}
	return apart
}

func (w *proxyWorld) readShard(t *testing.T, shard string) (stored []lying) {
	from, err := w.client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String(proxyStream), ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	for iterator := from.ShardIterator; iterator != nil; {
		out, err := w.client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Records {
			stored = append(stored, lying{shard: shard, storedRecord: storedRecord{SequenceNumber: *r.SequenceNumber, PartitionKey: *r.PartitionKey, Data: r.Data}})
		}
		if iterator = out.NextShardIterator; len(out.Records) == 0 {
			return stored
		}
	}
	return stored
}

// chooseStops draws aggregates, and a user record in each that is not its first one. Where there are none it draws plain
// records.
func chooseStops(random *rand.Rand, apart [][]lies, plain bool) map[string]bool {
	stops := map[string]bool{}
	for _, i := range random.Perm(len(apart)) {
		users := apart[i]
		switch {
		case len(stops) == proxyStops:
		case plain:
			stops[users[0].data] = true
		case len(users) > 1:
			stops[users[1+random.IntN(len(users)-1)].data] = true
		}
	}
	return stops
}

// dynamo makes a request of DynamoDB.
func (w *proxyWorld) dynamo(t *testing.T, operation, request string, answer any) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.dynamoDB, strings.NewReader(request))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err = io.Copy(&body, res.Body); err == nil && answer != nil {
		err = json.Unmarshal(body.Bytes(), answer)
	}
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v, %.300s", operation, res.StatusCode, err, &body)
	}
}
