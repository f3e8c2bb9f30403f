// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/descriptorpb"
)

// Numbers in a path of a file's source positions: the fields of
// FileDescriptorProto and of what is in it.
const (
	inFileMessage, inFileEnum, inFileService = 4, 5, 6
	inMessageField, inMessageOneof           = 2, 8
	inEnumValue, inServiceMethod             = 2, 2
)

// The .proto file is the specification, so it says of every field whether it
// is required, and of everything what it means.
func TestEverythingIsSpecified(t *testing.T) {
	request, err := compile(t.Context(), filepath.Join("..", "..", "..", "schemas"), []string{"plugin/v1/plugin.proto"})
	if err != nil {
		t.Fatal(err)
	}
	file := request.ProtoFile[len(request.ProtoFile)-1]
	if file.GetPackage() != "credhost.plugin.v1" {
		t.Fatalf("the last file is of package %s", file.GetPackage())
	}
	said := make(map[string]string)
	for _, place := range file.GetSourceCodeInfo().GetLocation() {
		said[fmt.Sprint(place.GetPath())] = strings.TrimSpace(place.GetLeadingComments())
	}
	fields := 0
	for i, m := range file.GetMessageType() {
		fields += checkMessage(t, said, m, int32(i))
	}
	if fields < 100 {
		t.Errorf("only %d fields were found", fields)
	}
	for i, e := range file.GetEnumType() {
		for j, v := range e.GetValue() {
			if said[fmt.Sprint([]int32{inFileEnum, int32(i), inEnumValue, int32(j)})] == "" {
				t.Errorf("%s: nothing says what it means", v.GetName())
			}
		}
	}
	for i, s := range file.GetService() {
		for j, m := range s.GetMethod() {
			if said[fmt.Sprint([]int32{inFileService, int32(i), inServiceMethod, int32(j)})] == "" {
				t.Errorf("%s: nothing says what it does", m.GetName())
			}
		}
	}
}

// checkMessage checks the fields of the message at index i, and counts them.
func checkMessage(t *testing.T, said map[string]string, m *descriptorpb.DescriptorProto, i int32) int {
	if len(m.GetNestedType()) > 0 {
		for _, nested := range m.GetNestedType() {
			if !nested.GetOptions().GetMapEntry() {
				t.Errorf("%s: nested messages are not looked into", m.GetName())
			}
		}
	}
	for j, f := range m.GetField() {
		text := said[fmt.Sprint([]int32{inFileMessage, i, inMessageField, int32(j)})]
		if !strings.HasPrefix(text, "Required. ") && !strings.HasPrefix(text, "Optional. ") &&
			text != "Required." && text != "Optional." {
			t.Errorf("%s.%s: the comment opens neither with Required nor with Optional: %q", m.GetName(), f.GetName(), text)
		}
	}
	for j, o := range m.GetOneofDecl() {
		if text := said[fmt.Sprint([]int32{inFileMessage, i, inMessageOneof, int32(j)})]; text != "Required." {
			t.Errorf("%s.%s: the comment is %q", m.GetName(), o.GetName(), text)
		}
	}
	return len(m.GetField())
}
