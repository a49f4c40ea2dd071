package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"

	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/producer"
)

// records puts the records of an input in JSON, up to the first that can't be read: what follows then might be
// anything, and what is put stays put.
func (p *putting) records(ctx context.Context, src *recordio.Source) error {
	src.Need, src.Tell = recordio.NeedKeys, p.nested.tell
	for r, err := range src.Records() {
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			if nested := p.nested.check(r); nested != nil {
				err = r.At(nested)
			}
		}
		if at := new(recordio.LineError); errors.As(err, &at) {
			read := p.next(place{file: at.File, line: at.Line})
			if read.n == 1 && r == nil && !errors.As(err, new(*fs.PathError)) {
				at.Err = fmt.Errorf("%w (lines of text need --lines)", at.Err)
			}
			p.failed(read, nil, endsReading(at.Err))
			return errReported
		}
		p.status.haveRead(src.Consumed())
		p.put(ctx, place{file: r.File, line: r.Line}, producer.Record{
			PartitionKey: strings.Clone(r.PartitionKey), ExplicitHashKey: strings.Clone(r.ExplicitHashKey), Data: bytes.Clone(r.Data),
		})
	}
	return nil
}

// lines puts the lines of an input.
func (p *putting) lines(ctx context.Context, src *recordio.Source) error {
	in := bufio.NewReaderSize(src, 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(in)
		if ctx.Err() != nil || err == io.EOF {
			return nil
		}
		at := place{file: src.Name, line: n}
		if err == nil {
			err = p.nested.checkLine(at, line)
		}
		switch {
		case err == errLineTooLong:
			p.failed(p.next(at), nil, err)
		case err != nil:
			p.failed(p.next(at), nil, endsReading(err))
			return errReported
		default:
			p.status.haveRead(src.Consumed())
			p.put(ctx, at, producer.Record{PartitionKey: p.o.keyOfLine(), Data: line})
		}
	}
}

func endsReading(err error) error {
	return fmt.Errorf("%w; from here on nothing is read: fix it and put the rest", err)
}

func (o *putOptions) keyOfLine() string {
	if o.partitionKey != "" {
		return o.partitionKey
	}
	return fmt.Sprintf("%08x", rand.Uint32())
}

var errLineTooLong = errors.New("a line of more than 10 MiB: no stream takes it, split it")

// readLine returns the next line without its end, in memory of its own. After errLineTooLong the next one follows;
// before any other error what is left is no whole line, unless that is io.EOF.
func readLine(in *bufio.Reader) (line []byte, err error) {
	for tooLong := false; ; {
		part, err := in.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > wire.LargestRecord+len("\r\n"); !tooLong {
			line = append(line, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(line) == 0 && !tooLong, err != nil && err != io.EOF:
			return nil, err
		case tooLong:
			return nil, errLineTooLong
		case err == nil:
			line = bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'})
		}
		return line, nil
	}
}
