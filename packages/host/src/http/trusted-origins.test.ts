import { expect, it } from 'vitest';
import { isOwnName } from './trusted-origins.ts';

it.each([
  '127.0.0.1:1',
  '192.168.1.7:11434',
  '[::1]:1',
  '[fe80::1]',
  'localhost',
  'ogong:11434',
  'box.local',
  'llm.example.org',
])('a server on every address answers to %s', (host) =>
  expect(isOwnName(host, ['https://llm.example.org'])).toBe(true),
);

it.each([undefined, '', 'rebound.example.org', 'rebound.example.org:11434', '127.0.0.1.example.org'])(
  'a server on every address does not answer to %s',
  (host) => expect(isOwnName(host, ['https://llm.example.org'])).toBe(false),
);
