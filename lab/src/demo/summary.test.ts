import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { evaluateClaims } from './claims/claims.ts';
import { summarize } from './summary.ts';
import { createSyntheticRun } from './synthetic-run.ts';

interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

const schema = JSON.parse(
  readFileSync(new URL('../../../docs/schema/demo-summary.schema.json', import.meta.url), 'utf8'),
) as Schema;

const typeOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;

/** Checks a value by the part of JSON Schema that this schema uses. @returns the paths that do not fit. */
function findMisfits(value: unknown, rule: Schema, path = '$'): string[] {
  if (rule.$ref) return findMisfits(value, schema.$defs?.[rule.$ref.replace('#/$defs/', '')] as Schema, path);
  if (rule.anyOf)
    return rule.anyOf.some((each) => findMisfits(value, each, path).length === 0) ? [] : [`${path} fits none`];
  const type = typeOf(value);
  const misfits: string[] = [];
  if (rule.type && ![rule.type].flat().includes(type)) misfits.push(`${path} is ${type}`);
  if ('const' in rule && rule.const !== value) misfits.push(`${path} is not ${rule.const}`);
  if (rule.enum && !rule.enum.includes(value)) misfits.push(`${path} is ${value}`);
  if (rule.pattern && !(typeof value === 'string' && new RegExp(rule.pattern).test(value)))
    misfits.push(`${path} is ${value}`);
  if (rule.minimum !== undefined && (value as number) < rule.minimum) misfits.push(`${path} is ${value}`);
  if (type === 'array')
    return [
      ...misfits,
      ...(value as unknown[]).flatMap((item, i) => findMisfits(item, rule.items ?? {}, `${path}[${i}]`)),
    ];
  if (type !== 'object') return misfits;
  const fields = value as Record<string, unknown>;
  for (const name of rule.required ?? []) if (!(name in fields)) misfits.push(`${path}.${name} is missing`);
  for (const [name, field] of Object.entries(fields)) {
    const own = rule.properties?.[name] ?? rule.additionalProperties;
    if (own === false) misfits.push(`${path}.${name} is not foreseen`);
    else if (typeof own === 'object') misfits.push(...findMisfits(field, own, `${path}.${name}`));
  }
  return misfits;
}

const run = await createSyntheticRun();
const transaction = `0x${'ab'.repeat(32)}`;
const summary = await summarize({
  run: { ...run, settlements: run.settlements.map((settlement) => ({ ...settlement, transaction })) },
  claims: await evaluateClaims(run),
  timings: { startMs: 1.4, requestsMs: 2, settleMs: 3, totalMs: 6.6 },
  versions: { node: 'v24' },
});

describe('summary of the demo', () => {
  it('can be written as JSON, and fits its schema', () => {
    expect(findMisfits(JSON.parse(JSON.stringify(summary)), schema)).toEqual([]);
    expect(summary.ok).toBe(true);
    expect(summary.held.until).toBe('2025-06-15T15:07:40.000Z');
    expect(summary.held.parties).toEqual([
      { name: expect.stringContaining('provider'), heldAtomic: expect.any(String) },
    ]);
    expect(summary.timings).toEqual({ startMs: 1, requestsMs: 2, settleMs: 3, totalMs: 7 });
  });

  it.each([
    [
      'an amount held that is a number',
      { ...summary, held: { ...summary.held, parties: [{ name: 'a', heldAtomic: 1 }] } },
    ],
    ['an unknown field', { ...summary, extra: 1 }],
    ['a missing field', { ...summary, claims: undefined }],
    ['an amount that is a number', { ...summary, verdicts: [{ ...summary.verdicts[0], feeAtomic: 1 }] }],
    ['an unknown verdict', { ...summary, verdicts: [{ ...summary.verdicts[0], verdict: 'maybe' }] }],
  ])('does not fit with %s', (_what, wrong) => {
    expect(findMisfits(JSON.parse(JSON.stringify(wrong)), schema)).not.toEqual([]);
  });
});
