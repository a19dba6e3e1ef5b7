import type { Peer } from '@ogong/host/link/link-pool';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { type AuditDraw, PAIR_PPM } from '@ogong/protocol/audit/audit';
import { createReader, createWriter, equalBytes } from '@ogong/protocol/base/bytes';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { isTextHeader } from '@ogong/protocol/modality/text/commitment/header';
import { tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { isSameFinding } from '@ogong/protocol/modality/text/read-report';
import type { Replay } from '@ogong/protocol/modality/text/stage1/replay';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { isText } from '@ogong/protocol/modality/text/text';
import type { DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { drawVerifier } from '@ogong/protocol/verdict/verifier-draw';
import { readAnnouncement } from '../store/announcement-store.ts';
import { countContext, hashPlace, listCandidates } from '../store/candidates.ts';
import {
  dropReserve,
  type HoneypotRow,
  keepReserve,
  listHoneypotsOf,
  putHoneypot,
  putReserve,
  readReserve,
} from '../store/honeypot-store.ts';
import { readReply, toClaim } from '../store/reply-store.ts';
import { type KnownAnswer, plantBad, toExpectedReport } from './honeypot.ts';
import type { VerifierCallOptions } from './verifier-call.ts';

export interface ReserveOptions {
  /** Honeypots per audit, parts per million. */
  readonly honeypotPpm: number;
  readonly pairPpm: number;
  readonly alphaPpm: () => number;
  readonly windowMs: number;
  readonly callTimeoutMs: number;
  readonly computeDelay: (id: Uint8Array) => number;
  readonly drift?: DriftPolicy | undefined;
}

export interface ReserveDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly getOpening: (provider: Peer, replyId: Uint8Array, options: VerifierCallOptions) => Promise<Uint8Array>;
  readonly stakeOf: (payee: Uint8Array) => bigint;
  readonly jobSecret: Uint8Array;
  readonly signal: AbortSignal;
}

const DOMAIN = encodeDomain('ogong-honeypot-reserve-v1');
const PPM = 1_000_000;
/** To how many verifiers a failed honeypot is given, at most. */
const MAX_VERIFIERS = 4;

/**
 * How many honeypots per audit cannot come from unselected replies, parts per million, because almost all replies are audited.
 */
export function computeLacking(honeypotPpm: number, alphaPpm: number): number {
  return alphaPpm === 0 ? 0 : Math.max(0, honeypotPpm - (PPM * (PPM - alphaPpm)) / alphaPpm);
}

/**
 * Honeypots made of replies that the beacon did not select. No verifier sees their requests otherwise, so colluding verifiers
 * cannot recognise one by its request. The right answer is what the provider committed, which no verifier is told. If a
 * verifier differs from it, others are asked before anybody is blamed.
 */
export function createReserve(options: ReserveOptions, dependencies: ReserveDependencies) {
  const { honeypotPpm, pairPpm, alphaPpm, windowMs, callTimeoutMs, computeDelay, drift } = options;
  const { crypto, clock, store, group, getOpening, stakeOf, jobSecret, signal } = dependencies;

  const computeSeed = (replyId: Uint8Array, number: number): Uint8Array =>
    crypto.sha256(createWriter().bytes(DOMAIN).bytes(jobSecret, 32).bytes(replyId, 16).u8(number).finish());
  const readFraction = (seed: Uint8Array, at: number): number => createReader(seed.subarray(at)).u32() / 2 ** 32;
  /** Of the reply's own seed: whether it is taken, whether two are asked, whether a token is replaced. */
  const TAKEN = 0;
  const PAIRED = 4;
  const BAD = 8;

  /** Keeps a reply that was not selected, or not, by a secret draw. */
  async function offer(replyId: Uint8Array): Promise<void> {
    const alpha = alphaPpm();
    const share = alpha >= PPM ? 0 : (honeypotPpm * alpha) / (PPM - alpha) / PPM;
    if (readFraction(computeSeed(replyId, 0), TAKEN) >= share) return;
    await group.write((db) => putReserve(db, replyId, clock.nowMs() + windowMs));
  }

  /** Asks for the opening at once, as an audit does. If there is none, another reply is used. */
  async function gather(replyId: Uint8Array): Promise<void> {
    const row = store.read(() => readReply(store, replyId));
    const kept = store.read(() => readReserve(store, replyId));
    if (row?.submission === undefined || kept === undefined || kept.deadlineMs <= clock.nowMs()) return drop(replyId);
    const { order, record } = toClaim(row);
    const provider = store.read(() => readAnnouncement(store, order.providerId));
    const bytes =
      provider && (await getOpening(provider, replyId, { timeoutMs: callTimeoutMs, signal }).catch(() => undefined));
    if (signal.aborted) return;
    const opened = bytes && openReply(crypto, record, bytes);
    if (bytes === undefined || opened?.outcome !== 'consistent' || !isText(opened.reply)) return drop(replyId);
    const isPaired = readFraction(computeSeed(replyId, 0), PAIRED) < Math.max(pairPpm, PAIR_PPM) / PPM;
    const { replay } = opened.reply;
    const first = plan(replyId, replay, []);
    const second = first && isPaired ? plan(replyId, replay, [first]) : undefined;
    if (first === undefined) return drop(replyId);
    await group.write((db) => {
      keepReserve(db, replyId, bytes);
      for (const honeypot of second ? [first, second] : [first]) putHoneypot(db, honeypot);
    });
  }

  async function drop(replyId: Uint8Array): Promise<void> {
    if (!signal.aborted) await group.write((db) => dropReserve(db, replyId));
  }

  /** The same plant for another verifier, of another operator. */
  function plan(replyId: Uint8Array, replay: Replay, asked: readonly HoneypotRow[]): HoneypotRow | undefined {
    const row = store.read(() => readReply(store, replyId));
    const kept = store.read(() => readReserve(store, replyId));
    if (row?.submission === undefined || kept === undefined) return undefined;
    const claim = toClaim(row);
    const { modelRoot, providerId: serverId } = claim.order;
    const seed = computeSeed(replyId, 0);
    const own = computeSeed(replyId, asked.length + 1);
    const id = own.slice(0, 16);
    const nowMs = clock.nowMs();
    const server = store.read(() => readAnnouncement(store, serverId));
    const openedAt = server && hashPlace(crypto, server);
    const context = countContext(claim.header, row.submission.request);
    const query = { modelRoot, serverId, openedAt, salt: seed, stakeOf, context, nowMs };
    const listed = store.read(() => listCandidates(store, crypto, query));
    const candidates = listed.filter(({ contextSize }) => contextSize >= context);
    const draw: AuditDraw = { replyId: id, orderEpoch: 0n, beaconEpoch: 4n, beacon: seed };
    const tried = asked.map(({ verifierId }) => verifierId);
    const heard = candidates.filter(({ providerId }) => tried.some((one) => equalBytes(one, providerId)));
    const state = { tried, heard: heard.map(({ operator }) => operator), isDoubtful: false };
    const verifier = drawVerifier(crypto, { claim, draw, drift }, candidates, state);
    if (verifier === undefined) return undefined;
    // As in an audit: a pair is asked at one moment that the reply decides, and later verifiers at once.
    const askAtMs = kept.opening === undefined ? (asked[0]?.askAtMs ?? nowMs + computeDelay(replyId)) : nowMs;
    const isBad = ((seed[BAD] as number) & 1) === 1;
    const plain = { outputTokens: replay.rows.map(tokenOf), position: undefined };
    return {
      ...(isBad ? plantBad(crypto, replay.rows, seed) : plain),
      ...{ id, replyId, verifierId: verifier.providerId, keyHash: verifier.keyHash },
      listSizes: Uint8Array.from(replay.rows, ({ ids }) => ids.length),
      shapeClasses: replay.shapeClasses,
      tailDraws: replay.tailDraws,
      askAtMs,
      deadlineMs: kept.deadlineMs,
      committed: undefined,
      opened: undefined,
    };
  }

  function open(replyId: Uint8Array): OpenedReply | undefined {
    const opening = store.read(() => readReserve(store, replyId))?.opening;
    const row = store.read(() => readReply(store, replyId));
    return opening && row?.submission && openReply(crypto, toClaim(row).record, opening);
  }

  /** @returns undefined if the reply is not in the reserve. */
  function readCommitted(replyId: Uint8Array): KnownAnswer | undefined {
    const opened = open(replyId);
    const row = store.read(() => readReply(store, replyId));
    if (opened === undefined || row === undefined) return undefined;
    const { record, header } = toClaim(row);
    if (!isTextHeader(header)) return undefined;
    return { header, report: toExpectedReport(record, header, opened.opening) };
  }

  /**
   * One verifier's report contradicts what the provider committed. As in an audit, one report is not enough. Two verifiers that
   * pass, and outnumber those that report the same as this one, refute it; two that report the same refute the provider.
   * @returns undefined while others are asked.
   */
  async function settle(row: HoneypotRow): Promise<'failed' | 'dropped' | undefined> {
    const all = store.read(() => listHoneypotsOf(store, row.replyId));
    const report = row.opened && parseScoreReport(row.opened.report);
    if (report === undefined) return 'dropped';
    const others = all.filter(({ id }) => !equalBytes(id, row.id));
    const passed = others.filter(({ outcome }) => outcome === 'passed').length;
    const isSame = ({ opened }: HoneypotRow): boolean =>
      opened !== undefined && isSameFinding(parseScoreReport(opened.report), report);
    const same = 1 + others.filter(({ outcome }) => outcome !== 'passed').filter(isSame).length;
    if (passed >= 2 && passed > same) return 'failed';
    if (others.some(({ outcome, opened }) => outcome === undefined && opened === undefined)) return undefined;
    const isOver = row.deadlineMs <= clock.nowMs() || all.length >= MAX_VERIFIERS || (same >= 2 && same > passed);
    const opened = isOver ? undefined : open(row.replyId);
    const next = opened && isText(opened.reply) ? plan(row.replyId, opened.reply.replay, all) : undefined;
    if (next === undefined) return 'dropped';
    await group.write((db) => putHoneypot(db, next));
    return undefined;
  }

  return { offer, gather, readCommitted, settle };
}
