// Package pbgen holds generated protobuf code against its schema, for the tests of the packages that have such code. It
// generates in process, with the module's own versions of compiler and generator, so that neither protoc nor a plugin has
// to be installed.
package pbgen

import (
	"context"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/google/go-cmp/cmp"
	gengo "google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// Check fails the test if the Go file beside a schema is not what the schema gives; with update it writes that file
// before. schema is its path in the module, under which it is registered; the test runs in its folder.
func Check(t *testing.T, schema string, update bool) {
	t.Helper()
	name := path.Base(schema)
	file := strings.TrimSuffix(name, ".proto") + ".pb.go"
	want := generate(t, schema)
	if update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what %s gives; run go generate (-want +got):\n%s", file, name, diff)
	}
}

// generate returns the Go code for a schema.
func generate(t *testing.T, schema string) []byte {
	t.Helper()
	root := strings.Repeat("../", strings.Count(schema, "/")) + "."
	compiler := protocompile.Compiler{
		Resolver:       &protocompile.SourceResolver{ImportPaths: []string{root}},
		SourceInfoMode: protocompile.SourceInfoStandard, // the schema's comments become doc comments
	}
	files, err := compiler.Compile(context.Background(), schema)
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := protogen.Options{}.New(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{schema},
		Parameter:      proto.String("paths=source_relative"),
		ProtoFile:      []*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(files[0])},
	})
	if err != nil {
		t.Fatal(err)
	}
	gengo.GenerateFile(plugin, plugin.FilesByPath[schema])
	response := plugin.Response()
	if response.Error != nil || len(response.File) != 1 {
		t.Fatalf("generator: %d files, error %q", len(response.File), response.GetError())
	}
	return []byte(response.File[0].GetContent())
}
