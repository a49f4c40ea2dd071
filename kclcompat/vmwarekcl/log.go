package vmwarekcl

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/vmware/vmware-go-kcl-v2/logger"
)

// vmwareLog is a handler of log/slog that writes to the logger of vmware's configuration, as text: what deaggaws has to say
// stands beside what the worker says.
type vmwareLog struct {
	to     logger.Logger
	group  string // "a.b."
	before []slog.Attr
}

func (vmwareLog) Enabled(context.Context, slog.Level) bool { return true } // vmware's logger has its own level

func (l vmwareLog) Handle(_ context.Context, r slog.Record) error {
	text, separator := r.Message, ": "
	add := func(a slog.Attr) bool {
		text += fmt.Sprintf("%s%s %v", separator, a.Key, a.Value)
		separator = ", "
		return true
	}
	for _, a := range l.before {
		add(a)
	}
	r.Attrs(func(a slog.Attr) bool { return add(slog.Attr{Key: l.group + a.Key, Value: a.Value.Resolve()}) })
	write := l.to.Debugf
	switch {
	case r.Level >= slog.LevelError:
		write = l.to.Errorf
	case r.Level >= slog.LevelWarn:
		write = l.to.Warnf
	case r.Level >= slog.LevelInfo:
		write = l.to.Infof
	}
	write("%s", text)
	return nil
}

func (l vmwareLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	l.before = slices.Clip(l.before)
	for _, a := range attrs {
		l.before = append(l.before, slog.Attr{Key: l.group + a.Key, Value: a.Value.Resolve()})
	}
	return l
}

func (l vmwareLog) WithGroup(name string) slog.Handler {
	if name != "" {
		l.group += name + "."
	}
	return l
}
