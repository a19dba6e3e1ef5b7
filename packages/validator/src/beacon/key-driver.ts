import { type Address, bytesToHex, type Hex } from '@ogong/chain/hex';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createKeyMachine, type KeyMachine } from '@ogong/protocol/beacon/threshold/key-machine';
import { type KeyMessage, keyMessageFormat } from '@ogong/protocol/beacon/threshold/key-message';
import { hashOutcome, type KeyOutcome, stateOutcome } from '@ogong/protocol/beacon/threshold/key-outcome';
import { type KeyPlan, type KeyStatement, subjectOf } from '@ogong/protocol/beacon/threshold/key-plan';
import type { KeyAction, KeyResult } from '@ogong/protocol/beacon/threshold/key-state';
import {
  type Committee,
  type EraValidator,
  findCommitteeMember,
  formCommittee,
} from '@ogong/protocol/beacon/threshold/members';
import { isQuorum, sortBySigner } from '@ogong/protocol/crypto/quorum';
import {
  type AcceptedAttempt,
  findAcceptedAttempt,
  findRequestedAttempt,
  isTaken,
  lacksShares,
} from './accepted-attempt.ts';
import { type AttemptTime, aimAt, attemptAt, type EraAim } from './era-plan.ts';
import type { StoredAttempt } from './era-store.ts';
import { lookUpEra, newestEra, scheduleOf, type ThresholdState } from './threshold-state.ts';

type Activated = Extract<KeyAction, { readonly kind: 'activated' }>;

interface Attempt extends StoredAttempt {
  readonly plan: KeyPlan;
  readonly members: readonly EraValidator[];
  machine: KeyMachine;
  /** Part of its result that is on the disk. */
  kept: KeyResult | undefined;
  /** Turn of this validator: validators submit outcomes to the chain one after another. */
  readonly turn: number;
  activated: Activated | undefined;
  /** Time at which this validator submits it, unless another one has. */
  submitsAtMs: number;
}

export interface KeyDriver {
  tick(): Promise<void>;
  /** Handles a message. Messages of attempts that do not run here are dropped. */
  receive(from: Uint8Array, message: KeyMessage): Promise<void>;
}

/** Attempts after which an outcome that never reached the chain is given up. */
const PATIENT_ATTEMPTS = 3;
/**
 * Most committees of one attempt. The registry may change within an attempt, which then begins again under the new
 * committee.
 */
const MAX_COMMITTEES = 4;
/** Phases between two checks for an aim within an attempt. Each check reads the chain several times. */
const PHASES_BETWEEN = 2;
/** The same while the chain has the key of the present committee. */
const CALM_PHASES = 16;

interface LastCheck {
  readonly attempt: number;
  readonly ms: number;
  /** The newest era, if the check found no aim and no lack of its shares. */
  calmEra: number | undefined;
}

/**
 * Tells whether to check for an aim: at the begin of an attempt, and after a pause. Others may make an era while this
 * validator sees no need for one, and then it lacks shares. So a new era ends the longer pause.
 * @param era the newest one.
 */
function isCheckDue({ attempt, ms, calmEra }: LastCheck, time: AttemptTime, now: { ms: number; era: number }): boolean {
  const pauseMs = time.phaseMs * (calmEra === now.era ? CALM_PHASES : PHASES_BETWEEN);
  return attempt !== time.attempt || now.ms - ms >= pauseMs;
}

/**
 * Runs key generations. Begins one if the chain lacks a key or has other validators, and carries out the machine's
 * actions.
 */
export function createKeyDriver(state: ThresholdState): KeyDriver {
  const { crypto, signer, clock, eras, group, network, onUndelivered = () => {}, onError = () => {} } = state;
  const domain = { chainId: network.chainId, verifyingContract: network.settlement };
  /**
   * Attempts, the newest first: all committees of the present attempt, and the last agreed attempt, whose peers may
   * still ask for its deals.
   */
  let attempts: Attempt[] = [];
  let seatings = { attempt: -1, count: 0 };
  let lookedAt: LastCheck = { attempt: -1, ms: Number.NEGATIVE_INFINITY, calmEra: undefined };
  let last: Promise<unknown> = Promise.resolve();
  /** A message to many peers is encoded once. */
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
    if (isCheckDue(lookedAt, time, { ms: nowMs, era: reading.eras.length })) {
      lookedAt = { attempt: time.attempt, ms: nowMs, calmEra: undefined };
      await begin(time).catch(onError);
    }
    attempts = dropLost(state, attempts);
    for (const one of attempts) await step(one, (machine) => machine.tick(nowMs));
    await submit(nowMs);
  }

  /** Begins the present attempt if there is an aim and the attempt does not run yet. */
  async function begin(time: AttemptTime): Promise<void> {
    await state.readBeaconKeys();
    const isOpen = attempts.some((one) => isTaken(state, one));
    const taken = !isOpen && lacksShares(state) ? findAcceptedAttempt(state) : undefined;
    if (taken !== undefined) takeUp(taken);
    const reading = state.beaconKeys();
    const members = await readCommitteeMembers(state);
    if (reading === undefined || members === undefined) return;
    const seats = formCommittee(crypto, network, members);
    const newest = newestEra(reading);
    const group = newest && lookUpEra(state, newest)?.group;
    const aim = aimAt(reading, seats, group);
    const isCalm = aim === undefined && group !== undefined && !lacksShares(state);
    lookedAt.calmEra = isCalm ? newest?.era : undefined;
    if (aim === undefined) return;
    if (seatings.attempt !== time.attempt) seatings = { attempt: time.attempt, count: 0 };
    await resume({ ...aim, ...time });
    for (const one of attempts.filter(({ era }) => era === aim.era)) {
      const isOfNow = one.attempt === time.attempt;
      const isWaiting =
        one.activated !== undefined && time.startsAtMs - one.plan.startsAtMs < PATIENT_ATTEMPTS * time.spanMs;
      // An attempt that has an outcome continues under its committee.
      if (isWaiting || (isOfNow && (equalBytes(one.set, seats.hash) || one.machine.result !== undefined))) return;
    }
    if (seatings.count++ >= MAX_COMMITTEES) return;
    await start({ ...aim, ...time, seats });
  }

  /** Resumes committees of this attempt from before a restart. The others continue them, and one of them may win. */
  async function resume(of: AttemptTime & EraAim): Promise<void> {
    const isBegun = (set: Uint8Array): boolean =>
      attempts.some((one) => one.era === of.era && one.attempt === of.attempt && equalBytes(one.set, set));
    for (const set of eras.listSets(of.era, of.attempt)) {
      const members = isBegun(set) ? undefined : state.archive.findCommittee(set);
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
    await group.write((db) => state.archive.putCommittee(db, seats.hash, members));
    const count = seats.seats.length;
    const turn = (findCommitteeMember(seats, signer.address) + count - (attempt % count)) % count;
    const begun = { era, attempt, set: seats.hash, plan, members, turn, activated: undefined, kept: undefined };
    const submitsAtMs = Number.POSITIVE_INFINITY;
    // Other validators may have read another block and begin under another committee. Committees that began here
    // continue in parallel.
    const alike = attempts.filter((one) => one.era === era && one.attempt === attempt);
    const others = attempts.filter((one) => !alike.includes(one));
    const before = others.find(({ machine }) => machine.result !== undefined) ?? others[0];
    const started = { ...begun, machine: open(state, begun), submitsAtMs };
    attempts = [started, ...alike, ...(before === undefined ? [] : [before])];
  }

  const find = ({ era, attempt, set }: StoredAttempt): Attempt | undefined =>
    attempts.find((one) => one.era === era && one.attempt === attempt && equalBytes(one.set, set));

  /**
   * Opens the attempt whose outcome the chain has, as after a restart: from the disk, and from peers for missing parts.
   */
  function takeUp(taken: AcceptedAttempt): Attempt {
    const begun = { ...taken, turn: 0, activated: undefined, kept: undefined, submitsAtMs: Number.POSITIVE_INFINITY };
    const attempt = { ...begun, machine: open(state, begun) };
    attempts = [...attempts, attempt];
    return attempt;
  }

  /** Runs a step of the machine. Its records are on the disk before any later message leaves. */
  async function step(attempt: Attempt, act: (machine: KeyMachine) => KeyAction[]): Promise<void> {
    try {
      await keepResult(state, attempt);
    } catch (error) {
      // No action follows until the entry can be written.
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
      // A statement that cannot be signed is lost like a message: the machine asks again.
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

  /** Submits outcomes to the chain when this validator's turn comes. */
  async function submit(nowMs: number): Promise<void> {
    // A refused outcome does not stop the others.
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
        // A peer may lack data of the era on the chain that this validator has stored.
        const asked = find(message) ? undefined : findRequestedAttempt(state, { from, subject: message });
        const found = asked ? takeUp(asked) : find(message);
        if (found !== undefined) await step(found, (machine) => machine.receive(from, message, clock.nowMs()));
      }),
  };
}

/** Opens the machine from the disk, as after a restart. */
function open(state: ThresholdState, of: StoredAttempt & { readonly plan: KeyPlan }): KeyMachine {
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
 * Stores the result of an attempt. Several outcomes of an attempt may be certified: each is stored, and the chain
 * decides. An outcome that was stored in part before a restart, or whose write failed, is stored later.
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

/**
 * Drops attempts that lost. Once the chain has an era, only its own attempt can still help. All others would ask and
 * complain forever.
 */
function dropLost({ crypto, beaconKeys }: ThresholdState, attempts: Attempt[]): Attempt[] {
  const eras = beaconKeys()?.eras ?? [];
  const isTaken = ({ era, machine: { result } }: Attempt): boolean =>
    result !== undefined && hashTranscript(crypto, result.certified.outcome) === eras[era - 1]?.transcript;
  const taken = attempts.filter(isTaken);
  return attempts.filter((one) => {
    const landed = eras[one.era - 1];
    if (landed === undefined || taken.includes(one)) return true;
    return equalBytes(one.set, fromHex(landed.set.slice(2))) && !taken.some(({ era }) => era === one.era);
  });
}

const transcripts = new WeakMap<KeyOutcome, Hex>();

/** Hashes the transcript of an outcome. Each tick compares it, so it is hashed once. */
function hashTranscript(crypto: ThresholdState['crypto'], outcome: KeyOutcome): Hex {
  const transcript = transcripts.get(outcome) ?? bytesToHex(stateOutcome(crypto, outcome).transcript);
  transcripts.set(outcome, transcript);
  return transcript;
}

const toMember = ({ address, signingKey, stake, boxKey }: EraValidator): EraValidator => ({
  ...{ address, signingKey, stake, boxKey },
});

/**
 * Returns the present candidates for the committee: the listed validators whose box keys the chain has. Undefined if
 * they are too few for a quorum, since their agreement would not count.
 */
async function readCommitteeMembers(state: ThresholdState): Promise<readonly EraValidator[] | undefined> {
  const listed = state.validators().filter(({ stake }) => stake > 0n);
  const client = await state.client();
  const hashes = await client.boxKeyHashes(listed.map(({ address }) => address));
  const keys = await Promise.all(
    listed.map(({ address }, i) => readBoxKey(state, client, { address, hash: hashes[i] })),
  );
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
  { address, hash }: { readonly address: Uint8Array; readonly hash: Hex | undefined },
): Promise<Uint8Array | undefined> {
  const account: Address = bytesToHex(address);
  if (hash === undefined) return undefined;
  const known = boxKeys.get(account);
  if (known !== undefined && bytesToHex(crypto.sha256(known)) === hash) return known;
  const found = await client.boxKeyOf(address);
  const key = found && fromHex(found.slice(2));
  if (key === undefined) return undefined;
  boxKeys.set(account, key);
  return key;
}
