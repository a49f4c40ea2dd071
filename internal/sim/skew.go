package sim

import (
	"bytes"
	"hash/crc32"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// times are the times in a body's texts.
var times = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"`)

// shifted returns a body with all its times d later: what a host with another clock would have written.
func shifted(body []byte, d time.Duration) []byte {
	if d == 0 {
		return body
	}
	return times.ReplaceAllFunc(body, func(quoted []byte) []byte {
		t, err := time.Parse(time.RFC3339Nano, string(quoted[1:len(quoted)-1]))
		if err != nil {
			return quoted
		}
		return strconv.AppendQuote(nil, t.Add(d).Format(time.RFC3339Nano))
	})
}

// unskew turns the times of an answer into those of a host whose clock runs d ahead. It is the inverse of shifted: the host
// finds what it has written. (Where it compares a time with its own clock, which is the world's, that is as if the clock
// ran ahead.)
func unskew(response *http.Response, d time.Duration) error {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	response.Body.Close()
	body = shifted(body, -d)
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response.Header.Set("Content-Length", strconv.Itoa(len(body)))
	response.Header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	return nil
}
