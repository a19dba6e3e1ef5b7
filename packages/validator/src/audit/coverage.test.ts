import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { encodeRecordV2, parseRecordV2 } from '@ogong/protocol/commitment/record';
import { countEntry, toEValuePpm } from '@ogong/protocol/settlement/log-tests';
import { createTestValidator, provider, providerId } from '@ogong/testing/validator/test-bench';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { PAYEE, payeeSigner } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { type RecordedReply, readRecorded } from '../store/replies/narrow-rows.ts';
import { createTestStates, OWN_TESTS } from '../store/sequential-store.ts';
import { putTest } from '../store/test-store.ts';
import { planCoverage } from './coverage.ts';

const known = createTestPayee('known');

async function createRecorded(count: number, options: Parameters<typeof createTestValidator>[0] = {}) {
  const validator = createTestValidator(options);
  await validator.announce(provider);
  const ids: Uint8Array[] = [];
  for (let number = 0; number < count; number++) {
    const payee = number % 2 === 0 ? payeeSigner : known;
    const { reply } = await validator.deliver(number, { payee });
    ids.push(reply.record.replyId);
  }
  return { validator, ids, rows: () => ids.map((id) => readRecorded(validator.store, id) as RecordedReply) };
}

/** As if the log had one more entry. */
function countReplies(
  store: Store,
  party: { readonly providerId: Uint8Array; readonly payee: Uint8Array },
  verdict: 'accept' | 'reject',
  eValue: number,
): void {
  const entry = { ...party, verdict, evidence: 'statistical', feeAtomic: 0n, fineAtomic: 0n, beaconEpoch: 1n } as const;
  countEntry(createTestStates(store, OWN_TESTS), {
    ...entry,
    timeMs: 1,
    step: 'reply',
    eValuePpm: toEValuePpm(eValue),
    verifiers: [],
  });
}

describe('coverage', () => {
  it('is the base coverage without a budget, and if everything is audited', async () => {
    const { validator, rows } = await createRecorded(3);
    const plan = (basePpm: number, extraPpm: number) => planCoverage(validator.store, rows(), { basePpm, extraPpm });
    expect(plan(50_000, 0)).toEqual([50_000, 50_000, 50_000]);
    expect(plan(1_000_000, 100_000)).toEqual([1_000_000, 1_000_000, 1_000_000]);
  });

  it('goes where the doubt is, and never below the base', async () => {
    const { validator, rows } = await createRecorded(6);
    for (let i = 0; i < 20; i++) {
      for (const payee of [PAYEE, known.address]) {
        countReplies(validator.store, { providerId, payee }, 'accept', 0.6);
      }
    }
    const options = { basePpm: 50_000, extraPpm: 50_000 };
    expect(planCoverage(validator.store, rows(), options)).toEqual(rows().map(() => 50_000));
    for (let i = 0; i < 3; i++) {
      countReplies(validator.store, { providerId, payee: PAYEE }, 'reject', 5);
    }
    const coverage = planCoverage(validator.store, rows(), options);
    for (const [number, ppm] of coverage.entries()) {
      if (number % 2 === 0) expect(ppm).toBeGreaterThan(50_000);
      else expect(ppm).toBe(50_000);
    }
    expect(coverage.reduce((sum, ppm) => sum + ppm, 0)).toBeLessThanOrEqual(6 * 100_000);
  });

  it('goes where a reply was faster, dearer, or of a newer payee than the others', async () => {
    const { validator, rows } = await createRecorded(7);
    for (let i = 0; i < 20; i++) {
      countReplies(validator.store, { providerId, payee: known.address }, 'accept', 0.6);
    }
    const plan = (bend: (row: RecordedReply, i: number) => RecordedReply) =>
      planCoverage(validator.store, rows().map(bend), { basePpm: 50_000, extraPpm: 100_000 });
    const dear = plan((row, i) => ({ ...row, feeAtomic: i === 3 ? 9000n : 1000n }));
    // Replies of even numbers are of a payee that nobody has audited yet.
    expect(dear[0]).toBeGreaterThan(50_000);
    expect(dear[1]).toBe(50_000);
    expect(dear[3]).toBeGreaterThan(dear[0] as number);
    const timed = (row: RecordedReply, seconds: number): RecordedReply => {
      const record = parseRecordV2(row.record);
      const endNs = record.startNs + BigInt(seconds * 1e9);
      const bytes = encodeRecordV2({ ...record, endNs });
      return {
        ...row,
        recordedAtMs: row.admittedAtMs + 60_000,
        feeAtomic: 1000n,
        record: bytes,
      };
    };
    const fast = plan((row, i) => timed(row, i === 5 ? 1 : 20));
    expect(fast[5]).toBeGreaterThan(50_000);
    expect(fast[1]).toBe(50_000);
    expect(fast[3]).toBe(50_000);
    // A provider that answers too fast signs an earlier start. The validator's own clock knows better, unless the
    // record waits as well.
    const backdated = (recordedAfterMs: number) =>
      plan((row, i) => ({
        ...timed(row, 20),
        recordedAtMs: row.admittedAtMs + (i === 5 ? recordedAfterMs : 25_000),
      }));
    expect(backdated(1_000)[5]).toBeGreaterThan(50_000);
    expect(backdated(25_000)[5]).toBe(50_000);
    // Nor does that help where the payer says when it had the answer.
    const seen = (observedMs: number | undefined) =>
      plan((row, i) => ({
        ...timed(row, 20),
        recordedAtMs: row.admittedAtMs + 25_000,
        ...(i === 5 && { observedMs }),
      }));
    expect(seen(1_000)[5]).toBeGreaterThan(50_000);
    expect(seen(21_000)[5]).toBe(50_000);
    expect(seen(undefined)[5]).toBe(50_000);
    // A clock that was set back tells nothing.
    expect(backdated(-1_000)[5]).toBe(50_000);
  });

  it('goes where a provider was fast in tests, however long its replies seem to take', async () => {
    const { validator, rows } = await createRecorded(5);
    for (let i = 0; i < 20; i++) {
      for (const payee of [PAYEE, known.address]) countReplies(validator.store, { providerId, payee }, 'accept', 0.6);
    }
    const { modelRoot } = (rows()[0] as RecordedReply).order;
    const options = { basePpm: 50_000, extraPpm: 100_000 };
    const plan = () => planCoverage(validator.store, rows(), options);
    let epoch = 0n;
    const test = (who: Uint8Array, tookMs: number, of = modelRoot) =>
      putTest(validator.store, {
        kind: 'canary',
        ...{ epoch: epoch++, providerId: who, modelRoot: of, arrival: 0, isMissed: false, tokens: 50, tookMs },
      });
    const others = [1, 2, 3, 4].map((byte) => new Uint8Array(32).fill(byte));
    for (const [i, other] of others.entries()) for (let n = 0; n < 3; n++) test(other, 1_000 + 40 * i + n);
    // Twice is chance, and so is another model.
    for (let n = 0; n < 2; n++) test(providerId, 250);
    for (let n = 0; n < 3; n++) test(providerId, 250, new Uint8Array(32).fill(9));
    expect(plan()).toEqual(rows().map(() => 50_000));
    test(providerId, 250);
    expect(plan().every((ppm) => ppm > 50_000)).toBe(true);
    // One slow test among three moves no median. A provider as fast as the others attracts no extra audit.
    test(providerId, 5_000);
    expect(plan().every((ppm) => ppm > 50_000)).toBe(true);
    for (let n = 0; n < 5; n++) test(providerId, 1_050);
    expect(plan()).toEqual(rows().map(() => 50_000));
  });

  it('keeps when a record came, by its own clock', async () => {
    const { validator, rows } = await createRecorded(1);
    const [row] = rows();
    expect(row?.recordedAtMs).toBe(validator.clock.nowMs());
  });

  it('decides which replies are audited, and co-signers accept an audit that the beacon does not demand', async () => {
    const decide = async (extraPpm: number) => {
      const { validator, ids } = await createRecorded(24, { audit: { alphaPpm: () => 60_000, extraPpm } });
      await validator.announceVerifier('v1');
      await validator.certify();
      await validator.runAudits();
      return new Map(ids.map((id) => [toHex(id), validator.find(id).verdict]));
    };
    const audited = (verdicts: Map<string, unknown>) => [...verdicts.values()].filter((one) => one !== 'unaudited');
    const base = await decide(0);
    const more = await decide(500_000);
    expect(audited(more).length).toBeGreaterThan(audited(base).length);
    // A reply that the beacon selects at base coverage is selected at any.
    for (const [id, verdict] of base) if (verdict !== 'unaudited') expect(more.get(id)).not.toBe('unaudited');
  });
});
