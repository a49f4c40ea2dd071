package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// serverVariable makes this program a Kinesis until its standard input ends.
const serverVariable = "KPLKIT_BENCH_SERVER"

func TestMain(m *testing.M) {
	if kind, upstream, found := strings.Cut(os.Getenv(proxyVariable), " "); found {
		if err := serveProxy(kind, upstream); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(serverVariable) == "" {
		os.Exit(m.Run())
	}
	s := httptest.NewServer(kinesisfake.New(kinesisfake.Options{}))
	fmt.Println(s.URL)
	io.Copy(io.Discard, os.Stdin)
}

// overSockets returns a client of a Kinesis in a process of its own.
func overSockets(b testing.TB) *kinesis.Client {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	b.Cleanup(func() {
		transport.CloseIdleConnections()
		in.Close()
		cmd.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return newClient(b, strings.TrimSpace(url), transport)
}

// readBack holds that every record is stored, and counts those that are stored under another partition key.
func readBack(b testing.TB, name string, client *kinesis.Client) (otherKeys int) {
	b.Helper()
	ctx, found, twice := context.Background(), make([]bool, putRecords), 0
	for shard := range putShards {
		it, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
			StreamName: aws.String("s"), ShardId: aws.String(fmt.Sprintf("shardId-%012d", shard)),
			ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			b.Fatal(err)
		}
		var d deagg.Decoder
		for next, more := it.ShardIterator, true; more; {
			out, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next})
			if err != nil {
				b.Fatal(err)
			}
			for u := range d.UserRecords(deaggaws.AppendStored(nil, out.Records)...) {
				i := binary.BigEndian.Uint64(u.Data)
				if found[i] {
					twice++
				}
				found[i] = true
				if u.PartitionKey != putKey[i%uint64(len(putKey))] {
					otherKeys++
				}
			}
			next, more = out.NextShardIterator, len(out.Records) > 0 // this Kinesis has no empty pages before the end
		}
	}
	lost := 0
	for _, f := range found {
		if !f {
			lost++
		}
	}
	if lost+twice > 0 {
		b.Errorf("%s: %d records are lost, %d stored twice", name, lost, twice)
	}
	return otherKeys
}
