import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { describe, expect, it } from 'vitest';
import { parseHubSources, parsePlace } from './place.ts';

const hash = 'ab'.repeat(32);
const cid = `b${'a2'.repeat(29)}`;
const commit = '0f'.repeat(20);

describe('places of the hub', () => {
  it.each([
    ['https://host.example/a/b', 'http', 'https://host.example/a/b/'],
    ['hub+https://host.example', 'http', 'https://host.example/'],
    ['http://127.0.0.1:8080/m//', 'http', 'http://127.0.0.1:8080/m/'],
    ['s3://models/acme/small', 's3', 's3://models/acme/small'],
    [`ipfs:${cid}`, 'ipfs', `ipfs:${cid}`],
    [`hf:acme/small@${commit}`, 'hf', `hf:acme/small@${commit}`],
    ['walrus:abc-_9', 'walrus', 'walrus:abc-_9'],
  ] as const)('reads %s', (text, kind, address) => {
    expect(parsePlace(text)).toEqual({ kind, address });
  });

  it.each([
    'http://host.example/a',
    'https://key:secret@host.example/a',
    'https://host.example/a?b=',
    'https://host.example/a#b',
    `https://host.example/${'a'.repeat(252)}`,
    's3://models/../other',
    's3://Models',
    'ipfs:short',
    'hf:acme/small',
    `hf:acme/small@${commit.slice(1)}`,
    'walrus:',
    'ftp://host.example/',
    '/a/folder',
  ])('refuses %s', (text) => {
    expect(parsePlace(text)).toBeUndefined();
  });
});

describe('sources of the registry', () => {
  it('are a manifest and places; others are skipped', () => {
    const found = parseHubSources([
      'https://host.example/weights.gguf',
      'hub+https://host.example/m',
      `hub:${hash}`,
      'hub+torrent:abc',
      'hub+https://host.example/m/',
      'hub+/etc',
    ]);
    expect(found?.places).toEqual([{ kind: 'http', address: 'https://host.example/m/' }]);
    expect(toHex(found?.manifestHash as Uint8Array)).toBe(hash);
    expect(parseHubSources(['hf:acme/small', 'hub+https://host.example/'])).toBeUndefined();
  });

  it('have one manifest, whose hash is whole', () => {
    expect(() => parseHubSources([`hub:${hash}`, `hub:${hash.replaceAll('ab', 'cd')}`])).toThrow(ProtocolError);
    for (const source of ['hub:', `hub:${hash}0`, `hub:${hash.toUpperCase()}`])
      expect(() => parseHubSources([source])).toThrow(ProtocolError);
  });
});
