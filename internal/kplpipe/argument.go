package kplpipe

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// ErrHex is wrapped in the error of an argument whose text is not hexadecimal.
var ErrHex = errors.New("not valid hexadecimal: want the bytes of a message, two digits each, without blanks or 0x")

// FormatArgument returns a message as the text of an argument of the process: upper-case hexadecimal digits, as the
// Java wrapper writes them.
func FormatArgument(m *kplpb.Message) (string, error) {
	data, err := proto.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("kplpipe: message %d: %w", m.GetId(), err)
	}
	return strings.ToUpper(hex.EncodeToString(data)), nil
}

// ParseArgument returns the message of an argument of the process. Digits may be upper or lower case. The errors are
// ErrHex, ErrProtobuf, ErrNoID and ErrNoContent, wrapped; they hold nothing of the text, which may be a secret.
func ParseArgument(text string) (*kplpb.Message, error) {
	data, err := hex.DecodeString(text)
	if err != nil {
		return nil, ErrHex
	}
	m := new(kplpb.Message)
	if err := Unmarshal(data, m); err != nil {
		return nil, err
	}
	return m, nil
}
