import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { addApiKey, isModelAllowed, openApiKeys, revokeApiKey, rotateApiKey } from './api-keys.ts';
import { assertModel } from './completions.ts';
import { type KeysCommand, runKeysCommand } from './keys-command.ts';

let directory: string;
let path: string;
let now: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-keys-'));
  path = join(directory, 'keys.json');
  now = 1_000;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = () =>
  openApiKeys(
    path,
    (error) => {
      throw error;
    },
    () => now,
  );

const run = (given: Partial<KeysCommand> & Pick<KeysCommand, 'positionals'>): string =>
  runKeysCommand({
    path,
    name: 'k',
    maxSpendAtomic: undefined,
    lifetimeMs: undefined,
    models: undefined,
    nowMs: now,
    ...given,
  });

it('ends a key at its expiry, to the millisecond, and does not open the gateway by that', () => {
  const { key, secret } = addApiKey(path, { name: 'k', maxSpendAtomic: undefined, expiresMs: 5_000, nowMs: now });
  const keys = open();
  now = 4_999;
  expect(keys.find(secret)?.id).toBe(key.id);
  now = 5_000;
  expect(keys.find(secret)).toBeUndefined();
  expect(keys.isEmpty()).toBe(false);
});

it('rotates the secret alone: id, budget, models and expiry stay, and the old secret ends at once', () => {
  const terms = { maxSpendAtomic: 7n, expiresMs: 5_000, models: ['ogong/replay/*'] };
  const { key, secret } = addApiKey(path, { name: 'k', ...terms, nowMs: now });
  const keys = open();
  const before = keys.find(secret);
  const next = rotateApiKey(path, key.id, now);
  expect(keys.find(secret)).toBeUndefined();
  expect(keys.find(next)).toEqual(before);
  expect(before).toMatchObject({ id: key.id, budgetAtomic: 7n, models: ['ogong/replay/*'] });
  now = 5_000;
  expect(keys.find(next)).toBeUndefined();
  for (const shown of [secret, next]) expect(readFileSync(path, 'utf8')).not.toContain(shown);
});

it('does not bring a revoked or expired key back by rotation, and knows no other id', () => {
  const { key } = addApiKey(path, { name: 'k', maxSpendAtomic: undefined, nowMs: now });
  revokeApiKey(path, key.id, now);
  expect(() => rotateApiKey(path, key.id, now)).toThrow(expect.objectContaining({ code: 'revoked-key' }));
  const ending = addApiKey(path, { name: 'e', maxSpendAtomic: undefined, expiresMs: now + 1, nowMs: now }).key;
  expect(() => rotateApiKey(path, ending.id, now + 1)).toThrow(expect.objectContaining({ code: 'expired-key' }));
  expect(rotateApiKey(path, ending.id, now)).toMatch(/^ogong-/);
  expect(() => rotateApiKey(path, '00000000', now)).toThrow(expect.objectContaining({ code: 'unknown-key' }));
});

it('matches models whole, or by a beginning that ends in *', () => {
  const holder = { models: ['ogong/replay/maker/small', 'ogong/tee/*'] };
  for (const model of ['ogong/replay/maker/small', 'ogong/tee/maker/any']) {
    expect(isModelAllowed(holder, model)).toBe(true);
    expect(isModelAllowed({}, model)).toBe(true);
  }
  for (const model of ['ogong/replay/maker/small2', 'ogong/replay/maker/smal', 'ogong/teeth/maker/any']) {
    expect(isModelAllowed(holder, model)).toBe(false);
  }
});

it('answers 403 where a key may not ask for a model that exists', () => {
  const model = 'ogong/replay/maker/small';
  const key = { id: 'a', budgetAtomic: undefined };
  expect(() => assertModel(model, { ...key, models: ['ogong/replay/*'] })).not.toThrow();
  expect(() => assertModel(model, { ...key, models: ['ogong/tee/*'] })).toThrow(
    expect.objectContaining({ code: 'model_not_allowed', status: 403, param: 'model' }),
  );
});

it('makes, lists and rotates keys with an end and a list of models by the command', () => {
  const made = run({ positionals: ['add'], lifetimeMs: 1_000, models: 'ogong/replay/*, ogong/tee/a/b' });
  const [, id = '', secret = ''] = /^key (\S+) .*\n(ogong-\S+)\n$/.exec(made) ?? [];
  const listed = run({ positionals: ['list'] });
  expect(listed).toContain('until 1970-01-01T00:00:02.000Z; only ogong/replay/*,ogong/tee/a/b');
  now = 2_000;
  expect(run({ positionals: ['list'] })).toContain('expired 1970');
  now = 1_000;
  const rotated = run({ positionals: ['rotate', id] });
  const next = /(ogong-\S+)\n$/.exec(rotated)?.[1] ?? '';
  expect(open().find(next)?.id).toBe(id);
  expect(open().find(secret)).toBeUndefined();
});

it.each([
  { models: '' },
  { models: 'a,,b' },
  { models: 'a*b' },
  { models: Array.from({ length: 101 }, () => 'a').join() },
  { lifetimeMs: 1e15 },
  { name: 'n'.repeat(101) },
])('refuses terms that the daemon could not read, and writes nothing: %o', (terms) => {
  expect(() => run({ positionals: ['add'], ...terms })).toThrow(expect.objectContaining({ code: 'usage' }));
  expect(open().isEmpty()).toBe(true);
});
