package kpldaemon

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

// listener takes connections of clients: on a Unix socket of the user's own, or on the loopback interface with a token.
type listener struct {
	net.Listener
	token string // "": none
	most  int    // clients at a time
}

// minToken is how long a token has to be, in bytes: it must not be guessed.
const minToken = 16

// tokenTime is how long a connection has for its token.
const tokenTime = 5 * time.Second

// Limits of connections: how many clients are served at a time, and how many more may be on their way in.
const (
	maxConnections = 1000
	maxEntering    = 1000
)

// listen listens on a Unix socket, or on tcp:PORT.
func listen(where, token string) (*listener, error) {
	if port, isTCP := strings.CutPrefix(where, "tcp:"); isTCP {
		return listenTCP(port, token)
	}
	l, err := listenUnix(where)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", where, err)
	}
	return &listener{Listener: l, most: maxConnections}, nil
}

func listenTCP(port, token string) (*listener, error) {
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, fmt.Errorf("--listen tcp:%s: want a port from 0 (any free one) to 65535", port)
	}
	if len(token) < minToken {
		return nil, fmt.Errorf("--listen tcp:%s: a token is required, since every user of this machine can connect: set %s to %d random characters or more", port, TokenVariable, minToken)
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, fmt.Errorf("--listen tcp:%s: %w", port, err)
	}
	return &listener{l, token, maxConnections}, nil
}

// TokenVariable is the environment variable that holds the token.
const TokenVariable = "KPLKIT_DAEMON_TOKEN"

func (l *listener) address() string {
	if l.token != "" {
		return "tcp:" + l.Addr().String()
	}
	return l.Addr().String()
}

// serve serves connections until the listener is closed. Only those whose token is right take a client's place.
func (l *listener) serve(d *Daemon) {
	entering, slots := make(chan struct{}, maxEntering), make(chan struct{}, min(l.most, d.budget.mostClients()))
	for n := 1; ; n++ {
		entering <- struct{}{}
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // too many open files, most likely
			d.log.Error("A connection could not be taken", slog.Any("error", err))
			time.Sleep(acceptPause)
			<-entering
			continue
		}
		go func() {
			defer c.Close()
			err := l.admit(c)
			if err == nil {
				slots <- struct{}{}
				defer func() { <-slots }()
			}
			<-entering
			name := fmt.Sprintf("connection %d", n)
			if err == nil {
				err = d.Serve(name, c, c)
			}
			if err != nil {
				d.log.Error("A client is cut off", slog.String("client", name), slog.Any("error", err))
			}
		}()
	}
}

// acceptPause keeps a machine that is short of something from more work.
const acceptPause = 100 * time.Millisecond

var errToken = errors.New("its first frame is not the token")

// admit reads a frame that holds the token, and nothing after it.
func (l *listener) admit(c net.Conn) error {
	if l.token == "" {
		return nil
	}
	c.SetReadDeadline(time.Now().Add(tokenTime))
	defer c.SetReadDeadline(time.Time{})
	for _, want := range [][]byte{binary.BigEndian.AppendUint32(nil, uint32(len(l.token))), []byte(l.token)} {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c, got); err != nil {
			return fmt.Errorf("%w: %w", errToken, err)
		}
		if subtle.ConstantTimeCompare(got, want) != 1 {
			return errToken
		}
	}
	return nil
}
