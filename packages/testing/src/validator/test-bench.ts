import { create } from '@bufbuild/protobuf';
import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { defaultHolding } from '@ogong/chain/deploy/deploy';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import type { Caller } from '@ogong/host/link/link-admission';
import { LinkError } from '@ogong/host/link/link-error';
import type { NewcomerLimits } from '@ogong/host/link/newcomer-budget';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import { createGroupCommit, type GroupCommit } from '@ogong/host/store/group-commit';
import { openStore, type Store } from '@ogong/host/store/store';
import type { ChainView } from '@ogong/host/views/chain-view';
import type { ModelRoots } from '@ogong/host/views/model-roots';
import type { NewcomerAdmission } from '@ogong/host/views/newcomer-admission';
import { createOrderKeys } from '@ogong/host/views/order-keys';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { concatBytes, equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Bls } from '@ogong/protocol/crypto/bls';
import type { Crypto, HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import type { Announcement, OfferedModel } from '@ogong/protocol/exchange/announcement';
import type { Delivery } from '@ogong/protocol/exchange/delivery';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import type { JobRound } from '@ogong/protocol/exchange/round-signature';
import { type CosignBatchRequest, CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { MAX_BATCH_ENTRIES } from '@ogong/protocol/settlement/gas';
import { createShareSigner } from '@ogong/protocol/settlement/quorum-sum';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { FindRouter } from '@ogong/protocol/stage1/registered-router';
import type { ShownRecord } from '@ogong/protocol/tier/tier';
import { createAudit } from '@ogong/validator/audit/audit';
import type { AuditDependencies, AuditOptions, Contests } from '@ogong/validator/audit/audit-state';
import type { HeldFor } from '@ogong/validator/audit/deterrence';
import type { OwnVrf } from '@ogong/validator/audit/honeypot-state';
import { createBeaconArchive } from '@ogong/validator/beacon/beacon-archive';
import type { DeliveryOutcome } from '@ogong/validator/intake/accept-delivery';
import type { AdmissionMemory } from '@ogong/validator/intake/admission-memory';
import { acceptForwarded, listLacking, listStoredAnnouncements } from '@ogong/validator/intake/hand-announcements';
import { createIntake } from '@ogong/validator/intake/intake';
import type { SecondDeliveryLimits, SubmittedDelivery } from '@ogong/validator/intake/second-recipient';
import { createCosignReaders, createIntakeReaders } from '@ogong/validator/machines/machine-evidence';
import { createOrderCheck } from '@ogong/validator/settlement/collect';
import { listSecondDeliveries } from '@ogong/validator/settlement/cosign/contradicting-deliveries';
import { answerPeer, cosignBatch } from '@ogong/validator/settlement/cosign/cosign';
import {
  type CosignDependencies,
  type CosignOptions,
  openCosignState,
} from '@ogong/validator/settlement/cosign/cosign-state';
import { createPackedAsk, type PackedAnswer } from '@ogong/validator/settlement/cosign/pack-batch';
import { unpackBatch } from '@ogong/validator/settlement/cosign/unpack-batch';
import { stepSettlement } from '@ogong/validator/settlement/settlement';
import {
  type CosignRequest,
  openSettlementState,
  type SettlementOptions,
} from '@ogong/validator/settlement/settlement-state';
import { createGuardedSigner } from '@ogong/validator/signer/guarded-signer';
import { GUARD_SCHEMA } from '@ogong/validator/signer/signing-guard';
import { keepStakes } from '@ogong/validator/store/announcement-store';
import { listEntries } from '@ogong/validator/store/batch-store';
import { adoptTable, createPolicyFinder } from '@ogong/validator/store/drift-store';
import { createKnownParts } from '@ogong/validator/store/known-parts';
import { type ReplyRow, readReply } from '@ogong/validator/store/replies/reply-store';
import { VALIDATOR_SCHEMA } from '@ogong/validator/store/schema';
import { type AcceptedRecord, isAcceptedRecord } from '@ogong/validator/witness/accepted-record';
import { answerWitness, type WitnessAsk, type WitnessState } from '@ogong/validator/witness/answer-witness';
import { createContest } from '@ogong/validator/witness/contest';
import { createInquirer, type InquirerDependencies } from '@ogong/validator/witness/inquirer';
import { isOwnRound } from '@ogong/validator/witness/round-signature';
import { standingRouter } from '../network/fixed-chain.ts';
import { signTestAnnouncement, TEST_OFFER } from '../network/test-announcement.ts';
import { createTestCalls, type TestVerifiers } from './test-calls.ts';
import { createTestChain, MEMBER_STAKE, type TestChain } from './test-chain.ts';
import { testCrypto } from './test-crypto.ts';
import { createTestHybrid, createTestLedgerSigner, createTestPayee, seedOf } from './test-keys.ts';
import {
  createTestDelivery,
  createTestOrder,
  type OrderInput,
  payeeSigner,
  type ServeInput,
  serveTestReply,
  signTestComplaint,
  type TestOrder,
  type TestReply,
  type UnsignedComplaint,
} from './test-reply.ts';

const ANY_ROUTER = standingRouter(new Uint8Array(32));

export const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(0xe5) };
export const network = { chainId: 31_337n, settlement: new Uint8Array(20).fill(0x5e) };
export const domain = { chainId: 31_337n, verifyingContract: network.settlement };
export const payer = createTestLedgerSigner(seedOf('payer'));
export const provider = createTestHybrid('provider');
export const providerId = hashHybridKey(testCrypto, provider.publicKey);
/** A second provider, so that a finding against one does not count against the other. */
export const otherProvider = createTestHybrid('other provider');

/** The answer of a peer that does not have the requested item. */
export const createRefused = (message: string): LinkError => new LinkError('remote', message, { refusal: 'not-found' });

/** Limit for the entries of a packed batch. */
const MAX_UNPACKED = 1 << 26;
/** No test checks the sets of made-up certificates. */
const NO_SET = new Uint8Array(32);

/** @param stepMs advances the clock at every reading, for tests that wait. */
export function createTestClock(stepMs = 0) {
  let now = 1_750_000_000_000;
  return {
    nowMs() {
      now += stepMs;
      return now;
    },
    advance(ms: number) {
      now += ms;
    },
  };
}

export interface BenchOptions {
  readonly index?: number;
  readonly path?: string;
  readonly clock?: ReturnType<typeof createTestClock>;
  /** Default: crypto that remembers its answers. */
  readonly crypto?: Crypto;
  /** Clock of the time in which the validator can act. Default: its clock. */
  readonly awake?: ReturnType<typeof createTestClock>;
  readonly isConnected?: () => boolean;
  readonly chain?: TestChain;
  /** The validator set. Default: only this one. */
  readonly members?: () => readonly TestValidator[];
  readonly audit?: Partial<AuditOptions>;
  readonly cosign?: Partial<
    CosignOptions &
      Pick<
        CosignDependencies,
        'coverageSince' | 'heldFor' | 'ramp' | 'tierStakes' | 'stakedOf' | 'requiredStakes' | 'findRouter'
      >
  >;
  readonly getOpening?: AuditDependencies['getOpening'];
  /** Default: replies have no blobs. */
  readonly getBlob?: AuditDependencies['getBlob'];
  readonly getMedia?: AuditDependencies['getMedia'];
  /** References to media that each request names. Default: none. */
  readonly image?: readonly string[];
  /** Default: the texts of served replies. */
  readonly getTexts?: AuditDependencies['getTexts'];
  /** Records that providers show to witnesses. Default: none. */
  readonly showRecord?: InquirerDependencies['showRecord'];
  readonly verifiers?: TestVerifiers;
  /** Replaces `verifiers` by verifiers that outlive this validator. */
  readonly calls?: VerifierCalls;
  readonly spendable?: bigint;
  readonly maxAnnouncements?: number;
  readonly maxOpenOrders?: number;
  /** Default: the database knows every admission. */
  readonly memory?: AdmissionMemory;
  /** Default: bonds cover every order. */
  readonly room?: { reserve(): Promise<(isStored: boolean) => void> };
  /** Default: nobody earns calls. */
  readonly earn?: (caller: Caller, calls: number) => void;
  /** Default: SECOND_DELIVERY_LIMITS. */
  readonly secondDeliveryLimits?: SecondDeliveryLimits;
  /** Whether makers have a share. Default: they have none. */
  readonly namesModels?: () => boolean;
  /** |Most entries of a batch. Default: MAX_BATCH_ENTRIES. */
  readonly maxEntries?: number;
  /** It ignores deliveries that its co-signers received from payers. */
  readonly hidesDeliveries?: boolean;
  /** Most that a key may sign for a payer at a validator. Default: 0. */
  readonly keyLimitOf?: (payer: Uint8Array, validator: Uint8Array, key: Uint8Array) => Promise<bigint>;
  /** Orders of payers that the validator does not know yet. Default: NEWCOMER_LIMITS. */
  readonly newcomers?: NewcomerLimits;
  /** The escrow at intake. Default: every channel holds `spendable`. */
  readonly channel?: ChainView['channel'];
  /** Weights registered for a model name. Default: the payer's claim counts. */
  readonly modelRoots?: ModelRoots;
  /** Machines of tier `tee` that are accepted. Default: none. */
  readonly machinePolicy?: MachinePolicy;
  /** The network's findings against a machine. Default: none. */
  readonly findMachineProblem?: ChainView['findMachineProblem'];
  readonly onEvidenceFault?: (shown: ShownRecord) => void;
  /** Domain of the escrow at intake. Default: a chain on one machine. */
  readonly ledger?: LedgerDomain;
  readonly stakeOf?: (payee: Uint8Array) => bigint;
  /** Stakes of verifiers' payees. Default: none. */
  readonly requiredStakes?: AuditDependencies['requiredStakes'];
  /** Makes the nonces of its honeypots. Default: its registered key. */
  readonly vrf?: OwnVrf;
  /** Default: every account is a router. */
  readonly findRouter?: FindRouter;
  /** Earnings held for providers. Default: the network holds none. */
  readonly heldFor?: HeldFor;
  /** Whole tokens that tiers require. Default: none. */
  readonly tierStakes?: ReadonlyMap<string, bigint>;
  /** Default: everybody is admitted. */
  readonly letIn?: NewcomerAdmission;
  /** Entrance fee of a key. Default: none. */
  readonly entranceAtomic?: bigint;
  readonly isEjectedOnChain?: boolean;
  /** Sums signatures. Default: each is sent by itself. */
  readonly sums?: SettlementOptions['sums'];
  readonly isOffline?: () => boolean;
  /** Default: a signer whose guard closes with the validator. */
  readonly signer?: ValidatorSigner;
  /** Notes of the bench that outlive this validator. */
  readonly notes?: BenchNotes;
  /** Wraps the contest, for a validator that invents statements of witnesses. */
  readonly wrapContest?: (contest: Contests) => Contests;
  /** Wraps the group commit, to inject faults of the disk. */
  readonly wrapGroup?: (group: GroupCommit, store: Store) => GroupCommit;
}

/** Data of a validator that tests need and the validator does not. */
export interface BenchNotes {
  readonly served: Map<string, TestReply>;
  readonly decided: VerdictEntry[];
  /** The requests to co-signers. */
  readonly requests: CosignRequest[];
  /** Entries that a co-signer signed without comparing their lists of candidates, once for each co-signer. */
  readonly uncompared: bigint[];
  /** Reasons for which entries were removed from the log, one text per batch. */
  readonly refusals: string[];
}

export const createBenchNotes = (): BenchNotes => ({
  served: new Map(),
  decided: [],
  requests: [],
  uncompared: [],
  refusals: [],
});

/** Rejects and ejects a provider, as exact evidence would. */
export function ejectProvider(store: Store, providerId: Uint8Array): void {
  store
    .prepare(
      `INSERT INTO providers (provider_id, audits, rejects, ejected) VALUES (?, 1, 1, 1)
       ON CONFLICT DO UPDATE SET audits = audits + 1, rejects = rejects + 1, ejected = 1`,
    )
    .run(providerId);
}

/** The signer of a test validator: its key, and the guard that prevents contradicting signatures. */
export function createTestSigner({
  index = 0,
  path = ':memory:',
  bls,
}: {
  readonly index?: number;
  readonly path?: string;
  /** Makes signatures that can be summed. Default: none. */
  readonly bls?: Bls;
}) {
  const account = createTestLedgerSigner(seedOf(`validator ${index}`)).address;
  const key = createTestLedgerSigner(seedOf(`validator ${index} signing key`));
  const store = openStore(path, { schema: GUARD_SCHEMA });
  const share = bls && createShareSigner(testCrypto, bls, seedOf(`validator ${index} signing key`));
  const headKey = createNodeHybridSigner(
    concatBytes(seedOf(`validator ${index} head`), seedOf(`validator ${index} head 2`)),
  );
  return {
    signer: createGuardedSigner(testCrypto, { key, account, headKey, share, store }),
    close: () => store.close(),
  };
}

export type TestValidator = ReturnType<typeof createTestValidator>;

/** A validator without links, chain or real time. The test controls every dependency. */
export function createTestValidator(options: BenchOptions = {}) {
  const { index = 0, clock = createTestClock(), chain = createTestChain(), spendable = 10n ** 18n } = options;
  const { crypto = testCrypto } = options;
  const account = createTestLedgerSigner(seedOf(`validator ${index}`)).address;
  const signingKey = createTestLedgerSigner(seedOf(`validator ${index} signing key`));
  const signer = options.signer ?? createTestSigner({ index }).signer;
  chain.signingKeys.set(toHex(account), signingKey.address);
  const store = openStore(options.path ?? ':memory:', { schema: VALIDATOR_SCHEMA });
  const disk = createGroupCommit(store, { maxDelayMs: 0 });
  const group = options.wrapGroup?.(disk, store) ?? disk;
  const archive = createBeaconArchive(network, { crypto, store });
  store.transact((db) => adoptTable(db, options.audit?.drift, clock.nowMs()));
  const verdicts = { crypto, ...network, validator: signer.address };
  const { served, decided, requests, uncompared, refusals } = options.notes ?? createBenchNotes();
  const stakeOf = options.stakeOf ?? (() => 0n);
  const findRouter = options.findRouter ?? (async () => ANY_ROUTER);
  const holdings = {
    tierStakes: options.tierStakes,
    heldFor: options.heldFor ?? (async () => undefined),
    ramp: async () => ({ entranceAtomic: options.entranceAtomic ?? 0n, growthPpm: defaultHolding.growth }),
  };
  const member: QuorumMember = {
    address: account,
    signingKey: signingKey.address,
    stake: MEMBER_STAKE,
    certHash: seedOf(`certificate ${index}`),
    vrfKey: computeVrfPublicKey(seedOf(`validator ${index} vrf`)),
    endpoint: '',
  };
  const members = (): readonly TestValidator[] => options.members?.() ?? [validator];
  const listMembers = () => members().map((one) => one.member);
  const findPeer = (address: Uint8Array) =>
    members().find((one) => equalBytes(one.signer.address, address)) as TestValidator;
  const onVerdict = (entry: VerdictEntry) => decided.push(entry);
  const orderKeys = createOrderKeys(crypto, options.ledger ?? ledger, {
    clock,
    readLimit: options.keyLimitOf ?? (async () => 0n),
  });
  const isSigned = createOrderCheck(crypto, options.ledger ?? ledger, options.keyLimitOf ?? (async () => 0n));
  const intake = createIntake(
    {
      ledger: options.ledger ?? ledger,
      verdicts,
      auditWindowMs: options.audit?.windowMs ?? 30_000,
      modelRoots: options.modelRoots,
      ...(options.maxAnnouncements === undefined ? {} : { maxAnnouncements: options.maxAnnouncements }),
      ...(options.newcomers === undefined ? {} : { newcomers: options.newcomers }),
      ...(options.maxOpenOrders === undefined ? {} : { maxOpenOrders: options.maxOpenOrders }),
      ...(options.secondDeliveryLimits === undefined ? {} : { secondDeliveryLimits: options.secondDeliveryLimits }),
    },
    {
      ...{ crypto: orderKeys.crypto, learnOrderKey: orderKeys.learn },
      clock,
      signer,
      store,
      group,
      archive,
      onVerdict,
      memory: options.memory,
      room: options.room,
      earn: options.earn,
      getBeacon: async (epoch) => archive.find(epoch),
      evidenceReaders: createIntakeReaders({
        ...{ crypto, policy: options.machinePolicy, findMachineProblem: options.findMachineProblem },
      }),
      onEvidenceFault: options.onEvidenceFault,
      holdings,
      letIn: options.letIn,
      chain: {
        isEjected: async () => options.isEjectedOnChain ?? false,
        router: findRouter,
        validators: listMembers,
        recallByAddress: (address) => listMembers().find((one) => equalBytes(one.address, address)),
        channel:
          options.channel ??
          (async () => ({ spendable, spent: 0n, admitted: spendable, releasing: 0n, releasableAt: 0n })),
      },
    },
  );
  const auditing = {
    windowMs: 30_000,
    graceMs: 60_000,
    retryMs: 1,
    callTimeoutMs: 1_000,
    ...options.audit,
  };
  const getOpening: AuditDependencies['getOpening'] =
    options.getOpening ?? (async (_peer, replyId) => (served.get(toHex(replyId)) as TestReply).reply.openingBytes);
  const getTexts =
    options.getTexts ??
    (async (_peer: unknown, { replyId }: { readonly replyId: Uint8Array }) => {
      const { request, endpoint, response } = (served.get(toHex(replyId)) as TestReply).submission;
      return { request, endpoint, response };
    });
  const awake = options.awake ?? clock;
  const calls =
    options.calls ?? createTestCalls(options.verifiers ?? (async () => Promise.reject(new Error('no verifier'))));
  const asking = {
    ...{ crypto, clock, awake, store, group, ledger: options.ledger ?? ledger, signer },
    isConnected: options.isConnected ?? (() => true),
    latestEpoch: () => archive.latest().epoch,
    ...{
      getOpening,
      getTexts,
      ...(options.getBlob && { getBlob: options.getBlob }),
      ...(options.getMedia && { getMedia: options.getMedia }),
    },
    showRecord: options.showRecord ?? (async () => Promise.reject(createRefused('no such record'))),
    isTaken: (order: NamedOrder, taken: AcceptedRecord) =>
      isAcceptedRecord({ ...asking, findValidator: () => undefined }, order, taken),
    commit: calls.commit,
    reveal: calls.reveal,
    isOwnRound: (order: NamedOrder, job: JobRound & { readonly word: Uint8Array }) =>
      isOwnRound({ ...asking, findValidator: () => undefined }, order, job),
    checkSubmission: intake.checkSubmission,
    signal: new AbortController().signal,
    findBeacon: async (epoch: bigint) => archive.find(epoch),
    findMembers: async () => listMembers(),
  };
  const findVrfKey = async (_epoch: bigint, address: Uint8Array) => ({
    vrfKey: listMembers().find((one) => equalBytes(one.address, address))?.vrfKey,
  });
  const { windowMs, graceMs, retryMs, callTimeoutMs } = auditing;
  const inquirer = createInquirer(
    {
      record: { windowMs: graceMs, retryMs },
      opening: { windowMs, retryMs },
      commitment: () => ({ windowMs: 2 * callTimeoutMs, retryMs }),
      report: { windowMs: 2 * callTimeoutMs, retryMs },
    },
    asking,
  );
  const witness: WitnessState = { ...asking, inquirer };
  const honest = createContest({
    ...witness,
    group,
    askWitness: async ({ address }, ask) => findPeer(address).witness(signer.address, ask),
    onError: () => {},
  });
  const contest = options.wrapContest?.(honest) ?? honest;
  const audit = createAudit(
    {
      verdicts,
      alphaPpm: () => 1_000_000,
      concurrency: 4,
      fixedVerifier: undefined,
      ...auditing,
    },
    {
      crypto,
      clock,
      awake,
      ...(options.isConnected ? { isConnected: options.isConnected } : {}),
      store,
      group,
      archive,
      getBeacon: async (epoch) => archive.find(epoch),
      heldFor: holdings.heldFor,
      onVerdict,
      ...{
        getOpening,
        getTexts,
        ...(options.getBlob && { getBlob: options.getBlob }),
        ...(options.getMedia && { getMedia: options.getMedia }),
      },
      contest,
      findIntake: intake.findIntake,
      acceptShown: intake.acceptShown,
      acceptMilestoneRecord: intake.acceptMilestoneRecord,
      jobSecret: seedOf('job secret'),
      vrf: options.vrf ?? {
        prove: (input) => proveVrf(seedOf(`validator ${index} vrf`), input),
        findKey: async (epoch) => findVrfKey(epoch, account),
      },
      stakeOf,
      requiredStakes: options.requiredStakes,
      calls,
    },
  );
  const knownParts = createKnownParts(crypto, store);
  const cosigning = openCosignState(
    {
      ledger,
      domain,
      alphaPpm: () => 1_000_000,
      allowFixedVerifier: false,
      honeypotPpm: options.audit?.honeypotPpm,
      modelRoots: options.modelRoots,
      namesModels: options.namesModels,
      ...options.cosign,
    },
    {
      evidenceReaders: createCosignReaders({ crypto }),
      ...{ crypto: orderKeys.crypto, learnOrderKey: orderKeys.learn },
      signer,
      clock,
      store,
      group,
      knownParts,
      anchorOf: chain.anchorOf,
      channelOf: (...channel) => chain.channelOf(...channel),
      isSigned,
      coverageSince: options.cosign?.coverageSince ?? (() => Promise.reject(new Error('no chain'))),
      heldFor: options.cosign?.heldFor ?? holdings.heldFor,
      ramp: options.cosign?.ramp ?? holdings.ramp,
      tierStakes: options.cosign?.tierStakes ?? holdings.tierStakes,
      findRouter: options.cosign?.findRouter ?? findRouter,
      stakeOf,
      requiredStakes: options.cosign?.requiredStakes ?? options.requiredStakes,
      stakedOf: options.cosign?.stakedOf ?? (async (payee) => stakeOf(payee)),
      listEntries: async (address, from) => {
        const peer = findPeer(address);
        return peer.store.read(() => listEntries(peer.store, from, 1_000)).map(({ entry }) => entry);
      },
      findPolicy: createPolicyFinder(store, options.audit?.drift),
      getBeacon: async (epoch) => archive.find(epoch),
      findMembers: asking.findMembers,
      findVrfKey,
      async askSecondRecipient(recipient, of, replies) {
        const target = findPeer(recipient);
        if (target.isOffline()) throw new Error('offline');
        return listSecondDeliveries(target.cosigning, of, replies);
      },
      onError() {},
    },
  );
  const cosigner = {
    async cosign(from: Uint8Array, request: CosignBatchRequest) {
      if (options.isOffline?.()) throw new Error('offline');
      return cosignBatch(cosigning, from, request);
    },
    /** Answers as its link server does. */
    async answer(from: Uint8Array, request: CosignBatchRequest): Promise<PackedAnswer> {
      if (options.isOffline?.()) throw new Error('offline');
      const read = await unpackBatch(cosigning, request, { from, most: MAX_UNPACKED });
      if ('lacking' in read) return read;
      return answerPeer(signer, cosigner.cosign(from, { ...request, ...read }));
    },
  };
  const ask = createPackedAsk({ crypto, knownParts, clock }, { timeoutMs: 60_000 });
  const { namesModels } = options;
  const settling = openSettlementState(
    {
      domain,
      maxEntries: options.maxEntries ?? MAX_BATCH_ENTRIES,
      maxBatchBytes: 1 << 24,
      minSignatures: 1,
      sums: options.sums,
    },
    {
      crypto,
      signer,
      clock,
      store,
      group,
      chain: {
        client: async () => chain as never,
        validators: listMembers,
      },
      async cosign(peer, request) {
        requests.push(request);
        const { cosigner: target } = findPeer(peer.address);
        return ask(request, (message) => target.answer(signer.address, create(CosignBatchRequestSchema, message)));
      },
      async findSettled(address, sequence) {
        const at = chain.settled.findIndex(
          ({ batch }) => batch.sequence === sequence && equalBytes(batch.validator as Uint8Array, address),
        );
        const payers = chain.settled[at]?.debits.map(({ payer: one }) => one as Uint8Array);
        return payers && { transactionHash: '0xfound', blockNumber: BigInt(at + 1), payers };
      },
      ...(namesModels && { namesModels }),
      isSigned,
      acceptDeliveryOf: async (delivered) => (options.hidesDeliveries ? undefined : intake.acknowledge(delivered)),
      onSettled() {},
      onUncompared: (_peer, entries) => uncompared.push(...entries),
      onRefused: (_sequence, reasons) => refusals.push(reasons),
    },
  );
  const settlement = { step: () => stepSettlement(settling) };

  const nextSitting = (): bigint | undefined => {
    const row = store.prepare("SELECT min(wait_epoch) AS epoch FROM replies WHERE state = 'waiting'").get();
    return row?.epoch == null ? undefined : BigInt(row.epoch as number | bigint);
  };
  const validator = {
    signer,
    member,
    store,
    group,
    archive,
    clock,
    intake,
    audit,
    cosigner,
    cosigning,
    /** State from which it asks witnesses. */
    witnessing: witness,
    witness: (from: Uint8Array, ask: WitnessAsk) => answerWitness(witness, from, ask),
    settlement,
    isOffline: () => options.isOffline?.() ?? false,
    chain,
    served,
    decided,
    requests,
    uncompared,
    refusals,
    find: (replyId: Uint8Array): ReplyRow => store.read(() => readReply(store, replyId)) as ReplyRow,
    order: (number: number, bend: OrderInput['bend'] = {}, by = payer, tokens?: number, at = provider): TestOrder =>
      createTestOrder({
        payer: by,
        ledger,
        validator: signer.address,
        provider: at,
        index: number,
        epoch: archive.latest().epoch,
        expiresAtMs: clock.nowMs() + 120_000,
        bend,
        image: options.image,
        ...(tokens === undefined ? {} : { tokens }),
      }),
    serve(order: TestOrder, bend: Partial<ServeInput> = {}): TestReply {
      const beacon = archive.find(order.fields.epoch) as ServeInput['beacon'];
      const reply = serveTestReply(order, { provider, payer, ledger, beacon, ...bend });
      served.set(toHex(order.fields.replyId), reply);
      return reply;
    },
    /** The payer complains about a reply. */
    complain: (complaint: UnsignedComplaint) => intake.complain(validator.signComplaint(complaint)),
    signComplaint: (complaint: UnsignedComplaint) => signTestComplaint(complaint, { payer, ledger }),
    /** The payer acknowledges a reply. */
    acknowledge: async (order: TestOrder, reply: TestReply, bend: Partial<Delivery> = {}): Promise<DeliveryOutcome> =>
      (await intake.acknowledge(createTestDelivery(order, reply, { payer, ledger, bend }))).outcome,
    /** The payer sends this validator its delivery of a reply that another one handles. @param told changes it. */
    hear: async (
      order: TestOrder,
      reply: TestReply,
      told: Partial<SubmittedDelivery>,
      bend: Partial<Delivery> = {},
    ): Promise<DeliveryOutcome> =>
      (await intake.acknowledge({ ...createTestDelivery(order, reply, { payer, ledger, bend }), ...told })).outcome,
    async deliver(number: number, bend: Partial<ServeInput> = {}): Promise<TestReply> {
      const named = bend.payee ? { payee: bend.payee.address } : {};
      const order = validator.order(number, named, bend.payer, undefined, bend.provider);
      await intake.admit(order);
      const reply = validator.serve(order, bend);
      await intake.pushRecord(reply.submission);
      return reply;
    },
    /**
     * Archives certificates up to the deciding epoch of a present order. Their contents are made up, because only checked
     * certificates are archived.
     */
    async certify() {
      const { epoch: orderEpoch } = archive.latest();
      await validator.certifyUpTo(computeDecidingEpoch({ orderEpoch, intakeEpoch: orderEpoch }).epoch);
    },
    async certifyUpTo(last: bigint) {
      const { epoch: first, value } = archive.latest();
      await disk.write((db) => {
        let previous = value;
        for (let epoch = first + 1n; epoch <= last; epoch++) {
          const next = seedOf(`beacon ${epoch}`);
          const sets = { set: NO_SET, following: NO_SET, next: NO_SET, block: 0n };
          const certificate = { epoch, view: 0, previous, value: next, ...sets, contributions: [], signatures: [] };
          archive.putCertificate(db, certificate);
          previous = next;
        }
      });
    },
    async announce(
      key: HybridSigner,
      fields: Omit<Partial<Announcement>, 'payee'> = {},
      payee: LedgerSigner = payeeSigner,
      verifierKey: HybridSigner = key,
    ) {
      const given = { key, ledger, nowMs: clock.nowMs(), payee, verifierKey, fields };
      const { announcement, signed } = signTestAnnouncement(given);
      await intake.announce(signed, announcement.certHash);
      await group.write((db) => keepStakes(db, stakeOf, clock.nowMs()));
    },
    /** Asks the others once for missing announcements. @returns the number accepted. */
    async askForAnnouncements(): Promise<number> {
      const readStakes = async (payees: readonly Uint8Array[]) => payees.map(stakeOf);
      const taking = { crypto, clock, store, group, ledger: options.ledger ?? ledger, readStakes };
      let taken = 0;
      for (const other of members()) {
        if (other.store === store || other.isOffline()) continue;
        taken += await acceptForwarded(taking, listLacking(other, listStoredAnnouncements({ store, clock })));
      }
      await group.write((db) => keepStakes(db, stakeOf, clock.nowMs()));
      return taken;
    },
    /** Announces a further verifier, reachable by its name. Default payee: one of its own. */
    async announceVerifier(
      name: string,
      numericClass = 'x',
      payee = createTestPayee(name),
      more: Partial<OfferedModel> = {},
      sequence = 1n,
    ) {
      const key = createTestHybrid(name);
      const endpoint = `${name}:1`;
      const verifier = { endpoint, certHash: seedOf(name), keyHash: hashHybridKey(crypto, key.publicKey) };
      const fields = { endpoint, models: [{ ...TEST_OFFER, numericClass, ...more }], verifier, sequence };
      await validator.announce(key, fields, payee);
    },
    /** Runs audits once, and again for pending honeypot answers. */
    async runAudits() {
      const sql = `SELECT 1 FROM honeypots JOIN replies USING (reply_id)
        WHERE outcome IS NULL AND state = 'auditing' AND honeypots.ask_at <= ?`;
      const isOpen = () => store.prepare(sql).get(clock.nowMs()) !== undefined;
      for (let i = 0; i === 0 || (i < 3 && isOpen()); i++) {
        await audit.tick();
        await audit.idle();
      }
    },
    /** Lets all orders expire, and enough time pass for every wait for a record to end. */
    async runAbandonments() {
      clock.advance(200_000);
      const isOpen = () => store.prepare("SELECT 1 FROM replies WHERE state = 'admitted'").get() !== undefined;
      for (let i = 0; i < 60 && isOpen(); i++) {
        clock.advance(graceMs / 8);
        await validator.runAudits();
      }
    },
    /** Runs audits until witnesses ask no verifier any more. */
    async runContests() {
      await validator.runAudits();
      const sql = `SELECT 1 FROM attempts WHERE outcome IN ('silent', 'garbage') AND key_hash IS NOT NULL
        AND report IS NULL AND statements IS NULL
        UNION ALL SELECT 1 FROM honeypots JOIN replies USING (reply_id)
        WHERE outcome IS NULL AND state = 'auditing' AND given_up = 1 AND report IS NULL AND statements IS NULL`;
      for (let i = 0; i < 200 && store.prepare(sql).get() !== undefined; i++) {
        clock.advance(Math.max(retryMs, graceMs / 12));
        await validator.runAudits();
      }
    },
    /** Runs audits and their retries until no reply waits for another attempt. */
    async runSittings() {
      await validator.runContests();
      for (let due = nextSitting(); due !== undefined; due = nextSitting()) {
        await validator.certifyUpTo(due);
        await validator.runContests();
      }
    },
    /** Lets enough time pass for every wait for an opening to end. */
    async runWithheld() {
      for (let i = 0; i < 60; i++) {
        await validator.runAudits();
        clock.advance(windowMs / 8);
      }
    },
    async close() {
      await audit.stop();
      await group.close();
      await disk.close();
      store.close();
    },
  };
  return validator;
}
