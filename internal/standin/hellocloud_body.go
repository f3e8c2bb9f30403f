// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// params are the parameters of a token request, as Slim 3 parses its body. The
// query is never read.
type params struct {
	values map[string]string
	form   bool // from a form, which is what PHP's $_POST holds
}

// get returns a parameter, and whether there is one.
func (p params) get(name string) (string, bool) {
	v, ok := p.values[name]
	return v, ok
}

// parseParams reads a body by its content type. Body and content type must
// agree: a form that is called JSON, broken JSON, an empty body or one without
// a content type parse to nothing.
func parseParams(r *http.Request) params {
	body, _ := io.ReadAll(r.Body) // front has read it already
	kind := mediaType(r.Header)
	if i := strings.LastIndex(kind, "+"); i >= 0 { // RFC 6839: the suffix decides
		kind = "application/" + kind[i+1:]
	}
	switch kind {
	case "application/json":
		return params{values: jsonParams(body)}
	case "application/xml", "text/xml":
		return params{values: xmlParams(body)}
	case formType:
		form, _ := url.ParseQuery(string(body))
		return params{firsts(form), true}
	case "multipart/form-data":
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.ParseMultipartForm(maxBody) != nil {
			return params{}
		}
		return params{firsts(r.MultipartForm.Value), true}
	}
	return params{}
}

// jsonParams are the members of a JSON object whose value is text or a number;
// null counts as absent.
func jsonParams(body []byte) map[string]string {
	var object map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&object) != nil || d.Decode(new(any)) != io.EOF {
		return nil
	}
	values := map[string]string{}
	for name, v := range object {
		switch v := v.(type) {
		case string:
			values[name] = v
		case json.Number:
			values[name] = v.String()
		}
	}
	return values
}

// xmlParams are the children of the root element.
func xmlParams(body []byte) map[string]string {
	var root struct {
		Children []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	}
	if xml.Unmarshal(body, &root) != nil {
		return nil
	}
	values := map[string]string{}
	for _, child := range root.Children {
		values[child.XMLName.Local] = child.Text
	}
	return values
}

func firsts(form map[string][]string) map[string]string {
	values := map[string]string{}
	for name, v := range form {
		values[name] = v[0]
	}
	return values
}
