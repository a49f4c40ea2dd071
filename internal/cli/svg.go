package cli

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

// The measures of a drawing, in pixels, but for bytes and rows.
const (
	svgWidth, svgMargin = 960, 20
	svgBar              = svgWidth - 2*svgMargin // of all bytes, to scale
	svgRow              = 32                     // bytes
	svgCell, svgLine    = 26, 24
	svgOffsets          = svgWidth - svgMargin - svgRow*svgCell // where the bytes begin
	svgAllRows          = 32                                    // of records that are drawn byte by byte in full
	svgFirst, svgLast   = 16, 8                                 // rows of longer ones
	svgProblems         = 6
)

// drawSVG draws the bytes of a record: all of them to scale, then one by one, in the colours of what they are. Its size
// is bounded, whatever the record holds.
func drawSVG(a *anatomy) []byte {
	d := &svgDrawing{a: a, y: 3*svgMargin + 16, windows: svgWindows(a.Size)}
	a.eachRegion(func(r region) {
		d.sizes[r.kind] += r.end - r.start
		d.onBar(r)
		d.onRows(r)
	})
	d.flushBar()
	d.hex()
	d.y += svgMargin + 40 + d.rows()*svgLine
	d.legend()
	d.problems()
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%d" role="img">`+"\n", svgWidth, d.y, d.y)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", escaped(d.title()), svgStyle)
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d"/>`+"\n", svgWidth, d.y)
	fmt.Fprintf(&b, `<text class="head" x="%d" y="%d">%s</text>`+"\n", svgMargin, svgMargin+16, escaped(d.title()))
	b.Write(d.bar.Bytes())
	b.Write(d.grid.Bytes())
	b.Write(d.below.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// svgWindow are the bytes of some rows. They begin with the row first of the drawing.
type svgWindow struct{ start, end, first int }

// svgWindows returns what is drawn byte by byte of a record: all of it, or its start and its end.
func svgWindows(size int) []svgWindow {
	rows := (size + svgRow - 1) / svgRow
	if rows <= svgAllRows {
		return []svgWindow{{0, size, 0}}
	}
	return []svgWindow{{0, svgFirst * svgRow, 0}, {(rows - svgLast) * svgRow, size, svgFirst + 1}}
}

type svgDrawing struct {
	a                *anatomy
	windows          []svgWindow
	sizes            [regionKinds]int
	bar, grid, below bytes.Buffer
	pending          region           // of the bar: what is not drawn yet
	parts            int              // regions in it
	kinds            [regionKinds]int // bytes in it
	y                int              // where the next thing is drawn
}

func (d *svgDrawing) title() string {
	a := d.a
	what := "plain record"
	if a.Aggregated {
		what = fmt.Sprintf("aggregated record: %d user records, %d partition keys", len(a.UserRecords), len(a.PartitionKeys))
	}
	if a.SequenceNumber != "" {
		what += ", " + shorten([]byte(a.SequenceNumber))
	}
	return fmt.Sprintf("%s, %d bytes", what, a.Size)
}

// onBar puts a region on the bar. What is less than a pixel wide is drawn together, in the colour of most of it.
func (d *svgDrawing) onBar(r region) {
	if d.parts > 0 && d.pixel(r.start) > d.pixel(d.pending.start) {
		d.flushBar()
	}
	if d.parts == 0 {
		d.pending = r
	}
	d.pending.end = r.end
	d.kinds[r.kind] += r.end - r.start
	d.parts++
}

func (d *svgDrawing) pixel(offset int) int {
	return int(int64(offset) * svgBar / int64(max(d.a.Size, 1)))
}

func (d *svgDrawing) flushBar() {
	if d.parts == 0 {
		return
	}
	title := d.pending.title(d.a)
	if d.parts > 1 {
		title = fmt.Sprintf("%d fields, %d bytes at %d", d.parts, d.pending.end-d.pending.start, d.pending.start)
	}
	kind := d.pending.kind
	for k, size := range d.kinds {
		if size > d.kinds[kind] {
			kind = regionKind(k)
		}
	}
	x := d.pixel(d.pending.start)
	d.rect(&d.bar, kind, svgMargin+x, 3*svgMargin, max(1, d.pixel(d.pending.end)-x), 28, title)
	d.parts, d.kinds = 0, [regionKinds]int{}
}

func (d *svgDrawing) rect(b *bytes.Buffer, kind regionKind, x, y, width, height int, title string) {
	thin := ""
	if width < 4 { // the edge would be all of it
		thin = " thin"
	}
	fmt.Fprintf(b, `<rect class="k%d%s" x="%d" y="%d" width="%d" height="%d"><title>%s</title></rect>`+"\n", kind, thin, x, y, width, height, escaped(title))
}

// onRows draws a region as blocks of the rows that are drawn.
func (d *svgDrawing) onRows(r region) {
	for _, w := range d.windows {
		for start, end := max(r.start, w.start), min(r.end, w.end); start < end; {
			stop := min(end, start/svgRow*svgRow+svgRow)
			x, y := d.place(w, start)
			d.rect(&d.grid, r.kind, x, y, (stop-start)*svgCell, svgLine-2, r.title(d.a))
			start = stop
		}
	}
}

// place returns where a byte of a window is drawn.
func (d *svgDrawing) place(w svgWindow, offset int) (x, y int) {
	row := w.first + (offset-w.start)/svgRow
	return svgOffsets + (offset-w.start)%svgRow*svgCell, d.y + svgMargin + 20 + row*svgLine
}

func (d *svgDrawing) rows() int {
	last := d.windows[len(d.windows)-1]
	return last.first + (last.end-last.start+svgRow-1)/svgRow
}

// hex writes the bytes of the rows, and where each row begins.
func (d *svgDrawing) hex() {
	wrong := map[int]bool{}
	for _, p := range d.a.Problems {
		wrong[p.Offset] = true
	}
	for i, w := range d.windows {
		if i > 0 {
			_, y := d.place(w, w.start)
			gap := w.start - d.windows[0].end
			fmt.Fprintf(&d.grid, `<text class="dim" x="%d" y="%d">… %d bytes …</text>`+"\n", svgOffsets+4, y-8, gap)
		}
		for at := w.start; at < w.end; at++ {
			x, y := d.place(w, at)
			if (at-w.start)%svgRow == 0 {
				fmt.Fprintf(&d.grid, `<text class="dim end" x="%d" y="%d">%d</text>`+"\n", svgOffsets-8, y+15, at)
			}
			if wrong[at] {
				fmt.Fprintf(&d.grid, `<rect class="wrong" x="%d" y="%d" width="%d" height="%d"/>`+"\n", x+1, y+1, svgCell-2, svgLine-4)
			}
			fmt.Fprintf(&d.grid, `<text class="hex" x="%d" y="%d">%02x</text>`+"\n", x+svgCell/2, y+15, d.a.data[at])
		}
	}
}

// legend names the kinds that there are, with their bytes.
func (d *svgDrawing) legend() {
	const columns, width = 3, svgBar / 3
	n := 0
	for kind, size := range d.sizes {
		if size == 0 {
			continue
		}
		x, y := svgMargin+n%columns*width, d.y+n/columns*svgLine
		d.rect(&d.below, regionKind(kind), x, y, 16, 16, regionNames[kind])
		share := 100 * float64(size) / float64(d.a.Size)
		fmt.Fprintf(&d.below, `<text x="%d" y="%d">%s: %d (%.*f %%)</text>`+"\n", x+24, y+13, regionNames[kind], size, 1, share)
		n++
	}
	d.y += (n + columns - 1) / columns * svgLine
}

func (d *svgDrawing) problems() {
	more := len(d.a.Problems) + d.a.MoreProblems
	for _, p := range d.a.Problems[:min(len(d.a.Problems), svgProblems)] {
		d.y += svgLine
		fmt.Fprintf(&d.below, `<text class="bad" x="%d" y="%d">byte %d: %s</text>`+"\n", svgMargin, d.y, p.Offset, escaped(cut(p.Text, 110)))
		more--
	}
	if more > 0 {
		d.y += svgLine
		fmt.Fprintf(&d.below, `<text class="bad" x="%d" y="%d">and %d more</text>`+"\n", svgMargin, d.y, more)
	}
	d.y += svgMargin
}

func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// escaped makes text of an XML document: keys come from anywhere.
func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// svgColours are those of each kind, for a light and a dark page. Text on them has a contrast of 7 or more.
var svgColours = [regionKinds][2]string{
	{"#c9d1d9", "#484f58"}, {"#a5d8ff", "#0b4f86"}, {"#bfe3e0", "#0f5c57"}, {"#e3d7f5", "#4c3a70"}, {"#f7c6e0", "#7a2456"}, {"#c3e8b5", "#225c1b"},
	{"#fde2a7", "#6b4a00"}, {"#e8dccb", "#5a4a36"}, {"#f3f3f3", "#262626"}, {"#dde5a6", "#4c5612"}, {"#ffc9c4", "#8a1f17"}, {"#c3e8b5", "#225c1b"},
}

var svgStyle = func() string {
	var light, dark, rules strings.Builder
	for kind, c := range svgColours {
		k := strconv.Itoa(kind)
		light.WriteString("--k" + k + ":" + c[0] + ";")
		dark.WriteString("--k" + k + ":" + c[1] + ";")
		rules.WriteString(".k" + k + "{fill:var(--k" + k + ")}")
	}
	return "svg{--page:#fff;--ink:#1b1f24;--dim:#57606a;--bad:#b3261e;" + light.String() +
		"font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}" +
		"@media(prefers-color-scheme:dark){svg{--page:#0d1117;--ink:#f0f3f6;--dim:#9ea7b3;--bad:#ff8a80;" + dark.String() + "}}" +
		"text{fill:var(--ink)}rect{stroke:var(--page)}.page{fill:var(--page)}.head{font-weight:bold;font-size:15px}" +
		".thin{stroke:none}.dim{fill:var(--dim)}.end{text-anchor:end}.hex{text-anchor:middle;pointer-events:none}.bad{fill:var(--bad)}" +
		".wrong{fill:none;stroke:var(--bad);stroke-width:2;pointer-events:none}" + rules.String()
}()
