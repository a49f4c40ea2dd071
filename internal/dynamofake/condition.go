package dynamofake

import (
	"slices"
	"strings"
)

// condition is a compiled condition, filter or key condition.
type condition struct {
	holds func(item) bool
	terms []term // what it is made of when it is nothing but terms joined by AND; nil otherwise
}

// term is one comparison of an attribute, which is all that a key condition may hold.
type term struct{ attribute, operator string }

// operand is a side of a comparison; false where the item has no such attribute.
type operand func(item) (value, bool)

var comparators = []string{"=", "<>", "<", "<=", ">", ">="}

// parseCondition reads a whole condition; an empty text, where absent is allowed, holds for every item.
func parseCondition(what string, text *string, s *scope) (condition, error) {
	if text == nil {
		return condition{holds: func(item) bool { return true }}, nil
	}
	p := parse(what, *text, s)
	c := p.or()
	return c, p.end()
}

func (p *parser) or() condition {
	c := p.and()
	for p.accept("OR") {
		left, right := c.holds, p.and().holds
		c = condition{holds: func(i item) bool { return left(i) || right(i) }}
	}
	return c
}

func (p *parser) and() condition {
	c := p.not()
	for p.accept("AND") {
		left, right := c, p.not()
		c = condition{holds: func(i item) bool { return left.holds(i) && right.holds(i) }}
		if left.terms != nil && right.terms != nil {
			c.terms = slices.Concat(left.terms, right.terms)
		}
	}
	return c
}

func (p *parser) not() condition {
	if p.accept("NOT") {
		inner := p.not().holds
		return condition{holds: func(i item) bool { return !inner(i) }}
	}
	if p.accept("(") {
		c := p.or()
		p.expect(")")
		return c
	}
	if len(p.tokens) > 1 && p.tokens[1] == "(" && !strings.EqualFold(p.peek(), "size") {
		return p.function()
	}
	return p.comparison()
}

// operand reads an attribute, a :value or size(attribute), and the attribute's name where it is the first.
func (p *parser) operand() (operand, string) {
	if p.peek()[0] == ':' {
		v := p.constant()
		return func(item) (value, bool) { return v, true }, ""
	}
	if len(p.tokens) > 1 && p.tokens[1] == "(" && p.tokens[0] == "size" {
		p.next()
		p.next()
		name := p.attribute()
		p.expect(")")
		return func(i item) (value, bool) {
			v, ok := i[name]
			return value{typ: "N", text: decimal(v.length())}, ok && v.typ != "N" && v.typ != "BOOL" && v.typ != "NULL"
		}, ""
	}
	name := p.attribute()
	return func(i item) (value, bool) { v, ok := i[name]; return v, ok }, name
}

func (p *parser) comparison() condition {
	left, name := p.operand()
	switch operator := strings.ToUpper(p.next()); {
	case slices.Contains(comparators, operator):
		right, other := p.operand()
		c := condition{holds: func(i item) bool { return compare(operator, left, right, i) }}
		if name != "" && other == "" {
			c.terms = []term{{name, operator}}
		}
		return c
	case operator == "BETWEEN":
		low, _ := p.operand()
		p.expect("AND")
		high, _ := p.operand()
		return condition{
			holds: func(i item) bool { return compare(">=", left, low, i) && compare("<=", left, high, i) },
			terms: []term{{name, operator}},
		}
	case operator == "IN":
		return condition{holds: p.in(left)}
	default:
		p.fail("Syntax error; token: %q, expected: a comparison", operator)
		return condition{holds: func(item) bool { return false }}
	}
}

func (p *parser) in(left operand) func(item) bool {
	var members []operand
	p.expect("(")
	for {
		member, _ := p.operand()
		members = append(members, member)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return func(i item) bool {
		return slices.ContainsFunc(members, func(m operand) bool { return compare("=", left, m, i) })
	}
}

// compare follows DynamoDB where something is missing or of another type: it is different, and has no order.
func compare(operator string, left, right operand, i item) bool {
	l, okLeft := left(i)
	r, okRight := right(i)
	present := okLeft && okRight
	switch operator {
	case "=":
		return present && l.equal(r)
	case "<>":
		return !present || !l.equal(r)
	}
	c, ordered := l.compare(r)
	if !present || !ordered {
		return false
	}
	switch operator {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// function reads a call of a condition function. Their names are in lower case, as AWS has them.
func (p *parser) function() condition {
	function, _ := p.next(), p.next()
	name := p.attribute()
	var c condition
	switch function {
	case "attribute_exists":
		c.holds = func(i item) bool { _, ok := i[name]; return ok }
	case "attribute_not_exists":
		c.holds = func(i item) bool { _, ok := i[name]; return !ok }
	case "attribute_type", "begins_with", "contains":
		p.expect(",")
		arg, _ := p.operand()
		c = call(function, name, arg)
	default:
		p.fail("Invalid function name; function: %s", function)
	}
	p.expect(")")
	return c
}

func call(function, name string, arg operand) condition {
	c := condition{holds: func(i item) bool {
		v, ok := i[name]
		a, okArg := arg(i)
		if !ok || !okArg {
			return false
		}
		switch function {
		case "attribute_type":
			return a.typ == "S" && a.text == v.typ
		case "begins_with":
			return v.typ == a.typ && (v.typ == "S" || v.typ == "B") && strings.HasPrefix(v.text, a.text)
		}
		return v.contains(a)
	}}
	if function == "begins_with" {
		c.terms = []term{{name, function}}
	}
	return c
}
