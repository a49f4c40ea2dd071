package matrix

import (
	"strings"
	"testing"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"1.4": {1, 4}, "1.4.0": {1, 4}, "1.4.x": {1, 4}, "1.14.10": {1, 14}, "2": {2, 7}, "2.x": {2, 7}, "3.x": {3, 5}, "3.0": {3, 0}, "1.99": {1, 99},
	} {
		if v, err := ParseVersion(text); err != nil || v != want {
			t.Errorf("%q: %v, %v, want %v", text, v, err, want)
		}
	}
	for text, says := range map[string]string{
		"0.9": "there are 1, 2 and 3", "4.0": "there are 1, 2 and 3", "4": "there are 1, 2 and 3", "1": "1.3 and 1.4 differ", "1.x": "1.3 and 1.4 differ",
		"": "1.4.x", "x": "1.4.x", "1.x.0": "1.4.x", "1.4.0.1": "1.4.x", "-1.4": "1.4.x", "1.4-beta": "1.4.x", "v1.4": "1.4.x", "1.": "1.4.x", "99999999999999999999.1": "1.4.x",
	} {
		if v, err := ParseVersion(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, %v, want an error with %q", text, v, err, says)
		}
	}
}

func TestParseConsumer(t *testing.T) {
	for _, tt := range []struct{ language, via, version, checkpoint, want string }{
		{"java", "", "1.4", "", "java via kcl 1.4"},
		{"Python", "", "2.7.2", "none", "python via multilang 2.7, checkpoint none"},
		{"JavaScript", "sdk", "", "", "node via sdk"},
		{"C++", "sdk", "", "record", "c++ via sdk, checkpoint record"},
		{"golang", "kplkit", "", "", "go via kplkit"},
		{"java", "", "1.4", "no-arguments", "java via kcl 1.4, checkpoint none"},
		{"java", "", "1.4", "sequence-number", "java via kcl 1.4, checkpoint sequence-number"},
		{"java", "", "1.4", "extended", "java via kcl 1.4, checkpoint extended"},
		{"java", "", "1.4", "sub-sequence-number", "java via kcl 1.4, checkpoint extended"},
	} {
		if c, err := ParseConsumer(tt.language, tt.via, tt.version, tt.checkpoint); err != nil || c.String() != tt.want {
			t.Errorf("%+v: %v, %v", tt, c, err)
		}
	}
	for _, tt := range []struct{ language, via, version, checkpoint, says string }{
		{"", "sdk", "", "", "not the name of a language"},
		{"ja\nva", "sdk", "", "", "not the name of a language"},
		{"java", "", "", "", "sdk, kcl, multilang, vmware, harlow, kplkit"},
		{"java", "jms", "", "", "sdk, kcl, multilang, vmware, harlow, kplkit"},
		{"java", "kcl", "", "", "which version"},
		{"java", "sdk", "1.4", "", "no KCL version"},
		{"java", "vmware", "", "", "a library for go"},
		{"java", "kcl", "1.4", "all", "none, sequence-number, record, extended"},
		{"java", "kcl", "1.4", "unknown", "none, sequence-number, record, extended"},
		{"java", "kcl", "7.0", "none", "there are 1, 2 and 3"},
	} {
		if c, err := ParseConsumer(tt.language, tt.via, tt.version, tt.checkpoint); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %v, %v", tt, c, err)
		}
	}
}

func TestParseProducer(t *testing.T) {
	for text, want := range map[string]Producer{
		"java": Java(), "JAVA": Java(), "kpl": Java(), "kplkit": Kplkit(), "Golang": Language("go"), "c#": Language("c#"),
	} {
		if p, err := ParseProducer(text); err != nil || p != want {
			t.Errorf("%q: %v, %v", text, p, err)
		}
	}
	if p, err := ParseProducer(" "); err == nil {
		t.Errorf("a blank is %v", p)
	}
}
