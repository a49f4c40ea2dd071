package deaggaws

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// TestDamagedTakesLittle: a damaged aggregate is one user record, whose position in digits keeps no room for all that it lists.
func TestDamagedTakesLittle(t *testing.T) {
	const listed = 100_000
	batch := []types.Record{{
		SequenceNumber: aws.String("49680523304536297513748243888185500536114644917201928194"), PartitionKey: aws.String("a"),
		Data: []byte("\xf3\x89\x9a\xc2" + strings.Repeat("\x1a\x00", listed) + "not a checksum.."),
	}}
	before := inUse()
	out, err := func() ([]types.Record, error) { return workOn(batch).expand(batch, form{digits: true}) }()
	if err != nil || len(out) != 1 {
		t.Fatal(len(out), err)
	}
	if kept := inUse() - before; kept > 10*listed {
		t.Errorf("one record of %d bytes keeps %d", len(batch[0].Data), kept)
	}
	runtime.KeepAlive(out)
	runtime.KeepAlive(batch)
}

func inUse() int64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// TestLargeWorkIsNotKept: the memory that a record larger than usual has taken is not used again.
func TestLargeWorkIsNotKept(t *testing.T) {
	w := workOn([]types.Record{{Data: make([]byte, 8)}, {Data: make([]byte, mostKept+1)}})
	w.putBack()
	if works.Get() == any(w) {
		t.Error("it is used again")
	}
}

// TestLargeAnswerIsNotKept: nor is that of an answer which is too large to be read here.
func TestLargeAnswerIsNotKept(t *testing.T) {
	r := &smithyhttp.Response{Response: &http.Response{Body: io.NopCloser(strings.NewReader(strings.Repeat(" ", maxAnswer+1)))}}
	if err := readAnswer(r, new(kinesis.GetRecordsOutput), func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if a := answers.Get().(*answer); cap(a.body) > maxAnswer {
		t.Errorf("%d bytes are kept", cap(a.body))
	}
}
