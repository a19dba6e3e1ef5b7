import { readFileSync } from 'node:fs';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { verifyInclusion } from '@ogong/protocol/crypto/merkle';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { describe, expect, it } from 'vitest';
import { rememberCrypto } from '../protocol/remembered-crypto.ts';
import { createCoreVectors } from './core-vectors.ts';

const crypto = rememberCrypto(nobleCrypto);

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../protocol/vectors/${name}.json`, import.meta.url), 'utf8'));

const computedVectors = Object.entries(await createCoreVectors(crypto));

describe('committed vectors', () => {
  // A difference means that a format changed, which needs a new version of the format.
  it.each(computedVectors)('%s equal the computed ones', (name, computed) => {
    expect(JSON.parse(JSON.stringify(computed))).toEqual(read(name));
  });

  it('hold replies that parse and replay from their bytes alone', () => {
    for (const vector of read('reply') as Record<string, string>[]) {
      const windows = (vector.windows as unknown as { draws: string; sketch: string }[]).map(({ draws, sketch }) => ({
        draws: fromHex(draws),
        sketch: fromHex(sketch),
      }));
      const record = parseRecordV2(fromHex(vector.recordV2 as string));
      const header = fromHex(vector.header as string);
      const { checks, outputTokens } = replayReply(crypto, record, {
        blind: fromHex(vector.blind as string),
        header,
        windows,
      });
      expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
      expect(Array.from(outputTokens)).toEqual(vector.outputTokens);
      expect(parseHeader(header).outputTokenCount).toBe(outputTokens.length);
      expect(toHex(parseOrder(fromHex(vector.order as string)).requestHash)).toBe(toHex(record.requestHash));
    }
  });

  it('hold inclusion proofs that verify, and fail for any other index, size, leaf or sibling', () => {
    for (const { size, root, proofs } of read('merkle') as { size: number; root: string; proofs: string[][] }[]) {
      proofs.forEach((hex, index) => {
        const leaf = crypto.sha256(Uint8Array.of(0), new TextEncoder().encode(`leaf ${index}`));
        const proof = hex.map((h) => fromHex(h));
        const claim = { leaf, index, size, proof, root: fromHex(root) };
        expect(verifyInclusion(crypto, claim)).toBe(true);
        expect(verifyInclusion(crypto, { ...claim, index: index + 1 })).toBe(false);
        expect(verifyInclusion(crypto, { ...claim, leaf: crypto.sha256(leaf) })).toBe(false);
        expect(verifyInclusion(crypto, { ...claim, proof: [...proof, leaf] })).toBe(false);
        if (proof.length > 0) expect(verifyInclusion(crypto, { ...claim, proof: proof.slice(1) })).toBe(false);
      });
    }
  });
});
