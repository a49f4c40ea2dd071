package kpldaemon

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// daemon reads the arguments in the KPL's order.
func (a Arguments) daemon(ctx context.Context, log *slog.Logger) (*Daemon, error) {
	for _, required := range []struct{ value, name string }{{a.From, "output-pipe"}, {a.To, "input-pipe"}} {
		if required.value == "" && (a.Listen == "" || a.From+a.To != "") {
			return nil, setting("the option '--%s' is required", required.name)
		}
	}
	if a.Configuration == "" {
		return nil, setting("the option '--configuration' is required")
	}
	if a.Grace < 0 {
		return nil, setting("--grace is %v, want 0s or more", a.Grace)
	}
	if a.MaxBuffered < minBuffered || a.MaxBuffered > kplpipe.MostBuffered {
		return nil, setting("--max-buffered is %d, want %d to %d", a.MaxBuffered, minBuffered, kplpipe.MostBuffered)
	}
	o := Options{CAPath: a.CAPath, CAFile: a.CAFile, MaxBuffered: a.MaxBuffered, Logger: log}
	m, err := argument("configuration", a.Configuration)
	if err != nil {
		return nil, err
	}
	if o.Configuration = m.GetConfiguration(); o.Configuration == nil {
		return nil, setting("--configuration holds another message: want a Message with configuration")
	}
	if err := kplpipe.Validate(o.Configuration); err != nil {
		return nil, setting("--configuration: %w", err)
	}
	if o.Kinesis, err = keys("kinesis-credentials", a.Credentials); err != nil {
		return nil, err
	}
	if o.Metrics, err = keys("cloudwatch-credentials", a.Cloudwatch); err != nil {
		return nil, err
	}
	if o.Kinesis.Pipe == nil && a.DefaultCredentials {
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, setting("--default-credentials: %w", err)
		}
		o.Kinesis.Provider = cfg.Credentials
	}
	d, err := New(ctx, o)
	if err != nil { // all of it is settings
		return nil, settingError{err}
	}
	return d, nil
}

// minBuffered is the least of --max-buffered: the largest record twice. The most is kplpipe.MostBuffered.
const minBuffered = 24 << 20

func argument(name, text string) (*kplpb.Message, error) {
	m, err := kplpipe.ParseArgument(text)
	switch {
	case errors.Is(err, kplpipe.ErrHex):
		return nil, setting("Input is not valid hexadecimal: --%s: %w", name, err)
	case err != nil:
		return nil, setting("Could not deserialize protobuf message: --%s: %w", name, err)
	}
	return m, nil
}

func keys(name, text string) (Keys, error) {
	if text == "" {
		return Keys{}, nil
	}
	m, err := argument(name, text)
	if err != nil {
		return Keys{}, err
	}
	if m.GetSetCredentials() == nil {
		return Keys{}, setting("--%s holds another message: want a Message with set_credentials", name)
	}
	return Keys{Pipe: m.GetSetCredentials().GetCredentials()}, nil
}
