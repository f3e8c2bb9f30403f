// SPDX-License-Identifier: Apache-2.0

// Command testdeploy reads the examples of deployment as those read them who
// they are for: a Dockerfile with BuildKit's parser, a compose file with
// Compose's loader, and Kubernetes' objects into its own types, where a field
// that there is not is an error. It is a module apart, so that its graph stays
// out of the product's. It prints what is wrong, and exits with 1 if something is.
//
//	testdeploy FOLDER
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

func main() {
	folder := os.Args[1]
	err := errors.Join(dockerfile(filepath.Join(folder, "docker", "Dockerfile")),
		compose(filepath.Join(folder, "docker", "compose.yaml")),
		kubernetes(filepath.Join(folder, "kubernetes", "credhost.yaml")))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// dockerfile parses a Dockerfile, and has BuildKit's linter look at it.
func dockerfile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var found []error
	warn := func(rule, _, _, text string, _ []parser.Range) {
		found = append(found, fmt.Errorf("%s: %s: %s", path, rule, text))
	}
	stages, _, err := instructions.Parse(tree.AST, linter.New(&linter.Config{Warn: warn}))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, w := range tree.Warnings {
		found = append(found, fmt.Errorf("%s: %s", path, w.Short))
	}
	if len(stages) != 2 || stages[1].BaseName != "scratch" {
		found = append(found, fmt.Errorf("%s: the image is not made of nothing", path))
	}
	return errors.Join(found...)
}

// compose loads a compose file, strictly.
func compose(path string) error {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithProfiles([]string{"*"}), cli.WithInterpolation(true), cli.WithResolvedPaths(true), cli.WithConsistency(true))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if n := len(project.Services); n != 4 {
		return fmt.Errorf("%s: %d services", path, n)
	}
	return nil
}

// kubernetes reads each object of a file into its type.
func kubernetes(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var found []error
	kinds := map[string]bool{}
	for i, doc := range bytes.Split(text, []byte("\n---\n")) {
		var what struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := yaml.Unmarshal(doc, &what); err != nil {
			found = append(found, fmt.Errorf("%s, object %d: %w", path, i+1, err))
			continue
		}
		into := map[string]any{
			"v1 ConfigMap": &corev1.ConfigMap{}, "v1 Service": &corev1.Service{}, "apps/v1 Deployment": &appsv1.Deployment{},
			"policy/v1 PodDisruptionBudget": &policyv1.PodDisruptionBudget{}, "networking.k8s.io/v1 NetworkPolicy": &networkingv1.NetworkPolicy{},
		}[what.APIVersion+" "+what.Kind]
		if into == nil {
			found = append(found, fmt.Errorf("%s, object %d: there is no %s %s", path, i+1, what.APIVersion, what.Kind))
			continue
		}
		kinds[what.Kind] = true
		text, err := yaml.YAMLToJSONStrict(doc)
		if err == nil {
			var strict []error
			strict, err = json.UnmarshalStrict(text, into) // which minds the case of letters, as the API server does
			err = errors.Join(append(strict, err)...)
		}
		if err != nil {
			found = append(found, fmt.Errorf("%s, %s: %w", path, what.Kind, err))
		}
	}
	if len(kinds) != 5 {
		found = append(found, fmt.Errorf("%s: holds %d kinds of objects", path, len(kinds)))
	}
	return errors.Join(found...)
}
