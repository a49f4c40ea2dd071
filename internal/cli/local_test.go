package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// running is a kplkit local that answers.
type running struct {
	*testing.T
	addresses
	text   string // stdout up to here
	stderr *bytes.Buffer
	stop   context.CancelFunc
	code   chan int
	client *http.Client
}

// startLocal runs the command on free ports until it has written lines lines.
func startLocal(t *testing.T, lines int, args ...string) *running {
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	r := &running{T: t, stderr: new(bytes.Buffer), stop: cancel, code: make(chan int, 1), client: &http.Client{Transport: &http.Transport{}}}
	go func() {
		r.code <- Run(ctx, append([]string{"local", "--kinesis-port=0", "--dynamodb-port=0"}, args...), Streams{Out: in, Err: r.stderr})
		in.Close()
	}()
	t.Cleanup(func() { cancel(); r.client.CloseIdleConnections() })
	stdout := bufio.NewReader(out)
	for range lines {
		line, err := stdout.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v; exit code %d, stderr %s", r.text, err, <-r.code, r.stderr)
		}
		r.text += line
	}
	return r
}

func startLocalJSON(t *testing.T, args ...string) *running {
	r := startLocal(t, 1, append(args, "--json")...)
	if err := json.Unmarshal([]byte(r.text), &r.addresses); err != nil || r.V != 1 {
		t.Fatalf("%q: %v", r.text, err)
	}
	return r
}

// call is a plain HTTP call: no SDK, no signature, no credentials.
func (r *running) call(url, target, body string) *http.Response {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", target)
	answer, err := r.client.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { answer.Body.Close() })
	return answer
}

func (r *running) answer(url, target, body string) string {
	r.Helper()
	answer := r.call(url, target, body)
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		r.Fatalf("%s %s: %d %s, %v", target, body, answer.StatusCode, text, err)
	}
	return string(text)
}

// ends waits for the end of the command.
func (r *running) ends() {
	r.Helper()
	select {
	case code := <-r.code:
		if code != exitFine {
			r.Errorf("exit code %d: %s", code, r.stderr)
		}
	case <-time.After(20 * time.Second):
		r.Fatal("it still runs")
	}
}

func TestLocalByPlainHTTP(t *testing.T) {
	r := startLocalJSON(t, "--stream", "orders:4", "--stream", "returns:1")
	for _, tt := range []struct{ url, target, body, want string }{
		{r.Kinesis, "Kinesis_20131202.ListStreams", `{}`, `"StreamNames":["orders","returns"]`},
		{r.Kinesis, "Kinesis_20131202.ListShards", `{"StreamName":"orders"}`, `"shardId-000000000003"`},
		{r.Kinesis, "Kinesis_20131202.PutRecord", `{"StreamName":"orders","PartitionKey":"k","Data":"aGVsbG8="}`, `"SequenceNumber":"49`},
		{r.DynamoDB, "DynamoDB_20120810.CreateTable", `{"TableName":"leases","KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],
			"AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"}`, `"TableName":"leases"`},
		{r.DynamoDB, "DynamoDB_20120810.PutItem", `{"TableName":"leases","Item":{"k":{"S":"a"}}}`, `{}`},
		{r.DynamoDB, "DynamoDB_20120810.GetItem", `{"TableName":"leases","Key":{"k":{"S":"a"}}}`, `{"Item":{"k":{"S":"a"}}}`},
	} {
		if got := r.answer(tt.url, tt.target, tt.body); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.target, got, tt.want)
		}
	}
	r.stop()
	r.ends()
	if !strings.Contains(r.stderr.String(), "Java KCL") || !strings.Contains(r.stderr.String(), "DynamoDB Local") {
		t.Errorf("stderr does not say what Java's users need: %s", r.stderr)
	}
}

func TestLocalVariables(t *testing.T) {
	r := startLocal(t, 6)
	const want = `export AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:PORT
export AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:PORT
export AWS_REGION=us-east-1
export AWS_DEFAULT_REGION=us-east-1
export AWS_ACCESS_KEY_ID=any
export AWS_SECRET_ACCESS_KEY=any
`
	var kinesisPort, dynamodbPort int
	if n, err := fmt.Sscanf(r.text, strings.ReplaceAll(want, "PORT", "%d"), &kinesisPort, &dynamodbPort); n != 2 || kinesisPort == dynamodbPort {
		t.Errorf("%q, %v", r.text, err)
	}
	r.stop()
	r.ends()
}

// An interrupt ends both servers at once, whatever is open.
func TestLocalInterrupted(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("Windows can't send signals to a process")
			}
			r := startLocalJSON(t, "--stream", "s:1")
			consumer := r.answer(r.Kinesis, "Kinesis_20131202.RegisterStreamConsumer",
				`{"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s","ConsumerName":"c"}`)
			var c struct{ Consumer struct{ ConsumerARN string } }
			if err := json.Unmarshal([]byte(consumer), &c); err != nil {
				t.Fatal(err)
			}
			subscribed := r.call(r.Kinesis, "Kinesis_20131202.SubscribeToShard", fmt.Sprintf(
				`{"ConsumerARN":%q,"ShardId":"shardId-000000000000","StartingPosition":{"Type":"LATEST"}}`, c.Consumer.ConsumerARN))
			if subscribed.StatusCode != http.StatusOK {
				t.Fatalf("SubscribeToShard: %s", subscribed.Status)
			}
			half := r.openHalf(r.Kinesis) // a request that does not get to its end
			self, err := os.FindProcess(os.Getpid())
			if err != nil {
				t.Fatal(err)
			}
			if err := self.Signal(signal); err != nil {
				t.Fatal(err)
			}
			r.ends()
			for what, open := range map[string]io.Reader{"the subscription": subscribed.Body, "half a request": half} {
				if _, err := io.Copy(io.Discard, open); isTimeout(err) {
					t.Errorf("%s outlives the command", what)
				}
			}
		})
	}
}

// openHalf sends the head of a GetRecords request and no body.
func (r *running) openHalf(url string) net.Conn {
	r.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: k\r\nX-Amz-Target: Kinesis_20131202.GetRecords\r\nContent-Length: 100\r\n\r\n"); err != nil {
		r.Fatal(err)
	}
	return c
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

func TestLocalPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	for _, flag := range []string{"--kinesis-port", "--dynamodb-port"} {
		var out, stderr bytes.Buffer
		args := []string{"local", "--kinesis-port=0", "--dynamodb-port=0", fmt.Sprintf("%s=%d", flag, port)}
		code := Run(t.Context(), args, Streams{Out: &out, Err: &stderr})
		if want := fmt.Sprintf("%s %d", flag, port); code != exitFailed || out.Len() > 0 || !strings.Contains(stderr.String(), want) {
			t.Errorf("exit code %d, stdout %q, stderr %q; want %d and %q named", code, &out, &stderr, exitFailed, want)
		}
	}
}

func TestLocalTLS(t *testing.T) {
	r := startLocalJSON(t, "--tls")
	certificate, err := os.ReadFile(r.CABundle)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(certificate) {
		t.Fatalf("%s holds no certificate", r.CABundle)
	}
	if _, err := r.client.Get(r.Kinesis); err == nil {
		t.Error("a client that does not trust the certificate was answered")
	}
	r.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}}
	for _, url := range []string{r.Kinesis, strings.ReplaceAll(r.Kinesis, "127.0.0.1", "localhost")} {
		if answer := r.call(url, "Kinesis_20131202.ListStreams", `{}`); answer.StatusCode != http.StatusOK || answer.ProtoMajor != 2 {
			t.Errorf("%s: %s by %s", url, answer.Status, answer.Proto)
		}
	}
	r.answer(r.DynamoDB, "DynamoDB_20120810.ListTables", `{}`)
	r.stop()
	r.ends()
	if _, err := os.Stat(r.CABundle); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", r.CABundle, err)
	}
}

// Java's SDK speaks HTTP/2 to a Kinesis without TLS, and takes for granted that it may.
func TestLocalCleartextHTTP2(t *testing.T) {
	r := startLocalJSON(t)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	r.client = &http.Client{Transport: transport}
	if answer := r.call(r.Kinesis, "Kinesis_20131202.ListStreams", `{}`); answer.StatusCode != http.StatusOK || answer.ProtoMajor != 2 {
		t.Errorf("%s by %s", answer.Status, answer.Proto)
	}
	r.stop()
	r.ends()
}
