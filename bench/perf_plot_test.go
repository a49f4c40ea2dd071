package bench

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// plot is a drawing of lines, both axes by powers of ten.
type plot struct {
	name, title, x, y string
	part              *part
	series            []*series
}

type series struct {
	name string
	x, y []float64
}

// plot begins a drawing of the part.
func (s *session) plot(name, title, x, y string) *plot {
	p := &plot{name: name, title: title, x: x, y: y, part: s.part()}
	s.plots = append(s.plots, p)
	return p
}

func (p *plot) add(name string, x, y float64) {
	for _, s := range p.series {
		if s.name == name {
			s.x, s.y = append(s.x, x), append(s.y, y)
			return
		}
	}
	p.series = append(p.series, &series{name, []float64{x}, []float64{y}})
}

// The measures of a drawing, in pixels: its size, and where its axes are.
const (
	plotWidth, plotHeight         = 760, 420
	plotLeft, plotTop             = 70, 50
	plotRight, plotBottom float64 = 560, 360
)

// plotColours are those of the series, in a light and in a dark page.
var plotColours = [][2]string{{"#0969da", "#58a6ff"}, {"#bc4c00", "#f0883e"}, {"#1a7f37", "#3fb950"}, {"#8250df", "#bc8cff"}, {"#6e7781", "#9ea7b3"}}

// decades returns the powers of ten around all values.
func decades(of func(*series) []float64, all []*series) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range all {
		for _, v := range of(s) {
			low, high = min(low, math.Floor(math.Log10(v))), max(high, math.Ceil(math.Log10(v)))
		}
	}
	return low, max(high, low+1)
}

func (p *plot) svg() string {
	x0, x1 := decades(func(s *series) []float64 { return s.x }, p.series)
	y0, y1 := decades(func(s *series) []float64 { return s.y }, p.series)
	atX := func(v float64) float64 { return plotLeft + (math.Log10(v)-x0)/(x1-x0)*(plotRight-plotLeft) }
	atY := func(v float64) float64 { return plotBottom - (math.Log10(v)-y0)/(y1-y0)*(plotBottom-plotTop) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%d" role="img">`+"\n", plotWidth, plotHeight, plotHeight)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n", p.title, plotStyle(), plotWidth, plotHeight)
	text := func(class string, x, y float64, words string) {
		fmt.Fprintf(&b, `<text class="%s" x="%.0f" y="%.0f">%s</text>`+"\n", class, x, y, words)
	}
	text("head", plotLeft, 26, p.title)
	for d := x0; d <= x1; d++ {
		x := atX(math.Pow(10, d))
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %dV%.0f"/>`+"\n", x, plotTop, plotBottom)
		text("middle", x, plotBottom+20, strconv.FormatFloat(math.Pow(10, d), 'f', -1, 64))
	}
	for d := y0; d <= y1; d++ {
		y := atY(math.Pow(10, d))
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%.0f"/>`+"\n", plotLeft, y, plotRight)
		text("end", plotLeft-8, y+4, strconv.FormatFloat(math.Pow(10, d), 'f', -1, 64))
	}
	text("middle", (plotLeft+plotRight)/2, plotBottom+44, p.x)
	text("end", plotLeft-8, plotTop-10, p.y)
	for i, s := range p.series {
		var points []string
		for j := range s.x {
			points = append(points, fmt.Sprintf("%.1f,%.1f", atX(s.x[j]), atY(s.y[j])))
			fmt.Fprintf(&b, `<circle class="f%d" cx="%.1f" cy="%.1f" r="4"><title>%s: %s</title></circle>`+"\n", i, atX(s.x[j]), atY(s.y[j]), s.name, number(s.y[j]))
		}
		fmt.Fprintf(&b, `<polyline class="l%d" points="%s"/>`+"\n", i, strings.Join(points, " "))
		y := plotTop + 10 + 24*float64(i)
		fmt.Fprintf(&b, `<circle class="f%d" cx="%.0f" cy="%.0f" r="5"/>`+"\n", i, plotRight+24, y-4)
		text("", plotRight+36, y, s.name)
	}
	return b.String() + "</svg>\n"
}

func plotStyle() string {
	var light, dark, rules strings.Builder
	for i, c := range plotColours {
		fmt.Fprintf(&light, "--c%d:%s;", i, c[0])
		fmt.Fprintf(&dark, "--c%d:%s;", i, c[1])
		fmt.Fprintf(&rules, ".f%d{fill:var(--c%[1]d)}.l%[1]d{fill:none;stroke:var(--c%[1]d);stroke-width:2}", i)
	}
	return "svg{--page:#fff;--ink:#1b1f24;--grid:#d0d7de;" + light.String() + "font:13px system-ui,sans-serif}" +
		"@media(prefers-color-scheme:dark){svg{--page:#0d1117;--ink:#f0f3f6;--grid:#30363d;" + dark.String() + "}}" +
		"text{fill:var(--ink)}.page{fill:var(--page)}.grid{stroke:var(--grid)}.head{font-weight:bold;font-size:15px}" +
		".middle{text-anchor:middle}.end{text-anchor:end}" + rules.String()
}
