// Rules for single fields of a declared structure, as a table: what each may hold, in words and as a test.

import type { ByteOrder, Fields, Struct } from '@tintype/core';

/** What a field holds, as one number however wide it is; `facts` are what the rule must know beside it. */
export interface FieldRule<Facts> {
  /** What belongs there, for people: `0`, or `0 or 40000002`. */
  readonly wants: string | ((facts: Facts) => string);
  readonly holds: (value: bigint, facts: Facts) => boolean;
}

/** Rules by the names of fields; a field without a rule may hold anything. */
export type FieldRules<F extends Fields, Facts> = { readonly [Name in keyof F & string]?: FieldRule<Facts> };

export const ZERO: FieldRule<unknown> = { wants: '0', holds: (value) => value === 0n };

/** One of a few values. */
export function oneOf(...values: readonly number[]): FieldRule<unknown> {
  const known = new Set(values.map(BigInt));
  return { wants: values.map((each) => each.toString(16)).join(' or '), holds: (value) => known.has(value) };
}

/** No bit beside those of `mask`. */
export function onlyBits(mask: number): FieldRule<unknown> {
  const known = BigInt(mask);
  return { wants: `nothing beside ${mask.toString(16)}`, holds: (value) => (value & known) === value };
}

/** A number that follows from the facts. */
export function exactly<Facts>(wanted: (facts: Facts) => number): FieldRule<Facts> {
  return {
    wants: (facts) => wanted(facts).toString(16),
    holds: (value, facts) => value === BigInt(wanted(facts)),
  };
}

/** Where a structure lies, and what its rules must know. */
export interface Judged<Facts> {
  readonly view: DataView;
  readonly at: number;
  readonly facts: Facts;
}

/** Tells each field that breaks its rule. The structure lies inside the view. */
export function judgeFields<F extends Fields, O extends ByteOrder, Facts>(
  structure: Struct<F, O>,
  rules: FieldRules<F, Facts>,
  { view, at, facts }: Judged<Facts>,
  tell: (message: string) => void,
): void {
  for (const name of Object.keys(rules)) {
    const rule = rules[name];
    const field = structure.fields[name];
    if (!rule || !field) continue;
    const value = numberAt(view, at + Number(structure.at[name]), field.size);
    if (rule.holds(value, facts)) continue;
    const wants = typeof rule.wants === 'string' ? rule.wants : rule.wants(facts);
    tell(`${name} is ${value.toString(16)}, where ${wants} belongs`);
  }
}

/** Little-endian, of any width. */
function numberAt(view: DataView, at: number, size: number): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(view.getUint8(at + i));
  return value;
}
