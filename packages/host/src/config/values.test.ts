import { expect, it } from 'vitest';
import * as values from './values.ts';

const U64_MAX = 18446744073709551615n;

it.each([
  ['hostPort', values.hostPort, '127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
  ['hostPort', values.hostPort, '[::1]:65535', { host: '::1', port: 65535 }],
  ['hostPort', values.hostPort, 'router.example:0', { host: 'router.example', port: 0 }],
  ['duration', values.duration, '1.5s', 1500],
  ['duration', values.duration, '2h', 7_200_000],
  ['size', values.size, '4MiB', 4_194_304],
  ['size', values.size, '1.5 GB', 1_500_000_000],
  ['integer', values.integer({ min: -5 }), '-5', -5],
  ['decimal', values.decimal(), '1e-3', 0.001],
  ['decimal', values.decimal(), '.5', 0.5],
  ['amount', values.atomicAmount, U64_MAX.toString(), U64_MAX],
  ['amount', values.atomicAmount, '0.001', 10n ** 15n],
  ['amount', values.atomicAmount, '1 OGONG', 10n ** 18n],
  ['amount', values.atomicAmount, '1000 atomic', 1000n],
  ['escrow amount', values.escrowAmount, '100.5', 100_500_000_000_000_000_000n],
  ['escrow amount', values.escrowAmount, '7', 7n],
  ['signed amount', values.signedAmount, '-0.5 OGONG', -500_000_000_000_000_000n],
  ['signed amount', values.signedAmount, '12', 12n],
  ['tokens', values.wholeTokens, '100', 100n],
  ['url', values.httpUrl, 'http://127.0.0.1:11434/v1/', 'http://127.0.0.1:11434/v1'],
  ['boolean', values.boolean, 'Yes', true],
  ['choice', values.oneOf(['a', 'b']), 'b', 'b'],
  ['hex', values.hex(2), '0xBEEF', 'beef'],
])('%s reads %3$s', (_name, schema, text, expected) => {
  expect(schema.parse(text)).toEqual(expected);
});

it.each([
  [
    'hostPort',
    values.hostPort,
    ['', 'host', ':1', 'host:', '::1:80', 'a b:1', 'host:65536', 'host:-1', '[::1]', 'h:1:2'],
  ],
  ['duration', values.duration, ['', '5', '5 minutes', '-5s', 's', '1e3s']],
  ['size', values.size, ['', '5', '5mib', '-1MB', '99999999999GB']],
  ['integer', values.integer({ min: 1, max: 9 }), ['', '0', '10', '1.0', 'x', '0x1', ' 1', '99999999999999999']],
  ['decimal', values.decimal({ max: 1 }), ['', '1.1', '-0.1', 'NaN', 'Infinity', '1e999']],
  ['amount', values.atomicAmount, ['', '-1', '.5', '1.5 atomic', (U64_MAX + 1n).toString(), '18.5', '1e3']],
  ['escrow amount', values.escrowAmount, ['', '-1', '1 dollar', `1${'0'.repeat(38)}`, `1${'0'.repeat(20)}.0`]],
  ['signed amount', values.signedAmount, ['', '-', '--1', '1-']],
  ['tokens', values.wholeTokens, ['', '1.5', '1 OGONG', (U64_MAX + 1n).toString()]],
  ['url', values.httpUrl, ['', 'host', 'ftp://host', 'http://']],
  ['boolean', values.boolean, ['', 'maybe', 'toString']],
  ['choice', values.oneOf(['a', 'b']), ['', 'c']],
  ['hex', values.hex(2), ['', 'bee', 'beefy', 'xyzw']],
  ['text', values.text, ['']],
])('%s refuses what it is not', (_name, schema, texts) => {
  for (const text of texts) expect(schema.safeParse(text).success, text).toBe(false);
});
