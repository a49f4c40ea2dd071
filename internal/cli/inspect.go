package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/recordio"
)

func newInspect(s Streams) *cobra.Command {
	i := &inspection{s: s, drawer: drawer{pen: penFor(s.Out)}}
	cmd := &cobra.Command{
		Use:   "inspect [FILE | TEXT]…",
		Short: "Shows what is in a stored record, and what is wrong with it",
		Long: `Shows the anatomy of stored records: checksum, key tables, user records with offsets and sizes, hash keys, and what
is wrong and where. It takes all that 'kplkit deagg' reads, from files or stdin, and one record as people paste it, on
the command line or on stdin: base64 (wrapped, URL-safe or unpadded, too), hex (with blanks, colons or 0x), the output
of hexdump -C, xxd or od -A x -t x1, and what programs print of bytes: Node's Buffer, Python's b'…', strings with \x
escapes, lists of numbers (Go, Java, Python). Prints that do not have all bytes are refused, with the way to get them.

First comes a summary: sizes, keys with their user records, ranges, what is wrong; then the first and the last user
records. --all shows all of it. Long data is shortened. On a terminal it is coloured, unless NO_COLOR is set.

--svg FILE draws the bytes of the first record, too: its fields as blocks, with a legend, for a light and a dark
background. However large the record is, the file has at most half a MiB: of long records the bytes of the start
and the end are drawn one by one. FILE is replaced as a whole; it can't be one of the inputs, or where stdout or stderr go.
With - the drawing goes to stdout instead of the text.

Exit code 3 says that something is wrong with a record. An input with nothing in it is an error here; 'kplkit deagg',
'agg' and 'put' report counts of 0.`,
		Example: `  kplkit inspect capture.jsonl.gz
  kplkit inspect 84mawgoBYRoFCAAaAWJ8GgX8cEUzgZCB5fj3m58o
  kplkit inspect --svg record.svg 84mawgoBYRoFCAAaAWJ8GgX8cEUzgZCB5fj3m58o
  pbpaste | kplkit inspect --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			i.json = jsonFlag(cmd)
			switch {
			case cmd.Flags().Changed("svg") && i.svg == "":
				return usageError{errors.New("--svg: want the name of a file, or -")}
			case i.svg == "-" && i.json:
				return usageError{errors.New("--svg - and --json both write to stdout: choose one")}
			}
			return i.run(cmd.Context(), args)
		},
	}
	cmd.Flags().BoolVar(&i.all, "all", false, "show all keys, user records and problems")
	cmd.Flags().StringVar(&i.svg, "svg", "", "draw the bytes of the first record into `FILE`")
	return cmd
}

// inspection is a run of kplkit inspect.
type inspection struct {
	s     Streams
	json  bool
	svg   string // the file of a drawing; "": none
	shown int    // records
	wrong bool   // something is, with a record
	drawer
}

func (i *inspection) run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		args = []string{"-"}
	}
	if i.svg != "" && i.svg != "-" {
		if _, _, err := checkReplaced(i.svg, i.s, args); err != nil {
			return usageError{fmt.Errorf("--svg %s: %w", i.svg, err)}
		}
	}
	var failed error
	for _, arg := range args {
		err := i.argument(ctx, arg)
		switch {
		case ctx.Err() != nil:
			return errInterrupted
		case err == nil:
			continue
		case err != errReported:
			fmt.Fprintf(i.s.Err, "kplkit: %v\n", err)
		}
		failed = errReported
	}
	if i.svg != "" && i.shown > 1 {
		fmt.Fprintf(i.s.Err, "kplkit: the drawing shows the first of %d records\n", i.shown)
	}
	if failed == nil && i.wrong {
		return errFindings
	}
	return failed
}

// argument inspects a file, stdin, or what is pasted in place of a file's name.
func (i *inspection) argument(ctx context.Context, arg string) error {
	src, err := recordio.Open(ctx, arg, i.s.In, func(int64) {})
	if err == nil {
		defer src.Close()
		return i.source(ctx, src)
	}
	if strings.HasPrefix(arg, "{") || strings.HasPrefix(arg, "[") {
		return i.source(ctx, &recordio.Source{Reader: strings.NewReader(arg), Name: "argument"})
	}
	data, form, pasted := recordio.ParsePasted([]byte(arg))
	switch {
	case errors.Is(pasted, recordio.ErrReplaced), pasted != nil && form != "" && form != "base64": // it is known what it is
		return pasted
	case pasted != nil:
		return fmt.Errorf("no file (%w), and no record as text: %w", err, pasted)
	case form == "base64" && recordio.MayBeName(arg, data):
		return fmt.Errorf("no file (%w); if %q is base64, write it as {\"data\":…}", err, arg)
	}
	return i.pasted(data, form)
}

// source inspects the records of an input: JSON, or lines of text, or else one record as text.
func (i *inspection) source(ctx context.Context, src *recordio.Source) error {
	isJSON, err := src.StartsJSON()
	switch {
	case err == io.EOF:
		return fmt.Errorf("%s: there is nothing in it: want a stored record, as JSON, base64, hex or bytes", src.Name)
	case err != nil:
		return fmt.Errorf("%s: %w", src.Name, err)
	case isJSON:
		return i.records(ctx, src)
	}
	text, err := src.ReadText()
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", src.Name, err)
	case recordio.IsLines(text):
		return i.records(ctx, &recordio.Source{Reader: bytes.NewReader(text), Name: src.Name})
	}
	data, form, err := recordio.ParsePasted(text)
	if err != nil {
		return fmt.Errorf("%s: %w", src.Name, err)
	}
	return i.pasted(data, form)
}

func (i *inspection) records(ctx context.Context, src *recordio.Source) (result error) {
	before := i.shown
	src.Text, src.Prints = true, true
	src.Tell = func(err error) { fmt.Fprintf(i.s.Err, "kplkit: %v\n", err) }
	errs := folding{tell: src.Tell}
	defer errs.end()
	for r, err := range src.Records() {
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			errs.add(err)
			result = errReported
			continue
		}
		if err := i.show(dissect(r)); err != nil {
			return err
		}
	}
	if result == nil && i.shown == before && ctx.Err() == nil {
		return fmt.Errorf("%s: there is no record in it", src.Name)
	}
	return result
}

func (i *inspection) pasted(data []byte, form string) error {
	a := dissect(&recordio.Record{StoredRecord: deagg.StoredRecord{Data: data}})
	a.ReadAs = form
	return i.show(a)
}

func (i *inspection) show(a *anatomy) error {
	i.wrong = i.wrong || len(a.Problems) > 0
	i.shown++
	switch {
	case i.svg == "-" && i.shown > 1:
		return nil
	case i.svg == "-":
		_, err := i.s.Out.Write(drawSVG(a))
		return err
	case i.svg != "" && i.shown == 1:
		if err := replaceWith(i.svg, drawSVG(a)); err != nil {
			return fmt.Errorf("--svg %s: %w", i.svg, err)
		}
	}
	w := bufio.NewWriterSize(i.s.Out, 64<<10)
	var err error
	if i.json {
		err = a.encode(w)
	} else {
		err = i.draw(w, a)
	}
	return cmp.Or(w.Flush(), err)
}
