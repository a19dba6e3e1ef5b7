import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { encodeRecordV2 } from '@ogong/protocol/commitment/record';
import type { KeptOpening, Openings } from '@ogong/provider/provider/provider-store';
import { afterAll, describe, expect, it } from 'vitest';
import type { Attack } from './attack.ts';
import { createEvidenceKeeper, readEvidence } from './served-evidence.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-evidence-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const fill = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);

function createStore(): Openings {
  const kept = new Map<string, KeptOpening>();
  return {
    put: async (replyId, opening) => void kept.set(toHex(replyId), opening),
    get: async (replyId) => kept.get(toHex(replyId)),
    sweep: async () => kept.clear(),
  };
}

const attack = (openOpening?: Attack['openOpening']): Attack => ({
  name: 'withhold',
  aim: '',
  engine: undefined as never,
  ...(openOpening ? { openOpening } : {}),
});
const record = encodeRecordV2({
  replyId: fill(1, 16),
  requestHash: fill(2, 32),
  responseHash: fill(3, 32),
  modelRoot: fill(4, 32),
  commitRoot: fill(5, 32),
  tokenCount: 1,
  startNs: 1n,
  endNs: 2n,
});
const opening: KeptOpening = { bytes: fill(6, 40), consumer: fill(7, 32), expiresAtMs: 1 };

describe('evidence of a cheat', () => {
  it('pairs each signed record with its opening', async () => {
    const keeper = createEvidenceKeeper(directory);
    const signer = keeper.watchSigner(createNodeHybridSigner(fill(8, 64)));
    signer.sign(utf8Encode('an announcement, which is no record'));
    const signature = signer.sign(record);
    const openings = keeper.bendOpenings(createStore(), attack());
    await openings.put(fill(1, 16), opening);
    const { publicKey } = signer;
    expect(readEvidence(directory)).toEqual([
      { replyId: '01'.repeat(16), record, signature, publicKey, opening: opening.bytes },
    ]);
    expect(await openings.get(fill(1, 16))).toEqual(opening);
    expect(await openings.get(fill(9, 16))).toBeUndefined();
  });

  it('hands out the opening that the attack returns', async () => {
    const keeper = createEvidenceKeeper(directory);
    const bent = keeper.bendOpenings(
      createStore(),
      attack((bytes) => bytes.toReversed()),
    );
    await bent.put(fill(1, 16), { ...opening, bytes: Uint8Array.of(1, 2, 3) });
    expect((await bent.get(fill(1, 16)))?.bytes).toEqual(Uint8Array.of(3, 2, 1));
    const withheld = keeper.bendOpenings(
      createStore(),
      attack(() => {
        throw new Error('withheld');
      }),
    );
    await withheld.put(fill(1, 16), opening);
    await expect(withheld.get(fill(1, 16))).rejects.toThrow('withheld');
  });
});
