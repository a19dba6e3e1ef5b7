import { defaultHolding, defaultLimits } from '@ogong/chain/deploy/deploy';
import { computeAuditRate, SOUNDNESS_PPM } from '@ogong/protocol/audit/audit-rate';
import { computeFeeBound } from '@ogong/protocol/audit/fee-bound';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { computeReputationPpm, PPM } from '@ogong/protocol/exchange/reputation';
import { ATOMIC_PER_TOKEN } from '@ogong/protocol/exchange/stake-weights';
import { CHARGED_PPM } from '@ogong/protocol/settlement/audit-balance';
import { createFakeEarnings } from '@ogong/testing/chain/fake-earnings';
import { computePairPpm } from '@ogong/validator/audit/deterrence';
import { readConstant } from '../../contract-constants.ts';
import { drawBinomial } from './draw-binomial.ts';
import { createKeyLog, type Key, type KeyLog, REPLY_COLUMNS, type ReplyColumn } from './key-log.ts';
import type { Audits } from './network.ts';
import { DECIDING_STEP } from './play-audit.ts';
import { computePart, FEE_ATOMIC, MAX_FEE_ATOMIC, PART, toFees } from './prices.ts';
import type { ReplyKind } from './reports.ts';
import type { ForgingStrategy, ProviderWorld } from './strategy.ts';

/** The account of a provider after the simulated days, in usual fees. */
export interface LifeResult {
  /** Takings less the cost of work, lost stakes and lost bonds. */
  readonly gain: number;
  readonly replies: number;
  readonly forged: number;
  readonly audited: number;
  readonly ejections: number;
  /** Replies that had no fee although they were honest. */
  readonly honestUnpaid: number;
  /** Minutes from the first order to the first fee in a log, and to money that can be withdrawn. */
  readonly firstFee: number;
  readonly firstMoney: number;
}

const DAY_MINUTES = 1_440;
const MINUTE_S = 60;
const DAY_S = 86_400;
/** Epochs after the last order in which audits end. */
const DRAIN = 127;
/** A model for half of the cost comes close enough to leave a doubt. */
const NEAR_COST = 0.5;
const PENALTY = readConstant('Staking', 'PENALTY_PPM') / PPM;

/** A day of a key, for its reputation. */
interface DayOfKey {
  accepted: number;
  paid: number;
  failures: number;
}

interface Bill {
  readonly feeAtomic: bigint;
  /** The provider's part. */
  readonly partAtomic: bigint;
  /** In usual fees. */
  readonly fees: number;
}

const toBill = (feeAtomic: bigint): Bill => ({
  feeAtomic,
  partAtomic: computePart(feeAtomic),
  fees: toFees(feeAtomic),
});

interface Life {
  readonly world: ProviderWorld;
  readonly strategy: ForgingStrategy;
  readonly audits: Audits;
  readonly random: () => number;
  /** The usual bill and the largest one. */
  readonly bills: Readonly<Record<'usual' | 'largest', Bill>>;
}

/** One key under the rules of earnings. */
interface KeyState {
  readonly key: Key;
  readonly logs: readonly KeyLog[];
  readonly since: number;
  days: DayOfKey[];
  /** Parts of fees since the last credit, atomic units. */
  uncredited: bigint;
  mayServe: boolean;
  ppm: { usual: number; largest: number };
  pairPpm: { usual: number; largest: number };
  reputation: number;
  /** Part of the next reply that has arrived, by log. */
  readonly arriving: number[];
  isOut: boolean;
}

const idOf = (number: number, length: number): Uint8Array => {
  const id = new Uint8Array(length).fill(7);
  new DataView(id.buffer).setUint32(0, number + 1);
  return id;
};

function createKey({ world }: Life, number: number, since: number): KeyState {
  const key = { providerId: idOf(number, 32), payee: idOf(number, 20) };
  const whole = { usual: PPM, largest: PPM };
  return {
    ...{
      key,
      since,
      days: [],
      uncredited: 0n,
      mayServe: true,
      ppm: whole,
      pairPpm: whole,
      reputation: PPM / 2,
      isOut: false,
    },
    logs: Array.from({ length: world.logs }, () => createKeyLog(key, world.rules)),
    arriving: Array.from({ length: world.logs }, (_, i) => i / world.logs),
  };
}

/** Returns the kind of an audited reply, and whether the forger may withhold its opening. */
function toAudited(
  { strategy, world }: Life,
  served: ReplyColumn,
): { readonly kind: ReplyKind; readonly isShy: boolean } {
  if (served === 'honest') return { kind: 'honest', isShy: false };
  if (served === 'odd') return { kind: 'odd', isShy: false };
  const kind = strategy.kind === 'near' ? 'near' : strategy.overbills ? 'overbilled' : 'foreign';
  const isHandedOver = world.handsOver && served !== 'sealed';
  return { kind, isShy: strategy.withholds && !isHandedOver };
}

const billOf = ({ strategy }: Life, served: ReplyColumn): 'usual' | 'largest' =>
  served !== 'honest' && strategy.overbills ? 'largest' : 'usual';

/** Returns whether a key that held so much may be paid for the largest reply to a usual request. */
function maySell({ holdsEarnings }: ProviderWorld, heldAtomic: bigint): boolean {
  const { entrance: entranceAtomic, growth: growthPpm } = defaultHolding;
  const bound = holdsEarnings ? computeFeeBound({ entranceAtomic, growthPpm }, heldAtomic) : undefined;
  return bound === undefined || MAX_FEE_ATOMIC <= bound;
}

/** Refreshes coverage and reputation at the beginning of a day, by what the key held in the day before. */
function beginDay({ world, bills }: Life, state: KeyState, held: bigint): void {
  state.mayServe = maySell(world, held);
  for (const bill of ['usual', 'largest'] as const) {
    const rate = { feeAtomic: bills[bill].feeAtomic, heldAtomic: held, soundnessPpm: SOUNDNESS_PPM };
    const deterring = world.holdsEarnings ? computeAuditRate({ ...rate, basePpm: 0 }) : 0;
    state.ppm = { ...state.ppm, [bill]: Math.max(defaultLimits.alpha, deterring) };
    state.pairPpm = { ...state.pairPpm, [bill]: computePairPpm(deterring) };
  }
  const recent = state.days.slice(-3);
  const sum = (of: keyof DayOfKey): number => recent.reduce((all, day) => all + day[of], 0);
  const toAtomic = (count: number): bigint => BigInt(Math.round(count)) * FEE_ATOMIC;
  const accepted = toAtomic(sum('accepted'));
  const history = {
    heldAtomic: accepted < held ? accepted : held,
    paidAtomic: toAtomic(sum('paid')),
    paidSquares: toAtomic(sum('paid')) * FEE_ATOMIC,
    ...{ failures: sum('failures'), ejected: state.isOut },
  };
  state.reputation = computeReputationPpm(history, defaultHolding.entrance);
  state.days = [...recent, { accepted: 0, paid: 0, failures: 0 }];
}

/** Returns whether a strategy forges the replies of this minute. */
function isForging({ strategy }: Life, state: KeyState, log: KeyLog, epoch: number): boolean {
  if (epoch - state.since < strategy.honestDays * DAY_MINUTES) return false;
  if (!strategy.pauses) return true;
  const ahead = log.untilResult(epoch);
  return log.isFree() && (ahead === undefined || ahead > DECIDING_STEP);
}

/** Fills the cohort of a minute with so many replies, in the order of REPLY_COLUMNS. */
function serve({ strategy, world, random }: Life, cohort: Int32Array, count: number, forges: boolean): void {
  const odd = forges ? drawBinomial(count, strategy.odd, random) : 0;
  const ofSealing = forges ? drawBinomial(count - odd, world.sealed, random) : 0;
  const sealed = drawBinomial(ofSealing, strategy.forged, random);
  const plain = forges && !strategy.sealedOnly ? count - odd - ofSealing : 0;
  const forged = drawBinomial(plain, strategy.forged, random);
  cohort.set([count - odd - sealed - forged, forged, sealed, odd]);
}

interface Sums {
  cost: number;
  replies: number;
  forged: number;
  audited: number;
  ejections: number;
  honestUnpaid: number;
  lostStake: number;
  firstFee: number;
}

function pay(
  life: Life,
  state: KeyState,
  sums: Sums,
  { served, epoch, count }: { served: ReplyColumn; epoch: number; count: number },
): void {
  if (count === 0) return;
  const { partAtomic, fees } = life.bills[billOf(life, served)];
  state.uncredited += partAtomic * BigInt(count);
  (state.days.at(-1) as DayOfKey).paid += fees * count;
  if (Number.isNaN(sums.firstFee)) sums.firstFee = epoch;
}

/** Decides which replies of a cohort are audited, as `selectReplies` does: the rest is paid or not at once. */
function decideCohort(life: Life, state: KeyState, log: KeyLog, sums: Sums, epoch: number): void {
  const { random, audits } = life;
  const cohort = log.cohortAt(epoch);
  const isOwing = log.owesAudits();
  for (let column = 0; column < REPLY_COLUMNS.length; column++) {
    const count = cohort[column] as number;
    if (count === 0) continue;
    const served = REPLY_COLUMNS[column] as ReplyColumn;
    const bill = billOf(life, served);
    const coverage = state.ppm[bill] / PPM;
    const audited = isOwing ? count : drawBinomial(count, coverage, random);
    const sampled = CHARGED_PPM / PPM / (isOwing ? 1 : coverage);
    for (let i = 0; i < audited; i++) {
      const outcome = audits(toAudited(life, served), state.pairPpm[bill]);
      log.schedule(epoch, { served, outcome, isSampled: random() < sampled });
    }
    sums.audited += audited;
    const earning = log.payUnaudited(life.bills[bill].feeAtomic, count - audited);
    pay(life, state, sums, { served, epoch, count: earning });
    if (served === 'honest') sums.honestUnpaid += count - audited - earning;
  }
}

/** Appends the due entries of a log. */
function appendDue(life: Life, state: KeyState, log: KeyLog, sums: Sums, epoch: number): void {
  for (const { served, outcome, isSampled } of log.takeDue(epoch)) {
    const { verdict, refuted } = outcome;
    const { feeAtomic } = life.bills[billOf(life, served)];
    const { ejects, isPaid, isBurnt } = log.append({ outcome, isSampled }, epoch, feeAtomic);
    if (isPaid && !isBurnt) pay(life, state, sums, { served, epoch, count: 1 });
    else if (served === 'honest') sums.honestUnpaid++;
    const day = state.days.at(-1) as DayOfKey;
    if (verdict === 'accept') day.accepted++;
    if (verdict === 'reject') day.failures++;
    if (refuted > 0)
      sums.lostStake += refuted * PENALTY * toFees(BigInt(life.strategy.league.tokens) * ATOMIC_PER_TOKEN);
    if (ejects && !state.isOut) {
      state.isOut = true;
      sums.ejections++;
    }
  }
}

/** Plays one minute of a key. @param isOpen it still takes orders. */
function playMinute(
  life: Life,
  state: KeyState,
  sums: Sums,
  { epoch, isOpen }: { epoch: number; isOpen: boolean },
): void {
  const { world, strategy } = life;
  const share = world.followsReputation ? state.reputation / PPM : 1;
  for (const [index, log] of state.logs.entries()) {
    if (state.isOut) return;
    appendDue(life, state, log, sums, epoch);
    decideCohort(life, state, log, sums, epoch);
    const cohort = log.cohortAt(epoch);
    const arrived = (state.arriving[index] as number) + (world.perMinute * share) / world.logs;
    const count = isOpen && state.mayServe ? Math.floor(arrived) : 0;
    state.arriving[index] = arrived - Math.floor(arrived);
    serve(life, cohort, count, isForging(life, state, log, epoch));
    const honest = cohort[0] as number;
    const near = strategy.kind === 'near' ? (cohort[1] as number) + (cohort[2] as number) : 0;
    sums.replies += count;
    sums.forged += count - honest;
    sums.cost += (honest + NEAR_COST * near) * (1 - world.margin) * PART;
  }
}

/**
 * Plays the days of one provider, under as many keys as it begins. The model leaves out honeypots, the exclusion of refuted verifiers,
 * and the extra coverage of suspicious replies. It also leaves out the daily bound of penalties, which favours verifiers in league.
 */
export async function playLife(
  world: ProviderWorld,
  strategy: ForgingStrategy,
  { audits, largestFee, seed }: { readonly audits: Audits; readonly largestFee: bigint; readonly seed: number },
): Promise<LifeResult> {
  const bills = { usual: toBill(FEE_ATOMIC), largest: toBill(largestFee) };
  const life: Life = { world, strategy, audits, random: createSeededRandom(seed), bills };
  let nowSeconds = 0;
  const periodSeconds = world.holdsEarnings ? defaultHolding.period : 0;
  const entrance = world.holdsEarnings ? defaultHolding.entrance : 0n;
  const earnings = createFakeEarnings({ periodSeconds, entrance, nowSeconds: () => nowSeconds });
  const bondAtomic = BigInt(Math.round(strategy.bond)) * FEE_ATOMIC;
  const sums: Sums = {
    ...{
      cost: 0,
      replies: 0,
      forged: 0,
      audited: 0,
      ejections: 0,
      honestUnpaid: 0,
      lostStake: 0,
      firstFee: Number.NaN,
    },
  };
  const open = (number: number, since: number): KeyState => {
    const state = createKey(life, number, since);
    if (bondAtomic > 0n) earnings.bond(state.key.providerId, state.key.payee, bondAtomic);
    return state;
  };
  const settle = ({ key, uncredited }: KeyState): void => earnings.credit(key.providerId, key.payee, uncredited);
  const keys: KeyState[] = [];
  /** Keys without new orders, whose last replies are still decided. */
  const left: { readonly state: KeyState; readonly until: number }[] = [];
  let state: KeyState | undefined;
  let firstMoney = Number.NaN;
  const last = world.days * DAY_MINUTES;
  for (let epoch = 0; epoch < last + DRAIN; epoch++) {
    nowSeconds = epoch * MINUTE_S;
    if (state === undefined) {
      if (epoch >= last || (keys.length > left.length && !strategy.returns)) break;
      state = open(keys.length, epoch);
      keys.push(state);
      beginDay(life, state, 0n);
    } else if (epoch % DAY_MINUTES === 0) {
      const { providerId, payee } = state.key;
      const period = epoch / DAY_MINUTES - 1;
      beginDay(life, state, world.holdsEarnings ? await earnings.client.heldIn(providerId, payee, period) : 0n);
      const { withdrawable } = await earnings.client.earningsOf(providerId, payee);
      if (Number.isNaN(firstMoney) && withdrawable > 0n) firstMoney = epoch;
    }
    playMinute(life, state, sums, { epoch, isOpen: epoch < last });
    for (const old of left) if (epoch < old.until) playMinute(life, old.state, sums, { epoch, isOpen: false });
    if (state.logs.reduce((sum, log) => sum + log.debt(), 0) > strategy.leaves && epoch < last) {
      settle(state);
      state.uncredited = 0n;
      left.push({ state, until: epoch + DRAIN });
      state = undefined;
      continue;
    }
    if (
      state.uncredited > 0n &&
      (state.isOut || epoch % DAY_MINUTES === DAY_MINUTES - 1 || epoch === last + DRAIN - 1)
    ) {
      settle(state);
      state.uncredited = 0n;
    }
    if (state.isOut) {
      earnings.eject(state.key.providerId);
      state = undefined;
    }
  }
  for (const { state: old } of left) {
    settle(old);
    if (old.isOut) earnings.eject(old.key.providerId);
  }
  nowSeconds += 4 * DAY_S;
  let takings = 0;
  for (const { key, isOut } of keys) {
    takings += toFees((await earnings.client.earningsOf(key.providerId, key.payee)).withdrawable);
    if (isOut) takings -= toFees(bondAtomic);
  }
  const { cost, lostStake, ...counts } = sums;
  return { ...counts, firstMoney, gain: takings - cost - lostStake };
}
