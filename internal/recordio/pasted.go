package recordio

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/kplkit/kplkit/deagg"
)

// ErrReplaced says that a record went through a program that took its bytes for text.
var ErrReplaced = errors.New("a UTF-8 decoder has put replacement characters (U+FFFD) for the bytes that are no UTF-8: " +
	"they are lost, and this can't be undone; take the record again as bytes, base64 or hex")

// StartsJSON reports whether s goes on with a JSON object or array, but for one of numbers: it may be that of a programming
// language, which has a comma at its end. It takes a byte order mark and white space before that, and returns io.EOF if
// there is nothing else.
func (s *Source) StartsJSON() (bool, error) {
	in := bufio.NewReader(s.Reader)
	s.Reader = in
	if start, _ := in.Peek(len(byteOrderMark)); string(start) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark)) // it is there
	}
	for {
		c, err := in.ReadByte()
		if err != nil {
			return false, err
		}
		if !bytes.ContainsRune([]byte(" \t\r\n"), rune(c)) {
			_ = in.UnreadByte() // it was read
			start, _ := in.Peek(listLength)
			return (c == '{' || c == '[') && !isNumbers(start), nil
		}
	}
}

// ReadText reads what is left of s, 64 MiB at most.
func (s *Source) ReadText() ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(s, maxValue+1))
	if err == nil && len(text) > maxValue {
		err = errors.New("no JSON, and more than 64 MiB of text")
	}
	return text, err
}

// IsLines reports whether text that is not JSON holds a record a line, and not one over several lines.
func IsLines(text []byte) bool {
	if deagg.HasMagic(text) {
		return false
	}
	first, padded, bracket := true, false, false
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
			continue
		case bytes.HasPrefix(line, []byte("RECORDS\t")), padded, !first && bytes.HasPrefix(line, []byte("84maw")):
			return true
		case bracket && bytes.IndexByte([]byte("[{<"), line[0]) >= 0: // a list or a Buffer after another one
			return true
		}
		padded, bracket = line[len(line)-1] == '=', first && bytes.IndexByte([]byte("[{<"), line[0]) >= 0 || bracket
		first = false
	}
	return false
}

// ParsePasted reads the bytes of a record from what people paste: base64, standard or URL-safe, wrapped or not, padded
// or not; hex, with blanks, colons, commas or 0x; what programs print of bytes, as far as it has them all (printed.go);
// or the bytes themselves, if they start as an aggregate does.
// form says which it was: "base64", "hex", "bytes", or whose print. What could be both base64 and hex is read as hex: only
// hex digits, and an even count of them. Damage by replacement characters is ErrReplaced.
func ParsePasted(text []byte) (data []byte, form string, err error) {
	if deagg.HasMagic(text) {
		return text, "bytes", nil
	}
	if isUTF16(text) {
		return nil, "", errUTF16
	}
	if HasReplacement(text) || bytes.Contains(bytes.ToLower(text), []byte(`\ufffd`)) {
		return nil, "", ErrReplaced
	}
	if data, form, err := parsePrinted(text); form != "" {
		return data, form, err
	}
	if isDecimalList(text) {
		data, err = parseNumbers(text)
		return data, "a list of numbers", err
	}
	text = bytes.Trim(text, "\"' \t\r\n")
	if len(text) == 0 {
		return nil, "", errors.New("nothing in it")
	}
	if data, ok := readHex(text); ok {
		return data, "hex", nil
	}
	data, err = readLooseBase64(text)
	return data, "base64", err
}

// MayBeName reports whether a text that ParsePasted took for base64 of data may be a file's name or a word: it is short,
// without padding, and stands for nothing that is known.
func MayBeName(text string, data []byte) bool {
	return len(text) < 32 && text[len(text)-1] != '=' && !deagg.HasMagic(data) && !isReadable(data)
}

// HasReplacement reports whether b holds U+FFFD itself, and not only bytes that are no UTF-8.
func HasReplacement(b []byte) bool { return bytes.Contains(b, []byte("\ufffd")) }

func readHex(text []byte) ([]byte, bool) {
	digits := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '0' && i+1 < len(text) && (text[i+1]|0x20) == 'x', c == '\\' && i+1 < len(text) && text[i+1] == 'x':
			i++
		case c == ' ' || c == ':' || c == ',' || c == '\t' || c == '\r' || c == '\n':
		default:
			digits = append(digits, c)
		}
	}
	n, err := hex.Decode(digits, digits)
	return digits[:n], err == nil && n > 0
}

func readLooseBase64(text []byte) ([]byte, error) {
	compact := make([]byte, 0, len(text))
	for i, c := range text {
		switch c {
		case '\r', '\n':
			continue
		case ' ', '\t':
			if line := bytes.TrimLeft(text[i:], " \t"); line[0] == '\r' || line[0] == '\n' || text[i-1] <= ' ' {
				continue // around a line end; elsewhere it would let prose pass
			}
			return nil, fmt.Errorf("neither JSON nor base64 nor hex: a blank at byte %d", i)
		case '-':
			c = '+'
		case '_':
			c = '/'
		case '=':
			if len(bytes.Trim(text[i:], "=\r\n")) > 0 {
				return nil, fmt.Errorf("not base64: %q in its middle, at byte %d", c, i)
			}
			continue
		default:
			if !isBase64(c) {
				return nil, fmt.Errorf("neither JSON nor base64 nor hex: %q at byte %d", c, i)
			}
		}
		compact = append(compact, c)
	}
	if _, err := base64.RawStdEncoding.Decode(compact, compact); err != nil || len(compact) == 0 {
		return nil, errors.New("not base64: it is cut off in the middle of a byte")
	}
	return compact[:base64.RawStdEncoding.DecodedLen(len(compact))], nil
}

func isBase64(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/'
}
