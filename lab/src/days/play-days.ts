import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { signEnd } from '@ogong/protocol/exchange/ending/order-end';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { otherProvider, provider, providerId, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createTestCalls, type TestVerifiers } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { createTestReport, findServed, MODEL_ROOT, type TestReply } from '@ogong/testing/validator/test-reply';
import { listCandidates } from '@ogong/validator/store/candidates';
import { readProvider } from '@ogong/validator/store/verdict-store';

const HOUR_MS = 3_600_000;
const TOKEN = 10n ** 18n;
const HONEST = ['h1', 'h2', 'h3', 'h4'];
const LEAGUE = ['l1', 'l2', 'l3', 'l4'];
/** Whole tokens behind each payee. The league has a tenth of the honest stake. */
const stakedBy = (name: string): bigint => (HONEST.includes(name) ? 1_000n : 100n);
const JUNK_PAYEE = createTestPayee('junk');
/** So often a verifier answers that it is not done yet. */
const LATE_ANSWERS = 3;

/**
 * The hours of a day, in turn. `usual`: a reply of the honest provider. `junk`: a reply to a request that honest verifiers refuse, and the
 * league confirms. `slow`: a reply whose job takes one honest verifier longer than its calls last. `busy`: a reply whose job two of them
 * turn away at first. `failing`: an order that makes the honest provider fail after its consent.
 */
const HOURS = ['usual', 'junk', 'slow', 'failing', 'junk', 'busy'] as const;
type Hour = (typeof HOURS)[number];

export interface DaysOutcome {
  readonly days: number;
  readonly orders: Readonly<Record<string, number>>;
  /** Answers by which honest verifiers refused a job, or said that it is not done. */
  readonly refusals: number;
  /** Charged silences and refuted reports of honest payees, in settled batches. */
  readonly honestPenalties: number;
  /** The least part of all chances that the honest verifiers had in a draw, of those before the first hour. */
  readonly leastShare: number;
  /** Part of its fees that the honest provider was not paid, of the replies that it delivered. */
  readonly lostEarnings: number;
  /** Fines of the honest provider, atomic units. */
  readonly fines: bigint;
  readonly isEjected: boolean;
}

/** Verifiers by what the hour has them do. */
function playVerifiers(served: ReadonlyMap<string, TestReply>, getHour: () => Hour) {
  const asked = new Map<string, number>();
  let refusals = 0;
  const refuse = (refusal: 'invalid' | 'unavailable'): never => {
    refusals++;
    throw new LinkError('remote', 'not this job', { refusal });
  };
  const report: TestVerifiers = async (peer, job) => {
    const name = String(peer.endpoint).replace(/:.*/, '');
    const reply = findServed(served.values(), job);
    if (reply === undefined) throw new Error('no such reply');
    const key = `${name} ${toHex(job.jobId)}`;
    const times = (asked.get(key) ?? 0) + 1;
    asked.set(key, times);
    const hour = getHour();
    if (hour === 'junk' && HONEST.includes(name)) refuse('invalid');
    const isLate = (hour === 'slow' && name === 'h1') || (hour === 'busy' && ['h1', 'h2'].includes(name));
    if (isLate && times <= LATE_ANSWERS) refuse('unavailable');
    return { report: createTestReport(reply, job), signer: createTestHybrid(name) };
  };
  return { report, forget: () => asked.clear(), countRefusals: () => refusals };
}

/**
 * Plays days of a network in which strangers choose what honest parties have to refuse. Intake, audits, witnesses, verdicts and settlement
 * are those of four real validators with a simulated clock.
 * @param onDay is told after each day.
 */
export async function playDays(days: number, onDay: (day: number) => void = () => {}): Promise<DaysOutcome> {
  const served = new Map<string, TestReply>();
  let hour: Hour = 'usual';
  const verifiers = playVerifiers(served, () => hour);
  const calls = createTestCalls(verifiers.report);
  const names = [...HONEST, ...LEAGUE];
  const stakes = new Map(names.map((name) => [toHex(createTestPayee(name).address), stakedBy(name) * TOKEN]));
  const stakeOf = (payee: Uint8Array): bigint => stakes.get(toHex(payee)) ?? 0n;
  const four = await createFour({ calls, stakeOf, audit: { honeypotPpm: 0 } });
  const { own, peers, clock, chain } = four;
  const announceAll = async (): Promise<void> => {
    clock.advance(1);
    const sequence = BigInt(clock.nowMs());
    for (const one of [own, ...peers]) {
      await one.announce(provider, { sequence });
      await one.announce(otherProvider, { sequence }, JUNK_PAYEE);
      for (const name of names) await one.announceVerifier(name, 'x', createTestPayee(name), {}, sequence);
    }
  };
  const orders: Record<string, number> = {};
  const entries: VerdictEntry[] = [];
  const shares: number[] = [];
  let number = 0;
  for (let day = 1; day <= days; day++) {
    for (let i = 0; i < 24; i++) {
      hour = HOURS[i % HOURS.length] as Hour;
      orders[hour] = (orders[hour] ?? 0) + 1;
      await announceAll();
      shares.push(measureShare(own, stakeOf));
      const reply = await serve(own, hour, number++);
      if (reply) served.set(toHex(reply.reply.record.replyId), reply);
      await four.certifyAll();
      await own.runSittings();
      for (const peer of peers) await peer.certifyUpTo(own.archive.latest().epoch);
      while (await own.settlement.step());
      if (own.refusals.length > 0) throw new Error(`a co-signer refused: ${own.refusals[0]}`);
      entries.push(...own.decided.splice(0));
      served.clear();
      verifiers.forget();
      clock.advance(HOUR_MS);
    }
    onDay(day);
  }
  await calls.close();
  const honest = HONEST.map((name) => createTestPayee(name).address);
  const tallies = chain.settled.flatMap((call) => call.tallies);
  const ofHonest = entries.filter((entry) => equalBytes(entry.providerId, providerId));
  const fees = ofHonest.map(({ feeAtomic }) => Number(feeAtomic));
  const delivered = ofHonest.length - (orders.failing ?? 0);
  return {
    ...{ days, orders, refusals: verifiers.countRefusals() },
    leastShare: Math.min(...shares) / (shares[0] as number),
    honestPenalties: tallies
      .filter(({ payee }) => honest.some((one) => equalBytes(one, payee as Uint8Array)))
      .reduce((sum, { refuted }) => sum + refuted, 0),
    lostEarnings: 1 - fees.reduce((sum, fee) => sum + fee, 0) / (delivered * Math.max(...fees)),
    fines: ofHonest.reduce((sum, { fineAtomic }) => sum + fineAtomic, 0n),
    isEjected: readProvider(own.store, providerId).ejected,
  };
}

/** The most that honest keys may lose of their earnings. */
const MOST_LOST = 0.001;

/** Lists what honest keys lost beyond what the rule allows. */
export function findLosses({ honestPenalties, leastShare, lostEarnings, fines, isEjected }: DaysOutcome): string[] {
  return [
    ...(honestPenalties > 0 ? [`${honestPenalties} penalties of honest payees`] : []),
    ...(leastShare < 1 ? [`honest verifiers had ${leastShare} of their chances`] : []),
    ...(lostEarnings > MOST_LOST ? [`the honest provider lost ${lostEarnings} of its earnings`] : []),
    ...(fines > 0n ? [`the honest provider was fined ${fines} atomic units`] : []),
    ...(isEjected ? ['the honest provider was ejected'] : []),
  ];
}

/** Serves the order of an hour. @returns undefined if the provider ends it. */
async function serve(own: TestValidator, hour: Hour, number: number): Promise<TestReply | undefined> {
  if (hour === 'junk') return own.deliver(number, { provider: otherProvider, payee: JUNK_PAYEE });
  if (hour !== 'failing') return own.deliver(number);
  const order = own.order(number);
  await own.intake.admit(order);
  const { orderHash } = order.fields;
  const end = signEnd(provider, { orderHash, code: 'cannot-go-on', timeMs: own.clock.nowMs() });
  await own.intake.pushRecord({ order, end });
  return undefined;
}

/** The part of all chances that the honest verifiers have in the next draw. */
function measureShare(own: TestValidator, stakeOf: (payee: Uint8Array) => bigint): number {
  const nowMs = own.clock.nowMs();
  const query = { modelRoot: MODEL_ROOT, serverId: providerId, salt: new Uint8Array(32), nowMs, stakeOf };
  const list = own.store.read(() => listCandidates(own.store, crypto, query));
  const payees = new Set(HONEST.map((name) => toHex(createTestPayee(name).address)));
  const ofHonest = list.filter(({ payee }) => payees.has(toHex(payee)));
  const sum = (some: typeof list): number => some.reduce((total, { weight }) => total + Number(weight), 0);
  return sum(ofHonest) / sum(list);
}
