package recordio

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parsePrinted reads bytes as programs print them for people. form names whose print it is, "" if it is none; err says
// what it lacks, and how to print all of it.
func parsePrinted(text []byte) (data []byte, form string, err error) {
	text = bytes.TrimSpace(text)
	if digits, ok := bytes.CutPrefix(text, []byte(`\x`)); ok { // PostgreSQL's print of bytea, and no escape and text after it
		if data, err := hex.AppendDecode(nil, digits); err == nil && len(data) > 0 {
			return data, "hex", nil
		}
	}
	for _, p := range prints {
		if p.starts.Match(text[:min(len(text), 100)]) {
			data, err = p.parse(text)
			if err != nil {
				err = fmt.Errorf("%s: %w", p.form, err)
			}
			return data, p.form, err
		}
	}
	return nil, "", nil
}

// isCertain reports whether a form can't be taken for something else: the others may be a payload, or part of a log.
func isCertain(form string) bool { return form == nodeBuffer || form == pythonBytes }

const nodeBuffer, nodeArray, pythonBytes, hexDumpForm = "Node's print of a Buffer", "Node's print of bytes", "Python's print of bytes", "a hex dump"

// prints are the forms, each with how it starts.
var prints = [...]struct {
	form   string
	starts *regexp.Regexp
	parse  func(text []byte) ([]byte, error)
}{
	{nodeBuffer, regexp.MustCompile(`^<Buffer\b`), parseNodeBuffer},
	{nodeArray, regexp.MustCompile(`^(Uint8Array|Buffer)\(\d+\) \[`), parseNumbers},
	{pythonBytes, regexp.MustCompile(`^(bytearray)?(\(\s*)*b['"]`), parseQuoted},
	{"a string with escapes", regexp.MustCompile(`^(\$?'|\$?"|b"|)\\x[0-9a-fA-F]{2}`), parseQuoted},
	{"a list of numbers", regexp.MustCompile(`^[\w.!:\[\] ]*[\[({]\s*-?(0x[0-9a-fA-F]+|\d+)\s*[ ,]`), parseNumbers},
	{hexDumpForm, hexDump, parseHexDump},
	{"Java's print of bytes", regexp.MustCompile(`bytes=0x[0-9a-fA-F]`), parseSdkBytes},
	{"Java's print of a buffer or an array", regexp.MustCompile(`java\.nio\.\w*ByteBuffer|^\[B@|ByteBuffer\[pos=`),
		lacking("Base64.getEncoder().encodeToString(bytes)")},
	{"the Go SDK's print of a record", regexp.MustCompile(`<binary> len|^\{\s*ApproximateArrivalTimestamp: `), lacking("base64.StdEncoding.EncodeToString(r.Data)")},
	{".NET's print of a stream", regexp.MustCompile(`System\.IO\.MemoryStream`), lacking("[Convert]::ToBase64String($record.Data.ToArray())")},
	{"JavaScript's print of an object", regexp.MustCompile(`^\[object \w+\]`), lacking("Buffer.from(record.Data).toString('base64')")},
	{"Python's print of a dict", regexp.MustCompile(`^[\[(]*\{'`), lacking("json.dumps(response, default=lambda x: base64.b64encode(x).decode() if isinstance(x, bytes) else str(x))")},
	{"Ruby's print of a record", regexp.MustCompile(`^#<struct|^\{:\w+=>`), lacking("Base64.strict_encode64(record.data)")},
	{"Node's print of an object", regexp.MustCompile(`^[\[\s]*\{\s*(Records|records|Data|data|SequenceNumber|sequenceNumber|kinesis|MillisBehindLatest|'\$metadata'): `), lacking("JSON.stringify(response)")},
}

// lacking is for what does not have the bytes, or hides them among other things: it names the expression that has them.
func lacking(way string) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) { return nil, fmt.Errorf("that can't be read back: print %s", way) }
}

// formHint returns what a text is whose JSON does not parse, or nil. prints says that it is inspect that reads it.
func formHint(text []byte, prints bool) error {
	_, form, err := parsePrinted(text[:min(len(text), 1000)])
	switch {
	case form == "", errors.Is(err, errUnfinished), err == nil && prints:
		return nil
	case err == nil:
		return fmt.Errorf("%s and not JSON: 'kplkit inspect' reads it", form)
	}
	return err
}

// isList reports whether b starts with a list of bytes that is not JSON: Go's [243 137] or []byte{0xf3, 0x89}, C's
// {243, 137}, [0xf3, 0x89].
func isList(b []byte) bool { return list.Match(b[:min(len(b), listLength)]) }

// isNumbers reports whether b starts with a list of numbers, JSON or not.
func isNumbers(b []byte) bool { return isList(b) || numberList.Match(b[:min(len(b), listLength)]) }

var (
	list       = regexp.MustCompile(`^(\[(-?\d{1,3}\s+-?\d|\d*\](byte|uint8)|\s*0[xX])|\{\s*-?\d)`)
	numberList = regexp.MustCompile(`^\[\s*-?\d`)
)

const listLength = len("[10000000]uint8")

// isDecimalList reports whether a text is a list of numbers in decimal, without brackets: what might be hex is none.
func isDecimalList(text []byte) bool {
	n, decimal := 0, false
	for number := range bytes.FieldsFuncSeq(text, isSeparator) {
		if _, ok := byteOf(alias(number)); !ok || number[len(number)-1] > '9' || bytes.ContainsAny(number, "xX") {
			return false
		}
		n++
		decimal = decimal || len(number) == 3 || number[0] == '-'
	}
	return decimal && n > 1
}

func isSeparator(c rune) bool { return c == ',' || c <= ' ' }

var nodeLeftOut = regexp.MustCompile(`(\d+) more (byte|item)`)

// checkWhole refuses what Node has shortened: it prints 50 bytes of a Buffer, 100 of an array.
func checkWhole(text []byte) error {
	if m := nodeLeftOut.FindSubmatch(text); m != nil {
		return fmt.Errorf("%s of its bytes are left out: print buffer.toString('base64')", m[1])
	}
	return nil
}

func parseNodeBuffer(text []byte) ([]byte, error) {
	text, closed := bytes.CutSuffix(text, []byte(">"))
	if err := checkWhole(text); err != nil {
		return nil, err
	}
	data, ok := readHex(bytes.TrimPrefix(text, []byte("<Buffer")))
	if !ok && len(bytes.TrimSpace(text)) > len("<Buffer") || !closed {
		return nil, errUnfinished
	}
	return data, nil
}

var errUnfinished = errors.New("it is not whole")

// parseNumbers reads a list of bytes in decimal or with 0x, with or without commas, within brackets of any kind.
func parseNumbers(text []byte) ([]byte, error) {
	if err := checkWhole(text); err != nil {
		return nil, err
	}
	if i := bytes.LastIndexAny(text, "[{("); i >= 0 {
		end := bytes.IndexAny(text[i:], "]})")
		if end < 0 {
			return nil, errUnfinished
		}
		text = text[i+1 : i+end]
	}
	var data []byte
	for number := range bytes.FieldsFuncSeq(text, isSeparator) {
		b, ok := byteOf(alias(number))
		if !ok {
			return nil, fmt.Errorf("%.40q is not a byte", number)
		}
		data = append(data, b)
	}
	return data, nil
}

// parseQuoted reads a string with the escapes of Python, Go, Ruby, Rust, JavaScript or a shell. Other characters stand
// for their own bytes. Several literals after each other are one, as in Python, whose pprint puts them in brackets.
func parseQuoted(text []byte) (data []byte, err error) {
	text = bytes.TrimPrefix(text, []byte("bytearray"))
	brackets := 0
	for ; len(text) > 1 && text[0] == '('; brackets++ {
		text = bytes.TrimLeft(text[1:], " \t\r\n")
	}
	for len(text) > 0 && text[0] != ')' {
		literal := bytes.TrimLeft(text, "b$")
		quoted := len(literal) > 0 && (literal[0] == '\'' || literal[0] == '"')
		if !quoted && (len(literal) == 0 || data != nil) {
			return nil, fmt.Errorf("%.20q after its closing quote", text)
		}
		var n int
		if data, n, err = appendLiteral(data, literal, quoted); err != nil {
			return nil, err
		}
		text = bytes.TrimLeft(literal[n:], " \t\r\n")
	}
	for ; len(text) > 0 && text[0] == ')'; brackets-- {
		text = bytes.TrimLeft(text[1:], " \t\r\n")
	}
	if len(text) > 0 || brackets != 0 {
		return nil, errUnfinished
	}
	return data, nil
}

// appendLiteral appends what a literal stands for, and returns its length: up to its closing quote, or all of text.
func appendLiteral(data, text []byte, quoted bool) ([]byte, int, error) {
	start := 0
	if quoted {
		start, data = 1, append([]byte{}, data...) // not nil: an empty one was read as well
	}
	for i := start; i < len(text); {
		switch {
		case quoted && text[i] == text[0]:
			return data, i + 1, nil
		case text[i] != '\\':
			data = append(data, text[i])
			i++
			continue
		}
		var n int
		if data, n = appendUnescaped(data, text[i+1:]); n == 0 {
			return nil, 0, fmt.Errorf("an escape that is not known at byte %d: %.2q", i-start, text[i:])
		}
		i += 1 + n
	}
	if quoted {
		return nil, 0, errUnfinished
	}
	return data, len(text), nil
}

// appendUnescaped appends what stands after a backslash, and returns its length in text, 0 if it is not known.
func appendUnescaped(b, text []byte) ([]byte, int) {
	if len(text) == 0 {
		return b, 0
	}
	const letters, meanings = `nrtabfve0\'"#`, "\n\r\t\a\b\f\v\x1b\x00\\'\"#"
	switch c := text[0]; {
	case c == 'x' && len(text) >= 3:
		v, err := strconv.ParseUint(string(text[1:3]), 16, 8)
		if err != nil {
			return b, 0
		}
		return append(b, byte(v)), 3
	case c == 'u' && len(text) >= 5:
		v, err := strconv.ParseUint(string(text[1:5]), 16, 16)
		if err != nil {
			return b, 0
		}
		return utf8.AppendRune(b, rune(v)), 5
	default:
		if i := strings.IndexByte(letters, c); i >= 0 {
			return append(b, meanings[i]), 1
		}
	}
	return b, 0
}

func parseSdkBytes(text []byte) ([]byte, error) {
	_, digits, _ := bytes.Cut(text, []byte("bytes=0x"))
	if end := bytes.IndexByte(digits, ')'); end >= 0 {
		digits = digits[:end]
	}
	data, err := hex.AppendDecode(nil, digits)
	if err != nil {
		err = errUnfinished
	}
	return data, err
}
