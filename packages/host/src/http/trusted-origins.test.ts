import { describe, expect, it } from 'vitest';
import { isOwnName, isTrustedOrigin } from './trusted-origins.ts';

const origins = ['https://llm.example.org'];
const EVERYWHERE = { origins, isLoopback: false };
const LOOPBACK = { origins, isLoopback: true };

it.each([
  '127.0.0.1:1',
  '192.168.1.7:11434',
  '[::1]:1',
  '[fe80::1]',
  'localhost',
  'ogong:11434',
  'box.local',
  'llm.example.org',
])('a server on every address answers to %s', (host) => expect(isOwnName(host, EVERYWHERE)).toBe(true));

it.each([undefined, '', 'rebound.example.org', 'rebound.example.org:11434', '127.0.0.1.example.org'])(
  'a server on every address does not answer to %s',
  (host) => expect(isOwnName(host, EVERYWHERE)).toBe(false),
);

describe('a server on loopback', () => {
  it.each([
    ...['localhost:11434', '127.0.0.1', '[::1]:1', '192.168.1.5', '0.0.0.0:11434', 'host.docker.internal'],
    ...['ollama.local', 'Ollama.local:11434'],
  ])('answers to %s, which no page can make resolve to it', (host) => expect(isOwnName(host, LOOPBACK)).toBe(true));

  it.each([
    undefined,
    '',
    'evil.local',
    'x.ollama.local',
    'ollama.local.example.org',
    'box',
    'rebound.example.org',
    '192.168.1.5.example.org',
    'localhost.evil.test',
  ])('does not answer to %s by itself', (host) => expect(isOwnName(host, LOOPBACK)).toBe(false));

  it.each([
    ['ollama.local', ['ollama.local', 'OLLAMA.local:11434'], ['evil.local', 'x.ollama.local']],
    ['*.home.example', ['a.home.example', 'a.b.home.example'], ['home.example', 'evilhome.example']],
    ['.home.example', ['a.home.example'], ['home.example']],
    ['lan', ['ollama.local', 'box', 'nas.lan', 'a.home.arpa'], ['rebound.example.org']],
    ['*', ['rebound.example.org'], ['']],
  ])('answers to what %s allows', (allowed, accepted, refused) => {
    for (const host of accepted) expect(isOwnName(host, { ...LOOPBACK, hosts: [allowed] }), host).toBe(true);
    for (const host of refused) expect(isOwnName(host, { ...LOOPBACK, hosts: [allowed] }), host).toBe(false);
  });

  it('trusts no page at a name that it answers to', () => {
    expect(isTrustedOrigin('http://ollama.local:11434', [])).toBe(false);
  });

  it('is not opened by an origin that allows all pages', () => {
    expect(isOwnName('rebound.example.org', { origins: ['*'], isLoopback: true })).toBe(false);
  });
});

it.each([
  ['https://app.example', ['https://app.example'], true],
  ['https://app.example', ['https://other.example'], false],
  ['http://192.168.1.9:8080', ['http://192.168.*'], true],
  ['https://a.example.org', ['https://*.example.org'], true],
  ['https://example.org.evil.test', ['https://*.example.org'], false],
  ['chrome-extension://abc', [], true],
  ['https://evil.test', ['*'], true],
  ['https://evil.test', ['h*t*'], false],
])('an origin %s is covered by %j: %s', (origin, allowed, isTrusted) => {
  expect(isTrustedOrigin(origin, allowed)).toBe(isTrusted);
});
