// Package dynamofake is an in-process DynamoDB for lease tables: an http.Handler that the AWS SDKs, and plain HTTP
// calls without a signature, talk to.
//
// It serves CreateTable, DescribeTable, DeleteTable, ListTables, PutItem, GetItem, UpdateItem, DeleteItem, Scan, Query
// (both on global secondary indexes too), BatchWriteItem and BatchGetItem, with conditions, updates, projections,
// return values, pages and errors as AWS documents them. Tables and indexes are ACTIVE at once. Billing mode and capacity
// are checked and described, and never run out; encryption, tags and consistency are accepted and mean nothing here.
//
// What it has not, it refuses by name, never ignores: the legacy parameters (Expected, AttributeUpdates,
// KeyConditions…) that the Java KCL 1.x sends, document paths (a.b, a[0]), transactions, parallel scans, local indexes.
//
// # Why not a library
//
// truora/minidyn 0.8.2, the nearest one, failed 19 of the first 22 cases in conformance_test.go. Among them: REMOVE of a
// top-level attribute does nothing, PutItem always returns Attributes, numbers are float64, a SET from an attribute that
// is not there succeeds, an absent attribute in begins_with or contains is an error, pages never end by size,
// DescribeTable has no TableStatus, ListTables is missing, an unknown index panics, and Expected is ignored. Mending
// that from outside takes as much code as the few operations of a lease table, and would be harder to read.
package dynamofake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Server is a DynamoDB without disk: all tables live in memory. It is safe for concurrent use; requests are
// carried out one at a time. It starts no goroutine.
type Server struct {
	mu     sync.Mutex
	tables map[string]*table
}

// New returns a Server without tables.
func New() *Server { return &Server{tables: map[string]*table{}} }

// maxBody is more than DynamoDB's largest request, a full BatchWriteItem.
const maxBody = 17 << 20

type operation func(s *Server, body []byte) (any, error)

var operations = map[string]operation{
	"CreateTable":    on((*Server).createTable),
	"DescribeTable":  on((*Server).describeTable),
	"DeleteTable":    on((*Server).deleteTable),
	"ListTables":     on((*Server).listTables),
	"PutItem":        on((*Server).putItem),
	"GetItem":        on((*Server).getItem),
	"UpdateItem":     on((*Server).updateItem),
	"DeleteItem":     on((*Server).deleteItem),
	"Scan":           on((*Server).scan),
	"Query":          on((*Server).query),
	"BatchWriteItem": on((*Server).batchWriteItem),
	"BatchGetItem":   on((*Server).batchGetItem),
}

// on reads the request of an operation, strictly: a field that In has not is refused by its name.
func on[In any](do func(*Server, *In) (any, error)) operation {
	return func(s *Server, body []byte) (any, error) {
		in := new(In)
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(in); err != nil {
			// encoding/json has no type for this error.
			if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
				return nil, notServed("the parameter " + field)
			}
			return nil, readable(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return do(s, in)
	}
}

// readable keeps errors found inside a value and makes the rest a SerializationException.
func readable(err error) error {
	var known *apiError
	if errors.As(err, &known) {
		return known
	}
	return fail(unreadable, "%s", err)
}

// without takes a parameter that has no meaning here.
type without struct{}

func (without) UnmarshalJSON([]byte) error { return nil }

// ServeHTTP answers one call of the DynamoDB JSON 1.0 protocol. Credentials and signatures are not looked at.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := s.call(r)
	status := http.StatusOK
	if err != nil {
		status, out = errorBody(err)
	}
	body, err := marshal(out)
	if err != nil {
		status, body = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", fmt.Sprint(crc32.ChecksumIEEE(body))) // the SDK for Go warns of each answer without
	w.WriteHeader(status)
	w.Write(body)
}

// call carries out a request. A panic, always a fault of this package, costs that request only.
func (s *Server) call(r *http.Request) (out any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fail(internalServerError, "internal fault: %v", fault)
		}
	}()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fail(unreadable, "%s", err)
	case len(body) > maxBody:
		return nil, validation("The request is larger than %d bytes", maxBody)
	}
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	do, ok := operations[name]
	if !ok || r.Method != http.MethodPost {
		return nil, fail(unknownOperation, "The embedded DynamoDB does not serve the operation %q", clip(name))
	}
	return do(s, body)
}

func errorBody(err error) (int, any) {
	var e *apiError
	if !errors.As(err, &e) {
		e = fail(internalServerError, "%s", err)
	}
	body := map[string]any{"__type": e.kind, "message": e.message}
	if e.item != nil {
		body["Item"] = e.item
	}
	return e.status(), body
}

// Transport returns a RoundTripper that calls the server in the caller's goroutine, without a socket, whatever host
// the request names: http.Client{Transport: s.Transport()}.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	defer r.Body.Close()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := &recorder{header: http.Header{}}
	t.s.ServeHTTP(w, r)
	return &http.Response{
		StatusCode: w.status, Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }
