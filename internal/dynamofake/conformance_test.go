package dynamofake_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kplkit/kplkit/internal/dynamofake"
)

// endpointVariable names another DynamoDB that has to pass the same cases, as a URL.
const endpointVariable = "KPLKIT_DYNAMODB_ENDPOINT"

// client is the real SDK on a DynamoDB, with a name for tables that no earlier run has used.
type client struct {
	*dynamodb.Client
	table    string
	external bool // not ours: the endpoint of endpointVariable
}

func newClient(transport http.RoundTripper, endpoint string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(endpoint),
		HTTPClient:   &http.Client{Transport: transport},
		Retryer:      aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		}),
	})
}

// TestConformance runs every case on this package and, where endpointVariable is set, on that DynamoDB too.
func TestConformance(t *testing.T) {
	clients := map[string]*dynamodb.Client{"embedded": newClient(dynamofake.New().Transport(), "http://embedded")}
	if endpoint := os.Getenv(endpointVariable); endpoint != "" {
		clients["endpoint"] = newClient(http.DefaultTransport, endpoint)
	}
	for where, c := range clients {
		for _, test := range conformance {
			t.Run(where+"/"+test.name, func(t *testing.T) {
				name := fmt.Sprintf("kplkit-%s-%d", test.name, time.Now().UnixNano())
				test.run(t, client{c, name, where != "embedded"})
			})
		}
	}
}

var conformance = []struct {
	name string
	run  func(*testing.T, client)
}{
	{"tables", tables},
	{"table-errors", tableErrors},
	{"billing", billing},
	{"billing-errors", billingErrors},
	{"put-return-values", putReturnValues},
	{"get", get},
	{"conditions", conditions},
	{"condition-failed", conditionFailed},
	{"update", update},
	{"update-return-values", updateReturnValues},
	{"update-is-atomic", updateIsAtomic},
	{"update-errors", updateErrors},
	{"expression-errors", expressionErrors},
	{"delete", deleteItem},
	{"item-errors", itemErrors},
	{"values", values},
	{"numbers", numbers},
	{"scan-limit", scanLimit},
	{"scan-page-size", scanPageSize},
	{"scan-filter", scanFilter},
	{"query", query},
	{"index", index},
	{"batch", batch},
	{"lease", lease},
}

type row = map[string]types.AttributeValue

func s(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
func n(v string) types.AttributeValue { return &types.AttributeValueMemberN{Value: v} }
func ss(v ...string) types.AttributeValue {
	return &types.AttributeValueMemberSS{Value: v}
}
func ns(v ...string) types.AttributeValue { return &types.AttributeValueMemberNS{Value: v} }

// key is the key of a lease table.
func key(id string) row { return row{"leaseKey": s(id)} }

// create makes a table and waits until it can be used. A second name is the sort key, a number.
func (c client) create(t *testing.T, keys ...string) {
	t.Helper()
	in := &dynamodb.CreateTableInput{TableName: &c.table, BillingMode: types.BillingModePayPerRequest}
	for i, name := range keys {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(name), AttributeType: []types.ScalarAttributeType{"S", "N"}[i]})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{
			AttributeName: aws.String(name), KeyType: []types.KeyType{"HASH", "RANGE"}[i]})
	}
	c.createAs(t, in)
}

func (c client) createAs(t *testing.T, in *dynamodb.CreateTableInput) {
	t.Helper()
	if _, err := c.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	err := dynamodb.NewTableExistsWaiter(c).Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &c.table}, time.Minute,
		func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay, o.MaxDelay = 10*time.Millisecond, time.Second })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &c.table}) })
}

func (c client) put(t *testing.T, items ...row) {
	t.Helper()
	for _, item := range items {
		if _, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &c.table, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
}

func (c client) get(t *testing.T, key row) row {
	t.Helper()
	out, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &c.table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// same compares attributes, sets in any order.
func same(t *testing.T, what string, want, got any) {
	t.Helper()
	diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b string) bool { return a < b }),
		cmpopts.IgnoreUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberB{},
			types.AttributeValueMemberBOOL{}, types.AttributeValueMemberNULL{}, types.AttributeValueMemberSS{},
			types.AttributeValueMemberNS{}, types.AttributeValueMemberBS{}, types.AttributeValueMemberL{}, types.AttributeValueMemberM{}))
	if diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// refused checks an error's code, as the SDK has it, and a part of its text in any case.
func refused(t *testing.T, what string, err error, code, text string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(strings.ToLower(api.ErrorMessage()), strings.ToLower(text)) {
		t.Errorf("%s: %v, want %s with %q", what, err, code, text)
	}
}

func tables(t *testing.T, c client) {
	c.create(t, "leaseKey")
	out, err := c.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &c.table})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Table; *got.TableName != c.table || got.TableStatus != "ACTIVE" || *got.ItemCount != 0 ||
		*got.KeySchema[0].AttributeName != "leaseKey" || got.AttributeDefinitions[0].AttributeType != "S" {
		t.Errorf("DescribeTable: %+v", got)
	}
	var names []string
	pages := dynamodb.NewListTablesPaginator(c, &dynamodb.ListTablesInput{Limit: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, page.TableNames...)
	}
	if !slices.Contains(names, c.table) || !slices.IsSorted(names) {
		t.Errorf("ListTables: %q", names)
	}
	if _, err := c.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &c.table}); err != nil {
		t.Fatal(err)
	}
	err = dynamodb.NewTableNotExistsWaiter(c).Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &c.table}, time.Minute,
		func(o *dynamodb.TableNotExistsWaiterOptions) {
			o.MinDelay, o.MaxDelay = 10*time.Millisecond, time.Second
		})
	if err != nil {
		t.Error(err)
	}
}

func tableErrors(t *testing.T, c client) {
	_, err := c.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &c.table})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("DescribeTable of no table: %v", err)
	}
	_, err = c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &c.table, Item: key("a")})
	if !errors.As(err, &missing) {
		t.Errorf("PutItem into no table: %v", err)
	}
	_, err = c.Scan(t.Context(), &dynamodb.ScanInput{TableName: &c.table})
	if !errors.As(err, &missing) {
		t.Errorf("Scan of no table: %v", err)
	}
	c.create(t, "leaseKey")
	_, err = c.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: &c.table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("k"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("k"), KeyType: "HASH"}}})
	var inUse *types.ResourceInUseException
	if !errors.As(err, &inUse) {
		t.Errorf("CreateTable twice: %v", err)
	}
	_, err = c.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: aws.String("kplkit-undefined"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("x"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("k"), KeyType: "HASH"}}})
	refused(t, "key without a definition", err, "ValidationException", "")
	_, err = c.Scan(t.Context(), &dynamodb.ScanInput{TableName: &c.table, IndexName: aws.String("none")})
	refused(t, "no such index", err, "ValidationException", "does not have the specified index")
}

// leaseTable is the request for a table with a billing mode, and write units, of which 0 are none.
func (c client) leaseTable(mode types.BillingMode, writes int64) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{TableName: &c.table, BillingMode: mode,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("leaseKey"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("leaseKey"), KeyType: "HASH"}}}
	if writes != 0 {
		in.ProvisionedThroughput = &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(7), WriteCapacityUnits: &writes}
	}
	return in
}

// billing: a table on demand has a summary and no units, one that never was on demand units and no summary.
func billing(t *testing.T, c client) {
	for i, mode := range []types.BillingMode{types.BillingModePayPerRequest, types.BillingModeProvisioned, ""} {
		c := client{c.Client, fmt.Sprint(c.table, i), c.external}
		reads, writes := int64(7), int64(3)
		if mode == types.BillingModePayPerRequest {
			reads, writes = 0, 0
		}
		c.createAs(t, c.leaseTable(mode, writes))
		out, err := c.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &c.table})
		if err != nil {
			t.Fatal(err)
		}
		units, summary := out.Table.ProvisionedThroughput, out.Table.BillingModeSummary
		if units == nil || *units.ReadCapacityUnits != reads || *units.WriteCapacityUnits != writes || *units.NumberOfDecreasesToday != 0 {
			t.Errorf("%q: units %+v", mode, units)
		}
		if onDemand := writes == 0; onDemand && (summary == nil || summary.BillingMode != mode || summary.LastUpdateToPayPerRequestDateTime == nil) ||
			!onDemand && summary != nil {
			t.Errorf("%q: summary %+v", mode, summary)
		}
	}
}

func billingErrors(t *testing.T, c client) {
	index := func(writes int64) (x types.GlobalSecondaryIndex) {
		x = types.GlobalSecondaryIndex{IndexName: aws.String("index"), Projection: &types.Projection{ProjectionType: "ALL"},
			KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("leaseKey"), KeyType: "HASH"}}}
		if writes != 0 {
			x.ProvisionedThroughput = &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: &writes}
		}
		return x
	}
	const lacksUnits = "ProvisionedThroughput is not specified for index: index"
	for _, test := range []struct {
		mode          types.BillingMode
		writes, index int64
		text          string
	}{
		{"", 0, 0, "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"},
		{types.BillingModeProvisioned, 0, 0, "must both be specified"},
		{types.BillingModePayPerRequest, 1, 0, "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"},
		{types.BillingModeProvisioned, -1, 0, "greater than or equal to 1"},
		{"ON_DEMAND", 0, 0, "PAY_PER_REQUEST"},
		{types.BillingModePayPerRequest, 0, 1, "ProvisionedThroughput should not be specified for index: index"},
		{types.BillingModeProvisioned, 1, 0, lacksUnits},
		{types.BillingModeProvisioned, 1, -1, "greater than or equal to 1"},
	} {
		if c.external && test.text == lacksUnits {
			continue // dynalite takes it
		}
		in := c.leaseTable(test.mode, test.writes)
		if strings.Contains(test.text, "index") || test.index != 0 {
			in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{index(test.index)}
		}
		_, err := c.CreateTable(t.Context(), in)
		refused(t, fmt.Sprintf("%+v", test), err, "ValidationException", test.text)
	}
}

func putReturnValues(t *testing.T, c client) {
	c.create(t, "leaseKey")
	first, second := row{"leaseKey": s("a"), "x": n("1")}, row{"leaseKey": s("a"), "y": n("2")}
	put := func(item row, returns types.ReturnValue) row {
		out, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &c.table, Item: item, ReturnValues: returns})
		if err != nil {
			t.Fatal(err)
		}
		return out.Attributes
	}
	same(t, "first ALL_OLD", row(nil), put(first, "ALL_OLD"))
	same(t, "NONE", row(nil), put(first, ""))
	same(t, "ALL_OLD", first, put(second, "ALL_OLD"))
	same(t, "a put replaces the item", second, c.get(t, key("a")))
	_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &c.table, Item: first, ReturnValues: "ALL_NEW"})
	refused(t, "PutItem ALL_NEW", err, "ValidationException", "")
}

func get(t *testing.T, c client) {
	c.create(t, "leaseKey")
	c.put(t, row{"leaseKey": s("a"), "leaseCounter": n("7"), "checkpoint": s("LATEST")})
	out, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &c.table, Key: key("a"),
		ProjectionExpression: aws.String("leaseCounter, #o, leaseKey"), ExpressionAttributeNames: map[string]string{"#o": "owner"}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "projection", row{"leaseKey": s("a"), "leaseCounter": n("7")}, out.Item)
	same(t, "no item", row(nil), c.get(t, key("b")))
	for what, bad := range map[string]row{"no key": {}, "wrong name": {"k": s("a")}, "wrong type": {"leaseKey": n("1")},
		"too much": {"leaseKey": s("a"), "x": s("b")}} {
		_, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &c.table, Key: bad})
		refused(t, what, err, "ValidationException", "")
	}
}

// conditions holds each condition against one item and against none.
func conditions(t *testing.T, c client) {
	c.create(t, "leaseKey")
	item := row{"leaseKey": s("a"), "leaseCounter": n("7"), "checkpoint": s("49"), "parents": ss("p1", "p2"), "done": &types.AttributeValueMemberBOOL{Value: true},
		"words": &types.AttributeValueMemberL{Value: []types.AttributeValue{s("one"), n("2")}}}
	c.put(t, item)
	values := row{":s49": s("49"), ":s5": s("5"), ":n7": n("7.0"), ":n10": n("10"), ":p1": s("p1"), ":p3": s("p3"), ":ps": ss("p2", "p1"), ":N": s("N"), ":true": &types.AttributeValueMemberBOOL{Value: true}}
	for _, test := range []struct {
		text          string
		item, without bool
	}{
		{"attribute_exists(leaseKey)", true, false},
		{"attribute_not_exists(leaseKey)", false, true},
		{"attribute_not_exists(leaseOwner)", true, true},
		{"attribute_exists (leaseKey) AND attribute_not_exists(leaseOwner)", true, false},
		{"leaseCounter = :n7", true, false},
		{"leaseCounter <> :n7", false, true},
		{"leaseOwner <> :s49", true, true},
		{"leaseOwner = :s49", false, false},
		{"leaseCounter < :n10", true, false},
		{"leaseCounter > :n10", false, false},
		{":n10 > leaseCounter", true, false},
		{"leaseCounter <= :n7 and leaseCounter >= :n7", true, false},
		{"checkpoint < :s5", true, false},
		{"checkpoint < :n10", false, false},
		{"checkpoint <> :n10", true, true},
		{"leaseCounter BETWEEN :n7 AND :n10", true, false},
		{"checkpoint IN (:s5, :s49)", true, false},
		{"contains(parents, :p1)", true, false},
		{"contains(parents, :p3)", false, false},
		{"contains(checkpoint, :s5)", false, false},
		{"contains(words, :n7)", false, false},
		{"parents = :ps", true, false},
		{"done = :true", true, false},
		{"begins_with(checkpoint, :s49)", true, false},
		{"attribute_type(leaseCounter, :N)", true, false},
		{"size(parents) < :n7", true, false},
		{"size(checkpoint) < leaseCounter", true, false},
		{"NOT leaseCounter = :n7", false, true},
		{"NOT (leaseCounter = :n7 OR checkpoint = :s5) OR attribute_exists(done)", true, true},
		{"leaseCounter = :n10 OR leaseCounter = :n7 AND checkpoint = :s49", true, false},
		{"(leaseCounter = :n7 OR leaseCounter = :n10) AND checkpoint = :s5", false, false},
		{"#k = :p1 OR attribute_not_exists(#k)", false, true},
	} {
		used, names := row{}, map[string]string(nil)
		for name, v := range values {
			if slices.Contains(strings.FieldsFunc(test.text, func(r rune) bool { return strings.ContainsRune(" (),", r) }), name) {
				used[name] = v
			}
		}
		if strings.Contains(test.text, "#k") {
			names = map[string]string{"#k": "leaseKey"}
		}
		for id, want := range map[string]bool{"a": test.item, "none": test.without} {
			if len(used) == 0 {
				used = nil
			}
			_, err := c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &c.table, Key: key(id), ConditionExpression: &test.text,
				ExpressionAttributeValues: used, ExpressionAttributeNames: names})
			var failed *types.ConditionalCheckFailedException
			if held := err == nil; held != want || !held && !errors.As(err, &failed) {
				t.Errorf("%q on %s: %v, want it to hold: %t", test.text, id, err, want)
			}
		}
		c.put(t, item)
	}
}

func conditionFailed(t *testing.T, c client) {
	c.create(t, "leaseKey")
	stored := row{"leaseKey": s("a"), "leaseCounter": n("7")}
	c.put(t, stored)
	no, seven := aws.String("leaseCounter <> :c"), row{":c": n("7")}
	calls := map[string]func(types.ReturnValuesOnConditionCheckFailure) error{
		"PutItem": func(r types.ReturnValuesOnConditionCheckFailure) error {
			_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &c.table, Item: key("a"), ConditionExpression: no, ExpressionAttributeValues: seven, ReturnValuesOnConditionCheckFailure: r})
			return err
		},
		"UpdateItem": func(r types.ReturnValuesOnConditionCheckFailure) error {
			_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &c.table, Key: key("a"), UpdateExpression: aws.String("REMOVE leaseCounter"), ConditionExpression: no, ExpressionAttributeValues: seven, ReturnValuesOnConditionCheckFailure: r})
			return err
		},
		"DeleteItem": func(r types.ReturnValuesOnConditionCheckFailure) error {
			_, err := c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &c.table, Key: key("a"), ConditionExpression: no, ExpressionAttributeValues: seven, ReturnValuesOnConditionCheckFailure: r})
			return err
		},
	}
	for name, call := range calls {
		for r, want := range map[types.ReturnValuesOnConditionCheckFailure]row{"": nil, "NONE": nil, "ALL_OLD": stored} {
			var failed *types.ConditionalCheckFailedException
			if err := call(r); !errors.As(err, &failed) {
				t.Errorf("%s %s: %v", name, r, err)
				continue
			}
			if failed.ErrorMessage() != "The conditional request failed" {
				t.Errorf("%s: %q", name, failed.ErrorMessage())
			}
			if !c.external || len(failed.Item) > 0 { // dynalite 4.0.0 never returns the item
				same(t, name+" "+string(r), want, row(failed.Item))
			}
		}
		same(t, name+" left the item", stored, c.get(t, key("a")))
	}
}

// updating runs one UpdateExpression on item and returns what is stored then.
func (c client) updating(t *testing.T, item row, expression string, values row) (row, error) {
	t.Helper()
	c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &c.table, Key: key("a")})
	if item != nil {
		c.put(t, item)
	}
	_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &c.table, Key: key("a"), UpdateExpression: &expression, ExpressionAttributeValues: values})
	return c.get(t, key("a")), err
}

func update(t *testing.T, c client) {
	c.create(t, "leaseKey")
	item := row{"leaseKey": s("a"), "leaseOwner": s("w1"), "leaseCounter": n("7"), "parents": ss("p1", "p2")}
	for _, test := range []struct {
		expression string
		values     row
		item, want row
	}{
		{"SET checkpoint = :c", row{":c": s("9")}, nil, row{"leaseKey": s("a"), "checkpoint": s("9")}},
		{"SET leaseOwner = :o, checkpoint = leaseOwner", row{":o": s("w2")}, item, // the old owner
			row{"leaseKey": s("a"), "leaseOwner": s("w2"), "checkpoint": s("w1"), "leaseCounter": n("7"), "parents": ss("p1", "p2")}},
		{"SET leaseCounter = leaseCounter + :one REMOVE parents", row{":one": n("1")}, item, row{"leaseKey": s("a"), "leaseOwner": s("w1"), "leaseCounter": n("8")}},
		{"SET leaseCounter = leaseCounter - :ten", row{":ten": n("10")}, row{"leaseKey": s("a"), "leaseCounter": n("7")}, row{"leaseKey": s("a"), "leaseCounter": n("-3")}},
		{"SET leaseCounter = if_not_exists(leaseCounter, :zero) + :one", row{":zero": n("0"), ":one": n("1")}, nil, row{"leaseKey": s("a"), "leaseCounter": n("1")}},
		{"REMOVE leaseOwner, nothing", nil, item, row{"leaseKey": s("a"), "leaseCounter": n("7"), "parents": ss("p1", "p2")}},
		{"remove leaseOwner", nil, item, row{"leaseKey": s("a"), "leaseCounter": n("7"), "parents": ss("p1", "p2")}},
		{"ADD leaseCounter :n", row{":n": n("0.5")}, row{"leaseKey": s("a"), "leaseCounter": n("7")}, row{"leaseKey": s("a"), "leaseCounter": n("7.5")}},
		{"ADD leaseCounter :n", row{":n": n("3")}, nil, row{"leaseKey": s("a"), "leaseCounter": n("3")}},
		{"ADD parents :p", row{":p": ss("p3", "p2")}, row{"leaseKey": s("a"), "parents": ss("p1", "p2")}, row{"leaseKey": s("a"), "parents": ss("p1", "p2", "p3")}},
		{"DELETE parents :p", row{":p": ss("p2", "p9")}, row{"leaseKey": s("a"), "parents": ss("p1", "p2")}, row{"leaseKey": s("a"), "parents": ss("p1")}},
		{"DELETE parents :p", row{":p": ss("p1", "p2")}, row{"leaseKey": s("a"), "parents": ss("p1", "p2")}, row{"leaseKey": s("a")}},
		{"DELETE parents :p", row{":p": ss("p1")}, row{"leaseKey": s("a")}, row{"leaseKey": s("a")}},
	} {
		got, err := c.updating(t, test.item, test.expression, test.values)
		if err != nil {
			t.Errorf("%q: %v", test.expression, err)
		}
		same(t, test.expression, test.want, got)
	}
	_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &c.table, Key: key("new")})
	if err != nil {
		t.Error(err)
	}
	same(t, "an update without an expression creates the item", key("new"), c.get(t, key("new")))
}

func updateReturnValues(t *testing.T, c client) {
	c.create(t, "leaseKey")
	item := row{"leaseKey": s("a"), "x": n("1"), "y": n("1"), "z": n("1")}
	changed := row{"leaseKey": s("a"), "x": n("2"), "z": n("1"), "w": n("2")}
	for returns, want := range map[types.ReturnValue]row{
		"": nil, "NONE": nil, "ALL_OLD": item, "ALL_NEW": changed, "UPDATED_OLD": {"x": n("1"), "y": n("1")}, "UPDATED_NEW": {"x": n("2"), "w": n("2")},
	} {
		c.put(t, item)
		out, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &c.table, Key: key("a"), ReturnValues: returns,
			UpdateExpression: aws.String("SET x = :2, w = :2 REMOVE y"), ExpressionAttributeValues: row{":2": n("2")}})
		if err != nil {
			t.Fatal(err)
		}
		same(t, string(returns), want, out.Attributes)
	}
}

func updateIsAtomic(t *testing.T, c client) {
	c.create(t, "leaseKey")
	item := row{"leaseKey": s("a"), "x": n("1"), "text": s("t")}
	got, err := c.updating(t, item, "SET x = :2 ADD #t :2", row{":2": n("2")})
	refused(t, "undefined name", err, "ValidationException", "not defined")
	same(t, "after a bad name", item, got)
	got, err = c.updating(t, item, "SET x = :2, y = absent", row{":2": n("2")})
	refused(t, "missing attribute", err, "ValidationException", "does not exist in the item")
	same(t, "after a missing attribute", item, got)
	got, err = c.updating(t, item, "SET x = :2 ADD leaseOwner :2, words :2", row{":2": n("2")})
	if err != nil {
		t.Error(err)
	}
	same(t, "ADD twice", row{"leaseKey": s("a"), "x": n("2"), "text": s("t"), "leaseOwner": n("2"), "words": n("2")}, got)
	item["x"] = s("text")
	got, err = c.updating(t, item, "SET leaseOwner = :2 ADD x :2", row{":2": n("2")})
	refused(t, "ADD to a string", err, "ValidationException", "incorrect data type")
	same(t, "after ADD to a string", item, got)
}

func updateErrors(t *testing.T, c client) {
	c.create(t, "leaseKey")
	for expression, values := range map[string]row{
		"":                            nil,
		"SET":                         nil,
		"SET x":                       nil,
		"SET x = :v SET y = :v":       {":v": n("1")},
		"SET x = :v, x = :v":          {":v": n("1")},
		"SET x = :v REMOVE x":         {":v": n("1")},
		"SET leaseKey = :v":           {":v": s("b")},
		"REMOVE leaseKey":             nil,
		"SET x = y + :v":              {":v": s("text")},
		"ADD x :v":                    {":v": s("text")},
		"DELETE x :v":                 {":v": n("1")},
		"SET x = :v, ":                {":v": n("1")},
		"SET x = :v y = :v":           {":v": n("1")},
		"FROB x":                      nil,
		"SET status = :v":             {":v": n("1")},
		"SET x = attribute_exists(x)": nil,
		"SET x = :missing":            {":v": n("1")},
		"SET x = :v ?":                {":v": n("1")},
	} {
		_, err := c.updating(t, nil, expression, values)
		refused(t, fmt.Sprintf("%q", expression), err, "ValidationException", "")
	}
}

func expressionErrors(t *testing.T, c client) {
	c.create(t, "leaseKey")
	c.put(t, key("a"))
	for _, test := range []struct {
		condition string
		values    row
		names     map[string]string
		text      string
	}{
		{"attribute_exists(leaseKey)", row{":unused": n("1")}, nil, "unused"},
		{"attribute_exists(leaseKey)", nil, map[string]string{"#unused": "x"}, "unused"},
		{"leaseKey = :undefined", nil, nil, "not defined"},
		{"#undefined = :v", row{":v": n("1")}, nil, "not defined"},
		{"name = :v", row{":v": n("1")}, nil, "reserved keyword"},
		{"leaseKey == :v", row{":v": n("1")}, nil, "syntax error"},
		{"leaseKey = :v AND", row{":v": n("1")}, nil, "syntax error"},
		{"(leaseKey = :v", row{":v": n("1")}, nil, "syntax error"},
		{"leaseKey = :v)", row{":v": n("1")}, nil, "syntax error"},
		{"leaseKey", nil, nil, "syntax error"},
		{"frob(leaseKey)", nil, nil, "invalid function name"},
		{"", nil, nil, "empty"},
	} {
		_, err := c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &c.table, Key: key("a"), ConditionExpression: &test.condition,
			ExpressionAttributeValues: test.values, ExpressionAttributeNames: test.names})
		refused(t, fmt.Sprintf("%q", test.condition), err, "ValidationException", test.text)
	}
	same(t, "the item", key("a"), c.get(t, key("a")))
}

func deleteItem(t *testing.T, c client) {
	c.create(t, "leaseKey")
	item := row{"leaseKey": s("a"), "x": n("1")}
	c.put(t, item, key("b"))
	out, err := c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &c.table, Key: key("a"), ReturnValues: "ALL_OLD"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "ALL_OLD", item, out.Attributes)
	out, err = c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &c.table, Key: key("a"), ReturnValues: "ALL_OLD"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what is gone", row(nil), out.Attributes)
	same(t, "the other item", key("b"), c.get(t, key("b")))
}

func itemErrors(t *testing.T, c client) {
	c.create(t, "leaseKey")
	for what, bad := range map[string]row{
		"no key":       {"x": s("a")},
		"wrong type":   {"leaseKey": n("1")},
		"empty key":    {"leaseKey": s("")},
		"empty set":    {"leaseKey": s("a"), "x": ss()},
		"doubled set":  {"leaseKey": s("a"), "x": ss("1", "1")},
		"not a number": {"leaseKey": s("a"), "x": n("seven")},
		"39 digits":    {"leaseKey": s("a"), "x": n(strings.Repeat("1", 39))},
		"too large":    {"leaseKey": s("a"), "x": n("1e126")},
		"too small":    {"leaseKey": s("a"), "x": n("1e-131")},
		"long item":    {"leaseKey": s("a"), "x": s(strings.Repeat("x", 400<<10))},
	} {
		_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &c.table, Item: bad})
		refused(t, what, err, "ValidationException", "")
	}
}

func values(t *testing.T, c client) {
	c.create(t, "leaseKey")
	item := row{"leaseKey": s("a"), "s": s("<&> \u2028 €"), "empty": s(""), "n": n("-12.5"), "b": &types.AttributeValueMemberB{Value: []byte{0, 255}},
		"yes": &types.AttributeValueMemberBOOL{Value: true}, "no": &types.AttributeValueMemberBOOL{}, "nil": &types.AttributeValueMemberNULL{Value: true},
		"ss": ss("y", "x"), "ns": ns("10", "9"), "bs": &types.AttributeValueMemberBS{Value: [][]byte{{1}, {2}}},
		"l": &types.AttributeValueMemberL{Value: []types.AttributeValue{s("x"), &types.AttributeValueMemberL{}, &types.AttributeValueMemberM{}}},
		"m": &types.AttributeValueMemberM{Value: row{"k": &types.AttributeValueMemberL{Value: []types.AttributeValue{n("1")}}}}}
	c.put(t, item)
	same(t, "every type", item, c.get(t, key("a")))
}

func numbers(t *testing.T, c client) {
	c.create(t, "leaseKey")
	for in, want := range map[string]string{
		"007": "7", "-0": "0", "1.50": "1.5", "1e3": "1000", "12e-1": "1.2", "1E+2": "100", ".5": "0.5",
		"12345678901234567890123456789012345678": "12345678901234567890123456789012345678",
	} {
		c.put(t, row{"leaseKey": s("a"), "x": n(in)})
		same(t, in, row{"leaseKey": s("a"), "x": n(want)}, c.get(t, key("a")))
	}
	got, err := c.updating(t, row{"leaseKey": s("a"), "x": n("9007199254740993")}, "ADD x :v", row{":v": n("1")})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "beyond 2^53", row{"leaseKey": s("a"), "x": n("9007199254740994")}, got)
}

// scanAll reads all pages and returns the keys in order, and how many pages there were.
func (c client) scanAll(t *testing.T, in *dynamodb.ScanInput) (keys []string, pages int) {
	t.Helper()
	for ; ; pages++ {
		out, err := c.Scan(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if int(out.Count) != len(out.Items) || out.ScannedCount < out.Count {
			t.Errorf("Count %d, ScannedCount %d, %d items", out.Count, out.ScannedCount, len(out.Items))
		}
		for _, item := range out.Items {
			keys = append(keys, item["leaseKey"].(*types.AttributeValueMemberS).Value)
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			return keys, pages + 1
		}
	}
}

func (c client) fill(t *testing.T, count int, padding string) (keys []string) {
	t.Helper()
	for i := range count {
		keys = append(keys, fmt.Sprintf("shardId-%012d", i))
		c.put(t, row{"leaseKey": s(keys[i]), "leaseCounter": n(fmt.Sprint(i)), "padding": s(padding)})
	}
	return keys
}

func scanLimit(t *testing.T, c client) {
	c.create(t, "leaseKey")
	want := c.fill(t, 12, "x")
	all, _ := c.scanAll(t, &dynamodb.ScanInput{TableName: &c.table})
	for _, limit := range []int32{1, 5, 12, 13} {
		keys, pages := c.scanAll(t, &dynamodb.ScanInput{TableName: &c.table, Limit: &limit})
		same(t, fmt.Sprintf("order at limit %d", limit), strings.Join(all, " "), strings.Join(keys, " "))
		same(t, fmt.Sprintf("keys at limit %d", limit), want, keys)
		if wantPages := 12/int(limit) + 1; pages != wantPages { // a full page always has a LastEvaluatedKey
			t.Errorf("limit %d: %d pages, want %d", limit, pages, wantPages)
		}
	}
	// A start key that is gone still marks its place.
	c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &c.table, Key: key(all[4])})
	keys, _ := c.scanAll(t, &dynamodb.ScanInput{TableName: &c.table, ExclusiveStartKey: key(all[4])})
	same(t, "after a deleted key", strings.Join(all[5:], " "), strings.Join(keys, " "))
	_, err := c.Scan(t.Context(), &dynamodb.ScanInput{TableName: &c.table, ExclusiveStartKey: row{"x": s("a")}})
	refused(t, "start key of another schema", err, "ValidationException", "")
	_, err = c.Scan(t.Context(), &dynamodb.ScanInput{TableName: &c.table, Limit: aws.Int32(0)})
	refused(t, "limit 0", err, "ValidationException", "")
}

func scanPageSize(t *testing.T, c client) {
	c.create(t, "leaseKey")
	want := c.fill(t, 25, strings.Repeat("x", 100_000))
	keys, pages := c.scanAll(t, &dynamodb.ScanInput{TableName: &c.table})
	same(t, "all items", want, keys)
	if pages != 3 { // 11 items reach 1 MB
		t.Errorf("2.5 MB came in %d pages, want 3", pages)
	}
}

func scanFilter(t *testing.T, c client) {
	c.create(t, "leaseKey")
	keys := c.fill(t, 10, "x")
	out, err := c.Scan(t.Context(), &dynamodb.ScanInput{TableName: &c.table, FilterExpression: aws.String("leaseCounter >= :c"),
		ProjectionExpression: aws.String("leaseKey"), Select: "SPECIFIC_ATTRIBUTES", ExpressionAttributeValues: row{":c": n("9")}})
	if err != nil {
		t.Fatal(err)
	}
	if out.Count != 1 || out.ScannedCount != 10 {
		t.Errorf("Count %d, ScannedCount %d, want 1 and 10", out.Count, out.ScannedCount)
	}
	same(t, "filtered", []map[string]types.AttributeValue{key(keys[9])}, out.Items)
	// Limit counts what was looked at, not what is returned.
	out, err = c.Scan(t.Context(), &dynamodb.ScanInput{TableName: &c.table, FilterExpression: aws.String("leaseCounter < :c"),
		Limit: aws.Int32(4), ExpressionAttributeValues: row{":c": n("0")}})
	if err != nil || out.Count != 0 || out.ScannedCount != 4 || out.LastEvaluatedKey == nil {
		t.Errorf("a page without items: %+v, %v", out, err)
	}
	out, err = c.Scan(t.Context(), &dynamodb.ScanInput{TableName: &c.table, Select: "COUNT"})
	if err != nil || out.Count != 10 || out.Items != nil {
		t.Errorf("COUNT: %+v, %v", out, err)
	}
}

func query(t *testing.T, c client) {
	c.create(t, "app", "at")
	for _, at := range []string{"10", "9", "-1", "200"} {
		c.put(t, row{"app": s("a"), "at": n(at)}, row{"app": s("b"), "at": n(at)})
	}
	run := func(condition string, values row, edit func(*dynamodb.QueryInput)) []string {
		t.Helper()
		var got []string
		in := &dynamodb.QueryInput{TableName: &c.table, KeyConditionExpression: &condition, ExpressionAttributeValues: values}
		if edit != nil {
			edit(in)
		}
		for {
			out, err := c.Query(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range out.Items {
				got = append(got, item["app"].(*types.AttributeValueMemberS).Value+item["at"].(*types.AttributeValueMemberN).Value)
			}
			if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
				return got
			}
		}
	}
	backward := func(in *dynamodb.QueryInput) { in.ScanIndexForward = aws.Bool(false) }
	same(t, "partition", "a-1 a9 a10 a200", strings.Join(run("app = :a", row{":a": s("a")}, nil), " "))
	same(t, "backward", "b200 b10 b9 b-1", strings.Join(run("app = :a", row{":a": s("b")}, backward), " "))
	same(t, "range", "a10 a200", strings.Join(run("app = :a AND #at > :n", row{":a": s("a"), ":n": n("9")}, func(in *dynamodb.QueryInput) {
		in.ExpressionAttributeNames = map[string]string{"#at": "at"}
	}), " "))
	same(t, "between", "a9 a10", strings.Join(run("app = :a AND #at BETWEEN :n AND :m", row{":a": s("a"), ":n": n("9"), ":m": n("10")}, func(in *dynamodb.QueryInput) {
		in.ExpressionAttributeNames = map[string]string{"#at": "at"}
	}), " "))
	for _, forward := range []bool{true, false} {
		paged := run("app = :a", row{":a": s("a")}, func(in *dynamodb.QueryInput) { in.Limit, in.ScanIndexForward = aws.Int32(1), &forward })
		if want := []string{"a-1", "a9", "a10", "a200"}; !forward {
			slices.Reverse(want)
			same(t, "pages backward", strings.Join(want, " "), strings.Join(paged, " "))
		} else {
			same(t, "pages", strings.Join(want, " "), strings.Join(paged, " "))
		}
	}
	for condition, values := range map[string]row{
		"app > :a":                  {":a": s("a")},
		"#at = :n":                  {":n": n("9")},
		"app = :a OR #at = :n":      {":a": s("a"), ":n": n("9")},
		"app = :a AND NOT #at < :n": {":a": s("a"), ":n": n("9")},
		"app = :a AND x = :n":       {":a": s("a"), ":n": n("9")},
	} {
		in := &dynamodb.QueryInput{TableName: &c.table, KeyConditionExpression: &condition, ExpressionAttributeValues: values}
		if strings.Contains(condition, "#at") {
			in.ExpressionAttributeNames = map[string]string{"#at": "at"}
		}
		_, err := c.Query(t.Context(), in)
		refused(t, condition, err, "ValidationException", "")
	}
}

func index(t *testing.T, c client) {
	c.createAs(t, &dynamodb.CreateTableInput{TableName: &c.table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("leaseKey"), AttributeType: "S"},
			{AttributeName: aws.String("leaseOwner"), AttributeType: "S"}, {AttributeName: aws.String("leaseCounter"), AttributeType: "N"}},
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("leaseKey"), KeyType: "HASH"}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			{IndexName: aws.String("by-owner"), KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("leaseOwner"), KeyType: "HASH"}, {AttributeName: aws.String("leaseCounter"), KeyType: "RANGE"}},
				Projection: &types.Projection{ProjectionType: "ALL"}},
			{IndexName: aws.String("owners"), KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("leaseOwner"), KeyType: "HASH"}},
				Projection: &types.Projection{ProjectionType: "KEYS_ONLY"}},
		}})
	for i := range 6 {
		c.put(t, row{"leaseKey": s(fmt.Sprint("shard", i)), "leaseOwner": s(fmt.Sprint("w", i%2)), "leaseCounter": n(fmt.Sprint(10 - i)), "x": s("y")})
	}
	c.put(t, key("unowned"))
	owned := func(name, owner string) (got []map[string]types.AttributeValue) {
		t.Helper()
		in := &dynamodb.QueryInput{TableName: &c.table, IndexName: &name, KeyConditionExpression: aws.String("leaseOwner = :o"), ExpressionAttributeValues: row{":o": s(owner)}, Limit: aws.Int32(1)}
		for {
			out, err := c.Query(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, out.Items...)
			if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
				return got
			}
		}
	}
	same(t, "by owner, sorted, all attributes", []map[string]types.AttributeValue{
		{"leaseKey": s("shard5"), "leaseOwner": s("w1"), "leaseCounter": n("5"), "x": s("y")},
		{"leaseKey": s("shard3"), "leaseOwner": s("w1"), "leaseCounter": n("7"), "x": s("y")},
		{"leaseKey": s("shard1"), "leaseOwner": s("w1"), "leaseCounter": n("9"), "x": s("y")},
	}, owned("by-owner", "w1"))
	// The index follows removals, changes and deletions.
	for _, expression := range []string{"REMOVE leaseOwner", "SET leaseOwner = :o"} {
		id, values := "shard5", row(nil)
		if strings.HasPrefix(expression, "SET") {
			id, values = "shard3", row{":o": s("w0")}
		}
		if _, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &c.table, Key: key(id), UpdateExpression: &expression, ExpressionAttributeValues: values}); err != nil {
			t.Fatal(err)
		}
	}
	c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &c.table, Key: key("shard4")})
	same(t, "w1 after changes", []map[string]types.AttributeValue{{"leaseKey": s("shard1"), "leaseOwner": s("w1")}}, owned("owners", "w1"))
	if got := len(owned("owners", "w0")); got != 3 {
		t.Errorf("w0 owns %d, want 3", got)
	}
	keys, _ := c.scanAll(t, &dynamodb.ScanInput{TableName: &c.table, IndexName: aws.String("owners"), Limit: aws.Int32(2)})
	same(t, "scan of an index", []string{"shard0", "shard1", "shard2", "shard3"}, keys)
	_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &c.table, Item: row{"leaseKey": s("bad"), "leaseOwner": n("1")}})
	refused(t, "index key of another type", err, "ValidationException", "")
}

func batch(t *testing.T, c client) {
	c.create(t, "leaseKey")
	c.put(t, key("old"))
	writes := []types.WriteRequest{{DeleteRequest: &types.DeleteRequest{Key: key("old")}}}
	for _, id := range []string{"a", "b"} {
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: row{"leaseKey": s(id), "x": n("1")}}})
	}
	out, err := c.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{c.table: writes}})
	if err != nil || len(out.UnprocessedItems) != 0 {
		t.Fatal(out, err)
	}
	read, err := c.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		c.table: {Keys: []map[string]types.AttributeValue{key("a"), key("b"), key("old")}, ProjectionExpression: aws.String("leaseKey")}}})
	if err != nil || len(read.UnprocessedKeys) != 0 {
		t.Fatal(read, err)
	}
	var keys []string
	for _, item := range read.Responses[c.table] {
		keys = append(keys, item["leaseKey"].(*types.AttributeValueMemberS).Value)
	}
	same(t, "what is there", []string{"a", "b"}, keys)
	_, err = c.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{c.table: {writes[1], writes[1]}}})
	refused(t, "one key twice", err, "ValidationException", "duplicates")
	_, err = c.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		c.table: {Keys: []map[string]types.AttributeValue{key("a"), key("a")}}}})
	refused(t, "one key twice", err, "ValidationException", "duplicates")
}

// lease is the life of a lease: made once, taken over on condition of its counter, checkpointed, released.
func lease(t *testing.T, c client) {
	c.create(t, "leaseKey")
	made := row{"leaseKey": s("shard"), "leaseCounter": n("0"), "checkpoint": s("TRIM_HORIZON"), "checkpointSubSequenceNumber": n("0")}
	once := &dynamodb.PutItemInput{TableName: &c.table, Item: made, ConditionExpression: aws.String("attribute_not_exists(leaseKey)")}
	if _, err := c.PutItem(t.Context(), once); err != nil {
		t.Fatal(err)
	}
	var failed *types.ConditionalCheckFailedException
	if _, err := c.PutItem(t.Context(), once); !errors.As(err, &failed) {
		t.Errorf("the lease was made twice: %v", err)
	}
	take := func(owner, counter string) error {
		_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &c.table, Key: key("shard"),
			UpdateExpression:    aws.String("SET leaseOwner = :owner, leaseCounter = leaseCounter + :one"),
			ConditionExpression: aws.String("leaseCounter = :counter AND checkpoint <> :end"), ReturnValuesOnConditionCheckFailure: "ALL_OLD",
			ExpressionAttributeValues: row{":owner": s(owner), ":one": n("1"), ":counter": n(counter), ":end": s("SHARD_END")}})
		return err
	}
	if err := take("w1", "0"); err != nil {
		t.Fatal(err)
	}
	if err := take("w2", "0"); !errors.As(err, &failed) {
		t.Errorf("two workers took one counter: %v", err)
	}
	if err := take("w2", "1"); err != nil {
		t.Fatal(err)
	}
	_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &c.table, Key: key("shard"),
		UpdateExpression:          aws.String("SET checkpoint = :n, checkpointSubSequenceNumber = :sub REMOVE leaseOwner"),
		ConditionExpression:       aws.String("leaseOwner = :owner"),
		ExpressionAttributeValues: row{":owner": s("w2"), ":n": s("49590"), ":sub": n("4")}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the lease", row{"leaseKey": s("shard"), "leaseCounter": n("2"), "checkpoint": s("49590"), "checkpointSubSequenceNumber": n("4")}, c.get(t, key("shard")))
}
