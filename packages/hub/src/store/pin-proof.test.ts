import { readFileSync } from 'node:fs';

import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { hashLeaf, verifyInclusion } from '@ogong/protocol/crypto/merkle';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { describe, expect, it } from 'vitest';
import {
  CHUNK_BYTES,
  computeCatchProbability,
  computePinTree,
  countChunks,
  drawChunks,
  encodePinNodes,
  PIN_DRAWS,
  type PinTree,
  parsePinNodes,
} from '../pin-tree.ts';
import type { ByteRange } from './blob-store.ts';
import { makePinProof } from './pin-proof.ts';

interface Vectors {
  readonly seed: string;
  readonly pin: number;
  readonly blobs: readonly {
    readonly sizeBytes: number;
    readonly pinRoot: string;
    readonly indices: readonly number[];
    readonly proofBytes: number;
    readonly proofHash: string;
  }[];
}

const file = new URL('../../../protocol/vectors/hub-pins.json', import.meta.url);
const { blobs, ...named } = JSON.parse(readFileSync(file, 'utf8')) as Vectors;
const draw = { seed: fromHex(named.seed), pin: BigInt(named.pin) };
const ID = 'ab'.repeat(32);

const createBlob = (sizeBytes: number): Uint8Array =>
  Uint8Array.from({ length: sizeBytes }, (_, i) => 31 * i + Math.floor(i / 256));

/** Streams in odd pieces. */
async function* streamOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 70_001) yield bytes.subarray(at, at + 70_001);
}

const storeOf = (bytes: Uint8Array) => ({
  get: (_id: string, { from, to }: ByteRange = { from: 0, to: bytes.length }) => streamOf(bytes.subarray(from, to)),
});

const prove = (bytes: Uint8Array, tree: PinTree) => makePinProof(crypto, { store: storeOf(bytes), id: ID, tree }, draw);

describe('pin tree', () => {
  it.each(blobs)('of $sizeBytes bytes is that of the vectors, with its proof', async (vector) => {
    const bytes = createBlob(vector.sizeBytes);
    const tree = await computePinTree(streamOf(bytes));
    expect({ size: tree.sizeBytes, root: toHex(tree.pinRoot) }).toEqual({
      ...{ size: vector.sizeBytes, root: vector.pinRoot },
    });
    expect(drawChunks(crypto, draw, countChunks(vector.sizeBytes))).toEqual(vector.indices);
    const proof = await prove(bytes, parsePinNodes(encodePinNodes(tree), tree));
    expect({ bytes: proof.length, hash: toHex(crypto.sha256(proof)) }).toEqual({
      ...{ bytes: vector.proofBytes, hash: vector.proofHash },
    });
  });

  it('gives proofs of inclusion as the commitment has them', async () => {
    const bytes = createBlob(3 * 1_048_576 - 5_000);
    const tree = await computePinTree(streamOf(bytes));
    const proof = await prove(bytes, tree);
    const size = countChunks(bytes.length);
    const [index = 0] = drawChunks(crypto, draw, size);
    const chunk = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    const path = Array.from({ length: 12 }, (_, i) => proof.slice(CHUNK_BYTES + 32 * i, CHUNK_BYTES + 32 * (i + 1)));
    const inclusion = { leaf: hashLeaf(crypto, chunk), index, size, root: tree.pinRoot };
    expect(toHex(proof.subarray(0, CHUNK_BYTES))).toBe(toHex(chunk));
    // The last block is shorter, so paths from it may have fewer nodes.
    const lengths = [10, 11, 12].filter((n) => verifyInclusion(crypto, { ...inclusion, proof: path.slice(0, n) }));
    expect(lengths).toHaveLength(1);
  });

  it('refuses nodes of another blob, and a block that has changed', async () => {
    const bytes = createBlob(1_500_000);
    const tree = await computePinTree(streamOf(bytes));
    const nodes = encodePinNodes(tree);
    expect(() => parsePinNodes(nodes.subarray(1), tree)).toThrow('bytes of nodes');
    expect(() => parsePinNodes(nodes, { ...tree, sizeBytes: 3_000_000 })).toThrow('bytes of nodes');
    const bent = nodes.slice();
    bent[40] = (bent[40] ?? 0) ^ 1;
    expect(() => parsePinNodes(bent, tree)).toThrow('another root');
    const damaged = bytes.slice();
    damaged[77] = (damaged[77] ?? 0) ^ 1;
    await expect(prove(damaged, tree)).rejects.toMatchObject({ code: 'wrong-content' });
    await expect(prove(bytes.subarray(0, 1_100_000), tree)).rejects.toMatchObject({ code: 'wrong-content' });
  });
});

describe('the draw', () => {
  it.each([0.01, 0.1, 0.3])('shows a loss of %d of the chunks as often as computed', (lost) => {
    const count = 10_000;
    const trials = 600;
    const isLost = (index: number): boolean => index < lost * count;
    let caught = 0;
    for (let trial = 0; trial < trials; trial++) {
      const seed = crypto.sha256(new TextEncoder().encode(`seed ${trial}`));
      if (drawChunks(crypto, { seed, pin: 3n }, count).some(isLost)) caught++;
    }
    const expected = computeCatchProbability(lost, 1);
    // Five standard deviations of a binomial share.
    expect(Math.abs(caught / trials - expected)).toBeLessThan(5 * Math.sqrt((expected * (1 - expected)) / trials));
  });

  it('reaches all chunks evenly', () => {
    const counts = new Array<number>(10).fill(0);
    for (let pin = 0n; pin < 500n; pin++)
      for (const index of drawChunks(crypto, { ...draw, pin }, 10)) counts[index] = (counts[index] ?? 0) + 1;
    const expected = (500 * PIN_DRAWS) / 10;
    // Chi-squared with 9 degrees of freedom: above 40 once in 10^5.
    expect(counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)).toBeLessThan(40);
  });
});

describe('docs/hub-pins.md', () => {
  it('has the computed table of catching a loss', () => {
    const page = readFileSync(new URL('../../../../docs/hub-pins.md', import.meta.url), 'utf8');
    const [, table = ''] = page.split('<!-- catch -->\n');
    const rows = [0.001, 0.01, 0.05, 0.1, 0.2, 0.5].map((lost) => {
      const cells = [1, 7, 30].map((epochs) => `${(100 * computeCatchProbability(lost, epochs)).toFixed(2)} %`);
      return `| ${[`${100 * lost} %`, ...cells].join(' | ')} |\n`;
    });
    expect(table.split('\n').slice(2).join('\n')).toBe(rows.join(''));
  });
});
