import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readCanaries } from './read-canaries.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-canaries-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const [first, second, empty] = ['one\ntwo\n', 'three\n', '\n'].map((keys, i) => write(`keys-${i}`, keys)) as [
  string,
  string,
  string,
];
const texts = write(
  'texts',
  'Some words that nobody needs to keep, and as many of them as a prompt of tests may need.',
);
const read = (
  canaryGateway: readonly string[],
  canaryKeys: readonly string[],
  canaryTexts: string | undefined = texts,
) => readCanaries('validator', { canaryGateway, canaryKeys, canaryTexts }, () => 0);

it('gives each gateway keys of its own', () => {
  const canaries = read(['https://one.example/', 'http://127.0.0.1:8080'], [first, second]);
  expect(canaries?.gateways.map(({ gateway, keys }) => [gateway, keys.map((key) => key.reveal())])).toEqual([
    ['https://one.example', ['one', 'two']],
    ['http://127.0.0.1:8080', ['three']],
  ]);
  expect(readCanaries('validator', { canaryGateway: [], canaryKeys: [] }, () => 0)).toBeUndefined();
});

it.each<[string, Parameters<typeof read>, string]>([
  ['a gateway without keys', [['https://one.example', 'https://two.example'], [first]], 'for each --canary-gateway'],
  ['keys without a gateway', [[], [first]], 'for each --canary-gateway'],
  ['a file without keys', [['https://one.example'], [empty]], 'is empty'],
  [
    'one gateway twice',
    [
      ['https://one.example', 'https://one.example/v1'],
      [first, second],
    ],
    'comes twice',
  ],
  ['keys in clear text over a network', [['http://one.example'], [first]], 'expected https'],
])('refuses %s', (_what, given, problem) => expect(() => read(...given)).toThrow(problem));
