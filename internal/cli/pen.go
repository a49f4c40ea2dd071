package cli

import "os"

// pen colours text on a terminal. In the columns of a tabwriter only the last cell of a line can have a colour: the
// others would be taken for wider than they are.
type pen struct{ on bool }

// penFor returns a pen that colours where somebody sees it: on a terminal that knows colours, unless NO_COLOR is set
// (no-color.org).
func penFor(out any) pen {
	return pen{isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (p pen) paint(code, text string) string {
	if !p.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p pen) bold(text string) string   { return p.paint("1", text) }
func (p pen) red(text string) string    { return p.paint("1;31", text) }
func (p pen) green(text string) string  { return p.paint("32", text) }
func (p pen) yellow(text string) string { return p.paint("33", text) }
