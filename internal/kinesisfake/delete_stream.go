package kinesisfake

import "time"

type deleteStreamInput struct {
	streamRef
	EnforceConsumerDeletion bool
}

func (s *Server) deleteStream(in *deleteStreamInput) (any, error) {
	st, err := s.stream(in.streamRef)
	switch {
	case err != nil:
		return nil, err
	case st.status == deleting:
		return nil, inUse("Stream %s under account %s is being deleted already.", st.name, accountID)
	case len(st.consumers) > 0 && !in.EnforceConsumerDeletion:
		return nil, inUse("Stream %s under account %s has registered consumers; EnforceConsumerDeletion deletes them too.",
			st.name, accountID)
	}
	s.begin(st, deleting, func(time.Time) {
		delete(s.streams, st.name)
		for _, sh := range st.shards {
			s.born = max(s.born, sh.start.created)
		}
		for _, c := range st.consumers {
			c.endSubscriptions(notFound("Stream %s under account %s not found.", st.name, accountID))
		}
	})
	return nil, nil
}
