// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/sdk"
)

func toGrant(g sdk.Grant) *pluginv1.Grant {
	m := &pluginv1.Grant{
		Header:    toHeader(g.Header),
		Query:     g.Query.Encode(),
		Path:      g.Path,
		Sign:      toParts(g.Sign),
		Expiry:    toTime(g.Expiry),
		Reconnect: toTime(g.Reconnect),
		Account:   g.Account,
		Facts:     g.Facts,
		Values:    g.Values,
		State:     g.State,
		Idle:      toDuration(g.Idle),
	}
	if g.Origins != nil {
		m.Origins = &pluginv1.Origins{Origins: g.Origins}
	}
	if g.Refused != nil {
		m.Refused = &pluginv1.Statuses{Statuses: make([]int32, len(g.Refused))}
		for i, status := range g.Refused {
			m.Refused.Statuses[i] = toStatus(status)
		}
	}
	return m
}

func fromGrant(m *pluginv1.Grant) (sdk.Grant, error) {
	if m == nil {
		return sdk.Grant{}, errors.New("it has no grant")
	}
	header, err := fromHeader(m.GetHeader())
	if err != nil {
		return sdk.Grant{}, err
	}
	query, err := fromQuery(m.GetQuery())
	if err != nil {
		return sdk.Grant{}, err
	}
	sign, err := fromParts(m.GetSign())
	if err != nil {
		return sdk.Grant{}, err
	}
	expiry, err := fromTime("the expiry", m.GetExpiry())
	if err != nil {
		return sdk.Grant{}, err
	}
	reconnect, err := fromTime("the time to reconnect", m.GetReconnect())
	if err != nil {
		return sdk.Grant{}, err
	}
	idle, err := fromDuration("the time that the state may be idle", m.GetIdle())
	if err != nil {
		return sdk.Grant{}, err
	}
	return sdk.Grant{
		Header:    header,
		Query:     query,
		Path:      m.GetPath(),
		Origins:   fromOrigins(m.GetOrigins()),
		Sign:      sign,
		Refused:   fromStatuses(m.GetRefused()),
		Expiry:    expiry,
		Reconnect: reconnect,
		Account:   m.GetAccount(),
		Facts:     m.GetFacts(),
		Values:    m.GetValues(),
		State:     m.GetState(),
		Idle:      idle,
	}, nil
}

// fromOrigins tells none from all: an empty set is not nil.
func fromOrigins(m *pluginv1.Origins) []string {
	if m == nil {
		return nil
	}
	return append([]string{}, m.GetOrigins()...)
}

// fromStatuses tells none from the usual: an empty set is not nil.
func fromStatuses(m *pluginv1.Statuses) []int {
	if m == nil {
		return nil
	}
	all := make([]int, len(m.GetStatuses()))
	for i, status := range m.GetStatuses() {
		all[i] = int(status)
	}
	return all
}

// parts are in the order of their bits.
var parts = [...]pluginv1.Part{
	pluginv1.Part_PART_URL,
	pluginv1.Part_PART_HEADER,
	pluginv1.Part_PART_SHA256,
	pluginv1.Part_PART_BODY,
	pluginv1.Part_PART_COUNT,
}

func toParts(p sdk.Part) (all []pluginv1.Part) {
	for bit, part := range parts {
		if p&(1<<bit) != 0 {
			all = append(all, part)
		}
	}
	return all
}

func fromParts(all []pluginv1.Part) (p sdk.Part, err error) {
	for _, m := range all {
		bit := int(m) - int(pluginv1.Part_PART_URL)
		if bit < 0 || bit >= len(parts) {
			return 0, fmt.Errorf("there is no part %d of a request", m)
		}
		p |= 1 << bit
	}
	return p, nil
}

func toApproval(a sdk.Approval) *pluginv1.Approval {
	return &pluginv1.Approval{
		Url:      a.URL,
		UserCode: a.UserCode,
		Interval: toDuration(a.Interval),
		Expiry:   toTime(a.Expiry),
		State:    a.State,
	}
}

func fromApproval(m *pluginv1.Approval) (sdk.Approval, error) {
	expiry, err := fromTime("the expiry", m.GetExpiry())
	if err != nil {
		return sdk.Approval{}, err
	}
	interval, err := fromDuration("the interval", m.GetInterval())
	if err != nil {
		return sdk.Approval{}, err
	}
	return sdk.Approval{
		URL:      m.GetUrl(),
		UserCode: m.GetUserCode(),
		Interval: interval,
		Expiry:   expiry,
		State:    m.GetState(),
	}, nil
}

func toSignature(s sdk.Signature) *pluginv1.Signature {
	return &pluginv1.Signature{Header: toHeader(s.Header), Query: s.Query}
}

func fromSignature(m *pluginv1.Signature) (sdk.Signature, error) {
	h, err := fromHeader(m.GetHeader())
	return sdk.Signature{Header: h, Query: m.GetQuery()}, err
}

func toValues(v sdk.Values) *pluginv1.Values { return &pluginv1.Values{Values: v} }

func toOptions(options []sdk.Option) *pluginv1.Options {
	m := &pluginv1.Options{}
	for _, o := range options {
		m.Options = append(m.Options, &pluginv1.Option{
			Value: o.Value, Title: o.Title, Help: o.Help, When: toCondition(o.When),
		})
	}
	return m
}

func fromOptions(m *pluginv1.Options) (options []sdk.Option, err error) {
	if len(m.GetOptions()) > sdk.MaxOptions {
		return nil, fmt.Errorf("there are more than %d options", sdk.MaxOptions)
	}
	for _, o := range m.GetOptions() {
		options = append(options, sdk.Option{
			Value: o.GetValue(), Title: o.GetTitle(), Help: o.GetHelp(), When: fromCondition(o.GetWhen()),
		})
	}
	return options, nil
}

func toCondition(c *sdk.Condition) *pluginv1.Condition {
	if c == nil {
		return nil
	}
	m := &pluginv1.Condition{Field: c.Field, Is: c.Is, Present: c.Present, Not: toCondition(c.Not)}
	for _, sub := range c.And {
		m.And = append(m.And, toCondition(sub))
	}
	for _, sub := range c.Or {
		m.Or = append(m.Or, toCondition(sub))
	}
	return m
}

func fromCondition(m *pluginv1.Condition) *sdk.Condition {
	if m == nil {
		return nil
	}
	c := &sdk.Condition{Field: m.GetField(), Is: m.GetIs(), Present: m.GetPresent(), Not: fromCondition(m.GetNot())}
	for _, sub := range m.GetAnd() {
		c.And = append(c.And, fromCondition(sub))
	}
	for _, sub := range m.GetOr() {
		c.Or = append(c.Or, fromCondition(sub))
	}
	return c
}
