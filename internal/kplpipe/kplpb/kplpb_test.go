package kplpb

import (
	"context"
	"flag"
	"os"
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

var update = flag.Bool("update", false, "write pipe.pb.go anew from pipe.proto")

// TestGeneratedCodeIsCurrent generates in process, with the module's own versions of compiler and generator, so
// that neither protoc nor a plugin has to be installed.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile("pipe.pb.go", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("pipe.pb.go")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("pipe.pb.go is not what pipe.proto gives; run go generate (-want +got):\n%s", diff)
	}
}

// generate returns the Go code for pipe.proto. The schema is registered under its path in the module.
func generate(t *testing.T) []byte {
	t.Helper()
	const path = "internal/kplpipe/kplpb/pipe.proto"
	compiler := protocompile.Compiler{
		Resolver:       &protocompile.SourceResolver{ImportPaths: []string{"../../.."}},
		SourceInfoMode: protocompile.SourceInfoStandard, // the schema's comments become doc comments
	}
	files, err := compiler.Compile(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := protogen.Options{}.New(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{path},
		Parameter:      proto.String("paths=source_relative"),
		ProtoFile:      []*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(files[0])},
	})
	if err != nil {
		t.Fatal(err)
	}
	gengo.GenerateFile(plugin, plugin.FilesByPath[path])
	response := plugin.Response()
	if response.Error != nil || len(response.File) != 1 {
		t.Fatalf("generator: %d files, error %q", len(response.File), response.GetError())
	}
	return []byte(response.File[0].GetContent())
}
