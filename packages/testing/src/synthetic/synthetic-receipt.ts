import { compareBytes } from '@ogong/protocol/base/bytes';
import {
  computeBeaconValue,
  computeGenesisBeacon,
  encodeBeaconCertificate,
  encodeVrfInput,
  hashBeaconVote,
} from '@ogong/protocol/beacon/beacon';
import { encodeEpochCertificate, readEpochValue } from '@ogong/protocol/beacon/epoch-certificate';
import { encodeEpochMessage } from '@ogong/protocol/beacon/threshold/threshold-value';
import { hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { hashRecord } from '@ogong/protocol/commitment/record';
import type { Crypto, HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { nobleBls } from '@ogong/protocol/crypto/noble-bls';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { computeVrfOutput, computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import type { Admission } from '@ogong/protocol/exchange/admission';
import type { IntakeReceipt } from '@ogong/protocol/exchange/intake-receipt';
import type { Order } from '@ogong/protocol/exchange/order';
import { hashBeginning, signProgress } from '@ogong/protocol/exchange/progress';
import { encodeTicket, type Ticket } from '@ogong/protocol/exchange/ticket';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { addRoots, agreeToOrder, type SyntheticCohort } from './synthetic-cohort.ts';
import {
  createSyntheticReply,
  SAID_MODEL,
  SYNTHETIC_MODEL,
  type SyntheticOptions,
  type SyntheticReply,
} from './synthetic-reply.ts';
import { signAdmission, signIntake } from './validator-words.ts';

/**
 * A complete receipt of a synthetic reply, with four validators that certified its beacon. For tests, vectors, and benchmarks
 * of checks without a model.
 */
export interface SyntheticReceipt {
  readonly receipt: Receipt;
  readonly reply: SyntheticReply;
  /** All data that a consumer can have, so that no check is skipped. */
  readonly trust: Required<Omit<Trust, 'allow' | 'generations' | 'orderKeys'>> & Pick<Trust, 'generations'>;
  /** Unix time in ms, shortly after the reply. */
  readonly nowMs: number;
}

export interface SyntheticReceiptOptions extends Omit<SyntheticOptions, 'given' | 'beacon'> {
  readonly router: HybridSigner;
  /** The order is of epoch 0, whose beacon has no certificate. */
  readonly isGenesis?: boolean;
  /** The epoch is one of the threshold beacon. */
  readonly isThreshold?: boolean;
  /** Changes the ticket before it is signed. */
  readonly bendTicket?: (ticket: Ticket) => Ticket;
  /** The payer's signed progress on the text. */
  readonly progress?: { readonly textBytes: number; readonly hasLeft: boolean; readonly by?: LedgerSigner };
  /** Signs instead of the validator that the order names. Default: that validator, if it is in the set. */
  readonly validatorKey?: LedgerSigner;
  /** Changes an admission before it is signed. */
  readonly bendAdmission?: (admission: Admission) => Admission;
  readonly bendIntake?: (intake: IntakeReceipt) => IntakeReceipt;
  /** Three providers serve the reply together. Default: one provider serves alone. */
  readonly cohort?: SyntheticCohort;
}

type OrderBend = Pick<NonNullable<SyntheticOptions['bend']>, 'order'>;

const SETTLEMENT = new Uint8Array(20).fill(4);
const EPOCH = 7n;

export function createSyntheticReceipt(options: SyntheticReceiptOptions): SyntheticReceipt {
  const { crypto, cohort } = options;
  if (cohort === undefined) return addReceipt(options, (given) => createSyntheticReply({ ...options, ...given }));
  const edges = addRoots(cohort);
  const made = addReceipt(options, (given) =>
    createSyntheticReply({ ...options, ...given, bend: { ...options.bend, ...given.bend, edges } }),
  );
  if (cohort.isHidden) return made;
  const { order, header: served } = made.reply;
  return { ...made, receipt: { ...made.receipt, cohort: agreeToOrder(crypto, { ...options, order }, served, cohort) } };
}

/** The parts of a receipt, for every endpoint. */
export type SignedReply = Pick<
  SyntheticReply,
  | 'request'
  | 'response'
  | 'order'
  | 'orderBytes'
  | 'orderSignature'
  | 'openingBytes'
  | 'record'
  | 'recordBytes'
  | 'recordSignature'
>;

/** @param createReply makes the reply to an order that a validator of the beacon's set handles. */
export function addReceipt<R extends SignedReply>(
  options: Omit<SyntheticReceiptOptions, 'endpoint'> & { readonly endpoint?: string },
  createReply: (
    given: Required<Pick<SyntheticOptions, 'beacon'>> & {
      readonly bend: Required<OrderBend> & SyntheticOptions['bend'];
    },
  ) => R,
): Omit<SyntheticReceipt, 'reply'> & { readonly reply: R } {
  const { crypto, ledger, provider, router } = options;
  const { validators, handler, beacon: final } = findCertified(crypto, ledger.chainId);
  const threshold = options.isThreshold ? certifyThreshold(crypto, ledger.chainId) : undefined;
  const beacon = options.isGenesis ? createGenesis(crypto, ledger.chainId) : (threshold?.beacon ?? final);
  const toMember = (order: Order): Order => ({ ...order, validator: (validators[0] as QuorumMember).address });
  const bend = { ...options.bend, order: (order: Order) => options.bend?.order?.(toMember(order)) ?? toMember(order) };
  const reply = createReply({ bend, beacon });
  const { order } = reply;
  const issuedAtMs = Number(reply.record.startNs / 1_000_000n) - 1_000;
  const ticket: Ticket = {
    router: order.router,
    modelId: options.said ? SAID_MODEL : SYNTHETIC_MODEL,
    providerId: hashHybridKey(crypto, provider.publicKey),
    providerEndpoint: '127.0.0.1:8443',
    providerCertHash: new Uint8Array(32).fill(6),
    payee: order.payee,
    modelRoot: order.modelRoot,
    pricePer1kAtomic: order.pricePer1kAtomic,
    contextSize: order.contextSize,
    replyId: order.replyId,
    candidatesHash: new Uint8Array(32).fill(7),
    issuedAtMs,
    expiresAtMs: issuedAtMs + 60_000,
  };
  const ticketBytes = encodeTicket(options.bendTicket?.(ticket) ?? ticket);
  return {
    receipt: {
      endpoint: options.endpoint ?? 'chat',
      ledger,
      order: { bytes: reply.orderBytes, signature: reply.orderSignature },
      ticket: { bytes: ticketBytes, publicKey: router.publicKey, signature: router.sign(ticketBytes) },
      record: { bytes: reply.recordBytes, publicKey: provider.publicKey, signature: reply.recordSignature },
      ...signWords(reply, options, options.validatorKey ?? handler),
      beacon: beacon.certificate,
      opening: { bytes: reply.openingBytes },
      ...(options.progress && { progress: signWord(options, reply, options.progress) }),
    },
    reply,
    trust: {
      ledger,
      settlement: SETTLEMENT,
      validators,
      routers: [hashHybridKey(crypto, router.publicKey)],
      modelRoots: { [SYNTHETIC_MODEL]: order.modelRoot },
      ...(threshold && { generations: threshold.generations }),
    },
    nowMs: Number(reply.record.endNs / 1_000_000n) + 1_000,
  };
}

function signWord(
  { crypto, ledger, payer }: Pick<SyntheticReceiptOptions, 'crypto' | 'ledger' | 'payer'>,
  { order: { orderHash, replyId }, request, response }: SignedReply,
  { textBytes, hasLeft, by = payer }: NonNullable<SyntheticReceiptOptions['progress']>,
): NonNullable<Receipt['progress']> {
  const { answer } = computeBlinds(crypto, { body: request, replyId });
  const textHash = hashBeginning(crypto, answer, response.subarray(0, textBytes));
  const { progress, signature } = signProgress(crypto, by, { ledger, orderHash, textBytes, textHash, hasLeft });
  return { bytes: progress, signature };
}

/** The handling validator's signed statements about a reply. */
function signWords(
  { order, recordBytes, record }: SignedReply,
  {
    crypto,
    ledger,
    bendAdmission = (admission) => admission,
    bendIntake = (intake) => intake,
  }: Pick<SyntheticReceiptOptions, 'crypto' | 'ledger' | 'bendAdmission' | 'bendIntake'>,
  key: LedgerSigner,
): Required<Pick<Receipt, 'admission' | 'intake'>> {
  const { validator, orderHash, epoch, expiresAtMs } = order;
  const startMs = record.startNs / 1_000_000n;
  const admittedMs = (startMs < expiresAtMs ? startMs : expiresAtMs) - 1n;
  const admission = bendAdmission({ validator, orderHash, epoch, timeMs: admittedMs });
  const intake = bendIntake({ validator, orderHash, recordHash: hashRecord(crypto, recordBytes), epoch });
  return {
    admission: signAdmission(crypto, key, { ...admission, ledger }),
    intake: signIntake(crypto, key, { ...intake, ledger }),
  };
}

function createGenesis(crypto: Crypto, chainId: bigint) {
  const value = computeGenesisBeacon(crypto, { chainId, settlement: SETTLEMENT });
  return { epoch: 0n, previous: value, value, certificate: new Uint8Array(0) };
}

const certified = new WeakMap<Crypto, Map<bigint, ReturnType<typeof certifyBeacon>>>();

/** All receipts of a chain share one beacon. Its proofs and signatures take longer than the rest of a receipt. */
function findCertified(crypto: Crypto, chainId: bigint) {
  const byChain = certified.get(crypto) ?? new Map<bigint, ReturnType<typeof certifyBeacon>>();
  certified.set(crypto, byChain);
  const found = byChain.get(chainId) ?? certifyBeacon(crypto, chainId);
  byChain.set(chainId, found);
  return found;
}

/** One signature under a key without shares. */
function certifyThreshold(crypto: Crypto, chainId: bigint) {
  const secret = 0x0123_4567n;
  const network = { chainId, settlement: SETTLEMENT };
  const message = encodeEpochMessage(network, { generation: 1, epoch: EPOCH });
  const certificate = {
    ...({ kind: 'threshold', generation: 1, epoch: EPOCH } as const),
    signature: nobleBls.sign(secret, message),
  };
  return {
    generations: [{ generation: 1, key: nobleBls.deriveKey(secret), firstEpoch: EPOCH - 1n }],
    beacon: {
      ...readEpochValue(crypto, network, certificate),
      certificate: encodeEpochCertificate(certificate),
    },
  };
}

function certifyBeacon(crypto: Crypto, chainId: bigint) {
  const network = { chainId, settlement: SETTLEMENT };
  const members = [1, 2, 3, 4]
    .map((seed) => {
      const signer = createNobleLedgerSigner(new Uint8Array(32).fill(0x40 + seed));
      const secret = new Uint8Array(32).fill(0x60 + seed);
      const validator: QuorumMember = {
        address: signer.address,
        signingKey: signer.address,
        stake: 100n,
        certHash: new Uint8Array(32).fill(seed),
        vrfKey: computeVrfPublicKey(secret),
        endpoint: `127.0.0.1:${4530 + seed}`,
      };
      return { signer, secret, validator };
    })
    .sort((a, b) => compareBytes(a.signer.address, b.signer.address));
  const previous = crypto.sha256(new Uint8Array(32).fill(8));
  const [{ signer: handler }] = members as [(typeof members)[number]];
  const quorum = members.slice(0, 3);
  const set = hashValidatorSet(
    crypto,
    network,
    members.map(({ validator }) => validator),
  );
  const contributions = quorum.map(({ signer, secret }) => {
    const input = encodeVrfInput(network, { epoch: EPOCH, previous, set, validator: signer.address });
    return { validator: signer.address, proof: proveVrf(secret, input) };
  });
  const outputs = contributions.map(({ validator, proof }) => ({
    validator,
    output: computeVrfOutput(proof) as Uint8Array,
  }));
  const value = computeBeaconValue(crypto, network, { epoch: EPOCH, previous, outputs });
  const statement = { epoch: EPOCH, view: 0, previous, value, set, following: set, next: set, block: 0n };
  const digest = hashBeaconVote(crypto, network, 'commit', statement);
  const signatures = quorum.map(({ signer }) => ({ signer: signer.address, signature: signer.signDigest(digest) }));
  const certificate = encodeBeaconCertificate({ ...statement, contributions, signatures });
  return {
    validators: members.map(({ validator }) => validator),
    handler,
    beacon: { epoch: EPOCH, previous, value, certificate },
  };
}
