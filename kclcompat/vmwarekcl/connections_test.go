package vmwarekcl_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/internal/dynamofake"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// together is a service on a socket that lets requests of a kind pass only when all shards are waiting with one: as many
// connections are in use at once, and then idle. It counts the connections that are opened.
type together struct {
	http.Handler
	kind   string // what the operation's name or the body holds
	shards int
	opened atomic.Int64

	mu      sync.Mutex
	waiting int
	rounds  int
	pass    chan struct{}
}

func listen(t *testing.T, service http.Handler, kind string, shards int) (*together, string) {
	h := &together{Handler: service, kind: kind, shards: shards, pass: make(chan struct{})}
	server := httptest.NewUnstartedServer(h)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			h.opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return h, server.URL
}

func (h *together) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), h.kind) || strings.Contains(string(body), h.kind) {
		select {
		case <-h.arrive():
		case <-r.Context().Done():
		}
	}
	h.Handler.ServeHTTP(w, r)
}

func (h *together) arrive() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	pass := h.pass
	if h.waiting++; h.waiting == h.shards {
		close(pass)
		h.waiting, h.rounds, h.pass = 0, h.rounds+1, make(chan struct{})
	}
	return pass
}

// open lets everything pass from now on.
func (h *together) open() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shards = 1
	close(h.pass)
	h.waiting, h.pass = 0, make(chan struct{})
}

func (h *together) await(t *testing.T, rounds int) (opened int64) {
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		h.mu.Lock()
		n := h.rounds
		h.mu.Unlock()
		if n >= rounds {
			return h.opened.Load()
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("%d rounds of %s after %v", n, h.kind, time.Since(began))
		}
	}
}

// TestKeepsConnections: a worker of 60 shards asks and renews over the connections that it has.
func TestKeepsConnections(t *testing.T) {
	const shards, rounds = 60, 3
	service := kinesisfake.New(kinesisfake.Options{})
	t.Cleanup(service.Close)
	stream, streamURL := listen(t, service, "GetRecords", shards)
	table, tableURL := listen(t, dynamofake.New(), renewal, shards)
	cfg := aws.Config{Region: "us-east-1", HTTPClient: awshttp.NewBuildableClient(), // as config.LoadDefaultConfig
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		})}
	control := kinesis.NewFromConfig(cfg, func(o *kinesis.Options) { o.BaseEndpoint = &streamURL })
	if _, err := control.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(shards)}); err != nil {
		t.Fatal(err)
	}
	app := &calls{process: func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error { return nil }}
	worker := vmwarekcl.NewWorker(newConfig("one").WithKinesisEndpoint(streamURL).WithDynamoDBEndpoint(tableURL).
		WithShardSyncIntervalMillis(5).WithFailoverTimeMillis(60_000).WithLeaseRefreshWaitTime(300), cfg, app.create)
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	streamBefore, tableBefore := stream.await(t, 1), table.await(t, 1)
	streamAfter, tableAfter := stream.await(t, 1+rounds), table.await(t, 1+rounds)
	stream.open()
	table.open()
	worker.Shutdown()
	t.Logf("%d connections to Kinesis, then %d more in %d rounds; to DynamoDB %d, then %d more", streamBefore, streamAfter-streamBefore, rounds, tableBefore, tableAfter-tableBefore)
	if more := max(streamAfter-streamBefore, tableAfter-tableBefore); more > shards/6 {
		t.Errorf("%d new connections in %d rounds", more, rounds)
	}
}
