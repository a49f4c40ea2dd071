package dynamofake_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/logging"

	"github.com/kplkit/kplkit/internal/dynamofake"
)

// post makes one call without SDK and signature and returns the status and the body.
func post(t *testing.T, c *http.Client, url, operation, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	w, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	out, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, string(out)
}

const createLeases = `{"TableName":"leases","AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}`

func TestPlainHTTP(t *testing.T) {
	server := httptest.NewServer(dynamofake.New())
	defer server.Close()
	for _, call := range []struct {
		operation, body string
		status          int
		want            string
	}{
		{"CreateTable", createLeases, 200, `"TableStatus":"ACTIVE"`},
		{"PutItem", `{"TableName":"leases","Item":{"k":{"S":"a"},"n":{"N":"1"}}}`, 200, `{}`},
		{"GetItem", `{"TableName":"leases","Key":{"k":{"S":"a"}}}`, 200, `{"Item":{"k":{"S":"a"},"n":{"N":"1"}}}`},
		{"GetItem", `{"TableName":"leases","Key":{"k":{"S":"b"}}}`, 200, `{}`},
		{"GetItem", `{"TableName":"leases"`, 400, "SerializationException"},
		{"GetItem", `{"TableName":7}`, 400, "SerializationException"},
		{"GetItem", `{}`, 400, "ValidationException"},
		{"GetItem", ``, 400, "SerializationException"},
		{"GetItem", `{"TableName":"leases","Key":{"k":null}}`, 400, "ValidationException"},
		{"PutItem", `{"TableName":"leases","Item":{"k":{"S":"a"},"l":` + strings.Repeat(`{"L":[`, 33) + strings.Repeat(`]}`, 33) + `}}`, 400, "Nesting Levels"},
		{"PutItem", `{"TableName":"leases","Item":{"k":{"S":"a","N":"1"}}}`, 400, "ValidationException"},
		{"PutItem", `{"TableName":"leases","Item":{"k":{"X":"a"}}}`, 400, "unknown datatype"},
		{"TransactWriteItems", `{}`, 400, "UnknownOperationException"},
		{"", `{}`, 400, "UnknownOperationException"},
	} {
		status, body := post(t, server.Client(), server.URL, call.operation, call.body)
		if status != call.status || !strings.Contains(body, call.want) {
			t.Errorf("%s %s: %d %s, want %d with %s", call.operation, call.body, status, body, call.status, call.want)
		}
	}
	if w, err := server.Client().Get(server.URL); err != nil || w.StatusCode != 400 {
		t.Errorf("GET: %v, %v", w, err)
	}
}

// TestRefusesLegacyParameters holds that nothing of a request is ignored in silence: the item stays as it was.
func TestRefusesLegacyParameters(t *testing.T) {
	c := &http.Client{Transport: dynamofake.New().Transport()}
	post(t, c, "http://embedded", "CreateTable", createLeases)
	post(t, c, "http://embedded", "PutItem", `{"TableName":"leases","Item":{"k":{"S":"a"}}}`)
	for _, call := range []struct{ operation, parameter string }{
		{"PutItem", `"Item":{"k":{"S":"a"},"x":{"N":"1"}},"Expected":{"k":{"Exists":false}}`},
		{"UpdateItem", `"Key":{"k":{"S":"a"}},"AttributeUpdates":{"x":{"Action":"PUT","Value":{"N":"1"}}}`},
		{"UpdateItem", `"Key":{"k":{"S":"a"}},"UpdateExpression":"SET a.b = x"`},
		{"DeleteItem", `"Key":{"k":{"S":"a"}},"Expected":{}`},
		{"GetItem", `"Key":{"k":{"S":"a"}},"AttributesToGet":["k"]`},
		{"Query", `"KeyConditions":{}`},
		{"Scan", `"ScanFilter":{}`},
		{"Scan", `"Segment":0,"TotalSegments":2`},
	} {
		status, body := post(t, c, "http://embedded", call.operation, `{"TableName":"leases",`+call.parameter+`}`)
		if status != 400 || !strings.Contains(body, "does not serve") {
			t.Errorf("%s %s: %d %s", call.operation, call.parameter, status, body)
		}
	}
	if _, body := post(t, c, "http://embedded", "Scan", `{"TableName":"leases"}`); !strings.Contains(body, `"Items":[{"k":{"S":"a"}}]`) {
		t.Errorf("after refused calls: %s", body)
	}
}

// TestConcurrent counts up from many goroutines; under -race it also finds unguarded state.
func TestConcurrent(t *testing.T) {
	server := dynamofake.New()
	c := client{Client: newClient(server.Transport(), "http://embedded"), table: "leases"}
	c.create(t, "leaseKey")
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for range 25 {
				_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &c.table, Key: key("a"),
					UpdateExpression: aws.String("ADD leaseCounter :one"), ExpressionAttributeValues: row{":one": n("1")}})
				if err != nil {
					t.Error(err)
				}
				c.Scan(t.Context(), &dynamodb.ScanInput{TableName: &c.table})
			}
			newClient(server.Transport(), "http://embedded").CreateTable(t.Context(), &dynamodb.CreateTableInput{
				TableName: aws.String(fmt.Sprintf("leases-%d", g)), BillingMode: types.BillingModePayPerRequest,
				AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("k"), AttributeType: "S"}},
				KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("k"), KeyType: "HASH"}}})
		})
	}
	wg.Wait()
	same(t, "counter", row{"leaseKey": s("a"), "leaseCounter": n("200")}, c.get(t, key("a")))
	if out, err := c.ListTables(t.Context(), &dynamodb.ListTablesInput{}); err != nil || len(out.TableNames) != 9 {
		t.Errorf("tables: %v, %v", out, err)
	}
}

// TestInBubble: no call takes virtual time, and the bubble, which ends only when all goroutines have, ends.
func TestInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{Client: newClient(dynamofake.New().Transport(), "http://embedded"), table: "leases"}
		start := time.Now()
		c.create(t, "leaseKey")
		c.put(t, key("a"))
		same(t, "in a bubble", key("a"), c.get(t, key("a")))
		if took := time.Since(start); took != 0 {
			t.Errorf("took %v of virtual time, want none", took)
		}
	})
}

func TestTransportHonoursContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newClient(dynamofake.New().Transport(), "http://embedded").ListTables(ctx, &dynamodb.ListTablesInput{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// TestChecksums: the SDK warns of an answer whose checksum is wrong or missing, and does no more than that.
func TestChecksums(t *testing.T) {
	db := dynamodb.New(newClient(dynamofake.New().Transport(), "http://embedded").Options(), func(o *dynamodb.Options) {
		o.Logger = logging.LoggerFunc(func(_ logging.Classification, format string, v ...any) { t.Errorf(format, v...) })
	})
	if _, err := db.ListTables(t.Context(), &dynamodb.ListTablesInput{}); err != nil {
		t.Error(err)
	}
	if _, err := db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("none")}); err == nil {
		t.Error("a table that is not there was described")
	}
}

func ExampleServer_Transport() {
	db := dynamodb.New(dynamodb.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String("http://embedded"),
		HTTPClient:   &http.Client{Transport: dynamofake.New().Transport()},
		Credentials:  aws.AnonymousCredentials{},
	})
	out, err := db.ListTables(context.Background(), &dynamodb.ListTablesInput{})
	fmt.Println(len(out.TableNames), err)
	// Output: 0 <nil>
}
