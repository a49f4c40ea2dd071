package dynamostore_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deagglambda"
	"github.com/kplkit/kplkit/deagg/deagglambda/dynamostore"
	"github.com/kplkit/kplkit/internal/dynamofake"
	"github.com/kplkit/kplkit/seqnum"
)

var _ deagglambda.Store = (*dynamostore.Store)(nil)

// newTable returns a client of a DynamoDB with the table "positions".
func newTable(ctx context.Context) (*dynamodb.Client, error) {
	client := dynamodb.New(dynamodb.Options{
		Region: "us-east-2", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		BaseEndpoint: aws.String("http://dynamodb.test"), HTTPClient: &http.Client{Transport: dynamofake.New().Transport()},
	})
	_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("positions"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("key"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("key"), KeyType: types.KeyTypeHash}},
	})
	return client, err
}

func extended(t *testing.T, text string) seqnum.Extended {
	e, err := seqnum.ParseExtended(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Positions come back as they were, move forward only, as numbers, and are apart by name and key.
func TestStore(t *testing.T) {
	client, err := newTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store, err := dynamostore.New(client, "positions", "f")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s *dynamostore.Store, key string) string {
		t.Helper()
		e, err := s.Load(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if !e.IsValid() {
			return "none"
		}
		return e.String()
	}
	if got := at(store, "k"); got != "none" {
		t.Errorf("before anything is stored: %s", got)
	}
	for _, step := range []struct{ save, want string }{
		{"9", "9"}, {"10:2", "10:2"}, {"9:5", "10:2"}, {"10:1", "10:2"}, {"10:3", "10:3"}, {"10", "10"}, {"10:7", "10"}, {"TRIM_HORIZON", "10"},
	} {
		if err := store.Save(t.Context(), "k", extended(t, step.save)); err != nil {
			t.Fatal(err)
		}
		if got := at(store, "k"); got != step.want {
			t.Errorf("after %s: %s, want %s", step.save, got, step.want)
		}
	}
	other, err := dynamostore.New(client, "positions", "g")
	if err != nil {
		t.Fatal(err)
	}
	if got := at(other, "k") + " " + at(store, "l"); got != "none none" {
		t.Errorf("another function, another key: %s", got)
	}
}

// An item has the form that the package's documentation fixes.
func TestItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := newTable(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, ttl := range []time.Duration{0, time.Hour, dynamostore.DefaultTTL} {
			opts := []dynamostore.Option{dynamostore.WithTTL(ttl)}
			if ttl == dynamostore.DefaultTTL {
				opts = nil
			}
			store, err := dynamostore.New(client, "positions", "f", opts...)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Save(t.Context(), ttl.String(), extended(t, "10:2")); err != nil {
				t.Fatal(err)
			}
			out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{
				TableName: aws.String("positions"), Key: map[string]types.AttributeValue{"key": &types.AttributeValueMemberS{Value: "f/" + ttl.String()}},
			})
			if err != nil {
				t.Fatal(err)
			}
			position, _ := out.Item["position"].(*types.AttributeValueMemberS)
			expires, _ := out.Item["expires"].(*types.AttributeValueMemberN)
			if position == nil || position.Value != "10:2" || (expires == nil) != (ttl == 0) {
				t.Fatalf("%v: %v", ttl, out.Item)
			}
			if want := strconv.FormatInt(time.Now().Add(ttl).Unix(), 10); expires != nil && expires.Value != want {
				t.Errorf("expires %s, want %s", expires.Value, want)
			}
		}
	})
}

// A position that is stored again is kept for as long again; one further back changes nothing.
func TestRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := newTable(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		store, err := dynamostore.New(client, "positions", "f", dynamostore.WithTTL(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for i, text := range []string{"10:2", "10:2", "10:1"} {
			if err := store.Save(t.Context(), "k", extended(t, text)); err != nil {
				t.Fatal(err)
			}
			if i < 2 {
				time.Sleep(time.Minute)
			}
		}
		out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{
			TableName: aws.String("positions"), Key: map[string]types.AttributeValue{"key": &types.AttributeValueMemberS{Value: "f/k"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		expires, _ := out.Item["expires"].(*types.AttributeValueMemberN)
		if want := strconv.FormatInt(began.Add(time.Minute+time.Hour).Unix(), 10); expires == nil || expires.Value != want {
			t.Errorf("%v, want it to expire at %s", out.Item, want)
		}
	})
}

// Errors say which item of which table, and wrong options are errors of New.
func TestErrors(t *testing.T) {
	client, err := newTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put := func(item map[string]types.AttributeValue) {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("positions"), Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	put(map[string]types.AttributeValue{"key": text("f/empty")})
	put(map[string]types.AttributeValue{"key": text("f/wrong"), "position": text("x")})
	store, err := dynamostore.New(client, "positions", "f")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"empty", "wrong"} {
		if at, err := store.Load(t.Context(), key); err == nil || at.IsValid() || !strings.Contains(err.Error(), "f/"+key+" of table positions") {
			t.Errorf("%s: %v, %v", key, at, err)
		}
	}
	gone, err := dynamostore.New(client, "gone", "f")
	if err != nil {
		t.Fatal(err)
	}
	_, err = gone.Load(t.Context(), "customer")
	for name, err := range map[string]error{
		"Load from a table that is not there": err,
		"Save in a table that is not there":   gone.Save(t.Context(), "customer", extended(t, "5")),
		"Save of no position":                 store.Save(t.Context(), "customer", seqnum.Extended{}),
	} {
		if err == nil || strings.Contains(err.Error(), "customer") { // partition keys are not logged
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, make := range map[string]func() (*dynamostore.Store, error){
		"no client":     func() (*dynamostore.Store, error) { return dynamostore.New(nil, "t", "f") },
		"no table":      func() (*dynamostore.Store, error) { return dynamostore.New(client, "", "f") },
		"no name":       func() (*dynamostore.Store, error) { return dynamostore.New(client, "t", "") },
		"a slash":       func() (*dynamostore.Store, error) { return dynamostore.New(client, "t", "f/returned/5") },
		"a nil option":  func() (*dynamostore.Store, error) { return dynamostore.New(client, "t", "f", nil) },
		"a time before": func() (*dynamostore.Store, error) { return dynamostore.New(client, "t", "f", dynamostore.WithTTL(-1)) },
	} {
		if _, err := make(); err == nil {
			t.Error(name)
		}
	}
}

func Example() {
	client, err := newTable(context.Background())
	if err != nil {
		panic(err)
	}
	store, err := dynamostore.New(client, "positions", "my-function")
	if err != nil {
		panic(err)
	}
	process := func(context.Context, deagg.UserRecord) error { return nil }
	handler := deagglambda.Handler(process, deagglambda.WithStore(store)) // for lambda.Start
	handler(context.Background(), deagglambda.Event{Records: []deagglambda.Record{{
		EventID: "shardId-000000000006:42", EventSourceARN: "arn:aws:kinesis:us-east-2:123456789012:stream/orders",
		Kinesis: deagglambda.KinesisRecord{SequenceNumber: "42", PartitionKey: "p", Data: []byte("order")},
	}}})
	at, err := store.Load(context.Background(), "arn:aws:kinesis:us-east-2:123456789012:stream/orders/shardId-000000000006")
	fmt.Println(at, err)
	// Output: 42 <nil>
}
