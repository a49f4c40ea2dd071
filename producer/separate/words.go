package separate

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
)

const (
	lastLines  = 12       // that are quoted
	longestLog = 16 << 10 // of one line, in bytes; the rest of it is left out
)

// words is what a child writes to stderr: all of it goes to the logger, the last lines are kept.
type words struct {
	log  *slog.Logger
	hear func(text string) // of what is wrong

	mu    sync.Mutex
	crash string // the first line of a crash of Go's, which many lines follow
	last  []string
}

// read reads until the end. The KPL's records are three lines and more: "++++", the text with its level, "----". What is
// outside of one is a warning, as with the KPL's wrapper.
func (w *words) read(r io.Reader) {
	in := bufio.NewReaderSize(r, longestLog)
	var record []string
	inside := false
	for {
		line, err := readLine(in)
		switch {
		case line == "++++":
			inside, record = true, nil
		case line == "----" && inside:
			w.say(record)
			inside, record = false, nil
		case line != "":
			w.keep(line)
			if !inside {
				w.say([]string{line})
			} else if record = append(record, line); len(record) == 100 { // it may never end
				w.say(record)
				record = nil
			}
		}
		if err != nil {
			w.say(record)
			return
		}
	}
}

// readLine returns a line, or the first part of a long one.
func readLine(in *bufio.Reader) (string, error) {
	slice, err := in.ReadSlice('\n')
	line := strings.TrimRight(string(slice), "\r\n")
	for err == bufio.ErrBufferFull {
		_, err = in.ReadSlice('\n')
	}
	return line, err
}

func (w *words) keep(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crash == "" && isCrash(line) {
		w.crash = line
	}
	if w.last = append(w.last, line); len(w.last) > lastLines {
		w.last = w.last[1:]
	}
}

// isCrash tells whether a line is the first of a crash of Go's.
func isCrash(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
}

// quote returns the last lines, after that of a crash.
func (w *words) quote() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []string
	if w.crash != "" {
		lines = append(lines, w.crash)
	}
	for _, line := range w.last {
		if line != w.crash {
			lines = append(lines, line)
		}
	}
	return lines
}

func (w *words) say(record []string) {
	if len(record) > 0 {
		text := strings.Join(record, "\n")
		level := levelOf(text)
		w.log.Log(context.Background(), level, text, slog.String("from", "child"))
		if level >= slog.LevelWarn {
			w.hear(text)
		}
	}
}

// levels are those of the KPL, and of slog's text.
var levels = map[string]slog.Level{
	"trace": slog.LevelDebug, "debug": slog.LevelDebug, "info": slog.LevelInfo,
	"warn": slog.LevelWarn, "warning": slog.LevelWarn, "error": slog.LevelError, "fatal": slog.LevelError,
}

// levelOf finds the first [level]; without one it is a warning.
func levelOf(text string) slog.Level {
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "[")
		if !found {
			return slog.LevelWarn
		}
		word, _, _ := strings.Cut(after, "]")
		if level, ok := levels[strings.ToLower(word)]; ok {
			return level
		}
		rest = after
	}
}
