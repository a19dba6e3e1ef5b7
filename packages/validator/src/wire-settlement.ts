import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Allotment } from '@ogong/protocol/settlement/emission';
import type { Reinstatement } from '@ogong/protocol/settlement/reinstatement';
import type { Intake } from './intake/intake.ts';
import { createCosignReaders, createOpinionReaders } from './machines/machine-evidence.ts';
import { createOrderCheck } from './settlement/collect.ts';
import { type CosignState, openCosignState } from './settlement/cosign/cosign-state.ts';
import { createPackedAsk } from './settlement/cosign/pack-batch.ts';
import { createRosterKeeper } from './settlement/keep-roster.ts';
import { type LienState, stepLiens } from './settlement/liens.ts';
import { type ReinstateState, stepReinstatements } from './settlement/reinstate.ts';
import { stepSettlement } from './settlement/settlement.ts';
import { openSettlementState, type SettlementOptions, type SettlementState } from './settlement/settlement-state.ts';
import { type AllottingState, stepAllotment } from './settlement/step-allotment.ts';
import { createTallyStore, type TallyStore } from './settlement/tally-store.ts';
import { SignerError } from './signer/signer-error.ts';
import { countOpenReplies, listEntries, pruneBatch } from './store/batch-store.ts';
import { createPolicyFinder } from './store/drift-store.ts';
import { pruneHoneypots } from './store/honeypot-store.ts';
import { pruneSecondDeliveries } from './store/replies/second-delivery-store.ts';
import { pruneInquiries } from './store/witness-store.ts';
import {
  findMembers,
  findVrfKey,
  getBeacon,
  getHoldings,
  getNetworkAlphaPpm,
  getRequiredStakes,
  toPeer,
  type ValidatorState,
} from './validator-state.ts';
import { readDelivered, readSecondDeliveryAnswer } from './wire-messages.ts';

const COSIGN_TIMEOUT_MS = 60_000;
const ASK_TIMEOUT_MS = 5_000;
type BatchLimits = Pick<SettlementOptions, 'maxEntries' | 'maxBatchBytes'>;

const HOUR_MS = 3_600_000;
/** Time after the order's expiry for which answers of a witness are stored. Co-signed entries are younger. */
const QUESTIONS_KEPT_MS = 7 * OPENING_KEPT_MS;
/** Batches pruned in one pass. The rest waits for the next pass. */
const PRUNED_AT_ONCE = 64;

/** Connects settlement with the chain and with co-signers. Prunes settled batches after their retention. */
export function wireSettlement(
  state: ValidatorState,
  limits: BatchLimits,
  intake: Pick<Intake, 'acknowledge'>,
): Repeating {
  const { options, clock, group, store, log, metrics } = state;
  const { settleMs, auditWindowMs, retentionMs = HOUR_MS } = options;
  const settlement = connectSettlement(state, limits, intake);
  const keepRoster = createRosterKeeper(settlement, () => state.chain.client());
  let isDrained = false;
  return createRepeating(
    { intervalMs: settleMs },
    async (signal) => {
      while (!signal.aborted && (await stepSettlement(settlement)));
      watchTable(state);
      await keepRoster();
      const open = store.read(countOpenReplies);
      metrics.open.set(open);
      if (options.isDraining && open === 0 && !isDrained) {
        isDrained = true;
        log.info('drained: the whole log is settled');
      }
      await group.write((db) => {
        pruneHoneypots(db, clock.nowMs() - 2 * auditWindowMs);
        pruneInquiries(db, clock.nowMs() - QUESTIONS_KEPT_MS);
        pruneSecondDeliveries(db, clock.nowMs() - OPENING_KEPT_MS);
        for (let i = 0; i < PRUNED_AT_ONCE && pruneBatch(db, clock.nowMs() - retentionMs); i++);
      });
      await group.eraseDeleted();
    },
    (err) => log.warn({ err }, 'settlement waits'),
  );
}

/** Tells whether makers have a share, by the last reading of the chain. */
const areMakersPaid = ({ chain }: Pick<ValidatorState, 'chain'>): boolean =>
  (chain.parameters()?.shares.maker ?? 0) > 0;

function connectSettlement(
  state: ValidatorState,
  limits: BatchLimits,
  intake: Pick<Intake, 'acknowledge'>,
): SettlementState {
  const { options, crypto, signer, clock, store, group, chain, peerLinks, history, metrics, domain, log } = state;
  const ask = createPackedAsk(state, { timeoutMs: COSIGN_TIMEOUT_MS });
  return openSettlementState(
    {
      ...limits,
      domain,
      minSignatures: options.minSignatures ?? 1,
      sums: options.sums,
    },
    {
      crypto,
      signer,
      clock,
      store,
      group,
      chain,
      cosign: (peer, request) =>
        ask(request, async (message, { timeoutMs }) => {
          const link = peerLinks.to(ValidatorService, toPeer(options, peer));
          const answer = await link.cosignBatch(message, { timeoutMs });
          if (answer.lacking.length > 0 || answer.wantsWhole) return { lacking: answer.lacking };
          const { signer: by, signature, refused, uncompared, headKey, headSignature } = answer;
          const share = answer.share.length === 0 ? undefined : answer.share;
          const head = headKey.length === 0 ? undefined : { publicKey: headKey, signature: headSignature };
          const faults = refused.map(({ delivery, ...fault }) => ({
            ...fault,
            delivery: delivery && readDelivered(delivery),
          }));
          return { signer: by, signature, share, refused: faults, uncompared, head };
        }),
      acceptDeliveryOf: (delivered) => intake.acknowledge(delivered),
      isSigned: createOrderCheck(crypto, chain.ledger, async (...parties) =>
        (await chain.client()).keyLimitOf(...parties),
      ),
      namesModels: () => areMakersPaid(state),
      findSettled: history.findSettled,
      onSubmittedAgain(sequence) {
        log.warn({ sequence: Number(sequence) }, 'the chain lost a settled batch: it is submitted again');
      },
      onReplaced(sequence, uncollectable) {
        log.warn(
          { sequence: Number(sequence), uncollectable: uncollectable.map(toHex) },
          'the batch is proposed again with other uncollectable payers',
        );
      },
      onUncompared(peer, entries) {
        const who = { peer: toHex(peer.address), entries: entries.length };
        log.info(who, 'a peer signed candidate lists that it had nothing to compare with');
      },
      onRefused(sequence, message) {
        log.warn({ sequence: Number(sequence), message }, 'co-signers refused entries, which leave the log');
      },
      onSettled(batch, transactionHash, unpaidReplies) {
        const { sequence } = batch;
        const attributes = { 'ogong.transaction': transactionHash, 'ogong.batch': Number(sequence) };
        for (const { replyId } of store.read(() => listEntries(store, batch.from, Number(batch.to - batch.from)))) {
          metrics.steps.add(replyId, 'settle', { attributes });
        }
        metrics.batches.inc();
        metrics.uncollectable.inc(unpaidReplies);
        log.info({ sequence: Number(sequence), transactionHash, unpaidReplies }, 'batch settled');
      },
      onError: (err) => log.warn({ err }, 'a peer did not co-sign, or an aggregated signature or its key is missing'),
    },
  );
}

/** Connects reinstatements with the chain and with the other validators. */
export function wireReinstating(state: ValidatorState): Repeating {
  const { options, crypto, signer, store, group, chain, peerLinks, domain, log } = state;
  const describe = ({ providerId, ejection }: Reinstatement) => ({ providerId: toHex(providerId), ejection });
  const reinstating: ReinstateState = {
    ...{ crypto, signer, domain, store, group, chain },
    async ask(peer, reinstatement) {
      const link = peerLinks.to(ValidatorService, toPeer(options, peer));
      return (await link.getReinstatement(reinstatement, { timeoutMs: ASK_TIMEOUT_MS })).signature;
    },
    onReinstated: (one) => log.info(describe(one), 'a provider was reinstated'),
    onPardoned: (providerId) =>
      log.info({ providerId: toHex(providerId) }, 'this validator admits orders for a reinstated provider again'),
    onFinal: (one) => log.warn(describe(one), 'the appeal is over: the ejection is final'),
    onError: (err) => log.debug({ err }, 'a peer did not answer about a reinstatement'),
    seen: new Uint8Array(0),
  };
  return createRepeating(
    { intervalMs: options.settleMs },
    () => stepReinstatements(reinstating),
    (err) => log.warn({ err }, 'reinstatements wait'),
  );
}

/** The shortest period of an emission is an hour. */
const ALLOT_MS = 10 * 60_000;

/** Connects tallies of the emission. Undefined on a network without one. */
export function wireAllotting(state: ValidatorState): AllottingState | undefined {
  const { options, crypto, signer, chain, peerLinks, log } = state;
  const { emission: domain } = options;
  if (domain === undefined) return undefined;
  const describe = ({ number, until, units }: Allotment) => ({ number, until: Number(until), units: units.toString() });
  return {
    ...{ crypto, signer, domain, chain },
    ask: (peer, { number, until }) =>
      peerLinks
        .to(ValidatorService, toPeer(options, peer))
        .signAllotment({ number, until }, { timeoutMs: COSIGN_TIMEOUT_MS }),
    onAllotted: (allotment, transactionHash) =>
      log.info({ ...describe(allotment), transactionHash }, 'a tally of the emission was submitted'),
    onDisagreement(peer, allotment, root) {
      const roots = { own: toHex(allotment.root), signed: toHex(root.subarray(0, 32)) };
      log.warn({ ...describe(allotment), peer: toHex(peer.address), ...roots }, 'a peer computes another tally');
    },
    onError: (err) => log.info({ err }, 'a peer did not sign a tally of the emission'),
    signed: undefined,
    signing: undefined,
  };
}

/** Connects the store of tallies on the chain, for accounts that claim. Undefined on a network without emission. */
export const wireTallyStore = ({ options, crypto, chain, clock }: ValidatorState): TallyStore | undefined =>
  options.emission && createTallyStore({ crypto, clock, client: () => chain.client() });

/** Signs and submits due tallies at intervals. */
export function repeatAllotting(
  { options, log }: Pick<ValidatorState, 'options' | 'log'>,
  allotting: AllottingState,
): Repeating {
  return createRepeating(
    { intervalMs: Math.min(ALLOT_MS, 2 * options.settleMs) },
    () => stepAllotment(allotting),
    (err) => log.warn({ err }, 'the tally of the emission waits'),
  );
}

/** The shortest withdrawal delay of a network with money in it is sixteen hours. */
const LIEN_MS = 10 * 60_000;

/** Secures the debts of payers that ask their reserve back. */
export function wireLiens({ crypto, signer, store, chain, log, options }: ValidatorState): Repeating {
  const liens: LienState = {
    ...{ crypto, signer, store, chain },
    onLien(payer, cumulative) {
      log.info(
        { payer: toHex(payer), cumulative: cumulative.toString() },
        'a lien was taken: a payer asks back money that it owes',
      );
    },
    onError: (payer, err) => log.warn({ err, payer: toHex(payer) }, 'a lien could not be taken'),
  };
  return createRepeating(
    { intervalMs: Math.min(LIEN_MS, 10 * options.settleMs) },
    () => stepLiens(liens),
    (err) => log.warn({ err }, 'liens wait'),
  );
}

/** Connects co-signing with the chain and the other validators. */
export function wireCosigning(state: ValidatorState): CosignState {
  const { options, crypto, signer, clock, store, group, chain, stakes, domain, peerLinks, log } = state;
  return openCosignState(
    {
      ledger: chain.ledger,
      domain,
      alphaPpm: () => getNetworkAlphaPpm(state),
      allowFixedVerifier: options.fixedVerifier !== undefined,
      namesModels: () => areMakersPaid(state),
      modelRoots: options.modelRoots,
    },
    {
      crypto,
      signer,
      clock,
      store,
      group,
      knownParts: state.knownParts,
      anchorOf: async (validator) => (await chain.client()).anchorOf(validator),
      channelOf: async (payer, validator) => (await chain.client()).channelOf(payer, validator),
      isSigned: createOrderCheck(crypto, chain.ledger, async (...parties) =>
        (await chain.client()).keyLimitOf(...parties),
      ),
      coverageSince: async (sinceMs) => (await chain.client()).coverageSince(sinceMs),
      ...getHoldings(state),
      findRouter: chain.router,
      learnOrderKey: state.learnOrderKey,
      stakeOf: stakes.stakeOf,
      requiredStakes: () => getRequiredStakes(state),
      stakedOf: async (payee) => (await chain.client()).backingOf(payee),
      async listEntries(validator, from) {
        const peer = chain.validators().find(({ address }) => equalBytes(address, validator));
        if (peer === undefined) throw new Error('the validator is not registered any more');
        const link = peerLinks.to(ValidatorService, toPeer(options, peer));
        return (await link.listVerdicts({ from, limit: 0 }, { timeoutMs: ASK_TIMEOUT_MS })).entries;
      },
      findPolicy: createPolicyFinder(store, options.drift),
      getBeacon: (epoch) => getBeacon(state, epoch),
      findMembers: (epoch) => findMembers(state, epoch),
      findVrfKey: (epoch, validator) => findVrfKey(state, epoch, validator),
      async askSecondRecipient(recipient, validator, replies) {
        const peer = chain.recallByAddress(recipient);
        if (peer === undefined) throw new Error('the second recipient is no validator any more');
        const link = peerLinks.to(ValidatorService, toPeer(options, peer));
        const asked = { validator, replies: replies.map((one) => ({ ...one })) };
        const { heard } = await link.listHeard(asked, { timeoutMs: ASK_TIMEOUT_MS });
        return heard.flatMap(readSecondDeliveryAnswer);
      },
      evidenceReaders: createCosignReaders({
        crypto,
        wasMachineRevoked: async (...asked) => (await chain.client()).wasMachineRevoked(...asked),
      }),
      opinionReaders: options.machinePolicy && createOpinionReaders({ crypto, policy: options.machinePolicy }),
      onDisbelief: (what) => log.warn({ what }, 'a peer is paid for evidence that the own policy refuses'),
      onError(err) {
        if (err instanceof SignerError)
          log.warn({ err }, 'a batch is signed without the keys for aggregated signatures or heads');
        else log.debug({ err }, 'a validator did not list its deliveries of payers');
      },
    },
  );
}

/**
 * Warns if the chain names another drift table. A change needs a restart. Until then peers that have changed do not
 * sign.
 */
export function watchTable(state: Pick<ValidatorState, 'chain' | 'options' | 'log' | 'seenTable'>): void {
  const { chain, log } = state;
  const { drift } = state.options;
  const named = chain.parameters()?.driftTable.hash;
  if (named === undefined || named === state.seenTable) return;
  const own = drift && `0x${toHex(drift.note.tableHash)}`;
  if (named !== own && state.seenTable !== undefined) {
    log.warn({ named, own }, 'the chain names another drift table now: restart with it');
  }
  state.seenTable = named;
}
