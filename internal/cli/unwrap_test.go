package cli

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

func gzipped(t testing.TB, texts ...string) []byte {
	var b bytes.Buffer
	for _, text := range texts { // members
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, text)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func zlibbed(text string) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	w.Close()
	return b.Bytes()
}

// What is packed is opened; what only looks like it, is damaged or goes on with something else stays.
func TestUnwrapOpen(t *testing.T) {
	damaged := gzipped(t, "damaged")
	damaged[len(damaged)-5] ^= 1 // of its checksum
	for _, tt := range []struct {
		name, form, want string
		data             []byte
	}{
		{"gzip", "gzip", "hi", gzipped(t, "hi")},
		{"two members", "gzip", "hiho", gzipped(t, "hi", "ho")},
		{"of nothing", "gzip", "", gzipped(t, "")},
		{"zlib", "zlib", "hi", zlibbed("hi")},
		{"a subscription", "cwl", `{"logEvents":[{"message":""}]}`, gzipped(t, `{"logEvents":[{"message":""}]}`)},
		{"an event without a message", "gzip", `{"logEvents":[{"id":""}]}`, gzipped(t, `{"logEvents":[{"id":""}]}`)},
		{"a timestamp of 32 digits", "cwl", stamped(32), gzipped(t, stamped(32))},
		{"of more", "gzip", stamped(33), gzipped(t, stamped(33))}, // each line would repeat it
		{"logEvents is no list", "gzip", `{"logEvents":{}}`, gzipped(t, `{"logEvents":{}}`)},
		{"other JSON", "gzip", `[{"logEvents":[]}]`, gzipped(t, `[{"logEvents":[]}]`)},
		{"two objects", "gzip", `{"logEvents":[]}{}`, gzipped(t, `{"logEvents":[]}{}`)},
		{"not UTF-8", "gzip", "{\"logEvents\":[{\"message\":\"\xff\"}]}", gzipped(t, "{\"logEvents\":[{\"message\":\"\xff\"}]}")},
		{"nothing", "", "", nil},
		{"text", "", "", []byte("x^2 hi")},
		{"cut off", "", "", gzipped(t, "hi")[:20]},
		{"wrong checksum", "", "", damaged},
		{"a header only", "", "", []byte{0x1f, 0x8b}},
		{"gzip and more", "", "", append(gzipped(t, "hi"), 'x')},
		{"zlib and more", "", "", append(zlibbed("hi"), 'x')},
		{"zlib cut off", "", "", zlibbed("hi")[:5]},
	} {
		u, err := newUnwrapper([]string{"gzip", " zlib", "cwl"})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // what was opened before has no part in it
			form, opened, err := u.open(tt.data)
			if form != tt.form || string(opened) != tt.want || err != nil {
				t.Errorf("%s: %s %q, %v", tt.name, form, opened, err)
			}
			_, _, _ = u.open(gzipped(t, "other"))
			_, _, _ = u.open(zlibbed("other"))
		}
	}
}

// A bomb costs memory within the limit: one of nothing, and one of millions of events that repeat a long name.
func TestUnwrapBombs(t *testing.T) {
	bomb := gzipped(t, strings.Repeat("\x00", largestOpened+1))
	events := gzipped(t, `{"logGroup":"`+strings.Repeat("g", longestName+1)+`","logEvents":[`+strings.Repeat(`{"message":""},`, 100_000)+`{"message":""}]}`)
	many := gzipped(t, `{"logEvents":[`+strings.Repeat(`{"message":""},`, 1_000_000)+`{"message":""}]}`)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	u := &unwrapper{gzip: true, cwl: true}
	if form, _, err := u.open(bomb); err != errTooLarge || form != "" || u.counts.TooLarge != 1 {
		t.Errorf("%s, %v, %+v", form, err, u.counts)
	}
	if form, _, err := u.open(events); form != "gzip" || err != nil {
		t.Errorf("%s, %v", form, err)
	}
	names := gzipped(t, `{"logGroup":"`+strings.Repeat("g", longestName)+`","logEvents":[`+strings.Repeat(`{"message":""},`, 200_000)+`{"message":""}]}`)
	if form, _, err := u.open(names); err != errTooLarge || form != "" || u.counts.TooLarge != 2 {
		t.Errorf("%s, %v, %+v", form, err, u.counts)
	}
	form, opened, err := u.open(many)
	if form != "cwl" || err != nil {
		t.Errorf("%s, %v", form, err)
	}
	if s, ok := walkSubscription(opened, nil); !ok || s.events != 1_000_001 {
		t.Errorf("%d events, %v", s.events, ok)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 3*largestOpened {
		t.Errorf("%d MiB are held", held>>20)
	}
	runtime.KeepAlive(u)
}

// Whoever keeps the position of the last line that had one, and goes on after it, gets all of what follows, wherever the
// run ended.
func TestUnwrapPositions(t *testing.T) {
	event := func(texts ...string) string {
		var events []string
		for _, text := range texts {
			events = append(events, fmt.Sprintf(`{"id":"%s","message":"%s"}`, text, text))
		}
		return string(gzipped(t, `{"messageType":"DATA_MESSAGE","logEvents":[`+strings.Join(events, ",")+`]}`))
	}
	var packed strings.Builder
	for _, data := range []string{event("a", "b", "c"), "d", event("e"), event(), event("f", "g")} {
		_ = json.NewEncoder(&packed).Encode(map[string]any{"partition_key": "k", "data": []byte(data)})
	}
	aggregate, errs, code := run(strings.NewReader(packed.String()), "agg")
	if code != exitFine {
		t.Fatal(errs)
	}
	plain := fmt.Sprintf(`{"sequence_number":"7","partition_key":"k","data":%s}`, must(json.Marshal([]byte(event("h", "i")))))
	input := strings.Replace(aggregate, `{"v":1,`, `{"sequence_number":"5",`, 1) + plain + "\n"
	read := func(after string) (lines []userLine, all string) {
		args := []string{"--unwrap", "cwl", "--data", "text"}
		if after != "" {
			args = append(args, "--after", after)
		}
		lines, _ = userLines(t, input, args...)
		for _, l := range lines {
			all += l.Data
		}
		return lines, all
	}
	lines, all := read("")
	if all != "abcdefghi" {
		t.Fatalf("%q comes out", all)
	}
	position, lasts := "", 0
	for i, l := range lines {
		if l.Number != "" {
			position = fmt.Sprint(l.Number, ":", l.Sub)
		}
		if l.Last {
			lasts++
			position = l.Number
		}
		if _, rest := read(position); !strings.HasSuffix(rest, all[i+1:]) {
			t.Errorf("ended after %q, at %q: %q follows, want all of %q", l.Data, position, rest, all[i+1:])
		}
	}
	if lasts != 2 {
		t.Errorf("%d lines are the last of a stored record, want 2", lasts)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// FuzzUnwrap: no data makes it panic, and what comes out of a subscription are lines of JSON.
func FuzzUnwrap(f *testing.F) {
	f.Add(`{"messageType":"DATA_MESSAGE","subscriptionFilters":["a\n"],"logEvents":[{"id":"1","timestamp":1,"message":"é"}]}`)
	f.Add(`{"logEvents":[{"message":"","message":7}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, data := range [][]byte{[]byte(text), gzipped(t, text), zlibbed(text)} {
			line := fmt.Sprintf(`{"sequence_number":"5","partition_key":"k","data":%s}`, must(json.Marshal(data)))
			var out bytes.Buffer
			d, err := newDeaggregation(deaggOptions{policy: "lossless", data: "base64", unwrap: []string{"gzip", "zlib", "cwl"}}, &out)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.run(t.Context(), Streams{In: strings.NewReader(line), Err: io.Discard}, nil, false); err != nil {
				t.Error(err)
			}
			for l := range strings.Lines(out.String()) {
				if !json.Valid([]byte(l)) {
					t.Errorf("not JSON: %q", l)
				}
			}
		}
	})
}

// stamped is a subscription with a timestamp of so many digits.
func stamped(digits int) string {
	return `{"logEvents":[{"timestamp":1` + strings.Repeat("0", digits-1) + `,"message":""}]}`
}
