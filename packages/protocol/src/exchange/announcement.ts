import { equalBytes, ProtocolError } from '../base/bytes.ts';
import { type Check, fail, isOk, pass, skip } from '../base/checks.ts';
import {
  address,
  type CodecType,
  createFormat,
  hash,
  list,
  optional,
  plainText,
  refine,
  safeInteger,
  struct,
  u8,
  u16,
  u64,
  u128,
  within,
} from '../base/codec.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import { findTierProblem } from '../tier/posture.ts';
import { lookUpTier } from '../tier/registry.ts';
import { type CohortOffer, cohortOfferCodec, findCohortProblem } from './cohort/cohort-offer.ts';
import { segmentsCodec } from './cohort/segment.ts';
import {
  CLOCK_TOLERANCE_MS,
  MAX_ANNOUNCED_MODELS,
  MAX_ANNOUNCEMENT_LIFETIME_MS,
  MAX_MODALITY_BYTES,
  MAX_NUMERIC_CLASS_BYTES,
} from './limits.ts';
import { contextSize, modelId, parseModelId } from './match.ts';
import type { LedgerDomain } from './order.ts';
import { verifyProviderPayee } from './provider-payee.ts';
import { parseRoutes } from './routes.ts';
import { endpoint } from './ticket.ts';
import { type VerifierEndorsement, verifyEndorsement } from './verifier-endorsement.ts';

export const MAX_MODELS = MAX_ANNOUNCED_MODELS;
export const MAX_CAPACITY = 65_535;
/** The most members of all cohorts of one announcement. */
const MAX_ANNOUNCED_MEMBERS = 256;

/** Endpoint routes of a node. Programs that cannot parse them do not receive them. */
const routedEndpoint = refine(endpoint, (text) => void parseRoutes(text));

const verifierCodec = struct({
  endpoint: routedEndpoint,
  certHash: hash,
  /** Hash of the hybrid key that signs its score reports. */
  keyHash: hash,
});

export interface VerifierEndpoint extends CodecType<typeof verifierCodec> {}

const offeredModelCodec = struct({
  modelId,
  modelRoot: hash,
  /** Name of its modality. The units that the price counts follow from it. A router lists a name that it does not know. */
  modality: plainText(MAX_MODALITY_BYTES),
  /** Price of 1,000 units. */
  pricePer1kAtomic: u128,
  contextSize,
  numericClass: plainText(MAX_NUMERIC_CLASS_BYTES, { minLength: 0 }),
  /** Replies with this model that it serves at a time. Replies of another model never take these slots. */
  capacity: within(u16, 1, MAX_CAPACITY),
  freeCapacity: u16,
  /** Price of 1,000 prompt tokens of a reply that is not taken. Undefined: no standby orders. */
  standbyPer1kAtomic: optional(u64),
  /** The providers that serve it together. Undefined: the provider serves it alone. */
  cohort: optional<CohortOffer>(cohortOfferCodec),
});

export interface OfferedModel extends Omit<CodecType<typeof offeredModelCodec>, 'standbyPer1kAtomic' | 'cohort'> {
  readonly standbyPer1kAtomic?: bigint | undefined;
  readonly cohort?: CohortOffer | undefined;
}

const announcementCodec = struct({
  /** Hash of the hybrid key that signs it. */
  providerId: hash,
  /** The ledger address that receives its fees. */
  payee: address,
  endpoint: routedEndpoint,
  /** SHA-256 of its TLS certificate. */
  certHash: hash,
  /** Its verifier, if it has that second role. */
  verifier: optional<VerifierEndpoint>(verifierCodec),
  /** Ascending by model id. It may be empty if there are segments. */
  models: list<OfferedModel>(refine(offeredModelCodec, assertOfferedModel), {
    count: u8,
    max: MAX_MODELS,
    ascending: (a, b) => (a.modelId < b.modelId ? -1 : a.modelId > b.modelId ? 1 : 0),
  }),
  /** Parts of models that it serves in cohorts of others, or in its own. */
  segments: segmentsCodec,
  /** Grows with every announcement, so an old one cannot be replayed over a new one. */
  sequence: u64,
  issuedAtMs: safeInteger,
  expiresAtMs: safeInteger,
});

/** A provider's description of itself for routers and validators (docs/spec/announcement.md). */
export interface Announcement extends CodecType<typeof announcementCodec> {}

const announcementFormat = createFormat(refine<Announcement>(announcementCodec, assertAnnouncement), {
  tag: 'ogong-announcement-v1',
});

export const encodeAnnouncement: (announcement: Announcement) => Uint8Array = announcementFormat.encode;
/** @throws ProtocolError */
export const parseAnnouncement: (bytes: Uint8Array) => Announcement = announcementFormat.decode;

/**
 * Reads an announcement of any release. @returns undefined if this program cannot read it, for example one of a later release.
 */
export function readHandedAnnouncement(bytes: Uint8Array): Announcement | undefined {
  try {
    return parseAnnouncement(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

export interface SignedAnnouncement {
  /** The exact bytes that were signed. */
  readonly announcement: Uint8Array;
  /** Hybrid public key, 1,344 bytes. */
  readonly providerKey: Uint8Array;
  readonly signature: Uint8Array;
  /** The payee's signed statement for the provider's key, see signProviderPayee. */
  readonly payeeWord: Uint8Array;
  /** The verifier's signed statement for the provider's key, if the announcement names a verifier. */
  readonly verifierEndorsement?: VerifierEndorsement | undefined;
  /**
   * Newcomer work of a key whose payee has no stake, if the network asks for it (newcomer-work.ts). It needs no signature,
   * because it names the key.
   */
  readonly newcomerWork?: Uint8Array;
}

export function signAnnouncement(
  signer: HybridSigner,
  announcement: Announcement,
  given: Pick<SignedAnnouncement, 'payeeWord' | 'verifierEndorsement' | 'newcomerWork'>,
): SignedAnnouncement {
  const bytes = encodeAnnouncement(announcement);
  return { announcement: bytes, providerKey: signer.publicKey, signature: signer.sign(bytes), ...given };
}

export interface AnnouncementVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Present if the bytes parse; worth nothing unless `ok`. */
  readonly announcement?: Announcement;
}

/**
 * Verifies that an announcement is signed by its provider, approved by payee and verifier, current, and newer than the one
 * before.
 * @param ledger domain that payees sign for, as for orders.
 * @param previousSequence of the provider's stored announcement.
 */
export function verifyAnnouncement(
  crypto: Crypto,
  signed: SignedAnnouncement,
  {
    ledger,
    nowMs,
    toleranceMs = CLOCK_TOLERANCE_MS,
    previousSequence,
  }: { ledger: LedgerDomain; nowMs: number; toleranceMs?: number; previousSequence?: bigint | undefined },
): AnnouncementVerdict {
  let announcement: Announcement;
  try {
    announcement = parseAnnouncement(signed.announcement);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { ok: false, checks: [fail('announcement-encoding', error.message)] };
  }
  const { providerKey: publicKey, signature, payeeWord } = signed;
  const { providerId, payee, sequence, issuedAtMs, expiresAtMs } = announcement;
  const checks = [
    pass('announcement-encoding', 'canonical'),
    equalBytes(hashHybridKey(crypto, publicKey), providerId)
      ? pass('announcement-identity', 'the key is the one that the provider id names')
      : fail('announcement-identity', 'the key is not the one that the provider id names'),
    verifyHybrid(crypto, { publicKey, message: signed.announcement, signature })
      ? pass('announcement-signature', 'signed by that key')
      : fail('announcement-signature', 'not signed by that key'),
    verifyProviderPayee(crypto, ledger, { providerId, payee, payeeWord, untilMs: expiresAtMs })
      ? pass('announcement-payee', 'the payee signed for that key')
      : fail('announcement-payee', NO_PAYEE),
    checkVerifier(crypto, announcement, signed.verifierEndorsement),
    issuedAtMs <= nowMs + toleranceMs
      ? pass('announcement-issued', `issued at ${issuedAtMs}`)
      : fail('announcement-issued', `issued ${issuedAtMs - nowMs} ms in the future, by this machine's clock`),
    expiresAtMs > nowMs - toleranceMs
      ? pass('announcement-expiry', `expires at ${expiresAtMs}`)
      : fail('announcement-expiry', `expired ${nowMs - expiresAtMs} ms ago, by this machine's clock`),
    checkSequence(sequence, previousSequence),
  ];
  return { ok: isOk(checks), checks, announcement };
}

const NO_PAYEE = 'not signed by the payee that it names, for this key, these contracts, and so long';

function checkVerifier(
  crypto: Crypto,
  { providerId, verifier, expiresAtMs: untilMs }: Announcement,
  endorsement: VerifierEndorsement | undefined,
): Check {
  if (verifier === undefined) return skip('announcement-verifier', 'it names no verifier');
  const { keyHash } = verifier;
  const refused = fail('announcement-verifier', 'not signed by the verifier that it names, for this key and so long');
  try {
    return endorsement && verifyEndorsement(crypto, endorsement, { providerId, keyHash, untilMs })
      ? pass('announcement-verifier', "the verifier signed for the provider's key")
      : refused;
  } catch (error) {
    if (error instanceof ProtocolError) return refused;
    throw error;
  }
}

function checkSequence(sequence: bigint, previous: bigint | undefined): Check {
  if (previous === undefined) return skip('announcement-sequence', 'nothing was announced before');
  return sequence > previous
    ? pass('announcement-sequence', `${sequence} follows ${previous}`)
    : fail('announcement-sequence', `${sequence} does not follow ${previous}`);
}

function assertOfferedModel(offered: OfferedModel): void {
  const { modelId, numericClass, capacity, freeCapacity } = offered;
  const problem = findTierProblem(parseModelId(modelId).tier, numericClass) ?? findStandbyPriceProblem(offered);
  if (problem !== undefined) throw new ProtocolError('malformed', problem);
  if (freeCapacity > capacity) {
    throw new ProtocolError('out-of-range', `${freeCapacity} free of a capacity of ${capacity}`);
  }
}

/** Finds the reason that a model cannot be offered at this standby price; undefined if it can. */
export function findStandbyPriceProblem({
  modelId,
  pricePer1kAtomic,
  standbyPer1kAtomic,
  cohort,
}: Pick<OfferedModel, 'modelId' | 'pricePer1kAtomic' | 'standbyPer1kAtomic' | 'cohort'>): string | undefined {
  if (standbyPer1kAtomic === undefined) return undefined;
  if (cohort !== undefined) return 'a cohort has no standby price';
  const { tier } = lookUpTier(parseModelId(modelId).tier);
  // Only there the length of a prompt without an answer is known.
  if (tier?.windows !== 'draws') return `in tier ${tier?.name} nobody stands by`;
  if (standbyPer1kAtomic <= pricePer1kAtomic) return undefined;
  return `standing by costs ${standbyPer1kAtomic}, more than the answer at ${pricePer1kAtomic}`;
}

function assertAnnouncement({ providerId, models, segments, issuedAtMs, expiresAtMs }: Announcement): void {
  if (expiresAtMs <= issuedAtMs || expiresAtMs - issuedAtMs > MAX_ANNOUNCEMENT_LIFETIME_MS) {
    throw new ProtocolError('out-of-range', `lifetime of ${expiresAtMs - issuedAtMs} ms`);
  }
  if (models.length + segments.length === 0) throw new ProtocolError('out-of-range', 'neither a model nor a segment');
  let members = 0;
  for (const { cohort, ...model } of models) {
    if (cohort === undefined) continue;
    members += cohort.members.length;
    const problem = findCohortProblem({ ...model, cohort }, providerId);
    if (problem !== undefined) throw new ProtocolError('malformed', `cohort of ${model.modelId}: ${problem}`);
  }
  if (members > MAX_ANNOUNCED_MEMBERS) {
    throw new ProtocolError('too-large', `${members} members of cohorts, at most ${MAX_ANNOUNCED_MEMBERS}`);
  }
}
