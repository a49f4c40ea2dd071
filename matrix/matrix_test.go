package matrix

import (
	"slices"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/kclcompat"
)

// TestCheck: the answers for consumers as the flags name them.
func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		set, producer, language, via, version, checkpoint string

		usable bool
		want   Aggregation
		rule   string
	}{
		{"2015", "python", "java", "kcl", "1.4.0", "none", false, NotApplicable, "row-1"},
		{"2015", "go", "go", "vmware", "", "", false, NotApplicable, "row-1"},
		{"2015", "java", "java", "sdk", "", "", true, Deaggregate, "row-2"},
		{"2015", "java", "java", "sdk", "", "sequence-number", true, Deaggregate, "row-2"},
		{"2015", "java", "Python", "sdk", "", "", true, Disable, "row-3"},
		{"2015", "java", "cobol", "sdk", "", "", true, Disable, "row-3"},
		{"2015", "java", "java", "kcl", "1.3.0", "", true, Disable, "row-4"},
		{"2015", "java", "java", "kcl", "1.3.x", "none", true, Disable, "row-4"},
		{"2015", "java", "java", "kcl", "1.4.0", "none", true, OK, "row-5"},
		{"2015", "java", "java", "kcl", "1.4", "sequence-number", true, DisableOrExtended, "row-6"},
		{"2015", "java", "java", "kcl", "1.4.x", "extended", true, OK, "row-6-extended"},
		{"2015", "java", "java", "kcl", "1.4", "", true, DisableOrExtended, "row-6"},
		{"2015", "java", "python", "multilang", "1.3", "", true, Disable, "row-7"},
		{"2015", "java", "java", "kcl", "1.4", "record", true, Unknown, "unknown"},
		{"2015", "java", "java", "kcl", "1.5", "none", true, Unknown, "unknown"},
		{"2015", "java", "java", "kcl", "2.7", "none", true, Unknown, "unknown"},
		{"2015", "java", "go", "vmware", "", "", true, Unknown, "unknown"},
		{"2015", "java", "python", "multilang", "1.4", "", true, Unknown, "unknown"},

		{"today", "python", "java", "kcl", "3.5", "none", false, NotApplicable, "not-java"},
		{"today", "go", "go", "kplkit", "", "", false, NotApplicable, "not-java/plain"},
		{"today", "java", "java", "sdk", "", "", true, Deaggregate, "sdk/java"},
		{"today", "java", "python", "sdk", "", "", true, Deaggregate, "sdk/python"},
		{"today", "java", "nodejs", "sdk", "", "none", true, Deaggregate, "sdk/node"},
		{"today", "java", "golang", "sdk", "", "", true, Deaggregate, "sdk/go"},
		{"today", "java", "java", "sdk", "", "sequence-number", true, Disable, "sdk/sequence-number"},
		{"today", "java", "ruby", "sdk", "", "", true, Unknown, "unknown"},
		{"today", "java", "java", "kcl", "1.2", "none", true, Disable, "kcl-1.3/no-arguments"},
		{"today", "java", "java", "kcl", "1.3", "extended", true, Disable, "kcl-1.3/sub-sequence-number"},
		{"today", "java", "java", "kcl", "1.4.0", "none", true, OK, "kcl-1.4/no-arguments"},
		{"today", "java", "java", "kcl", "1.4.0", "sequence-number", true, DisableOrExtended, "kcl-1.4/sequence-number"},
		{"today", "java", "java", "kcl", "1.14", "record", true, OK, "kcl-1.4/record"},
		{"today", "java", "java", "kcl", "1.14", "", true, DisableOrExtended, "kcl-1.4/sequence-number"},
		{"today", "java", "java", "kcl", "2.7.2", "record", true, DisableOrExtended, "kcl-2/record"},
		{"today", "java", "java", "kcl", "3.x", "extended", true, OK, "kcl-2/sub-sequence-number"},
		{"today", "java", "java", "kcl", "3.0", "none", true, OK, "kcl-2/no-arguments"},
		{"today", "java", "python", "multilang", "1.3", "", true, Disable, "multilang-1.3/no-arguments"},
		{"today", "java", "python", "multilang", "1.4", "sequence-number", true, Disable, "multilang-1.4/sequence-number"},
		{"today", "java", "python", "multilang", "1.4", "extended", true, NotApplicable, "multilang-1.4/sub-sequence-number"},
		{"today", "java", "rust", "multilang", "2.7", "sequence-number", true, DisableOrExtended, "multilang-1.14/sequence-number"},
		{"today", "java", "rust", "multilang", "2.7", "extended", true, OK, "multilang-1.14/sub-sequence-number"},
		{"today", "java", "rust", "multilang", "2.7", "record", true, NotApplicable, "multilang-1.14/record"},
		{"today", "java", "rust", "multilang", "2.7", "", true, DisableOrExtended, "multilang-1.14/sequence-number"},
		{"today", "java", "python", "multilang", "3.5", "none", true, OK, "multilang-1.14/no-arguments"},
		{"2015", "java", "go", "multilang", "1.3.0", "", true, Disable, "row-7"},
		{"today", "java", "go", "multilang", "1.3.0", "", true, Disable, "multilang-1.3/no-arguments"},
		{"today", "java", "go", "multilang-kplkit", "1.3.0", "", true, OK, "multilang-kplkit/1.3"},
		{"today", "java", "", "multilang-kplkit", "1.4", "sequence-number", true, OK, "multilang-kplkit/1.4"},
		{"today", "kplkit", "node", "multilang-kplkit", "1.14", "", true, OK, "multilang-kplkit/1.14"},
		{"today", "java", "ruby", "multilang-kplkit", "3.5", "extended", true, OK, "multilang-kplkit/1.14"},
		{"2015", "java", "go", "multilang-kplkit", "1.3", "", true, Unknown, "unknown"},
		{"today", "java", "python", "kcl", "2.7", "none", true, Unknown, "unknown"},
		{"today", "java", "go", "vmware", "", "", true, Disable, "vmware/sequence-number"},
		{"today", "java", "go", "vmware", "", "none", true, OK, "vmware/no-arguments"},
		{"today", "java", "go", "harlow", "", "record", true, Disable, "harlow/sequence-number"},
		{"today", "java", "go", "harlow", "", "none", true, Disable, "harlow/no-arguments"},
		{"today", "java", "go", "kplkit", "", "", true, OK, "kplkit/record"},
		{"today", "kplkit", "go", "kplkit", "", "", true, OK, "kplkit/record"},
		{"today", "java", "go", "kplkit", "", "sequence-number", true, DisableOrExtended, "kplkit/sequence-number"},
		{"today", "java", "java", "kplkit", "", "", true, Unknown, "unknown"},
		{"today", "java", "java", "kcl", "2.99", "none", true, Unknown, "unknown"},
		{"today", "java", "java", "kcl", "1.16", "none", true, Unknown, "unknown"},
		{"today", "scala", "scala", "kcl", "2.7", "none", true, OK, "kcl-2/no-arguments"},
		{"today", "kpl 0.14", "java", "kcl", "2.7", "none", true, OK, "kcl-2/no-arguments"},
		{"today", "python", "python", "sdk", "", "", false, NotApplicable, "not-java/plain"},
		{"today", "python-aggregator", "java", "kcl", "2.7", "none", false, Disable, "aggregator/kcl"},
		{"today", "node-aggregator", "python", "multilang", "3.1", "none", false, Disable, "aggregator/kcl"},
		{"today", "python-aggregator", "java", "kcl", "1.3", "none", true, Disable, "kcl-1.3/no-arguments"},
		{"today", "python-aggregator", "python", "sdk", "", "", true, Deaggregate, "sdk/python"},
		{"today", "fluent-bit", "", "firehose", "", "", true, OK, "firehose"},
		{"today", "a8m", "java", "kcl", "2.7", "none", true, OK, "kcl-2/no-arguments"},
		{"today", "zio", "java", "kcl", "2.7", "none", false, Unknown, "unknown"},
		{"today", "java", "node", "multilang", "3.1", "extended", true, NotApplicable, "multilang-node/sub-sequence-number"},
		{"today", "java", "node", "multilang", "3.1", "", true, Disable, "multilang-node/sequence-number"},
		{"today", "java", "python", "multilang", "3.1", "extended", true, OK, "multilang-1.14/sub-sequence-number"},
		{"today", "java", "", "harlow", "", "batch", true, Disable, "harlow/no-arguments"},
		{"today", "java", "", "nifi", "", "", true, Unknown, "unknown"},
		{"2015", "python-aggregator", "java", "kcl", "1.4", "none", false, NotApplicable, "row-1"},
		{"today", "kplkit", "java", "kcl", "1.14", "sequence-number", true, DisableOrExtended, "kcl-1.4/sequence-number"},
	} {
		t.Run(strings.Join([]string{tt.set, tt.producer, tt.language, tt.via, tt.version, tt.checkpoint}, " "), func(t *testing.T) {
			set, errSet := ParseRuleSet(tt.set)
			p, errProducer := ParseProducer(tt.producer)
			c, errConsumer := ParseConsumer(tt.language, tt.via, tt.version, tt.checkpoint)
			if errSet != nil || errProducer != nil || errConsumer != nil {
				t.Fatal(errSet, errProducer, errConsumer)
			}
			c.NeverResharded = true // TestLostAtReshard has the rest
			v := Check(set, p, c)
			if v.KPLUsable != tt.usable || v.Aggregation != tt.want || v.Rule != tt.rule {
				t.Errorf("usable %t, %s by %s, want %t, %s by %s", v.KPLUsable, v.Aggregation, v.Rule, tt.usable, tt.want, tt.rule)
			}
			if fine := tt.usable && (tt.want == OK || tt.want == Deaggregate); v.Fine() != fine {
				t.Errorf("fine %t, want %t", v.Fine(), fine)
			}
			if v.V != 1 || v.AtStake == "" || v.Change == "" || v.Reason == "" || v.Evidence == nil || strings.Contains(v.Change, "{") && !strings.Contains(v.Change, `{"`) {
				t.Errorf("incomplete: %+v", v)
			}
		})
	}
}

// TestNotJava: who has no Java is told all that puts without it, and each of those was run with the KCL that reads.
func TestNotJava(t *testing.T) {
	for version, release := range map[Version]string{{2, 7}: "2.7.2", {3, 5}: "3.5.1"} {
		c := Consumer{Language: "java", Via: KCL, KCL: version, Checkpoint: kclcompat.NoArguments}
		without, with := Check(Today, Language("python"), c), Check(Today, Kplkit(), c)
		for _, way := range []string{"kplkit put", "package producer", "clients for Go, Python and Node", "--producer kplkit"} {
			if !strings.Contains(without.Change, way) {
				t.Errorf("KCL %s: %s lacks %s", version, without.Change, way)
			}
		}
		for _, way := range []string{"kplkit-put", "client-go", "client-python", "client-node"} {
			for _, v := range []Verdict{without, with} {
				i := slices.IndexFunc(v.Evidence, func(e Evidence) bool { return e.ID == "row-1/"+way+"/kcl-"+release })
				if i < 0 || v.Evidence[i].Counts.Delivered != v.Evidence[i].Counts.Put || v.Evidence[i].Counts.Twice > 0 {
					t.Errorf("KCL %s, %s: no run of %s in which all came once", version, v.Rule, way)
				}
			}
		}
	}
}

// TestKilled: a client whose child is killed loses nothing with either KCL. Since repeats are allowed there, such a run is told
// besides the answer, and is nowhere what comes of following advice.
func TestKilled(t *testing.T) {
	for version, release := range map[Version]string{{2, 7}: "2.7.2", {3, 5}: "3.5.1"} {
		v := Check(Today, Kplkit(), Consumer{Language: "java", Via: KCL, KCL: version, Checkpoint: kclcompat.NoArguments})
		for _, language := range []string{"go", "python", "node"} {
			id := "row-1/client-" + language + "-killed/kcl-" + release
			i := slices.IndexFunc(v.Evidence, func(e Evidence) bool { return e.ID == id })
			if i < 0 {
				t.Errorf("no run %s", id)
			} else if e := v.Evidence[i]; e.Counts.Put == 0 || e.Counts.Lost+e.Counts.Raw > 0 || e.Counts.Refused != "" {
				t.Errorf("%s: %s", id, e.Counts)
			}
			for _, c := range claims() {
				if slices.Contains(c.followed, id) {
					t.Errorf("%s takes %s for exact", c.name, id)
				}
			}
		}
	}
}

// TestLostAtReshard: the verdict on a KCL that reads what the KPL puts says first what a reshard loses, by runs of the nearest
// release, and is not fine, whatever the checkpoint; it is as before for a stream that is never resharded.
func TestLostAtReshard(t *testing.T) {
	olderKPL, err := ParseProducer("kpl-0.14")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		p    Producer
		c    Consumer
		loss string // a run that has to show it; "": nothing is lost
	}{
		{Java(), Consumer{Language: "java", Via: KCL, KCL: Version{1, 4}}, "reshard/kpl-1.0.7/kcl-1.4.0"},
		{Java(), Consumer{Language: "java", Via: KCL, KCL: Version{1, 14}}, "reshard-ages/split/kpl-1.0.7/kcl-1.14.10-old"},
		{Java(), Consumer{Language: "java", Via: KCL, KCL: Version{2, 5}}, "reshard-ages/split/kpl-1.0.7/kcl-2.7.2-old"},
		{Java(), Consumer{Language: "java", Via: KCL, KCL: Version{3, 5}}, "reshard-ages/split/kpl-1.0.7/kcl-3.5.1-restarted"},
		{Java(), Consumer{Language: "python", Via: MultiLang, KCL: Version{3, 1}}, "reshard-ages/split/kpl-1.0.7/kcl-3.5.1-restarted"},
		{Java(), Consumer{Via: viaSpark}, "reshard-ages/split/kpl-1.0.7/kcl-1.14.10-old"},
		{Java(), Consumer{Via: viaLogstash}, "reshard-ages/split/kpl-1.0.7/kcl-1.14.10-old"},
		{Kplkit(), Consumer{Language: "java", Via: KCL, KCL: Version{2, 7}}, ""},
		{Java(), Consumer{Language: "java", Via: KCL, KCL: Version{1, 3}}, ""},
		{Java(), Consumer{Language: "java", Via: SDK}, ""},
		{Java(), Consumer{Language: "go", Via: OnKplkit}, ""},
		{Language("python"), Consumer{Language: "java", Via: KCL, KCL: Version{2, 7}}, ""},
		{olderKPL, Consumer{Language: "java", Via: KCL, KCL: Version{2, 7}}, ""},
	} {
		for _, tt.c.Checkpoint = range append(styles, 0) {
			never := tt.c
			never.NeverResharded = true
			v, without := Check(Today, tt.p, tt.c), Check(Today, tt.p, never)
			if without.LostAtReshard != "" || strings.Contains(without.AtStake, "a reshard") {
				t.Errorf("%s, never resharded: %s", tt.c, without.AtStake)
			}
			if tt.loss == "" {
				if v.LostAtReshard != "" || v.Fine() != without.Fine() {
					t.Errorf("%s: %s", tt.c, v.AtStake)
				}
				continue
			}
			i := slices.IndexFunc(v.Evidence, func(e Evidence) bool { return e.ID == tt.loss })
			if i < 0 || v.Evidence[i].Counts.Lost == 0 {
				t.Errorf("%s: %s is no run in which records are lost", tt.c, tt.loss)
			}
			if !strings.HasPrefix(v.LostAtReshard, "Lost at a reshard: ") || !strings.HasPrefix(v.AtStake, v.LostAtReshard) || !strings.Contains(v.Change, "kplkit put") || v.Fine() {
				t.Errorf("%s: %+v", tt.c, v)
			}
		}
	}
}

// TestProxy: any client is fine by the proxy, whatever its language and checkpoint, by runs of its own where there are some.
func TestProxy(t *testing.T) {
	for language, run := range map[string]string{"": "proxy/telegraf/text", "python": "proxy/python/text", "node": "proxy/node/digits", "java": "proxy/java/text", "ruby": "proxy/bento/text"} {
		for _, style := range append(styles, 0) {
			v := Check(Today, Java(), Consumer{Language: language, Via: Proxy, Checkpoint: style})
			if v.Aggregation != OK || !slices.ContainsFunc(v.Evidence, func(e Evidence) bool { return e.ID == run }) {
				t.Errorf("%q: %+v", language, v)
			}
		}
	}
}

// TestUnknownNamesTheNearest: what no row covers names rows of the same library, in the version that comes nearest.
func TestUnknownNamesTheNearest(t *testing.T) {
	for _, tt := range []struct {
		c    Consumer
		want string
	}{
		{Consumer{Language: "python", Via: MultiLang, KCL: Version{4, 0}, Checkpoint: kclcompat.SubSequenceNumber}, "multilang-1.14/sub-sequence-number"},
		{Consumer{Language: "ruby", Via: SDK}, "sdk/java, sdk/python, sdk/node"},
		{Consumer{Language: "java", Via: OnKplkit}, "kplkit/record"},
	} {
		if v := Check(Today, Java(), tt.c); v.Aggregation != Unknown || !strings.Contains(v.Reason, tt.want) {
			t.Errorf("%s: %s: %s, want it to name %s", tt.c, v.Aggregation, v.Reason, tt.want)
		}
	}
}

// TestCheckAlwaysAnswers: also for what no flag can say.
func TestCheckAlwaysAnswers(t *testing.T) {
	for _, s := range []RuleSet{Today, Year2015, 9} {
		for _, p := range []Producer{Java(), Kplkit(), Language("go"), Language("")} {
			for via := range Via(9) {
				for checkpoint := range kclcompat.Style(7) {
					for major := range 5 {
						c := Consumer{Language: "java", Via: via, KCL: Version{major, 4}, Checkpoint: checkpoint}
						if v := Check(s, p, c); !slices.Contains(severity, v.Aggregation) || v.Rule == "" {
							t.Fatalf("%s %s %+v: %+v", s, p, c, v)
						}
					}
				}
			}
		}
	}
}

// TestSaysNoBetter: a row may know more than the checkpoint's rule, but never makes it look better, and where nothing
// but the checkpoint decides both agree.
func TestSaysNoBetter(t *testing.T) {
	for _, r := range slices.Concat(rows2015, rowsToday) {
		if r.rule().ID == "" {
			continue
		}
		said := r.advice()
		r.says = ""
		if slices.Index(severity, said) < slices.Index(severity, r.advice()) {
			t.Errorf("%s says %s, the rule %s", r.name(), said, r.advice())
		}
	}
}

// TestSays: words without which an answer would mislead.
func TestSays(t *testing.T) {
	for _, tt := range []struct{ producer, language, via, version, checkpoint, says string }{
		{"java", "", "harlow", "", "batch", "ScanBatch"},
		{"fluent-bit", "", "kcl", "2.7", "none", "Whole aggregates are lost"},
		{"fluent-bit", "", "kcl", "2.7", "none", "aggregation false"},
		{"a8m", "", "kcl", "2.7", "none", "one partition key"},
		{"logstash", "", "telegraf", "", "", "aggregation_enabled => false"},
		{"kpl 0.14", "", "kcl", "2.7", "none", "up to 0.15.10 stores all of such an aggregate again"},
		{"kpl 1.0.7", "", "kcl", "2.7", "none", "newer than 0.15.10 has acknowledged"},
		{"java", "", "kcl", "2.99", "none", "the newest 2.x that is, is 2.7"},
		{"java", "", "kcl", "2.99", "none", "kcl-2/no-arguments"},
		{"java", "", "nifi", "", "", "--via kcl --kcl VERSION"},
		{"java", "", "nifi", "", "", "What would settle it"},
		{"java", "node", "multilang", "3.1", "extended", "Python's does"},
	} {
		p, errProducer := ParseProducer(tt.producer)
		c, errConsumer := ParseConsumer(tt.language, tt.via, tt.version, tt.checkpoint)
		if errProducer != nil || errConsumer != nil {
			t.Fatal(errProducer, errConsumer)
		}
		if v := Check(Today, p, c); !strings.Contains(v.AtStake+v.Change+v.Reason, tt.says) {
			t.Errorf("%s to %s lacks %q:\n%s\n%s\n%s", p, c, tt.says, v.AtStake, v.Change, v.Reason)
		}
	}
	old, _ := ParseProducer("kpl 0.14.13")
	c := Consumer{Language: "java", Via: KCL, KCL: Version{2, 7}}
	if v := Check(Today, old, c); strings.Contains(v.AtStake, "newer than 0.15.10 still") {
		t.Errorf("KPL 0.14.13: %s", v.AtStake)
	}
}
