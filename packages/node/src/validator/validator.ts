import type { HostPort } from '@ogong/host/link/host-port';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool, type Peer } from '@ogong/host/link/link-pool';
import { createLinkServer } from '@ogong/host/link/link-server';
import type { Metrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import { createAwakeClock } from '@ogong/host/time/awake-clock';
import type { Clock } from '@ogong/host/time/clock';
import { createRepeating } from '@ogong/host/time/repeat';
import { createBeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { createStakeView } from '@ogong/host/views/stake-view';
import { concatBytes, toHex } from '@ogong/protocol/base/bytes';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import { MAX_OPENING_BYTES } from '@ogong/protocol/commitment/opening';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember as Member } from '@ogong/protocol/crypto/quorum';
import { proveVrf } from '@ogong/protocol/crypto/vrf';
import { ProviderService, ValidatorService, VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { SequentialTestParameters } from '@ogong/protocol/statistics/sprt';
import { type DriftPolicy, describePolicy } from '@ogong/protocol/verdict/drift-policy';
import type { Logger } from 'pino';
import { createAccess } from './access.ts';
import { createAudit } from './audit/audit.ts';
import { createDisputes } from './audit/dispute.ts';
import { createBeaconArchive } from './beacon/beacon-archive.ts';
import { createBeaconDriver } from './beacon/beacon-driver.ts';
import { createIntake } from './intake.ts';
import { createValidatorMetrics } from './metrics.ts';
import { createRoutes, MAX_EVIDENCE_BYTES } from './routes.ts';
import { openCosignState } from './settlement/cosign-state.ts';
import { createLedgerHistory } from './settlement/ledger-history.ts';
import { stepSettlement } from './settlement/settlement.ts';
import { openSettlementState } from './settlement/settlement-state.ts';
import { listVerifierPayees } from './store/announcement-store.ts';
import { pruneBatch } from './store/batch-store.ts';
import { adoptTable, createPolicyFinder } from './store/drift-store.ts';
import { pruneHoneypots } from './store/honeypot-store.ts';

export interface ValidatorOptions {
  readonly bind: HostPort;
  /** Audit coverage, 0..1; at least the network's own is used. */
  readonly alpha: number;
  /** Extra coverage, on average, for suspicious replies, 0..1. Default: 0. */
  readonly extraAlpha?: number;
  /** Share of audits with two verifiers at the same time, 0..1; not below the network's. */
  readonly pairs?: number;
  /** Share of audits that bring a honeypot along, 0..1. */
  readonly honeypots?: number;
  readonly test: SequentialTestParameters;
  readonly epochMs: number;
  readonly settleMs: number;
  readonly auditWindowMs: number;
  /** How long after its order's expiry an undelivered reply counts as abandoned. Default: 60,000. */
  readonly graceMs?: number;
  /** Audits at a time. Default: 8. */
  readonly auditConcurrency?: number;
  /** Longest wait for one commitment or report. Default: a third of the audit window, at most a minute. */
  readonly callTimeoutMs?: number;
  /** How often the stake of those who verify is read. Default: 10,000. */
  readonly stakeMs?: number;
  /** How long bodies, openings and reports of settled replies are kept. Default: a day. */
  readonly retentionMs?: number;
  readonly fixedVerifier?: Peer | undefined;
  /** The drift policy for scores between different classes. Default: fixed thresholds. */
  readonly drift?: DriftPolicy | undefined;
  /** Signatures to have before a batch is submitted, own included, beyond the quorum of stake. Default: 1. */
  readonly minSignatures?: number;
  /** Where to reach validators, by the hex hash of their certificates, instead of where the registry says. */
  readonly peerEndpoints?: ReadonlyMap<string, HostPort>;
}

export interface ValidatorDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Opened with VALIDATOR_SCHEMA; stays open after stop. */
  readonly store: Store;
  readonly signer: LedgerSigner;
  /** Ed25519 seed, 32 bytes. */
  readonly vrfSeed: Uint8Array;
  readonly identity: LinkIdentity;
  /** The caller starts and stops it. */
  readonly chain: ChainView;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
  readonly metrics: Metrics;
}

export interface Validator {
  start(): Promise<void>;
  stop(graceMs?: number): Promise<void>;
  address(): HostPort;
}

const COSIGN_TIMEOUT_MS = 60_000;
const TRACE_TIMEOUT_MS = 60_000;
const BEACON_TIMEOUT_MS = 2_000;
/** Each brings one payer and one line at most, which keeps a batch within the gas of one transaction. */
const MAX_BATCH_ENTRIES = 250;
/** Limit of a batch with several entries; one entry with long openings may be larger. */
const MAX_BATCH_BYTES = 32 * 2 ** 20;
/** The longest opening or report. */
const MAX_ANSWER_BYTES = MAX_OPENING_BYTES + 2 ** 20;
const PPM = 1_000_000;
/** Longer than a job takes from due to ready. */
const MIX_MS = 50;
const DAY_MS = 86_400_000;
/** Without a beacon for so many epochs, a validator assumes that it is disconnected. */
const CUT_OFF_EPOCHS = 4;
const CUT_OFF_MS = 10_000;

/** Takes records in, agrees on the beacon, audits, keeps the log, co-signs and settles. */
export function createValidator(options: ValidatorOptions, dependencies: ValidatorDependencies): Validator {
  const { bind, epochMs, settleMs, auditWindowMs, fixedVerifier, retentionMs = DAY_MS } = options;
  const { crypto, clock, store, signer, vrfSeed, identity, chain, log } = dependencies;
  const group = createGroupCommit(store);
  const archive = createBeaconArchive(chain.network, { crypto, store });
  const links = createLinkPool({ identity, limits: { maxMessageBytes: MAX_ANSWER_BYTES } });
  const peerLinks = createLinkPool({ identity, limits: { maxMessageBytes: MAX_EVIDENCE_BYTES } });
  const beacons = createBeaconView({}, { crypto, chain, links });
  const verdicts = { crypto, chainId: chain.ledger.chainId, validator: signer.address, test: options.test };
  const metrics = createValidatorMetrics(dependencies.metrics);
  const ownAlphaPpm = Math.round(options.alpha * PPM);
  const networkAlphaPpm = () => chain.parameters()?.limits.alpha ?? PPM;

  const awake = createAwakeClock();
  let certifiedMs = Number.NEGATIVE_INFINITY;
  const isConnected = () => awake.nowMs() - certifiedMs < Math.max(CUT_OFF_MS, CUT_OFF_EPOCHS * epochMs);

  const getBeacon = async (epoch: bigint) => archive.find(epoch) ?? (await beacons.get(epoch).catch(() => undefined));
  const toPeer = ({ endpoint, certHash }: Member): Peer => ({
    endpoint: options.peerEndpoints?.get(toHex(certHash)) ?? endpoint,
    certHash,
  });

  const beacon = createBeaconDriver(
    { network: chain.network, epochMs },
    {
      crypto,
      signer,
      clock,
      archive,
      group,
      proveVrf: (input) => proveVrf(vrfSeed, input),
      validators: chain.validators,
      async send(to, message) {
        const peer = chain.findByAddress(to);
        if (peer === undefined) return;
        await peerLinks.to(ValidatorService, toPeer(peer)).deliverBeacon({ message }, { timeoutMs: BEACON_TIMEOUT_MS });
      },
      onCertified(epoch) {
        certifiedMs = awake.nowMs();
        metrics.epoch.set(Number(epoch));
        log.debug({ epoch: Number(epoch) }, 'beacon certified');
        void auditing.trigger().catch(() => undefined);
      },
      onUndelivered: (err) => log.debug({ err }, 'beacon message not delivered'),
      onError: (err) => log.error({ err }, 'no part in the beacon until votes can be written'),
    },
  );

  const stakes = createStakeView(chain);
  const staking = createRepeating(
    { intervalMs: options.stakeMs ?? 10_000 },
    () => stakes.refresh(listVerifierPayees(store, clock.nowMs())),
    (err) => log.warn({ err }, 'stake cannot be read from the chain'),
  );
  const audit = createAudit(
    {
      verdicts,
      alphaPpm: () => Math.max(ownAlphaPpm, networkAlphaPpm()),
      extraPpm: Math.round((options.extraAlpha ?? 0) * PPM),
      windowMs: auditWindowMs,
      graceMs: options.graceMs ?? 60_000,
      concurrency: options.auditConcurrency ?? 8,
      callTimeoutMs: options.callTimeoutMs ?? Math.min(60_000, Math.ceil(auditWindowMs / 3)),
      retryMs: Math.min(1_000, Math.max(50, auditWindowMs / 50)),
      fixedVerifier,
      drift: options.drift,
      spreadMs: Math.min(epochMs, auditWindowMs / 4),
      mixMs: MIX_MS,
      ...(options.pairs === undefined ? {} : { pairPpm: Math.round(options.pairs * PPM) }),
      ...(options.honeypots === undefined ? {} : { honeypotPpm: Math.round(options.honeypots * PPM) }),
    },
    {
      crypto,
      clock,
      awake,
      isConnected,
      store,
      group,
      archive,
      async getOpening(provider, replyId, call) {
        const { opening } = await links.to(ProviderService, provider).getOpening({ replyId }, call);
        return opening;
      },
      calls: {
        commit: (verifier, job, call) => links.to(VerifierService, verifier).commit(job, call),
        reveal: (verifier, job, call) => links.to(VerifierService, verifier).reveal(job, call),
      },
      stakeOf: stakes.stakeOf,
      jobSecret: crypto.sha256(concatBytes(encodeDomain('ogong-job-secret-v1'), vrfSeed)),
      onVerdict: report,
      onError: (err, replyId) => log.debug({ err, replyId: toHex(replyId) }, 'audit step failed'),
    },
  );
  const disputes = createDisputes({
    crypto,
    store,
    group,
    fixedVerifier,
    callTimeoutMs: TRACE_TIMEOUT_MS,
    calls: {
      provider: (provider, query, call) => links.to(ProviderService, provider).trace(query, call),
      verifier: (verifier, query, call) => links.to(VerifierService, verifier).trace(query, call),
    },
    onLocated: (replyId, { side, layer }) => log.info({ replyId: toHex(replyId), side, layer }, 'divergence located'),
    onError: (err, replyId) => log.debug({ err, replyId: toHex(replyId) }, 'a trace is missing'),
  });
  const auditing = createRepeating(
    { intervalMs: Math.max(25, Math.min(500, epochMs / 10)) },
    () => audit.tick(),
    (err) => log.error({ err }, 'audits cannot go on'),
  );

  function report(entry: VerdictEntry): void {
    metrics.verdicts.inc({ verdict: entry.verdict });
    const fields = { replyId: toHex(entry.replyId), verdict: entry.verdict, evidence: entry.evidence };
    log.debug(fields, 'verdict');
    disputes.notice(entry);
    if (entry.ejects) log.warn({ ...fields, providerId: toHex(entry.providerId) }, 'provider ejected');
  }

  let seenTable: string | undefined;
  /** A change of table needs a restart. Until then peers that have changed do not sign. */
  function watchTable(): void {
    const named = chain.parameters()?.driftTable.hash;
    if (named === undefined || named === seenTable) return;
    const own = options.drift && `0x${toHex(options.drift.note.tableHash)}`;
    if (named !== own && seenTable !== undefined) {
      log.warn({ named, own }, 'the chain names another drift table now: restart with it');
    }
    seenTable = named;
  }

  const history = createLedgerHistory(chain);
  const domain = { chainId: chain.ledger.chainId, verifyingContract: chain.network.settlement };
  const settlement = openSettlementState(
    {
      domain,
      maxEntries: MAX_BATCH_ENTRIES,
      maxBatchBytes: MAX_BATCH_BYTES,
      minSignatures: options.minSignatures ?? 1,
    },
    {
      crypto,
      signer,
      clock,
      store,
      group,
      chain,
      cosign: (peer, request) =>
        peerLinks.to(ValidatorService, toPeer(peer)).cosignBatch(request, { timeoutMs: COSIGN_TIMEOUT_MS }),
      findSettled: history.findSettled,
      onReplaced(sequence, uncollectable) {
        log.warn({ sequence: Number(sequence), uncollectable: uncollectable.map(toHex) }, 'batch proposed anew');
      },
      onSettled(sequence, transactionHash, unpaidReplies) {
        metrics.batches.inc();
        metrics.uncollectable.inc(unpaidReplies);
        log.info({ sequence: Number(sequence), transactionHash, unpaidReplies }, 'batch settled');
      },
      onError: (err) => log.warn({ err }, 'a peer did not co-sign'),
    },
  );
  const settling = createRepeating(
    { intervalMs: settleMs },
    async (signal) => {
      while (!signal.aborted && (await stepSettlement(settlement)));
      watchTable();
      await group.write((db) => {
        pruneHoneypots(db, clock.nowMs() - 2 * auditWindowMs);
        pruneBatch(db, clock.nowMs() - retentionMs);
      });
    },
    (err) => log.warn({ err }, 'settlement waits'),
  );

  const cosigning = openCosignState(
    {
      ledger: chain.ledger,
      domain,
      alphaPpm: networkAlphaPpm,
      allowFixedVerifier: fixedVerifier !== undefined,
    },
    {
      crypto,
      signer,
      clock,
      store,
      group,
      anchorOf: async (validator) => (await chain.client()).anchorOf(validator),
      channelOf: async (payer, validator) => (await chain.client()).channelOf(payer, validator),
      findLeastAlphaPpm: history.findLeastAlpha,
      findPolicy: createPolicyFinder(store, options.drift),
      getBeacon,
    },
  );

  const intake = createIntake(
    { ledger: chain.ledger, verdicts },
    { crypto, clock, store, group, archive, chain, getBeacon, onVerdict: report },
  );

  const server = createLinkServer(
    {
      bind,
      identity,
      authorize: createAccess({ chain, clock }),
      limits: { maxMessageBytes: MAX_EVIDENCE_BYTES },
      routes: createRoutes({ intake, archive, beacon, cosigning, store, verdicts, chain, metrics }),
    },
    { onError: (err, { method }) => log.error({ err, method }, 'a call failed') },
  );

  return {
    async start() {
      const { drift } = options;
      await group.write((db) => adoptTable(db, drift, clock.nowMs()));
      if (drift) log.info({ driftTable: describePolicy(drift) }, 'scores are judged by a drift table');
      await server.start();
      awake.start();
      beacon.start();
      staking.start();
      auditing.start();
      settling.start();
    },
    async stop(graceMs = 5_000) {
      await Promise.all([
        beacon.stop(),
        staking.stop(),
        auditing.stop(),
        settling.stop(),
        audit.stop(),
        server.stop(graceMs),
      ]);
      await disputes.stop();
      awake.stop();
      links.close();
      peerLinks.close();
      await group.close();
    },
    address: () => server.address(),
  };
}
