package recordio

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/wire"
)

// hexDump is how hexdump -C, xxd and od -A x -t x1 begin: with offset 0.
var hexDump = regexp.MustCompile(`^0{6,16}(:? ) *[0-9a-fA-F]{2,8}( |$|\n|\r)`)

// parseHexDump reads the output of hexdump -C, xxd or od -A x -t x1, and holds it against its offsets.
func parseHexDump(text []byte) (data []byte, err error) {
	var row []byte
	repeated := false
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
			continue
		case string(line) == "*":
			repeated = true
			continue
		}
		digits, rest, _ := bytes.Cut(line, []byte{' '})
		offset, err := strconv.ParseUint(string(bytes.TrimSuffix(digits, []byte{':'})), 16, 32)
		if err != nil {
			return nil, fmt.Errorf("%.40q does not start with an offset", line)
		}
		if missing := int(offset) - len(data); repeated && len(row) == 16 && missing > 0 && offset <= wire.LargestRecord { // a few bytes must not stand for more
			data = append(data, bytes.Repeat(row, missing/len(row))...)
		}
		if repeated = false; offset != uint64(len(data)) {
			return nil, fmt.Errorf("offset %x after %x bytes: lines are missing, or it is not one byte after the other (hexdump needs -C)", offset, len(data))
		}
		if row, err = dumpedRow(rest, bytes.HasSuffix(digits, []byte{':'})); err != nil {
			return nil, err
		}
		data = append(data, row...)
	}
	if swapped := bytes.HasPrefix(data, []byte("\xc2\x9a\x89\xf3")) || bytes.HasPrefix(data, []byte("\x89\xf3\xc2\x9a")); swapped || wideGroups.Match(text) && !deagg.HasMagic(data) {
		return nil, errGroups
	}
	return data, nil
}

// wideGroups are xxd's of four bytes and more, as it prints for -e, where their order depends on the machine, and for -g.
var wideGroups = regexp.MustCompile(`^[0-9a-fA-F]+: *[0-9a-fA-F]{8}`)

var errGroups = errors.New("groups of bytes whose order can't be told (xxd -e?): use xxd without -e and -g")

// dumpedRow reads the bytes of a line, up to the characters that hexdump -C has in bars, and xxd after two blanks.
func dumpedRow(rest []byte, xxd bool) (row []byte, err error) {
	if xxd {
		rest, _, _ = bytes.Cut(bytes.TrimLeft(rest, " "), []byte("  "))
	} else {
		rest, _, _ = bytes.Cut(rest, []byte("|"))
	}
	for _, group := range bytes.Fields(rest) {
		if !xxd && len(group) != 2 {
			return nil, errors.New("groups of more than a byte, in an order that depends on the machine: use hexdump -C")
		}
		if row, err = hex.AppendDecode(row, group); err != nil {
			return nil, fmt.Errorf("%.40q is not hex", group)
		}
	}
	return row, nil
}
