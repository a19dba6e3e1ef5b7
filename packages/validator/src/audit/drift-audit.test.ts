import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Store } from '@ogong/host/store/store';
import { computePayeeEvidence, INITIAL_PAYEE_TEST } from '@ogong/protocol/audit/payee-test';
import { toHex } from '@ogong/protocol/base/bytes';
import { INITIAL_TESTS } from '@ogong/protocol/settlement/log-tests';
import type { DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import { type AuditEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import { judge } from '@ogong/protocol/verdict/judge';
import type { JudgementContext } from '@ogong/protocol/verdict/judgement';
import { CHEAT, createTestPolicy, HONEST, seeDrift } from '@ogong/testing/validator/drift-fixture';
import {
  type BenchOptions,
  createTestValidator,
  provider,
  providerId,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import { PAYEE, type TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { adoptTable } from '../store/drift-store.ts';
import { toClaim } from '../store/replies/reply-store.ts';
import { createTestStates, OWN_TESTS } from '../store/sequential-store.ts';

const policy = createTestPolicy();
const other = createTestPolicy('other');
/** With the fixed thresholds' own rates, a statistical reject does not eject at once. */
const testsOf = (store: Store, subject: Uint8Array) => createTestStates(store, OWN_TESTS).find(subject);

async function createAudited(drift: DriftPolicy | undefined, size: number | ((name: string) => number)) {
  const served = new Map<string, TestReply>();
  const sizeOf = typeof size === 'number' ? () => size : size;
  const validator = createTestValidator({ verifiers: seeDrift(served, sizeOf), audit: { drift, pairPpm: 0 } });
  await validator.announce(provider);
  for (const name of ['v1', 'v2', 'v3']) await validator.announceVerifier(name);
  return {
    validator,
    async audit(number: number) {
      const reply = await validator.deliver(number);
      served.set(toHex(reply.reply.record.replyId), reply);
      await validator.certify();
      await validator.runSittings();
      return validator.find(reply.reply.record.replyId);
    },
  };
}

const checksOf = (row: { checks?: unknown }): { id: string; status: string; detail: string }[] =>
  typeof row.checks === 'string' ? JSON.parse(row.checks) : (row.checks as never);

describe('an audit between classes', () => {
  it('accepts differences that the table knows as drift, and names row and table', async () => {
    const { audit } = await createAudited(policy, HONEST);
    const row = await audit(0);
    expect(row.verdict).toBe('accept');
    const evidence = parseEvidence(row.evidence as Uint8Array) as AuditEvidence;
    expect(evidence.drift).toEqual(policy.note);
    const checks = checksOf(row);
    expect(checks.find(({ id }) => id === 'likelihood')?.detail).toContain('seen by test-1/js');
    expect(checks.find(({ id }) => id === 'drift-table')?.detail).toContain(
      `hash ${toHex(policy.note.tableHash)}, named by the chain`,
    );
  });

  it('says if the table is only its own', async () => {
    const { audit } = await createAudited({ ...policy, isNamed: false }, HONEST);
    expect(checksOf(await audit(0)).find(({ id }) => id === 'drift-table')?.detail).toContain('not named by the chain');
  });

  it('rejects what fixed thresholds let pass', async () => {
    const strict = await createAudited(policy, CHEAT);
    expect(await strict.audit(0)).toMatchObject({ verdict: 'reject' });
    expect(strict.validator.decided[0]).toMatchObject({ evidence: 'statistical', ejects: false });
    const loose = await createAudited(undefined, CHEAT);
    const row = await loose.audit(0);
    expect(row.verdict).toBe('accept');
    expect((parseEvidence(row.evidence as Uint8Array) as AuditEvidence).drift).toBeUndefined();
  });

  it('weighs evidence by how unlikely the reply is, and ejects when there is enough', async () => {
    const cheat = await createAudited(policy, CHEAT);
    const evidence: number[] = [];
    for (let number = 0; number < 8; number++) {
      await cheat.audit(number).catch((error: Error) => expect(error.message).toContain('ejected'));
      evidence.push(computePayeeEvidence(testsOf(cheat.validator.store, PAYEE).replies));
      if (cheat.validator.decided.at(-1)?.ejects) break;
    }
    expect(evidence.length).toBeGreaterThan(1);
    expect(evidence).toEqual([...evidence].sort((a, b) => a - b));
    expect(evidence.at(-1)).toBeGreaterThanOrEqual(1000);
    expect(cheat.validator.decided.at(-1)).toMatchObject({ verdict: 'reject', evidence: 'statistical', ejects: true });

    const honest = await createAudited(policy, HONEST);
    for (let number = 0; number < 8; number++) await honest.audit(number);
    expect(computePayeeEvidence(testsOf(honest.validator.store, PAYEE).replies)).toBeLessThan(10);
    expect(honest.validator.decided.some(({ ejects }) => ejects)).toBe(false);
  });
});

/** Rates at which nothing that this small table can show is rejected, or in doubt. */
const lenient = createTestPolicy('test', { reject: 1e-6, doubt: 2e-6 });

it('ejects a provider by all its replies together, though none alone shows anything', async () => {
  const cheat = await createAudited(lenient, CHEAT);
  for (let number = 0; number < 20 && !cheat.validator.decided.at(-1)?.ejects; number++) await cheat.audit(number);
  const { decided } = cheat.validator;
  expect(decided.length).toBeGreaterThan(2);
  expect(decided.map(({ verdict }) => verdict)).toEqual(decided.map(() => 'accept'));
  expect(decided.at(-1)).toMatchObject({ evidence: 'statistical', ejects: true });
  expect(computePayeeEvidence(testsOf(cheat.validator.store, PAYEE).replies)).toBeGreaterThanOrEqual(1000);
  await expect(cheat.audit(decided.length)).rejects.toThrow('ejected');

  const honest = await createAudited(lenient, HONEST);
  for (let number = 0; number < 20; number++) await honest.audit(number);
  expect(honest.validator.decided.some(({ ejects }) => ejects)).toBe(false);
});

describe('one verifier of three whose scores are always far off, and never off enough for a reject', () => {
  const isFar = (row: { evidence?: unknown }): boolean =>
    (parseEvidence(row.evidence as Uint8Array) as AuditEvidence).attempts.length > 1;

  it('has another one asked, and says nothing against an honest provider', async () => {
    const { validator, audit } = await createAudited(lenient, (name) => (name === 'v1' ? CHEAT : HONEST));
    let lies = 0;
    for (let number = 0; number < 24; number++) if (isFar(await audit(number))) lies++;
    expect(lies).toBeGreaterThan(3);
    expect(validator.decided.every(({ verdict, eValuePpm }) => verdict === 'accept' && eValuePpm <= 1_000_000)).toBe(
      true,
    );
    expect(computePayeeEvidence(testsOf(validator.store, PAYEE).replies)).toBeLessThan(1);
  });

  it('is not enough for an entry: its finding alone does not count, and the reply waits for another verifier', async () => {
    const { validator, audit } = await createAudited(lenient, CHEAT);
    const row = await audit(0);
    const evidence = parseEvidence(row.evidence as Uint8Array) as AuditEvidence;
    expect(evidence.attempts).toHaveLength(2);
    const beaconEpoch = row.beaconEpoch as bigint;
    const judged = {
      claim: toClaim(row),
      signed: row.signedRecord as JudgementContext['signed'],
      validator: validator.signer.address,
      draw: {
        ...{ replyId: row.replyId, orderEpoch: beaconEpoch - 4n, beaconEpoch },
        beacon: validator.archive.find(beaconEpoch)?.value as Uint8Array,
      },
      allowFixedVerifier: false,
      drift: lenient,
    };
    const whole = judge(crypto, judged, evidence);
    expect(whole).toMatchObject({ verdict: 'accept', wants: undefined });
    expect(whole.eValue).toBeGreaterThan(2);
    const alone = judge(crypto, judged, { ...evidence, attempts: evidence.attempts.slice(0, 1) });
    expect(alone).toMatchObject({ verdict: 'accept', wants: 'evidence', eValue: 1 });
  });
});

describe('co-signers', () => {
  async function settle(
    optionsOf: (index: number) => BenchOptions,
    size = HONEST,
    prepare: (own: TestValidator, peers: readonly TestValidator[]) => void = () => {},
  ) {
    const served = new Map<string, TestReply>();
    const four = await createFour((index) => ({ verifiers: seeDrift(served, () => size), ...optionsOf(index) }));
    await four.own.announceVerifier('v2');
    // The table was fixed long ago.
    for (const { store } of [four.own, ...four.peers]) {
      store.prepare('UPDATE drift_tables SET until = 0 WHERE until IS NOT NULL').run();
    }
    const reply = await four.own.deliver(0);
    served.set(toHex(reply.reply.record.replyId), reply);
    await four.certifyAll();
    prepare(four.own, four.peers);
    await four.own.runAudits();
    const refusals: string[] = [];
    for (const peer of four.peers) {
      const { cosign } = peer.cosigner;
      peer.cosigner.cosign = (...call) =>
        cosign(...call).catch((error: Error & { code: string; retryable: boolean }) => {
          refusals.push(`${error.code} ${error.retryable}: ${error.message}`);
          throw error;
        });
    }
    return { four, refusals, step: () => four.own.settlement.step() };
  }
  const all =
    (drift: DriftPolicy | undefined): ((index: number) => BenchOptions) =>
    () => ({ audit: { drift } });

  it('come to the same verdict with the same table', async () => {
    for (const size of [HONEST, CHEAT]) {
      const { refusals, step } = await settle(all(policy), size);
      expect(await step()).toBe(true);
      expect(refusals).toEqual([]);
    }
  });

  it('sign an ejection by an accepted reply only if its evidence speaks against the provider', async () => {
    const heldAgainst = (own: TestValidator, peers: readonly TestValidator[]): void => {
      const replies = { ...INITIAL_PAYEE_TEST, audits: 40, evidence: INITIAL_PAYEE_TEST.evidence.map(() => 900) };
      const logs = [createTestStates(own.store, OWN_TESTS)];
      for (const { store } of peers) logs.push(createTestStates(store, own.signer.address));
      for (const states of logs) {
        for (const subject of [providerId, PAYEE]) states.put(subject, { ...INITIAL_TESTS, replies });
      }
    };
    const guilty = await settle(all(lenient), CHEAT, heldAgainst);
    expect(guilty.four.own.decided).toMatchObject([{ verdict: 'accept', ejects: true, feeAtomic: 86_000n }]);
    expect(await guilty.step()).toBe(true);
    expect(guilty.four.chain.settled[0]?.ejections).toHaveLength(1);

    const { four } = await settle(all(lenient), HONEST, heldAgainst);
    expect(four.own.decided).toMatchObject([{ verdict: 'accept', ejects: false }]);
    const forged = await rebuild(
      four.own,
      await proposeUnheard(four),
      (entry) => ({ ...entry, ejects: true }),
      (same) => same,
    );
    const [peer] = four.peers as [TestValidator];
    await expect(peer.cosigner.cosign(four.own.signer.address, forged)).rejects.toThrow('speaks for the provider');
  });

  it('refuse with another table, without a table, and if the verdict names none; and say which table', async () => {
    const shown = (drift: DriftPolicy): string => `drift table ${toHex(drift.note.tableHash.subarray(0, 8))}`;
    const cases: [own: DriftPolicy | undefined, peers: DriftPolicy | undefined, reason: string][] = [
      [policy, other, `the verdict used ${shown(policy)}, this validator uses ${shown(other)}`],
      [policy, undefined, `the verdict used ${shown(policy)}, this validator uses no drift table`],
      [undefined, policy, `the verdict used no drift table, this validator uses ${shown(policy)}`],
    ];
    for (const [own, peers, reason] of cases) {
      const { refusals, step } = await settle((index) => ({ audit: { drift: index === 0 ? own : peers } }));
      await expect(step()).rejects.toMatchObject({ code: 'no-quorum' });
      expect(refusals).toHaveLength(3);
      for (const refusal of refusals) expect(refusal).toBe(`unavailable true: entry 0: ${reason}`);
    }
  });

  it('judge verdicts from before a change of table by the earlier table, for an hour', async () => {
    for (const [lateMs, isSigned] of [
      [3_500_000, true],
      [3_700_000, false],
    ] as const) {
      const { four, refusals, step } = await settle(all(policy));
      const [entry] = four.own.decided;
      // The others have moved on to another table before the verdict was reached.
      for (const peer of four.peers) {
        peer.store.transact((db) => adoptTable(db, other, (entry?.timeMs ?? 0) - lateMs));
      }
      const others = await Promise.all(four.peers.map((peer, i) => reopen(peer, other, i + 1)));
      four.peers.forEach((peer, i) => {
        peer.cosigner.cosign = (...call) => (others[i] as TestValidator).cosigner.cosign(...call);
      });
      if (isSigned) expect(await step()).toBe(true);
      else await expect(step()).rejects.toMatchObject({ code: 'no-quorum' });
      expect(refusals).toEqual([]);
    }
  });

  it('sign at rates near their own only', async () => {
    const near = createTestPolicy('test', { reject: 0.002, doubt: 0.02 });
    const far = createTestPolicy('test', { reject: 0.0002, doubt: 0.05 });
    const accepted = await settle((index) => ({ audit: { drift: index === 0 ? near : policy } }));
    expect(await accepted.step()).toBe(true);
    const refused = await settle((index) => ({ audit: { drift: index === 0 ? far : policy } }));
    await expect(refused.step()).rejects.toMatchObject({ code: 'no-quorum' });
    expect(refused.refusals[0]).toContain('judged at rates of 0.0002 and 0.05, here they are 0.01 and 0.05');
  });
});

/** The same disk behind a validator that was started again with another table. */
async function reopen(validator: TestValidator, drift: DriftPolicy, index: number): Promise<TestValidator> {
  const held = validator.store.prepare('SELECT hash, bytes, named, until FROM drift_tables').all();
  const again = createTestValidator({ index, audit: { drift }, chain: validator.chain, clock: validator.clock });
  again.store.prepare('DELETE FROM drift_tables').run();
  const insert = again.store.prepare('INSERT INTO drift_tables (hash, bytes, named, until) VALUES (?, ?, ?, ?)');
  for (const { hash, bytes, named, until } of held) {
    insert.run(hash as Uint8Array, bytes as Uint8Array, named as number, until as number | null);
  }
  await again.certify();
  return again;
}
