package kpldaemon

import (
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

var nativeRecord = regexp.MustCompile(`^\+\+\+\+\n\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\] \[0x[0-9a-f]{8}\]\[0x[0-9a-f]{16}\] \[([a-z]+)\] \[log_test\.go:\d+\] ([^\n]*)\n----\n$`)

// TestLog: records are as the native binary's, at the level of -l and above, each in one piece.
func TestLog(t *testing.T) {
	var b strings.Builder
	log := NewLogger(&b, "trace").With("stream", "a")
	log.Warn("Two\nlines, and [error]", slog.Any("error", errors.New("a\nb")), slog.Int("n", 7))
	m := nativeRecord.FindStringSubmatch(b.String())
	if m == nil || m[1] != "warning" || m[2] != `Two lines, and [error] stream="a" error="a\nb" n=7` {
		t.Errorf("%q", b.String())
	}
	for level, want := range map[string]int{"trace": 5, "debug": 5, "info": 4, "INFO": 4, "other": 4, "": 3, "warn": 3, "Warning": 3, "error": 2, "fatal": 1, "off": 0} {
		b.Reset()
		log := NewLogger(&b, level)
		log.Debug("x")
		log.Info("x")
		log.Warn("x")
		log.Error("x")
		log.Log(t.Context(), Fatal, "x")
		if got := strings.Count(b.String(), "++++\n"); got != want {
			t.Errorf("-l %s: %d records, want %d", level, got, want)
		}
	}
}
