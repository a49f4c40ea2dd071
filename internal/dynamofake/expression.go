package dynamofake

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Attributes are named at the top level only: a.b and a[0], which no lease needs, are told as not served.

var token = regexp.MustCompile(`^(?:[#:]?[A-Za-z0-9_]+|<=|>=|<>|[=<>(),+\-.\[\]])`)

// maxExpression is DynamoDB's limit in bytes. It also bounds the parser's recursion.
const maxExpression = 4096

// scope holds the names and values that a request's expressions may use, and knows which they did.
type scope struct {
	Names  map[string]string `json:"ExpressionAttributeNames"`
	Values map[string]value  `json:"ExpressionAttributeValues"`
	used   map[string]bool
}

// unused is DynamoDB's error for names and values that no expression of the request mentions.
func (s *scope) unused() error {
	for what, keys := range map[string][]string{
		"ExpressionAttributeNames":  slices.Sorted(maps.Keys(s.Names)),
		"ExpressionAttributeValues": slices.Sorted(maps.Keys(s.Values)),
	} {
		keys = slices.DeleteFunc(keys, func(k string) bool { return s.used[k] })
		if len(keys) > 0 {
			return validation("Value provided in %s unused in expressions: keys: {%s}", what, strings.Join(keys, ", "))
		}
	}
	return nil
}

// parser reads one expression. The first error sticks, and all that follows reads as the end.
type parser struct {
	what   string // ConditionExpression…, for errors
	tokens []string
	scope  *scope
	err    error
}

func parse(what, text string, s *scope) *parser {
	p := &parser{what: what, scope: s}
	if len(text) > maxExpression {
		p.fail("Expression size has exceeded the maximum allowed size; expression size: %d", len(text))
		return p
	}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		t := token.FindString(text)
		if t == "" {
			p.fail("Syntax error; token: %q", text[:1])
			return p
		}
		p.tokens, text = append(p.tokens, t), text[len(t):]
	}
	if len(p.tokens) == 0 {
		p.fail("The expression can not be empty;")
	}
	return p
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = validation("Invalid "+p.what+": "+format, args...)
	}
	p.tokens = nil
}

func (p *parser) peek() string {
	if len(p.tokens) == 0 {
		return "<EOF>"
	}
	return p.tokens[0]
}

func (p *parser) next() string {
	t := p.peek()
	if len(p.tokens) > 0 {
		p.tokens = p.tokens[1:]
	}
	return t
}

// accept takes the next token if it is t, a keyword in either case or a sign.
func (p *parser) accept(t string) bool {
	if !strings.EqualFold(p.peek(), t) {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(t string) {
	if !p.accept(t) {
		p.fail("Syntax error; token: %q, expected: %q", p.peek(), t)
	}
}

// end checks that nothing is left.
func (p *parser) end() error {
	if p.err == nil && len(p.tokens) > 0 {
		p.fail("Syntax error; token: %q", p.peek())
	}
	return p.err
}

func (p *parser) use(key string) {
	if p.scope.used == nil {
		p.scope.used = map[string]bool{}
	}
	p.scope.used[key] = true
}

// attribute reads the name of a top-level attribute.
func (p *parser) attribute() string {
	t := p.next()
	name, ok := t, true
	switch {
	case t[0] == '#':
		p.use(t)
		if name, ok = p.scope.Names[t]; !ok {
			p.fail("An expression attribute name used in the document path is not defined; attribute name: %s", t)
		}
	case !isIdentifier(t):
		p.fail("Syntax error; token: %q, expected: an attribute", t)
	case isReserved(t):
		p.fail("Attribute name is a reserved keyword; reserved keyword: %s", t)
	}
	if next := p.peek(); next == "." || next == "[" {
		p.fail("the embedded DynamoDB does not serve document paths (%s%s…)", name, next)
	}
	return name
}

func isIdentifier(t string) bool {
	return t[0] == '_' || t[0] >= 'A' && t[0] <= 'Z' || t[0] >= 'a' && t[0] <= 'z'
}

// constant reads a :value.
func (p *parser) constant() value {
	t := p.next()
	v, ok := p.scope.Values[t]
	p.use(t)
	switch {
	case t[0] != ':':
		p.fail("Syntax error; token: %q, expected: a value", t)
	case !ok:
		p.fail("An expression attribute value used in expression is not defined; attribute value: %s", t)
	}
	return v
}

// projection reads the attributes of a ProjectionExpression.
func projection(text string, s *scope) (names []string, err error) {
	p := parse("ProjectionExpression", text, s)
	for {
		name := p.attribute()
		if slices.Contains(names, name) {
			p.fail("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [%s], path two: [%[1]s]", name)
		}
		names = append(names, name)
		if !p.accept(",") {
			return names, p.end()
		}
	}
}

func (i item) only(names []string) item {
	out := item{}
	for _, name := range names {
		if v, ok := i[name]; ok {
			out[name] = v
		}
	}
	return out
}
