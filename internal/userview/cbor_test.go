package userview_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	smithycbor "github.com/aws/smithy-go/encoding/cbor"
)

// asCBOR and asJSON turn a body from one format into the other, as the SDK for Java has CBOR.
func asCBOR(t testing.TB, body []byte) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Errorf("%v: %q", err, body)
	}
	return smithycbor.Encode(toCBOR("", v))
}

func toCBOR(name string, v any) smithycbor.Value {
	switch v := v.(type) {
	case map[string]any:
		m := smithycbor.Map{}
		for k, inner := range v {
			m[k] = toCBOR(k, inner)
		}
		return m
	case []any:
		l := smithycbor.List{}
		for _, inner := range v {
			l = append(l, toCBOR("", inner))
		}
		return l
	case string:
		if data, err := base64.StdEncoding.DecodeString(v); err == nil && name == "Data" {
			return smithycbor.Slice(data)
		}
		return smithycbor.String(v)
	case json.Number:
		f, _ := v.Float64()
		if name == "ApproximateArrivalTimestamp" || name == "Timestamp" {
			return &smithycbor.Tag{ID: 1, Value: smithycbor.Uint(math.Round(f * 1000))}
		}
		return smithycbor.Uint(f)
	}
	return &smithycbor.Nil{}
}

func asJSON(t testing.TB, body []byte) []byte {
	v, err := smithycbor.Decode(body)
	if err != nil {
		t.Errorf("%v: %q", err, body)
	}
	b, err := json.Marshal(toJSON(v))
	if err != nil {
		t.Error(err)
	}
	return b
}

func toJSON(v smithycbor.Value) any {
	switch v := v.(type) {
	case smithycbor.Map:
		m := map[string]any{}
		for k, inner := range v {
			m[k] = toJSON(inner)
		}
		return m
	case smithycbor.List:
		l := []any{}
		for _, inner := range v {
			l = append(l, toJSON(inner))
		}
		return l
	case smithycbor.Slice:
		return base64.StdEncoding.EncodeToString(v)
	case smithycbor.String:
		return string(v)
	case smithycbor.Uint:
		return uint64(v)
	case *smithycbor.Tag:
		return json.Number(strconv.FormatFloat(float64(v.Value.(smithycbor.Uint))/1000, 'f', 3, 64))
	case *smithycbor.Nil:
		return nil
	}
	panic(fmt.Sprintf("%T", v))
}

// translator is a way on which requests become what request makes of them, and answers what answer does.
type translator struct {
	http.RoundTripper
	contentType     string
	request, answer func([]byte) []byte
}

func (c translator) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	body = c.request(body)
	out := r.Clone(r.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.Header.Set("Content-Type", c.contentType)
	answer, err := c.RoundTripper.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		return nil, err
	}
	body = c.answer(body)
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer.Header.Del("Content-Length")
	return answer, nil
}

// TestCBOR: a client that speaks CBOR to an upstream that does, through the proxy, gets what deaggaws gives by JSON, with any
// Limit, strict or not, and goes on after any record.
func TestCBOR(t *testing.T) {
	for _, k := range kinds() {
		w := newWorld(t)
		shards := w.resharded(rand.New(rand.NewPCG(3, 18)), 10)
		toCBOR := func(b []byte) []byte { return asCBOR(t, b) }
		toJSON := func(b []byte) []byte { return asJSON(t, b) }
		upstream := translator{w.server.Transport(), "application/x-amz-json-1.1", toJSON, toCBOR}
		for _, strict := range []bool{false, true} {
			k.config.StrictLimit = strict
			p := w.proxyBefore(upstream, k.config)
			java := clientOf(translator{inProcess{p.handler}, "application/x-amz-cbor-1.1", toCBOR, toJSON})
			theirs := w.byDeaggaws(k.opts...)
			for _, shard := range shards {
				want := read(t, iteratorAt(t, theirs, shard, types.ShardIteratorTypeTrimHorizon, ""), 0, theirs)
				for _, limit := range []int32{0, 1, 3} {
					got := read(t, iteratorAt(t, java, shard, types.ShardIteratorTypeTrimHorizon, ""), limit, java)
					same(t, lines(got), lines(want), "%s, strict %v, %s, limit %d", k.name, strict, shard, limit)
				}
				for i := range want {
					got := read(t, iteratorAt(t, java, shard, types.ShardIteratorTypeAfterSequenceNumber, *want[i].SequenceNumber), 2, java)
					same(t, lines(got), lines(want[i+1:]), "%s, %s after %s", k.name, shard, *want[i].SequenceNumber)
				}
				if len(want) == 0 {
					continue
				}
				at := fmt.Sprintf("AT_TIMESTAMP:%d", want[0].ApproximateArrivalTimestamp.UnixMilli())
				got := read(t, iteratorAt(t, java, shard, types.ShardIteratorTypeAfterSequenceNumber, at), 0, java)
				same(t, lines(got), lines(want), "%s, %s at a time", k.name, shard)
			}
		}
	}
}
