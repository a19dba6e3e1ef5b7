import { type Address, bytesToHex } from '@ogong/chain/hex';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createKeyMachine, type KeyMachine } from '@ogong/protocol/beacon/threshold/key-machine';
import { type KeyMessage, keyMessageFormat } from '@ogong/protocol/beacon/threshold/key-message';
import { hashOutcome, stateOutcome } from '@ogong/protocol/beacon/threshold/key-outcome';
import { type KeyPlan, type KeyStatement, subjectOf } from '@ogong/protocol/beacon/threshold/key-plan';
import type { KeyAction, KeyResult } from '@ogong/protocol/beacon/threshold/key-state';
import {
  type Committee,
  type EraValidator,
  findCommitteeMember,
  formCommittee,
} from '@ogong/protocol/beacon/threshold/members';
import { isQuorum, sortBySigner } from '@ogong/protocol/crypto/quorum';
import { type AttemptTime, aimAt, attemptAt, type EraAim } from './era-plan.ts';
import type { KeptAttempt } from './era-store.ts';
import { findAsked, findTaken, isTaken, lacksShares, type TakenAttempt } from './taken-attempt.ts';
import { lookUpEra, newestEra, scheduleOf, type ThresholdState } from './threshold-state.ts';

type Activated = Extract<KeyAction, { readonly kind: 'activated' }>;

interface Attempt extends KeptAttempt {
  readonly plan: KeyPlan;
  readonly members: readonly EraValidator[];
  machine: KeyMachine;
  /** What of its result is on the disk. */
  kept: KeyResult | undefined;
  /** Validators take turns to hand an outcome to the chain. */
  readonly turn: number;
  activated: Activated | undefined;
  /** When this validator hands it in, unless another one has. */
  submitsAtMs: number;
}

export interface KeyDriver {
  tick(): Promise<void>;
  /** Messages of attempts that are not under way here are dropped. */
  receive(from: Uint8Array, message: KeyMessage): Promise<void>;
}

/** An attempt whose outcome never came to the chain is given up after so many. */
const PATIENT_ATTEMPTS = 3;
/** The registry may change within an attempt: then it begins under other seats too, so often. */
const MAX_SEATINGS = 4;

/** Runs key generations: begins them where the chain lacks a key or has other validators, and carries out what the machine decides. */
export function createKeyDriver(state: ThresholdState): KeyDriver {
  const { crypto, signer, clock, eras, group, network, onUndelivered = () => {}, onError = () => {} } = state;
  const domain = { chainId: network.chainId, verifyingContract: network.settlement };
  /** The newest one first: all seatings of an attempt, and the last agreed one before these, whose peers may still ask for its deals. */
  let attempts: Attempt[] = [];
  let seatings = { attempt: -1, count: 0 };
  /** When it was last looked whether there is something to make, and in the time of which attempt. */
  let lookedAt = { attempt: -1, ms: Number.NEGATIVE_INFINITY };
  let last: Promise<unknown> = Promise.resolve();
  /** What goes to many is written once. */
  const encoded = new WeakMap<KeyMessage, Uint8Array>();

  function encode(message: KeyMessage): Uint8Array {
    const bytes = encoded.get(message) ?? keyMessageFormat.encode(message);
    encoded.set(message, bytes);
    return bytes;
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  }

  async function tick(): Promise<void> {
    const reading = state.beaconKeys();
    const nowMs = clock.nowMs();
    const time = reading && attemptAt(scheduleOf(reading), nowMs);
    if (reading === undefined || time === undefined) return;
    // Mostly there is nothing, and each look reads the chain a dozen times.
    if (lookedAt.attempt !== time.attempt || nowMs - lookedAt.ms >= time.phaseMs * 2) {
      lookedAt = { attempt: time.attempt, ms: nowMs };
      await begin(time).catch(onError);
    }
    attempts = dropLost(state, attempts);
    for (const one of attempts) await step(one, (machine) => machine.tick(nowMs));
    await submit(nowMs);
  }

  /** Begins the attempt of this time, where there is something to make and it is not under way. */
  async function begin(time: AttemptTime): Promise<void> {
    await state.readBeaconKeys();
    const isOpen = attempts.some((one) => isTaken(state, one));
    const taken = !isOpen && lacksShares(state) ? findTaken(state) : undefined;
    if (taken !== undefined) takeUp(taken);
    const reading = state.beaconKeys();
    const members = await readSeatMembers(state);
    if (reading === undefined || members === undefined) return;
    const seats = formCommittee(crypto, network, members);
    const newest = newestEra(reading);
    const aim = aimAt(reading, seats, newest && lookUpEra(state, newest)?.group);
    if (aim === undefined) return;
    if (seatings.attempt !== time.attempt) seatings = { attempt: time.attempt, count: 0 };
    await resume({ ...aim, ...time });
    for (const one of attempts.filter(({ era }) => era === aim.era)) {
      const isOfNow = one.attempt === time.attempt;
      const isWaiting =
        one.activated !== undefined && time.startsAtMs - one.plan.startsAtMs < PATIENT_ATTEMPTS * time.spanMs;
      // Whoever agreed under some seats goes on with them.
      if (isWaiting || (isOfNow && (equalBytes(one.set, seats.hash) || one.machine.result !== undefined))) return;
    }
    if (seatings.count++ >= MAX_SEATINGS) return;
    await start({ ...aim, ...time, seats });
  }

  /** Goes on with the seatings of this attempt that were begun before a restart: the others do, and one of them may win. */
  async function resume(of: AttemptTime & EraAim): Promise<void> {
    const isBegun = (set: Uint8Array): boolean =>
      attempts.some((one) => one.era === of.era && one.attempt === of.attempt && equalBytes(one.set, set));
    for (const set of eras.listSets(of.era, of.attempt)) {
      const members = isBegun(set) ? undefined : state.archive.findSeats(set);
      if (members === undefined) continue;
      seatings.count++;
      await start({ ...of, seats: formCommittee(crypto, network, members) });
    }
  }

  async function start({ seats, ...of }: AttemptTime & EraAim & { readonly seats: Committee }): Promise<void> {
    const { generation, era, attempt, previous, startsAtMs, phaseMs } = of;
    const plan: KeyPlan = {
      ...{ network, generation, era, attempt, seats, previous, startsAtMs, phaseMs },
      ...{ struck: eras.listStruck(), resendMs: phaseMs / 4 },
    };
    const members = seats.seats.map(toMember);
    await group.write((db) => state.archive.putSeats(db, seats.hash, members));
    const count = seats.seats.length;
    const turn = (findCommitteeMember(seats, signer.address) + count - (attempt % count)) % count;
    const begun = { era, attempt, set: seats.hash, plan, members, turn, activated: undefined, kept: undefined };
    const submitsAtMs = Number.POSITIVE_INFINITY;
    // Others may have looked at another block, and begin under other seats: those that were begun here go on beside them.
    const alike = attempts.filter((one) => one.era === era && one.attempt === attempt);
    const others = attempts.filter((one) => !alike.includes(one));
    const before = others.find(({ machine }) => machine.result !== undefined) ?? others[0];
    const started = { ...begun, machine: open(state, begun), submitsAtMs };
    attempts = [started, ...alike, ...(before === undefined ? [] : [before])];
  }

  const find = ({ era, attempt, set }: KeptAttempt): Attempt | undefined =>
    attempts.find((one) => one.era === era && one.attempt === attempt && equalBytes(one.set, set));

  /** Opens the attempt whose outcome the chain has, as after a restart: from the disk, and from those who have what is lacking. */
  function takeUp(taken: TakenAttempt): Attempt {
    const begun = { ...taken, turn: 0, activated: undefined, kept: undefined, submitsAtMs: Number.POSITIVE_INFINITY };
    const attempt = { ...begun, machine: open(state, begun) };
    attempts = [...attempts, attempt];
    return attempt;
  }

  /** What is kept is on the disk before anything that follows from it leaves. */
  async function step(attempt: Attempt, act: (machine: KeyMachine) => KeyAction[]): Promise<void> {
    try {
      await keepResult(state, attempt);
    } catch (error) {
      // Nothing follows from it until it can be written.
      return onError(error);
    }
    try {
      for (const action of act(attempt.machine)) await carryOut(attempt, action);
    } catch (error) {
      // This machine is ahead of the disk. The next one starts from there.
      attempt.machine = open(state, attempt);
      onError(error);
    }
  }

  async function carryOut(attempt: Attempt, action: KeyAction): Promise<void> {
    if (action.kind === 'send') {
      void state.send(action.to, encode(action.message)).catch(onUndelivered);
    } else if (action.kind === 'keep') {
      await group.write((db) => eras.putEntry(db, attempt, action.entry));
    } else if (action.kind === 'sign') {
      // Like a message, what cannot be signed is lost: the machine asks again.
      void sign(attempt, action.statement).catch(onUndelivered);
    } else if (action.kind === 'agreed') {
      await keepResult(state, attempt);
    } else if (action.kind === 'activated') {
      if (attempt.activated === undefined) attempt.submitsAtMs = clock.nowMs() + attempt.turn * attempt.plan.phaseMs;
      attempt.activated ??= action;
    } else {
      await group.write((db) => eras.putStruck(db, action.dealer));
      onError(new Error(`validator 0x${toHex(action.dealer)} signed two deals of attempt ${attempt.attempt}`));
    }
  }

  async function sign(attempt: Attempt, statement: KeyStatement): Promise<void> {
    const subject = subjectOf(attempt.plan);
    const signature = await signer.sign({ kind: 'beacon-key', domain, subject, statement });
    await inTurn(() => step(attempt, (machine) => machine.addSignature(statement, signature, clock.nowMs())));
  }

  /** Hands outcomes to the chain, once it is this validator's turn. */
  async function submit(nowMs: number): Promise<void> {
    // One that the chain refuses keeps no other back.
    for (const one of attempts) await submitOne(one, nowMs).catch(onError);
  }

  async function submitOne(current: Attempt, nowMs: number): Promise<void> {
    const reading = state.beaconKeys();
    if (current.activated === undefined || reading === undefined || nowMs < current.submitsAtMs) return;
    if (reading.eras.length >= current.era) return;
    current.submitsAtMs = nowMs + current.plan.phaseMs * Math.max(2, current.plan.seats.seats.length);
    await state.readBeaconKeys();
    if ((state.beaconKeys()?.eras.length ?? 0) >= current.era) return;
    await handIn(state, current.activated);
    await state.readBeaconKeys();
  }

  return {
    tick: () => inTurn(tick),
    receive: (from, message) =>
      inTurn(async () => {
        // Somebody may lack what was kept here of the era that the chain has.
        const asked = find(message) ? undefined : findAsked(state, { from, subject: message });
        const found = asked ? takeUp(asked) : find(message);
        if (found !== undefined) await step(found, (machine) => machine.receive(from, message, clock.nowMs()));
      }),
  };
}

/** From the disk, as after a restart. */
function open(state: ThresholdState, of: KeptAttempt & { readonly plan: KeyPlan }): KeyMachine {
  const { crypto, bls, box, boxSecret, drawSeed, eras, signer } = state;
  const { previous, era } = of.plan;
  const reading = state.beaconKeys();
  const before = previous && reading?.eras[era - 2];
  const oldShares = before && lookUpEra(state, { era: era - 1, transcript: before.transcript })?.shares;
  const own = { self: signer.address, boxSecret, drawSeed, oldShares };
  return createKeyMachine(of.plan, { crypto, bls, box, ...own }, eras.listEntries(of));
}

async function handIn(
  { crypto, network, client }: ThresholdState,
  { certified: { outcome, signatures }, activation }: Activated,
): Promise<void> {
  const { transcript, key } = stateOutcome(crypto, outcome);
  const digest = hashOutcome(crypto, network, outcome);
  const quorum = sortBySigner(
    signatures.flatMap(({ signature }) => {
      const signer = crypto.recoverAddress(digest, signature);
      return signer === undefined ? [] : [{ signer, signature }];
    }),
  ).map(({ signature }) => signature);
  await (await client()).activateEra({ outcome: { ...outcome, transcript }, key, quorum, activation });
}

/**
 * Several outcomes of an attempt may be agreed on: each is kept, and the chain says which one counts. One that was on the disk in parts before a
 * restart, or that could not be written when it was agreed on, is written later.
 */
async function keepResult({ crypto, eras, group, known }: ThresholdState, attempt: Attempt): Promise<void> {
  const { era, members, plan, machine, kept } = attempt;
  const { result } = machine;
  if (result === kept) return;
  if (result?.group !== undefined) {
    const { certified, group: made, shares = [] } = result;
    const { transcript } = stateOutcome(crypto, certified.outcome);
    const record = { generation: plan.generation, era, seats: [...members], commitments: [...made.commitments.bytes] };
    await group.write((db) => eras.putEra(db, transcript, { record, shares }));
    known.delete(`${era} ${bytesToHex(transcript)}`);
  }
  attempt.kept = result;
}

/** Once the chain has an era, only what it took has still something to give: all else would ask and complain for ever. */
function dropLost({ crypto, beaconKeys }: ThresholdState, attempts: Attempt[]): Attempt[] {
  const eras = beaconKeys()?.eras ?? [];
  const isTaken = ({ era, machine: { result } }: Attempt): boolean =>
    result !== undefined &&
    bytesToHex(stateOutcome(crypto, result.certified.outcome).transcript) === eras[era - 1]?.transcript;
  const taken = attempts.filter(isTaken);
  return attempts.filter((one) => {
    const landed = eras[one.era - 1];
    if (landed === undefined || taken.includes(one)) return true;
    return equalBytes(one.set, fromHex(landed.set.slice(2))) && !taken.some(({ era }) => era === one.era);
  });
}

const toMember = ({ address, signingKey, stake, boxKey }: EraValidator): EraValidator => ({
  ...{ address, signingKey, stake, boxKey },
});

/**
 * Who would have seats now: the listed validators whose box keys the chain has. Undefined where these are too few for a quorum: nothing
 * that they agree on would count.
 */
async function readSeatMembers(state: ThresholdState): Promise<readonly EraValidator[] | undefined> {
  const listed = state.validators().filter(({ stake }) => stake > 0n);
  const client = await state.client();
  const keys = await Promise.all(listed.map(({ address }) => readBoxKey(state, client, address)));
  const seated = listed.flatMap(({ address, signingKey, stake }, i) => {
    const boxKey = keys[i];
    return boxKey === undefined ? [] : [{ address, signingKey, stake, boxKey }];
  });
  const sum = (members: readonly { readonly stake: bigint }[]) => members.reduce((all, { stake }) => all + stake, 0n);
  if (!isQuorum(sum(seated), sum(listed))) return undefined;
  return seated;
}

async function readBoxKey(
  { boxKeys, crypto }: ThresholdState,
  client: Awaited<ReturnType<ThresholdState['client']>>,
  address: Uint8Array,
): Promise<Uint8Array | undefined> {
  const account: Address = bytesToHex(address);
  const [hash] = await client.boxKeyHashes([address]);
  if (hash === undefined) return undefined;
  const known = boxKeys.get(account);
  if (known !== undefined && bytesToHex(crypto.sha256(known)) === hash) return known;
  const found = await client.boxKeyOf(address);
  const key = found && fromHex(found.slice(2));
  if (key === undefined) return undefined;
  boxKeys.set(account, key);
  return key;
}
