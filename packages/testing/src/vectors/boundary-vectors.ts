import { concatBytes, toHex } from '@ogong/protocol/base/bytes';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleEd25519Signer } from '@ogong/protocol/crypto/noble';
import {
  createPassSender,
  encodeBoundaryPass,
  encodePassStatement,
} from '@ogong/protocol/modality/text/boundary/boundary-pass';
import { encodeBoundaryProof, proveRows } from '@ogong/protocol/modality/text/boundary/boundary-proof';
import {
  commitBoundary,
  encodeBoundaryRoot,
  signBoundaryRoot,
  signRootReceipt,
} from '@ogong/protocol/modality/text/boundary/boundary-root';
import { createRowContent, createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';

const EMBEDDING_SIZE = 8;
const VOCABULARY_SIZE = 300;
const fill = (value: number): Uint8Array => new Uint8Array(32).fill(value);

/** Passes of shard 0 and of the leader of two shards, with a dropped guess and a dropped pass; then root, proof and receipt. */
export function createBoundaryVectors(crypto: Crypto) {
  const [orderHash, blind, bankSeed] = [fill(2), fill(3), fill(4)];
  const [shard, leader] = [createNobleEd25519Signer(fill(1)), createNobleEd25519Signer(fill(5))];
  const bank = createSketchBank(crypto, { bankSeed, directions: 16, embeddingSize: EMBEDDING_SIZE });
  const edge = { orderHash, place: 0, blind, content: createRowContent(EMBEDDING_SIZE) };
  const sender = createPassSender(crypto, edge, { signer: shard, maxPositions: 64 });
  const back = { orderHash, place: 1, blind, content: createTokenContent(VOCABULARY_SIZE) };
  const tokens = createPassSender(crypto, back, { signer: leader, maxPositions: 64 });
  const passes = (
    [
      ['prompt', 0, 33],
      ['step', 33, 3],
      ['step', 35, 2],
      ['step', 35, 1],
    ] as const
  ).map(([kind, position, rows], turn) => {
    const values = Float32Array.from({ length: rows * EMBEDDING_SIZE }, (_, i) => ((i * 31 + turn) % 64) / 16 - 2);
    const pass = sender.send(kind, position, values);
    const { rowHashes } = sender.kept.passes[turn] as (typeof sender.kept.passes)[number];
    return {
      statement: toHex(encodePassStatement(crypto, edge, pass.head, rowHashes)),
      pass: toHex(encodeBoundaryPass(pass)),
    };
  });
  const commitment = commitBoundary(crypto, sender.kept, { blind, bank });
  const { positions, turns, root } = commitment;
  const signed = signBoundaryRoot(shard, { orderHash, place: 0, positions, turns, root });
  return {
    orderHash: toHex(orderHash),
    blind: toHex(blind),
    bankSeed: toHex(bankSeed),
    directions: bank.directions,
    embeddingSize: EMBEDDING_SIZE,
    vocabularySize: VOCABULARY_SIZE,
    shardKey: toHex(shard.publicKey),
    leaderKey: toHex(leader.publicKey),
    passes,
    tokens: [
      [7, 299, 0],
      [12, 13],
    ].map((ids, turn) => ({
      ids,
      pass: toHex(encodeBoundaryPass(tokens.send('step', 3 * turn, Uint32Array.from(ids)))),
    })),
    rows: toHex(concatBytes(...sender.kept.standing.map(({ bytes }) => bytes))),
    blobRoot: toHex(commitment.blob.ref.root),
    sketches: commitment.sketches.map((sketch) => toHex(sketch)),
    root: toHex(encodeBoundaryRoot(signed)),
    proof: toHex(encodeBoundaryProof(proveRows(sender.kept))),
    receipt: toHex(signRootReceipt(crypto, leader, signed)),
  };
}
