package rows

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/interop/servers"
)

// cache is where run.sh installs.
const cache = "../.cache"

// world is a part's Kinesis, DynamoDB and KPL.
type world struct {
	part        part
	test        *testing.T // the part's, for what all of its runs share
	kinesisURL  string     // without TLS, for consumers
	kplPort     string     // with TLS, which is all that the KPL speaks
	dynamodbURL string
	client      *kinesis.Client // on the same Kinesis, without sockets
	iterators   iterators
	agents      agents

	start    sync.Once
	producer *process
}

func newWorld(t *testing.T, p part) *world {
	fake := kinesisfake.New(kinesisfake.Options{})
	t.Cleanup(fake.Close)
	w := &world{part: p, test: t, dynamodbURL: "http://" + servers.Dynalite(t, cache)}
	w.iterators.next = fake
	plain := httptest.NewUnstartedServer(&w.iterators)
	plain.Config.Protocols = new(http.Protocols)
	plain.Config.Protocols.SetHTTP1(true)
	plain.Config.Protocols.SetUnencryptedHTTP2(true) // Java's SDK 2 speaks it
	plain.Start()
	t.Cleanup(plain.CloseClientConnections)
	w.kinesisURL = plain.URL
	w.agents.next = fake
	secure := httptest.NewTLSServer(&w.agents)
	t.Cleanup(secure.CloseClientConnections)
	w.kplPort = secure.URL[strings.LastIndexByte(secure.URL, ':')+1:]
	w.client = kinesis.New(kinesis.Options{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: fake.Transport()}, BaseEndpoint: aws.String("http://kinesis"),
		Credentials: aws.CredentialsProviderFunc(anybody),
	})
	return w
}

// kpl returns the part's KPL, started when it is first wanted.
func (w *world) kpl(t *testing.T) *process {
	w.start.Do(func() { w.producer = startKPL(w.test, w.part.kpl, w.kplPort, "") })
	if w.producer == nil {
		t.Fatal("the KPL has not started")
	}
	return w.producer
}

func (w *world) createStream(t *testing.T, name string, shards int32) {
	_, err := w.client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards})
	if err != nil {
		t.Fatal(err)
	}
}

// putPlain puts one stored record, as it is.
func (w *world) putPlain(t *testing.T, stream, data string) {
	in := &kinesis.PutRecordInput{StreamName: &stream, PartitionKey: aws.String("plain"), Data: []byte(data)}
	beside(stream, data)
	if _, err := w.client.PutRecord(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func (w *world) shards(t *testing.T, stream string) []types.Shard {
	out, err := w.client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &stream})
	if err != nil {
		t.Fatal(err)
	}
	return out.Shards
}

// iterators counts the shard iterators that were given out: who has one at LATEST sees what is put from then on.
type iterators struct {
	next http.Handler

	mu    sync.Mutex
	given [][]byte // the requests
}

func (i *iterators) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetShardIterator") {
		i.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	i.next.ServeHTTP(w, r)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.given = append(i.given, body)
}

// of counts those of a stream.
func (i *iterators) of(stream string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := 0
	for _, request := range i.given {
		if bytes.Contains(request, []byte(`"`+stream+`"`)) {
			n++
		}
	}
	return n
}

// agents keeps what the programs that put say that they are.
type agents struct {
	next http.Handler

	mu   sync.Mutex
	seen map[string]string // by stream
}

func (a *agents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var put struct{ StreamName string }
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutRecords") && json.Unmarshal(body, &put) == nil {
		a.mu.Lock()
		if a.seen == nil {
			a.seen = map[string]string{}
		}
		a.seen[put.StreamName] = r.UserAgent()
		a.mu.Unlock()
	}
	a.next.ServeHTTP(w, r)
}

// of is what put last into a stream.
func (a *agents) of(stream string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[stream]
}
