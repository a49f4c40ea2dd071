package rows

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// leaseTable is the lease table of KCL 3.x with its index by owner. dynalite makes an index with its table only, and
// KCL 3.x adds this one to the table that it has made, unless it is there.
const leaseTable = `{
	"TableName": %q, "BillingMode": "PAY_PER_REQUEST",
	"AttributeDefinitions": [
		{"AttributeName": "leaseKey", "AttributeType": "S"}, {"AttributeName": "leaseOwner", "AttributeType": "S"}
	],
	"KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
	"GlobalSecondaryIndexes": [{
		"IndexName": "LeaseOwnerToLeaseKeyIndex", "Projection": {"ProjectionType": "KEYS_ONLY"},
		"KeySchema": [{"AttributeName": "leaseOwner", "KeyType": "HASH"}, {"AttributeName": "leaseKey", "KeyType": "RANGE"}]
	}]
}`

// createLeaseTable makes the table as KCL 3.x does.
func (w *world) createLeaseTable(t *testing.T, name string) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.dynamodbURL, strings.NewReader(fmt.Sprintf(leaseTable, name)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	request.Header.Set("X-Amz-Target", "DynamoDB_20120810.CreateTable")
	request.Header.Set("X-Amz-Date", "20150601T000000Z")
	// Nobody checks the signature.
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/20150601/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		t.Fatalf("create %s: %s\n%s", name, answer.Status, body)
	}
}
