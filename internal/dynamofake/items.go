package dynamofake

import "slices"

// write is what the three operations that change an item have in common.
type write struct {
	TableName           string
	ConditionExpression *string
	scope
	ReturnValues                        string
	ReturnValuesOnConditionCheckFailure string

	ReturnConsumedCapacity, ReturnItemCollectionMetrics without
}

// check finds the table and evaluates the condition, once all that can be wrong with the request has been looked at.
func (s *Server) check(in *write, returns ...string) (*table, condition, error) {
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, condition{}, err
	}
	if in.ReturnValues != "" && in.ReturnValues != "NONE" && !slices.Contains(returns, in.ReturnValues) {
		return nil, condition{}, validation("Return values set to invalid value: %s", clip(in.ReturnValues))
	}
	switch in.ReturnValuesOnConditionCheckFailure {
	case "", "NONE", "ALL_OLD":
	default:
		return nil, condition{}, validation("ReturnValuesOnConditionCheckFailure set to invalid value: %s", clip(in.ReturnValuesOnConditionCheckFailure))
	}
	c, err := parseCondition("ConditionExpression", in.ConditionExpression, &in.scope)
	return t, c, err
}

// refuse is the error of a condition that does not hold for old.
func (in *write) refuse(old item) error {
	e := fail(conditionFailed, "The conditional request failed")
	if in.ReturnValuesOnConditionCheckFailure == "ALL_OLD" {
		e.item = old
	}
	return e
}

// attributes is the answer of a write.
func attributes(i item) any {
	if i == nil {
		return struct{}{}
	}
	return map[string]any{"Attributes": i}
}

type putItemInput struct {
	write
	Item item
}

func (s *Server) putItem(in *putItemInput) (any, error) {
	t, c, err := s.check(&in.write, "ALL_OLD")
	if err != nil {
		return nil, err
	}
	if err := in.unused(); err != nil {
		return nil, err
	}
	if err := t.checkItem(in.Item); err != nil {
		return nil, err
	}
	old := t.get(in.Item)
	if !c.holds(old) {
		return nil, in.refuse(old)
	}
	t.put(in.Item)
	if in.ReturnValues != "ALL_OLD" {
		old = nil
	}
	return attributes(old), nil
}

type deleteItemInput struct {
	write
	Key item
}

func (s *Server) deleteItem(in *deleteItemInput) (any, error) {
	t, c, err := s.check(&in.write, "ALL_OLD")
	if err != nil {
		return nil, err
	}
	if err := in.unused(); err != nil {
		return nil, err
	}
	if err := t.checkKey(in.Key); err != nil {
		return nil, err
	}
	old := t.get(in.Key)
	if !c.holds(old) {
		return nil, in.refuse(old)
	}
	t.delete(in.Key)
	if in.ReturnValues != "ALL_OLD" {
		old = nil
	}
	return attributes(old), nil
}

type updateItemInput struct {
	write
	Key              item
	UpdateExpression *string
}

func (s *Server) updateItem(in *updateItemInput) (any, error) {
	t, c, err := s.check(&in.write, "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
	if err != nil {
		return nil, err
	}
	var actions []action
	if in.UpdateExpression != nil {
		if actions, err = parseUpdate(*in.UpdateExpression, &in.scope); err != nil {
			return nil, err
		}
	}
	if err := in.unused(); err != nil {
		return nil, err
	}
	var touched []string
	for _, a := range actions {
		touched = append(touched, a.attribute)
		if slices.Contains(t.key.names(), a.attribute) {
			return nil, validation("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", a.attribute)
		}
	}
	if err := t.checkKey(in.Key); err != nil {
		return nil, err
	}
	old := t.get(in.Key)
	if !c.holds(old) {
		return nil, in.refuse(old)
	}
	from := old
	if from == nil {
		from = in.Key
	}
	changed, err := update(from, actions)
	if err != nil {
		return nil, err
	}
	if err := t.checkItem(changed); err != nil {
		return nil, err
	}
	t.put(changed)
	return attributes(in.returned(old, changed, touched)), nil
}

// returned picks what ReturnValues asks for; nothing where there is nothing to return.
func (in *write) returned(old, changed item, touched []string) item {
	var i item
	switch in.ReturnValues {
	case "ALL_OLD":
		i = old
	case "ALL_NEW":
		i = changed
	case "UPDATED_OLD":
		i = old.only(touched)
	case "UPDATED_NEW":
		i = changed.only(touched)
	}
	if len(i) == 0 {
		return nil
	}
	return i
}

type getItemInput struct {
	TableName            string
	Key                  item
	ProjectionExpression *string
	scope

	ConsistentRead, ReturnConsumedCapacity without
}

func (s *Server) getItem(in *getItemInput) (any, error) {
	found, err := s.get(in)
	if err != nil || found == nil {
		return struct{}{}, err
	}
	return map[string]any{"Item": found}, nil
}

func (s *Server) get(in *getItemInput) (item, error) {
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, err
	}
	project, err := projecting(in.ProjectionExpression, &in.scope)
	if err != nil {
		return nil, err
	}
	if err := in.unused(); err != nil {
		return nil, err
	}
	if err := t.checkKey(in.Key); err != nil {
		return nil, err
	}
	found := t.get(in.Key)
	if found == nil {
		return nil, nil
	}
	return project(found), nil
}

// projecting returns what a ProjectionExpression does to an item: nothing, if absent.
func projecting(text *string, s *scope) (func(item) item, error) {
	if text == nil {
		return func(i item) item { return i }, nil
	}
	names, err := projection(*text, s)
	return func(i item) item { return i.only(names) }, err
}
