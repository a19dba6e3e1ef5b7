import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSketchBank } from '../../../commitment/sketch.ts';
import { createNobleEd25519Signer, nobleCrypto as crypto } from '../../../crypto/noble.ts';
import {
  type BoundaryPass,
  createPassReceiver,
  createPassSender,
  encodeBoundaryPass,
  MAX_PASS_BYTES,
  MAX_TURNS,
  parseBoundaryPass,
} from './boundary-pass.ts';
import { commitBoundary } from './boundary-root.ts';
import { createRowContent, createTokenContent, MAX_ROW_VALUE } from './pass-content.ts';

const SIZE = 8;
const fill = (value: number) => new Uint8Array(32).fill(value);
const signer = createNobleEd25519Signer(fill(1));
const content = createRowContent(SIZE);
const edge = { orderHash: fill(2), place: 0, blind: fill(3), content };
const limits = { maxPositions: 100, maxTurns: 20, maxRows: 40 };
const bank = createSketchBank(crypto, { bankSeed: fill(4), directions: 16, embeddingSize: SIZE });

const openEdge = () => ({
  sender: createPassSender(crypto, edge, { signer, maxPositions: 100 }),
  receiver: createPassReceiver(crypto, edge, { senderKey: signer.publicKey, ...limits }),
});
/** Rows whose values tell their pass. */
const rows = (count: number, mark = 0): Float32Array =>
  Float32Array.from({ length: count * SIZE }, (_, i) => Math.fround(Math.sin(i + 17 * mark)));

const bend = (pass: BoundaryPass, head: Partial<BoundaryPass['head']>): BoundaryPass => ({
  ...pass,
  head: { ...pass.head, ...head },
});
const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.with(at, (bytes[at] as number) ^ 1);

/** Signs rows that the sender itself would refuse. */
const forge = (values: Float32Array): BoundaryPass => {
  const unchecked = { ...content, encode: (raw: Float32Array) => new Uint8Array(raw.slice().buffer) };
  return createPassSender(crypto, { ...edge, content: unchecked }, { signer, maxPositions: 100 }).send(
    'step',
    0,
    values,
  );
};

describe('a receiver of passes', () => {
  it('keeps the rows that stand, and neither their messages nor rows that were dropped', () => {
    const { sender, receiver } = openEdge();
    const send = (...given: Parameters<typeof sender.send>) => {
      const encoded = encodeBoundaryPass(sender.send(...given));
      const message = new Uint8Array(encoded.length + 10_000);
      message.set(encoded);
      expect(receiver.accept(parseBoundaryPass(message.subarray(0, encoded.length))).ok).toBe(true);
    };
    send('prompt', 0, rows(40));
    send('step', 3, rows(1, 1));
    for (const { kept } of [sender, receiver]) {
      expect(kept.standing.map(({ bytes }) => bytes.buffer.byteLength)).toEqual([3 * SIZE * 4, SIZE * 4]);
    }
  });

  it('takes the passes of its sender in turn, with rows that replace rejected guesses', () => {
    const { sender, receiver } = openEdge();
    const steps = [
      ['prompt', 0, rows(5)],
      ['step', 5, rows(4, 1)],
      ['step', 6, rows(2, 2)],
    ] as const;
    for (const [kind, position, values] of steps) {
      const pass = parseBoundaryPass(encodeBoundaryPass(sender.send(kind, position, values)));
      expect(receiver.accept(pass)).toMatchObject({ ok: true, head: { kind, position }, values });
    }
    expect([receiver.kept.positions, sender.kept.positions]).toEqual([8, 8]);
    const stands = receiver.kept.standing.map(({ pass, bytes }) => [pass.head.turn, bytes.length / (4 * SIZE)]);
    expect(stands).toEqual([[0, 5], [1, 1], [2, 2]]); // biome-ignore format: a table
    const { root } = commitBoundary(crypto, sender.kept, { ...edge, bank });
    expect(commitBoundary(crypto, receiver.kept, { ...edge, bank }).root).toEqual(root);
  });

  it('refuses in the order of cost, and stays as it was', () => {
    const { sender, receiver } = openEdge();
    receiver.accept(sender.send('prompt', 0, rows(5)));
    const good = sender.send('step', 5, rows(2, 1));
    const unsigned = flip(good.signature, 3);
    const refusals: [string, BoundaryPass][] = [
      ['turn', bend(good, { turn: 2, rows: 3 })],
      ['turn', bend(good, { turn: 0 })],
      ['size', bend(good, { rows: 3, position: 9 })],
      ['size', bend(good, { rows: 41 })],
      ['size', { ...good, payload: good.payload.subarray(1) }],
      ['size', { ...good, head: { ...good.head, rows: 0 }, payload: new Uint8Array(0) }],
      ['position', { ...bend(good, { position: 6 }), signature: unsigned }],
      ['position', bend(good, { position: 99 })],
      ['signature', { ...good, signature: unsigned }],
      ['signature', { ...good, payload: flip(good.payload, 9) }],
      ['signature', bend(good, { position: 4 })],
      ['signature', bend(good, { kind: 'score' })],
    ];
    for (const [reason, pass] of refusals) expect(receiver.accept(pass)).toMatchObject({ ok: false, reason });
    expect(receiver.kept).toMatchObject({ positions: 5, nextTurn: 1 });
    expect(receiver.accept(good)).toMatchObject({ ok: true });
    expect(receiver.accept(good)).toMatchObject({ ok: false, reason: 'turn' });
  });

  it.each([
    ['another order', { orderHash: fill(9) }],
    ['another place', { place: 1 }],
    ['another blind', { blind: fill(9) }],
    ['tokens of as many bytes', { content: { ...content, domain: createTokenContent(9).domain } }],
  ])('refuses a pass of %s', (_name, other) => {
    const pass = createPassSender(crypto, { ...edge, ...other }, { signer, maxPositions: 100 }).send(
      'step',
      0,
      rows(1),
    );
    expect(openEdge().receiver.accept(pass)).toMatchObject({ ok: false, reason: 'signature' });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -2 * MAX_ROW_VALUE])('refuses %f among signed values', (value) => {
    const bad = rows(2);
    bad[SIZE + 1] = value;
    expect(openEdge().receiver.accept(forge(bad))).toMatchObject({ ok: false, reason: 'values' });
    expect(() => openEdge().sender.send('step', 0, bad)).toThrow('out of range');
  });

  it('commits to the largest values that it takes', () => {
    const { receiver } = openEdge();
    expect(receiver.accept(forge(rows(1).fill(MAX_ROW_VALUE)))).toMatchObject({ ok: true });
    expect(commitBoundary(crypto, receiver.kept, { ...edge, bank }).positions).toBe(1);
  });

  it('refuses passes beyond its limit of turns', () => {
    const { sender } = openEdge();
    const receiver = createPassReceiver(crypto, edge, { senderKey: signer.publicKey, ...limits, maxTurns: 1 });
    expect(receiver.accept(sender.send('step', 0, rows(1)))).toMatchObject({ ok: true });
    expect(receiver.accept(sender.send('step', 1, rows(1)))).toMatchObject({ ok: false, reason: 'turn' });
  });

  it('takes over from another receiver at a later turn, from position 0', () => {
    const { sender } = openEdge();
    sender.send('prompt', 0, rows(5));
    const again = createPassReceiver(crypto, edge, { senderKey: signer.publicKey, ...limits, firstTurn: 1 });
    expect(again.accept(sender.send('step', 5, rows(1)))).toMatchObject({ ok: false, reason: 'position' });
    const later = createPassReceiver(crypto, edge, { senderKey: signer.publicKey, ...limits, firstTurn: 2 });
    expect(later.accept(sender.send('prompt', 0, rows(6)))).toMatchObject({ ok: true });
  });

  it('takes tokens, and none beyond the vocabulary', () => {
    const tokens = { ...edge, place: 1, content: createTokenContent(300) };
    const wide = { ...tokens, content: createTokenContent(301) };
    const receive = () => createPassReceiver(crypto, tokens, { senderKey: signer.publicKey, ...limits });
    const send = (of: typeof tokens, ids: number[]) =>
      createPassSender(crypto, of, { signer, maxPositions: 100 }).send('prompt', 0, Uint32Array.from(ids));
    expect(receive().accept(send(tokens, [1, 299]))).toMatchObject({ ok: true, values: Uint32Array.of(1, 299) });
    expect(receive().accept(send(wide, [1, 300]))).toMatchObject({ ok: false, reason: 'values' });
    expect(() => send(tokens, [300])).toThrow('vocabulary');
  });

  it('refuses more positions than a blob holds', () => {
    expect(() => createPassSender(crypto, edge, { signer, maxPositions: 2 ** 26 })).toThrow('exceed a blob');
  });
});

describe('random passes', () => {
  const step = fc.record({
    back: fc.nat(6),
    count: fc.integer({ min: 1, max: 6 }),
    mark: fc.nat(99),
    change: fc.nat(),
  });

  it('give both ends one root, and any changed byte is refused', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const { sender, receiver } = openEdge();
        /** Marks of the rows that stand, kept the simple way. */
        let model: number[] = [];
        for (const { back, count, mark, change } of steps) {
          const position = Math.max(0, sender.kept.positions - back);
          const encoded = encodeBoundaryPass(sender.send('step', position, rows(count, mark)));
          const changed = flip(encoded, change % encoded.length);
          expect(tryAccept(receiver, changed)).not.toMatchObject({ ok: true });
          expect(tryAccept(receiver, encoded)).toMatchObject({ ok: true });
          model = [...model.slice(0, position), ...Array.from({ length: count }, (_, i) => 1_000 * mark + i)];
        }
        const expected = model.flatMap((name) => [
          ...rows((name % 1_000) + 1, Math.floor(name / 1_000)).subarray((name % 1_000) * SIZE),
        ]);
        const [sent, received] = [sender, receiver].map(({ kept }) => commitBoundary(crypto, kept, { ...edge, bank }));
        expect(received).toMatchObject({ root: sent?.root, positions: model.length, turns: steps.length });
        const bytes = Buffer.concat(receiver.kept.standing.map((part) => part.bytes));
        expect(Array.from(content.decode(bytes) ?? [])).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
});

function tryAccept(receiver: ReturnType<typeof openEdge>['receiver'], encoded: Uint8Array) {
  try {
    return receiver.accept(parseBoundaryPass(encoded));
  } catch (error) {
    return error;
  }
}

describe('the bytes of a pass', () => {
  it('are refused if they are cut, too long, or without rows or kind', () => {
    const encoded = encodeBoundaryPass(openEdge().sender.send('step', 0, rows(1)));
    const cut = encoded.subarray(0, 74);
    const late = encoded.with(0, 255);
    for (const wrong of [cut, late, encoded.with(4, 3), encoded.with(10, 0), new Uint8Array(MAX_PASS_BYTES + 76)])
      expect(() => parseBoundaryPass(wrong)).toThrow(expect.objectContaining({ name: 'ProtocolError' }));
    expect(MAX_TURNS).toBe(2 ** 18);
  });
});
