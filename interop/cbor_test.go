package interop

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

var recordDir = flag.String("record", "", "write the bodies of TestCBOR to this folder, as in internal/kinesisjson/testdata")

// between stands between the SDK for Java and kinesis-mock, as a proxy does, and writes all that it can anew: requests,
// and answers with two user records in the place of each record.
type between struct {
	*testing.T
	upstream string
	records  []string // lines as Wire prints them, of the records that it was sent
	asked    []string // operation and content type
	seen     map[string]int
}

func (b *between) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	request, err := io.ReadAll(r.Body)
	if err != nil {
		b.Error(err)
	}
	b.record(operation, "request", request)
	b.asked = append(b.asked, operation+" "+r.Header.Get("Content-Type"))
	o, err := kinesisjson.ReadObject(request)
	if err != nil {
		b.Errorf("%s: %v", operation, err)
	}
	if operation == "SubscribeToShard" {
		http.Error(w, `{"__type":"ResourceNotFoundException","message":"as it was asked for"}`, http.StatusBadRequest)
		return
	}
	if n, ok := o.Int("Limit"); ok {
		o.SetInt("Limit", n-1)
	}
	if iterator, ok := o.Text("ShardIterator"); ok {
		o.SetText("ShardIterator", strings.TrimPrefix(iterator, "front:"))
	}
	out, err := http.NewRequestWithContext(r.Context(), http.MethodPost, b.upstream, bytes.NewReader(o.AppendTo(nil)))
	if err != nil {
		b.Fatal(err)
	}
	out.Header = r.Header.Clone()
	res, err := http.DefaultClient.Do(out)
	if err != nil {
		b.Error(err)
		return
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		b.Errorf("%s: %d, %v, %q", operation, res.StatusCode, err, answer)
	}
	b.record(operation, "answer", answer)
	if operation == "GetRecords" {
		answer = b.rewrite(answer)
	}
	w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
	w.WriteHeader(res.StatusCode)
	w.Write(answer)
}

func (b *between) rewrite(body []byte) []byte {
	var a kinesisjson.Answer
	if err := a.Read(body, 10<<20); err != nil {
		b.Errorf("%x: %v", body, err)
		return body
	}
	var w kinesisjson.Writer
	w.Begin(&a, nil)
	for i := range a.Records {
		r := &a.Records[i]
		data, err := r.AppendData(nil)
		ms, ok := r.ArrivalMilliseconds()
		if err != nil || !ok {
			b.Errorf("%x: %v", body, err)
		}
		for sub := range 2 {
			number := fmt.Sprintf("%s:%d", r.SequenceNumber, sub)
			w.UserRecord(r, number, nil, r.PartitionKey, data)
			b.records = append(b.records, fmt.Sprintf("%s %s %s %d", number, base64.StdEncoding.EncodeToString([]byte(r.PartitionKey)),
				base64.StdEncoding.EncodeToString(data), ms))
		}
	}
	next, _ := a.Text("NextShardIterator")
	a.SetText("NextShardIterator", "front:"+next)
	b.records = append(b.records, "next front:"+next)
	return w.End(&a.Object)
}

func (b *between) record(operation, what string, body []byte) {
	name := fmt.Sprintf("%s-%d.%s", operation, b.seen[operation+what], what)
	b.seen[operation+what]++
	if reads := strings.HasPrefix(operation, "Get") || operation == "SubscribeToShard"; *recordDir == "" || !reads {
		return
	}
	if err := os.WriteFile(filepath.Join(*recordDir, name), body, 0o644); err != nil {
		b.Error(err)
	}
}

// TestCBOR: internal/kinesisjson reads what the SDK for Java and kinesis-mock say to each other, and they read what it
// writes.
func TestCBOR(t *testing.T) {
	b := &between{T: t, upstream: kinesisMock.start(t), seen: map[string]int{}}
	server := httptest.NewUnstartedServer(b)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true) // for the asynchronous client
	server.Start()
	defer server.Close()
	wire := java("sdk-java")
	wire[len(wire)-1] = "Wire"
	printed := strings.Split(strings.TrimSpace(string(peer{"the SDK for Java", wire}.run(t, nil, server.URL))), "\n")
	if diff := cmp.Diff(append(b.records, "refused"), printed); diff != "" || len(b.records) != 2*(3+2+3)+3 {
		t.Errorf("- sent + read\n%s", diff)
	}
	for _, asked := range b.asked {
		operation, contentType, _ := strings.Cut(asked, " ")
		want := "application/x-amz-cbor-1.1"
		if operation == "SubscribeToShard" { // and it reads events as JSON, whatever their headers say
			want = "application/x-amz-json-1.1"
		}
		if contentType != want {
			t.Errorf("%s is asked for in %s, want %s", operation, contentType, want)
		}
	}
	if !slices.Contains(b.asked, "SubscribeToShard application/x-amz-json-1.1") {
		t.Errorf("no subscription: %q", b.asked)
	}
}
