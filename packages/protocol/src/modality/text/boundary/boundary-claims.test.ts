import { describe, expect, it } from 'vitest';
import { createSketchBank } from '../../../commitment/sketch.ts';
import { createNobleEd25519Signer, nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { judgeGarbage, judgeHiddenRoot, judgeNothing, judgeRootOfRows, judgeTwoRoots } from './boundary-claims.ts';
import { createPassReceiver, createPassSender, MAX_TURNS } from './boundary-pass.ts';
import {
  type BoundaryProof,
  encodeBoundaryProof,
  parseBoundaryProof,
  proveRows,
  type UsedRows,
} from './boundary-proof.ts';
import {
  type BoundaryRoot,
  commitBoundary,
  encodeBoundaryRoot,
  parseBoundaryRoot,
  signBoundaryRoot,
  signRootReceipt,
  verifyBoundaryRoot,
} from './boundary-root.ts';
import type { BoundaryRows } from './boundary-rows.ts';
import { createRowContent, MAX_ROW_VALUE } from './pass-content.ts';

const SIZE = 8;
const ROW = 4 * SIZE;
const fill = (value: number) => new Uint8Array(32).fill(value);
const signer = createNobleEd25519Signer(fill(1));
const stranger = createNobleEd25519Signer(fill(8));
const leader = createNobleEd25519Signer(fill(9));
const content = createRowContent(SIZE);
const edge = { orderHash: fill(2), place: 1, receiver: 2, blind: fill(3), content, senderKey: signer.publicKey };
const bank = createSketchBank(crypto, { bankSeed: fill(4), directions: 16, embeddingSize: SIZE });
const rows = (count: number, mark: number) =>
  Float32Array.from({ length: count * SIZE }, (_, i) => Math.sin(i + 9 * mark));

/** Both ends of an edge after a prompt of 40 rows, a step with a dropped guess, and a dropped pass. */
function run(by = signer) {
  const sender = createPassSender(crypto, edge, { signer: by, maxPositions: 100 });
  const limits = { maxPositions: 100, maxTurns: 20, maxRows: 40 };
  const receiver = createPassReceiver(crypto, edge, { senderKey: by.publicKey, ...limits });
  const passes = [
    ['prompt', 0, 40],
    ['step', 40, 3],
    ['step', 42, 2],
    ['step', 42, 1],
  ] as const;
  for (const [mark, [kind, position, count]] of passes.entries())
    receiver.accept(sender.send(kind, position, rows(count, mark)));
  return { sender, receiver };
}

const show = (kept: BoundaryRows): UsedRows => ({
  rows: new Uint8Array(Buffer.concat(kept.standing.map(({ bytes }) => bytes))),
  proof: parseBoundaryProof(encodeBoundaryProof(proveRows(kept))),
});
function signRoot(kept: BoundaryRows, changes: Partial<BoundaryRoot> = {}, by = signer): BoundaryRoot {
  const { positions, turns, root } = commitBoundary(crypto, kept, { ...edge, bank });
  return signBoundaryRoot(by, {
    orderHash: edge.orderHash,
    place: edge.place,
    positions,
    turns,
    root,
    input: fill(8),
    ...changes,
  });
}
const bendPass = ({ rows: bytes, proof }: UsedRows, at: number, changes: Partial<BoundaryProof['passes'][number]>) => ({
  rows: bytes,
  proof: { ...proof, passes: proof.passes.map((pass, i) => (i === at ? { ...pass, ...changes } : pass)) },
});

const { sender, receiver } = run();
const shown = show(receiver.kept);
const root = signRoot(sender.kept);

/** Rows that the receiver cannot have from its sender. */
const UNSIGNED: [string, UsedRows][] = [
  ['a changed row', { ...shown, rows: shown.rows.with(5, 1) }],
  ['a row too few', { ...shown, rows: shown.rows.subarray(ROW) }],
  ['a changed hash of a dropped row', bendPass(shown, 1, { dropped: [fill(7)] })],
  ['no hash of a dropped row', bendPass(shown, 1, { dropped: [] })],
  ['another kind', bendPass(shown, 0, { kind: 'score' })],
  ['a pass that is moved', bendPass(shown, 2, { position: 41 })],
  ['a gap', bendPass(shown, 1, { position: 41 })],
  ['another first turn', { ...shown, proof: { ...shown.proof, firstTurn: 1 } }],
  ['a pass left out', { ...shown, proof: { ...shown.proof, passes: shown.proof.passes.filter((_, i) => i !== 2) } }],
  ['another signer', show(run(stranger).receiver.kept)],
];

describe('the claim that garbage came', () => {
  it('has the sender audited if it signed the rows', () => {
    expect(judgeGarbage(crypto, edge, shown)).toEqual({ reason: 'rows-signed', audit: 1 });
  });

  it.each(UNSIGNED)('names the receiver for %s', (_name, wrong) => {
    expect(judgeGarbage(crypto, edge, wrong)).toEqual({ reason: 'rows-unsigned', culprit: 2 });
  });

  it('names the receiver for signed values that it had to refuse', () => {
    const unchecked = { ...content, encode: (values: Float32Array) => new Uint8Array(values.slice().buffer) };
    const careless = createPassSender(crypto, { ...edge, content: unchecked }, { signer, maxPositions: 9 });
    careless.send('step', 0, rows(1, 0).fill(2 * MAX_ROW_VALUE));
    expect(judgeGarbage(crypto, edge, show(careless.kept))).toEqual({ reason: 'rows-unsigned', culprit: 2 });
  });
});

describe('two roots', () => {
  const other = signRoot(sender.kept, { root: fill(6) });

  it('of one sender convict it', () => {
    expect(judgeTwoRoots(crypto, edge, [root, other])).toEqual({ reason: 'two-roots', culprit: 1 });
    const shorter = signRoot(sender.kept, { positions: 42 });
    expect(judgeTwoRoots(crypto, edge, [root, shorter])).toEqual({ reason: 'two-roots', culprit: 1 });
  });

  it.each([
    ['another signer', signRoot(sender.kept, { root: fill(6) }, stranger)],
    ['another order', signRoot(sender.kept, { root: fill(6), orderHash: fill(5) })],
    ['another place', signRoot(sender.kept, { root: fill(6), place: 0 })],
    ['a changed field', { ...root, positions: 42 }],
  ])('convict nobody with %s', (_name, wrong) => {
    expect(judgeTwoRoots(crypto, edge, [root, wrong])).toEqual({ reason: 'root-unsigned' });
    expect(judgeTwoRoots(crypto, edge, [wrong, root])).toEqual({ reason: 'root-unsigned' });
  });

  it('that are one convict nobody', () => {
    expect(judgeTwoRoots(crypto, edge, [root, parseBoundaryRoot(encodeBoundaryRoot(root))])).toEqual({
      reason: 'roots-equal',
    });
  });
});

describe('the claim that roots differ', () => {
  const judge = (of: BoundaryRoot, used: UsedRows) => judgeRootOfRows(crypto, edge, { root: of, shown: used, bank });

  it('convicts nobody if the rows have the root', () => {
    expect(judge(root, shown)).toEqual({ reason: 'roots-equal' });
  });

  it.each([
    ['another root', { root: fill(6) }],
    ['fewer positions', { positions: 42 }],
    ['fewer turns than it signed passes', { root: fill(6), turns: 3 }],
  ])('names the sender if its passes refute it: %s', (_name, changes) => {
    expect(judge(signRoot(sender.kept, changes), shown)).toEqual({ reason: 'root-against-passes', culprit: 1 });
  });

  it.each(UNSIGNED)('names the receiver for %s', (_name, wrong) => {
    expect(judge(signRoot(sender.kept, { root: fill(6) }), wrong)).toEqual({ reason: 'rows-unsigned', culprit: 2 });
  });

  it('names nobody if the receiver shows fewer passes, which it may hold back', () => {
    const stale = run().receiver.kept;
    const early = createPassReceiver(crypto, edge, {
      ...{ senderKey: signer.publicKey, maxPositions: 100, maxTurns: 20, maxRows: 40 },
    });
    const again = createPassSender(crypto, edge, { signer, maxPositions: 100 });
    early.accept(again.send('prompt', 0, rows(40, 0)));
    early.accept(again.send('step', 40, rows(3, 1)));
    expect(judge(signRoot(stale), show(early.kept))).toEqual({ reason: 'passes-differ', audit: 1, marked: [1, 2] });
  });

  it('names nobody for a root that is not signed', () => {
    expect(judge({ ...root, root: fill(6) }, shown)).toEqual({ reason: 'root-unsigned' });
  });

  it('counts passes from the first one that a new receiver got', () => {
    const moved = run();
    const pass = moved.sender.send('prompt', 0, rows(10, 5));
    const limits = { maxPositions: 100, maxTurns: 20, maxRows: 40, firstTurn: 4 };
    const fresh = createPassReceiver(crypto, edge, { senderKey: signer.publicKey, ...limits });
    fresh.accept(pass);
    expect(judge(signRoot(moved.sender.kept), show(fresh.kept))).toEqual({ reason: 'roots-equal' });
    // The receiver before it has other rows and fewer passes, so they refute nothing.
    expect(judge(signRoot(moved.sender.kept), show(moved.receiver.kept))).toMatchObject({ reason: 'passes-differ' });
  });
});

it.each([0, MAX_TURNS + 1, 2 ** 32])('nobody has signed a root of %s turns', (turns) => {
  expect(verifyBoundaryRoot(crypto, edge, root)).toBe(true);
  expect(verifyBoundaryRoot(crypto, edge, { ...root, turns })).toBe(false);
});

it('nobody has signed a root about other rows that came', () =>
  expect(verifyBoundaryRoot(crypto, edge, { ...root, input: fill(9) })).toBe(false));

it('the claim that nothing came marks both ends and names nobody', () => {
  expect(judgeNothing(edge)).toEqual({ reason: 'nothing-came', marked: [1, 2] });
});

describe('the claim that the leader hides a root', () => {
  const first = signBoundaryRoot(createNobleEd25519Signer(fill(7)), { ...root, place: 0 });
  const judge = (listed: readonly (BoundaryRoot | undefined)[], { by = leader, claimed = root } = {}) =>
    judgeHiddenRoot(
      crypto,
      edge,
      { place: 2, key: leader.publicKey },
      {
        ...{ root: claimed, receipt: signRootReceipt(crypto, by, claimed), listed },
      },
    );
  const forged = signRoot(sender.kept, { root: fill(6) }, leader);

  it('names the leader for a confirmed root that its header lacks or replaces', () => {
    expect(judge([first, undefined])).toEqual({ reason: 'root-hidden', culprit: 2 });
    expect(judge([first, forged])).toEqual({ reason: 'root-hidden', culprit: 2 });
  });

  it('marks shard and leader without the leader’s receipt', () => {
    const finding = { reason: 'root-not-confirmed', marked: [1, 2] };
    expect(judge([first, undefined], { by: stranger })).toEqual(finding);
    const claim = { root, listed: [first, undefined] };
    expect(judgeHiddenRoot(crypto, edge, { place: 2, key: leader.publicKey }, claim)).toEqual(finding);
  });

  it('names nobody if the root is listed or unsigned', () => {
    expect(judge([first, root])).toEqual({ reason: 'root-listed' });
    expect(judge([first, undefined], { claimed: forged })).toEqual({ reason: 'root-unsigned' });
  });

  it('names the shard that complains with another root than it gave', () => {
    expect(judge([first, signRoot(sender.kept, { root: fill(6) })])).toEqual({ reason: 'two-roots', culprit: 1 });
  });
});
