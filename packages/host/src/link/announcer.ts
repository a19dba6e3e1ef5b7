import type { DescService } from '@bufbuild/protobuf';
import { concatBytes, toHex } from '@ogong/protocol/base/bytes';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import {
  type Announcement,
  encodeAnnouncement,
  type SignedAnnouncement,
  signAnnouncement,
} from '@ogong/protocol/exchange/announcement';
import { MAX_ANNOUNCEMENT_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import type { VerifierEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import { RouterService, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { formatHostPort } from '../config/values.ts';
import type { Clock } from '../time/clock.ts';
import { createRepeating, type Repeating } from '../time/repeat.ts';
import type { LinkPool, Peer } from './link-pool.ts';

export interface AnnouncerOptions {
  /** Between two announcements to a router. */
  readonly intervalMs: number;
}

/** Validity of an announcement, in intervals of its peer. A provider that stops announcing is no longer listed after that. */
const LIFETIME = 3;
/**
 * Intervals between two announcements to a validator. It receives those of every provider of the network, and does not need the free slots
 * and prices that routers use.
 */
const VALIDATOR_INTERVALS = 3;

export interface AnnouncerDependencies {
  readonly clock: Clock;
  readonly signer: HybridSigner;
  /** The payee's current agreement for the signer's key. */
  readonly getPayeeWord: () => Uint8Array;
  /** The verifier's endorsement of the provider. Without one the verifier is not announced. */
  readonly getEndorsement: () => VerifierEndorsement | undefined;
  /** Proof of work of a key without stake, if the network requires it. */
  readonly getWork: () => Uint8Array | undefined;
  readonly links: LinkPool;
  readonly routers: () => readonly Peer[];
  readonly validators: () => readonly Peer[];
  /** Current offer; the announcer adds sequence and times. */
  readonly describe: () => Omit<Announcement, 'sequence' | 'issuedAtMs' | 'expiresAtMs'>;
  /** Whether it takes no more orders and will be gone: then validators receive announcements as often as routers. Default: never. */
  readonly isLeaving?: () => boolean;
  readonly onError?: (peer: Peer, error: unknown) => void;
}

/**
 * Announces this provider's offer to routers and validators repeatedly. A validator receives it less often. It receives it at once if it
 * has received nothing yet, has not accepted the last one, or if its terms changed.
 */
export function createAnnouncer(
  { intervalMs }: AnnouncerOptions,
  {
    clock,
    signer,
    getPayeeWord,
    getEndorsement,
    getWork,
    links,
    routers,
    validators,
    describe,
    isLeaving = () => false,
    onError = () => {},
  }: AnnouncerDependencies,
): Repeating {
  const lifetimeMs = LIFETIME * intervalMs;
  let sequence = 0n;
  let turn = 0;
  /** The last announcement that each validator accepted, and its turn. */
  const told = new Map<string, { readonly turn: number; readonly terms: string }>();

  return createRepeating({ intervalMs }, async () => {
    turn++;
    const described = describe();
    // An announcement has a model or a segment.
    if (described.models.length + described.segments.length === 0) return;
    const verifierEndorsement = described.verifier && getEndorsement();
    const verifier = verifierEndorsement && described.verifier;
    const newcomerWork = getWork();
    const payeeWord = getPayeeWord();
    const given = { payeeWord, verifierEndorsement, ...(newcomerWork && { newcomerWork }) };
    const offer = { ...described, verifier };
    const sign = (wantedMs: number) => {
      const issuedAtMs = clock.nowMs();
      // The clock makes the sequence grow over restarts; the count makes it grow when the clock stands still or is set back.
      sequence = maxOf(sequence + 1n, BigInt(issuedAtMs));
      const times = {
        sequence,
        issuedAtMs,
        expiresAtMs: issuedAtMs + Math.min(wantedMs, MAX_ANNOUNCEMENT_LIFETIME_MS),
      };
      return signAnnouncement(signer, { ...offer, ...times }, given);
    };
    const tell = async (peer: Peer, service: DescService, signed: SignedAnnouncement): Promise<boolean> => {
      try {
        await links.to(service as typeof RouterService, peer).announce(signed, { timeoutMs: 5_000 });
        return true;
      } catch (error) {
        onError(peer, error);
        return false;
      }
    };

    const terms = nameTerms(offer, payeeWord);
    const current = new Map(validators().map((peer) => [namePeer(peer), peer]));
    for (const name of told.keys()) if (!current.has(name)) told.delete(name);
    const due = [...current].filter(([name]) => {
      const last = told.get(name);
      return isLeaving() || last === undefined || last.terms !== terms || turn - last.turn >= VALIDATOR_INTERVALS;
    });
    const forRouters = routers().length > 0 ? sign(lifetimeMs) : undefined;
    const forValidators =
      due.length > 0 ? sign(isLeaving() ? lifetimeMs : VALIDATOR_INTERVALS * lifetimeMs) : undefined;
    await Promise.all([
      ...(forRouters ? routers().map((peer) => tell(peer, RouterService, forRouters)) : []),
      ...(forValidators
        ? due.map(async ([name, peer]) => {
            if (await tell(peer, ValidatorService, forValidators)) told.set(name, { turn, terms });
            else told.delete(name);
          })
        : []),
    ]);
  });
}

const namePeer = ({ endpoint, certHash }: Peer): string =>
  `${typeof endpoint === 'string' ? endpoint : formatHostPort(endpoint)} ${toHex(certHash)}`;

/** Terms that validators use: everything but free slots and prices. */
function nameTerms(
  offer: Omit<Announcement, 'sequence' | 'issuedAtMs' | 'expiresAtMs'>,
  payeeWord: Uint8Array,
): string {
  const unpricedSegment = { freeCapacity: 0, pricePer1kAtomic: 0n };
  const unpriced = { ...unpricedSegment, standbyPer1kAtomic: undefined };
  // Validators do not use cohorts and segments yet. Without their prices a cohort would contradict its offer.
  const models = offer.models.map((model) => ({ ...model, ...unpriced, cohort: undefined }));
  const segments = models.length > 0 ? [] : offer.segments.map((segment) => ({ ...segment, ...unpricedSegment }));
  const times = { sequence: 0n, issuedAtMs: 0, expiresAtMs: 1 };
  return toHex(concatBytes(encodeAnnouncement({ ...offer, models, segments, ...times }), payeeWord));
}

const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);
