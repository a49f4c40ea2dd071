package interop

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/interop/servers"
)

// daemonWorld is the Kinesis of a run, over TLS for the KPL.
type daemonWorld struct {
	server *kinesisfake.Server
	port   string
	ca     []byte // in PEM: it signed the server's certificate
	client *kinesis.Client
}

// newDaemonWorld starts one that answers each request late after it has done what it asks, so that a kill may come between.
func newDaemonWorld(t *testing.T, late time.Duration) *daemonWorld {
	server := kinesisfake.New(kinesisfake.Options{})
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.ServeHTTP(servers.Late(w, late), r)
	}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // a child that is killed breaks its connections
	ca, certificate := newCA(t)
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	secure.StartTLS()
	t.Cleanup(func() {
		secure.CloseClientConnections()
		secure.Close()
		server.Close()
	})
	client := kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"), Credentials: aws.AnonymousCredentials{},
		HTTPClient: &http.Client{Transport: server.Transport()},
	})
	return &daemonWorld{server, secure.URL[strings.LastIndexByte(secure.URL, ':')+1:], ca, client}
}

func (w *daemonWorld) create(t *testing.T, stream string, shards int32) {
	if _, err := w.client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &stream, ShardCount: &shards}); err != nil {
		t.Fatal(err)
	}
}

func (w *daemonWorld) remove(t *testing.T, stream string) {
	if _, err := w.client.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: &stream}); err != nil {
		t.Fatal(err)
	}
}

// split splits all shards in halves.
func (w *daemonWorld) split(t *testing.T, stream string) {
	shards := w.shards(t, stream)
	parts := hashkey.Whole().Split(2 * len(shards))
	for i, s := range shards {
		at := aws.String(parts[2*i+1].Start().String())
		in := &kinesis.SplitShardInput{StreamName: &stream, ShardToSplit: s.ShardId, NewStartingHashKey: at}
		if _, err := w.client.SplitShard(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *daemonWorld) shards(t *testing.T, stream string) []types.Shard {
	out, err := w.client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &stream})
	if err != nil {
		t.Fatal(err)
	}
	return out.Shards
}

// lying is a stored record where it lies.
type lying struct {
	shard string
	storedRecord
	hashKey   string // the explicit one that it was put with
	keys      hashkey.Range
	ancestors []hashkey.Range
}

// read returns all that a stream holds, shard by shard, with what ListShards tells of them.
func (w *daemonWorld) read(t *testing.T, stream string) (all []lying) {
	held, shards := w.server.Records(stream), w.shards(t, stream)
	for _, s := range shards {
		keys := rangeOf(t, s)
		for _, r := range held[*s.ShardId] {
			all = append(all, lying{*s.ShardId, storedRecord{
				SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey, Data: r.Data,
				StartingHashKey: keys.Start().String(), EndingHashKey: keys.End().String(),
			}, r.ExplicitHashKey, keys, ancestorsOf(t, shards, s)})
		}
	}
	return all
}

func rangeOf(t *testing.T, s types.Shard) hashkey.Range {
	keys, err := hashkey.ParseRange(*s.HashKeyRange.StartingHashKey, *s.HashKeyRange.EndingHashKey)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// ancestorsOf are the ranges of the shards that one came from, all the way up.
func ancestorsOf(t *testing.T, shards []types.Shard, of types.Shard) (ranges []hashkey.Range) {
	for _, s := range shards {
		if aws.ToString(of.ParentShardId) == *s.ShardId || aws.ToString(of.AdjacentParentShardId) == *s.ShardId {
			ranges = append(append(ranges, rangeOf(t, s)), ancestorsOf(t, shards, s)...)
		}
	}
	return ranges
}

// lossless returns what our Decoder delivers of a stream, which knows what ListShards tells.
func lossless(all []lying) (delivered []lies) {
	decoders := map[string]*deagg.Decoder{}
	for _, r := range all {
		d := decoders[r.shard]
		if d == nil {
			d = &deagg.Decoder{HashRange: r.keys, Ancestors: r.ancestors}
			decoders[r.shard] = d
		}
		for u := range d.UserRecords(deagg.StoredRecord{SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey, Data: slices.Clone(r.Data)}) {
			of := lies{r.shard, u.SequenceNumber, u.PartitionKey, u.ExplicitHashKey, string(u.Data)}
			if !u.Aggregated {
				of.hashKey = r.plain().hashKey
			}
			delivered = append(delivered, of)
		}
	}
	return delivered
}
