package interop

import (
	"bufio"
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// delivery is a record that a client hands over. The client goes on, and stores its position, once taken is closed.
type delivery struct {
	data   string
	number string // "" where the client does not say
	taken  chan struct{}
}

// life is a process of a client's, from its start until it is killed.
type life struct {
	deliveries <-chan delivery
	kill       func()
}

// follower is a client that is led to the proxy by the setting that it has for Kinesis's endpoint, and by nothing else.
type follower struct {
	name     string
	what     string
	mock     bool // it speaks CBOR, which kinesis-mock reads
	byEvent  bool // it stores positions between events of a subscription only: what it has of an event when it is killed comes again
	versions func(t *testing.T) map[string]string
	start    func(t *testing.T, w *proxyWorld) life
	stored   func(t *testing.T, w *proxyWorld) map[string]string // positions by shard
}

// loops are consumers on an SDK: programs that follow the stream, and say what they stand on by another program.
func loops() []follower {
	follow := func(class string) []string {
		command := java("sdk-java")
		command[len(command)-1] = class
		return slices.Insert(command, 1, "-XX:TieredStopAtLevel=1") // it lives for a second
	}
	python, node := ".cache/python/bin/python", ".cache/node/"
	fanOut := loop("node-fan-out", "SubscribeToShard by client-kinesis", []string{"node", node + "follow.js"}, []string{"node", node + "consume.js"})
	fanOut.start = func(t *testing.T, w *proxyWorld) life {
		return startLoop(t, w, w.consumer(t), "node", node+"follow.js")
	}
	byNetty := loop("java-fan-out", "SubscribeToShard by the SDK 2, by Netty", nil, follow("Consume"))
	byNetty.start = func(t *testing.T, w *proxyWorld) life {
		command := slices.Insert(follow("Follow"), 1, "-Daws.cborEnabled=false") // for ListShards: kplkit local reads no CBOR
		return startLoop(t, w, w.consumer(t), command...)
	}
	java := loop("java", "GetRecords by the SDK 2 in CBOR", follow("Follow"), follow("Consume"))
	java.mock = true
	return []follower{
		loop("python", "GetRecords by boto3", []string{python, "python/follow.py"}, []string{python, "python/consume.py"}),
		loop("node", "GetRecords by client-kinesis", []string{"node", node + "follow.js"}, []string{"node", node + "consume.js"}),
		fanOut, java, byNetty,
	}
}

func loop(name, what string, command, consume []string) follower {
	return follower{
		name: name, what: what,
		versions: func(t *testing.T) map[string]string {
			found := peer{name, consume}.versions(t)
			for _, deaggregator := range []string{"aws_kinesis_agg", "protobuf", "aws-kinesis-agg", "KCL"} { // has no part in it
				delete(found, deaggregator)
			}
			return found
		},
		start: func(t *testing.T, w *proxyWorld) life { return startLoop(t, w, "", command...) },
		stored: func(t *testing.T, w *proxyWorld) map[string]string {
			found := map[string]string{}
			text, err := os.ReadFile(w.positionsFile())
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				shard, position, _ := strings.Cut(strings.TrimSpace(line), " ")
				found[shard] = position
			}
			return found
		},
	}
}

func (w *proxyWorld) positionsFile() string { return filepath.Join(w.folder, "positions") }

// consumer registers a consumer for enhanced fan-out, if there is none, and returns its ARN.
func (w *proxyWorld) consumer(t *testing.T) string {
	if w.consumerARN == "" {
		stream, err := w.client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(proxyStream)})
		if err != nil {
			t.Fatal(err)
		}
		arn := stream.StreamDescriptionSummary.StreamARN
		out, err := w.client.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("follower")})
		if err != nil {
			t.Fatal(err)
		}
		w.consumerARN = *out.Consumer.ConsumerARN
	}
	return w.consumerARN
}

// startLoop starts a program that prints each record, and waits for a line before it goes on.
func startLoop(t *testing.T, w *proxyWorld, consumer string, command ...string) life {
	arguments := append(command[1:len(command):len(command)], proxyStream, w.positionsFile())
	if consumer != "" {
		arguments = append(arguments, consumer)
	}
	cmd := exec.Command(command[0], arguments...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	deliveries := make(chan delivery)
	l := w.startClient(t, cmd, deliveries)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var line struct {
				Number string
				Data   []byte
			}
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				t.Errorf("%q: %s: %v", command, lines.Text(), err)
				return
			}
			d := delivery{string(line.Data), line.Number, make(chan struct{})}
			select {
			case deliveries <- d:
			case <-t.Context().Done():
				return
			}
			select {
			case <-d.taken:
			case <-t.Context().Done():
				return
			}
			if _, err := io.WriteString(in, "\n"); err != nil {
				return // it was killed
			}
		}
	}()
	return l
}

// startClient starts a client's process, whose SDK finds the endpoint of Kinesis in its environment.
func (w *proxyWorld) startClient(t *testing.T, cmd *exec.Cmd, deliveries <-chan delivery) life {
	cmd.Env = anyCredentials("AWS_ENDPOINT_URL_KINESIS="+w.endpoint, "AWS_ENDPOINT_URL_DYNAMODB="+w.dynamoDB)
	complaints := &bytes.Buffer{}
	cmd.Stderr = complaints
	if cmd.Stdout == nil {
		cmd.Stdout = complaints
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%q: %v (is it installed? run.sh does that)", cmd.Args, err)
	}
	done := false
	kill := func() {
		if done {
			return
		}
		done = true
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%q says %.3000s", cmd.Args[0], complaints)
		}
	}
	t.Cleanup(kill)
	return life{deliveries, kill}
}

// sink is an HTTP server that takes a record with each request.
func sink(t *testing.T, read func(r *http.Request, body []byte) (delivery, error)) (url string, deliveries <-chan delivery, stop func()) {
	handed := make(chan delivery)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it was killed
		}
		d, err := read(r, body)
		if err != nil {
			t.Errorf("%.300q: %v", body, err)
		}
		d.taken = make(chan struct{})
		select {
		case handed <- d:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
		select {
		case <-d.taken:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}))
	return server.URL, handed, server.Close
}

// pipelines are programs that keep positions in DynamoDB, and deliver by HTTP.
func pipelines() []follower {
	byEvent := bento("bento-fan-out", "Bento's aws_kinesis with enhanced_fan_out, positions in DynamoDB", "enhanced_fan_out: {enabled: true, consumer_name: follower}")
	byEvent.byEvent = true
	return []follower{
		{
			name: "telegraf", what: "Telegraf's kinesis_consumer, positions in DynamoDB",
			versions: func(t *testing.T) map[string]string {
				about, err := buildinfo.ReadFile(telegraf)
				if err != nil {
					t.Fatalf("%v (is it installed? run.sh does that)", err)
				}
				return map[string]string{"Telegraf": about.Main.Version}
			},
			start:  startTelegraf,
			stored: func(t *testing.T, w *proxyWorld) map[string]string { return w.scan(t, "shard_id", "sequence_number") },
		},
		bento("bento", "Bento's aws_kinesis, positions in DynamoDB", ""),
		byEvent,
	}
}

const telegraf = ".cache/telegraf/telegraf"

// telegrafConfig is made with the endpoint, and the URL of the sink.
const telegrafConfig = `
[agent]
  metric_batch_size = 1
  metric_buffer_limit = 100000
  flush_interval = "50ms"
  omit_hostname = true
[[inputs.kinesis_consumer]]
  region = "us-east-1"
  endpoint_url = "%s"
  streamname = "orders"
  poll_interval = "50ms"
  data_format = "value"
  data_type = "string"
  [inputs.kinesis_consumer.checkpoint_dynamodb]
    app_name = "kplkit"
    table_name = "positions"
    interval = "50ms"
[[outputs.http]]
  url = "%s"
  timeout = "1m"
  data_format = "json"
`

const telegrafTable = `{"TableName":"positions","BillingMode":"PAY_PER_REQUEST",
"AttributeDefinitions":[{"AttributeName":"namespace","AttributeType":"S"},{"AttributeName":"shard_id","AttributeType":"S"}],
"KeySchema":[{"AttributeName":"namespace","KeyType":"HASH"},{"AttributeName":"shard_id","KeyType":"RANGE"}]}`

func startTelegraf(t *testing.T, w *proxyWorld) life {
	if !w.tableMade {
		w.dynamo(t, "CreateTable", telegrafTable, nil)
		w.tableMade = true
	}
	url, deliveries, stop := sink(t, func(_ *http.Request, body []byte) (delivery, error) {
		var batch struct {
			Metrics []struct{ Fields struct{ Value string } }
		}
		if err := json.Unmarshal(body, &batch); err != nil || len(batch.Metrics) != 1 {
			return delivery{}, fmt.Errorf("want one metric: %v", err)
		}
		return delivery{data: batch.Metrics[0].Fields.Value}, nil
	})
	l := w.startClient(t, exec.Command(telegraf, "--config", w.config(t, fmt.Sprintf(telegrafConfig, w.endpoint, url))), deliveries)
	return life{l.deliveries, func() { l.kill(); stop() }}
}

// bentoConfig is made with more of the input's, and the URL of the sink. Bento's own setting of an endpoint is for DynamoDB, too: the environment has
// one for each.
const bentoConfig = `
http: {enabled: false}
logger: {level: WARN}
input:
  aws_kinesis:
    streams: [orders]
    dynamodb: {table: positions, create: true}
    commit_period: 50ms
    rebalance_period: 300ms
    lease_period: 400ms
    %s
output:
  http_client:
    url: '%s'
    timeout: 1m
    max_in_flight: 1
    headers: {X-Number: '${! meta("kinesis_sequence_number") }'}
`

func bento(name, what, more string) follower {
	return follower{
		name: name, what: what,
		versions: func(t *testing.T) map[string]string {
			version, err := os.ReadFile(".cache/bento/version")
			if err != nil {
				t.Fatalf("%v (is it installed? run.sh does that)", err)
			}
			return map[string]string{"Bento": strings.TrimSpace(string(version))}
		},
		start: func(t *testing.T, w *proxyWorld) life {
			url, deliveries, stop := sink(t, func(r *http.Request, body []byte) (delivery, error) {
				return delivery{data: string(body), number: r.Header.Get("X-Number")}, nil
			})
			l := w.startClient(t, exec.Command(".cache/bento/bento", "-c", w.config(t, fmt.Sprintf(bentoConfig, more, url))), deliveries)
			return life{l.deliveries, func() { l.kill(); stop() }}
		},
		stored: func(t *testing.T, w *proxyWorld) map[string]string { return w.scan(t, "ShardID", "SequenceNumber") },
	}
}

// config writes a configuration, and returns its path.
func (w *proxyWorld) config(t *testing.T, text string) string {
	path := filepath.Join(w.folder, "config")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// scan reads the table of positions.
func (w *proxyWorld) scan(t *testing.T, shard, number string) map[string]string {
	var table struct {
		Items []map[string]struct{ S string }
	}
	w.dynamo(t, "Scan", `{"TableName":"positions","ConsistentRead":true}`, &table)
	found := map[string]string{}
	for _, item := range table.Items {
		found[item[shard].S] = item[number].S
	}
	return found
}
