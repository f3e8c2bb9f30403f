// SPDX-License-Identifier: Apache-2.0

// Protogen writes the Go code of the plugin protocol. It compiles the .proto
// files in its own process and hands them to the generators that go.mod pins as
// tools, so that `go generate` needs Go alone: no protoc, no buf, no network.
//
//	go run ./internal/wire/protogen -root . plugin/v1/plugin.proto
//
// Each argument is a file below schemas/ of the root, named as another .proto
// file would import it. The generated files go where their go_package says.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// module is cut off each file's go_package; what is left is its folder below the root.
const module = "github.com/credhost/credhost"

// generators are the programs that write Go code; each is a tool directive of
// go.mod, where its version is that of the library the code is compiled against.
var generators = []string{"protoc-gen-go", "protoc-gen-go-grpc"}

func main() {
	log.SetFlags(0)
	log.SetPrefix("protogen: ")
	root := flag.String("root", ".", "folder of go.mod")
	flag.Parse()
	if flag.NArg() == 0 {
		log.Fatal("name a file below schemas/, such as plugin/v1/plugin.proto")
	}
	if err := generate(context.Background(), *root, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

// generate writes the Go code of the named files below root/schemas, and beside
// each what other languages can use without a compiler.
func generate(ctx context.Context, root string, names []string) error {
	request, err := compile(ctx, filepath.Join(root, "schemas"), names)
	if err != nil {
		return err
	}
	if err := describe(root, request); err != nil {
		return err
	}
	for _, generator := range generators {
		response, err := run(ctx, root, generator, request)
		if err != nil {
			return fmt.Errorf("%s: %w", generator, err)
		}
		if err := write(root, response); err != nil {
			return err
		}
	}
	return nil
}

// describe writes beside each .proto file its descriptors, with all that it
// imports: a FileDescriptorSet, as protoc's --descriptor_set_out makes it.
func describe(root string, request *pluginpb.CodeGeneratorRequest) error {
	set := new(descriptorpb.FileDescriptorSet)
	for _, file := range request.ProtoFile {
		file = proto.CloneOf(file)
		file.SourceCodeInfo = nil // comments, above all
		set.File = append(set.File, file)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		return err
	}
	for _, name := range request.FileToGenerate {
		path := filepath.Join(root, "schemas", filepath.FromSlash(strings.TrimSuffix(name, ".proto")+".binpb"))
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compile answers the request that protoc would send to a generator. The files
// keep their source positions, because comments reach the Go code through them.
func compile(ctx context.Context, schemas string, names []string) (*pluginpb.CodeGeneratorRequest, error) {
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{schemas}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(ctx, names...)
	if err != nil {
		return nil, err
	}
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: names,
		Parameter:      proto.String("module=" + module),
	}
	seen := make(map[string]bool)
	for _, file := range files {
		add(request, seen, file)
	}
	return request, nil
}

// add puts a file behind all that it imports, the order that a generator counts on.
func add(request *pluginpb.CodeGeneratorRequest, seen map[string]bool, file protoreflect.FileDescriptor) {
	if seen[file.Path()] {
		return
	}
	seen[file.Path()] = true
	imports := file.Imports()
	for i := range imports.Len() {
		add(request, seen, imports.Get(i).FileDescriptor)
	}
	request.ProtoFile = append(request.ProtoFile, protoutil.ProtoFromFileDescriptor(file))
}

// run asks one generator for its code.
func run(ctx context.Context, root, generator string, request *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorResponse, error) {
	in, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", generator)
	cmd.Dir, cmd.Stdin, cmd.Stderr = root, bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	response := new(pluginpb.CodeGeneratorResponse)
	if err := proto.Unmarshal(out, response); err != nil {
		return nil, err
	}
	if response.Error != nil {
		return nil, errors.New(response.GetError())
	}
	return response, nil
}

// write puts the generated files below root.
func write(root string, response *pluginpb.CodeGeneratorResponse) error {
	for _, file := range response.File {
		path := filepath.Join(root, filepath.FromSlash(file.GetName()))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(file.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
