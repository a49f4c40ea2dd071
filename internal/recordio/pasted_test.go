package recordio

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// pastedAggregate has two partition keys, one explicit hash key and three user records.
const pastedAggregate = "84mawgoBawoBbBIBNxoGCAAaAngxGgYIARAAGgAaBggAGgJ4M1CUH5gysu/JhYDLb7nvI8g="

func TestPasted(t *testing.T) {
	data, err := base64.StdEncoding.DecodeString(pastedAggregate)
	if err != nil {
		t.Fatal(err)
	}
	dump := hex.EncodeToString(data)
	for name, text := range map[string]string{
		"base64":     pastedAggregate,
		"quoted":     " \"" + pastedAggregate + "\"\n",
		"wrapped":    pastedAggregate[:19] + "\r\n" + pastedAggregate[19:],
		"unpadded":   strings.TrimRight(pastedAggregate, "="),
		"URL-safe":   strings.NewReplacer("+", "-", "/", "_").Replace(pastedAggregate),
		"hex":        dump,
		"upper case": strings.ToUpper(dump),
		"0x":         "0x" + dump,
		"blanks":     dump[:8] + " " + dump[8:40] + "\n" + dump[40:],
		"colons":     dump[:2] + ":" + dump[2:4] + ":" + dump[4:],
		"bytes":      string(data),

		"Node":              "<Buffer " + spaced(dump) + ">",
		"Node's array":      "Uint8Array(53) [\n  " + numbers(data, "%d", ", ") + "\n]\n",
		"Python":            "b'" + escaped(data, `'`) + "'",
		"Python, double":    `b"` + escaped(data, `"`) + `"`,
		"pprint":            "(b'" + escaped(data[:20], `'`) + "'\n b'" + escaped(data[20:], `'`) + "')",
		"Python's literals": "b'" + escaped(data[:20], `'`) + `' b"` + escaped(data[20:], `"`) + `"`,
		"PostgreSQL":        `\x` + dump,
		"xxd -g 4":          strings.Replace(xxd(data), "f389 9ac2", "f3899ac2", 1),
		"bytearray":         "bytearray(b'" + escaped(data, `'`) + "')",
		"Python's list":     "[" + numbers(data, "%d", ", ") + "]",
		"Go's %v":           "[" + numbers(data, "%d", " ") + "]",
		"Go's %v wrapped":   "[" + numbers(data[:20], "%d", " ") + "\n" + numbers(data[20:], "%d", " ") + "]",
		"Go's %q":           strconv.Quote(string(data)),
		"Go's %#v":          "[]byte{" + numbers(data, "0x%x", ", ") + "}",
		"Go's [3]byte":      "[53]uint8{" + numbers(data, "0x%x", ", ") + "}",
		"Java":              "[" + signed(data, ", ") + "]",
		"Java's SdkBytes":   "Record(Data=SdkBytes(bytes=0x" + dump + "), PartitionKey=k)",
		"Java, bare":        signed(data, ", "),
		"Java source":       "new byte[] {" + signed(data, ",") + "}",
		"Rust":              "b\"" + escaped(data, `"`) + "\"",
		"shell":             "$'" + escaped(data, `'`) + "'",
		"hexdump -C":        hexdump(data),
		"xxd":               xxd(data),
		"od":                regexp.MustCompile(`(?m)  \|.*$`).ReplaceAllString(hexdump(data), ""),
	} {
		got, _, err := ParsePasted([]byte(text))
		if err != nil || string(got) != string(data) {
			t.Errorf("%s: %x, %v\n%s", name, got, err, text)
		}
	}
	repeated := hexdump(make([]byte, 16)) + "*\n00000040  01\n00000041\n"
	repeated = strings.Replace(repeated, "00000010\n", "", 1)
	if got, _, err := ParsePasted([]byte(repeated)); err != nil || string(got) != strings.Repeat("\x00", 64)+"\x01" {
		t.Errorf("%s\nis %x, %v", repeated, got, err)
	}
	if got, _, err := ParsePasted([]byte(`\xf3\x89f(x)`)); err != nil || string(got) != "\xf3\x89f(x)" {
		t.Errorf("a string that ends with a bracket: %q, %v", got, err)
	}
	for _, text := range []string{"", " \n", "a", "ab.cd", "YQ==YQ==", "=", "\ufffd\ufffd\n\x01", `"\ufffd\ufffd\n"`, "caf\xe9"} {
		if got, form, err := ParsePasted([]byte(text)); err == nil {
			t.Errorf("%q: %q as %s, want an error", text, got, form)
		}
	}
}

// TestIncompletePrints: what does not have all bytes is refused, with its name and the way.
func TestIncompletePrints(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"<Buffer f3 89 9a c2 ... 412 more bytes>", "Node's print of a Buffer: 412 of its bytes are left out: print buffer.toString('base64')"},
		{"<Buffer f3 89 9a", "Node's print of a Buffer: it is not whole"},
		{"Uint8Array(153) [\n 243, 137,\n ... 53 more items\n]", "Node's print of bytes: 53 of its bytes are left out: print buffer.toString('base64')"},
		{`b'\xf3\x89`, "Python's print of bytes: it is not whole"},
		{`b'\xf3\q'`, `Python's print of bytes: an escape that is not known at byte 4: "\\q"`},
		{`b'\xf3' x`, `Python's print of bytes: "x" after its closing quote`},
		{`b'\xf3')`, "Python's print of bytes: it is not whole"},
		{`(b'\xf3'`, "Python's print of bytes: it is not whole"},
		{"00000000: c29a89f3 6162030a  ....", "a hex dump: groups of bytes whose order can't be told (xxd -e?): use xxd without -e and -g"},
		{"00000000: 89f3 c29a 6162  ....", "a hex dump: groups of bytes whose order can't be told (xxd -e?): use xxd without -e and -g"},
		{"[243, 999]", `a list of numbers: "999" is not a byte`},
		{"[243 137 ", "a list of numbers: it is not whole"},
		{"java.nio.HeapByteBuffer[pos=0 lim=611 cap=611]", "Java's print of a buffer or an array: that can't be read back: print Base64.getEncoder().encodeToString(bytes)"},
		{"[B@1b6d3586", "Java's print of a buffer or an array: that can't be read back: print Base64.getEncoder().encodeToString(bytes)"},
		{"{\n  ApproximateArrivalTimestamp: 2020-07-07 07:59:13 +0000 UTC,\n  Data: <binary> len 611,\n}", "the Go SDK's print of a record: that can't be read back: print base64.StdEncoding.EncodeToString(r.Data)"},
		{"Data : System.IO.MemoryStream", ".NET's print of a stream: that can't be read back: print [Convert]::ToBase64String($record.Data.ToArray())"},
		{"#<struct Aws::Kinesis::Types::Record sequence_number=\"1\">", "Ruby's print of a record: that can't be read back: print Base64.strict_encode64(record.data)"},
		{"00000000  f3 89\n00000010  9a c2\n", "a hex dump: offset 10 after 2 bytes: lines are missing, or it is not one byte after the other (hexdump needs -C)"},
		{"0000000 89f3 c29a\n0000004\n", "a hex dump: groups of more than a byte, in an order that depends on the machine: use hexdump -C"},
		{"00000000  " + strings.Repeat("00 ", 16) + "\n*\n00a00010\n", // a few bytes of text that would stand for more than a record
			"a hex dump: offset a00010 after 10 bytes: lines are missing, or it is not one byte after the other (hexdump needs -C)"},
		{"00000000  f3\n00000001  |\n*\n00000010  01\n", "a hex dump: offset 10 after 1 bytes: lines are missing, or it is not one byte after the other (hexdump needs -C)"},
		{"00000000: f389 9axx  ....", `a hex dump: "9axx" is not hex`},
	} {
		_, _, err := ParsePasted([]byte(tt.text))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%q: %v\nwant %s", tt.text, err, tt.want)
		}
	}
}

func spaced(dump string) string {
	return strings.TrimSpace(regexp.MustCompile("..").ReplaceAllString(dump, "$0 "))
}

func numbers(data []byte, format, separator string) string {
	var all []string
	for _, b := range data {
		all = append(all, fmt.Sprintf(format, b))
	}
	return strings.Join(all, separator)
}

func signed(data []byte, separator string) string {
	var all []string
	for _, b := range data {
		all = append(all, strconv.Itoa(int(int8(b))))
	}
	return strings.Join(all, separator)
}

// escaped writes bytes as Python's repr does.
func escaped(data []byte, quote string) string {
	var b strings.Builder
	for _, c := range data {
		switch {
		case c == '\\' || string(c) == quote:
			b.WriteString(`\` + string(c))
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// hexdump writes bytes as hexdump -C does.
func hexdump(data []byte) string { return hex.Dump(data) + fmt.Sprintf("%08x\n", len(data)) }

func xxd(data []byte) string {
	var b strings.Builder
	for at := 0; at < len(data); at += 16 {
		row := data[at:min(at+16, len(data))]
		pairs := strings.TrimSpace(regexp.MustCompile("....").ReplaceAllString(hex.EncodeToString(row), "$0 "))
		fmt.Fprintf(&b, "%08x: %-40s %s\n", at, pairs, strings.Repeat(".", len(row)))
	}
	return b.String()
}

// FuzzPasted: no text makes it panic.
func FuzzPasted(f *testing.F) {
	f.Add([]byte(pastedAggregate))
	for _, seed := range []string{"0x84 89", "<Buffer f3>", `b'\xf3\n'`, "[243 137]", "00000000: f389  ..\n*\n00000010", "243, 137", "bytes=0xf3)"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if data, form, err := ParsePasted(text); err == nil && (len(data) == 0 && form != "a hex dump" && !strings.Contains(form, "print") && !strings.Contains(form, "list") || form == "") {
			t.Errorf("%q as %q", data, form)
		}
	})
}
