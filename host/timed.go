// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"time"
)

var (
	_ Store  = timed{}
	_ Sealer = timed{}
)

// Get implements [Store].
func (t timed) Get(ctx context.Context, workspace, id string) (r Record, err error) {
	defer func(began time.Time) { t.took(ctx, t.m.store, "get", began, err) }(time.Now())
	return t.Store.Get(ctx, workspace, id)
}

// List implements [Store].
func (t timed) List(ctx context.Context, q Query) (all []Record, err error) {
	defer func(began time.Time) { t.took(ctx, t.m.store, "list", began, err) }(time.Now())
	return t.Store.List(ctx, q)
}

// Due implements [Store].
func (t timed) Due(ctx context.Context, until time.Time, limit int) (all []Record, err error) {
	defer func(began time.Time) { t.took(ctx, t.m.store, "due", began, err) }(time.Now())
	return t.Store.Due(ctx, until, limit)
}

// Create implements [Store].
func (t timed) Create(ctx context.Context, r Record) (err error) {
	defer func(began time.Time) { t.took(ctx, t.m.store, "create", began, err) }(time.Now())
	return t.Store.Create(ctx, r)
}

// Save implements [Store].
func (t timed) Save(ctx context.Context, r Record, l *Lease) (err error) {
	defer func(began time.Time) { t.took(ctx, t.m.store, "save", began, err) }(time.Now())
	return t.Store.Save(ctx, r, l)
}

// Delete implements [Store].
func (t timed) Delete(ctx context.Context, workspace, id string, generation uint64, lease *Lease) (err error) {
	defer func(began time.Time) { t.took(ctx, t.m.store, "delete", began, err) }(time.Now())
	return t.Store.Delete(ctx, workspace, id, generation, lease)
}

// Lease implements [Store].
func (t timed) Lease(ctx context.Context, workspace, id, owner string, ttl time.Duration) (l Lease, err error) {
	defer func(began time.Time) { t.took(ctx, t.m.store, "lease", began, err) }(time.Now())
	return t.Store.Lease(ctx, workspace, id, owner, ttl)
}

// Extend implements [Store].
func (t timed) Extend(ctx context.Context, l Lease, ttl time.Duration) (err error) {
	defer func(began time.Time) { t.took(ctx, t.m.store, "extend", began, err) }(time.Now())
	return t.Store.Extend(ctx, l, ttl)
}

// Note implements [Store].
func (t timed) Note(ctx context.Context, l Lease, intent []byte) (err error) {
	defer func(began time.Time) { t.took(ctx, t.m.store, "note", began, err) }(time.Now())
	return t.Store.Note(ctx, l, intent)
}

// Unlease implements [Store].
func (t timed) Unlease(ctx context.Context, l Lease) (err error) {
	defer func(began time.Time) { t.took(ctx, t.m.store, "unlease", began, err) }(time.Now())
	return t.Store.Unlease(ctx, l)
}

// Changes implements [Store].
func (t timed) Changes(ctx context.Context, since uint64) (changes []Change, next uint64, err error) {
	defer func(began time.Time) { t.took(ctx, t.m.store, "changes", began, err) }(time.Now())
	return t.Store.Changes(ctx, since)
}

// Seal implements [Sealer].
func (t timed) Seal(ctx context.Context, plaintext, associated []byte) (sealed []byte, err error) {
	defer func(began time.Time) { t.took(ctx, t.m.sealer, "seal", began, err) }(time.Now())
	return t.sealer.Seal(ctx, plaintext, associated)
}

// Open implements [Sealer].
func (t timed) Open(ctx context.Context, sealed, associated []byte) (plain []byte, err error) {
	defer func(began time.Time) { t.took(ctx, t.m.sealer, "open", began, err) }(time.Now())
	return t.sealer.Open(ctx, sealed, associated)
}
