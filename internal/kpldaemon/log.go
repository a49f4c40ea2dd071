package kpldaemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// NewLogger returns a Logger that writes records as the KPL's native binary does, which the Java wrapper reads. level is
// that of -l; what it does not know is info.
func NewLogger(w io.Writer, level string) *slog.Logger {
	l, known := map[string]slog.Level{
		"trace": slog.LevelDebug - 4, "debug": slog.LevelDebug, "info": slog.LevelInfo, "": slog.LevelWarn, "warn": slog.LevelWarn,
		"warning": slog.LevelWarn, "error": slog.LevelError, "fatal": Fatal, "off": Fatal + 1,
	}[strings.ToLower(level)]
	if !known {
		l = slog.LevelInfo
	}
	return slog.New(&handler{out: w, level: l, mu: new(sync.Mutex)})
}

// Fatal is the level of what ends the process.
const Fatal = slog.LevelError + 4

// handler writes a record of three lines in one Write.
type handler struct {
	out    io.Writer
	level  slog.Level
	mu     *sync.Mutex
	before []slog.Attr
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *handler) WithAttrs(as []slog.Attr) slog.Handler {
	with := *h
	with.before = append(with.before[:len(with.before):len(with.before)], as...)
	return &with
}

func (h *handler) WithGroup(string) slog.Handler { return h } // names suffice

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "++++\n[%s] [0x%08x][0x%016x] [%s] [%s] %s", r.Time.UTC().Format("2006-01-02 15:04:05.000000"),
		os.Getpid(), 0, levelName(r.Level), place(r.PC), oneLine(r.Message))
	write := func(a slog.Attr) bool {
		value := a.Value.Resolve().String()
		if a.Value.Kind() == slog.KindTime {
			value = a.Value.Time().UTC().Format(time.RFC3339Nano)
		}
		if a.Value.Kind() == slog.KindString || a.Value.Kind() == slog.KindAny {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(&b, " %s=%s", a.Key, value)
		return true
	}
	for _, a := range h.before {
		write(a)
	}
	r.Attrs(write)
	b.WriteString("\n----\n")
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.out.Write(b.Bytes())
	return err
}

func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelDebug:
		return "trace"
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warning"
	case l < Fatal:
		return "error"
	}
	return "fatal"
}

// oneLine keeps a text from looking like the frame of a record.
func oneLine(text string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(text) }

func place(pc uintptr) string {
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
}
