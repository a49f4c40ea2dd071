package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/logger"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/dynamofake"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/kpldaemon"
	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/internal/proxy"
	"github.com/kplkit/kplkit/internal/userview"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
	"github.com/kplkit/kplkit/producer"
)

// account is an AWS account with the stream s. It notes the actions that are called, and denies one of them.
type account struct {
	*testing.T
	kinesis  *kinesisfake.Server
	dynamoDB *dynamofake.Server
	url      string
	denied   string        // action
	patience time.Duration // how long the last user record is waited for

	mu       sync.Mutex
	called   map[string]bool
	repeated bool
}

func newAccount(t *testing.T, denied string, patience time.Duration) *account {
	a := &account{T: t, denied: denied, patience: patience, called: map[string]bool{}, dynamoDB: dynamofake.New(),
		kinesis: kinesisfake.New(kinesisfake.Options{Retention: 3 * time.Second})}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	t.Cleanup(a.kinesis.Close) // before: it ends the subscriptions
	a.url = server.URL
	if err := createStream(a.kinesis, "s:1"); err != nil {
		t.Error(err)
	}
	return a
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	services := map[string]struct {
		prefix string
		http.Handler
	}{"Kinesis_20131202": {"kinesis:", a.kinesis}, "DynamoDB_20120810": {"dynamodb:", a.dynamoDB}}
	action := services[service].prefix + operation
	a.mu.Lock()
	a.called[action] = true
	a.mu.Unlock()
	if action == a.denied {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"AccessDeniedException","message":"You have no permission."}`)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has given up in the middle
	}
	if a.repeats(action, body) {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		services[service].ServeHTTP(httptest.NewRecorder(), again)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	services[service].ServeHTTP(w, r)
}

// repeats reports whether a request arrives twice, as one does whose answer was lost: the first checkpoint.
func (a *account) repeats(action string, body []byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	repeats := !a.repeated && action == "dynamodb:UpdateItem" && bytes.Contains(body, []byte(":ifkplkitWrites"))
	a.repeated = a.repeated || repeats
	return repeats
}

func (a *account) hasCalled(action string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.called[action]
}

// aside is a client whose calls nobody notes.
func (a *account) aside() *kinesis.Client {
	cfg := demoAWS("http://kinesis.test")
	cfg.HTTPClient = &http.Client{Transport: a.kinesis.Transport()}
	return kinesis.NewFromConfig(cfg)
}

// until puts records aside until what is awaited has happened. The stream forgets them soon. What is denied has to have been
// called before the patience counts: a busy machine takes its time.
func (a *account) until(happened func() bool) error {
	began := time.Now()
	for wait := began; !happened(); time.Sleep(50 * time.Millisecond) {
		if a.denied != "" && !a.hasCalled(a.denied) && time.Since(began) < time.Minute {
			wait = time.Now()
		}
		if time.Since(wait) > a.patience {
			return errors.New("it has not happened")
		}
		_, err := a.aside().PutRecord(a.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"), Data: []byte("a")})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *account) register() (arn *string, err error) {
	out, err := a.aside().RegisterStreamConsumer(a.Context(), &kinesis.RegisterStreamConsumerInput{
		StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s"), ConsumerName: aws.String("c")})
	if err != nil {
		return nil, err
	}
	return out.Consumer.ConsumerARN, nil
}

// poll reads a user record.
func (a *account) poll(opts ...deaggaws.Option) error {
	client := kinesis.NewFromConfig(demoAWS(a.url), deaggaws.WithDeaggregation(opts...))
	start, err := client.GetShardIterator(a.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("s"),
		ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		return err
	}
	iterator, read := start.ShardIterator, 0
	failed := a.until(func() bool {
		var out *kinesis.GetRecordsOutput
		if out, err = client.GetRecords(a.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator}); err == nil {
			iterator, read = out.NextShardIterator, read+len(out.Records)
		}
		return read > 0 || err != nil
	})
	return cmp.Or(err, failed)
}

// proxied puts kplkit proxy before the account: what is read from here on comes through it.
func (a *account) proxied(o proxyOptions) *account {
	cfg := demoAWS(a.url)
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
	})
	h, err := proxy.New(proxy.Config{AWS: cfg, Change: userview.New(o.view(cfg, slog.New(slog.DiscardHandler))).Change})
	if err != nil {
		a.Fatal(err)
	}
	server := httptest.NewServer(h)
	a.Cleanup(server.Close)
	a.Cleanup(h.End)
	a.url = server.URL
	return a
}

func (a *account) subscribe() error {
	arn, err := a.register()
	if err != nil {
		return err
	}
	out, err := kinesis.NewFromConfig(demoAWS(a.url), deaggaws.WithDeaggregation()).SubscribeToShard(a.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: arn,
		ShardId: aws.String("shardId-000000000000"), StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}})
	if err != nil {
		return err
	}
	defer out.GetStream().Close()
	read := 0
	return a.until(func() bool {
		if e, ok := (<-out.GetStream().Events()).(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); ok {
			read += len(e.Value.Records)
		}
		return read > 0
	})
}

// work has a worker read a user record, or two: the second one from a child, after which the worker lets go of the
// parent, which the stream forgets.
func (a *account) work(fanOut bool) error {
	log := logrus.New()
	log.SetOutput(io.Discard)
	cfg := config.NewKinesisClientLibConfig("app", "s", "us-east-1", "worker-1").WithKinesisEndpoint(a.url).WithDynamoDBEndpoint(a.url).
		WithInitialPositionInStream(config.TRIM_HORIZON).WithLogger(logger.NewLogrusLogger(log)).WithLeaseStealing(true)
	hurry(cfg)
	if fanOut {
		cfg = cfg.WithEnhancedFanOutConsumerName("c")
	}
	var mu sync.Mutex
	read := map[string]bool{}
	worker := vmwarekcl.NewWorker(cfg, demoAWS(""), func(shardID string) kclcompat.Processor {
		return processorFunc(func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
			for _, u := range b.Records {
				c.Done(u)
			}
			_, err := c.Checkpoint(ctx)
			mu.Lock()
			defer mu.Unlock()
			read[shardID] = err == nil && len(b.Records) > 0 || read[shardID]
			return err
		})
	})
	hasRead := func(shardID string) bool {
		mu.Lock()
		defer mu.Unlock()
		return read[shardID]
	}
	started := make(chan error, 1)
	go func() { started <- worker.Start() }()
	defer worker.Shutdown()
	err := a.until(func() bool { return hasRead("shardId-000000000000") })
	if err != nil || fanOut {
		return err
	}
	_, err = a.aside().SplitShard(a.Context(), &kinesis.SplitShardInput{StreamName: aws.String("s"),
		ShardToSplit: aws.String("shardId-000000000000"), NewStartingHashKey: aws.String("1000")})
	if err != nil {
		return err
	}
	return a.until(func() bool { return hasRead("shardId-000000000002") && a.hasCalled("dynamodb:DeleteItem") })
}

// processorFunc is a Processor without an end.
type processorFunc func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error

func (f processorFunc) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	return f(ctx, b, c)
}

func (processorFunc) Shutdown(context.Context, kclcompat.Reason, *kclcompat.Checkpointer) error {
	return nil
}

func (a *account) produce() error {
	p, err := producer.New(kinesis.NewFromConfig(demoAWS(a.url)), "s")
	if err != nil {
		return err
	}
	_, err = p.PutSync(a.Context(), producer.Record{PartitionKey: "k", Data: []byte("a")})
	return cmp.Or(err, p.Close(a.Context()))
}

func (a *account) put() error {
	if out, errs, code := run(strings.NewReader("one\n"), "put", "s", "--endpoint-url", a.url, "--lines"); code != exitFine {
		return fmt.Errorf("exit code %d: %s%s", code, out, errs)
	}
	return nil
}

// serve has a daemon put a record for a parent, and upload its metrics.
func (a *account) serve() error {
	put, err := proto.Marshal(&kplpb.Message{Id: proto.Uint64(1), ActualMessage: &kplpb.Message_PutRecord{PutRecord: &kplpb.PutRecord{
		StreamName: proto.String("s"), PartitionKey: proto.String("k"), Data: []byte("a")}}})
	if err != nil {
		return err
	}
	d, err := kpldaemon.New(a.Context(), kpldaemon.Options{
		Configuration: &kplpb.Configuration{Region: proto.String("us-east-1"), KinesisEndpoint: &a.url},
		Kinesis:       kpldaemon.Keys{Pipe: &kplpb.Credentials{Akid: proto.String("any"), SecretKey: proto.String("any")}},
		Logger:        slog.Default(), Transport: a,
	})
	if err != nil {
		return err
	}
	var out bytes.Buffer
	err = d.Serve("parent", bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, uint32(len(put))), put...)), &out)
	d.Close(a.Context())
	if m, readErr := kplpipe.NewReader(&out, kplpipe.WrapperLimit).Read(); readErr != nil || !m.GetPutRecordResult().GetSuccess() {
		return fmt.Errorf("%v, %w", m, cmp.Or(readErr, errors.New("the put failed")))
	}
	return err
}

// RoundTrip is the daemon's way to the account: CloudWatch, which there is none of, is answered here.
func (a *account) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-Amz-Target") != "" {
		return http.DefaultTransport.RoundTrip(r)
	}
	const action = "cloudwatch:PutMetricData"
	a.mu.Lock()
	a.called[action] = true
	a.mu.Unlock()
	w := httptest.NewRecorder()
	if action == a.denied {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>You have no permission.</Message></Error></ErrorResponse>")
	} else {
		_, _ = io.WriteString(w, "<PutMetricDataResponse><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PutMetricDataResponse>")
	}
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// permissionRow is a row of the table in docs/permissions.md.
type permissionRow struct{ what, action, needed string }

func permissionRows(t *testing.T) (rows []permissionRow) {
	t.Helper()
	text, err := os.ReadFile("../../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "<!-- permissions -->")
	table, _, _ = strings.Cut(table, "<!-- /permissions -->")
	for line := range strings.Lines(table) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 4 && strings.Contains(cells[1], ":") {
			rows = append(rows, permissionRow{strings.TrimPrefix(cells[0], "| "), cells[1], cells[2]})
		}
	}
	return rows
}

// TestPermissions: docs/permissions.md names all actions that are called, no others, and says of each whether it goes
// without.
func TestPermissions(t *testing.T) {
	t.Parallel()
	uses := map[string][]func(*account) error{
		"deagg/deaggaws":                {func(a *account) error { return a.poll() }, (*account).subscribe},
		"deaggaws.WithHashRanges":       {func(a *account) error { return a.poll(deaggaws.WithHashRanges()) }},
		"deagg/deagglambda/dynamostore": {(*account).lambda},
		"kclcompat/vmwarekcl":           {func(a *account) error { return a.work(false) }, func(a *account) error { return a.work(true) }},
		"producer":                      {(*account).produce},
		"kplkit put":                    {(*account).put},
		"kplkit daemon":                 {(*account).serve},
		"kplkit proxy": {func(a *account) error { return a.proxied(proxyOptions{}).poll() },
			func(a *account) error { return a.proxied(proxyOptions{}).subscribe() }},
		"kplkit proxy --hash-ranges": {func(a *account) error { return a.proxied(proxyOptions{ranges: true}).poll() }},
	}
	needed := map[string]map[string]string{}
	for _, row := range permissionRows(t) {
		if needed[row.what] == nil {
			needed[row.what] = map[string]string{}
		}
		needed[row.what][row.action] = row.needed
	}
	if got, want := slices.Sorted(maps.Keys(needed)), slices.Sorted(maps.Keys(uses)); !slices.Equal(got, want) {
		t.Fatalf("the table is about %q, want %q", got, want)
	}
	var all sync.WaitGroup
	for what, ways := range uses {
		all.Go(func() {
			called := map[string]bool{}
			for try := 0; try < mostTries && len(called) < len(needed[what]); try++ {
				for _, use := range ways {
					for action := range callsOf(t, use, what) {
						if called[action] && try > 0 {
							continue
						}
						called[action] = true
						all.Go(func() { checkDenied(t, use, what, action, needed[what][action]) })
					}
				}
			}
			if got, want := slices.Sorted(maps.Keys(needed[what])), slices.Sorted(maps.Keys(called)); !slices.Equal(got, want) {
				t.Errorf("%s: the table has %q, and these are called: %q", what, got, want)
			}
		})
	}
	all.Wait()
}

// mostTries is how often a use is tried whose call has not come: where the machine is busy a producer may have put, and end,
// before it has asked for the shards.
const mostTries = 20

// callsOf returns what a use calls, where nothing is denied.
func callsOf(t *testing.T, use func(*account) error, what string) map[string]bool {
	a := newAccount(t, "", time.Minute)
	if err := use(a); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	a.mu.Lock() // a worker may call something to its end
	defer a.mu.Unlock()
	return maps.Clone(a.called)
}

// checkDenied tries a use without the permission for an action.
func checkDenied(t *testing.T, use func(*account) error, what, action, needed string) {
	patience := time.Minute
	if needed == "yes" {
		patience = 2 * time.Second // nothing comes, however long it is waited for
	}
	a := newAccount(t, action, patience)
	err := use(a)
	for try := 1; try < mostTries && !a.hasCalled(action); try++ {
		err = use(a)
	}
	switch {
	case !a.hasCalled(action):
		t.Errorf("%s without %s: it is not called", what, action)
	case (err == nil) != (needed == "no"):
		t.Errorf("%s without %s: %v, and the table says %q of whether it is needed", what, action, err, needed)
	}
}
