import { concatBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import { describe, expect, it } from 'vitest';
import type { Flow, SimulatedNetwork } from '../network/network.ts';
import { isClientPrompt, writePrompt } from '../requests.ts';
import { watchPrivacy } from './privacy.ts';

const ID = 'ab'.repeat(16);
const latent = Uint8Array.from({ length: 64 }, (_, i) => (i * 37 + 11) & 255);
const prompt = utf8Encode('a harbour with seventy boats');
const black = new Uint8Array(64);
const readers = new Set(['gateway-0', 'provider-0', 'validator-0', 'verifier-1']);

/** Returns the violations of a network with these messages. */
function play(...flows: readonly Flow[]): string[] {
  return playRun({ isCalm: true }, flows);
}

function playRun({ isCalm }: { readonly isCalm: boolean }, flows: readonly Flow[]): string[] {
  const network = { onArrival: undefined } as unknown as SimulatedNetwork;
  const found: string[] = [];
  const watch = watchPrivacy(
    { network, violate: (invariant, detail) => void found.push(`${invariant}: ${detail}`) },
    {
      listReplies: () => [{ id: ID, secrets: [latent, prompt, black], readers, handlingValidator: 'validator-0' }],
      isCalm,
      isHonest: (name) => name !== 'validator-3',
    },
  );
  for (const flow of flows) network.onArrival?.(flow);
  watch.finish();
  return found;
}

/** A message that has the bytes at an odd place. */
const send = (
  to: string,
  bytes: Uint8Array,
  { from = 'validator-0', method = 'ogong.v1.Some/CosignBatch' } = {},
): Flow => ({
  ...{ from, to, method, bytes: concatBytes(new Uint8Array(7), bytes, new Uint8Array(3)) },
});

it('prompts of clients are searched for, and not those of canaries', () => {
  expect([0, 7, 123].map((index) => isClientPrompt(writePrompt(index)))).toEqual([true, true, true]);
  expect(isClientPrompt('dy, and that fits into a sentence')).toBe(false);
});

describe('a watch over private parts of pictures', () => {
  it('allows the roles of the reply, and messages without a private part', () => {
    expect(play(...[...readers].map((name) => send(name, latent)))).toEqual([]);
    expect(play(send('validator-1', utf8Encode('a harbour')), send('validator-1', black))).toEqual([]);
  });

  it.each([
    ['a latent', 'validator-1', latent],
    ['a part of a latent', 'provider-1', latent.subarray(13, 45)],
    ['the prompt', 'router-0', prompt],
    ['a latent', 'verifier-0', latent],
  ])('finds %s at %s', (_what, to, bytes) => {
    const detail = `${to} received ${ID} from validator-0 by ogong.v1.Some/CosignBatch`;
    expect(play(send(to, bytes))).toEqual([`pictures-stay-private: ${detail}`]);
  });

  it('allows a witness that was asked about this reply', () => {
    const ask = (id: string): Flow => send('validator-1', Buffer.from(id, 'hex'), { method: 'ogong.v1.Some/Witness' });
    expect(play(ask(ID), send('validator-1', prompt))).toEqual([]);
    expect(play(ask('cd'.repeat(16)), send('validator-1', prompt))).toHaveLength(1);
  });

  it('allows a verifier that the handling validator asked, in runs with faults', () => {
    const job = send('verifier-0', latent, { method: 'ogong.v1.VerifierService/Commit' });
    const foreign = { ...job, from: 'validator-1' };
    expect([true, false].map((isCalm) => playRun({ isCalm }, [job]).length)).toEqual([1, 0]);
    expect(playRun({ isCalm: false }, [foreign])).toHaveLength(1);
  });

  it('excuses the receiver if the sender lies', () => {
    expect(play(send('validator-1', latent, { from: 'validator-3' }))).toEqual([]);
  });
});
