package vmwarekcl_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// making makes a table take ten seconds to become ACTIVE, of which DescribeTable knows nothing of it for one.
type making struct {
	next  http.RoundTripper
	mu    sync.Mutex
	since time.Time
	early []string // operations on the table before it was ACTIVE
}

func (m *making) RoundTrip(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	m.mu.Lock() // requests here take no time
	defer m.mu.Unlock()
	response, err := m.next.RoundTrip(r)
	if operation == "CreateTable" && err == nil && response.StatusCode == http.StatusOK {
		m.since = time.Now()
	}
	age := time.Since(m.since)
	if m.since.IsZero() || age >= 10*time.Second {
		return response, err
	}
	switch {
	case operation == "DescribeTable" && age < time.Second:
		response.StatusCode = http.StatusBadRequest
		response.Body = io.NopCloser(strings.NewReader(`{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}`))
		response.Header.Del("X-Amz-Crc32")
	case operation == "DescribeTable":
		return withStatus(response, "CREATING")
	case operation != "CreateTable":
		m.early = append(m.early, operation)
	}
	return response, err
}

// withStatus is the description of a table with another status.
func withStatus(response *http.Response, status string) (*http.Response, error) {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	body = bytes.ReplaceAll(body, []byte("ACTIVE"), []byte(status))
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response.Header.Del("X-Amz-Crc32")
	return response, nil
}

// TestStartWhileUpdating: a table whose capacity is being changed can be worked with.
func TestStartWhileUpdating(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		initialize(w, newConfig("one"))
		w.Intercept(sim.DynamoDB, func(table http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				response, err := table.RoundTrip(r)
				if err != nil || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "DescribeTable") {
					return response, err
				}
				return withStatus(response, "UPDATING")
			})
		})
		began := time.Now()
		initialize(w, newConfig("two"))
		if d := time.Since(began); d > time.Second {
			w.T.Errorf("it took %v", d)
		}
	})
}

// TestStartTogether: workers that start at once without a table all start, as soon as it is ACTIVE.
func TestStartTogether(t *testing.T) {
	sim.Run(t, 1, sim.Faults{MaxLatency: time.Millisecond}, func(w *sim.World) {
		slow := &making{}
		w.Intercept(sim.DynamoDB, func(table http.RoundTripper) http.RoundTripper {
			slow.next = table
			return slow
		})
		w.CreateStream("s", 1)
		began, errs := time.Now(), make(chan error)
		for i := range 20 {
			go func() {
				id := string(rune('a' + i))
				errs <- newWorker(w.Host(id), newConfig(id)).Start()
			}()
		}
		for range 20 {
			if err := <-errs; err != nil {
				w.T.Error(err)
			}
		}
		if d := time.Since(began); d < 10*time.Second || d > 12*time.Second || len(slow.early) > 0 {
			w.T.Errorf("started after %v; called before the table was ACTIVE: %q", d, slow.early)
		}
	})
}

func initialize(w *sim.World, cfg *config.KinesisClientLibConfiguration) (warned []string) {
	log := &warnings{}
	c := vmwarekcl.NewLeaseTable(cfg.WithLogger(log), dynamodb.NewFromConfig(w.Control()), kinesis.NewFromConfig(w.Control()))
	if err := c.Init(); err != nil {
		w.T.Error(err)
	}
	return log.all()
}

// TestNewTable: a lease table is made on demand, unless the configuration names its capacity.
func TestNewTable(t *testing.T) {
	for _, named := range []struct{ reads, writes, wantReads, wantWrites int }{
		{config.DefaultInitialLeaseTableReadCapacity, config.DefaultInitialLeaseTableWriteCapacity, 0, 0},
		{0, 0, 0, 0},
		{10, 11, 10, 11},
		{9, 10, 9, 10},
	} {
		sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
			w.CreateStream("s", 1)
			cfg := newConfig("one")
			cfg.InitialLeaseTableReadCapacity, cfg.InitialLeaseTableWriteCapacity = named.reads, named.writes
			warned := initialize(w, cfg)
			out, err := dynamodb.NewFromConfig(w.Control()).DescribeTable(context.Background(), &dynamodb.DescribeTableInput{TableName: aws.String("app")})
			if err != nil {
				w.T.Fatal(err)
			}
			units := out.Table.ProvisionedThroughput
			if int(*units.ReadCapacityUnits) != named.wantReads || int(*units.WriteCapacityUnits) != named.wantWrites || len(warned) > 0 {
				w.T.Errorf("%+v: %d and %d units; %q", named, *units.ReadCapacityUnits, *units.WriteCapacityUnits, warned)
			}
		})
	}
}

// TestTooFewWriteUnits: a start says once how many write units the table lacks, and of what, and nothing where they
// suffice, or the table is on demand. Shards that are closed cost none.
func TestTooFewWriteUnits(t *testing.T) {
	for _, c := range []struct {
		name          string
		units         int64 // 0 is on demand
		refresh, need int
	}{
		{"vmware's table", 10, 2500, 26},
		{"one too few", 25, 2500, 26},
		{"enough", 26, 2500, 0},
		{"on demand", 0, 2500, 0},
		{"renewed less often", 10, 20_000, 0},
		{"renewed as seldom as a lease allows", 3, 3_600_000, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
				w.CreateStream("s", 63)
				split(w, "shardId-000000000000") // 64 are open
				key := aws.String("ShardID")
				in := &dynamodb.CreateTableInput{TableName: aws.String("app"), BillingMode: types.BillingModePayPerRequest,
					AttributeDefinitions: []types.AttributeDefinition{{AttributeName: key, AttributeType: types.ScalarAttributeTypeS}},
					KeySchema:            []types.KeySchemaElement{{AttributeName: key, KeyType: types.KeyTypeHash}}}
				if c.units > 0 {
					in.BillingMode, in.ProvisionedThroughput = types.BillingModeProvisioned, &types.ProvisionedThroughput{ReadCapacityUnits: &c.units, WriteCapacityUnits: &c.units}
				}
				if _, err := dynamodb.NewFromConfig(w.Control()).CreateTable(context.Background(), in); err != nil {
					w.T.Fatal(err)
				}
				warned := initialize(w, newConfig("one").WithFailoverTimeMillis(60_000).WithLeaseRefreshWaitTime(c.refresh))
				if c.need == 0 && len(warned) == 0 {
					return
				}
				if len(warned) != 1 || c.need == 0 || !strings.Contains(warned[0], fmt.Sprintf("table app has %d write units", c.units)) ||
					!strings.Contains(warned[0], fmt.Sprintf("the 64 open shards of s need %d a second", c.need)) || !strings.Contains(warned[0], "PAY_PER_REQUEST") {
					w.T.Errorf("%q", warned)
				}
			})
		})
	}
}

func split(w *sim.World, shardID string) {
	_, err := kinesis.NewFromConfig(w.Control()).SplitShard(context.Background(), &kinesis.SplitShardInput{StreamName: aws.String("s"),
		ShardToSplit: &shardID, NewStartingHashKey: aws.String("5")})
	if err != nil {
		w.T.Fatal(err)
	}
	time.Sleep(time.Minute) // the stream is ACTIVE again
}
