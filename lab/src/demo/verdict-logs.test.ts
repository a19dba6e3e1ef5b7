import { LinkError } from '@ogong/host/link/link-error';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { expect, it } from 'vitest';
import { readVerdictLogs } from './verdict-logs.ts';

/** Reads the empty log of a validator that answers its first question with an error. */
function readAfter(error: LinkError) {
  const account = `0x${'11'.repeat(20)}`;
  const chain = {
    deployment: { chainId: 31_337, settlement: `0x${'5e'.repeat(20)}` },
    validators: async () => [{ account, endpoint: '127.0.0.1:1', certHash: `0x${'22'.repeat(32)}` }],
    anchorOf: async () => ({ sequence: 0n, logLength: 0n, logHead: `0x${'00'.repeat(32)}` }),
  };
  let asked = 0;
  const listVerdicts = async () => {
    if (asked++ === 0) throw error;
    return { length: 0n, entries: [] };
  };
  return readVerdictLogs([], { chain: chain as never, links: { to: () => ({ listVerdicts }) } as never, crypto });
}

it('repeats a call that a busy validator does not answer', async () => {
  const { logs } = await readAfter(new LinkError('timeout', 'it is late'));
  expect(logs).toMatchObject([{ entries: [], isAnchored: true }]);
});

it('does not repeat a refused call', async () => {
  const refused = new LinkError('remote', 'no', { refusal: 'unavailable' });
  await expect(readAfter(refused)).rejects.toBe(refused);
});
