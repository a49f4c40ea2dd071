package kinesisjson_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// generator writes answers as they may come, in all that JSON leaves open.
type generator struct{ *rand.Rand }

func (g generator) space() string {
	return []string{"", "", "", "", " ", "\n", "\t \r\n"}[g.IntN(7)]
}

// list joins items, with white space.
func (g generator) list(begin, end string, items []string) string {
	for i := range items {
		items[i] = g.space() + items[i] + g.space()
	}
	return begin + strings.Join(items, ",") + end
}

func (g generator) object(fields ...string) string {
	g.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return g.list("{", "}", fields)
}

func (g generator) field(name, value string) string {
	return `"` + name + `"` + g.space() + ":" + g.space() + value
}

// text writes s with escapes here and there.
func (g generator) text(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		quoted, _ := json.Marshal(string(r))
		switch {
		case r < 0x10000 && r != 0xfffd && g.IntN(10) == 0:
			fmt.Fprintf(&b, []string{`\u%04x`, `\u%04X`}[g.IntN(2)], r)
		case r == '/' && g.IntN(2) == 0:
			b.WriteString(`\/`)
		default:
			b.Write(quoted[1 : len(quoted)-1])
		}
	}
	return b.String() + `"`
}

func (g generator) key() string {
	return []string{"", "a", "user-17", "ü/\u20ac", "\U0001f600\"\\", "\x00\n\x7f", strings.Repeat("key", 80)}[g.IntN(7)]
}

// any writes a value that nobody knows.
func (g generator) any(depth int) string {
	switch n := g.IntN(8); {
	case n == 0 && depth < 5:
		return g.object(g.field("a", g.any(depth+1)), g.field(`\u0062`, g.any(depth+1)))
	case n == 1 && depth < 5:
		return g.list("[", "]", []string{g.any(depth + 1), g.any(depth + 1)})
	default:
		return []string{"null", "true", "false", "-0", "1e-7", "[]", "{}", g.text(g.key())}[n]
	}
}

func (g generator) record() (text string, data []byte) {
	data = make([]byte, g.IntN(40))
	for i := range data {
		data[i] = byte(g.Uint32())
	}
	encoded := base64.StdEncoding.EncodeToString(data)
	if g.IntN(5) == 0 {
		encoded = g.text(encoded)
	} else {
		encoded = `"` + encoded + `"`
	}
	fields := []string{g.field("Data", encoded), g.field("PartitionKey", g.text(g.key())), g.field("SequenceNumber", g.text(fmt.Sprint(g.Uint64())))}
	if g.IntN(2) == 0 {
		fields = append(fields, g.field("ApproximateArrivalTimestamp", []string{"null", "1.7E9", "1700000000", "1700000000.123456789", "1.700000000999E+9"}[g.IntN(5)]))
	}
	if g.IntN(3) == 0 {
		fields = append(fields, g.field("EncryptionType", []string{"null", `"KMS"`, `"NONE"`}[g.IntN(3)]))
	}
	if g.IntN(3) == 0 {
		fields = append(fields, g.field("Later", g.any(0)))
	}
	return g.object(fields...), data
}

// TestGenerated: answers in all forms that JSON leaves open are read, none is left to the SDK, and all say what they said
// when they are written again, with user records too.
func TestGenerated(t *testing.T) {
	var a kinesisjson.Answer
	for seed := range uint64(1000) {
		g := generator{rand.New(rand.NewPCG(seed, 0))}
		var records []string
		var data [][]byte
		for range g.IntN(5) {
			text, d := g.record()
			records, data = append(records, text), append(data, d)
		}
		body := []byte(g.space() + g.object(g.field("Records", g.list("[", "]", records)), g.field("New", g.any(0)),
			g.field("NextShardIterator", g.text(g.key())), g.field("MillisBehindLatest", fmt.Sprint(g.Int64()))) + g.space())
		if !compare(t, body) {
			_, err := byUs(body)
			t.Fatalf("seed %d: %q: %v", seed, body, err)
		}
		keeps(t, body)
		replaces(t, body)
		if err := a.Read(body, limit); err != nil {
			t.Fatal(err)
		}
		for i := range a.Records {
			n := g.IntN(5)
			if prefix := data[i][:min(n, len(data[i]))]; !a.Records[i].MayBegin(prefix) || a.Records[i].MayBegin(append(bytes.Clone(prefix), 'x', 'y', 'z')) != bytes.HasPrefix(data[i][len(prefix):], []byte("xyz")) {
				t.Errorf("seed %d: prefix %q of %q", seed, prefix, data[i])
			}
		}
	}
}

// TestUsedAgain: an answer and a writer that are used again have nothing left of what was before.
func TestUsedAgain(t *testing.T) {
	var a kinesisjson.Answer
	var w kinesisjson.Writer
	var out []byte
	for seed := range uint64(200) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		text, _ := g.record()
		body := []byte(g.object(g.field("Records", g.list("[", "]", []string{text})), g.field("New", g.any(0))))
		write := func(a *kinesisjson.Answer, w *kinesisjson.Writer, dst []byte) []byte {
			if err := a.Read(body, limit); err != nil {
				t.Fatal(err)
			}
			w.Begin(a, dst)
			w.UserRecord(&a.Records[0], "1", nil, "a", nil)
			return w.End(&a.Object)
		}
		out = write(&a, &w, out[:0])
		if want := write(new(kinesisjson.Answer), new(kinesisjson.Writer), nil); !bytes.Equal(out, want) {
			t.Errorf("seed %d: %s, want %s", seed, out, want)
		}
		w.Begin(&a, nil) // and is given up
		w.UserRecord(&a.Records[0], "1", nil, "a", nil)
	}
	if a.Read([]byte(`{}`), limit) != nil || a.Records != nil {
		t.Errorf("%d records of none", len(a.Records))
	}
}

// TestMayBegin: data that is damaged may begin with anything, so that it is looked at.
func TestMayBegin(t *testing.T) {
	for data, want := range map[string]bool{"": false, "QUJD": false, "eHl6": true, "eHl6QUJDREVGR0hJSktM": true, "QUJDQ": true, "====": true, "Q\\nUJD": false, "eHl6=AAA": true} {
		var a kinesisjson.Answer
		if err := a.Read([]byte(`{"Records":[{"Data":"`+data+`","PartitionKey":"","SequenceNumber":""}]}`), limit); err != nil {
			t.Fatal(err)
		}
		if got := a.Records[0].MayBegin([]byte("xyz")); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
}
