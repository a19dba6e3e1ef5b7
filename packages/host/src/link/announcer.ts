import type { DescService } from '@bufbuild/protobuf';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { type Announcement, signAnnouncement } from '@ogong/protocol/exchange/announcement';
import type { VerifierEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import { RouterService, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Clock } from '../time/clock.ts';
import { createRepeating, type Repeating } from '../time/repeat.ts';
import type { LinkPool, Peer } from './link-pool.ts';

export interface AnnouncerOptions {
  readonly intervalMs: number;
  /** How long an announcement is valid. A provider that stops announcing is no longer listed after that. */
  readonly lifetimeMs: number;
}

export interface AnnouncerDependencies {
  readonly clock: Clock;
  readonly signer: HybridSigner;
  /** The payee's word for the signer's key, as it is now. */
  readonly getPayeeWord: () => Uint8Array;
  /** The verifier's endorsement of the provider. Without one the verifier is not announced. */
  readonly getEndorsement: () => VerifierEndorsement | undefined;
  /** What a key without stake shows, where the network asks for it. */
  readonly getWork: () => Uint8Array | undefined;
  readonly links: LinkPool;
  readonly routers: () => readonly Peer[];
  readonly validators: () => readonly Peer[];
  /** What is true now; the announcer adds sequence and times. */
  readonly describe: () => Omit<Announcement, 'sequence' | 'issuedAtMs' | 'expiresAtMs'>;
  readonly onError?: (peer: Peer, error: unknown) => void;
}

/** Tells routers and validators, over and over, what this provider offers. */
export function createAnnouncer(
  { intervalMs, lifetimeMs }: AnnouncerOptions,
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
    onError = () => {},
  }: AnnouncerDependencies,
): Repeating {
  let sequence = 0n;

  return createRepeating({ intervalMs }, async () => {
    const issuedAtMs = clock.nowMs();
    // The clock makes the sequence grow over restarts; the count makes it grow when the clock stands still or is set back.
    sequence = maxOf(sequence + 1n, BigInt(issuedAtMs));
    const described = describe();
    const verifierEndorsement = described.verifier && getEndorsement();
    const verifier = verifierEndorsement && described.verifier;
    const times = { sequence, issuedAtMs, expiresAtMs: issuedAtMs + lifetimeMs };
    const newcomerWork = getWork();
    const given = { payeeWord: getPayeeWord(), verifierEndorsement, ...(newcomerWork && { newcomerWork }) };
    const signed = signAnnouncement(signer, { ...described, verifier, ...times }, given);
    const tell = async (peer: Peer, service: typeof RouterService | typeof ValidatorService): Promise<void> => {
      try {
        await links.to(service as DescService as typeof RouterService, peer).announce(signed, { timeoutMs: 5_000 });
      } catch (error) {
        onError(peer, error);
      }
    };
    await Promise.all([
      ...routers().map((peer) => tell(peer, RouterService)),
      ...validators().map((peer) => tell(peer, ValidatorService)),
    ]);
  });
}

const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);
