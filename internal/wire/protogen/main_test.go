// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// The request is what protoc would send: every file behind its imports, and
// with the comments that become Go comments.
func TestCompile(t *testing.T) {
	schemas := t.TempDir()
	put(t, schemas, "a.proto", `
		syntax = "proto3";
		package test;
		option go_package = "github.com/credhost/credhost/internal/test";
		import "b.proto";
		import "google/protobuf/timestamp.proto";
		// A is a message.
		message A { B b = 1; google.protobuf.Timestamp at = 2; }`)
	put(t, schemas, "b.proto", `
		syntax = "proto3";
		package test;
		option go_package = "github.com/credhost/credhost/internal/test";
		message B {}`)

	request, err := compile(t.Context(), schemas, []string{"a.proto", "b.proto"})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, file := range request.ProtoFile {
		order = append(order, file.GetName())
	}
	want := []string{"b.proto", "google/protobuf/timestamp.proto", "a.proto"}
	if !slices.Equal(order, want) {
		t.Errorf("files in the order %v, want %v", order, want)
	}
	if !commented(request, " A is a message.\n") {
		t.Error("the comment of A is lost")
	}
}

// The descriptors are of the file and of all that it imports, without comments,
// and the published ones are those of the file as it is.
func TestDescribe(t *testing.T) {
	root := t.TempDir()
	const name = "plugin/v1/plugin.proto"
	request, err := compile(t.Context(), filepath.Join("..", "..", "..", "schemas"), []string{name})
	if err == nil {
		err = os.MkdirAll(filepath.Join(root, "schemas", "plugin", "v1"), 0o755)
	}
	if err == nil {
		err = describe(root, request)
	}
	if err != nil {
		t.Fatal(err)
	}
	made, err := os.ReadFile(filepath.Join(root, "schemas", "plugin", "v1", "plugin.binpb"))
	if err != nil {
		t.Fatal(err)
	}
	set := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(made, set); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range set.GetFile() {
		names = append(names, file.GetName())
		if file.GetSourceCodeInfo() != nil {
			t.Errorf("%s comes with its comments", file.GetName())
		}
	}
	if want := []string{"google/protobuf/duration.proto", "google/protobuf/timestamp.proto", name}; !slices.Equal(names, want) {
		t.Errorf("descriptors of %v, want %v", names, want)
	}
	if !commented(request, " Test asks the service whether the credential works. DENIED means that it\n does not, FORBIDDEN that it works but lacks a permission, UNAVAILABLE that\n the service could not tell.\n") {
		t.Error("the request has lost its comments")
	}
	published, err := os.ReadFile(filepath.Join("..", "..", "..", "schemas", "plugin", "v1", "plugin.binpb"))
	if err != nil || !bytes.Equal(published, made) {
		t.Errorf("plugin.binpb is not that of plugin.proto: run make generate (%v)", err)
	}
}

func TestCompileNamesTheMistake(t *testing.T) {
	schemas := t.TempDir()
	put(t, schemas, "a.proto", "syntax = \"proto3\";\nmessage A { B b = 1; }")
	_, err := compile(t.Context(), schemas, []string{"a.proto"})
	if err == nil || !strings.Contains(err.Error(), "a.proto:2:13") {
		t.Errorf("got %v, want the place a.proto:2:13", err)
	}
}

// commented tells whether some file of the request has the comment.
func commented(request *pluginpb.CodeGeneratorRequest, comment string) bool {
	for _, file := range request.ProtoFile {
		for _, place := range file.GetSourceCodeInfo().GetLocation() {
			if place.GetLeadingComments() == comment {
				return true
			}
		}
	}
	return false
}

func put(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
