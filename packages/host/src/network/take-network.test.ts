import { createSyntheticNetwork } from '@ogong/testing/synthetic/synthetic-network';
import { expect, it } from 'vitest';
import { nodeCrypto as crypto } from '../crypto/node-crypto.ts';
import { readGateway, type TakenNetwork, takeNetwork } from './take-network.ts';

const GATEWAY = 'https://gateway.example';
const KEY = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);

async function take(
  given: Partial<TakenNetwork>,
  { gateway = GATEWAY, answer }: { readonly gateway?: string; readonly answer?: boolean } = {},
) {
  const asked: string[] = [];
  const ask = async (question: string): Promise<boolean> => {
    asked.push(question);
    return answer === true;
  };
  const network = await takeNetwork(
    gateway,
    { isTaken: false, ...given },
    {
      ...{ crypto, nowMs: () => 0, say: () => undefined, ask: answer === undefined ? undefined : ask },
      load: async () => ({ document: createSyntheticNetwork(), fingerprint: KEY }),
    },
  );
  return { fingerprint: network.fingerprint, asked: asked.length };
}

it.each<[string, Partial<TakenNetwork>, Parameters<typeof take>[1], number]>([
  ['that the user named', { fingerprint: KEY.toUpperCase() }, {}, 0],
  ['that it had before', { known: KEY }, {}, 0],
  ['that the user takes', { isTaken: true, known: OTHER }, {}, 0],
  ['that the user confirms', {}, { answer: true }, 1],
  ['of this machine', {}, { gateway: 'http://127.0.0.1:4546' }, 0],
])('takes a gateway with the key %s', async (_what, given, options, asked) => {
  expect(await take(given, options)).toEqual({ fingerprint: KEY, asked });
});

it.each<[RegExp, Partial<TakenNetwork>, Parameters<typeof take>[1]]>([
  [/name that one by --fingerprint/, { fingerprint: OTHER }, { answer: true }],
  [/name that one by --fingerprint/, { known: OTHER }, { gateway: 'http://127.0.0.1:4546' }],
  [/add --fingerprint abab/, {}, {}],
  [/nothing was joined/, {}, { answer: false }],
])('takes no other: %s', async (message, given, options) => {
  await expect(take(given, options)).rejects.toThrow(message);
});

it('reads the address of a gateway, and none over plain HTTP elsewhere', () => {
  expect(readGateway('https://gateway.example/v1')).toBe(GATEWAY);
  expect(readGateway('http://127.0.0.1:4546')).toBe('http://127.0.0.1:4546');
  expect(() => readGateway('http://gateway.example')).toThrow('is reached by https');
  expect(() => readGateway('gateway.example')).toThrow('is no address of a gateway');
});
