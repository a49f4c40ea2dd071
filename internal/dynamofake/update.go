package dynamofake

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

func decimal(n int) string { return strconv.Itoa(n) }

// action is one change of an UpdateExpression. It reads the old item and writes the new one.
type action struct {
	attribute string
	apply     func(old, changed item) error
}

// parseUpdate reads an UpdateExpression: SET, REMOVE, ADD and DELETE, each at most once, no attribute twice.
func parseUpdate(text string, s *scope) ([]action, error) {
	p := parse("UpdateExpression", text, s)
	var actions []action
	var seen []string
	for len(p.tokens) > 0 {
		clause := strings.ToUpper(p.next())
		read, ok := map[string]func(string) func(old, changed item) error{
			"SET": p.set, "REMOVE": p.remove, "ADD": p.add, "DELETE": p.delete,
		}[clause]
		switch {
		case !ok:
			p.fail("Syntax error; token: %q, expected: SET, REMOVE, ADD or DELETE", clause)
		case slices.Contains(seen, clause):
			p.fail("The %q section can only be used once in an update expression;", clause)
		}
		seen = append(seen, clause)
		for p.err == nil {
			name := p.attribute()
			if slices.ContainsFunc(actions, func(a action) bool { return a.attribute == name }) {
				p.fail("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [%s], path two: [%[1]s]", name)
			}
			actions = append(actions, action{name, read(name)})
			if !p.accept(",") {
				break
			}
		}
	}
	return actions, p.end()
}

// update applies the actions to a copy of old.
func update(old item, actions []action) (item, error) {
	changed := maps.Clone(old)
	for _, a := range actions {
		if err := a.apply(old, changed); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

func (p *parser) set(name string) func(old, changed item) error {
	p.expect("=")
	left := p.setOperand()
	if minus := p.peek() == "-"; minus || p.peek() == "+" {
		p.next()
		left = arithmetic(left, p.setOperand(), minus)
	}
	return func(old, changed item) (err error) {
		changed[name], err = left(old)
		return err
	}
}

// setOperand reads :value, an attribute, which must be there, or if_not_exists(attribute, operand).
func (p *parser) setOperand() func(item) (value, error) {
	switch {
	case p.peek()[0] == ':':
		v := p.constant()
		return func(item) (value, error) { return v, nil }
	case len(p.tokens) < 2 || p.tokens[1] != "(":
		name := p.attribute()
		return func(i item) (value, error) {
			if v, ok := i[name]; ok {
				return v, nil
			}
			return value{}, validation("The provided expression refers to an attribute that does not exist in the item")
		}
	}
	if function := p.next(); function != "if_not_exists" {
		p.fail("the embedded DynamoDB does not serve the function %s", function)
	}
	p.expect("(")
	name := p.attribute()
	p.expect(",")
	otherwise := p.setOperand()
	p.expect(")")
	return func(i item) (value, error) {
		if v, ok := i[name]; ok {
			return v, nil
		}
		return otherwise(i)
	}
}

func arithmetic(left, right func(item) (value, error), minus bool) func(item) (value, error) {
	return func(i item) (value, error) {
		l, err := left(i)
		if err != nil {
			return value{}, err
		}
		r, err := right(i)
		if err != nil {
			return value{}, err
		}
		if l.typ != "N" || r.typ != "N" {
			return value{}, incorrectType()
		}
		l.text, err = addNumbers(l.text, r.text, minus)
		return l, err
	}
}

func incorrectType() error {
	return validation("An operand in the update expression has an incorrect data type")
}

func (p *parser) remove(name string) func(old, changed item) error {
	return func(_, changed item) error { delete(changed, name); return nil }
}

// add adds to a number or joins sets; what is not there counts as 0 and as the empty set.
func (p *parser) add(name string) func(old, changed item) error {
	v := p.constant()
	if p.err == nil && v.typ != "N" && v.set == nil {
		p.fail("Incorrect operand type for operator or function; operator: ADD, operand type: %s", v.typ)
	}
	return func(old, changed item) (err error) {
		sum := v
		was, ok := old[name]
		switch {
		case ok && was.typ != v.typ:
			return incorrectType()
		case ok && v.typ == "N":
			sum.text, err = addNumbers(was.text, v.text, false)
		case ok:
			sum.set = slices.Compact(slices.Sorted(slices.Values(slices.Concat(was.set, v.set))))
		}
		changed[name] = sum
		return err
	}
}

// delete takes members out of a set; an empty set goes as a whole.
func (p *parser) delete(name string) func(old, changed item) error {
	v := p.constant()
	if p.err == nil && v.set == nil {
		p.fail("Incorrect operand type for operator or function; operator: DELETE, operand type: %s", v.typ)
	}
	return func(old, changed item) error {
		was, ok := old[name]
		if !ok {
			return nil
		}
		if was.typ != v.typ {
			return incorrectType()
		}
		was.set = slices.DeleteFunc(slices.Clone(was.set), func(s string) bool { return slices.Contains(v.set, s) })
		if changed[name] = was; len(was.set) == 0 {
			delete(changed, name)
		}
		return nil
	}
}
