package rows

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
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
	if answer, ok := w.dynamodb(t, "CreateTable", fmt.Sprintf(leaseTable, name)); !ok {
		t.Fatalf("create %s: %s", name, answer)
	}
}

// dynamodb asks the part's DynamoDB, and tells whether it did what it was asked for.
func (w *world) dynamodb(t *testing.T, operation, body string) (answer []byte, ok bool) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.dynamodbURL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true // dynalite closes connections that idle: one that is used again may be reset
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	request.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	request.Header.Set("X-Amz-Date", "20150601T000000Z")
	// Nobody checks the signature.
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/20150601/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return answer, response.StatusCode == http.StatusOK
}

// lease is what the checkpoint of a stage is now: SEQUENCE, SEQUENCE:SUB or a sentinel, or nothing where nothing is stored
// or more than one shard has one.
func (st *stage) lease(t *testing.T) string {
	if text, err := os.ReadFile(filepath.Join(st.files, "checkpoint")); st.files != "" && err == nil {
		return string(text)
	}
	answer, ok := st.dynamodb(t, "Scan", fmt.Sprintf(`{"TableName": %q, "ConsistentRead": true}`, st.table()))
	var table struct {
		Items []map[string]struct{ S, N string }
	}
	if !ok || json.Unmarshal(answer, &table) != nil {
		return "" // there is no table yet
	}
	var leases []string
	for _, item := range table.Items {
		number := cmp.Or(item["checkpoint"].S, item["Checkpoint"].S, item["sequence_number"].S) // KCL, vmware-go-kcl-v2, harlow
		if number == "" {
			continue // what KCL 3.x keeps beside its leases
		}
		if sub := item["checkpointSubSequenceNumber"].N; sub != "" && number[0] <= '9' { // a sentinel has none that counts
			number += ":" + sub
		}
		leases = append(leases, number)
	}
	if len(leases) != 1 {
		return ""
	}
	return leases[0]
}
