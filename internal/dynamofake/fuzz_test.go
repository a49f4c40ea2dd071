package dynamofake

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzRequests holds that no request body makes a fault of ours; a 500 is one.
func FuzzRequests(f *testing.F) {
	for _, body := range []string{
		`{"TableName":"leases","Item":{"k":{"S":"a"},"n":{"N":"-1.5e3"},"s":{"NS":["1","2"]},"l":{"L":[{"M":{"x":{"NULL":true}}}]}}}`,
		`{"TableName":"leases","Key":{"k":{"S":"a"}},"UpdateExpression":"SET a = if_not_exists(a, :v) + :v REMOVE b, c ADD d :v DELETE e :s","ExpressionAttributeValues":{":v":{"N":"1"},":s":{"SS":["a"]}}}`,
		`{"TableName":"leases","Key":{"k":{"S":"a"}},"ConditionExpression":"NOT (a BETWEEN :v AND :v OR size(#b) IN (:v)) AND contains(a,:v)","ExpressionAttributeNames":{"#b":"b"},"ExpressionAttributeValues":{":v":{"N":"1"}}}`,
		`{"TableName":"leases","IndexName":"x","KeyConditionExpression":"k = :v AND begins_with(a, :v)","ExpressionAttributeValues":{":v":{"S":"1"}},"ExclusiveStartKey":{"k":{"S":"a"}},"Limit":1}`,
		`{"RequestItems":{"leases":[{"PutRequest":{"Item":{"k":{"S":"b"}}}}]}}`,
		`{"TableName":"other","AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := New()
		create := `{"TableName":"leases","AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}`
		call := func(operation, body string) int {
			r, err := http.NewRequest(http.MethodPost, "http://embedded", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
			w, err := s.Transport().RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			return w.StatusCode
		}
		if status := call("CreateTable", create); status != http.StatusOK {
			t.Fatal(status)
		}
		for operation := range operations {
			if status := call(operation, body); status == http.StatusInternalServerError {
				t.Errorf("%s %s: %d", operation, body, status)
			}
		}
	})
}

// TestPanicCostsOneRequest calls a faulty operation, then a good one: the lock is free and the server goes on.
func TestPanicCostsOneRequest(t *testing.T) {
	s := New()
	faulty := on(func(*Server, *tableInput) (any, error) { panic("at the disco") })
	operations["Faulty"] = faulty
	defer delete(operations, "Faulty")
	for operation, want := range map[string]int{"Faulty": http.StatusInternalServerError, "ListTables": http.StatusOK} {
		r, err := http.NewRequest(http.MethodPost, "http://embedded", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
		w, err := s.Transport().RoundTrip(r)
		if err != nil || w.StatusCode != want {
			t.Errorf("%s: %v, %v, want %d", operation, w, err, want)
		}
	}
}
